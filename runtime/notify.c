#include "runtime/notify.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/own.h"
#include "base/timing.h"
#include "runtime/deadline.h"
#include "runtime/handle.h"
#include "runtime/notify_queue.h"
#include "runtime/unix_socket.h"

/* How long a service manager may let us wait: for room in its queue, at the barrier. */
enum { HOST_DEADLINE_MS = 30000 };

/* --- create
 * ---------------------------------------------------------------------------------------------- */

static int check_address(const char *address, struct error *err)
{
    char quoted[1040];

    if (*address == '/' || (*address == '@' && address[1] != '\0'))
        return 0;
    return refuse(err, EINVAL,
                  "NOTIFY_SOCKET: \"%s\" is neither an absolute path nor the name of an abstract "
                  "socket (@...)",
                  quotable(quoted, address));
}

static bool has_own_mounts(const struct spec *spec)
{
    const struct spec_namespace *mounts = spec_namespace_find(spec, SPEC_NAMESPACE_MOUNT);

    return mounts != NULL && mounts->path == NULL;
}

int notify_add_mount(struct spec *spec, const char *address, const char *state_path,
                     struct arena *arena, struct error *err)
{
    /* Private, or what the container mounts in it would appear in the host's directory. */
    static const char *options[] = {"bind", "ro", "nosuid", "nodev", "noexec", "rprivate"};
    size_t count = spec->mounts.count;
    struct spec_mount *items;

    if (check_address(address, err) < 0)
        return -err->code;
    if (!has_own_mounts(spec))
        return refuse(err, EINVAL,
                      "NOTIFY_SOCKET: there is no way to it for a container without a mount "
                      "namespace of its own in linux.namespaces (unset it to go without)");
    items = arena_zero(arena, count + 1, sizeof *items);
    if (items == NULL)
        return no_memory(err);
    if (count > 0)
        memcpy(items, spec->mounts.items, count * sizeof *items);
    items[count] = (struct spec_mount){
        .destination = "/run/notify",
        .type = "bind",
        .source = arena_print(arena, "%s/notify", state_path),
        .options = {options, count_of(options)},
    };
    spec->mounts.items = items;
    spec->mounts.count = count + 1;
    return items[count].source == NULL ? no_memory(err) : 0;
}

int notify_make_directory(int state_directory, struct error *err)
{
    /* Twice, for the umask is the caller's. */
    if (mkdirat(state_directory, "notify", 0755) < 0 ||
        fchmodat(state_directory, "notify", 0755, 0) < 0)
        return fail(err, errno, "make the directory of notify.sock");
    return 0;
}

/* --- start
 * -----------------------------------------------------------------------------------------------
 */

static int open_directory(int state_directory, struct error *err)
{
    int fd = openat(state_directory, "notify", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (fd >= 0)
        return fd;
    return fail(err, errno, "open the directory of notify.sock");
}

/* Any user in the container may speak: mode 0777, whatever the caller's umask.  Links are not
 * followed: a container with rights over its mounts may have made the directory writable. */
static int listen_in(int directory, struct error *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    autoclose int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0)
        return fail(err, errno, "make notify.sock");
    if (unlinkat(directory, "notify.sock", 0) < 0 && errno != ENOENT)
        return fail(err, errno, "replace notify.sock");
    snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/notify.sock", directory);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0 ||
        fchmodat(directory, "notify.sock", 0777, AT_SYMLINK_NOFOLLOW) < 0)
        return fail(err, errno, "make notify.sock");
    return take_fd(&fd);
}

int notify_open(struct notify *ret, int state_directory, const char *address, const struct log *log,
                struct error *err)
{
    autoclose int directory = open_directory(state_directory, err);
    autoclose int host = -1;

    /* Who calls create may have taken the variable out for the container's sake, as engines do. */
    if (directory == -ENOENT) {
        log_warning(log, "NOTIFY_SOCKET: it was not set when the container was created, which "
                         "therefore cannot say that it is ready: start does not wait for it");
        return 0;
    }
    if (directory < 0 || check_address(address, err) < 0)
        return -err->code;
    host = unix_connect_datagram(address, err);
    if (host < 0)
        return within(err, "NOTIFY_SOCKET");

    int inner = listen_in(directory, err);

    if (inner < 0)
        return -err->code;
    ret->inner = inner;
    ret->host = take_fd(&host);
    ret->barrier = (struct notify_barrier)NOTIFY_NO_BARRIER;
    ret->waiting.length = 0;
    return 0;
}

static void end_barrier(struct notify_barrier *barrier)
{
    close_fd(&barrier->theirs);
    close_fd(&barrier->over);
    close_fd(&barrier->timer);
    close_fd(&barrier->ours);
}

