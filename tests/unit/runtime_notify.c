/* sd_notify(3) out of a container, with the test in the place of the container and of the service
 * manager. */

#include "runtime_help.h"

#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "base/kernel.h"
#include "runtime/handle.h"

/* --- what create plans ------------------------------------------------------------------------ */

static struct spec *spec_of(struct arena *arena, const char *mounts, const char *namespaces)
{
    const char *json = arena_print(
        arena,
        "{\"ociVersion\":\"1.2.0\",\"root\":{\"path\":\"r\"},\"mounts\":[%s],\"linux\":{"
        "\"namespaces\":[%s]}}",
        mounts, namespaces);
    struct spec *spec;
    struct error err;

    must(spec_parse(json, strlen(json), "config.json", arena, NULL, &spec, &err));
    return spec;
}

#define OWN_MOUNTS "{\"type\":\"mount\"}"
#define A_TMPFS    "{\"destination\":\"/run\",\"type\":\"tmpfs\",\"source\":\"tmpfs\"}"

Test(notify, the_directory_is_mounted_last_and_for_connecting_alone)
{
    autoarena struct arena arena = {NULL};
    struct spec *spec = spec_of(&arena, A_TMPFS, OWN_MOUNTS);
    const struct spec_mount *mount;
    struct error err;

    must(notify_add_mount(spec, "/run/systemd/notify", "/state/web", &arena, &err));
    cr_assert_eq(spec->mounts.count, 2, "over the bundle's own /run");
    cr_expect_str_eq(spec->mounts.items[0].destination, "/run");
    mount = &spec->mounts.items[1];
    cr_expect_str_eq(mount->destination, "/run/notify");
    cr_expect_str_eq(mount->type, "bind");
    cr_expect_str_eq(mount->source, "/state/web/notify");
    cr_assert_eq(mount->options.count, 6);

    static const char *const wanted[] = {"bind", "ro", "nosuid", "nodev", "noexec", "rprivate"};

    for (size_t i = 0; i < count_of(wanted); i++)
        cr_expect_str_eq(mount->options.items[i], wanted[i]);

    spec = spec_of(&arena, "", OWN_MOUNTS);
    must(notify_add_mount(spec, "@abstract", "/state/web", &arena, &err));
    cr_expect_eq(spec->mounts.count, 1);
}

Test(notify, what_is_no_address_is_refused)
{
    static const char *const bad[] = {"manager", "@", "vsock:2:1234", "./manager", " /x", "\n"};
    autoarena struct arena arena = {NULL};
    struct spec *spec = spec_of(&arena, A_TMPFS, OWN_MOUNTS);
    struct error err;

    for (size_t i = 0; i < count_of(bad); i++)
        expect_refused(notify_add_mount(spec, bad[i], "/state/web", &arena, &err), EINVAL,
                       "NOTIFY_SOCKET: \"");
    cr_expect_eq(spec->mounts.count, 1);
}

Test(notify, the_hosts_mounts_are_left_alone)
{
    static const char *const namespaces[] = {"", "{\"type\":\"pid\"}",
                                             "{\"type\":\"mount\",\"path\":\"/proc/1/ns/mnt\"}"};
    autoarena struct arena arena = {NULL};
    struct error err;

    for (size_t i = 0; i < count_of(namespaces); i++) {
        struct spec *spec = spec_of(&arena, "", namespaces[i]);

        expect_refused(notify_add_mount(spec, "/x", "/state/web", &arena, &err), EINVAL,
                       "NOTIFY_SOCKET");
        cr_expect_eq(spec->mounts.count, 0);
    }
}

/* --- the sockets ------------------------------------------------------------------------------ */

static const struct log quiet;

/* The service manager, and what has been opened for a container. */
struct stage {
    struct arena arena;
    const char *address;
    int manager;
    int state; /* directory */
    struct container container;
};

static void bind_at(int fd, const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    cr_assert_eq(bind(fd, (struct sockaddr *)&address, sizeof address), 0, "%s", strerror(errno));
}

static void set_stage(struct stage *stage, const char *directory)
{
    struct error err;

    *stage = (struct stage){
        .container = {.notify = NOTIFY_CLOSED, .pidfd = -1}
    };
    stage->address = path_in(&stage->arena, directory, "manager");
    stage->manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bind_at(stage->manager, stage->address);
    cr_assert_eq(mkdir(path_in(&stage->arena, directory, "state"), 0700), 0);
    stage->state = open(path_in(&stage->arena, directory, "state"), O_DIRECTORY | O_CLOEXEC);
    must(notify_make_directory(stage->state, &err));
    must(notify_open(&stage->container.notify, stage->state, stage->address, &quiet, &err));
}

