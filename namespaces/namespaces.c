#include "namespaces/namespaces.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "base/file.h"
#include "base/kernel.h"
#include "base/own.h"

/*
 * The order of joining.  setns(2) wants CAP_SYS_ADMIN over the user namespace that owns the target.
 *
 *  - A privileged caller has that over everything, until it joins a user namespace: from then on
 *    only over what that one owns.  A network namespace made by the host's root would be out of
 *    reach.  So for it the user namespace comes last.
 *  - An unprivileged caller has it over nothing, until it joins the user namespace.  So for it the
 *    user namespace comes first.
 *
 * Both are served by one order: everything but the user namespace; what was not permitted is put
 * off; the user namespace; what was put off.  A join that succeeds early would have had the same
 * effect late, and nothing but the target's rights differs, because all targets are fds.
 *
 * Among the others the order is free; the mount namespace stands behind those that are looked at
 * through /proc when something fails.
 */
const struct namespace_kind namespace_kinds[NAMESPACE_KINDS] = {
  /* type                  flag             name       proc_name */
    {SPEC_NAMESPACE_IPC,     CLONE_NEWIPC,    "ipc",     "ipc"   },
    {SPEC_NAMESPACE_UTS,     CLONE_NEWUTS,    "uts",     "uts"   },
    {SPEC_NAMESPACE_NETWORK, CLONE_NEWNET,    "network", "net"   },
    {SPEC_NAMESPACE_PID,     CLONE_NEWPID,    "pid",     "pid"   },
    {SPEC_NAMESPACE_TIME,    CLONE_NEWTIME,   "time",    "time"  },
    {SPEC_NAMESPACE_CGROUP,  CLONE_NEWCGROUP, "cgroup",  "cgroup"},
    {SPEC_NAMESPACE_MOUNT,   CLONE_NEWNS,     "mount",   "mnt"   },
    {SPEC_NAMESPACE_USER,    CLONE_NEWUSER,   "user",    "user"  },
};

static const struct namespace_kind *kind_of_flag(uint64_t flag)
{
    for (size_t k = 0; k < NAMESPACE_KINDS; k++) {
        const struct namespace_kind *kind = &namespace_kinds[k];

        if (kind->flag == flag)
            return kind;
    }
    return NULL;
}

/* --- the plan ------------------------------------------------------------------------------- */

static int plan_one(struct namespace_plan *plan, const struct namespace_kind *kind,
                    const struct spec_namespace *entry, size_t index, struct error *err)
{
    char shown[1040];

    if ((plan->create | plan->join) & kind->flag)
        return refuse(err, EINVAL, "linux.namespaces[%zu].type: \"%s\" is listed twice", index,
                      kind->name);
    if (entry->path == NULL || entry->path[0] == '\0') {
        plan->create |= kind->flag;
        return 0;
    }
    if (entry->path[0] != '/')
        return refuse(err, EINVAL, "linux.namespaces[%zu].path: \"%s\" is not an absolute path",
                      index, quotable(shown, entry->path));
    plan->join |= kind->flag;
    plan->joins[plan->join_count++] = (struct namespace_join){
        .kind = kind,
        .path = entry->path,
        .index = index,
        .fd = -1,
    };
    return 0;
}

int namespace_plan_from_spec(struct namespace_plan *ret, const struct spec *spec, struct error *err)
{
    struct namespace_plan plan = {0};
    const struct spec_linux *linux_part = spec->linux_;

    for (size_t k = 0; k < NAMESPACE_KINDS; k++) {
        const struct namespace_kind *kind = &namespace_kinds[k];

        for (size_t i = 0; linux_part != NULL && i < linux_part->namespaces.count; i++) {
            const struct spec_namespace *entry = &linux_part->namespaces.items[i];

            if (entry->type != (int)kind->type)
                continue;

            int code = plan_one(&plan, kind, entry, i, err);

            if (code < 0)
                return code;
        }
    }
    *ret = plan;
    return 0;
}

/* --- joining by path ------------------------------------------------------------------------ */

/* Open `path` and check that it is a namespace of that kind.  O_NONBLOCK: a FIFO must not hang. */
static int open_namespace(const char *path, const struct namespace_kind *kind, struct error *err)
{
    char shown[1040];
    struct statfs filesystem;
    autoclose int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

    quotable(shown, path);
    if (fd < 0)
        return fail(err, errno, "open %s", shown);
    if (fstatfs(fd, &filesystem) < 0)
        return fail(err, errno, "%s", shown);
    if (filesystem.f_type != NSFS_MAGIC) {
        refuse(err, EINVAL, "%s: is not a namespace", shown);
        return hint(err, "a namespace is /proc/PID/ns/%s or a bind mount of one", kind->proc_name);
    }

    int flag = ioctl(fd, NS_GET_NSTYPE);

    if (flag < 0)
        return fail(err, errno, "%s: ask for its type", shown);
    if ((uint64_t)flag != kind->flag) {
        const struct namespace_kind *other = kind_of_flag((uint64_t)flag);

        return refuse(err, EINVAL, "%s: is a %s namespace, not %s", shown,
                      other == NULL ? "unknown" : other->proc_name, kind->proc_name);
    }
    return take_fd(&fd);
}

