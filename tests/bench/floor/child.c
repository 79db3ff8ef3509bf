/* The container's first process: from clone to execve. */

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/futex.h>
#include <linux/keyctl.h>
#include <linux/mount.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <linux/seccomp.h>

#include "tests/bench/floor/floor.h"

#define count_of(array) (int)(sizeof(array) / sizeof *(array))

enum { DETACH = 2 /* MNT_DETACH */, CAP_LAST = 40, NOFILE = 7 /* RLIMIT_NOFILE */ };

/* Whoever should set it may have died: that takes no time to find out when all is well. */
void wait_for_flag(int *flag)
{
    const int64_t seconds[2] = {20, 0};

    while (!__atomic_load_n(flag, __ATOMIC_ACQUIRE)) {
        if (call(futex, flag, FUTEX_WAIT, 0, seconds) == -110 /* ETIMEDOUT */)
            die("the other side has gone", 0);
    }
}

void set_flag(int *flag)
{
    __atomic_store_n(flag, 1, __ATOMIC_RELEASE);
    call(futex, flag, FUTEX_WAKE, 1);
}

/* --- namespaces ------------------------------------------------------------------------------- */

static void join_pod(const struct container *container)
{
    for (int i = 0; i < count_of(container->pod_fds); i++)
        must(call(setns, container->pod_fds[i], 0));
}

static void raise_loopback(void)
{
    enum { INET = 2, DATAGRAM = 2, SET_FLAGS = 0x8914 /* SIOCSIFFLAGS */, UP_RUNNING = 0x41 };
    struct {
        char name[16];
        short flags;
        char rest[22];
    } request = {.name = "lo", .flags = UP_RUNNING};
    int socket = (int)must(call(socket, INET, DATAGRAM | O_CLOEXEC, 0));

    must(call(ioctl, socket, SET_FLAGS, &request));
    call(close, socket);
}

/* --- mounts: relative to the root, which is the working directory ------------------------------
 */

static void enter_rootfs(struct container *container)
{
    must(call(mount, 0, "/", 0, MS_REC | MS_SLAVE, 0));
    mark(container->child, "/ becomes a slave");
    must(call(mount, container->rootfs, container->rootfs, 0, MS_BIND | MS_REC, 0));
    must(call(chdir, container->rootfs));
    mark(container->child, "bind the root");
}

static void mount_file_systems(struct container *container)
{
    const long safe = MS_NOSUID | MS_NOEXEC | MS_NODEV;

    must(call(mount, "proc", "proc", "proc", 0, 0));
    mark(container->child, "mount /proc");
    must(call(mount, "tmpfs", "dev", "tmpfs", MS_NOSUID | MS_STRICTATIME, "mode=755,size=65536k"));
    call(mkdir, "dev/pts", 0755);
    call(mkdir, "dev/shm", 0755);
    call(mkdir, "dev/mqueue", 0755);
    mark(container->child, "mount /dev, 3 mkdir");
    must(call(mount, "devpts", "dev/pts", "devpts", MS_NOSUID | MS_NOEXEC,
              "newinstance,ptmxmode=0666,mode=0620,gid=5"));
    mark(container->child, "mount /dev/pts");
    must(call(mount, "shm", "dev/shm", "tmpfs", safe, "mode=1777,size=65536k"));
    mark(container->child, "mount /dev/shm");
    must(call(mount, "mqueue", "dev/mqueue", "mqueue", safe, 0));
    mark(container->child, "mount /dev/mqueue");
    must(call(mount, "sysfs", "sys", "sysfs", safe | MS_RDONLY, 0));
    mark(container->child, "mount /sys");
    must(call(mount, "cgroup", "sys/fs/cgroup", "cgroup2", safe | MS_RELATIME | MS_RDONLY, 0));
    mark(container->child, "mount /sys/fs/cgroup");
}

