/*
 * start: meet the waiting first process on start.sock, say go, and see it through to execve.
 *
 *     start                                first process
 *       | connect, GO  --------------------> |  accept
 *       | <------------------------ STARTED  |  from here on it is running
 *       |                                    :  startContainer hooks
 *       | <-------------- TAKE_SECCOMP [fd]  |  a filter with a listener loads last
 *       | DONE  ---------------------------> |
 *       | <------------------ FAILED / EOF   |  execve failed, or closed the connection: done
 */

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/kernel.h"
#include "base/own.h"
#include "base/timing.h"
#include "runtime/deadline.h"
#include "runtime/handle.h"
#include "runtime/handshake.h"
#include "runtime/hooks.h"
#include "runtime/plan.h"
#include "runtime/serve.h"

enum { ANSWER_DEADLINE_MS = 10000 };

static int connect_to_init(const struct container *container)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct timeval patience = {.tv_sec = ANSWER_DEADLINE_MS / 1000};
    autoclose int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

    snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/start.sock",
             container->directory.fd);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) < 0 ||
        connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
        return -errno;
    return take_fd(&fd);
}

bool container_awaits_start(const struct container *container)
{
    if (faccessat(container->directory.fd, "start.sock", F_OK, 0) < 0)
        return false;

    autoclose int fd = connect_to_init(container);

    return fd >= 0;
}

/* Somebody else's socket in the place of ours must not be told to go. */
static int check_peer(int socket, pid_t pid, struct error *err)
{
    struct ucred peer;
    socklen_t size = sizeof peer;

    if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
        return fail(err, errno, "start.sock: peer");
    if (peer.pid != pid)
        return refuse(err, EPERM, "start.sock: belongs to process %d, not to the container's %d",
                      peer.pid, pid);
    return 0;
}

/* One message, while the process lives: 1, 0 when it has closed or died, -errno. */
static int next_message(int socket, int pidfd, const struct deadline *deadline,
                        struct handshake_message *message, int *ret_fd)
{
    struct pollfd fds[] = {
        {.fd = socket, .events = POLLIN},
        {.fd = pidfd,  .events = POLLIN}
    };

    for (;;) {
        int ready = poll(fds, count_of(fds), deadline_poll_ms(deadline));

        if (ready < 0 && errno != EINTR)
            return -errno;
        if (ready == 0 && deadline_passed(deadline))
            return -ETIMEDOUT;
        if (ready <= 0)
            continue;
        if (fds[0].revents == 0) /* dead without a word: its sockets are closed, read that */
            fds[0].revents = POLLHUP;
        return handshake_receive(socket, message, ret_fd);
    }
}

static int answer_seccomp(const struct container *container, int socket, int listener,
                          struct error *err)
{
    const struct state_record *record = &container->record;
    struct spec_state state = {
        .oci_version = record->oci_version,
        .id = record->id,
        .status = "running",
        .bundle = record->bundle,
        .annotations = record->annotations,
    };
    autoarena struct arena arena = {NULL};
    struct seccomp_plan plan = {.wanted = true};
    struct spec *spec;

    if (state_read_config(&container->directory, &arena, &spec, err) < 0)
        return -err->code;
    if (listener < 0 || spec->linux_ == NULL || spec->linux_->seccomp == NULL ||
        spec->linux_->seccomp->listener_path == NULL)
        return refuse(err, EPROTO, "a seccomp listener came unasked");
    plan.listener_path = spec->linux_->seccomp->listener_path;
    plan.listener_metadata = spec->linux_->seccomp->listener_metadata;
    if (serve_seccomp_listener(&plan, &state, (pid_t)record->init.pid, listener, err) < 0) {
        handshake_send_failure(socket, err);
        return 0; /* it comes back with the name of the step */
    }

    int code = handshake_send(socket, HANDSHAKE_DONE, 0, -1);

    return code < 0 ? fail(err, -code, "answer the first process") : 0;
}

/* Wait until the process has become its program.  Its own hooks have their own deadlines. */
static int see_through(const struct container *container, int socket, struct error *err)
{
    struct deadline never = deadline_in_ms(-1);

    for (;;) {
        struct handshake_message message;
        autoclose int fd = -1;
        int code = next_message(socket, container->pidfd, &never, &message, &fd);

        if (code < 0)
            return fail(err, -code, "wait for the first process");
        if (code == 0)
            return 0;
        if (message.kind == HANDSHAKE_FAILED) {
            *err = message.error;
            return -err->code;
        }
        if (message.kind != HANDSHAKE_TAKE_SECCOMP)
            return refuse(err, EPROTO, "the first process sent message %u", message.kind);
        if (answer_seccomp(container, socket, fd, err) < 0)
            return -err->code;
    }
}

