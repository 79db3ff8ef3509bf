#include "runtime/criu.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/kernel.h"
#include "base/own.h"
#include "base/text.h"
#include "runtime/deadline.h"
#include "runtime/descriptors.h"
#include "runtime/handshake.h"
#include "runtime/signals.h"

enum { ANSWER_SIZE = 65536, KEPT_MOST = 16 };

/* How long criu may take: to end, with all undone, once it has failed or answered; to ask the next
 * time, once we have given up (it does not while it writes out memory); the same with the network
 * locked, which nobody but criu unlocks; to say its version. */
enum {
    END_DEADLINE_MS = 10000,
    GIVE_UP_DEADLINE_MS = 10000,
    GIVE_UP_LOCKED_DEADLINE_MS = 300000,
    VERSION_DEADLINE_S = 10
};

/* --- the process
 * ------------------------------------------------------------------------------------- */

struct criu {
    pid_t pid;
    int pidfd;
    int socket; /* our end */
    int work;   /* the working directory, as criu's mount namespace has it; or -1 */
    struct deadline deadline;
    bool given_up;
    bool may_hold_network; /* a dump: criu has locked the network, as far as we are told */
};

/* The processes are made where criu is: in their cgroup, and below a root that is a mount, which
 * criu insists on.  Nobody else sees that mount, and it goes with criu.  All are shared: mounts
 * that had a master outside get one again by joining its peers. */
static int enter_place(const struct criu_job *job, struct error *err)
{
    if (job->host != NULL && cgroup_step_aside(job->host, err) < 0)
        return -err->code;
    if (job->cgroup != NULL && cgroup_join_self(job->cgroup, false, err) < 0)
        return -err->code;
    if (job->mount_root == NULL)
        return 0;
    if (unshare(CLONE_NEWNS) < 0)
        return fail(err, errno, "unshare the mount namespace");
    if (kernel_mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0 ||
        kernel_mount(NULL, "/", NULL, MS_REC | MS_SHARED, NULL) < 0)
        return fail(err, errno, "cut / off from the host's mounts");
    if (kernel_mount(job->mount_root, job->mount_root, NULL, MS_BIND | MS_REC, NULL) < 0)
        return fail(err, errno, "mount %s onto itself", job->mount_root);
    return 0;
}

/* A terminal that restored processes share with ours is criu's standard input; else it has none. */
static int choose_stdio(const struct criu_job *job)
{
    if (job->options != NULL && job->options->shell_job)
        return 0;

    autoclose int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    if (null < 0)
        return -errno;
    for (int fd = 0; fd < 3; fd++) {
        if (dup2(null, fd) < 0)
            return -errno;
    }
    return 0;
}

/* All but `work` stay open at execve. */
static int pass_descriptors(const struct criu_job *job, int socket, int work)
{
    int kept[KEPT_MOST + 1] = {socket};
    size_t count = 1;

    for (size_t i = 0; job->options != NULL && i < job->options->inherit.count; i++) {
        if (count < KEPT_MOST)
            kept[count++] = job->options->inherit.items[i].fd;
    }
    for (size_t i = 0; i < count; i++) {
        if (fcntl(kept[i], F_SETFD, 0) < 0)
            return -errno;
    }
    kept[count++] = work;
    return descriptors_close_all_but(3, kept, count);
}

