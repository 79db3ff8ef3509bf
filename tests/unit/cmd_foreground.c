/* Standing in for a process: its status, its signals, its terminal, its time. */

#include <criterion/criterion.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>

#include "cmd/crun-lite/foreground.c"
#include "cmd/crun-lite/log_file.c"
#include "cmd/crun-lite/relay.c"
#include "runtime/handle.h"

/* Start `body` in a child with an empty signal mask, as the library does. */
static struct foreground_process start(void (*body)(void))
{
    pid_t pid = fork();

    cr_assert_geq(pid, 0);
    if (pid == 0) {
        sigset_t none;

        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        body();
        _exit(99);
    }
    return (struct foreground_process){
        .pid = pid, .pidfd = kernel_pidfd_open(pid, 0), .terminal = -1};
}

static struct foreground_end wait_for(struct foreground *foreground,
                                      const struct foreground_process *process)
{
    struct foreground_end end = {.status = -1};
    struct error err = {0};

    cr_assert_eq(foreground_wait(foreground, process, &end, &err), 0, "%s", err.text);
    foreground_close(foreground);
    close(process->pidfd);
    return end;
}

static struct foreground open_one(void)
{
    struct foreground foreground;
    struct error err;

    cr_assert_eq(foreground_open(&foreground, &err), 0);
    return foreground;
}

static void exit_with_7(void)
{
    _exit(7);
}

static void kill_itself(void)
{
    raise(SIGKILL);
}

static void sleep_long(void)
{
    for (;;)
        pause();
}

static void exit_with_number(int number)
{
    _exit(number);
}

/* Ready to be signalled: what comes before is not lost, as the mask is set by the parent. */
static void exit_with_the_signal(void)
{
    for (int number = 1; number <= SIGRTMAX; number++)
        signal(number, exit_with_number);
    kill(getppid(), SIGURG);
    sleep_long();
}

Test(cmd_foreground, the_status_is_the_process_own)
{
    struct foreground foreground = open_one();
    struct foreground_process process = start(exit_with_7);
    struct foreground_end end = wait_for(&foreground, &process);

    cr_expect_eq(end.status, 7);
    cr_expect_eq(end.signal, 0);
    cr_expect_not(end.timed_out);
}

Test(cmd_foreground, death_by_signal_is_128_and_the_signal)
{
    struct foreground foreground = open_one();
    struct foreground_process process = start(kill_itself);
    struct foreground_end end = wait_for(&foreground, &process);

    cr_expect_eq(end.status, 137);
    cr_expect_eq(end.signal, SIGKILL);
}

/* The child is ready when it has sent SIGURG, which is blocked and stays with us. */
static void wait_until_ready(void)
{
    sigset_t ready;
    int number;

    sigemptyset(&ready);
    sigaddset(&ready, SIGURG);
    sigwait(&ready, &number);
}

Test(cmd_foreground, signals_are_passed_on_even_those_that_came_early)
{
    static const int numbers[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGCONT, SIGTSTP};

    for (size_t i = 0; i < count_of(numbers); i++) {
        struct foreground foreground = open_one();
        struct foreground_process process = start(exit_with_the_signal);

        wait_until_ready();
        raise(numbers[i]);
        cr_expect_eq(wait_for(&foreground, &process).status, numbers[i]);
    }
}

Test(cmd_foreground, realtime_signals_are_passed_on)
{
    struct foreground foreground = open_one();
    struct foreground_process process = start(exit_with_the_signal);

    wait_until_ready();
    raise(SIGRTMIN + 3);
    cr_expect_eq(wait_for(&foreground, &process).status, SIGRTMIN + 3);
}

Test(cmd_foreground, window_changes_and_urgent_data_are_not_passed_on)
{
    struct foreground foreground = open_one();
    struct foreground_process process = start(exit_with_the_signal);

    wait_until_ready();
    raise(SIGWINCH);
    raise(SIGURG);
    raise(SIGCHLD);
    raise(SIGUSR2);
    cr_expect_eq(wait_for(&foreground, &process).status, SIGUSR2);
}