int namespace_open_joins(struct namespace_plan *plan, struct error *err)
{
    for (size_t i = 0; i < plan->join_count; i++) {
        struct namespace_join *join = &plan->joins[i];
        int fd = open_namespace(join->path, join->kind, err);

        if (fd < 0) {
            namespace_close_joins(plan);
            return within(err, "linux.namespaces[%zu].path", join->index);
        }
        close_fd(&join->fd);
        join->fd = fd;
    }
    return 0;
}

void namespace_close_joins(struct namespace_plan *plan)
{
    for (size_t i = 0; i < plan->join_count; i++)
        close_fd(&plan->joins[i].fd);
}

/* 1 when `fd` is the namespace of that kind that we are in, 0 when not, or -errno.  This thread's:
 * a daemon's may differ. */
static int is_our_own(int fd, const struct namespace_kind *kind)
{
    char path[sizeof "/proc/thread-self/ns/cgroup"];
    struct stat theirs;
    struct stat ours;

    snprintf(path, sizeof path, "/proc/thread-self/ns/%s", kind->proc_name);
    if (fstat(fd, &theirs) < 0 || stat(path, &ours) < 0)
        return -errno;
    return theirs.st_dev == ours.st_dev && theirs.st_ino == ours.st_ino;
}

int namespace_foreign(const struct namespace_plan *plan, uint64_t *ret, struct error *err)
{
    uint64_t foreign = plan->create | plan->join;

    for (size_t i = 0; i < plan->join_count; i++) {
        const struct namespace_join *join = &plan->joins[i];
        int own = is_our_own(join->fd, join->kind);

        if (own < 0)
            return fail(err, -own, "linux.namespaces[%zu].path: compare with our own", join->index);
        if (own > 0)
            foreign &= ~join->kind->flag;
    }
    *ret = foreign;
    return 0;
}

/* 0 or -errno. */
static int enter(int fd, const struct namespace_kind *kind)
{
    if (setns(fd, (int)kind->flag) == 0)
        return 0;

    int code = errno;

    /* The user namespace that one is in already is refused. */
    if (code == EINVAL && kind->flag == CLONE_NEWUSER && is_our_own(fd, kind) > 0)
        return 0;
    return -code;
}

/* Enter fds[i] of namespace_kinds[i], where it is not -1, in the order explained above.  Returns
 * -errno and the kind that failed. */
static int enter_all(const int fds[NAMESPACE_KINDS], const struct namespace_kind **ret_failed)
{
    bool put_off[NAMESPACE_KINDS] = {false};
    bool user_follows = fds[NAMESPACE_KINDS - 1] >= 0; /* the last row */

    for (size_t i = 0; i < NAMESPACE_KINDS; i++) {
        int code = fds[i] < 0 ? 0 : enter(fds[i], &namespace_kinds[i]);

        put_off[i] = code == -EPERM && user_follows && i < NAMESPACE_KINDS - 1;
        if (code < 0 && !put_off[i]) {
            *ret_failed = &namespace_kinds[i];
            return code;
        }
    }
    for (size_t i = 0; i < NAMESPACE_KINDS; i++) {
        int code = put_off[i] ? enter(fds[i], &namespace_kinds[i]) : 0;

        if (code < 0) {
            *ret_failed = &namespace_kinds[i];
            return code;
        }
    }
    return 0;
}

static int tell_join(struct error *err, int code, const struct namespace_kind *kind)
{
    fail(err, code, "join the %s namespace", kind->name);
    if (code == EPERM)
        hint(err, "it takes CAP_SYS_ADMIN over the user namespace that owns it");
    return -code;
}

int namespace_join(const struct namespace_plan *plan, uint64_t kinds, struct error *err)
{
    const struct namespace_kind *failed = NULL;
    int fds[NAMESPACE_KINDS];
    char shown[1040];

    for (size_t i = 0; i < NAMESPACE_KINDS; i++)
        fds[i] = -1;
    for (size_t i = 0; i < plan->join_count; i++) {
        const struct namespace_join *join = &plan->joins[i];

        if (join->kind->flag & kinds)
            fds[join->kind - namespace_kinds] = join->fd;
    }

    int code = enter_all(fds, &failed);

    if (code == 0)
        return 0;
    tell_join(err, -code, failed);
    for (size_t i = 0; i < plan->join_count; i++) {
        const struct namespace_join *join = &plan->joins[i];

        if (join->kind == failed)
            return within(err, "linux.namespaces[%zu].path: %s", join->index,
                          quotable(shown, join->path));
    }
    return code;
}

/* --- joining those of a process ------------------------------------------------------------- */

enum { NS_PATH_SIZE = sizeof "/proc/-2147483648/ns/cgroup" };

