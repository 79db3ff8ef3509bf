/*
 * What the first process of a container sees of its place, as sorted lines `WHAT VALUE`.
 *
 * It is linked statically and put into the root file system as /.probe/probe; tests/probe/run.sh
 * runs it under several runtimes with the same config.json and compares what they print.  So there
 * is nothing in the lines that differs from run to run: no ids of mounts, namespaces, pipes or
 * processes.
 *
 * /.probe/host and /.probe/joined are what the runner saw in /proc/PID/ns of itself and of the
 * process whose namespaces are there to be joined, one `KIND:[NUMBER]` a line.
 */

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <ifaddrs.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define count_of(array) (sizeof(array) / sizeof *(array))

/* The program has one thing to say: nothing else is kept for its whole life. */
static struct {
    char **items;
    size_t count;
} lines;

static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void say(const char *format, ...)
{
    char *line = NULL;
    va_list list;

    va_start(list, format);
    if (vasprintf(&line, format, list) < 0)
        abort();
    va_end(list);
    lines.items = reallocarray(lines.items, lines.count + 1, sizeof *lines.items);
    if (lines.items == NULL)
        abort();
    lines.items[lines.count++] = line;
}

static int compare_lines(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void print_lines(void)
{
    qsort(lines.items, lines.count, sizeof *lines.items, compare_lines);
    for (size_t i = 0; i < lines.count; i++)
        puts(lines.items[i]);
}

/* The name of an error, "ok" for what is none. */
static const char *verdict(long result)
{
    const char *name = result < 0 ? strerrorname_np(errno) : "ok";

    return name != NULL ? name : "unknown error";
}

/* Call `tell` for each line of a file; "" stands for the newline. */
static void each_line(const char *path, void (*tell)(const char *path, char *line))
{
    FILE *file = fopen(path, "re");
    char *line = NULL;
    size_t size = 0;

    if (file == NULL) {
        say("%s %s", path, verdict(-1));
        return;
    }
    while (getline(&line, &size, file) > 0) {
        line[strcspn(line, "\n")] = '\0';
        tell(path, line);
    }
    free(line);
    fclose(file);
}

static void tell_line(const char *path, char *line)
{
    for (char *c = line; *c != '\0'; c++) {
        if (*c == '\t')
            *c = ' ';
    }
    say("%s %s", path, line);
}

/* --- the process
 * ------------------------------------------------------------------------------------------- */

static const char *const status_members[] = {
    "Umask",        "PPid",         "Uid",
    "Gid",          "Groups",       "NSpid",
    "NSpgid",       "NSsid",        "CoreDumping",
    "THP_enabled",  "SigPnd",       "ShdPnd",
    "SigBlk",       "SigIgn",       "SigCgt",
    "CapInh",       "CapPrm",       "CapEff",
    "CapBnd",       "CapAmb",       "NoNewPrivs",
    "Seccomp",      "Threads",      "Speculation_Store_Bypass",
    "Cpus_allowed", "Mems_allowed", "SpeculationIndirectBranch",
};

/* Whose number it is, is said by 0 and 1; others are the next free ones. */
static void hide_numbers(char *line)
{
    for (char *word = line + strcspn(line, "\t"); *word != '\0'; word++) {
        word += strspn(word, "\t ");

        size_t length = strcspn(word, "\t ");

        if (length == 1 && *word <= '1')
            continue;
        *word = 'n';
        memmove(word + 1, word + length, strlen(word + length) + 1);
    }
}

static void tell_status(const char *path, char *line)
{
    size_t length = strcspn(line, ":");

    if (strncmp(line, "NS", 2) == 0 || strncmp(line, "PPid", 4) == 0)
        hide_numbers(line);

    for (size_t i = 0; i < count_of(status_members); i++) {
        if (strlen(status_members[i]) == length && strncmp(line, status_members[i], length) == 0)
            tell_line(path, line);
    }
}

static const struct {
    const char *name;
    int resource;
} limits[] = {
    {"as",         RLIMIT_AS        },
    {"core",       RLIMIT_CORE      },
    {"cpu",        RLIMIT_CPU       },
    {"data",       RLIMIT_DATA      },
    {"fsize",      RLIMIT_FSIZE     },
    {"locks",      RLIMIT_LOCKS     },
    {"memlock",    RLIMIT_MEMLOCK   },
    {"msgqueue",   RLIMIT_MSGQUEUE  },
    {"nice",       RLIMIT_NICE      },
    {"nofile",     RLIMIT_NOFILE    },
    {"nproc",      RLIMIT_NPROC     },
    {"rss",        RLIMIT_RSS       },
    {"rtprio",     RLIMIT_RTPRIO    },
    {"rttime",     RLIMIT_RTTIME    },
    {"sigpending", RLIMIT_SIGPENDING},
    {"stack",      RLIMIT_STACK     },
};

static void tell_limits(void)
{
    for (size_t i = 0; i < count_of(limits); i++) {
        struct rlimit limit = {0};

        getrlimit(limits[i].resource, &limit);
        say("limit %s %lld %lld", limits[i].name, (long long)limit.rlim_cur,
            (long long)limit.rlim_max);
    }
}

/* As in linux/sched/types.h, which glibc's sched.h does not like beside it. */
struct scheduling {
    uint32_t size;
    uint32_t policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime;
    uint64_t deadline;
    uint64_t period;
};

static void tell_scheduling(void)
{
    struct scheduling attributes = {0};
    long result = syscall(SYS_sched_getattr, 0, &attributes, sizeof attributes, 0);
    int mode = -1;
    unsigned long nodes[16] = {0};

    say("scheduler %s policy=%u flags=%llx nice=%d priority=%u runtime=%llu deadline=%llu "
        "period=%llu",
        verdict(result), attributes.policy, (unsigned long long)attributes.flags, attributes.nice,
        attributes.priority, (unsigned long long)attributes.runtime,
        (unsigned long long)attributes.deadline, (unsigned long long)attributes.period);
    say("io-priority %lx", (unsigned long)syscall(SYS_ioprio_get, 1, 0));
    result = syscall(SYS_get_mempolicy, &mode, nodes, sizeof nodes * 8, NULL, 0);
    say("memory-policy %s mode=%x nodes=%lx", verdict(result), (unsigned)mode, nodes[0]);
}

static const struct {
    const char *name;
    int option;
} attributes[] = {
    {"dumpable",     PR_GET_DUMPABLE   },
    {"keep-caps",    PR_GET_KEEPCAPS   },
    {"secure-bits",  PR_GET_SECUREBITS },
    {"timer-slack",  PR_GET_TIMERSLACK },
    {"thp-disabled", PR_GET_THP_DISABLE},
    {"mce-kill",     PR_MCE_KILL_GET   },
    {"io-flusher",   PR_GET_IO_FLUSHER },
};

static void tell_attributes(void)
{
    int death_signal = -1;
    int subreaper = -1;

    for (size_t i = 0; i < count_of(attributes); i++) {
        int value = prctl(attributes[i].option, 0, 0, 0, 0);

        say("attribute %s %s %d", attributes[i].name, verdict(value), value);
    }
    prctl(PR_GET_PDEATHSIG, &death_signal);
    prctl(PR_GET_CHILD_SUBREAPER, &subreaper);
    say("attribute death-signal %d", death_signal);
    say("attribute subreaper %d", subreaper);
    say("personality %x", (unsigned)personality(0xffffffff));
}

static void tell_keyring(void)
{
    char description[256] = "";
    long keyring = syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0);

    if (keyring < 0) {
        say("session-keyring %s", verdict(keyring));
        return;
    }
    syscall(SYS_keyctl, KEYCTL_DESCRIBE, keyring, description, sizeof description - 1);
    say("session-keyring %s", description);
}

