/* The messages between parent and child, and the parent's table of what may be asked when. */

#include "runtime_help.h"

#include <signal.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/kernel.h"
#include "runtime/handshake.h"
#include "runtime/serve.h"

static void pair(int ends[static 2])
{
    struct error err;

    must(handshake_pair(ends, &err));
}

static bool same_file(int left, int right)
{
    struct stat one, other;

    return fstat(left, &one) == 0 && fstat(right, &other) == 0 && one.st_ino == other.st_ino &&
           one.st_dev == other.st_dev;
}

Test(handshake, both_ends_close_on_exec)
{
    int ends[2];

    pair(ends);
    cr_expect(fcntl(ends[0], F_GETFD) & FD_CLOEXEC);
    cr_expect(fcntl(ends[1], F_GETFD) & FD_CLOEXEC);
}

Test(handshake, a_message_brings_number_and_descriptor)
{
    int ends[2], files[2];
    struct handshake_message message;
    int fd;

    pair(ends);
    cr_assert_eq(pipe2(files, O_CLOEXEC), 0);
    cr_assert_eq(handshake_send(ends[0], HANDSHAKE_SPAWNED, -7, files[0]), 0);
    cr_assert_eq(handshake_receive(ends[1], &message, &fd), 1);
    cr_expect_eq(message.kind, HANDSHAKE_SPAWNED);
    cr_expect_eq(message.index, -7);
    cr_expect(fd >= 0 && fd != files[0] && same_file(fd, files[0]));
    cr_expect(fcntl(fd, F_GETFD) & FD_CLOEXEC);
}

Test(handshake, without_a_descriptor_there_is_none)
{
    int ends[2];
    struct handshake_message message;
    int fd = 99;

    pair(ends);
    cr_assert_eq(handshake_send(ends[0], HANDSHAKE_READY, 0, -1), 0);
    cr_assert_eq(handshake_receive(ends[1], &message, &fd), 1);
    cr_expect_eq(fd, -1);
}

Test(handshake, a_failure_brings_its_whole_text)
{
    int ends[2];
    struct handshake_message message;
    struct error failure;
    int fd;

    pair(ends);
    memset(failure.text, 'x', sizeof failure.text - 1);
    failure.text[sizeof failure.text - 1] = '\0';
    failure.code = ENOSPC;
    cr_assert_eq(handshake_send_failure(ends[0], &failure), 0);
    cr_assert_eq(handshake_receive(ends[1], &message, &fd), 1);
    cr_expect_eq(message.kind, HANDSHAKE_FAILED);
    cr_expect_eq(message.error.code, ENOSPC);
    cr_expect_str_eq(message.error.text, failure.text);
}

Test(handshake, a_failure_without_code_or_end_is_made_harmless)
{
    int ends[2];
    struct handshake_message message = {.kind = HANDSHAKE_FAILED};
    int fd;

    pair(ends);
    memset(&message.error, 'x', sizeof message.error);
    message.error.code = 0;
    cr_assert_eq(send(ends[0], &message, sizeof message, 0), (ssize_t)sizeof message);
    cr_assert_eq(handshake_receive(ends[1], &message, &fd), 1);
    cr_expect_eq(message.error.code, EPROTO);
    cr_expect_eq(strlen(message.error.text), sizeof message.error.text - 1);
}

Test(handshake, closed_is_nothing_more_to_come)
{
    int ends[2];
    struct handshake_message message;
    int fd;

    pair(ends);
    close(ends[0]);
    cr_expect_eq(handshake_receive(ends[1], &message, &fd), 0);
    cr_expect_eq(fd, -1);
}

Test(handshake, sending_to_a_closed_end_is_an_error_not_a_signal)
{
    int ends[2];

    signal(SIGPIPE, SIG_DFL);
    pair(ends);
    close(ends[1]);
    cr_expect_eq(handshake_send(ends[0], HANDSHAKE_READY, 0, -1), -EPIPE);
}

