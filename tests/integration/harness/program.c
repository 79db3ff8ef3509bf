#include "tests/integration/harness/program.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/kernel.h"
#include "base/own.h"
#include "tests/integration/harness/scenario.h"

enum { ARGUMENTS_MOST = 64, INHERIT_FROM = 3, PROGRAMS_MOST = 512, POLL_MS = 20 };

/* Programs begun and not yet waited for: whoever else is our child belongs to a container. */
static pid_t begun[PROGRAMS_MOST];

static void note_begun(pid_t pid, pid_t instead_of)
{
    for (size_t i = 0; i < PROGRAMS_MOST; i++) {
        if (begun[i] == instead_of) {
            begun[i] = pid;
            return;
        }
    }
    cr_assert(false, "too many programs at once");
}

static bool is_begun(pid_t pid)
{
    for (size_t i = 0; i < PROGRAMS_MOST; i++)
        if (begun[i] == pid)
            return true;
    return false;
}

/* Processes of containers whose creator has ended become our children, as they become a shim's.
 * Until we have waited for them, the kernel does not let the pid namespace they are in end. */
static void reap_strangers(void)
{
    char children[16384] = "";
    char *rest = children;
    autoclose int fd = open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC);

    if (fd < 0 || read(fd, children, sizeof children - 1) <= 0)
        return;
    for (char *end;; rest = end) {
        pid_t pid = (pid_t)strtol(rest, &end, 10);

        if (end == rest)
            return;
        if (!is_begun(pid))
            waitpid(pid, NULL, WNOHANG);
    }
}

/* Appending, so that a container that opens /dev/stdout anew does not write over the start. */
static int memory_file(const char *name, const char *content)
{
    int fd = memfd_create(name, MFD_CLOEXEC);

    cr_assert(fd >= 0, "memfd_create: %s", strerror(errno));
    if (content != NULL) {
        cr_assert(write(fd, content, strlen(content)) == (ssize_t)strlen(content));
        lseek(fd, 0, SEEK_SET);
    } else {
        fcntl(fd, F_SETFL, O_APPEND);
    }
    return fd;
}

static void set_standard(const struct program *program, int in, int out, int err)
{
    if (program->close_standard) {
        close(0);
        close(1);
        close(2);
        return;
    }
    if (program->terminal > 0) {
        setsid();
        ioctl(program->terminal, TIOCSCTTY, 0);
        in = out = err = program->terminal;
    }
    dup2(in, 0);
    dup2(out, 1);
    dup2(err, 2);
}

/* As 3, 4, ...; first copied out of the way, so that none is overwritten before its turn. */
static void set_inherited(const int *inherit)
{
    int moved[16];
    int count = 0;

    for (; inherit != NULL && inherit[count] >= 0 && count < 16; count++)
        moved[count] = fcntl(inherit[count], F_DUPFD_CLOEXEC, 100);
    for (int i = 0; i < count; i++)
        dup2(moved[i], INHERIT_FROM + i);
}

static int become_user(unsigned user)
{
    if (setgroups(0, NULL) < 0 || setresgid(user, user, user) < 0)
        return -1;
    return setresuid(user, user, user);
}

static char **environment_of(const struct program *program)
{
    const char *const *base = scenario_environment();
    size_t count = 0;
    char **all;

    while (base[count] != NULL)
        count++;
    for (size_t i = 0; program->environment != NULL && program->environment[i] != NULL; i++)
        count++;
    all = arena_zero(scenario_arena(), count + 1, sizeof *all);
    count = 0;
    for (; *base != NULL; base++)
        all[count++] = arena_string(scenario_arena(), *base);
    for (size_t i = 0; program->environment != NULL && program->environment[i] != NULL; i++)
        all[count++] = arena_string(scenario_arena(), program->environment[i]);
    return all;
}

struct running program_begin(const struct program *program)
{
    struct running running = {.out = memory_file("out", NULL), .err = memory_file("err", NULL)};
    char **environment = environment_of(program);
    int in = program->input != NULL ? memory_file("in", program->input)
                                    : open("/dev/null", O_RDONLY | O_CLOEXEC);

    running.pid = fork();
    cr_assert(running.pid >= 0, "fork: %s", strerror(errno));
    if (running.pid == 0) {
        sigset_t none;

        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        set_standard(program, in, running.out, running.err);
        set_inherited(program->inherit);
        if (program->user > 0 && become_user(program->user) < 0)
            _exit(126);
        if (program->directory == NULL || chdir(program->directory) == 0)
            execvpe(program->arguments[0], (char **)program->arguments, environment);
        _exit(127);
    }
    close(in);
    note_begun(running.pid, 0);
    running.pidfd = kernel_pidfd_open(running.pid, 0);
    return running;
}

static const char *content_of(int fd)
{
    struct stat status;
    char *text;

    if (fstat(fd, &status) < 0)
        return "";
    text = arena_zero(scenario_arena(), (size_t)status.st_size + 1, 1);
    for (off_t at = 0; at < status.st_size;) {
        ssize_t got = pread(fd, text + at, (size_t)(status.st_size - at), at);

        if (got <= 0)
            break;
        at += got;
    }
    return text;
}

const char *program_output(const struct running *running)
{
    return content_of(running->out);
}

bool program_said(const struct running *running, const char *what)
{
    return eventually(strstr(program_output(running), what) != NULL);
}

bool program_has_ended(const struct running *running)
{
    return poll(&(struct pollfd){.fd = running->pidfd, .events = POLLIN}, 1, 0) > 0;
}

/* False when the deadline passed. */
static bool wait_for_end(const struct running *running, int deadline_seconds)
{
    struct pollfd end = {.fd = running->pidfd, .events = POLLIN};

    for (int waited = 0; poll(&end, 1, POLL_MS) == 0; waited += POLL_MS) {
        if (waited > deadline_seconds * 1000)
            return false;
        reap_strangers();
    }
    return true;
}

struct outcome program_wait(struct running *running, int deadline_seconds)
{
    struct outcome outcome = {0};
    bool in_time = wait_for_end(running, deadline_seconds);
    int status = 0;

    if (!in_time)
        kernel_pidfd_send_signal(running->pidfd, SIGKILL);
    while (waitpid(running->pid, &status, 0) < 0 && errno == EINTR)
        ;
    note_begun(0, running->pid);
    if (!in_time)
        outcome.code = -1;
    else
        outcome.code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    close_fd(&running->pidfd);
    outcome.out = content_of(running->out);
    outcome.err = content_of(running->err);
    outcome.running = *running;
    return outcome;
}

struct outcome program_run(const struct program *program)
{
    struct running running = program_begin(program);

    return program_wait(&running, DEADLINE_SECONDS);
}

struct running crun_launch(const struct program *program, const char *const *arguments)
{
    struct program complete = *program;
    const char *all[ARGUMENTS_MOST] = {NULL};
    size_t count = 0;

    if (program->wrapper != NULL)
        all[count++] = program->wrapper;
    all[count++] = scenario_program();
    all[count++] = "--root";
    all[count++] = scenario_root();
    while (*arguments != NULL && count < ARGUMENTS_MOST - 1)
        all[count++] = *arguments++;
    complete.arguments = all;
    return program_begin(&complete);
}

struct outcome crun_run(const struct program *program, const char *const *arguments)
{
    struct running running = crun_launch(program, arguments);

    return program_wait(&running, DEADLINE_SECONDS);
}

void wait_ms(int milliseconds)
{
    reap_strangers();
    nanosleep(&(struct timespec){milliseconds / 1000, (milliseconds % 1000) * 1000000L}, NULL);
}