static void tell_terminal(void)
{
    struct winsize size = {0};

    if (!isatty(STDIN_FILENO)) {
        say("terminal none");
        return;
    }
    ioctl(STDIN_FILENO, TIOCGWINSZ, &size);
    say("terminal %s size=%ux%u session=%d foreground=%d", ttyname(STDIN_FILENO), size.ws_col,
        size.ws_row, (int)tcgetsid(STDIN_FILENO), tcgetpgrp(STDIN_FILENO) == getpgrp());
}

static void tell_process(char **arguments)
{
    char cwd[PATH_MAX] = "";
    struct utsname names = {0};

    each_line("/proc/self/status", tell_status);
    tell_limits();
    tell_scheduling();
    tell_attributes();
    tell_keyring();
    tell_terminal();
    for (int i = 0; arguments[i] != NULL; i++)
        say("argument %d %s", i, arguments[i]);
    for (size_t i = 0; environ[i] != NULL; i++)
        say("env %zu %s", i, environ[i]);
    say("cwd %s", getcwd(cwd, sizeof cwd) != NULL ? cwd : verdict(-1));
    uname(&names);
    say("hostname %s", names.nodename);
    say("domainname %s", names.domainname);
    say("session leader=%d group-leader=%d", getsid(0) == getpid(), getpgrp() == getpid());
}