Test(handshake, cut_long_and_unknown_messages_are_refused)
{
    struct handshake_message message = {.kind = HANDSHAKE_READY};
    size_t head = offsetof(struct handshake_message, error);
    char longer[sizeof message + 1] = {0};
    int ends[2];
    int fd;

    pair(ends);
    for (size_t length = 1; length < head; length++) {
        cr_assert_eq(send(ends[0], &message, length, 0), (ssize_t)length);
        cr_expect_eq(handshake_receive(ends[1], &message, &fd), -EPROTO, "%zu bytes", length);
        message = (struct handshake_message){.kind = HANDSHAKE_READY};
    }

    static const uint32_t kinds[] = {HANDSHAKE_KINDS, HANDSHAKE_KINDS + 1, 0x80000000, UINT32_MAX};

    for (size_t i = 0; i < count_of(kinds); i++) {
        message.kind = kinds[i];
        cr_assert_eq(send(ends[0], &message, head, 0), (ssize_t)head);
        cr_expect_eq(handshake_receive(ends[1], &message, &fd), -EPROTO, "kind %u", kinds[i]);
    }

    message.kind = HANDSHAKE_FAILED;
    cr_assert_eq(send(ends[0], &message, head, 0), (ssize_t)head);
    cr_expect_eq(handshake_receive(ends[1], &message, &fd), -EPROTO, "a failure without text");

    cr_assert_eq(send(ends[0], longer, sizeof longer, 0), (ssize_t)sizeof longer);
    cr_expect_eq(handshake_receive(ends[1], &message, &fd), -EPROTO, "one byte too long");
}

/* Two descriptors where one is expected: refused, and neither stays open. */
Test(handshake, a_surplus_descriptor_is_refused_and_closed)
{
    struct handshake_message message = {.kind = HANDSHAKE_READY};
    struct iovec bytes = {&message, offsetof(struct handshake_message, error)};
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(2 * sizeof(int))];
    } control = {0};
    struct msghdr header = {.msg_iov = &bytes,
                            .msg_iovlen = 1,
                            .msg_control = &control,
                            .msg_controllen = sizeof control.bytes};
    int ends[2];
    int fd;

    pair(ends);

    struct cmsghdr *rights = CMSG_FIRSTHDR(&header);

    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(2 * sizeof(int));
    memcpy(CMSG_DATA(rights), ends, 2 * sizeof(int));

    size_t before = open_descriptors();

    cr_assert_eq(sendmsg(ends[0], &header, 0), (ssize_t)bytes.iov_len);
    cr_expect_eq(handshake_receive(ends[1], &message, &fd), -EPROTO);
    cr_expect_eq(fd, -1);
    cr_expect_eq(open_descriptors(), before);
}

Test(handshake, a_descriptor_of_a_refused_message_is_closed)
{
    int ends[2];
    struct handshake_message message;
    int fd;

    pair(ends);

    size_t before = open_descriptors();

    cr_assert_eq(handshake_send(ends[0], (enum handshake_kind)HANDSHAKE_KINDS, 0, ends[0]), 0);
    cr_expect_eq(handshake_receive(ends[1], &message, &fd), -EPROTO);
    cr_expect_eq(open_descriptors(), before);
}

Test(handshake_ask, answers_are_done_failed_or_gone)
{
    int ends[2];
    struct error err, failure;
    int fd = -1;

    pair(ends);
    cr_assert_eq(handshake_send(ends[1], HANDSHAKE_DONE, 0, ends[1]), 0);
    cr_expect_eq(handshake_ask(ends[0], HANDSHAKE_WANT_CLASS, 0, -1, &fd, &err), 0);
    cr_expect(fd >= 0);

    refuse(&failure, EXDEV, "because of the moon");
    cr_assert_eq(handshake_send_failure(ends[1], &failure), 0);
    expect_refused(handshake_ask(ends[0], HANDSHAKE_WANT_CLASS, 0, -1, NULL, &err), EXDEV,
                   "because of the moon");

    cr_assert_eq(handshake_send(ends[1], HANDSHAKE_READY, 0, -1), 0);
    expect_refused(handshake_ask(ends[0], HANDSHAKE_WANT_CLASS, 0, -1, NULL, &err), EPROTO,
                   "the runtime answered with message");

    pair(ends);
    close(ends[1]);
    expect_refused(handshake_ask(ends[0], HANDSHAKE_WANT_CLASS, 0, -1, NULL, &err), EPIPE,
                   "ask the runtime");
}