/* criu opens what we name as /proc/PID/fd/N of ours. */
static int get_ready(const struct criu_job *job, int socket, struct error *err)
{
    autoclose int work = -1;

    if (enter_place(job, err) < 0)
        return -err->code;
    if (job->work_path != NULL) {
        work = open(job->work_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (work < 0)
            return fail(err, errno, "open %s", job->work_path);
    }
    if (choose_stdio(job) < 0 || pass_descriptors(job, socket, work) < 0)
        return fail(err, errno, "pass descriptors to criu");

    int code = handshake_send(socket, HANDSHAKE_READY, 0, work);

    return code < 0 ? fail(err, -code, "say that criu is ready") : 0;
}

/* What a terminal sends to its foreground, Ctrl-C above all, is for us to deal with: criu, killed
 * half way, would leave processes frozen, or without their network.  But the terminal itself only
 * the foreground may set up, which criu does for a shell job that it restores. */
static void leave_foreground(const struct criu_job *job)
{
    if (job->type != CRIU_RESTORE || !job->options->shell_job)
        setpgid(0, 0);
}

static _Noreturn void become_criu(const struct criu_job *job, int socket)
{
    char number[16];
    char *args[] = {(char[]){"criu"}, (char[]){"swrk"}, number, NULL};
    struct error err;

    snprintf(number, sizeof number, "%d", socket);
    leave_foreground(job);
    signals_reset(UINT64_MAX);
    if (get_ready(job, socket, &err) < 0)
        handshake_send_failure(socket, &err);
    else
        execve(job->program, args, job->environment);
    _exit(127);
}

static bool locks_network(const struct criu_job *job)
{
    return job->type == CRIU_DUMP && job->options->network_lock != CRIU_LOCK_SKIP;
}

static int start(const struct criu_job *job, struct criu *ret, struct error *err)
{
    int ends[2], pidfd = -1;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return fail(err, errno, "make a socket pair");

    autoclose int ours = ends[0];
    autoclose int its = ends[1];
    pid_t pid = kernel_clone_pidfd(SIGCHLD, &pidfd);

    if (pid < 0)
        return fail(err, errno, "start %s", job->program);
    if (pid == 0)
        become_criu(job, its);
    *ret = (struct criu){
        .pid = pid,
        .pidfd = pidfd,
        .socket = take_fd(&ours),
        .work = -1,
        .deadline = deadline_in_ms(job->deadline_s > 0 ? job->deadline_s * 1000 : -1),
        /* Outside a network namespace of the container's own: connection by connection, unsaid. */
        .may_hold_network = locks_network(job) && job->options->tcp_established,
    };
    return 0;
}

/* A deadline for the whole is only there where nothing has to be undone. */
static void give_up(struct criu *criu, const struct criu_job *job)
{
    int patience = criu->may_hold_network ? GIVE_UP_LOCKED_DEADLINE_MS : GIVE_UP_DEADLINE_MS;

    criu->given_up = true;
    criu->deadline = deadline_in_ms(job->deadline_s > 0 ? 0 : patience);
}

/* Of a criu that has ended without taking anything back. */
static int warn_of_lock(const struct criu *criu, struct error *err)
{
    return criu->may_hold_network
               ? hint(err, "the container's network may still be locked, by firewall rules of criu")
               : -err->code;
}

static int lose_patience(const struct criu *criu, const struct criu_job *job, struct error *err)
{
    kernel_pidfd_send_signal(criu->pidfd, SIGKILL);
    if (!criu->given_up)
        return refuse(err, ETIMEDOUT, "criu: no answer within %d s", job->deadline_s);
    refuse(err, EINTR, "criu: interrupted");
    return warn_of_lock(criu, err);
}

/* Until there is something to hear from it, or it has ended: that the socket would not tell while
 * processes that it was restoring have it open. */
static int await(struct criu *criu, const struct criu_job *job, struct error *err)
{
    for (;;) {
        struct pollfd fds[] = {
            {.fd = criu->socket,                       .events = POLLIN},
            {.fd = criu->given_up ? -1 : job->give_up, .events = POLLIN},
            {.fd = criu->pidfd,                        .events = POLLIN},
        };
        int ready = poll(fds, count_of(fds), deadline_poll_ms(&criu->deadline));

        if (ready < 0 && errno != EINTR)
            return fail(err, errno, "wait for criu");
        if (ready > 0 && fds[1].revents != 0)
            give_up(criu, job);
        else if (ready > 0)
            return 0;
        if (deadline_passed(&criu->deadline))
            return lose_patience(criu, job, err);
    }
}

/* Before it is criu it says that all is prepared, or what failed. */
static int await_ready(struct criu *criu, const struct criu_job *job, struct error *err)
{
    struct handshake_message message;

    if (await(criu, job, err) < 0)
        return -err->code;

    int code = handshake_receive(criu->socket, &message, &criu->work);

    if (code < 0)
        return fail(err, -code, "start criu");
    if (code == 0)
        return refuse(err, ECHILD, "criu did not start");
    if (message.kind != HANDSHAKE_FAILED)
        return 0;
    *err = message.error;
    return within(err, "start criu");
}

/* It ends by itself once it has answered or lost us.  How it ended. */
static siginfo_t finish(struct criu *criu)
{
    struct deadline deadline = deadline_in_ms(END_DEADLINE_MS);
    siginfo_t info = {0};

    close_fd(&criu->socket);
    close_fd(&criu->work);
    if (deadline_wait(&deadline, criu->pidfd, POLLIN) <= 0)
        kernel_pidfd_send_signal(criu->pidfd, SIGKILL);
    while (waitid((idtype_t)P_PIDFD, (id_t)criu->pidfd, &info, WEXITED) < 0 && errno == EINTR)
        continue;
    close_fd(&criu->pidfd);
    return info;
}

/* --- the talk
 * ---------------------------------------------------------------------------------------- */

/* That nobody is there any more is not said here: what criu has said before that is still to be
 * heard, and its log to be read. */
static int say(const struct criu *criu, const struct criu_request *request, struct error *err)
{
    autoarena struct arena arena = {NULL};
    char *bytes;
    size_t length;

    if (criu_request_encode(request, &arena, &bytes, &length, err) < 0)
        return -err->code;
    if (send(criu->socket, bytes, length, MSG_NOSIGNAL) < 0 && errno != EPIPE)
        return fail(err, errno, "talk to criu");
    return 0;
}

static int take_along(struct msghdr *message)
{
    struct cmsghdr *header = CMSG_FIRSTHDR(message);
    int fd = -1;

    if (header != NULL && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS)
        memcpy(&fd, CMSG_DATA(header), sizeof fd);
    return fd;
}

/* One message: 1, or 0 when there will be none any more. */
static int hear(struct criu *criu, const struct criu_job *job, struct criu_response *ret,
                int *ret_fd, struct error *err)
{
    static const size_t control_size = CMSG_SPACE(sizeof(int));
    char bytes[ANSWER_SIZE];
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
    struct iovec part = {bytes, sizeof bytes};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = control_size};
    ssize_t length;

    if (await(criu, job, err) < 0)
        return -err->code;
    do
        length = recvmsg(criu->socket, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    while (length < 0 && errno == EINTR);
    if (length == 0 || (length < 0 && (errno == ECONNRESET || errno == EAGAIN)))
        return 0;
    if (length < 0)
        return fail(err, errno, "listen to criu");
    *ret_fd = take_along(&message);
    if (criu_response_decode(bytes, (size_t)length, ret, err) < 0) {
        close_fd(ret_fd);
        return -err->code;
    }
    return 1;
}

static int answer(struct criu *criu, const struct criu_job *job, const struct criu_response *notice,
                  int fd, struct error *err)
{
    struct criu_request reply = {.type = CRIU_NOTIFY, .notify_success = !criu->given_up};
    struct error of_send;

    /* It asks before it does so, and does not when it is told to give up. */
    if (!criu->given_up && strcmp(notice->notify_script, "network-lock") == 0)
        criu->may_hold_network = locks_network(job);

    if (criu->given_up || job->notified == NULL ||
        job->notified(job->context, notice->notify_script, (pid_t)notice->notify_pid, fd, err) == 0)
        return say(criu, &reply, err);
    /* Told so, criu undoes what it has done; the reason is ours. */
    reply.notify_success = false;
    (void)!say(criu, &reply, &of_send);
    return -err->code;
}

/* Until the answer to the request itself: 1; 0 when criu ended without one. */
static int converse(struct criu *criu, const struct criu_job *job, struct criu_response *ret,
                    struct error *err)
{
    struct criu_options options = {0};
    struct criu_request request = {.type = job->type};

    if (job->options != NULL) {
        options = *job->options;
        options.work_dir = criu->work;
        request.options = &options;
    }
    if (criu->given_up)
        return 0;
    if (say(criu, &request, err) < 0)
        return -err->code;
    for (;;) {
        autoclose int fd = -1;
        int code = hear(criu, job, ret, &fd, err);

        if (code <= 0 || ret->type != CRIU_NOTIFY)
            return code;
        if (answer(criu, job, ret, fd, err) < 0)
            return -err->code;
    }
}

/* --- the outcome
 * ------------------------------------------------------------------------------------- */

/* What criu calls an error and goes on after. */
static bool is_harmless(const char *error)
{
    static const char *const beginnings[] = {
        "rlimit: Can't setup RLIMIT_NOFILE",
        "page-xfer: No parent image found", /* a process younger than the pre-dump */
        "tun: Unable to create tun",        /* a host without /dev/net/tun: it only asks for it */
    };
    const char *at = strstr(error, "): ");

    for (size_t i = 0; at != NULL && i < count_of(beginnings); i++) {
        if (starts_with(at + strlen("): "), beginnings[i]))
            return true;
    }
    return false;
}

/* "(00.012345) Error (criu/files.c:12): what": from "Error" on.  The first says most: the rest
 * follows from it. */
static bool first_error(const char *log_path, char *line, size_t size)
{
    FILE *log = log_path != NULL ? fopen(log_path, "re") : NULL;
    bool found = false;

    while (log != NULL && !found && fgets(line, (int)size, log) != NULL) {
        char *at = strstr(line, "Error (");

        if (at == NULL || is_harmless(at))
            continue;
        memmove(line, at, strlen(at) + 1);
        line[strcspn(line, "\n")] = '\0';
        found = true;
    }
    if (log != NULL)
        fclose(log);
    return found;
}

/* What the log says first, else what criu answered, else how it ended. */
static int explain(const struct criu_response *response, const char *ending, const char *log_path,
                   struct error *err)
{
    char line[512];
    char quoted[1040];
    const char *what = *response->error_text != '\0' ? response->error_text : ending;
    int code = response->error_number > 0 && response->error_number < 4096
                   ? (int)response->error_number
                   : EIO;

    if (first_error(log_path, line, sizeof line))
        what = line;
    refuse(err, code, "criu: %s", quotable(quoted, what));
    if (log_path != NULL && access(log_path, F_OK) == 0)
        return hint(err, "log file: %s", log_path);
    return -code;
}

static int explain_end(const siginfo_t *end, const char *log_path, struct error *err)
{
    struct criu_response none = {0};
    char ending[64];

    snprintf(ending, sizeof ending, "ended without an answer, %s %d",
             end->si_code == CLD_EXITED ? "exit status" : "signal", end->si_status);
    return explain(&none, ending, log_path, err);
}

static int run(const struct criu_job *job, const char *log_path, struct criu_response *ret,
               struct error *err)
{
    struct criu criu;

    if (start(job, &criu, err) < 0)
        return -err->code;

    int code = await_ready(&criu, job, err);

    if (code == 0)
        code = converse(&criu, job, ret, err);

    siginfo_t end = finish(&criu);

    if (code < 0)
        return -err->code;
    if (code > 0 && ret->success)
        return 0;
    if (criu.given_up)
        refuse(err, EINTR, "criu: interrupted");
    else if (code > 0)
        explain(ret, "failed", log_path, err);
    else
        explain_end(&end, log_path, err);
    return code > 0 ? -err->code : warn_of_lock(&criu, err);
}

/* So that what is there afterwards is of this run. */
static int remove_old_log(const char *log_path, struct error *err)
{
    if (unlink(log_path) == 0 || errno == ENOENT)
        return 0;
    return fail(err, errno, "remove the old log %s", log_path);
}

int criu_run(const struct criu_job *job, const char *log_path, pid_t *ret_pid, struct error *err)
{
    struct criu_response response;

    if (remove_old_log(log_path, err) < 0 || run(job, log_path, &response, err) < 0)
        return -err->code;
    if (ret_pid != NULL)
        *ret_pid = (pid_t)response.restored_pid;
    return 0;
}

/* --- the program
 * ------------------------------------------------------------------------------------- */

static const char *path_of(char *const *environment)
{
    for (; environment != NULL && *environment != NULL; environment++) {
        if (starts_with(*environment, "PATH="))
            return *environment + strlen("PATH=");
    }
    return "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
}

static int check_version(const struct criu_job *job, struct error *err)
{
    struct criu_response response;

    if (run(job, NULL, &response, err) < 0)
        return within(err, "ask %s for its version", job->program);
    if (response.version_major > CRIU_LEAST_MAJOR ||
        (response.version_major == CRIU_LEAST_MAJOR && response.version_minor >= CRIU_LEAST_MINOR))
        return 0;
    return refuse(err, ENOSYS, "%s is version %lld.%lld, %d.%d or later is needed", job->program,
                  (long long)response.version_major, (long long)response.version_minor,
                  CRIU_LEAST_MAJOR, CRIU_LEAST_MINOR);
}

int criu_look_up(char *const *environment, struct arena *arena, const char **ret, struct error *err)
{
    for (const char *at = path_of(environment); *at != '\0';) {
        size_t length = strcspn(at, ":");
        char *path = arena_print(arena, "%.*s/criu", (int)length, at);

        if (path == NULL)
            return no_memory(err);
        if (*path == '/' && access(path, X_OK) == 0) {
            *ret = path;
            return 0;
        }
        at += length + (at[length] == ':');
    }
    return refuse(err, ENOENT, "the program criu is not in PATH (package criu)");
}

int criu_find(char *const *environment, int give_up, struct arena *arena, const char **ret,
              struct error *err)
{
    struct criu_job job = {
        .environment = environment,
        .type = CRIU_VERSION,
        .give_up = give_up,
        .deadline_s = VERSION_DEADLINE_S,
    };

    if (criu_look_up(environment, arena, ret, err) < 0)
        return -err->code;
    job.program = *ret;
    return check_version(&job, err);
}

const char *criu_config_file(const struct string_map *annotations)
{
    static const char *const usual[] = {"/etc/criu/crun.conf", "/etc/criu/runc.conf"};

    for (size_t i = 0; i < annotations->count; i++) {
        if (strcmp(annotations->items[i].key, "org.criu.config") == 0)
            return annotations->items[i].value;
    }
    for (size_t i = 0; i < count_of(usual); i++) {
        if (access(usual[i], R_OK) == 0)
            return usual[i];
    }
    return NULL;
}