static void clear_stage(struct stage *stage)
{
    notify_close(&stage->container.notify);
    close_fd(&stage->container.pidfd);
    close_fd(&stage->manager);
    close_fd(&stage->state);
    arena_free(&stage->arena);
}

#define own_stage(name, directory)                           \
    __attribute__((cleanup(clear_stage))) struct stage name; \
    set_stage(&(name), directory)

/* Say something as the container does, with a descriptor unless that is -1. */
static bool try_say(const struct stage *stage, const char *text, int fd)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct iovec content = {(char *)text, strlen(text)};
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(2 * sizeof(int))];
    } control = {0};
    struct msghdr message = {
        .msg_name = &address, .msg_namelen = sizeof address, .msg_iov = &content, .msg_iovlen = 1};
    autoclose int client = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int two[] = {fd, fd};

    snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/notify/notify.sock",
             stage->state);
    if (fd >= 0) { /* two: what one does who wants to fill our table */
        message.msg_control = &control;
        message.msg_controllen = sizeof control.bytes;
        control.align = (struct cmsghdr){CMSG_LEN(sizeof two), SOL_SOCKET, SCM_RIGHTS};
        memcpy(CMSG_DATA(CMSG_FIRSTHDR(&message)), two, sizeof two);
    }
    return sendmsg(client, &message, 0) == (ssize_t)content.iov_len;
}

static void say(const struct stage *stage, const char *text, int fd)
{
    cr_assert(try_say(stage, text, fd), "%s: %s", text, strerror(errno));
}

/* What the service manager has got; "" when nothing. */
static const char *heard(struct stage *stage, int *ret_fd)
{
    char text[NOTIFY_MESSAGE_MOST + 1];
    struct iovec content = {text, sizeof text};
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    struct msghdr message = {.msg_iov = &content,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control.bytes};
    ssize_t length = recvmsg(stage->manager, &message, MSG_CMSG_CLOEXEC);

    if (ret_fd != NULL) {
        cr_assert_not_null(CMSG_FIRSTHDR(&message));
        memcpy(ret_fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof *ret_fd);
    } else if (length > 0) {
        cr_expect_null(CMSG_FIRSTHDR(&message), "no descriptor");
    }
    return arena_copy(&stage->arena, text, length < 0 ? 0 : (size_t)length);
}

static mode_t mode_of(int state, const char *name)
{
    struct stat status;

    cr_assert_eq(fstatat(state, name, &status, AT_SYMLINK_NOFOLLOW), 0, "%s", strerror(errno));
    return status.st_mode;
}

Test(notify, everybody_may_speak_whatever_the_umask)
{
    own_directory(directory);
    umask(0077);
    own_stage(stage, directory);
    cr_expect_eq(mode_of(stage.state, "notify"), S_IFDIR | 0755);
    cr_expect_eq(mode_of(stage.state, "notify/notify.sock"), S_IFSOCK | 0777);
}

/* Left by a start that was killed; or put there by a container that made its mount writable. */
Test(notify, what_lies_in_the_place_of_the_socket_is_replaced)
{
    autoarena struct arena arena = {NULL};
    own_directory(directory);
    own_stage(stage, directory);
    struct error err;

    notify_close(&stage.container.notify);
    must(notify_open(&stage.container.notify, stage.state, stage.address, &quiet, &err));
    notify_close(&stage.container.notify);
    put_file(path_in(&arena, directory, "victim"), "", 0600);
    cr_assert_eq(unlinkat(stage.state, "notify/notify.sock", 0), 0);
    cr_assert_eq(symlinkat("../../victim", stage.state, "notify/notify.sock"), 0);
    must(notify_open(&stage.container.notify, stage.state, stage.address, &quiet, &err));
    cr_expect_eq(mode_of(stage.state, "notify/notify.sock"), S_IFSOCK | 0777);
    cr_expect_eq(mode_of(stage.state, "../victim"), S_IFREG | 0600);
}

