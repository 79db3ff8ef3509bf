#include "cmd/crun-lite/foreground.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/kernel.h"
#include "base/own.h"
#include "cmd/crun-lite/log_file.h"
#include "cmd/crun-lite/relay.h"

enum {
    POLL_SIGNALS,
    POLL_EXIT,
    POLL_TIMER,
    POLL_NOTIFY,
    POLL_RELAY,
    POLL_COUNT = POLL_RELAY + RELAY_POLL_COUNT
};

/* What the wait needs at hand. */
struct watch {
    const struct foreground *foreground;
    const struct foreground_process *process;
    struct relay relay; /* .master is -1 without a terminal */
    int timer;
    bool mute; /* nobody hears what the container notifies any more */
    bool exited;
    bool timed_out;
    bool killed;      /* the grace is over too */
    bool interrupted; /* a signal came when there was nobody left to get it */
};

/* Not among them: faults, which would be ours, and what our own writing raises. */
static void signals_to_take(sigset_t *set)
{
    static const int ours[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGPIPE, SIGXFSZ};

    sigfillset(set);
    for (size_t i = 0; i < count_of(ours); i++)
        sigdelset(set, ours[i]);
}

int foreground_open(struct foreground *foreground, struct error *err)
{
    sigset_t set;

    *foreground = (struct foreground){.signals = -1};
    signals_to_take(&set);
    sigprocmask(SIG_SETMASK, NULL, &foreground->mask_before);
    foreground->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (foreground->signals < 0)
        return fail(err, errno, "open a descriptor for signals");
    sigprocmask(SIG_BLOCK, &set, NULL);
    return 0;
}

void foreground_close(struct foreground *foreground)
{
    if (foreground->signals < 0)
        return;
    close_fd(&foreground->signals);
    sigprocmask(SIG_SETMASK, &foreground->mask_before, NULL);
}

/* Children that are not the process: orphans that came to us as their subreaper.  A look first
 * (WNOWAIT), so that the process's own status stays for the end. */
static void reap_others(pid_t process)
{
    for (;;) {
        siginfo_t child = {0};

        if (waitid(P_ALL, 0, &child, WEXITED | WNOHANG | WNOWAIT) < 0 || child.si_pid == 0 ||
            child.si_pid == process)
            return;
        waitpid(child.si_pid, NULL, WNOHANG);
    }
}

static void pass_on(struct watch *watch, int number)
{
    switch (number) {
    case SIGCHLD:
        reap_others(watch->process->pid);
        return;
    case SIGURG: /* Go programs raise it all the time, for themselves */
        return;
    case SIGWINCH:
        if (watch->process->terminal >= 0)
            relay_resize(&watch->relay);
        return;
    case SIGCONT:
        if (watch->process->terminal >= 0)
            relay_resume(&watch->relay);
        kernel_pidfd_send_signal(watch->process->pidfd, number);
        return;
    default:
        watch->interrupted |= watch->exited;
        /* Already gone: the status to come says it all. */
        kernel_pidfd_send_signal(watch->process->pidfd, number);
    }
}

static void take_signals(struct watch *watch)
{
    struct signalfd_siginfo info;

    while (read(watch->foreground->signals, &info, sizeof info) == sizeof info)
        pass_on(watch, (int)info.ssi_signo);
}

static int set_timer(int timer, int64_t nanoseconds)
{
    struct itimerspec when = {
        .it_value = {nanoseconds / 1000000000, nanoseconds % 1000000000},
    };

    return timerfd_settime(timer, 0, &when, NULL);
}

static int start_timer(struct watch *watch, struct error *err)
{
    if (watch->process->time_limit_ns <= 0)
        return 0;
    watch->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (watch->timer < 0 || set_timer(watch->timer, watch->process->time_limit_ns) < 0)
        return fail(err, errno, "set a timer for the time limit");
    return 0;
}

static void time_is_up(struct watch *watch)
{
    uint64_t times;

    if (read(watch->timer, &times, sizeof times) != sizeof times)
        return;
    watch->killed = watch->timed_out || watch->process->time_limit_grace_ns <= 0;
    watch->timed_out = true;
    kernel_pidfd_send_signal(watch->process->pidfd, watch->killed ? SIGKILL : SIGTERM);
    if (!watch->killed)
        set_timer(watch->timer, watch->process->time_limit_grace_ns);
}

/* A service manager that supervises us: we are the main process of its service, for we are its
 * child, live as long as the container's process, and end with its status; that one it would not
 * see end.  Moreover it listens to main processes alone, if it is not told otherwise
 * (NotifyAccess=), so who passes messages on has to be one. */
