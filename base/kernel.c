#include "base/kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

pid_t kernel_clone3(struct clone_args *args, size_t size)
{
    return (pid_t)syscall(SYS_clone3, args, size);
}

pid_t kernel_clone_pidfd(unsigned long flags, int *ret_pidfd)
{
    return (pid_t)syscall(SYS_clone, flags | CLONE_PIDFD, NULL, ret_pidfd, NULL, NULL);
}

int kernel_dup(int fd)
{
    return (int)syscall(SYS_fcntl, fd, F_DUPFD_CLOEXEC, 0);
}

int kernel_openat2(int dir, const char *path, struct open_how *how)
{
    return (int)syscall(SYS_openat2, dir, path, how, sizeof *how);
}

int kernel_pidfd_open(pid_t pid, unsigned flags)
{
    return (int)syscall(SYS_pidfd_open, pid, flags);
}

int kernel_pidfd_send_signal(int pidfd, int signal)
{
    return (int)syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0);
}

/* The first version of linux/pidfd.h's struct pidfd_info, which has grown since. */
struct pidfd_information {
    uint64_t mask;
    uint64_t cgroup;
    uint32_t ids[11];
    int32_t exit_code;
};

int kernel_pidfd_exit_status(int pidfd, int *ret)
{
    const uint64_t exit_is_there = 1 << 3; /* PIDFD_INFO_EXIT */
    struct pidfd_information information = {.mask = exit_is_there};

    if (ioctl(pidfd, _IOWR(0xff, 11, struct pidfd_information), &information) < 0)
        return -1;
    if ((information.mask & exit_is_there) == 0) {
        errno = ENODATA;
        return -1;
    }
    *ret = information.exit_code;
    return 0;
}

/* linux/stat.h of 5.8, as far as it is looked at. */
struct status {
    uint32_t mask;
    uint32_t block_size;
    uint64_t attributes;
    uint64_t owners[2];
    uint64_t inode;
    uint64_t sizes_and_times[12];
    uint64_t device; /* major and minor */
    uint64_t mount_id;
    uint64_t rest[13];
};
_Static_assert(sizeof(struct status) == 256, "the kernel writes as much");
_Static_assert(offsetof(struct status, inode) == 0x20, "include/uapi/linux/stat.h");
_Static_assert(offsetof(struct status, device) == 0x88, "include/uapi/linux/stat.h");
_Static_assert(offsetof(struct status, mount_id) == 0x90, "include/uapi/linux/stat.h");

static int find_place(int dir, const char *path, int flags, struct kernel_place *ret)
{
    enum { HAS_INODE = 0x100, KNOWS_MOUNT_ID = 0x1000, IS_MOUNT_ROOT = 0x2000 };
    struct status status;

    if (syscall(SYS_statx, dir, path, flags, KNOWS_MOUNT_ID | HAS_INODE, &status) < 0)
        return -1;
    ret->is_mount_root = (status.attributes & IS_MOUNT_ROOT) != 0;
    ret->mount_id = (status.mask & KNOWS_MOUNT_ID) != 0 ? status.mount_id : 0;
    ret->device = status.device;
    ret->inode = status.inode;
    return 0;
}

int kernel_place_of(int fd, struct kernel_place *ret)
{
    return find_place(fd, "", AT_EMPTY_PATH, ret);
}

int kernel_place_of_path(const char *path, struct kernel_place *ret)
{
    return find_place(AT_FDCWD, path, 0, ret);
}

ssize_t kernel_getdents(int dir, void *ret, size_t size)
{
    return syscall(SYS_getdents64, dir, ret, size);
}

int kernel_close_range(unsigned first, unsigned last, unsigned flags)
{
    return (int)syscall(SYS_close_range, first, last, flags);
}

int kernel_fsopen(const char *type, unsigned flags)
{
    return (int)syscall(SYS_fsopen, type, flags);
}

int kernel_fsconfig(int fd, unsigned command, const char *key, const void *value, int aux)
{
    return (int)syscall(SYS_fsconfig, fd, command, key, value, aux);
}

int kernel_fspick(int dir, const char *path, unsigned flags)
{
    return (int)syscall(SYS_fspick, dir, path, flags);
}

int kernel_fsmount(int fd, unsigned flags, unsigned attributes)
{
    return (int)syscall(SYS_fsmount, fd, flags, attributes);
}

int kernel_open_tree(int dir, const char *path, unsigned flags)
{
    return (int)syscall(SYS_open_tree, dir, path, flags);
}

int kernel_move_mount(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
    return (int)syscall(SYS_move_mount, from_dir, from, to_dir, to, flags);
}

int kernel_mount_setattr(int dir, const char *path, unsigned flags, struct mount_attr *attributes,
                         size_t size)
{
    return (int)syscall(SYS_mount_setattr, dir, path, flags, attributes, size);
}

int kernel_mount(const char *source, const char *target, const char *type, unsigned long flags,
                 const void *data)
{
    return (int)syscall(SYS_mount, source, target, type, flags, data);
}

int kernel_umount(const char *target, int flags)
{
    return (int)syscall(SYS_umount2, target, flags);
}

int kernel_pivot_root(const char *new_root, const char *put_old)
{
    return (int)syscall(SYS_pivot_root, new_root, put_old);
}

long kernel_keyctl(int command, unsigned long first, unsigned long second, unsigned long third,
                   unsigned long fourth)
{
    return syscall(SYS_keyctl, command, first, second, third, fourth);
}

int kernel_ioprio_set(int which, int who, int priority)
{
    return (int)syscall(SYS_ioprio_set, which, who, priority);
}

int kernel_sched_setattr(pid_t pid, const void *attributes, unsigned flags)
{
    return (int)syscall(SYS_sched_setattr, pid, attributes, flags);
}

int kernel_set_mempolicy(int mode, const unsigned long *nodes, unsigned long highest)
{
    return (int)syscall(SYS_set_mempolicy, mode, nodes, highest);
}

int kernel_execveat(int dir, const char *path, char *const argv[], char *const envp[], int flags)
{
    return (int)syscall(SYS_execveat, dir, path, argv, envp, flags);
}

int kernel_seccomp(unsigned operation, unsigned flags, void *args)
{
    return (int)syscall(SYS_seccomp, operation, flags, args);
}

long kernel_bpf(int command, void *attributes, size_t size)
{
    return syscall(SYS_bpf, command, attributes, size);
}

int kernel_capset(void *header, const void *data)
{
    return (int)syscall(SYS_capset, header, data);
}

int kernel_setgroups(size_t count, const gid_t *groups)
{
    return (int)syscall(SYS_setgroups, count, groups);
}

int kernel_setresuid(uid_t uid)
{
    return (int)syscall(SYS_setresuid, uid, uid, uid);
}

int kernel_setresgid(gid_t gid)
{
    return (int)syscall(SYS_setresgid, gid, gid, gid);
}