Test(notify, a_socket_that_cannot_be_is_an_error_and_leaves_nothing_open)
{
    autoarena struct arena arena = {NULL};
    own_directory(directory);
    own_stage(stage, directory);
    struct notify notify = NOTIFY_CLOSED;
    struct error err;
    size_t before = open_descriptors();

    expect_refused(notify_open(&notify, stage.state, "/none/of/them", &quiet, &err), ENOENT,
                   "NOTIFY_SOCKET: connect to /none/of/them");
    expect_refused(notify_open(&notify, stage.state, "none", &quiet, &err), EINVAL,
                   "NOTIFY_SOCKET");
    cr_assert_eq(mkdir(path_in(&arena, directory, "state/notify/notify.sock2"), 0755), 0);
    cr_assert_eq(renameat2(stage.state, "notify/notify.sock2", stage.state, "notify/notify.sock",
                           RENAME_EXCHANGE),
                 0);
    expect_refused(notify_open(&notify, stage.state, stage.address, &quiet, &err), EISDIR,
                   "notify.sock");
    cr_assert_eq(renameat(stage.state, "notify", stage.state, "other"), 0);
    must(notify_open(&notify, stage.state, stage.address, &quiet, &err));
    cr_assert_eq(symlinkat("other", stage.state, "notify"), 0);
    expect_refused(notify_open(&notify, stage.state, stage.address, &quiet, &err), ENOTDIR,
                   "notify.sock");
    cr_expect_eq(open_descriptors(), before);
    cr_expect_eq(notify.inner, -1);
}

/* --- forwarding ------------------------------------------------------------------------------- */

static int forward(struct stage *stage)
{
    struct error err;
    int code = container_notify_forward(&stage->container, 42, &err);

    cr_assert_geq(code, 0, "%s", err.text);
    return code;
}

Test(notify, messages_go_on_in_order_and_those_that_are_none_do_not)
{
    own_directory(directory);
    own_stage(stage, directory);
    char *longest = arena_zero(&stage.arena, NOTIFY_MESSAGE_MOST + 2, 1);

    memset(longest, 'x', NOTIFY_MESSAGE_MOST + 1);
    cr_expect_eq(forward(&stage), 0);
    say(&stage, "STATUS=a", -1);
    say(&stage, longest, -1);
    say(&stage, "MAINPID=1", -1);
    say(&stage, "READY=1", -1);
    longest[NOTIFY_MESSAGE_MOST] = '\0';
    say(&stage, longest, -1);
    for (int i = 0; i < 5; i++)
        cr_expect_eq(forward(&stage), 1, "one at a time, whatever it is");
    cr_expect_eq(forward(&stage), 0);
    cr_expect_str_eq(heard(&stage, NULL), "STATUS=a");
    cr_expect_str_eq(heard(&stage, NULL), "READY=1\nMAINPID=42");
    cr_expect_str_eq(heard(&stage, NULL), longest);
    cr_expect_str_eq(heard(&stage, NULL), "");
}

static bool hung_up(int fd)
{
    return poll(&(struct pollfd){.fd = fd}, 1, 0) == 1;
}

static struct pollfd watched(struct stage *stage)
{
    struct pollfd watched;

    container_notify_watch(&stage->container, &watched);
    poll(&watched, 1, 0);
    return watched;
}

Test(notify, descriptors_stay_behind)
{
    own_directory(directory);
    own_stage(stage, directory);
    int ends[2];
    size_t before;

    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    before = open_descriptors();
    say(&stage, "FDSTORE=1\nFDNAME=x", ends[1]);
    say(&stage, "STATUS=x", ends[1]);
    say(&stage, "STATUS=y\nBARRIER=1", ends[1]);
    say(&stage, "BARRIER=1", -1);
    while (forward(&stage) > 0)
        cr_expect_eq(open_descriptors(), before);
    cr_expect_str_eq(heard(&stage, NULL), "STATUS=x");
    cr_expect_str_eq(heard(&stage, NULL), "STATUS=y");
    cr_expect_str_eq(heard(&stage, NULL), "");
    cr_expect_eq(open_descriptors(), before);
    close(ends[1]);
    cr_expect(hung_up(ends[0]));
    close(ends[0]);
}