static bool pass_notification_on(struct watch *watch)
{
    struct error err;
    int code = container_notify_forward(watch->process->notifying, getpid(), &err);

    if (code >= 0)
        return code > 0;
    log_file_tell(err.text);
    watch->mute = true;
    return false;
}

static void watch_notifications(const struct watch *watch, struct pollfd *ret)
{
    *ret = (struct pollfd){.fd = -1};
    if (watch->process->notifying != NULL && !watch->mute)
        container_notify_watch(watch->process->notifying, ret);
}

/* What it has said before it ended; others that speak on, outside of its pid namespace, do not keep
 * us. */
static void pass_last_notifications_on(struct watch *watch)
{
    enum { MOST = 64 };

    for (int i = 0; i < MOST && watch->process->notifying != NULL && !watch->mute; i++) {
        if (!pass_notification_on(watch))
            return;
    }
}

/* One turn: wait for anything to happen and deal with it. */
static int turn(struct watch *watch, struct error *err)
{
    struct pollfd polls[POLL_COUNT] = {
        [POLL_SIGNALS] = {watch->foreground->signals,                 POLLIN, 0},
        [POLL_EXIT] = {watch->exited ? -1 : watch->process->pidfd, POLLIN, 0},
        [POLL_TIMER] = {watch->exited ? -1 : watch->timer,          POLLIN, 0},
    };

    watch_notifications(watch, &polls[POLL_NOTIFY]);
    relay_watch(&watch->relay, polls + POLL_RELAY);
    if (poll(polls, POLL_COUNT, -1) < 0)
        return errno == EINTR ? 0 : fail(err, errno, "wait for the container's process");
    if (polls[POLL_SIGNALS].revents != 0)
        take_signals(watch);
    if (polls[POLL_TIMER].revents != 0)
        time_is_up(watch);
    if (polls[POLL_NOTIFY].revents != 0)
        pass_notification_on(watch);
    if (polls[POLL_EXIT].revents != 0)
        watch->exited = true;
    relay_move(&watch->relay, polls + POLL_RELAY);
    return 0;
}

static int read_status(struct watch *watch, struct foreground_end *ret, struct error *err)
{
    siginfo_t info = {0};
    int code;

    do
        code = waitid((idtype_t)P_PIDFD, (id_t)watch->process->pidfd, &info, WEXITED);
    while (code < 0 && errno == EINTR);
    if (code < 0)
        return fail(err, errno, "read the exit status of the container's process");

    bool by_signal = info.si_code != CLD_EXITED;

    *ret = (struct foreground_end){
        .status = by_signal ? 128 + info.si_status : info.si_status,
        .signal = by_signal ? info.si_status : 0,
        .timed_out = watch->timed_out,
    };
    if (watch->timed_out)
        ret->status = FOREGROUND_TIMED_OUT;
    return 0;
}

/* Its last words may still be on the way; a signal says that nobody wants them any more. */
static int drain(struct watch *watch, struct error *err)
{
    struct pollfd none[RELAY_POLL_COUNT] = {{.fd = -1}, {.fd = -1}, {.fd = -1}};

    watch->relay.input = -1;
    watch->relay.dry = false;
    while (watch->process->terminal >= 0 && !watch->interrupted) {
        relay_move(&watch->relay, none);
        if (relay_is_drained(&watch->relay))
            break;
        /* Only a reader is waited for: that there is no more to read, no poll would tell, as we
         * hold the other end of the terminal ourselves. */
        if (!relay_is_blocked(&watch->relay))
            take_signals(watch);
        else if (turn(watch, err) < 0)
            return -err->code;
    }
    return 0;
}

static int wait_and_drain(struct watch *watch, struct foreground_end *ret, struct error *err)
{
    if (start_timer(watch, err) < 0)
        return -err->code;
    if (watch->process->terminal >= 0 &&
        relay_open(&watch->relay, watch->process->terminal, err) < 0)
        return -err->code;
    while (!watch->exited) {
        if (turn(watch, err) < 0)
            return -err->code;
    }
    pass_last_notifications_on(watch);
    if (read_status(watch, ret, err) < 0)
        return -err->code;
    return drain(watch, err);
}

int foreground_wait(struct foreground *foreground, const struct foreground_process *process,
                    struct foreground_end *ret, struct error *err)
{
    struct watch watch = {
        .foreground = foreground, .process = process, .relay = RELAY_CLOSED, .timer = -1};
    int code = wait_and_drain(&watch, ret, err);

    relay_close(&watch.relay);
    close_fd(&watch.timer);
    return code;
}
