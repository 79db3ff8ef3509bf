#include "namespaces/mount/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>

#include "base/kernel.h"
#include "base/own.h"

/* Everything here needs the mount calls by fd, complete since 5.12. */
static int tree_fail(struct error *err, const char *call)
{
    fail(err, errno, "%s", call);
    return err->code == ENOSYS ? hint(err, "Linux 5.12 has it; does a seccomp filter hide it?")
                               : -err->code;
}

static int clone_tree(int dir, const char *path, unsigned flags, struct error *err)
{
    int tree = kernel_open_tree(dir, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | flags);

    if (tree >= 0)
        return tree;
    if (*path == '\0')
        return tree_fail(err, "open_tree");
    return fail(err, errno, "open_tree %s", path);
}

int tree_clone(int dir, const char *path, bool recursive, struct error *err)
{
    return clone_tree(dir, path,
                      (recursive ? AT_RECURSIVE : 0) | (*path == '\0' ? AT_EMPTY_PATH : 0), err);
}

int tree_clone_itself(const char *path, bool recursive, struct error *err)
{
    return clone_tree(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW | (recursive ? AT_RECURSIVE : 0), err);
}

int tree_set(int tree, bool recursive, const struct mount_attributes *attributes, struct error *err)
{
    struct mount_attr set = {.attr_set = attributes->set, .attr_clr = attributes->clear};

    if (attributes->set == 0 && attributes->clear == 0)
        return 0;
    if (kernel_mount_setattr(tree, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0), &set,
                             sizeof set) < 0)
        return tree_fail(err, "mount_setattr");
    return 0;
}

int tree_set_propagation(int tree, uint64_t propagation, struct error *err)
{
    struct mount_attr set = {.propagation = propagation & ~(uint64_t)MS_REC};
    unsigned flags = AT_EMPTY_PATH | (propagation & MS_REC ? AT_RECURSIVE : 0);

    if (kernel_mount_setattr(tree, "", flags, &set, sizeof set) < 0)
        return fail(err, errno, "mount_setattr propagation");
    return 0;
}

int tree_attach(int tree, int target, struct error *err)
{
    if (kernel_move_mount(tree, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) <
        0)
        return tree_fail(err, "move_mount");
    return 0;
}

int tree_attach_at(int tree, int target, int root, const char *path, enum inroot_links links,
                   struct error *err)
{
    autoclose int found = -1;
    int error = tree_attach(tree, target, err);

    if (error < 0)
        return error;
    found = inroot_open(root, path, links, err);
    if (found < 0)
        return found;
    if (!tree_is_same_mount(found, tree))
        return refuse(err, EAGAIN, "the mount did not land there: somebody changes the path");
    return 0;
}

bool tree_is_same_mount(int one, int other)
{
    struct kernel_place first, second;

    if (kernel_place_of(one, &first) < 0 || kernel_place_of(other, &second) < 0)
        return false;
    return first.mount_id == second.mount_id || first.mount_id == 0 || second.mount_id == 0;
}

bool tree_is_filesystem(int fd, long magic)
{
    struct statfs status;

    return fstatfs(fd, &status) == 0 && (long)status.f_type == magic;
}

bool tree_is_read_only(int fd)
{
    struct statvfs status;

    return fstatvfs(fd, &status) == 0 && status.f_flag & ST_RDONLY;
}

const char *tree_type_name(mode_t mode)
{
    switch (mode & S_IFMT) {
    case S_IFDIR:
        return "a directory";
    case S_IFREG:
        return "a file";
    case S_IFLNK:
        return "a symbolic link";
    case S_IFCHR:
        return "a character device";
    case S_IFBLK:
        return "a block device";
    case S_IFIFO:
        return "a FIFO";
    default:
        return "a socket";
    }
}