Test(handshake_ask, by_sendmmsg_is_the_same_question)
{
    int ends[2], files[2];
    struct handshake_message message;
    struct error err;
    int fd;

    pair(ends);
    cr_assert_eq(pipe2(files, O_CLOEXEC), 0);
    cr_assert_eq(handshake_send(ends[1], HANDSHAKE_DONE, 0, -1), 0);
    cr_expect_eq(handshake_ask_by_sendmmsg(ends[0], HANDSHAKE_TAKE_SECCOMP, files[0], &err), 0);
    cr_assert_eq(handshake_receive(ends[1], &message, &fd), 1);
    cr_expect_eq(message.kind, HANDSHAKE_TAKE_SECCOMP);
    cr_expect(fd >= 0 && same_file(fd, files[0]));
    close(ends[1]);
    expect_refused(handshake_ask_by_sendmmsg(ends[0], HANDSHAKE_TAKE_SECCOMP, files[0], &err),
                   EPIPE, "ask the runtime");
}

/* --- the parent's table ----------------------------------------------------------------------- */

struct stage {
    int childs_end;
    int terminal;
    struct spawned spawned;
    struct container_plan container;
    struct seccomp_plan seccomp;
    struct spec_hooks hooks;
    struct spec_state state;
    struct server server;
};

/* A server as create has it (or exec, without a container), and our hand on the child's end. */
static void set_up(struct stage *stage, bool creating)
{
    static const struct log silent;
    int ends[2];

    pair(ends);
    *stage = (struct stage){.childs_end = ends[1], .terminal = -1};
    stage->spawned = (struct spawned){.pid = getpid(), .pidfd = -1};
    stage->container.hooks = &stage->hooks;
    stage->server = (struct server){
        .socket = ends[0],
        .spawned = &stage->spawned,
        .container = creating ? &stage->container : NULL,
        .seccomp = &stage->seccomp,
        .state = &stage->state,
        .log = &silent,
        .console = -1,
        .terminal = &stage->terminal,
    };
}

static void say(const struct stage *stage, enum handshake_kind kind, int fd)
{
    cr_assert_eq(handshake_send(stage->childs_end, kind, 0, fd), 0);
}

/* What the parent has answered. */
static uint32_t answer(const struct stage *stage)
{
    struct handshake_message message;
    int fd;

    cr_assert_eq(handshake_receive(stage->childs_end, &message, &fd), 1);
    close_fd(&fd);
    return message.kind;
}

Test(serve, answers_until_ready)
{
    struct stage stage;
    struct error err;

    set_up(&stage, true);
    say(&stage, HANDSHAKE_WANT_NET_DEVICES, -1);
    say(&stage, HANDSHAKE_WANT_HOOKS, -1);
    say(&stage, HANDSHAKE_READY, -1);
    cr_expect_eq(serve_child(&stage.server, &err), SERVER_READY);
    cr_expect_eq(answer(&stage), HANDSHAKE_DONE);
    cr_expect_eq(answer(&stage), HANDSHAKE_DONE);
}

Test(serve, what_is_asked_once_is_not_answered_twice)
{
    static const enum handshake_kind once[] = {HANDSHAKE_WANT_NET_DEVICES, HANDSHAKE_WANT_HOOKS,
                                               HANDSHAKE_TAKE_TERMINAL};

    for (size_t i = 0; i < count_of(once); i++) {
        struct stage stage;
        struct error err;

        set_up(&stage, true);
        say(&stage, once[i], stage.childs_end);
        say(&stage, once[i], stage.childs_end);
        expect_refused(serve_child(&stage.server, &err), EPROTO, "which is not its turn");
        cr_expect_eq(answer(&stage), HANDSHAKE_DONE);
    }
}

Test(serve, illegal_messages_of_a_new_container)
{
    static const enum handshake_kind illegal[] = {
        HANDSHAKE_DONE,         HANDSHAKE_GO,
        HANDSHAKE_STARTED,      HANDSHAKE_SPAWNED, /* there is no doorman */
        HANDSHAKE_TAKE_SECCOMP,                    /* the profile has no listener */
    };

    for (size_t i = 0; i < count_of(illegal); i++) {
        struct stage stage;
        struct error err;

        set_up(&stage, true);
        say(&stage, illegal[i], stage.childs_end);
        expect_refused(serve_child(&stage.server, &err), EPROTO, "which is not its turn");
        cr_expect_eq(stage.spawned.pid, getpid());
    }
}