void notify_close(struct notify *notify)
{
    notify_queue_close(&notify->inner);
    close_fd(&notify->host);
    end_barrier(&notify->barrier);
    notify->waiting.length = 0;
}

/* --- one message
 * ----------------------------------------------------------------------------------------- */

/* Look at the first message and take it: 1; 0 when there is none; -errno. */
static int take_message(int inner, struct notify_message *ret)
{
    bool has_fds;
    int code = notify_queue_look(inner, ret, &has_fds);

    if (code > 0 && (code = notify_queue_drop(inner, has_fds)) == 0)
        code = 1;
    return code;
}

/* One message to the service manager, with `fd` unless that is -1: 0, -EAGAIN when its queue is
 * full, -errno. */
static int try_send(int host, const char *text, size_t length, int fd)
{
    struct error err;
    ssize_t sent;

    if (fd >= 0)
        return unix_send_fd(host, text, length, fd, &err);
    do
        sent = send(host, text, length, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? -errno : 0;
}

static int send_patiently(int host, const char *text, size_t length, int fd, struct error *err)
{
    struct deadline deadline = deadline_in_ms(HOST_DEADLINE_MS);
    int code;

    while ((code = try_send(host, text, length, fd)) == -EAGAIN) {
        code = deadline_wait(&deadline, host, POLLOUT);
        if (code <= 0)
            return fail(err, code == 0 ? ETIMEDOUT : -code, "NOTIFY_SOCKET: send");
    }
    return code < 0 ? fail(err, -code, "NOTIFY_SOCKET: send") : 0;
}

/* --- until it is ready
 * ----------------------------------------------------------------------------------- */

/* A message counts for whom its sender belongs to, and a process that has ended belongs to nobody:
 * stay until the service manager closes the pipe, which it does when it has read all before. */
static int wait_for_barrier(const struct log *log, int host, struct error *err)
{
    struct deadline deadline = deadline_in_ms(HOST_DEADLINE_MS);
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) < 0)
        return fail(err, errno, "NOTIFY_SOCKET: pipe");

    autoclose int ours = ends[0];
    int code = send_patiently(host, "BARRIER=1", strlen("BARRIER=1"), ends[1], err);

    close_fd(&ends[1]);
    if (code < 0)
        return code;
    code = deadline_wait(&deadline, ours, 0);
    if (code == 0)
        log_warning(log, "NOTIFY_SOCKET: the service manager has not read it for %d seconds",
                    HOST_DEADLINE_MS / 1000);
    return code < 0 ? fail(err, -code, "NOTIFY_SOCKET: wait") : 0;
}

static int announce(const struct log *log, const struct container *container, const char *ready,
                    size_t length, pid_t pid, struct error *err)
{
    int host = container->notify.host;
    char main_pid[32];
    int size = snprintf(main_pid, sizeof main_pid, "MAINPID=%d", pid);

    if (send_patiently(host, ready, length, -1, err) < 0 ||
        send_patiently(host, main_pid, (size_t)size, -1, err) < 0)
        return -err->code;
    return wait_for_barrier(log, host, err);
}

/* *ret_ended: the process has.  What it has said before is still to be had. */
static int wait_for_message(const struct container *container, bool *ret_ended, struct error *err)
{
    struct pollfd fds[] = {
        {.fd = container->notify.inner, .events = POLLIN},
        {.fd = container->pidfd,        .events = POLLIN}
    };

    while (poll(fds, count_of(fds), -1) < 0) {
        if (errno != EINTR)
            return fail(err, errno, "wait for READY=1");
    }
    *ret_ended = fds[1].revents != 0;
    return 0;
}

/* Others that speak on after the end of the process, outside of its pid namespace, do not hold us.
 */
static int wait_until_ready(const struct log *log, struct container *container, struct error *err)
{
    enum { LAST_WORDS_MOST = 64 };
    int last_words = 0;

    while (last_words < LAST_WORDS_MOST) {
        struct notify_message message;
        bool ended = false;
        size_t length = 0;

        if (wait_for_message(container, &ended, err) < 0)
            return -err->code;

        /* A barrier in the container is passed by this: all before it has been read. */
        int code = take_message(container->notify.inner, &message);

        if (code < 0)
            return fail(err, -code, "notify.sock: receive");
        if (code == 0 && ended)
            return 0;
        last_words += ended;

        const char *ready = code > 0 ? notify_message_find(&message, "READY=", &length) : NULL;

        if (ready != NULL)
            return announce(log, container, ready, length, container_pid(container), err);
    }
    return 0;
}

int container_notify_wait(const struct runtime *runtime, struct container *container,
                          struct error *err)
{
    int64_t begun = timing_begin(&runtime->log);

