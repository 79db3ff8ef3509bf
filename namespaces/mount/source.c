#include <errno.h>
#include <fcntl.h>

#include "base/kernel.h"
#include "base/own.h"
#include "namespaces/mount/mount.h"
#include "namespaces/mount/options.h"
#include "namespaces/mount/root.h"
#include "namespaces/mount/steps.h"
#include "namespaces/mount/tree.h"

/* In a user namespace the flags of the host's mounts are locked: nothing there may be allowed that
 * the host forbids.  What the options only add is set; what they would take away stays. */
static int set_or_keep(int tree, bool recursive, const struct mount_attributes *attributes,
                       const struct planned_mount *mount, const struct log *log, struct error *err)
{
    struct mount_attributes added = {
        .set = attributes->set & ~(uint64_t)MOUNT_ATTR__ATIME,
        .clear = 0,
    };
    int error = tree_set(tree, recursive, attributes, err);

    if (error != -EPERM || attributes->clear == 0 || log_is_strict(log))
        return error;
    log_warning(log, "mounts[%zu] %s: the host's mount of %s has flags that cannot be taken away",
                mount->index, mount->destination, mount->source);
    return tree_set(tree, recursive, &added, err);
}

int mount_clone_source(const struct planned_mount *mount, const struct log *log, struct error *err)
{
    bool recursive = mount->extensions & MOUNT_BIND_RECURSIVE;
    bool itself = mount->extensions & (MOUNT_SOURCE_NOFOLLOW | MOUNT_COPY_SYMLINK);
    autoclose int tree = itself ? tree_clone_itself(mount->source, recursive, err)
                                : tree_clone(AT_FDCWD, mount->source, recursive, err);
    int error;

    if (tree < 0)
        return tree;
    error = set_or_keep(tree, false, &mount->own, mount, log, err);
    if (error == 0)
        error = set_or_keep(tree, true, &mount->tree, mount, log, err);
    return error < 0 ? error : take_fd(&tree);
}

static int open_root(const struct mount_plan *plan, struct error *err)
{
    autoclose int root = mount_root_open(plan, err);
    int tree;

    if (root < 0)
        return root;
    tree = tree_clone(root, "", true, err);
    return tree < 0 ? within(err, "root.path: %s", plan->rootfs) : tree;
}

static int open_mount(const struct planned_mount *mount, const struct log *log, struct error *err)
{
    autoclose int tree = -1;
    int error;

    if (mount->kind != MOUNT_KIND_BIND)
        return refuse(err, EINVAL, "mounts[%zu]: is no bind mount", mount->index);
    tree = mount_clone_source(mount, log, err);
    if (tree < 0)
        return tree;
    error = mount->id_map == NULL ? 0 : mount_map_ids(tree, mount, err);
    return error < 0 ? error : take_fd(&tree);
}

static int open_device(const struct planned_device *device, struct error *err)
{
    return tree_clone(AT_FDCWD, device->path, false, err);
}

static int open_any(const struct mount_plan *plan, unsigned index, const struct log *log,
                    struct error *err)
{
    size_t number = (size_t)index - 1;

    if (index == MOUNT_SOURCE_ROOT)
        return open_root(plan, err);
    if (number < plan->mount_count)
        return open_mount(&plan->mounts[number], log, err);
    if (number - plan->mount_count < plan->device_count)
        return open_device(&plan->devices[number - plan->mount_count], err);
    return refuse(err, EINVAL, "there is no mount source %u", index);
}

int mount_open_source(const struct mount_plan *plan, unsigned index, const struct log *log,
                      struct error *err)
{
    autoclose int tree = open_any(plan, index, log, err);
    int error;

    if (tree < 0)
        return tree;
    /* Taken from the host's own namespace, where it may be shared: what the container mounts below
     * it would appear on the host. */
    if (plan->propagation & MS_SHARED)
        return take_fd(&tree);
    error = tree_set_propagation(tree, MS_SLAVE | MS_REC, err);
    return error < 0 ? error : take_fd(&tree);
}