Test(serve, exec_has_no_mounts_hooks_or_maps_to_ask_for)
{
    static const enum handshake_kind illegal[] = {
        HANDSHAKE_WANT_ID_MAPS,
        HANDSHAKE_WANT_NET_DEVICES,
        HANDSHAKE_WANT_MOUNT_SOURCE,
        HANDSHAKE_WANT_HOOKS,
        HANDSHAKE_READY,
    };

    for (size_t i = 0; i < count_of(illegal); i++) {
        struct stage stage;
        struct error err;

        set_up(&stage, false);
        say(&stage, illegal[i], -1);
        expect_refused(serve_child(&stage.server, &err), EPROTO, "which is not its turn");
    }
}

Test(serve, exec_succeeds_when_execve_closes_the_socket)
{
    struct stage stage;
    struct error err;

    set_up(&stage, false);
    say(&stage, HANDSHAKE_EXECUTING, -1);
    close(stage.childs_end);
    cr_expect_eq(serve_child(&stage.server, &err), SERVER_CLOSED);
}

Test(serve, the_childs_failure_is_ours)
{
    struct stage stage;
    struct error err, failure;

    set_up(&stage, true);
    refuse(&failure, ENOTDIR, "mount-all: no such place");
    cr_assert_eq(handshake_send_failure(stage.childs_end, &failure), 0);
    expect_refused(serve_child(&stage.server, &err), ENOTDIR, "mount-all: no such place");
}

Test(serve, a_failed_answer_goes_to_the_child_which_comes_back_with_it)
{
    static struct spec_hook missing[] = {{.path = "/nonexistent/hook"}};
    struct stage stage;
    struct error err;
    struct handshake_message message;
    int fd;

    set_up(&stage, true);
    stage.container.creating = (struct hook_state){.head = "{", .tail = "}"};
    stage.hooks.create_runtime = (struct spec_hook_list){missing, 1};
    say(&stage, HANDSHAKE_WANT_HOOKS, -1);
    say(&stage, HANDSHAKE_READY, -1);
    cr_expect_eq(serve_child(&stage.server, &err), SERVER_READY, "whether to go on is the child's");
    cr_assert_eq(handshake_receive(stage.childs_end, &message, &fd), 1);
    cr_expect_eq(message.kind, HANDSHAKE_FAILED);
    cr_expect(strstr(message.error.text, "createRuntime hook #0: /nonexistent/hook") != NULL, "%s",
              message.error.text);
}

Test(serve, keeps_the_terminal_when_there_is_no_console_socket)
{
    struct stage stage;
    struct error err;
    int files[2];

    cr_assert_eq(pipe2(files, O_CLOEXEC), 0);
    set_up(&stage, true);
    say(&stage, HANDSHAKE_TAKE_TERMINAL, files[0]);
    say(&stage, HANDSHAKE_READY, -1);
    cr_expect_eq(serve_child(&stage.server, &err), SERVER_READY);
    cr_expect(stage.terminal > 2 && same_file(stage.terminal, files[0]));
    cr_expect(fcntl(stage.terminal, F_GETFD) & FD_CLOEXEC);
}

Test(serve, sends_the_terminal_to_the_console_socket_with_its_name)
{
    struct stage stage;
    struct error err;
    int files[2], console[2], received;
    char name[64];
    struct iovec bytes = {name, sizeof name};
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    struct msghdr header = {.msg_iov = &bytes,
                            .msg_iovlen = 1,
                            .msg_control = &control,
                            .msg_controllen = sizeof control.bytes};

    cr_assert_eq(pipe2(files, O_CLOEXEC), 0);
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, console), 0);
    set_up(&stage, true);
    stage.server.console = console[0];
    say(&stage, HANDSHAKE_TAKE_TERMINAL, files[0]);
    say(&stage, HANDSHAKE_READY, -1);
    cr_expect_eq(serve_child(&stage.server, &err), SERVER_READY);
    cr_expect_eq(stage.terminal, -1);
    cr_expect_eq(recvmsg(console[1], &header, MSG_CMSG_CLOEXEC), 9);
    cr_expect_eq(memcmp(name, "/dev/ptmx", 9), 0);
    cr_assert_not_null(CMSG_FIRSTHDR(&header));
    memcpy(&received, CMSG_DATA(CMSG_FIRSTHDR(&header)), sizeof received);
    cr_expect(same_file(received, files[0]));
}