/* GO, STARTED, and whatever comes until the process is its program. */
static int say_go(const struct container *container, int socket, struct error *err)
{
    struct deadline deadline = deadline_in_ms(ANSWER_DEADLINE_MS);
    struct handshake_message message;
    int fd = -1;
    int code = handshake_send(socket, HANDSHAKE_GO, 0, -1);

    if (code == 0)
        code = next_message(socket, container->pidfd, &deadline, &message, &fd);
    close_fd(&fd);
    if (code < 0)
        return fail(err, -code, "say go");
    if (code == 0)
        return refuse(err, ECHILD, "the first process has ended before start");
    if (message.kind != HANDSHAKE_STARTED)
        return refuse(err, EPROTO, "the first process answered with message %u", message.kind);
    return see_through(container, socket, err);
}

int container_say_go(const struct runtime *runtime, struct container *container, struct error *err)
{
    autoclose int socket = take_fd(&container->starter);

    (void)runtime;
    if (socket >= 0)
        return say_go(container, socket, err);
    socket = connect_to_init(container);
    if (socket < 0)
        return fail(err, -socket, "the first process does not wait for start");
    if (check_peer(socket, (pid_t)container->record.init.pid, err) < 0)
        return -err->code;
    return say_go(container, socket, err);
}

static int check_startable(struct container *container, struct error *err)
{
    switch (container_status(container)) {
    case CONTAINER_CREATED:
        return 0;
    case CONTAINER_STOPPED:
        return refuse(err, EINVAL, "cannot start a container that has stopped");
    case CONTAINER_CREATING:
        return refuse(err, EINVAL, "cannot start a container that is still being created");
    case CONTAINER_PAUSED:
        return refuse(err, EINVAL, "cannot start a paused container");
    default:
        return refuse(err, EINVAL, "cannot start an already running container");
    }
}

static int set_phase(struct container *container, enum state_phase phase, struct error *err)
{
    container->record.phase = phase;
    return container_write_record(container, err);
}

static int run_poststart(const struct runtime *runtime, struct container *container,
                         struct error *err)
{
    const struct state_record *record = &container->record;
    struct spec_state state = {
        .oci_version = record->oci_version,
        .id = record->id,
        .status = "running",
        .bundle = record->bundle,
        .annotations = record->annotations,
    };
    struct hook_state text;

    if (record->poststart.count == 0)
        return 0;
    int code = hook_state_init(&text, &state, &container->arena, err);

    if (code == 0) {
        text.directory = record->bundle;
        code = hooks_run(&record->poststart, "poststart", &text, (pid_t)record->init.pid,
                         runtime->environment, err);
    }
    if (code == 0)
        return 0;
    /* runtime.md, start, step 9: the runtime must stop what it has started. */
    kernel_pidfd_send_signal(container->pidfd, SIGKILL);
    return -err->code;
}

/* The phase changes before the word; after it start.sock goes.  Whoever finds "starting" asks that.
 */
static int start_locked(const struct runtime *runtime, struct container *container,
                        const struct start_request *request, struct error *err)
{
    bool is_ours = container->starter >= 0;

    if (request->notify_socket != NULL &&
        notify_open(&container->notify, container->directory.fd, request->notify_socket,
                    &runtime->log, err) < 0)
        return -err->code;
    if (container->record.phase != STATE_STARTING && set_phase(container, STATE_STARTING, err) < 0)
        return -err->code;
    if (container_say_go(runtime, container, err) < 0) {
        struct error ignored;

        if (container_status(container) == CONTAINER_CREATED)
            (void)!set_phase(container, STATE_CREATED, &ignored);
        return -err->code;
    }
    container->is_lent = false;
    /* Nobody listens there any more: when it cannot be removed, that is as good an answer. */
    if (!is_ours)
        unlinkat(container->directory.fd, "start.sock", 0);
    return 0;
}

int container_start(const struct runtime *runtime, struct container *container,
                    const struct start_request *request, struct error *err)
{
    int64_t begun = timing_begin(&runtime->log);

    bool is_new = container->is_held; /* made by us a moment ago, and locked since */

    if (container_lock(container, err) < 0)
        return -err->code;

    int code = is_new ? 0 : check_startable(container, err);

    if (code == 0)
        code = start_locked(runtime, container, request, err);

    container_unlock(container);
    timing_end(&runtime->log, "start", "say-go", begun);
    if (code < 0)
        return code;
    if (container->record.time_limit_ns > 0 && time_limit_watch(container, err) < 0) {
        kernel_pidfd_send_signal(container->pidfd, SIGKILL);
        return -err->code;
    }
    return run_poststart(runtime, container, err);
}