static void path_of(char path[static NS_PATH_SIZE], pid_t pid, const struct namespace_kind *kind)
{
    snprintf(path, NS_PATH_SIZE, "/proc/%d/ns/%s", (int)pid, kind->proc_name);
}

uint64_t namespace_made_for(const struct spec *spec)
{
    uint64_t made = 0;

    for (size_t i = 0; spec->linux_ != NULL && i < spec->linux_->namespaces.count; i++) {
        const struct spec_namespace *namespace = &spec->linux_->namespaces.items[i];

        for (size_t k = 0; k < NAMESPACE_KINDS; k++) {
            if ((namespace->path == NULL || *namespace->path == '\0') &&
                (int)namespace_kinds[k].type == (int)namespace->type &&
                namespace->type != SPEC_NAMESPACE_USER)
                made |= namespace_kinds[k].flag;
        }
    }
    return made;
}

int namespace_differences(pid_t pid, uint64_t known, uint64_t *ret, struct error *err)
{
    uint64_t differences = known;

    for (size_t k = 0; k < NAMESPACE_KINDS; k++) {
        const struct namespace_kind *kind = &namespace_kinds[k];
        char path[NS_PATH_SIZE];
        char own[] = "/proc/self/ns/cgroup";
        struct stat theirs;
        struct stat ours;

        if ((known & kind->flag) != 0)
            continue;
        snprintf(own, sizeof own, "/proc/self/ns/%s", kind->proc_name);
        if (stat(own, &ours) < 0) {
            if (errno == ENOENT && kind->flag != CLONE_NEWNS)
                continue; /* a kind that this kernel does not have: nobody differs */
            return fail(err, errno, "look at %s", own);
        }
        path_of(path, pid, kind);
        if (stat(path, &theirs) < 0)
            return fail(err, errno == ENOENT ? ESRCH : errno, "look at %s", path);
        if (theirs.st_dev != ours.st_dev || theirs.st_ino != ours.st_ino)
            differences |= kind->flag;
    }
    *ret = differences;
    return 0;
}

/* The pid behind a pidfd, from its fdinfo; -errno.  -ESRCH when the process is gone. */
static pid_t pid_of(int pidfd)
{
    char path[sizeof "/proc/self/fdinfo/-2147483648"];
    char text[1024];

    snprintf(path, sizeof path, "/proc/self/fdinfo/%d", pidfd);

    ssize_t length = read_pseudo_file(AT_FDCWD, path, text, sizeof text);

    if (length < 0)
        return (pid_t)length;

    const char *line = strstr(text, "\nPid:");
    long pid = line == NULL ? 0 : strtol(line + strlen("\nPid:"), NULL, 10);

    return line == NULL ? -EBADF : pid <= 0 ? -ESRCH : (pid_t)pid;
}

static void close_all(int fds[NAMESPACE_KINDS])
{
    for (size_t i = 0; i < NAMESPACE_KINDS; i++)
        close_fd(&fds[i]);
}

/* Open those of `flags` below /proc/PID/ns; the fds are the caller's also on failure. */
static int open_of_process(int pidfd, uint64_t flags, int fds[NAMESPACE_KINDS], struct error *err)
{
    pid_t pid = pid_of(pidfd);

    if (pid < 0)
        return fail(err, -pid, "find the process whose namespaces to join");
    for (size_t i = 0; i < NAMESPACE_KINDS; i++) {
        char path[NS_PATH_SIZE];

        if (!(namespace_kinds[i].flag & flags))
            continue;
        path_of(path, pid, &namespace_kinds[i]);
        fds[i] = open(path, O_RDONLY | O_CLOEXEC);
        if (fds[i] < 0)
            return fail(err, errno, "open %s", path);
    }
    /* Still the same process: its pid cannot have been given to another one meanwhile. */
    if (kernel_pidfd_send_signal(pidfd, 0) < 0 && errno == ESRCH)
        return fail(err, ESRCH, "join the namespaces of process %d", (int)pid);
    return 0;
}

/* Kernels before 5.8, and the name of the kind that failed. */
static int join_one_by_one(int pidfd, uint64_t flags, struct error *err)
{
    const struct namespace_kind *failed = NULL;
    int fds[NAMESPACE_KINDS];

    for (size_t i = 0; i < NAMESPACE_KINDS; i++)
        fds[i] = -1;

    int code = open_of_process(pidfd, flags, fds, err);

    if (code == 0) {
        code = enter_all(fds, &failed);
        if (code < 0)
            tell_join(err, -code, failed);
    }
    close_all(fds);
    return code;
}

int namespace_join_process(int pidfd, uint64_t flags, struct error *err)
{
    if (flags == 0)
        return 0;
    /* All at once: the kernel checks the rights over all of them before it enters any. */
    if (setns(pidfd, (int)flags) == 0)
        return 0;
    if (errno == ESRCH)
        return fail(err, ESRCH, "join the namespaces of the container's process");
    return join_one_by_one(pidfd, flags, err);
}