/* --- descriptors
 * ------------------------------------------------------------------------------------------- */

static void tell_descriptors(void)
{
    for (int fd = 0; fd < 1024; fd++) {
        int flags = fcntl(fd, F_GETFL);
        char target[PATH_MAX] = "";
        char *path = NULL;
        struct stat status = {0};

        if (flags < 0 || asprintf(&path, "/proc/self/fd/%d", fd) < 0)
            continue;
        if (readlink(path, target, sizeof target - 1) < 0)
            snprintf(target, sizeof target, "%s", verdict(-1));
        /* "pipe:[12345]": the number is another each time. */
        target[strcspn(target, "[")] = '\0';
        say("descriptor %d %s access=%d append=%d nonblocking=%d close-on-exec=%d", fd, target,
            flags & O_ACCMODE, (flags & O_APPEND) != 0, (flags & O_NONBLOCK) != 0,
            fcntl(fd, F_GETFD));
        if (fstat(fd, &status) == 0)
            say("descriptor %d mode %o owner %u:%u", fd, status.st_mode, status.st_uid,
                status.st_gid);
        free(path);
    }
}

/* --- namespaces
 * ------------------------------------------------------------------------------------------- */

static bool has_line(const char *path, const char *wanted)
{
    FILE *file = fopen(path, "re");
    char line[128];
    bool found = false;

    while (file != NULL && !found && fgets(line, sizeof line, file) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        found = strcmp(line, wanted) == 0;
    }
    if (file != NULL)
        fclose(file);
    return found;
}

static const char *const namespaces[] = {
    "cgroup", "ipc", "mnt", "net", "pid", "pid_for_children", "time", "time_for_children",
    "user",   "uts"};

static void tell_namespaces(void)
{
    for (size_t i = 0; i < count_of(namespaces); i++) {
        char path[64];
        char target[64] = "";

        snprintf(path, sizeof path, "/proc/self/ns/%s", namespaces[i]);
        if (readlink(path, target, sizeof target - 1) < 0)
            say("namespace %s %s", namespaces[i], verdict(-1));
        else
            say("namespace %s %s", namespaces[i],
                has_line("/.probe/host", target)     ? "of the host"
                : has_line("/.probe/joined", target) ? "joined"
                                                     : "new");
    }
    each_line("/proc/self/uid_map", tell_line);
    each_line("/proc/self/gid_map", tell_line);
    each_line("/proc/self/setgroups", tell_line);
    each_line("/proc/self/timens_offsets", tell_line);
}

static const char *const sysctls[] = {
    "fs/mqueue/msg_default",
    "fs/mqueue/msg_max",
    "fs/mqueue/queues_max",
    "kernel/domainname",
    "kernel/hostname",
    "kernel/msgmax",
    "kernel/msgmnb",
    "kernel/msgmni",
    "kernel/sem",
    "kernel/shm_rmid_forced",
    "kernel/shmall",
    "kernel/shmmax",
    "kernel/shmmni",
    "net/core/somaxconn",
    "net/ipv4/conf/all/forwarding",
    "net/ipv4/ip_forward",
    "net/ipv4/ip_local_port_range",
    "net/ipv4/ip_unprivileged_port_start",
    "net/ipv4/ping_group_range",
    "net/ipv6/conf/all/disable_ipv6",
};

static void tell_sysctls(void)
{
    for (size_t i = 0; i < count_of(sysctls); i++) {
        char path[128];

        snprintf(path, sizeof path, "/proc/sys/%s", sysctls[i]);
        each_line(path, tell_line);
    }
}

static void tell_interfaces(void)
{
    struct ifaddrs *all = NULL;

    if (getifaddrs(&all) != 0)
        say("interfaces %s", verdict(-1));
    for (struct ifaddrs *each = all; each != NULL; each = each->ifa_next) {
        char address[INET6_ADDRSTRLEN] = "";
        int family = each->ifa_addr != NULL ? each->ifa_addr->sa_family : AF_UNSPEC;

        if (family == AF_INET)
            inet_ntop(family, &((struct sockaddr_in *)each->ifa_addr)->sin_addr, address,
                      sizeof address);
        else if (family == AF_INET6)
            inet_ntop(family, &((struct sockaddr_in6 *)each->ifa_addr)->sin6_addr, address,
                      sizeof address);
        say("interface %s up=%d family=%d %s", each->ifa_name, (each->ifa_flags & IFF_UP) != 0,
            family, address);
    }
    freeifaddrs(all);
}

