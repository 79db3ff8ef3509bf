#include "namespaces/mount/ours.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/inroot.h"
#include "base/kernel.h"
#include "base/own.h"
#include "namespaces/mount/tree.h"

static bool is_private(const struct mount_plan *plan, const struct planned_mount *mount)
{
    return plan->new_mount_namespace &&
           (plan->propagation == (MS_SLAVE | MS_REC) ||
            plan->propagation == (MS_PRIVATE | MS_REC)) &&
           mount->propagation[0] == 0;
}

void mount_remember_ours(const struct mount_plan *plan, const struct planned_mount *mount,
                         struct mount_child *child, int *root, bool is_kept)
{
    if (!is_private(plan, mount) || child->ours_count == MOUNT_OURS_MOST)
        return;
    child->ours[child->ours_count++] = (struct mount_ours){
        .destination = mount->destination,
        .root = is_kept ? *root : take_fd(root),
        .is_kept = is_kept,
    };
}

static void forget_one(struct mount_child *child, size_t which)
{
    if (!child->ours[which].is_kept)
        close_fd(&child->ours[which].root);
    child->ours[which] = child->ours[--child->ours_count];
}

void mount_forget_ours(struct mount_child *child)
{
    while (child->ours_count > 0)
        forget_one(child, child->ours_count - 1);
}

static bool is_still_seen(const struct mount_child *child, const struct mount_ours *ours,
                          const char *destination)
{
    struct error ignored;
    autoclose int seen = inroot_open(child->root, destination, INROOT_NO_LINKS, &ignored);

    return seen >= 0 && tree_is_same_mount(seen, ours->root);
}

void mount_cover_ours(struct mount_child *child, const char *path, bool is_plain)
{
    for (size_t i = child->ours_count; i-- > 0;) {
        const char *destination = child->ours[i].destination;

        if (is_plain ? mount_destination_is_at_or_below(destination, path)
                     : !is_still_seen(child, &child->ours[i], destination))
            forget_one(child, i);
    }
}

/* The innermost that `path` is at or below: what came over one later has made it forgotten. */
static const struct mount_ours *innermost(const struct mount_child *child, const char *path,
                                          const char **ret_below)
{
    const struct mount_ours *found = NULL;
    size_t longest = 0;

    for (size_t i = 0; i < child->ours_count; i++) {
        const char *destination = child->ours[i].destination;
        size_t length = strlen(destination);

        if (length < longest || !mount_destination_is_at_or_below(path, destination))
            continue;
        found = &child->ours[i];
        longest = length;
        *ret_below = path + length + strspn(path + length, "/");
    }
    return found;
}

int mount_find_ours(const struct mount_child *child, const char *path, const char **ret_below)
{
    const struct mount_ours *ours = innermost(child, path, ret_below);

    return ours != NULL && **ret_below != '\0' ? ours->root : -1;
}

int mount_find_our_root(const struct mount_child *child, const char *path)
{
    const char *below;
    const struct mount_ours *ours = innermost(child, path, &below);

    return ours != NULL && *below == '\0' ? ours->root : -1;
}

int mount_open_in_ours(int root, const char *below, bool directory)
{
    return inroot_open_exact(root, below, O_PATH | (directory ? O_DIRECTORY : 0));
}

int mount_make_in_ours(int root, const char *below, bool directory, bool *ret_made)
{
    /* Nearly all that comes here is new. */
    *ret_made = strchr(below, '/') == NULL &&
                (directory ? mkdirat(root, below, 0755)
                           : mknodat(root, below, S_IFREG | 0644, 0)) == 0;
    return mount_open_in_ours(root, below, directory);
}