Test(cmd_foreground, the_signal_mask_is_given_back)
{
    sigset_t before, after;
    struct foreground foreground;

    sigemptyset(&before);
    sigaddset(&before, SIGUSR1);
    sigprocmask(SIG_SETMASK, &before, NULL);
    foreground = open_one();
    foreground_close(&foreground);
    sigprocmask(SIG_SETMASK, NULL, &after);
    for (int number = 1; number <= SIGRTMAX; number++)
        cr_expect_eq(sigismember(&after, number), number == SIGUSR1, "signal %d", number);
}

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

Test(cmd_foreground, a_time_limit_ends_the_process_with_124)
{
    struct foreground foreground = open_one();
    struct foreground_process process = start(sleep_long);

    process.time_limit_ns = 50 * 1000000;
    process.time_limit_grace_ns = INT64_C(60000000000);

    int64_t begun = now_ms();
    struct foreground_end end = wait_for(&foreground, &process);

    cr_expect_eq(end.status, FOREGROUND_TIMED_OUT);
    cr_expect_eq(end.signal, SIGTERM);
    cr_expect(end.timed_out);
    cr_expect_geq(now_ms() - begun, 50);
    cr_expect_lt(now_ms() - begun, 10000);
}

static void ignore_term(void)
{
    signal(SIGTERM, SIG_IGN);
    kill(getppid(), SIGURG);
    sleep_long();
}

Test(cmd_foreground, what_ignores_the_time_limit_is_killed_after_the_grace)
{
    struct foreground foreground = open_one();
    struct foreground_process process = start(ignore_term);

    wait_until_ready();
    process.time_limit_ns = 20 * 1000000;
    process.time_limit_grace_ns = 40 * 1000000;

    int64_t begun = now_ms();
    struct foreground_end end = wait_for(&foreground, &process);

    cr_expect_eq(end.status, FOREGROUND_TIMED_OUT);
    cr_expect_eq(end.signal, SIGKILL);
    cr_expect_geq(now_ms() - begun, 60);
}

static void leave_an_orphan(void)
{
    if (fork() == 0)
        _exit(5);
    usleep(100000);
    _exit(3);
}

static void leave_an_orphan_and_wait(void)
{
    if (fork() == 0) {
        if (fork() == 0)
            _exit(5);
        _exit(0);
    }
    while (wait(NULL) > 0)
        ;
    usleep(100000);
    _exit(3);
}

Test(cmd_foreground, orphans_that_come_to_us_are_reaped)
{
    struct foreground foreground;
    struct foreground_process process;

    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    foreground = open_one();
    process = start(leave_an_orphan_and_wait);
    cr_expect_eq(wait_for(&foreground, &process).status, 3);
    cr_expect_eq(waitpid(-1, NULL, WNOHANG), -1);
    cr_expect_eq(errno, ECHILD);

    /* One whose parent never waits is its parent's to worry about. */
    foreground = open_one();
    process = start(leave_an_orphan);
    cr_expect_eq(wait_for(&foreground, &process).status, 3);
}

/* --- with a terminal ------------------------------------------------------------------------- */

static int slave = -1;

/* A pty whose slave the child gets, and our standard streams on pipes. */
struct terminal_test {
    int master;
    int typed;   /* we write what is typed */
    int printed; /* we read what comes out */
};

static struct terminal_test set_up_terminal(void)
{
    struct terminal_test test;
    int ends[2];