/* --- mounts
 * ------------------------------------------------------------------------------------------- */

struct mount {
    int id;
    int parent;
    char *root;
    char *point;
    char *options;
    char *propagation; /* without the numbers of peer groups */
    char *type;
    char *source;
    char *superblock;
};

struct mounts {
    struct mount items[512];
    size_t count;
};

/* "shared:12 master:3 - tmpfs tmpfs rw": up to the dash are tags. */
static char *cut_tags(char **rest)
{
    char *tags = calloc(1, 128);

    for (char *word = strsep(rest, " "); word != NULL && strcmp(word, "-") != 0;
         word = strsep(rest, " ")) {
        word[strcspn(word, ":")] = '\0';
        strncat(tags, *tags != '\0' ? "," : "", 2);
        strncat(tags, word, 60);
    }
    return tags;
}

static struct mount parse_mount(char *line)
{
    struct mount mount = {0};

    mount.id = atoi(strsep(&line, " "));
    mount.parent = atoi(strsep(&line, " "));
    strsep(&line, " "); /* the device's number: that of a new tmpfs is the next free one */
    mount.root = strsep(&line, " ");
    mount.point = strsep(&line, " ");
    mount.options = strsep(&line, " ");
    mount.propagation = cut_tags(&line);
    mount.type = strsep(&line, " ");
    mount.source = strsep(&line, " ");
    mount.superblock = strsep(&line, " ");
    return mount;
}

/* How many mounts are below this one at the same place, and where it is mounted. */
static int depth_of(const struct mounts *mounts, const struct mount *mount, const char **ret_on)
{
    int depth = 0;

    *ret_on = "-";
    for (size_t i = 0; i < mounts->count && &mounts->items[i] != mount; i++)
        depth += strcmp(mounts->items[i].point, mount->point) == 0;
    for (size_t i = 0; i < mounts->count; i++) {
        if (mounts->items[i].id == mount->parent)
            *ret_on = mounts->items[i].point;
    }
    return depth;
}

static void tell_mounts(void)
{
    static struct mounts mounts;
    FILE *file = fopen("/proc/self/mountinfo", "re");
    char *line = NULL;
    size_t size = 0;

    while (file != NULL && mounts.count < count_of(mounts.items) &&
           getline(&line, &size, file) > 0) {
        line[strcspn(line, "\n")] = '\0';
        mounts.items[mounts.count++] = parse_mount(strdup(line));
    }
    for (size_t i = 0; i < mounts.count; i++) {
        const struct mount *mount = &mounts.items[i];
        struct stat status = {0};
        const char *on;
        int depth = depth_of(&mounts, mount, &on);

        say("mount %s %d type %s", mount->point, depth, mount->type);
        say("mount %s %d root %s", mount->point, depth, mount->root);
        say("mount %s %d source %s", mount->point, depth, mount->source);
        say("mount %s %d options %s", mount->point, depth, mount->options);
        say("mount %s %d superblock %s", mount->point, depth, mount->superblock);
        say("mount %s %d propagation %s", mount->point, depth, mount->propagation);
        say("mount %s %d on %s", mount->point, depth, on);
        if (stat(mount->point, &status) == 0)
            say("mount %s %d mode %o owner %u:%u", mount->point, depth, status.st_mode,
                status.st_uid, status.st_gid);
    }
    free(line);
    if (file != NULL)
        fclose(file);
}

/* --- files
 * ------------------------------------------------------------------------------------------- */

static int tell_node(const char *path, const struct stat *status, int kind, struct FTW *place)
{
    char target[PATH_MAX] = "";

    (void)kind;
    /* How deep /dev is, is a matter of the host where it is the host's. */
    if (place->level > 3)
        return FTW_SKIP_SUBTREE;
    if (S_ISLNK(status->st_mode) && readlink(path, target, sizeof target - 1) < 0)
        target[0] = '\0';
    say("node %s mode %o owner %u:%u device %u:%u %s", path, status->st_mode, status->st_uid,
        status->st_gid, major(status->st_rdev), minor(status->st_rdev), target);
    return FTW_CONTINUE;
}

