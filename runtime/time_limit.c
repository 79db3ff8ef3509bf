/*
 * A time limit for a container that nobody waits for: a process of a few KiB that sleeps on the
 * container's pidfd and a clock, and goes with the container.
 */

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/kernel.h"
#include "base/own.h"
#include "cgroups/cgroup.h"
#include "runtime/descriptors.h"
#include "runtime/handle.h"
#include "runtime/signals.h"

/* True: the process has ended; false: the time is over. */
static bool ends_within(int pidfd, int timer, int64_t nanoseconds)
{
    struct itimerspec when = {
        .it_value = {.tv_sec = nanoseconds / 1000000000, .tv_nsec = nanoseconds % 1000000000}
    };
    struct pollfd fds[] = {
        {.fd = pidfd, .events = POLLIN},
        {.fd = timer, .events = POLLIN}
    };

    if (nanoseconds <= 0)
        when.it_value.tv_nsec = 1; /* zero would disarm it */
    if (timerfd_settime(timer, 0, &when, NULL) < 0)
        return false;
    while (poll(fds, count_of(fds), -1) < 0 && errno == EINTR)
        continue;
    return fds[0].revents != 0;
}

/* Nothing of the caller's may stay open: somebody waits for the end of its pipes. */
static void leave_caller(const int *kept, size_t count)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    setsid();
    signals_reset(UINT64_MAX);
    for (int fd = 0; fd <= 2; fd++)
        dup2(null, fd);
    descriptors_close_all_but(3, kept, count);
    prctl(PR_SET_NAME, "time-limit");
    if (chdir("/") < 0)
        _exit(1);
}

static void kill_everybody(const struct cgroup_record *record)
{
    struct cgroup cgroup = CGROUP_EMPTY;
    struct error ignored;

    if (cgroup_open(&cgroup, record, &ignored) == 0)
        (void)!cgroup_kill(&cgroup, SIGKILL, &ignored);
}

static _Noreturn void watch(struct container *container, int timer)
{
    const struct state_record record = container->record;
    int pidfd = container->pidfd;
    int kept[] = {pidfd, timer};

    leave_caller(kept, count_of(kept));
#ifdef __GLIBC__
    malloc_trim(0);
#endif
    if (ends_within(pidfd, timer, record.time_limit_ns))
        _exit(0);
    kernel_pidfd_send_signal(pidfd, SIGTERM);
    if (ends_within(pidfd, timer, record.time_limit_grace_ns))
        _exit(0);
    /* Through the cgroup, which also thaws what is frozen: on v1 that would not die otherwise. */
    kill_everybody(&record.cgroup);
    kernel_pidfd_send_signal(pidfd, SIGKILL);
    _exit(0);
}

int time_limit_watch(struct container *container, struct error *err)
{
    autoclose int timer = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC);
    int status = 0; /* whoever ignores SIGCHLD gets none */

    if (timer < 0)
        return fail(err, errno, "time limit: timer");

    /* Twice, so that the watcher is nobody's child: the caller has nothing to wait for. */
    pid_t between = fork();

    if (between < 0)
        return fail(err, errno, "time limit: fork");
    if (between == 0) {
        pid_t watcher = fork();

        if (watcher == 0)
            watch(container, timer);
        _exit(watcher < 0 ? errno : 0);
    }
    while (waitpid(between, &status, 0) < 0 && errno == EINTR)
        continue;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return fail(err, WIFEXITED(status) ? WEXITSTATUS(status) : ECHILD, "time limit: fork");
    return 0;
}