/* What a kubelet adds to every container; the files are there to be mounted on. */
static void bind_volumes(const struct container *container)
{
    static const struct {
        const char *name;
        const char *to;
    } volumes[] = {
        {"/hosts",       "etc/hosts"      },
        {"/hostname",    "etc/hostname"   },
        {"/resolv.conf", "etc/resolv.conf"},
        {"/log",         "var/log/pod"    },
        {"/secret",      "run/secrets"    },
    };
    char source[256];

    for (int i = 0; i < count_of(volumes); i++) {
        put(put(source, container->volumes), volumes[i].name);
        must(call(mount, source, volumes[i].to, 0, MS_BIND | MS_REC, 0));
        must(call(mount, 0, volumes[i].to, 0, MS_REC | MS_PRIVATE, 0));
    }
}

static void make_devices(struct container *container)
{
    static const struct {
        const char *path;
        unsigned number;
    } nodes[] = {
        {"dev/null",    0x103},
        {"dev/zero",    0x105},
        {"dev/full",    0x107},
        {"dev/tty",     0x500},
        {"dev/random",  0x108},
        {"dev/urandom", 0x109},
    };
    static const struct {
        const char *target;
        const char *path;
    } links[] = {
        {"/proc/self/fd",   "dev/fd"    },
        {"/proc/self/fd/0", "dev/stdin" },
        {"/proc/self/fd/1", "dev/stdout"},
        {"/proc/self/fd/2", "dev/stderr"},
        {"pts/ptmx",        "dev/ptmx"  },
    };

    /* The umask is 0 and we are root: neither chmod nor chown is needed. */
    for (int i = 0; i < count_of(nodes); i++)
        must(call(mknod, nodes[i].path, 0020666, nodes[i].number));
    mark(container->child, "6 mknod");
    for (int i = 0; i < count_of(links); i++)
        must(call(symlink, links[i].target, links[i].path));
    mark(container->child, "5 symlinks");
}

/* A detached, read-only clone of what is mounted at `path`, or -errno.  One call from 6.15 on. */
static long clone_read_only(const char *path, unsigned recursive)
{
    struct mount_attr read_only = {.attr_set = MOUNT_ATTR_RDONLY};
    unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | recursive;
    long tree = call(open_tree_attr, AT_FDCWD, path, flags, &read_only, sizeof read_only);

    if (tree != -38 /* ENOSYS */)
        return tree;
    tree = call(open_tree, AT_FDCWD, path, flags);
    if (tree >= 0)
        must(
            call(mount_setattr, tree, "", AT_EMPTY_PATH | recursive, &read_only, sizeof read_only));
    return tree;
}

static void move_onto(long tree, long place, const char *path)
{
    unsigned flags = MOVE_MOUNT_F_EMPTY_PATH | (*path == '\0' ? MOVE_MOUNT_T_EMPTY_PATH : 0);

    must(call(move_mount, tree, "", place, path, flags));
}

/* An empty read-only directory, mounted nowhere yet. */
static long make_empty_folder(void)
{
    long context = must(call(fsopen, "tmpfs", FSOPEN_CLOEXEC));

    must(call(fsconfig, context, FSCONFIG_SET_STRING, "size", "0k", 0));
    must(call(fsconfig, context, FSCONFIG_CMD_CREATE, 0, 0, 0));
    return must(call(fsmount, context, FSMOUNT_CLOEXEC, MOUNT_ATTR_RDONLY));
}

static void mask_files(struct container *container)
{
    static const char *const files[] = {"proc/kcore",      "proc/keys",        "proc/latency_stats",
                                        "proc/timer_list", "proc/timer_stats", "proc/sched_debug"};

    for (int i = 0; i < count_of(files); i++) {
        long place = call(open, files[i], O_PATH | O_CLOEXEC, 0);

        if (place >= 0)
            move_onto(must(clone_read_only("dev/null", 0)), place, "");
    }
    mark(container->child, "mask files");
}

