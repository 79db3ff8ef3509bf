#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>

#include "base/kernel.h"
#include "base/own.h"
#include "namespaces/mount/mount.h"
#include "namespaces/mount/tree.h"

enum { PROC_ROOT_INODE = 1 };

static const uint64_t attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;

/* Nobody but us can reach a mount that is nowhere, so nothing can be mounted over its files.
 * subset=pid (5.8) is allowed where a whole procfs is not: in a user namespace whose /proc has
 * parts covered. */
static int make_subset(struct error *err)
{
    static const struct mount_datum options[] = {
        {.key = "subset",  .value = "pid"       },
        {.key = "hidepid", .value = "ptraceable"},
    };
    const struct filesystem proc = {
        .type = "proc", .data = options, .data_count = count_of(options), .attributes = attributes};

    return filesystem_make(&proc, err);
}

static int make_whole(struct error *err)
{
    const struct filesystem proc = {.type = "proc", .attributes = attributes};

    return filesystem_make(&proc, err);
}

static int check(int *fd, struct error *err)
{
    struct stat status;

    if (*fd < 0)
        return *fd;
    if (fstat(*fd, &status) < 0)
        return fail(err, errno, "stat /proc");
    if (!tree_is_filesystem(*fd, PROC_SUPER_MAGIC) || status.st_ino != PROC_ROOT_INODE)
        return refuse(err, EXDEV, "/proc: is not the root of a procfs");
    return take_fd(fd);
}

/* The /proc we find: without what covers it, else with it, else as it stands. */
static int clone_of_visible(struct error *err)
{
    autoclose int proc = tree_clone(AT_FDCWD, "/proc", false, err);

    if (proc < 0)
        proc = tree_clone(AT_FDCWD, "/proc", true, err);
    if (proc < 0) {
        proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (proc < 0)
            return fail(err, errno, "open /proc");
    }
    return check(&proc, err);
}

int mount_private_proc(struct error *err)
{
    autoclose int proc = make_subset(err);

    return proc < 0 ? clone_of_visible(err) : check(&proc, err);
}

/* No mount may be crossed on the way: what covers a part of /proc is not the kernel's word. */
static int open_sys(int proc, struct error *err)
{
    struct open_how how = {
        .flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS,
    };
    autoclose int sys = kernel_openat2(proc, "sys", &how);

    if (sys < 0 && (errno == ENOSYS || errno == EPERM))
        sys = openat(proc, "sys", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (sys < 0)
        return fail(err, errno, "open /proc/sys");
    if (!tree_is_same_mount(sys, proc))
        return refuse(err, EXDEV, "/proc/sys: something is mounted over it");
    return take_fd(&sys);
}

int mount_private_proc_sys(struct error *err)
{
    autoclose int proc = make_whole(err);

    if (proc < 0)
        proc = clone_of_visible(err);
    return proc < 0 ? proc : open_sys(proc, err);
}
