#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/kernel.h"
#include "base/own.h"
#include "namespaces/mount/steps.h"
#include "namespaces/mount/tree.h"

enum { PAGE = 4096 };

/* What mount(2) calls the attributes that it knows; the others are set afterwards. */
static const struct {
    uint64_t attribute;
    unsigned long flag;
} flags[] = {
    {MOUNT_ATTR_RDONLY,      MS_RDONLY     },
    {MOUNT_ATTR_NOSUID,      MS_NOSUID     },
    {MOUNT_ATTR_NODEV,       MS_NODEV      },
    {MOUNT_ATTR_NOEXEC,      MS_NOEXEC     },
    {MOUNT_ATTR_NODIRATIME,  MS_NODIRATIME },
    {MOUNT_ATTR_NOATIME,     MS_NOATIME    },
    {MOUNT_ATTR_STRICTATIME, MS_STRICTATIME},
};

static unsigned long flags_of(const struct planned_mount *mount)
{
    const struct mount_attributes top = mount_attributes_of_top(mount);
    unsigned long all = mount->legacy_flags;

    for (size_t i = 0; i < count_of(flags); i++)
        if (top.set & flags[i].attribute)
            all |= flags[i].flag;
    return all;
}

/* Find the mount that has just been made, and finish it. */
static int finish(const struct mount_step *step, int target, struct error *err)
{
    const struct planned_mount *mount = step->mount;
    const struct mount_attributes top = mount_attributes_of_top(mount);
    autoclose int made = inroot_open(step->child->root, mount->destination, mount_links_of(mount),
                                     err);
    int error;

    if (made < 0)
        return made;
    if (tree_is_same_mount(made, target))
        return refuse(err, EAGAIN, "the mount did not land there: somebody changes the path");
    error = tree_set(made, false, &top, err);
    return error < 0 ? error : mount_set_propagation(made, mount, err);
}

int mount_in_one_call(const struct mount_step *step, const char *type, int target,
                      struct error *err)
{
    const struct planned_mount *mount = step->mount;
    char path[32];

    if (strlen(mount->data_text) >= PAGE)
        return refuse(err, E2BIG, "the options are longer than the %d bytes that mount(2) takes",
                      PAGE - 1);
    /* The target by its fd: the name of a magic link of ours, not a path of the container. */
    snprintf(path, sizeof path, "/proc/self/fd/%d", target);
    if (kernel_mount(mount->source, path, type, flags_of(mount), mount->data_text) < 0)
        return fail(err, errno, "mount %s with \"%.200s\"", type, mount->data_text);
    return finish(step, target, err);
}
