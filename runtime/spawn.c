#include "runtime/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/kernel.h"
#include "base/own.h"
#include "base/signals.h"
#include "namespaces/user.h"
#include "runtime/handshake.h"
#include "runtime/lend.h"
#include "runtime/program.h"

/* clone3 may be hidden by an old seccomp filter around us (ENOSYS, EPERM): clone(2) can do all but
 * time namespaces and the cgroup, which the child then joins by itself. */
static pid_t clone_without_clone3(uint64_t flags, int *ret_pidfd)
{
    if ((flags & CLONE_NEWTIME) != 0) {
        errno = ENOSYS;
        return -1;
    }
    return kernel_clone_pidfd((unsigned long)(flags & ~(uint64_t)CLONE_INTO_CGROUP) | SIGCHLD,
                              ret_pidfd);
}

/* Clone; *joined_v2 tells (in both processes) whether the cgroup was entered on the way. */
static pid_t clone_process(uint64_t flags, int cgroup, int *ret_pidfd, bool *joined_v2)
{
    struct clone_args args = {
        .flags = flags | CLONE_PIDFD | (cgroup >= 0 ? CLONE_INTO_CGROUP : 0),
        .pidfd = (uint64_t)ret_pidfd,
        .exit_signal = (flags & CLONE_PARENT) != 0 ? 0 : SIGCHLD,
        .cgroup = cgroup >= 0 ? (uint64_t)cgroup : 0,
    };

    *joined_v2 = cgroup >= 0;

    pid_t pid = kernel_clone3(&args, sizeof args);

    if (pid < 0 && (errno == ENOSYS || errno == EPERM)) {
        int code = errno;

        *joined_v2 = false;
        pid = clone_without_clone3(args.flags, ret_pidfd);
        if (pid < 0 && errno == ENOSYS)
            errno = code;
    }
    return pid;
}

static _Noreturn void be_child(const struct spawn_request *request, bool joined_v2)
{
    request->child->joined_v2 = joined_v2;
    child_run(request->child);
}

static void begin_lent(void *context)
{
    child_run(context);
}

/* -1 with errno: it has to be done the other way. */
static pid_t clone_lending(const struct spawn_request *request, int *ret_pidfd)
{
    struct clone_args args = {
        .flags = request->create | CLONE_PIDFD | (request->cgroup >= 0 ? CLONE_INTO_CGROUP : 0),
        .pidfd = (uint64_t)ret_pidfd,
        .exit_signal = SIGCHLD,
        .cgroup = request->cgroup >= 0 ? (uint64_t)request->cgroup : 0,
    };

    request->child->joined_v2 = request->cgroup >= 0;
    return lend_clone(&args, begin_lent, request->child);
}

static int explain_clone(int code, uint64_t flags, struct error *err)
{
    static const struct {
        int code;
        const char *hint;
    } hints[] = {
        {ENOSPC, "a limit of /proc/sys/user/max_*_namespaces is reached, or they nest too deep"},
        {EPERM,  "not root: add a user namespace to linux.namespaces, or run as root"          },
        {EACCES,
         "an ordinary user moves a process only where cgroup.procs of the two cgroups' common "
         "ancestor is writable too: start in a cgroup below the delegated one, as "
         "systemd-run --user --scope does"                                                     },
        {EBUSY,  "the cgroup takes no processes: it has children with controllers enabled"     },
        {EAGAIN, "a limit of processes is reached: pids.max, RLIMIT_NPROC, kernel.pid_max"     },
    };

    fail(err, code, "clone");
    if ((flags & CLONE_NEWUSER) != 0 && (code == ENOSPC || code == EPERM))
        return user_namespace_hint(err);
    for (size_t i = 0; i < count_of(hints); i++) {
        if (hints[i].code == code)
            return hint(err, "%s", hints[i].hint);
    }
    return -code;
}

/* --- the doorman
 * --------------------------------------------------------------------------------------- */

/* exec: all of the container's namespaces.  The process that follows is born in the pid namespace,
 * where the container's own can see it: by then its root must not be the host's any more, for
 * whoever may trace there could follow /proc/PID/root (CVE-2016-9962 is of that kind). */
static int enter_target(const struct child *child, struct error *err)
{
    if (prctl(PR_SET_DUMPABLE, 0) < 0)
        return fail(err, errno, "become undumpable");
    if (namespace_join_process(child->target, child->target_namespaces, err) < 0)
        return -err->code;
    return (child->target_namespaces & CLONE_NEWUSER) != 0 ? user_become_root(err) : 0;
}