/* Not with the container's descriptor, which is closed when ours is. */
Test(notify, a_barrier_holds_until_the_service_manager_has_come_to_it)
{
    own_directory(directory);
    own_stage(stage, directory);
    struct stat sent, got;
    int ends[2], fd = -1;
    size_t before;

    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    cr_assert_eq(fstat(ends[1], &sent), 0);
    before = open_descriptors() - 1;
    say(&stage, "BARRIER=1", ends[1]);
    say(&stage, "STATUS=behind", -1);
    close(ends[1]);
    cr_expect_eq(forward(&stage), 1);
    cr_expect_str_eq(heard(&stage, &fd), "BARRIER=1");
    cr_assert_eq(fstat(fd, &got), 0);
    cr_expect_neq(got.st_ino, sent.st_ino);
    cr_expect_eq(forward(&stage), 0);
    cr_expect_eq(watched(&stage).revents, 0);
    cr_expect(!hung_up(ends[0]));
    close(fd);
    cr_expect_eq(watched(&stage).revents, POLLIN);
    cr_expect_eq(forward(&stage), 1);
    cr_expect(hung_up(ends[0]));
    cr_expect_eq(forward(&stage), 1);
    cr_expect_str_eq(heard(&stage, NULL), "STATUS=behind");
    cr_expect_eq(open_descriptors(), before);
    close(ends[0]);
}

/* A connection with much to say and nobody who reads: whoever closes it last waits for an hour. */
static int lingering_socket(int *ret_other_end)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    autoclose int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    static const char bytes[65536];
    const struct linger hour = {1, 3600};

    cr_assert_eq(bind(listener, (struct sockaddr *)&address, size) | listen(listener, 1), 0);
    cr_assert_eq(getsockname(listener, (struct sockaddr *)&address, &size), 0);
    cr_assert_eq(connect(fd, (struct sockaddr *)&address, size), 0);
    *ret_other_end = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    while (send(fd, bytes, sizeof bytes, MSG_DONTWAIT) > 0)
        continue;
    cr_assert_eq(setsockopt(fd, SOL_SOCKET, SO_LINGER, &hour, sizeof hour), 0);
    return fd;
}

Test(notify, a_descriptor_that_lingers_ends_the_service_and_holds_nobody, .timeout = 60)
{
    own_directory(directory);
    own_stage(stage, directory);
    int other_end, fd = lingering_socket(&other_end);
    struct error err;

    say(&stage, "STATUS=x", fd);
    close(fd);
    expect_refused(container_notify_forward(&stage.container, 42, &err), ETIMEDOUT, "notify.sock");
    cr_expect_eq(stage.container.notify.inner, -1);
    close(other_end);
}

Test(notify, closing_lingers_over_nothing_that_is_left, .timeout = 60)
{
    own_directory(directory);
    own_stage(stage, directory);
    int other_end, fd = lingering_socket(&other_end);

    say(&stage, "STATUS=x", fd);
    close(fd);
    notify_close(&stage.container.notify);
    cr_expect_eq(stage.container.notify.inner, -1);
    close(other_end);
}

/* Nothing is lost and nothing blocks: the container waits, which is what its sockets do. */
Test(notify, a_full_service_manager_holds_the_container_back, .timeout = 60)
{
    own_directory(directory);
    own_stage(stage, directory);
    struct pollfd wait;
    int said = 0, read = 0;

    container_notify_watch(&stage.container, &wait);
    cr_expect_eq(wait.fd, stage.container.notify.inner);
    cr_expect_eq(wait.events, POLLIN);
    do
        say(&stage, arena_print(&stage.arena, "X_NUMBER=%d", said++), -1);
    while (forward(&stage) > 0);
    container_notify_watch(&stage.container, &wait);
    cr_expect_eq(wait.fd, stage.container.notify.host);
    cr_expect_eq(wait.events, POLLOUT);
    cr_expect_eq(poll(&wait, 1, 0), 0);
    cr_expect_eq(forward(&stage), 0);
    for (; read < said; read++) {
        cr_expect_str_eq(heard(&stage, NULL), arena_print(&stage.arena, "X_NUMBER=%d", read));
        if (read == 0) {
            cr_expect_eq(poll(&wait, 1, 10000), 1);
            cr_expect_eq(forward(&stage), 1);
        }
    }
    cr_expect_gt(said, 1);
    container_notify_watch(&stage.container, &wait);
    cr_expect_eq(wait.fd, stage.container.notify.inner);
}