Test(serve, a_console_socket_that_has_gone_fails_the_terminal)
{
    struct stage stage;
    struct error err;
    int console[2];
    struct handshake_message message;
    int fd;

    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, console), 0);
    close(console[1]);
    set_up(&stage, true);
    stage.server.console = console[0];
    say(&stage, HANDSHAKE_TAKE_TERMINAL, stage.childs_end);
    say(&stage, HANDSHAKE_READY, -1);
    cr_expect_eq(serve_child(&stage.server, &err), SERVER_READY);
    cr_assert_eq(handshake_receive(stage.childs_end, &message, &fd), 1);
    cr_expect_eq(message.kind, HANDSHAKE_FAILED);
    cr_expect(strstr(message.error.text, "console socket") != NULL, "%s", message.error.text);
}

/* A process that ends as `end` says, with a pidfd of it. */
static void spawn_ending(struct stage *stage, int status, int signal_number)
{
    struct clone_args args = {
        .flags = CLONE_PIDFD, .pidfd = (uint64_t)&stage->spawned.pidfd, .exit_signal = SIGCHLD};

    stage->spawned.pid = kernel_clone3(&args, sizeof args);
    if (stage->spawned.pid == 0) {
        if (signal_number > 0)
            kill(getpid(), signal_number);
        _exit(status);
    }
    cr_assert(stage->spawned.pid > 0);
    close_fd(&stage->childs_end);
}

Test(serve, says_how_a_silent_child_has_ended, .timeout = 20)
{
    struct stage stage;
    struct error err;

    set_up(&stage, true);
    spawn_ending(&stage, 9, 0);
    expect_refused(serve_child(&stage.server, &err), ECHILD, "ended with status 9 without a word");
    cr_expect_eq(waitpid(stage.spawned.pid, NULL, 0), stage.spawned.pid, "left for its undo");

    set_up(&stage, true);
    spawn_ending(&stage, 0, SIGKILL);
    expect_refused(serve_child(&stage.server, &err), ECHILD, "killed by signal 9 (Killed)");
    waitpid(stage.spawned.pid, NULL, 0);
}

/* Its closing is no execve: the real process has not been born. */
Test(serve, a_doorman_that_dies_is_no_success_of_exec, .timeout = 20)
{
    struct stage stage;
    struct error err;

    set_up(&stage, false);
    stage.spawned.is_doorman = true;
    spawn_ending(&stage, 0, SIGKILL);
    expect_refused(serve_child(&stage.server, &err), ECHILD, "killed by signal 9");
    waitpid(stage.spawned.pid, NULL, 0);
}

Test(serve, the_doorman_hands_over_to_the_real_process, .timeout = 20)
{
    struct stage stage;
    struct error err;
    int childs_end;

    set_up(&stage, true);
    childs_end = dup(stage.childs_end);
    stage.spawned.is_doorman = true;
    spawn_ending(&stage, 0, 0);
    stage.childs_end = childs_end;

    pid_t doorman = stage.spawned.pid;
    autoclose int ourselves = kernel_pidfd_open(getpid(), 0);

    cr_assert_eq(handshake_send(childs_end, HANDSHAKE_SPAWNED, getpid(), ourselves), 0);
    say(&stage, HANDSHAKE_WANT_NET_DEVICES, -1);
    say(&stage, HANDSHAKE_READY, -1);
    cr_expect_eq(serve_child(&stage.server, &err), SERVER_READY);
    cr_expect_eq(answer(&stage), HANDSHAKE_DONE, "SPAWNED itself is not answered");
    cr_expect_eq(stage.spawned.pid, getpid());
    cr_expect_not(stage.spawned.is_doorman);
    cr_expect_eq(waitpid(doorman, NULL, WNOHANG), -1, "the doorman has been reaped");
}
