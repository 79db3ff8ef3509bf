/* Who sees what is mounted below a mount later.  mount_namespaces(7). */

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/kernel.h"
#include "base/own.h"
#include "namespaces/mount/root.h"
#include "namespaces/mount/steps.h"
#include "namespaces/mount/tree.h"

int mount_set_propagation(int tree, const struct planned_mount *mount, struct error *err)
{
    int error = 0;

    for (size_t i = 0; error == 0 && i < MOUNT_PROPAGATIONS_MOST && mount->propagation[i] != 0; i++)
        error = tree_set_propagation(tree, mount->propagation[i], err);
    return error;
}

/* Another mount of the list hides it: the same destination, or one above. */
static bool is_covered(const struct mount_plan *plan, size_t index)
{
    const char *destination = plan->mounts[index].destination;

    for (size_t i = index + 1; i < plan->mount_count; i++)
        if (plan->mounts[i].kind != MOUNT_KIND_REMOUNT &&
            mount_destination_is_at_or_below(destination, plan->mounts[i].destination))
            return true;
    return false;
}

static int set_again(const struct planned_mount *mount, int root, struct error *err)
{
    struct kernel_place place;
    autoclose int at = inroot_open(root, mount->destination, mount_links_of(mount), err);

    /* One that was left out, as a source that was optional. */
    if (at == -ENOENT || at == -ENOTDIR)
        return 0;
    if (at < 0)
        return at;
    if (kernel_place_of(at, &place) < 0)
        return fail(err, errno, "stat");
    return place.is_mount_root ? mount_set_propagation(at, mount, err) : 0;
}

/* What is asked for one mount is not undone by what is asked for all. */
static int set_own_again(const struct mount_plan *plan, int root, struct error *err)
{
    for (size_t i = 0; i < plan->mount_count; i++) {
        const struct planned_mount *mount = &plan->mounts[i];

        if (mount->propagation[0] != 0 && !is_covered(plan, i) && set_again(mount, root, err) < 0)
            return mount_name_place(err, i, mount->destination);
    }
    return 0;
}

int mount_set_root_propagation(const struct mount_plan *plan, int root, struct error *err)
{
    if (plan->root_propagation == 0 || !plan->new_mount_namespace)
        return 0;
    if (tree_set_propagation(root, plan->root_propagation, err) < 0)
        return within(err, "linux.rootfsPropagation");
    return plan->root_propagation & MS_REC ? set_own_again(plan, root, err) : 0;
}