Test(notify, a_service_manager_that_has_gone_is_an_error_once)
{
    own_directory(directory);
    own_stage(stage, directory);
    struct pollfd wait;
    struct error err;

    say(&stage, "READY=1", -1);
    close_fd(&stage.manager);
    expect_refused(container_notify_forward(&stage.container, 42, &err), ECONNREFUSED,
                   "NOTIFY_SOCKET: send");
    cr_expect_eq(container_notify_forward(&stage.container, 42, &err), 0);
    container_notify_watch(&stage.container, &wait);
    cr_expect_eq(wait.fd, -1);
}

/* --- waiting ---------------------------------------------------------------------------------- */

static pid_t begin_process(struct stage *stage, void (*body)(struct stage *stage))
{
    pid_t pid = fork();

    cr_assert_geq(pid, 0);
    if (pid == 0) {
        body(stage);
        _exit(0);
    }
    stage->container.pidfd = kernel_pidfd_open(pid, 0);
    stage->container.record.init.pid = pid;
    return pid;
}

static void say_nothing(struct stage *stage)
{
    say(stage, "STATUS=READY=", -1);
}

Test(notify, a_process_that_ends_unready_ends_the_wait, .timeout = 60)
{
    own_directory(directory);
    own_stage(stage, directory);
    static const struct runtime runtime;
    struct error err;
    pid_t pid = begin_process(&stage, say_nothing);

    must(container_notify_wait(&runtime, &stage.container, &err));
    cr_expect_str_eq(heard(&stage, NULL), "");
    cr_expect_eq(stage.container.notify.inner, -1);
    waitpid(pid, NULL, 0);
}

/* A process that was not in its pid namespace, and does not know that all is over. */
Test(notify, who_speaks_on_after_the_end_does_not_hold_us, .timeout = 60)
{
    own_directory(directory);
    own_stage(stage, directory);
    static const struct runtime runtime;
    struct error err;
    pid_t pid = begin_process(&stage, say_nothing), flood;

    /* First, or the full queue might keep it from what it says. */
    cr_expect_eq(waitpid(pid, NULL, 0), pid);
    flood = fork();
    if (flood == 0) {
        while (try_say(&stage, "MAINPID=1", -1))
            continue;
        _exit(0);
    }
    must(container_notify_wait(&runtime, &stage.container, &err));
    cr_expect_str_eq(heard(&stage, NULL), "");
    kill(flood, SIGKILL);
    waitpid(flood, NULL, 0);
}

static void say_ready(struct stage *stage)
{
    say(stage, "STATUS=up\nREADY=1\nX=y", -1);
}

/* The last word of a process that is gone is heard all the same. */
Test(notify, ready_goes_on_alone_then_the_pid_then_a_barrier, .timeout = 60)
{
    own_directory(directory);
    own_stage(stage, directory);
    static const struct runtime runtime;
    struct error err;
    pid_t service = begin_process(&stage, say_ready), waiter;
    int fd = -1, status;

    cr_assert_eq(waitpid(service, NULL, 0), service);
    waiter = fork();
    if (waiter == 0)
        _exit(container_notify_wait(&runtime, &stage.container, &err) == 0 ? 0 : 1);

    struct pollfd next = {.fd = stage.manager, .events = POLLIN};

    poll(&next, 1, 10000);
    cr_expect_str_eq(heard(&stage, NULL), "READY=1");
    poll(&next, 1, 10000);
    cr_expect_str_eq(heard(&stage, NULL), arena_print(&stage.arena, "MAINPID=%d", service));
    poll(&next, 1, 10000);
    cr_expect_str_eq(heard(&stage, &fd), "BARRIER=1");
    poll(NULL, 0, 100);
    cr_expect_eq(waitpid(waiter, &status, WNOHANG), 0, "it stays until we have read all");
    close(fd);
    cr_assert_eq(waitpid(waiter, &status, 0), waiter);
    cr_expect_eq(status, 0);
}

Test(notify, without_a_socket_there_is_nothing_to_wait_for, .timeout = 60)
{
    static const struct runtime runtime;
    struct container container = {.notify = NOTIFY_CLOSED, .pidfd = -1};
    struct pollfd wait;
    struct error err;

    must(container_notify_wait(&runtime, &container, &err));
    cr_expect_eq(container_notify_forward(&container, 42, &err), 0);
    container_notify_watch(&container, &wait);
    cr_expect_eq(wait.fd, -1);
}