static const char *const hidden[] = {
    "/proc/acpi",          "/proc/asound",
    "/proc/bus",           "/proc/fs",
    "/proc/interrupts",    "/proc/irq",
    "/proc/kcore",         "/proc/keys",
    "/proc/latency_stats", "/proc/scsi",
    "/proc/sched_debug",   "/proc/sys",
    "/proc/sysrq-trigger", "/proc/timer_list",
    "/sys/firmware",       "/sys/devices/virtual/powercap",
    "/sys/fs/selinux",     "/proc/timer_stats",
};

static int entries_of(const char *path)
{
    DIR *directory = opendir(path);
    int count = directory != NULL ? 0 : -1;

    while (directory != NULL && readdir(directory) != NULL)
        count++;
    if (directory != NULL)
        closedir(directory);
    return count;
}

static void tell_hidden(void)
{
    for (size_t i = 0; i < count_of(hidden); i++) {
        struct stat status = {0};
        char byte;

        if (lstat(hidden[i], &status) != 0) {
            say("hidden %s %s", hidden[i], verdict(-1));
        } else if (S_ISDIR(status.st_mode)) {
            say("hidden %s %s entries", hidden[i], entries_of(hidden[i]) > 2 ? "has" : "has no");
        } else {
            int fd = open(hidden[i], O_RDONLY | O_CLOEXEC | O_NONBLOCK);
            ssize_t length = fd >= 0 ? read(fd, &byte, 1) : -1;

            say("hidden %s %s %s", hidden[i], verdict(length), length > 0 ? "content" : "empty");
            close(fd);
        }
    }
}

/* Opened for writing, never written. */
static const char *const protected[] = {
    "/proc/sys/kernel/hostname",
    "/proc/sys/kernel/core_pattern",
    "/proc/sysrq-trigger",
    "/proc/irq/default_smp_affinity",
    "/sys/kernel/profiling",
    "/sys/fs/cgroup/cgroup.procs",
    "/sys/fs/cgroup/memory/cgroup.procs",
};
static const char *const folders[] = {"/",    "/dev", "/dev/shm",       "/tmp", "/run",
                                      "/etc", "/sys", "/sys/fs/cgroup", "/proc"};

static void tell_writable(void)
{
    for (size_t i = 0; i < count_of(protected); i++) {
        int fd = open(protected[i], O_WRONLY | O_CLOEXEC);

        say("writable %s %s", protected[i], verdict(fd));
        close(fd);
    }
    for (size_t i = 0; i < count_of(folders); i++) {
        char path[64];

        snprintf(path, sizeof path, "%s/.written-by-the-probe", folders[i]);

        int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

        say("writable %s %s", folders[i], verdict(fd));
        if (fd >= 0)
            unlink(path);
        close(fd);
    }
}

/* No driver has most of these: who may open them is told ENXIO, who may not EPERM. */
static const struct {
    mode_t type;
    unsigned major;
    unsigned minor;
} devices[] = {
    {S_IFCHR, 1,   3  }, /* null    */
    {S_IFCHR, 1,   5  }, /* zero    */
    {S_IFCHR, 1,   7  }, /* full    */
    {S_IFCHR, 1,   8  }, /* random  */
    {S_IFCHR, 1,   9  }, /* urandom */
    {S_IFCHR, 1,   11 }, /* kmsg    */
    {S_IFCHR, 5,   0  }, /* tty     */
    {S_IFCHR, 5,   1  }, /* console */
    {S_IFCHR, 5,   2  }, /* ptmx    */
    {S_IFCHR, 10,  200}, /* tun     */
    {S_IFCHR, 10,  229}, /* fuse    */
    {S_IFCHR, 136, 77 }, /* a pts   */
    {S_IFCHR, 195, 0  },
    {S_IFCHR, 250, 3  },
    {S_IFBLK, 8,   250}, /* a disk  */
};

