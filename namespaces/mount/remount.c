/* "remount": what is mounted already gets other options.  Those that are not named stay. */

#include "base/kernel.h"
#include "base/own.h"
#include "namespaces/mount/mount.h"
#include "namespaces/mount/steps.h"
#include "namespaces/mount/tree.h"

/* The options of the file system, which all its mounts share: mount(8)'s remount without "bind". */
static int change_filesystem(int at, const struct planned_mount *mount, struct error *err)
{
    autoclose int context = filesystem_pick(at, err);
    int error = context < 0 ? context : 0;

    for (size_t i = 0; error == 0 && i < mount->data_count; i++)
        error = filesystem_set(context, &mount->data[i], err);
    return error < 0 ? error : filesystem_reconfigure(context, err);
}

/* A top that has to wait to be read-only stays as it is: the kernel has no way to change a tree
 * without it. */
static int change_tree(int at, const struct planned_mount *mount, struct error *err)
{
    static const struct mount_attributes writable = {.clear = MOUNT_ATTR_RDONLY};
    bool waits = mount->read_only_late && !tree_is_read_only(at);
    int error = tree_set(at, true, &mount->tree, err);

    return error < 0 || !waits ? error : tree_set(at, false, &writable, err);
}

int mount_remount(const struct mount_step *step, struct error *err)
{
    const struct planned_mount *mount = step->mount;
    autoclose int at = inroot_open(step->child->root, mount->destination, mount_links_of(mount),
                                   err);
    int error = at < 0 ? at : 0;

    if (error == 0 && mount->data_count > 0)
        error = change_filesystem(at, mount, err);
    if (error == 0)
        error = tree_set(at, false, &mount->own, err);
    if (error == 0)
        error = change_tree(at, mount, err);
    /* Its peers may be covered, and it with them. */
    if (mount->propagation[0] != 0)
        mount_forget_ours(step->child);
    return error < 0 ? error : mount_set_propagation(at, mount, err);
}
