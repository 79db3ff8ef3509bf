#include "runtime/hooks.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/kernel.h"
#include "base/own.h"
#include "base/text.h"
#include "runtime/deadline.h"
#include "runtime/signals.h"
#include "spec/fields.h"

enum { OUTPUT_KEPT = 768, TIMEOUT_MOST = 1000000000 /* seconds, 31 years: for ever */ };

/* A number no real pid can be: its place in the encoded text is where the pid goes. */
static const int64_t pid_mark = 987654321012345;

int hook_state_init(struct hook_state *ret, const struct spec_state *state, struct arena *arena,
                    struct error *err)
{
    static const struct json_layout compact = {.indent = NULL};
    struct spec_state marked = *state;
    const char *json;
    char mark[32];

    marked.pid = (struct optional_int64){pid_mark, true};
    if (fields_encode(&spec_state_fields, &marked, &compact, arena, &json, NULL, err) < 0)
        return within(err, "state for hooks");
    snprintf(mark, sizeof mark, "\"pid\":%" PRId64, pid_mark);

    char *head = arena_string(arena, json);

    if (head == NULL)
        return no_memory(err);

    char *at = strstr(head, mark);

    if (at == NULL)
        return refuse(err, EPROTO, "state for hooks: no place for the pid");
    at += strlen("\"pid\":");
    *at = '\0';
    ret->directory = NULL;
    ret->head = head;
    ret->tail = json + (at - head) + strlen(mark) - strlen("\"pid\":");
    return 0;
}

struct running_hook {
    pid_t pid;
    int pidfd;
    int input;  /* we write the state here; -1 when done */
    int reader; /* its other end: with it open, a hook that does not read costs us no SIGPIPE */
    int output; /* we read what it prints; -1 at its end */
    int give_up;
    const char *parts[3];
    size_t part;
    size_t written; /* of the part */
    char kept[OUTPUT_KEPT];
    size_t kept_length;
};

static _Noreturn void become_hook(const struct spec_hook *hook, const char *directory, int input,
                                  int output, char *const *environment)
{
    static char *const no_args[] = {NULL};
    const char *only_path[] = {hook->path, NULL};
    char *const *args = (char *const *)(hook->args.count > 0 ? hook->args.items : only_path);
    char *const *env = hook->env.items != NULL ? (char *const *)hook->env.items
                       : environment != NULL   ? environment
                                               : no_args;

    setpgid(0, 0);
    signals_reset(UINT64_MAX);
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* a hook of a runtime that is gone serves nobody */
    if (dup2(input, 0) >= 0 && dup2(output, 1) >= 0 && dup2(output, 2) >= 0) {
        kernel_close_range(3, ~0u, 0);
        if (directory == NULL || chdir(directory) == 0)
            execve(hook->path, args, env);
    }
    dprintf(2, "execute %s: %s", hook->path, strerror(errno));
    _exit(127);
}

static int spawn_hook(struct running_hook *running, const struct spec_hook *hook,
                      const char *directory, char *const *environment, struct error *err)
{
    /* Pipes, not sockets: scripts open /dev/stdin and /dev/stdout. */
    int input[2], output[2];

    if (pipe2(input, O_CLOEXEC) < 0)
        return fail(err, errno, "make a pipe");

    autoclose int child_input = input[0];
    autoclose int our_input = input[1];

    if (pipe2(output, O_CLOEXEC) < 0)
        return fail(err, errno, "make a pipe");

    autoclose int our_output = output[0];
    autoclose int child_output = output[1];
    int pidfd = -1;
    struct clone_args args = {
        .flags = CLONE_PIDFD, .pidfd = (uint64_t)&pidfd, .exit_signal = SIGCHLD};
    pid_t pid = kernel_clone3(&args, sizeof args);

    /* startContainer hooks run behind the container's own filter, and many answer ENOSYS to clone3.
     */
    if (pid < 0 && (errno == ENOSYS || errno == EPERM))
        pid = kernel_clone_pidfd(SIGCHLD, &pidfd);

    if (pid < 0)
        return fail(err, errno, "start a process");
    if (pid == 0)
        become_hook(hook, directory, child_input, child_output, environment);
    fcntl(our_input, F_SETFL, O_NONBLOCK);
    fcntl(our_output, F_SETFL, O_NONBLOCK);
    running->pid = pid;
    running->pidfd = pidfd;
    running->input = take_fd(&our_input);
    running->reader = take_fd(&child_input);
    running->output = take_fd(&our_output);
    return 0;
}