static int enter_time_namespace(const struct spawn_request *request, struct error *err)
{
    if ((request->join_first->join & CLONE_NEWTIME) != 0)
        return namespace_join(request->join_first, CLONE_NEWTIME, err);
    if ((request->create & CLONE_NEWTIME) == 0)
        return 0;
    if (unshare(CLONE_NEWTIME) < 0)
        return fail(err, errno, "new time namespace");
    return time_plan_apply(request->time, err);
}

/* create: the user namespace first, for the others are to belong to it.  Root last: until then we
 * are whom the files of /proc/self belong to. */
static int enter_joined(const struct spawn_request *request, struct error *err)
{
    if (namespace_join(request->join_first, CLONE_NEWUSER, err) < 0 ||
        enter_time_namespace(request, err) < 0 ||
        namespace_join(request->join_first, CLONE_NEWPID, err) < 0)
        return -err->code;
    return user_become_root(err);
}

static int prepare_door(const struct spawn_request *request, struct error *err)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
        return fail(err, errno, "follow the runtime into death");
    if (child_run_early(request->child, err) < 0)
        return -err->code;
    if (request->child->occasion == CHILD_ON_EXEC ? enter_target(request->child, err) < 0
                                                  : enter_joined(request, err) < 0)
        return within(err, "join-namespaces");
    return 0;
}

/* The doorman holds the other end until it ends, having said who the real process is.  Earlier the
 * real process must not speak: its messages would be taken for the doorman's. */
static _Noreturn void wait_for_announcement(const struct spawn_request *request, int gate[static 2])
{
    char nothing;

    close_fd(&gate[1]);
    while (read(gate[0], &nothing, 1) < 0 && errno == EINTR)
        continue;
    close_fd(&gate[0]);
    child_run(request->child);
}

static _Noreturn void be_doorman(const struct spawn_request *request)
{
    struct child *child = request->child;
    struct error err;
    bool unused;
    int pidfd = -1;
    int gate[2];

    child->behind_doorman = true;
    if (prepare_door(request, &err) < 0 ||
        (pipe2(gate, O_CLOEXEC) < 0 && fail(&err, errno, "make a pipe") < 0)) {
        handshake_send_failure(child->socket, &err);
        _exit(1);
    }

    uint64_t flags = (request->create & ~(uint64_t)CLONE_NEWTIME) | CLONE_PARENT;
    pid_t pid = clone_process(flags, -1, &pidfd, &unused);

    if (pid == 0)
        wait_for_announcement(request, gate);
    if (pid < 0) {
        explain_clone(errno, flags, &err);
        handshake_send_failure(child->socket, &err);
        _exit(1);
    }
    if (handshake_send(child->socket, HANDSHAKE_SPAWNED, pid, pidfd) < 0)
        kernel_pidfd_send_signal(pidfd, SIGKILL);
    _exit(0);
}

/* --- the parent's side
 * ------------------------------------------------------------------------------------ */

/* Children of ours shall be born in that pid namespace; *ret_own is what to restore. */
static int choose_pid_namespace(int pid_namespace, int *ret_own, struct error *err)
{
    autoclose int own = open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC);

    if (own < 0)
        return fail(err, errno, "open /proc/self/ns/pid");
    if (setns(pid_namespace, CLONE_NEWPID) < 0)
        return fail(err, errno, "join the pid namespace");
    *ret_own = take_fd(&own);
    return 0;
}

int spawn(const struct spawn_request *request, struct spawned *ret, struct error *err)
{
    uint64_t flags = request->needs_doorman ? 0 : request->create;
    autoclose int own_pid_namespace = -1;
    bool joined_v2;
    int pidfd = -1;

    request->child->changed_signals = signals_changed();
    program_find_own(&request->child->own_program);
    if (request->lends_memory) {
        pid_t lent = clone_lending(request, &pidfd);

        if (lent > 0) {
            *ret = (struct spawned){.pid = lent, .pidfd = pidfd, .has_our_memory = true};
            return 0;
        }
    }
    if (request->pid_namespace >= 0 && !request->needs_doorman &&
        choose_pid_namespace(request->pid_namespace, &own_pid_namespace, err) < 0)
        return -err->code;

    pid_t pid = clone_process(flags, request->cgroup, &pidfd, &joined_v2);
    int code = errno;

    if (pid == 0 && request->needs_doorman) {
        request->child->joined_v2 = joined_v2;
        be_doorman(request);
    }
    if (pid == 0)
        be_child(request, joined_v2);
    if (own_pid_namespace >= 0 && setns(own_pid_namespace, CLONE_NEWPID) < 0 && pid > 0)
        log_warning(request->child->log, "cannot return to our own pid namespace: %s",
                    strerror(errno));
    if (pid < 0)
        return explain_clone(code, flags, err);
    *ret = (struct spawned){.pid = pid, .pidfd = pidfd, .is_doorman = request->needs_doorman};
    return 0;
}
