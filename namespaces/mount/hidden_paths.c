#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>

#include "base/kernel.h"
#include "base/own.h"
#include "namespaces/mount/mount.h"
#include "namespaces/mount/ours.h"
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

/* A path to be hidden, found. */
struct hidden {
    struct mount_child *child;
    const char *path;
    int fd;       /* O_PATH */
    bool is_ours; /* in a file system of ours (ours.h), where it is what its name says */
};

static void hidden_done(struct hidden *hidden)
{
    close_fd(&hidden->fd);
}

#define autohidden __attribute__((cleanup(hidden_done))) struct hidden
#define HIDDEN_EMPTY \
    {                \
        .fd = -1     \
    }

static int find_hidden(struct mount_child *child, const char *path, struct hidden *ret,
                       struct error *err)
{
    const char *below;
    int ours = mount_find_ours(child, path, &below);
    int fd = ours < 0 ? -1 : mount_open_in_ours(ours, below, false);

    *ret = (struct hidden){child, path, .fd = -1, .is_ours = fd >= 0};
    if (fd < 0 && (ours < 0 || !is_missing(fd)))
        fd = inroot_open(child->root, path, INROOT_FOLLOW, err);
    else if (fd < 0)
        return fail(err, -fd, "%s", path);
    ret->fd = fd;
    return fd < 0 ? fd : 0;
}

/* It reads as what it leads to: nobody has tidied these paths. */
static bool is_tidy(const char *path)
{
    return strstr(path, "//") == NULL && strstr(path, "/.") == NULL &&
           path[strlen(path) - 1] != '/';
}

/* tree_attach_at() looks from the root again and finds the cover and nothing else there: that is
 * the proof that the path is hidden (CVE-2025-31133). */
static int attach(int tree, const struct hidden *hidden, struct error *err)
{
    int error = hidden->is_ours ? tree_attach(tree, hidden->fd, err)
                                : tree_attach_at(tree, hidden->fd, hidden->child->root,
                                                 hidden->path, INROOT_FOLLOW, err);

    if (error == 0)
        mount_cover_ours(hidden->child, hidden->path, hidden->is_ours && is_tidy(hidden->path));
    return error;
}

static int lay(struct cover *cover, const struct hidden *hidden, struct error *err)
{
    autoclose int copy = -1;
    int error;

    if (cover->laid) {
        copy = tree_clone(cover->fd, "", false, err);
        return copy < 0 ? copy : attach(copy, hidden, err);
    }
    error = attach(cover->fd, hidden, err);
    if (error == 0)
        cover->laid = true;
    return error;
}

static int mask(const char *path, struct mount_child *child, struct cover *null,
                struct cover *empty, struct error *err)
{
    autohidden hidden = HIDDEN_EMPTY;
    struct stat status;
    bool directory;

    if (find_hidden(child, path, &hidden, err) < 0)
        return is_missing(-err->code) ? 0 : -err->code;
    if (fstat(hidden.fd, &status) < 0)
        return fail(err, errno, "stat");
    directory = S_ISDIR(status.st_mode);
    if (directory && empty->fd < 0)
        empty->fd = make_empty(err);
    if (directory && empty->fd < 0)
        return empty->fd;
    return lay(directory ? empty : null, &hidden, err);
}

static int mask_all(const struct mount_plan *plan, struct mount_child *child, struct error *err)
{
    autoclose int empty_fd = -1;
    struct cover null = {.fd = child->host_null};
    struct cover empty = {.fd = -1};
    int error = 0;

    for (size_t i = 0; error == 0 && i < plan->masked_count; i++) {
        error = mask(plan->masked_paths[i], child, &null, &empty, err);
        empty_fd = empty.fd;
        if (error < 0)
            within(err, "linux.maskedPaths[%zu] %s", i, plan->masked_paths[i]);
    }
    return error;
}

static int make_read_only(const char *path, struct mount_child *child, struct error *err)
{
    autohidden hidden = HIDDEN_EMPTY;
    autoclose int tree = -1;

    if (find_hidden(child, path, &hidden, err) < 0)
        return is_missing(-err->code) ? 0 : -err->code;
    tree = tree_clone(hidden.fd, "", true, err);
    if (tree < 0)
        return tree;
    if (tree_set(tree, true, &read_only, err) < 0 || attach(tree, &hidden, err) < 0)
        return -err->code;
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
        if (make_read_only(plan->readonly_paths[i], child, err) < 0)
            return within(err, "linux.readonlyPaths[%zu] %s", i, plan->readonly_paths[i]);
    error = mask_all(plan, child, err);
    if (error == 0)
        error = make_late_ones_read_only(plan, child->root, err);
    if (error == 0 && plan->readonly)
        error = make_root_read_only(child->root, err);
    return error < 0 ? error : mount_set_root_propagation(plan, child->root, err);
}