/* All of them by one and the same empty directory. */
static void mask_folders(struct container *container)
{
    static const char *const folders[] = {"proc/acpi", "proc/asound", "sys/firmware", "proc/scsi"};
    long empty = -1;

    for (int i = 0; i < count_of(folders); i++) {
        long place = call(open, folders[i], O_PATH | O_CLOEXEC, 0);
        long tree;

        if (place < 0)
            continue;
        if (empty < 0)
            tree = empty = make_empty_folder();
        else
            tree = must(
                call(open_tree, empty, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH));
        move_onto(tree, place, "");
    }
    mark(container->child, "mask folders");
}

static void protect_paths(struct container *container)
{
    static const char *const paths[] = {"proc/bus", "proc/fs", "proc/irq", "proc/sys",
                                        "proc/sysrq-trigger"};

    for (int i = 0; i < count_of(paths); i++) {
        long tree = clone_read_only(paths[i], AT_RECURSIVE);

        if (tree >= 0)
            move_onto(tree, AT_FDCWD, paths[i]);
    }
    mark(container->child, "read-only paths");
}

static void pivot(struct container *container)
{
    must(call(pivot_root, ".", "."));
    mark(container->child, "pivot_root");
    must(call(umount2, ".", DETACH));
    must(call(chdir, "/"));
    mark(container->child, "umount the old root");
}

/* --- privileges ------------------------------------------------------------------------------- */

/* AUDIT_WRITE, KILL and NET_BIND_SERVICE are left. */
static void drop_capabilities(void)
{
    const unsigned kept = 1U << CAP_AUDIT_WRITE | 1U << CAP_KILL | 1U << CAP_NET_BIND_SERVICE;
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {
        {.effective = kept, .permitted = kept}
    };

    for (unsigned i = 0; i <= CAP_LAST; i++) {
        if (i > 31 || (kept >> i & 1) == 0)
            call(prctl, PR_CAPBSET_DROP, i);
    }
    must(call(capset, &header, data));
}

/* The file is opened by the parent, where it can still be seen. */
static void load_filter(int fd)
{
    static uint64_t filter[4096];
    long length = must(call(read, fd, filter, sizeof filter));
    struct {
        unsigned short count;
        uint64_t *filter;
    } program = {(unsigned short)(length / 8), filter};

    must(call(seccomp, SECCOMP_SET_MODE_FILTER, 0, &program));
}

int drop_privileges_and_execute(struct container *container)
{
    static const char *const environment[] = {
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm",
        "HOME=/root", NULL};
    unsigned long limit[2] = {1024, 1024};
    const char *arguments[] = {container->program, NULL};

    must(call(prlimit64, 0, NOFILE, limit, 0));
    must(call(setgroups, 0, 0));
    drop_capabilities();
    must(call(prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    mark(container->child, "privileges");
    if (container->filter_fd >= 0)
        load_filter(container->filter_fd);
    mark(container->child, "seccomp filter");
    must(call(close_range, 3, ~0U, 4 /* CLOSE_RANGE_CLOEXEC */));
    wait_for_flag(&container->may_go);
    mark(container->child, "wait for the parent");
    if (container->waits) {
        char go;

        set_flag(&container->is_ready);
        call(read, container->fifo_fd, &go, 1);
    }
    must(call(execve, container->program, arguments, environment));
    return 1;
}

int run_child(struct container *container)
{
    mark(container->child, "start");
    call(setsid);
    if (container->pod != NULL)
        join_pod(container);
    else
        raise_loopback();
    mark(container->child, "network");
    must(call(keyctl, KEYCTL_JOIN_SESSION_KEYRING, container->id));
    if (container->pod == NULL)
        must(call(sethostname, "bench", 5));
    mark(container->child, "keyring, hostname");
    enter_rootfs(container);
    call(umask, 0);
    mount_file_systems(container);
    if (container->volumes != NULL)
        bind_volumes(container);
    make_devices(container);
    mask_files(container);
    mask_folders(container);
    protect_paths(container);
    pivot(container);
    call(umask, 022);
    return drop_privileges_and_execute(container);
}
