#include "runtime/child_steps.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/file.h"
#include "base/inroot.h"
#include "base/kernel.h"
#include "base/own.h"
#include "runtime/descriptors.h"
#include "runtime/home.h"
#include "runtime/program.h"

/* Steps of the first process that make it what it will be: session, terminal, limits, labels, user,
 * program; and its words with the parent and with `start`.  Their order and its reasons are in
 * child.c. */

/* Once started, `start` stands in for the parent, which has gone. */
static int parents_socket(const struct child *child)
{
    return child->starter >= 0 ? child->starter : child->socket;
}

int child_ask(struct child *child, enum handshake_kind kind, int32_t index, int fd,
              struct error *err)
{
    return handshake_ask(parents_socket(child), kind, index, fd, NULL, err);
}

/* While /proc/self is still ours to write, that is before we become undumpable or anybody else.
 * Going below what we have takes CAP_SYS_RESOURCE on the host, which the parent may have. */
int child_set_oom_score(struct child *child, struct error *err)
{
    char value[16];

    snprintf(value, sizeof value, "%d", (int)child->process->oom_score_adj.value);

    int code = write_pseudo_file(AT_FDCWD, "/proc/self/oom_score_adj", value);

    if (code == -EACCES || code == -EPERM)
        return child_ask(child, HANDSHAKE_WANT_OOM_SCORE,
                         (int32_t)child->process->oom_score_adj.value, -1, err);
    return code < 0 ? fail(err, -code, "process.oomScoreAdj: write %s", value) : 0;
}

int child_pin_initially(struct child *child, struct error *err)
{
    return process_limits_apply_affinity(&child->process->initial_affinity, err);
}

/* A filter around us may forbid it, and a caller with SCHED_DEADLINE may not: then it stays as it
 * is, which is no reason not to start. */
int child_free_cpus(struct child *child, struct error *err)
{
    if (process_limits_free_cpus(err) < 0)
        log_debug(child->log, "%s", err->text);
    return 0;
}

int child_pin_finally(struct child *child, struct error *err)
{
    return process_limits_apply_affinity(&child->process->final_affinity, err);
}

/* Of keyutils.h: its possessor may do all, its user view, read, link and - what the kernel does not
 * give by itself - search it.  Whoever may not search a keyring does not find it by its name: exec
 * would make another. */
enum { KEYRING_PERMISSIONS = 0x3f1b0000 };

/* Keys are a luxury: old kernels, containers around us and full quotas go without. */
static void join_named_keyring(const struct child *child)
{
    long keyring = kernel_keyctl(KEYCTL_JOIN_SESSION_KEYRING,
                                 (unsigned long)child->process->keyring, 0, 0, 0);

    if (keyring < 0) {
        log_warning(child->log, "no session keyring: %s", strerror(errno));
        return;
    }
    if (child->container != NULL &&
        kernel_keyctl(KEYCTL_SETPERM, (unsigned long)keyring, KEYRING_PERMISSIONS, 0, 0) < 0)
        log_warning(child->log, "the session keyring is not for exec: %s", strerror(errno));
}