    if (container->notify.inner < 0)
        return 0;

    int code = wait_until_ready(&runtime->log, container, err);

    notify_close(&container->notify);
    timing_end(&runtime->log, "start", "await-ready", begun);
    return code;
}

int container_notify_ready(const struct runtime *runtime, struct container *container,
                           pid_t main_pid, struct error *err)
{
    static const char ready[] = "READY=1";

    if (container->notify.inner < 0)
        return 0;
    return announce(&runtime->log, container, ready, strlen(ready), main_pid, err);
}

/* --- for as long as it runs
 * ------------------------------------------------------------------------------ */

void container_notify_watch(const struct container *container, struct pollfd *ret)
{
    const struct notify *notify = &container->notify;

    /* One that waits goes first: so the container waits as well. */
    if (notify->waiting.length > 0)
        *ret = (struct pollfd){.fd = notify->host, .events = POLLOUT};
    else if (notify->barrier.over >= 0)
        *ret = (struct pollfd){.fd = notify->barrier.over, .events = POLLIN};
    else
        *ret = (struct pollfd){.fd = notify->inner, .events = POLLIN};
}

static bool open_barrier(struct notify_barrier *ret)
{
    const struct itimerspec limit = {.it_value.tv_sec = HOST_DEADLINE_MS / 1000};
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) < 0)
        return false;
    *ret = (struct notify_barrier){
        .theirs = ends[1],
        .ours = ends[0],
        .timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC),
        .over = epoll_create1(EPOLL_CLOEXEC),
    };
    /* EPOLLHUP comes unasked. */
    return ret->timer >= 0 && ret->over >= 0 && timerfd_settime(ret->timer, 0, &limit, NULL) == 0 &&
           epoll_ctl(ret->over, EPOLL_CTL_ADD, ret->timer,
                     &(struct epoll_event){.events = EPOLLIN}) == 0 &&
           epoll_ctl(ret->over, EPOLL_CTL_ADD, ret->ours, &(struct epoll_event){.events = 0}) == 0;
}

/* The message is not taken: with it the kernel keeps what tells the container that it has passed.
 */
static int begin_barrier(struct notify *notify, struct error *err)
{
    if (!open_barrier(&notify->barrier)) {
        fail(err, errno, "NOTIFY_SOCKET: barrier");
        notify_close(notify);
        return -err->code;
    }
    notify->waiting = (struct notify_message){"BARRIER=1", strlen("BARRIER=1")};
    return 1;
}

/* A container that speaks to nobody shall see so. */
static int give_up(struct notify *notify, int code, struct error *err)
{
    notify_close(notify);
    return fail(err, code, "notify.sock: receive");
}

/* Take one message into notify->waiting, which stays empty when nobody is to hear it. */
static int take_waiting(struct notify *notify, pid_t main_pid, struct error *err)
{
    struct notify_message message;
    bool has_fds;
    int code = notify_queue_look(notify->inner, &message, &has_fds);

    if (code > 0 && has_fds && notify_message_is_barrier(&message))
        return begin_barrier(notify, err);
    if (code == 0)
        return 0;
    if (code > 0)
        code = notify_queue_drop(notify->inner, has_fds);
    if (code < 0)
        return give_up(notify, -code, err);
    notify_message_translate(&message, main_pid, &notify->waiting);
    return 1;
}

/* Has the service manager come to it?  The container hears so when its message goes. */
static int pass_barrier(struct notify *notify, struct error *err)
{
    int code = poll(&(struct pollfd){.fd = notify->barrier.over, .events = POLLIN}, 1, 0);

    if (code <= 0)
        return 0;
    end_barrier(&notify->barrier);
    code = notify_queue_drop(notify->inner, true);
    return code < 0 ? give_up(notify, -code, err) : 1;
}

int container_notify_forward(struct container *container, pid_t main_pid, struct error *err)
{
    struct notify *notify = &container->notify;
    int code = 1;

    if (notify->inner < 0)
        return 0;
    if (notify->waiting.length == 0 && notify->barrier.over >= 0)
        return pass_barrier(notify, err);
    if (notify->waiting.length == 0)
        code = take_waiting(notify, main_pid, err);
    if (code <= 0 || notify->waiting.length == 0)
        return code;
    code = try_send(notify->host, notify->waiting.bytes, notify->waiting.length,
                    notify->barrier.theirs);
    if (code == -EAGAIN)
        return 0;
    close_fd(&notify->barrier.theirs);
    notify->waiting.length = 0;
    if (code == 0)
        return 1;
    notify_close(notify);
    return fail(err, -code, "NOTIFY_SOCKET: send");
}