static void feed(struct running_hook *running)
{
    while (running->part < count_of(running->parts)) {
        const char *rest = running->parts[running->part] + running->written;
        ssize_t sent = write(running->input, rest, strlen(rest));

        if (sent < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (sent < 0)
            break;
        running->written += (size_t)sent;
        if (running->parts[running->part][running->written] == '\0') {
            running->part++;
            running->written = 0;
        }
    }
    close_fd(&running->input);
    close_fd(&running->reader);
}

/* Take what is there; keep the beginning, drop the rest. */
static void drain(struct running_hook *running)
{
    char bytes[4096];

    /* Bounded: a hook's daemon may print for ever. */
    for (int round = 0; round < 64; round++) {
        ssize_t length = read(running->output, bytes, sizeof bytes);

        if (length < 0 && errno == EAGAIN)
            return;
        if (length <= 0) {
            close_fd(&running->output);
            return;
        }

        size_t room = sizeof running->kept - 1 - running->kept_length;
        size_t kept = (size_t)length < room ? (size_t)length : room;

        memcpy(running->kept + running->kept_length, bytes, kept);
        running->kept_length += kept;
    }
}

/* Until the process has ended: 1; at the deadline: 0; -EINTR: given up. */
static int attend(struct running_hook *running, const struct deadline *deadline)
{
    for (;;) {
        struct pollfd fds[] = {
            {.fd = running->pidfd,   .events = POLLIN },
            {.fd = running->input,   .events = POLLOUT},
            {.fd = running->output,  .events = POLLIN },
            {.fd = running->give_up, .events = POLLIN },
        };
        int ready = poll(fds, count_of(fds), deadline_poll_ms(deadline));

        if (ready < 0 && errno != EINTR)
            return -errno;
        if (ready > 0 && fds[1].revents != 0)
            feed(running);
        if (ready > 0 && fds[2].revents != 0)
            drain(running);
        if (ready > 0 && fds[0].revents != 0)
            return 1;
        if (ready > 0 && fds[3].revents != 0)
            return -EINTR;
        if (deadline_passed(deadline))
            return 0;
    }
}

static const char *kept_output(struct running_hook *running)
{
    if (running->output >= 0)
        drain(running);
    while (running->kept_length > 0 && running->kept[running->kept_length - 1] == '\n')
        running->kept_length--;
    running->kept[running->kept_length] = '\0';
    return running->kept;
}

/* Reap the process and say how it ended. */
static int judge(struct running_hook *running, const struct spec_hook *hook, int attended,
                 struct error *err)
{
    siginfo_t info = {0};
    char quoted[1040];

    if (attended <= 0) {
        kill(-running->pid, SIGKILL);
        kernel_pidfd_send_signal(running->pidfd, SIGKILL);
    }
    while (waitid((idtype_t)P_PIDFD, (id_t)running->pidfd, &info, WEXITED) < 0 && errno == EINTR)
        continue;
    if (attended == 0)
        return refuse(err, ETIMEDOUT, "hook ran past specified timeout of %.1fs",
                      (double)hook->timeout.value);
    if (attended == -EINTR)
        return refuse(err, EINTR, "interrupted");
    if (attended < 0)
        return fail(err, -attended, "wait for the hook");
    if (info.si_code == CLD_EXITED && info.si_status == 0)
        return 0;
    return refuse(err, ECANCELED, "%s %d, output: %s",
                  info.si_code == CLD_EXITED ? "exit status" : "killed by signal", info.si_status,
                  quotable(quoted, kept_output(running)));
}

static int run_hook(const struct spec_hook *hook, const struct hook_state *state, pid_t pid,
                    char *const *environment, int give_up, struct error *err)
{
    char pid_text[16];
    struct running_hook running = {
        .give_up = give_up,
        .parts = {state->head, pid_text, state->tail},
    };
    bool has_deadline = hook->timeout.set && hook->timeout.value <= TIMEOUT_MOST;
    struct deadline deadline = deadline_in_ms(has_deadline ? hook->timeout.value * 1000 : -1);

    snprintf(pid_text, sizeof pid_text, "%d", pid);
    if (spawn_hook(&running, hook, state->directory, environment, err) < 0)
        return -err->code;

    int code = judge(&running, hook, attend(&running, &deadline), err);

    close_fd(&running.input);
    close_fd(&running.reader);
    close_fd(&running.output);
    close_fd(&running.pidfd);
    return code;
}

int hooks_run_until(const struct spec_hook_list *hooks, const char *kind,
                    const struct hook_state *state, pid_t pid, char *const *environment,
                    int give_up, struct error *err)
{
    for (size_t i = 0; i < hooks->count; i++) {
        char quoted[1040];

        if (run_hook(&hooks->items[i], state, pid, environment, give_up, err) < 0)
            return within(err, "error running %s hook #%zu: %s", kind, i,
                          quotable(quoted, hooks->items[i].path));
    }
    return 0;
}

int hooks_run(const struct spec_hook_list *hooks, const char *kind, const struct hook_state *state,
              pid_t pid, char *const *environment, struct error *err)
{
    return hooks_run_until(hooks, kind, state, pid, environment, -1, err);
}