/* The keyring carries the label that is set while it is made. */
static int join_keyring(struct child *child, struct error *err)
{
    const struct security_labels_plan *labels = &child->process->labels;
    autoclose int thread_self = -1;

    if (labels->selinux_label != NULL) {
        autoclose int proc = mount_private_proc(err); /* on exec /proc is the container's already */

        if (proc < 0)
            return -err->code;
        thread_self = openat(proc, "thread-self", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (thread_self < 0)
            return fail(err, errno, "open thread-self in a private procfs");
        if (security_labels_set_keyring(labels, thread_self, err) < 0)
            return -err->code;
    }
    join_named_keyring(child);
    return labels->selinux_label != NULL ? security_labels_clear_keyring(labels, thread_self, err)
                                         : 0;
}

int child_new_session(struct child *child, struct error *err)
{
    if (setsid() < 0 && errno != EPERM) /* EPERM: we lead a session already */
        return fail(err, errno, "setsid");
    if (child->process->keyring == NULL)
        return 0;
    return join_keyring(child, err);
}

int child_open_terminal(struct child *child, struct error *err)
{
    const struct spec_console_size *size = child->process->console_size;
    const struct mount_plan *mounts = child->container != NULL ? child->container->mounts : NULL;
    autoclose int master = -1;
    autoclose int peer = -1;

    if (mount_open_terminal(mounts, &child->mounts, &master, &peer, err) < 0)
        return -err->code;
    if (size != NULL) {
        struct winsize cells = {.ws_row = (unsigned short)size->height,
                                .ws_col = (unsigned short)size->width};

        if (ioctl(master, TIOCSWINSZ, &cells) < 0)
            return fail(err, errno, "set the terminal's size");
    }
    if (child_ask(child, HANDSHAKE_TAKE_TERMINAL, 0, master, err) < 0)
        return -err->code;
    if (ioctl(peer, TIOCSCTTY, 0) < 0)
        return fail(err, errno, "make the terminal ours");
    if (dup2(peer, 0) < 0 || dup2(peer, 1) < 0 || dup2(peer, 2) < 0)
        return fail(err, errno, "put the terminal on stdin, stdout and stderr");
    if (fchown(0, child->process->credentials.uid, (gid_t)-1) < 0 && errno != EPERM &&
        errno != EROFS)
        return fail(err, errno, "give the terminal to its user");
    return 0;
}

static bool is_null_device(const struct stat *status)
{
    return S_ISCHR(status->st_mode) && status->st_rdev == makedev(1, 3);
}

/* Not opened by its path: a name in the container may lead to anything, and O_PATH does nothing to
 * what it finds.  -1 when there is no such device, or no right to it. */
static int open_own_null(const struct child *child)
{
    char link[sizeof "thread-self/fd/-2147483648"];
    struct stat status;
    struct error err;
    int ours = mount_open_our_null(&child->mounts);

    if (ours >= 0)
        return ours;

    autoclose int place = inroot_open(child->mounts.root, "/dev/null", INROOT_FOLLOW, &err);

    if (place < 0 || fstat(place, &status) < 0 || !is_null_device(&status))
        return -1;
    snprintf(link, sizeof link, "thread-self/fd/%d", place);
    return openat(child->mounts.proc, link, O_RDWR | O_CLOEXEC);
}

/* The host's /dev/null is on a mount that the container does not have, and CRIU writes out files
 * only with their mounts: the container's own does the same. */
int child_own_null(struct child *child, struct error *err)
{
    autoclose int null = -1;

    for (int fd = 0; fd <= 2; fd++) {
        struct stat status;

        if (fstat(fd, &status) < 0)
            return fail(err, errno, "stat fd %d", fd);
        if (!is_null_device(&status))
            continue;
        if (null < 0)
            null = open_own_null(child);
        if (null < 0)
            return 0;
        if (dup2(null, fd) < 0)
            return fail(err, errno, "put /dev/null on fd %d", fd);
    }
    return 0;
}

/* A detached process keeps the caller's pipes: its user must be able to reopen /dev/stdout. */
int child_give_stdio(struct child *child, struct error *err)
{
    for (int fd = 0; fd <= 2; fd++) {
        struct stat status;

        if (fstat(fd, &status) < 0)
            return fail(err, errno, "stat fd %d", fd);
        if (status.st_uid == child->process->credentials.uid || is_null_device(&status))
            continue;
        /* Not ours to give: a read-only file system, a user namespace without that id. */
        if (fchown(fd, child->process->credentials.uid, (gid_t)-1) < 0 && errno != EPERM &&
            errno != EROFS && errno != EINVAL)
            return fail(err, errno, "give fd %d to uid %u", fd, child->process->credentials.uid);
    }
    return 0;
}

static int open_proc_self(const struct child *child, struct error *err)
{
    int fd = openat(child->mounts.proc, "thread-self", O_PATH | O_DIRECTORY | O_CLOEXEC);

    return fd >= 0 ? fd : fail(err, errno, "open thread-self in a private procfs");
}

/* Root of a user namespace may not raise a hard limit; the parent is root of the host perhaps. */
static int set_rlimits(struct child *child, struct error *err)
{
    int code = process_limits_set_rlimits(&child->process->limits, 0, err);

    return code == -EPERM ? child_ask(child, HANDSHAKE_WANT_LIMITS, 0, -1, err) : code;
}

int child_set_process_limits(struct child *child, struct error *err)
{
    autoclose int proc_self = open_proc_self(child, err);

    if (proc_self < 0 || set_rlimits(child, err) < 0)
        return -err->code;
    return process_limits_apply(&child->process->limits, proc_self, err);
}

int child_set_labels(struct child *child, struct error *err)
{
    autoclose int proc_self = open_proc_self(child, err);

    close_fd(&child->mounts.proc);
    if (proc_self < 0)
        return -err->code;
    return security_labels_apply(&child->process->labels, proc_self, err);
}

/* From here on nothing of the host's is open but what the process is given and the two sockets:
 * CVE-2024-21626 began with a forgotten directory. */
int child_close_files(struct child *child, struct error *err)
{
    int proc = take_fd(&child->mounts.proc); /* the container's: labels go through it yet */

    mount_child_done(&child->mounts);
    child->mounts.proc = proc;

    int kept[] = {child->socket, child->listener, child->mounts.proc, child->log->fd};

    if (descriptors_close_all_but(3 + child->process->preserved_fds, kept, count_of(kept)) < 0)
        return fail(err, errno, "close files");
    child->mounts.root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    return child->mounts.root < 0 ? fail(err, errno, "open /") : 0;
}

int child_find_home(struct child *child, struct error *err)
{
    (void)err;
    home_find(child->mounts.root, child->process->credentials.uid, child->home, sizeof child->home);
    child->process->env[child->process->env_count] = child->home;
    child->process->env[child->process->env_count + 1] = NULL;
    return 0;
}

/* Enter process.cwd and prove that it lies inside the root: a directory that cannot be reached from
 * "/" has no path. */
int child_enter_cwd_now(struct child *child, struct error *err)
{
    char path[PATH_MAX];
    char quoted[1040];
    autoclose int fd = inroot_open(child->mounts.root, child->process->cwd, INROOT_FOLLOW, err);

    if (fd < 0)
        return prefix(err, "process.cwd: ");
    if (fchdir(fd) < 0)
        return fail(err, errno, "process.cwd: %s", quotable(quoted, child->process->cwd));
    if (getcwd(path, sizeof path) == NULL || path[0] != '/')
        return refuse(err, EPERM, "process.cwd: %s: is outside of the container's root",
                      quotable(quoted, child->process->cwd));
    child->in_cwd = true;
    return 0;
}

int child_enter_cwd(struct child *child, struct error *err)
{
    const struct credentials_plan *who = &child->process->credentials;

    if (child->occasion == CHILD_ON_CREATE &&
        mount_make_cwd(&child->mounts, child->process->cwd, who->uid, who->gid, err) < 0)
        return -err->code;
    /* Root squashed on NFS may not enter what the user may: try again after the drop. */
    if (child_enter_cwd_now(child, err) < 0 && err->code != EACCES && err->code != EPERM)
        return -err->code;
    return 0;
}

int child_load_seccomp(struct child *child, struct error *err)
{
    const struct seccomp_plan *plan = &child->process->seccomp;
    int listener = seccomp_plan_apply(plan, err);

    if (listener < 0 || !plan->has_listener)
        return listener < 0 ? listener : 0;

    int code = plan->sendmsg_waits
                   ? handshake_ask_by_sendmmsg(parents_socket(child), HANDSHAKE_TAKE_SECCOMP,
                                               listener, err)
                   : child_ask(child, HANDSHAKE_TAKE_SECCOMP, 0, listener, err);

    close_fd(&listener);
    return code;
}

int child_drop_privileges(struct child *child, struct error *err)
{
    return credentials_apply(&child->process->credentials, err);
}

int child_find_program(struct child *child, struct error *err)
{
    if (program_find(child->process->args[0], child->process->path, child->program,
                     sizeof child->program, err) < 0)
        return -err->code;
    return program_check_foreign(child->program, &child->own_program, err);
}

/* Whoever listens first is who SO_PEERCRED names to `start`. */
int child_listen_for_start(struct child *child, struct error *err)
{
    return listen(child->listener, 16) < 0 ? fail(err, errno, "listen for start") : 0;
}

/* Until it says go our parent may take its word back by ending. */
static int report_to_starter(struct child *child, struct error *err)
{
    struct handshake_message message;
    int fd = -1;
    int code = handshake_send(child->socket, HANDSHAKE_READY, 0, -1);

    if (code == 0)
        code = handshake_receive(child->socket, &message, &fd);
    close_fd(&fd);
    if (code < 0)
        return fail(err, -code, "report to the runtime");
    if (code == 0 || message.kind != HANDSHAKE_GO)
        return refuse(err, ECONNRESET, "the runtime does not start what it has made");
    if (prctl(PR_SET_PDEATHSIG, 0) < 0)
        return fail(err, errno, "outlive the runtime");
    /* Nobody listens any more: as with a caller of `start` that has gone. */
    (void)!handshake_send(child->socket, HANDSHAKE_STARTED, 0, -1);
    child->starter = take_fd(&child->socket);
    return 0;
}

int child_report_ready(struct child *child, struct error *err)
{
    if (child->starts_at_once)
        return report_to_starter(child, err);
    /* The answer comes when the state is on disk, and the parent may end at once: the death signal
     * goes first.  A parent that dies before its answer shows as a closed socket. */
    if (prctl(PR_SET_PDEATHSIG, 0) < 0)
        return fail(err, errno, "outlive the runtime");
    if (child_ask(child, HANDSHAKE_READY, 0, -1, err) < 0)
        return -err->code;
    close_fd(&child->socket);
    return 0;
}

/* Wait for `start` as long as it takes; a caller that goes away again is no start. */
int child_wait_for_start(struct child *child, struct error *err)
{
    for (;;) {
        struct handshake_message message;
        int fd = -1;
        autoclose int starter = accept4(child->listener, NULL, NULL, SOCK_CLOEXEC);

        if (starter < 0 && errno != EINTR && errno != ECONNABORTED)
            return fail(err, errno, "wait for start");
        if (starter < 0)
            continue;
        if (handshake_receive(starter, &message, &fd) <= 0 || message.kind != HANDSHAKE_GO) {
            close_fd(&fd);
            continue;
        }
        close_fd(&fd);
        if (handshake_send(starter, HANDSHAKE_STARTED, 0, -1) < 0)
            continue;
        child->starter = take_fd(&starter);
        close_fd(&child->listener);
        return 0;
    }
}

int child_need_process(struct child *child, struct error *err)
{
    if (child->process->args == NULL)
        return refuse(err, EINVAL, "process.args: missing, there is nothing to start");
    return 0;
}

int child_start_hooks(struct child *child, struct error *err)
{
    return hooks_run(&child->container->hooks->start_container, "startContainer",
                     &child->container->created, getpid(), child->process->env, err);
}

/* The death signal is gone after a change of ids: an end of file tells as well that nobody has
 * asked for this process any more. */
static int see_parent(const struct child *child, struct error *err)
{
    char nothing;

    return recv(child->socket, &nothing, 1, MSG_PEEK | MSG_DONTWAIT) == 0
               ? refuse(err, ECONNRESET, "the runtime has gone")
               : 0;
}

int child_seal_files(struct child *child, struct error *err)
{
    if (descriptors_pass(3, child->process->preserved_fds) < 0)
        return fail(err, errno, "hand over files");
    if (prctl(PR_SET_PDEATHSIG, 0) < 0)
        return fail(err, errno, "outlive the runtime");
    return child->occasion == CHILD_ON_EXEC ? see_parent(child, err) : 0;
}

/* The closed socket alone would not tell an execve from a process that was killed before it. */
int child_announce_program(struct child *child, struct error *err)
{
    int code = handshake_send(child->socket, HANDSHAKE_EXECUTING, 0, -1);

    return code < 0 ? fail(err, -code, "tell the runtime") : 0;
}

int child_execute(struct child *child, struct error *err)
{
    execve(child->program, child->process->args, child->process->env);

    int code = errno;

    fail(err, code, "exec: \"%s\"", child->program);
    return program_explain(child->mounts.root, child->program, code, err);
}
