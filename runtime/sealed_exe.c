/*
 * Our own executable, out of the container's reach (CVE-2019-5736): while a process of ours is
 * inside, /proc/PID/exe leads to it.  So we run from a copy that nobody can write to:
 *  - a read-only bind mount that belongs to no mount namespace: no copy, a few microseconds.  Its
 * fd is closed by the execve; with it open the mount could be made writable again.
 *  - where we may not mount, a sealed memfd.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/kernel.h"
#include "base/own.h"
#include "runtime/container.h"

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U /* 6.3 */
#endif

static const int seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;

static bool is_sealed(int fd)
{
    struct statvfs file_system;
    int found = fcntl(fd, F_GET_SEALS);

    if (found >= 0)
        return (found & seals) == seals;
    return fstatvfs(fd, &file_system) == 0 && (file_system.f_flag & ST_RDONLY) != 0;
}

static int bind_read_only(void)
{
    struct mount_attr read_only = {.attr_set = MOUNT_ATTR_RDONLY};
    autoclose int fd = kernel_open_tree(AT_FDCWD, "/proc/self/exe",
                                        OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

    if (fd < 0 || kernel_mount_setattr(fd, "", AT_EMPTY_PATH, &read_only, sizeof read_only) < 0)
        return -errno;
    return take_fd(&fd);
}

static int new_memfd(void)
{
    int fd = memfd_create("crun-lite", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);

    if (fd < 0 && errno == EINVAL)
        fd = memfd_create("crun-lite", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    return fd;
}

static int copy_to_memfd(int exe, struct error *err)
{
    struct stat status;
    autoclose int copy = new_memfd();

    if (copy < 0 || fstat(exe, &status) < 0)
        return fail(err, errno, "make a memfd");
    for (off_t left = status.st_size; left > 0;) {
        ssize_t sent = sendfile(copy, exe, NULL, (size_t)left);

        if (sent <= 0)
            return fail(err, sent < 0 ? errno : EIO, "copy the executable");
        left -= sent;
    }
    if (fchmod(copy, 0555) < 0 || fcntl(copy, F_ADD_SEALS, seals) < 0)
        return fail(err, errno, "seal the copy");
    return take_fd(&copy);
}

static int open_sealed(int exe, struct error *err)
{
    autoclose int fd = bind_read_only();

    if (fd < 0)
        fd = copy_to_memfd(exe, err);
    if (fd < 0)
        return -err->code;
    /* Were it not sealed, the copy would seal itself again, and so for ever. */
    if (!is_sealed(fd))
        return refuse(err, EPERM, "the copy of the executable is not read-only");
    return take_fd(&fd);
}

int runtime_seal(char *const argv[], char *const environment[], struct error *err)
{
    autoclose int exe = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

    if (exe < 0)
        return fail(err, errno, "open /proc/self/exe");
    if (is_sealed(exe))
        return 0;

    autoclose int sealed = open_sealed(exe, err);

    if (sealed < 0)
        return within(err, "seal the executable");
    kernel_execveat(sealed, "", argv, environment, AT_EMPTY_PATH);
    return fail(err, errno, "run the sealed executable");
}