    test.master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    cr_assert_geq(test.master, 0);
    unlockpt(test.master);
    slave = ioctl(test.master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    cr_assert_geq(slave, 0);

    struct termios settings;

    tcgetattr(slave, &settings);
    cfmakeraw(&settings);
    tcsetattr(slave, TCSANOW, &settings);
    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    dup2(ends[0], STDIN_FILENO);
    close(ends[0]);
    test.typed = ends[1];
    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    dup2(ends[1], STDOUT_FILENO);
    close(ends[1]);
    test.printed = ends[0];
    return test;
}

enum { MUCH = 1 << 20 };

static void print_much(void)
{
    static char block[4096];

    for (size_t done = 0; done < MUCH; done += sizeof block) {
        memset(block, 'a' + (int)(done / sizeof block % 26), sizeof block);
        for (size_t at = 0; at < sizeof block;)
            at += (size_t)write(slave, block + at, sizeof block - at);
    }
    _exit(0);
}

/* Read everything slowly; returns `from` when it is all there as print_much() wrote it. */
static void *read_slowly(void *from)
{
    size_t at = 0;
    char bytes[3000];
    ssize_t got;
    bool good = true;

    while (at < MUCH && (got = read(*(int *)from, bytes, sizeof bytes)) > 0) {
        for (ssize_t i = 0; i < got; i++, at++)
            good &= bytes[i] == (char)('a' + (int)(at / 4096 % 26));
        usleep(100);
    }
    return good && at == MUCH ? from : NULL;
}

Test(cmd_foreground, all_output_comes_through_a_slow_pipe_in_order)
{
    struct terminal_test test = set_up_terminal();
    struct foreground foreground = open_one();
    struct foreground_process process = start(print_much);
    pthread_t reader;
    void *good = NULL;

    close(slave);
    pthread_create(&reader, NULL, read_slowly, &test.printed);
    process.terminal = test.master;
    cr_expect_eq(wait_for(&foreground, &process).status, 0);
    pthread_join(reader, &good);
    cr_expect_not_null(good);
}

static void echo_until_q(void)
{
    char byte = 0;

    while (byte != 'q') {
        if (read(slave, &byte, 1) != 1 || write(slave, &byte, 1) != 1)
            _exit(1);
    }
    _exit(42);
}

Test(cmd_foreground, what_is_typed_goes_in_and_the_answer_comes_out)
{
    struct terminal_test test = set_up_terminal();
    struct foreground foreground = open_one();
    struct foreground_process process = start(echo_until_q);
    char answer[16] = "";

    close(slave);
    process.terminal = test.master;
    cr_assert_eq(write(test.typed, "hello q", 7), 7);
    cr_expect_eq(wait_for(&foreground, &process).status, 42);
    cr_expect_eq(read(test.printed, answer, sizeof answer), 7);
    cr_expect_str_eq(answer, "hello q");
}

static void reopen_the_terminal(void)
{
    char name[64];

    if (ttyname_r(slave, name, sizeof name) != 0)
        _exit(2);
    close(slave);
    usleep(50000);
    slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    _exit(write(slave, "back", 4) == 4 ? 0 : 1);
}

Test(cmd_foreground, a_terminal_closed_for_a_moment_is_not_at_its_end)
{
    struct terminal_test test = set_up_terminal();
    struct foreground foreground = open_one();
    struct foreground_process process = start(reopen_the_terminal);
    char answer[16] = "";

    close(slave);
    process.terminal = test.master;
    cr_expect_eq(wait_for(&foreground, &process).status, 0);
    cr_expect_eq(read(test.printed, answer, sizeof answer), 4);
    cr_expect_str_eq(answer, "back");
}

static void print_and_sleep(void)
{
    (void)!write(slave, "x", 1);
    usleep(100000);
    for (int i = 0; i < 100; i++)
        (void)!write(slave, "lots of text that nobody wants to read", 38);
    _exit(9);
}

Test(cmd_foreground, a_reader_that_goes_away_does_not_stop_the_process)
{
    struct terminal_test test = set_up_terminal();
    struct foreground foreground = open_one();
    struct foreground_process process = start(print_and_sleep);

    signal(SIGPIPE, SIG_IGN); /* as startup() has done */
    close(slave);
    close(test.printed);
    process.terminal = test.master;
    cr_expect_eq(wait_for(&foreground, &process).status, 9);
}

Test(cmd_foreground, a_borrowed_nonblocking_flag_is_given_back)
{
    struct terminal_test test = set_up_terminal();
    struct relay relay;
    struct error err;
    int ends[2];

    /* A socket cannot be opened anew, so its flag is borrowed. */
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    dup2(ends[0], STDOUT_FILENO);
    cr_assert_eq(relay_open(&relay, test.master, &err), 0);
    cr_expect(fcntl(ends[0], F_GETFL) & O_NONBLOCK);
    relay_close(&relay);
    cr_expect_not(fcntl(ends[0], F_GETFL) & O_NONBLOCK);
}

Test(cmd_foreground, the_callers_terminal_is_raw_meanwhile_and_as_before_afterwards)
{
    struct terminal_test test = set_up_terminal();
    int ours = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    struct winsize size = {.ws_row = 33, .ws_col = 77}, seen = {0};
    struct termios before, meanwhile, after;
    struct relay relay;
    struct error err;

    unlockpt(ours);
    dup2(ioctl(ours, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC), STDIN_FILENO);
    ioctl(STDIN_FILENO, TIOCSWINSZ, &size);
    tcgetattr(STDIN_FILENO, &before);
    cr_assert_eq(relay_open(&relay, test.master, &err), 0, "%s", err.text);
    tcgetattr(STDIN_FILENO, &meanwhile);
    ioctl(test.master, TIOCGWINSZ, &seen);
    relay_close(&relay);
    tcgetattr(STDIN_FILENO, &after);
    cr_expect(before.c_lflag & ICANON);
    cr_expect_not(meanwhile.c_lflag & (ICANON | ECHO | ISIG));
    cr_expect_eq(after.c_lflag, before.c_lflag);
    cr_expect_eq(after.c_oflag, before.c_oflag);
    cr_expect_eq(seen.ws_row, 33);
    cr_expect_eq(seen.ws_col, 77);
}

/* --- what it notifies ------------------------------------------------------------------------- */

static int service[2]; /* of the process, of the container */

/* Whether anybody hears it is what the tests look at; here, in a child, nothing can be asserted. */
static void notify_and_exit(void)
{
    static const char *const words[] = {"STATUS=loading", "READY=1\nMAINPID=1", "STOPPING=1"};

    for (size_t i = 0; i < count_of(words); i++)
        (void)!send(service[0], words[i], strlen(words[i]), MSG_NOSIGNAL);
    _exit(3);
}

static void expect_message(int host, const char *expected)
{
    char text[256] = "";

    recv(host, text, sizeof text - 1, MSG_DONTWAIT);
    cr_expect_str_eq(text, expected);
}

Test(cmd_foreground, what_the_process_notifies_goes_on_to_the_last_word)
{
    int host[2];
    struct container container = {.notify = NOTIFY_CLOSED};
    struct foreground foreground = open_one();
    struct foreground_process process;
    char ready[64];

    cr_assert_eq(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, service), 0);
    cr_assert_eq(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, host), 0);
    container.notify.inner = service[1];
    container.notify.host = host[0];
    process = start(notify_and_exit);
    process.notifying = &container;
    cr_expect_eq(wait_for(&foreground, &process).status, 3);
    snprintf(ready, sizeof ready, "READY=1\nMAINPID=%d", getpid());
    expect_message(host[1], "STATUS=loading");
    expect_message(host[1], ready);
    expect_message(host[1], "STOPPING=1");
    expect_message(host[1], "");
}

/* The container is more important than who is told about it. */
Test(cmd_foreground, a_service_manager_that_goes_does_not_end_the_wait)
{
    int host[2];
    struct container container = {.notify = NOTIFY_CLOSED};
    struct foreground foreground = open_one();
    struct foreground_process process;

    cr_assert_eq(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, service), 0);
    cr_assert_eq(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, host), 0);
    container.notify.inner = service[1];
    container.notify.host = host[0];
    close(host[1]);
    process = start(notify_and_exit);
    process.notifying = &container;
    cr_expect_eq(wait_for(&foreground, &process).status, 3);
    cr_expect_lt(container.notify.inner, 0, "nobody is told any more");
}
