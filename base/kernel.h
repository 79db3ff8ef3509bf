#pragma once

/*
 * System calls that the C library lacks or wraps differently from version to version.  Thin: each
 * returns what the kernel does, -1 with errno set on failure.  See the man page of the same name.
 * (sys/mount.h and linux/mount.h cannot both be included with glibc 2.36: use this file instead.)
 */

#include <linux/mount.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/wait.h> /* before the macro that follows */

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif
#ifndef MNT_DETACH
#define MNT_DETACH 2
#endif
#ifndef AT_RECURSIVE
#define AT_RECURSIVE 0x8000
#endif
#ifndef PIDFD_NONBLOCK
#define PIDFD_NONBLOCK 04000
#endif
#ifndef P_PIDFD
#define P_PIDFD 3
#endif
#ifndef PIDFS_MAGIC
#define PIDFS_MAGIC 0x50494446
#endif

/* clone3(2), 5.3.  Without CLONE_VM it returns twice like fork, on a copy of our memory. */
pid_t kernel_clone3(struct clone_args *args, size_t size);
/* clone(2) in the same way, with a pidfd (5.2), where a seccomp filter hides clone3.  Returns
 * twice. */
pid_t kernel_clone_pidfd(unsigned long flags, int *ret_pidfd);
/* fcntl(2) with F_DUPFD_CLOEXEC, and no second call for kernels before 2.6.24. */
int kernel_dup(int fd);
/* openat2(2), 5.6. */
int kernel_openat2(int dir, const char *path, struct open_how *how);
/* pidfd_open(2), 5.3; pidfd_send_signal(2), 5.1. */
int kernel_pidfd_open(pid_t pid, unsigned flags);
int kernel_pidfd_send_signal(int pidfd, int signal);
/* PIDFD_GET_INFO with PIDFD_INFO_EXIT, 6.15: the wait status of a process that has been reaped, to
 * whoever had a pidfd of it before.  0, or -1 with errno: ENODATA when there is none yet, ENOTTY
 * and EINVAL when the kernel is older. */
int kernel_pidfd_exit_status(int pidfd, int *ret);
/* Where in the tree of mounts an open file is, by statx(2): 0, or -1 with errno.  (C libraries do
 * not agree on who declares struct statx: it stays in kernel.c.) */
struct kernel_place {
    bool is_mount_root; /* 5.8 */
    uint64_t mount_id;  /* 5.8; 0 before */
    uint64_t device;    /* of the file system, as the kernel writes it there */
    uint64_t inode;
};
int kernel_place_of(int fd, struct kernel_place *ret);
/* The same of what a path leads to. */
int kernel_place_of_path(const char *path, struct kernel_place *ret);
/* getdents64(2): struct dirent64 after struct dirent64. */
ssize_t kernel_getdents(int dir, void *ret, size_t size);
/* close_range(2), 5.9; CLOSE_RANGE_CLOEXEC 5.11. */
int kernel_close_range(unsigned first, unsigned last, unsigned flags);
/* fsopen, fspick, fsconfig, fsmount, open_tree, move_mount: 5.2.  mount_setattr: 5.12. */
int kernel_fsopen(const char *type, unsigned flags);
int kernel_fspick(int dir, const char *path, unsigned flags);
int kernel_fsconfig(int fd, unsigned command, const char *key, const void *value, int aux);
int kernel_fsmount(int fd, unsigned flags, unsigned attributes);
int kernel_open_tree(int dir, const char *path, unsigned flags);
int kernel_move_mount(int from_dir, const char *from, int to_dir, const char *to, unsigned flags);
int kernel_mount_setattr(int dir, const char *path, unsigned flags, struct mount_attr *attributes,
                         size_t size);
/* mount(2), umount2(2), pivot_root(2). */
int kernel_mount(const char *source, const char *target, const char *type, unsigned long flags,
                 const void *data);
int kernel_umount(const char *target, int flags);
int kernel_pivot_root(const char *new_root, const char *put_old);
/* setns(2), unshare(2) are in sched.h; keyctl(2), ioprio_set(2), sched_setattr(2),
 * set_mempolicy(2): */
long kernel_keyctl(int command, unsigned long first, unsigned long second, unsigned long third,
                   unsigned long fourth);
int kernel_ioprio_set(int which, int who, int priority);
int kernel_sched_setattr(pid_t pid, const void *attributes, unsigned flags);
int kernel_set_mempolicy(int mode, const unsigned long *nodes, unsigned long highest);
/* execveat(2), 3.19; fchmodat2 has no users here. */
int kernel_execveat(int dir, const char *path, char *const argv[], char *const envp[], int flags);
/* seccomp(2), 3.17; bpf(2). */
int kernel_seccomp(unsigned operation, unsigned flags, void *args);
long kernel_bpf(int command, void *attributes, size_t size);
/* capset(2) and capget(2) as the kernel has them. */
int kernel_capset(void *header, const void *data);
/* setgroups/setresuid/setresgid of this thread alone, as the kernel has them. */
int kernel_setgroups(size_t count, const gid_t *groups);
int kernel_setresuid(uid_t uid);
int kernel_setresgid(gid_t gid);