static void tell_device(mode_t type, unsigned major_number, unsigned minor_number)
{
    static const char *const ways[] = {"read", "write", "both"};
    static const char path[] = "/dev/.made-by-the-probe";
    int made = mknod(path, type | 0600, makedev(major_number, minor_number));
    const char *kind = type == S_IFCHR ? "c" : "b";

    say("device %s %u:%u make %s", kind, major_number, minor_number, verdict(made));
    for (int way = O_RDONLY; made == 0 && way <= O_RDWR; way++) {
        int fd = open(path, way | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

        say("device %s %u:%u %s %s", kind, major_number, minor_number, ways[way], verdict(fd));
        close(fd);
    }
    if (made == 0)
        unlink(path);
}

/* One that was put there for us, for those who may not make any: see tests/bench/equivalence.py. */
static void tell_given_device(mode_t type, unsigned major_number, unsigned minor_number)
{
    char path[64];
    const char *kind = type == S_IFCHR ? "c" : "b";
    int fd;

    snprintf(path, sizeof path, "/.probe/devices/%s-%u-%u", kind, major_number, minor_number);
    if (access(path, F_OK) != 0)
        return;
    fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    say("device %s %u:%u given %s", kind, major_number, minor_number, verdict(fd));
    close(fd);
}

static void tell_devices(void)
{
    for (size_t i = 0; i < count_of(devices); i++) {
        tell_device(devices[i].type, devices[i].major, devices[i].minor);
        tell_given_device(devices[i].type, devices[i].major, devices[i].minor);
    }
}

/* --- cgroups
 * ------------------------------------------------------------------------------------------- */

/* "4:memory:/path": the number is the order in which the host mounted. */
static void tell_cgroup(const char *path, char *line)
{
    tell_line(path, line + strcspn(line, ":"));
}

static const char *const cgroup_files[] = {"memory.max", "memory.low",  "memory.swap.max",
                                           "cpu.max",    "cpu.weight",  "cpu.idle",
                                           "pids.max",   "cpuset.cpus", "cgroup.type"};

static void tell_cgroups(void)
{
    DIR *directory = opendir("/sys/fs/cgroup");

    each_line("/proc/self/cgroup", tell_cgroup);
    for (struct dirent *entry; directory != NULL && (entry = readdir(directory)) != NULL;)
        say("cgroup-view %s", entry->d_name);
    if (directory != NULL)
        closedir(directory);
    for (size_t i = 0; i < count_of(cgroup_files); i++) {
        char path[64];

        snprintf(path, sizeof path, "/sys/fs/cgroup/%s", cgroup_files[i]);
        each_line(path, tell_line);
    }
}

/* --- system calls
 * ------------------------------------------------------------------------------------------- */

/* Those that do something, or never return, whatever their arguments are. */
static const long spared[] = {
    SYS_exit,
    SYS_exit_group,
    SYS_rt_sigreturn,
    SYS_rt_sigsuspend,
    SYS_clone,
    SYS_vhangup,
    SYS_sync,
    SYS_reboot,
    SYS_restart_syscall,
    /* These make an object that stays, by the flags in -1. */
    SYS_msgget,
    SYS_semget,
    SYS_shmget,
#ifdef SYS_fork
    SYS_fork,
    SYS_vfork,
    SYS_pause,
#endif
};

/* In a process of its own: some calls do succeed, others end the caller. */
static void tell_call(long number)
{
    pid_t child = fork();
    int status = 0;

    if (child == 0) {
        alarm(10);
        _exit(syscall(number, -1, -1, -1, -1, -1, -1) < 0 ? errno : 0);
    }
    waitpid(child, &status, 0);
    errno = WEXITSTATUS(status);
    if (WIFSIGNALED(status))
        say("call %ld signal %d", number, WTERMSIG(status));
    else
        say("call %ld %s", number, errno != 0 ? verdict(-1) : "ok");
}

static void tell_calls(void)
{
    if (prctl(PR_GET_SECCOMP) == 0)
        return;
    for (long number = 0; number < 480; number++) {
        bool is_spared = false;

        for (size_t i = 0; i < count_of(spared); i++)
            is_spared = is_spared || spared[i] == number;
        if (!is_spared)
            tell_call(number);
    }
}

int main(int argc, char **argv)
{
    (void)argc;
    tell_descriptors();
    tell_process(argv);
    tell_namespaces();
    tell_sysctls();
    tell_interfaces();
    tell_mounts();
    nftw("/dev", tell_node, 16, FTW_PHYS | FTW_ACTIONRETVAL);
    tell_hidden();
    tell_writable();
    tell_devices();
    tell_cgroups();
    each_line("/proc/self/oom_score_adj", tell_line);
    each_line("/proc/self/attr/current", tell_line);
    each_line("/proc/self/comm", tell_line);
    tell_calls();
    print_lines();
    return fflush(stdout) == 0 ? 0 : 1;
}
