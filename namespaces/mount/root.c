#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/kernel.h"
#include "base/own.h"
#include "namespaces/mount/mount.h"
#include "namespaces/mount/ours.h"
#include "namespaces/mount/overlay.h"
#include "namespaces/mount/root.h"
#include "namespaces/mount/tree.h"

int mount_root_open(const struct mount_plan *plan, struct error *err)
{
    autoclose int root = open(plan->rootfs, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    struct stat status;

    if (root < 0)
        return fail(err, errno, "root.path: %s", plan->rootfs);
    if (fstat(root, &status) < 0)
        return fail(err, errno, "root.path: %s: stat", plan->rootfs);
    if (!S_ISDIR(status.st_mode))
        return refuse(err, ENOTDIR, "root.path: %s: is %s, not a directory", plan->rootfs,
                      tree_type_name(status.st_mode));
    return take_fd(&root);
}

/* As our own mount namespace has it; `ret_place` is where it was found, to be covered by it. */
static int clone_ourselves(const struct mount_plan *plan, int *ret_place, struct error *err)
{
    autoclose int place = mount_root_open(plan, err);
    autoclose int tree = -1;

    if (place < 0)
        return place;
    tree = tree_clone(place, "", true, err);
    if (tree < 0)
        return within(err, "root.path: %s", plan->rootfs);
    *ret_place = take_fd(&place);
    return take_fd(&tree);
}

/* A user namespace may not pass through the directories on the way (EACCES), or may not take apart
 * what the host has mounted below (EINVAL): then the parent clones it. */
static bool parent_may_help(const struct mount_plan *plan, int error)
{
    return plan->new_user_namespace && (error == -EACCES || error == -EPERM || error == -EINVAL);
}

static int clone_rootfs(const struct mount_plan *plan, const struct mount_helper *helper,
                        int *ret_place, struct error *err)
{
    int tree = clone_ourselves(plan, ret_place, err);

    if (tree < 0 && helper != NULL && parent_may_help(plan, tree))
        tree = helper->open_source(helper->context, MOUNT_SOURCE_ROOT, err);
    return tree;
}

/* The mount that `fd` is on may be shared with the host: what we put on it would appear there, and
 * pivot_root(2) refuses to work below it. */
static int make_parent_private(int fd, struct error *err)
{
    autoclose int at = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    struct kernel_place place;

    while (at >= 0 && kernel_place_of(at, &place) == 0) {
        int up;

        if (place.is_mount_root)
            return tree_set_propagation(at, MS_PRIVATE, err);
        up = openat(at, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
        close_fd(&at);
        at = up;
    }
    return fail(err, errno, "look for the mount of the root file system");
}

static int set_host_propagation(const struct mount_plan *plan, struct error *err)
{
    if (kernel_mount(NULL, "/", NULL, plan->propagation, NULL) < 0)
        return fail(err, errno, "set the propagation of /");
    return 0;
}

/* With these two nothing of the host's tree is shared any more; with the others something may be.
 */
static bool may_be_shared(const struct mount_plan *plan)
{
    return plan->propagation != (MS_SLAVE | MS_REC) && plan->propagation != (MS_PRIVATE | MS_REC);
}

/* The container's root covers the bundle's directory, where hooks look for it; or, when that is out
 * of reach or nothing will be pivoted, the root of the namespace itself. */
static int choose_place(const struct mount_plan *plan, int *place, struct error *err)
{
    if (plan->no_pivot)
        close_fd(place);
    if (*place < 0)
        *place = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (*place < 0)
        return fail(err, errno, "open /");
    return may_be_shared(plan) ? make_parent_private(*place, err) : 0;
}

static int attach_root(const struct mount_plan *plan, int tree, int place,
                       struct mount_child *child, struct error *err)
{
    autoclose int root = tree;
    int error;

    /* pivot_root(2) takes no shared root.  Not private: what the host mounts below may still come.
     */
    if (may_be_shared(plan) && (error = tree_set_propagation(root, MS_SLAVE, err)) < 0)
        return error;
    if (plan->overlay) {
        root = mount_overlay_root(plan, take_fd(&root), place, err);
        if (root < 0)
            return within(err, "overlay root");
    } else if ((error = tree_attach(root, place, err)) < 0) {
        return within(err, "root.path: %s", plan->rootfs);
    }
    child->root = take_fd(&root);
    return 0;
}

/* The source of file masks.  A clone, because the host's own mount will be gone when it is needed,
 * and taken only then: an unused one is slow to close. */
static int clone_host_null(struct mount_child *child, struct error *err)
{
    static const struct mount_attributes attributes = {
        .set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC};
    autoclose int null = tree_clone(AT_FDCWD, "/dev/null", false, err);
    int error;

    if (null < 0)
        return null;
    error = tree_set(null, false, &attributes, err);
    if (error < 0)
        return error;
    if (!mount_is_null_device(null))
        return refuse(err, ENODEV, "/dev/null of the host: is not the null device");
    child->host_null = take_fd(&null);
    return 0;
}

int mount_private_root(const struct mount_plan *plan, struct mount_child *child,
                       const struct mount_helper *helper, struct error *err)
{
    autoclose int place = -1;
    autoclose int tree = -1;
    int error;

    if (!plan->new_mount_namespace) {
        child->root = mount_root_open(plan, err);
        return child->root < 0 ? child->root : 0;
    }
    if ((error = set_host_propagation(plan, err)) < 0)
        return error;
    tree = clone_rootfs(plan, helper, &place, err);
    if (tree < 0)
        return tree;
    if ((error = choose_place(plan, &place, err)) < 0 ||
        (error = attach_root(plan, take_fd(&tree), place, child, err)) < 0)
        return error;
    return plan->masked_count > 0 ? clone_host_null(child, err) : 0;
}

/* pivot_root(2) "new_root and put_old may be the same directory": the old root ends up on top of
 * the new one, and is taken off from there. */
static int pivot(const struct mount_plan *plan, int root, struct error *err)
{
    autoclose int old = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    int error;

    if (old < 0)
        return fail(err, errno, "open the old root");
    if (fchdir(root) < 0)
        return fail(err, errno, "enter the root");
    if (kernel_pivot_root(".", ".") < 0) {
        fail(err, errno, "pivot_root");
        return err->code == EINVAL ? hint(err, "an initial ramdisk cannot be pivoted: --no-pivot")
                                   : -err->code;
    }
    /* Taking off a shared mount would take it off on the host too.  By its fd: "." would be the
     * new root. */
    if (may_be_shared(plan)) {
        error = tree_set_propagation(old, MS_SLAVE | MS_REC, err);
        if (error < 0)
            return within(err, "old root");
    }
    if (fchdir(old) < 0 || kernel_umount(".", MNT_DETACH) < 0)
        return fail(err, errno, "take off the old root");
    return 0;
}

static int enter_by_chroot(int root, struct error *err)
{
    if (fchdir(root) < 0 || chroot(".") < 0)
        return fail(err, errno, "chroot into the root");
    return 0;
}

int mount_pivot(const struct mount_plan *plan, struct mount_child *child, struct error *err)
{
    bool chroot_only = plan->no_pivot || !plan->new_mount_namespace;
    int error = chroot_only ? enter_by_chroot(child->root, err) : pivot(plan, child->root, err);

    if (error < 0)
        return error;
    if (chdir("/") < 0)
        return fail(err, errno, "enter the new root");
    return 0;
}

void mount_child_done(struct mount_child *child)
{
    mount_forget_ours(child);
    close_fd(&child->root);
    close_fd(&child->proc);
    close_fd(&child->host_null);
    close_fd(&child->cwd);
}

int mount_make_cwd(const struct mount_child *child, const char *cwd, uid_t uid, gid_t gid,
                   struct error *err)
{
    bool made = false;
    autoclose int fd = inroot_make_directory(child->root, cwd, 0755, &made, err);

    if (fd < 0)
        return within(err, "process.cwd");
    if (made && (uid != 0 || gid != 0) && fchownat(fd, "", uid, gid, AT_EMPTY_PATH) < 0)
        return fail(err, errno, "process.cwd: %s: change its owner", cwd);
    return 0;
}
