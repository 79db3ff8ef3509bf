#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>

#include "base/kernel.h"
#include "base/own.h"
#include "namespaces/mount/mount.h"
#include "namespaces/mount/root.h"
#include "namespaces/mount/tree.h"

static const struct mount_attributes read_only = {.set = MOUNT_ATTR_RDONLY};

/* -ENOENT and -ENOTDIR: there is nothing to hide. */
static bool is_missing(int error)
{
    return error == -ENOENT || error == -ENOTDIR;
}

/* What covers all masked directories: one empty, read-only tmpfs of a single inode. */
static int make_empty(struct error *err)
{
    static const struct mount_datum options[] = {
        {.key = "nr_blocks", .value = "1"  },
        {.key = "nr_inodes", .value = "1"  },
        {.key = "mode",      .value = "555"},
    };
    const struct filesystem empty = {
        .type = "tmpfs",
        .source = "tmpfs",
        .data = options,
        .data_count = count_of(options),
        .attributes = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC,
    };

    return filesystem_make(&empty, err);
}

/* A cover of which any number of copies can be laid.  `fd` is detached until the first is laid, and
 * from then on is the first: kernels before 6.15 clone only what is attached. */
struct cover {
    int fd;
    bool laid;
};

/* tree_attach_at() looks from the root again and finds the cover and nothing else there: that is
 * the proof that the path is hidden (CVE-2025-31133). */
static int lay(struct cover *cover, int target, int root, const char *path, struct error *err)
{
    autoclose int copy = -1;
    int error;

    if (cover->laid) {
        copy = tree_clone(cover->fd, "", false, err);
        if (copy < 0)
            return copy;
        return tree_attach_at(copy, target, root, path, INROOT_FOLLOW, err);
    }
    error = tree_attach_at(cover->fd, target, root, path, INROOT_FOLLOW, err);
    if (error == 0)
        cover->laid = true;
    return error;
}

static int mask(const char *path, int root, struct cover *null, struct cover *empty,
                struct error *err)
{
    autoclose int target = inroot_open(root, path, INROOT_FOLLOW, err);
    struct stat status;
    bool directory;

    if (target < 0)
        return is_missing(target) ? 0 : target;
    if (fstat(target, &status) < 0)
        return fail(err, errno, "stat");
    directory = S_ISDIR(status.st_mode);
    if (directory && empty->fd < 0)
        empty->fd = make_empty(err);
    if (directory && empty->fd < 0)
        return empty->fd;
    return lay(directory ? empty : null, target, root, path, err);
}

static int mask_all(const struct mount_plan *plan, struct mount_child *child, struct error *err)
{
    autoclose int empty_fd = -1;
    struct cover null = {.fd = child->host_null};
    struct cover empty = {.fd = -1};
    int error = 0;

    for (size_t i = 0; error == 0 && i < plan->masked_count; i++) {
        error = mask(plan->masked_paths[i], child->root, &null, &empty, err);
        empty_fd = empty.fd;
        if (error < 0)
            within(err, "linux.maskedPaths[%zu] %s", i, plan->masked_paths[i]);
    }
    return error;
}

static int make_read_only(const char *path, int root, struct error *err)
{
    autoclose int target = inroot_open(root, path, INROOT_FOLLOW, err);
    autoclose int tree = -1;
    int error;

    if (target < 0)
        return is_missing(target) ? 0 : target;
    tree = tree_clone(target, "", true, err);
    if (tree < 0)
        return tree;
    if ((error = tree_set(tree, true, &read_only, err)) < 0 ||
        (error = tree_attach_at(tree, target, root, path, INROOT_FOLLOW, err)) < 0)
        return error;
    return tree_is_read_only(tree) ? 0 : refuse(err, EPERM, "is still writable");
}

/* What had to stay writable until now. */
static int make_mount_read_only(const struct planned_mount *mount, int root, struct error *err)
{
    autoclose int fd = inroot_open(root, mount->destination, INROOT_FOLLOW, err);
    int error;

    if (fd < 0)
        return fd;
    error = tree_set(fd, false, &read_only, err);
    if (error < 0)
        return error;
    return tree_is_read_only(fd) ? 0 : refuse(err, EPERM, "is still writable");
}

static int make_late_ones_read_only(const struct mount_plan *plan, int root, struct error *err)
{
    for (size_t i = 0; i < plan->mount_count; i++) {
        const struct planned_mount *mount = &plan->mounts[i];

        if (mount->read_only_late && make_mount_read_only(mount, root, err) < 0)
            return within(err, "mounts[%zu] %s: read-only", i, mount->destination);
    }
    return 0;
}

static int make_root_read_only(int root, struct error *err)
{
    int error = tree_set(root, false, &read_only, err);

    if (error < 0)
        return within(err, "root.readonly");
    return tree_is_read_only(root) ? 0 : refuse(err, EPERM, "root.readonly: / is still writable");
}

/* Read-only first: a mask below such a path would only be copied with it.  The propagation last: of
 * an unbindable root no read-only path could be cloned. */
int mount_hide_paths(const struct mount_plan *plan, struct mount_child *child, struct error *err)
{
    int error;

    for (size_t i = 0; i < plan->readonly_count; i++)
        if (make_read_only(plan->readonly_paths[i], child->root, err) < 0)
            return within(err, "linux.readonlyPaths[%zu] %s", i, plan->readonly_paths[i]);
    error = mask_all(plan, child, err);
    if (error == 0)
        error = make_late_ones_read_only(plan, child->root, err);
    if (error == 0 && plan->readonly)
        error = make_root_read_only(child->root, err);
    return error < 0 ? error : mount_set_root_propagation(plan, child->root, err);
}
