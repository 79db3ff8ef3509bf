#include "cmd/crun-lite/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/own.h"

#ifndef TIOCGPTPEER
#define TIOCGPTPEER _IO('T', 0x41)
#endif

/* The order in the array for poll. */
enum { POLL_MASTER, POLL_INPUT, POLL_OUTPUT };

static int callers_terminal(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (isatty(fd))
            return fd;
    }
    return -1;
}

/* Only a terminal, pipe or socket can make a writer wait.  O_NONBLOCK belongs to the open file,
 * which our standard output shares with the shell and others: open it anew where that works (not a
 * regular file, whose position they share too), else borrow the flag and give it back. */
static int open_output(struct relay *relay, struct error *err)
{
    struct stat status;

    if (fstat(STDOUT_FILENO, &status) < 0)
        return fail(err, errno, "stat standard output");
    relay->output = STDOUT_FILENO;
    if (S_ISREG(status.st_mode) || S_ISBLK(status.st_mode))
        return 0;
    if (S_ISCHR(status.st_mode) || S_ISFIFO(status.st_mode)) {
        int fd = open("/proc/self/fd/1", O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);

        if (fd >= 0) {
            relay->output = fd;
            return 0;
        }
    }
    relay->output_flags = fcntl(STDOUT_FILENO, F_GETFL);
    if (relay->output_flags < 0 ||
        fcntl(STDOUT_FILENO, F_SETFL, relay->output_flags | O_NONBLOCK) < 0)
        return fail(err, errno, "make standard output nonblocking");
    relay->output_is_shared = true;
    return 0;
}

/* Of a terminal the shell has given to another job; whoever reads or sets it from there is stopped.
 */
static bool in_background(void)
{
    pid_t foreground = tcgetpgrp(STDIN_FILENO);

    return foreground >= 0 && foreground != getpgrp();
}

/* Stop the whole job, as the kernel does with one that reads from the background, until its user
 * wants it back.  It goes on at once where nobody would bring it back (an orphaned group). */
static void stop_job(void)
{
    sigset_t stop, before;

    sigemptyset(&stop);
    sigaddset(&stop, SIGTTIN);
    kill(0, SIGTTIN);
    sigprocmask(SIG_UNBLOCK, &stop, &before);
    sigprocmask(SIG_SETMASK, &before, NULL);
}

/* The settings are only looked at in the foreground: in the background they are the shell's. */
static int enter_raw_mode(struct relay *relay, struct error *err)
{
    struct termios raw;

    if (in_background())
        stop_job();
    relay->away = in_background();
    if (relay->away)
        return 0;
    if (!relay->raw && tcgetattr(STDIN_FILENO, &relay->settings) < 0)
        return fail(err, errno, "read the terminal's settings");
    raw = relay->settings;
    cfmakeraw(&raw);
    if (tcsetattr(STDIN_FILENO, TCSANOW, &raw) < 0)
        return fail(err, errno, "put the terminal into raw mode");
    relay->raw = true;
    return 0;
}

int relay_open(struct relay *relay, int master, struct error *err)
{
    *relay = RELAY_CLOSED;
    int flags = fcntl(master, F_GETFL);

    if (flags < 0 || fcntl(master, F_SETFL, flags | O_NONBLOCK) < 0)
        return fail(err, errno, "make the terminal's master nonblocking");
    relay->master = master;
    relay->slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    relay->terminal = callers_terminal();
    relay->input = STDIN_FILENO;
    if (open_output(relay, err) < 0 || (isatty(STDIN_FILENO) && enter_raw_mode(relay, err) < 0)) {
        relay_close(relay);
        return -err->code;
    }
    relay_resize(relay);
    return 0;
}

const struct spec_console_size *relay_terminal_size(struct spec_console_size *ret)
{
    struct winsize size;
    int terminal = callers_terminal();

    if (terminal < 0 || ioctl(terminal, TIOCGWINSZ, &size) < 0 || size.ws_row == 0)
        return NULL;
    *ret = (struct spec_console_size){.height = size.ws_row, .width = size.ws_col};
    return ret;
}

void relay_resize(const struct relay *relay)
{
    struct winsize size;

    if (relay->terminal >= 0 && ioctl(relay->terminal, TIOCGWINSZ, &size) == 0 && size.ws_row > 0)
        ioctl(relay->master, TIOCSWINSZ, &size);
}

void relay_resume(struct relay *relay)
{
    struct error ignored;

    if (relay->input >= 0 && isatty(STDIN_FILENO) && enter_raw_mode(relay, &ignored) < 0)
        relay->input = -1;
    relay_resize(relay);
}

static bool is_empty(const struct relay_channel *channel)
{
    return channel->start == channel->end;
}

void relay_watch(const struct relay *relay, struct pollfd polls[static RELAY_POLL_COUNT])
{
    short master_events = 0;

    if (is_empty(&relay->out))
        master_events |= POLLIN;
    if (!is_empty(&relay->in))
        master_events |= POLLOUT;
    /* A descriptor without events still reports a hangup, again and again: leave it out. */
    polls[POLL_MASTER] = (struct pollfd){master_events != 0 ? relay->master : -1, master_events, 0};
    polls[POLL_INPUT] = (struct pollfd){is_empty(&relay->in) && !relay->away ? relay->input : -1,
                                        POLLIN, 0};
    polls[POLL_OUTPUT] = (struct pollfd){is_empty(&relay->out) ? -1 : relay->output, POLLOUT, 0};
}

/* Fill an empty channel.  Returns false when `from` has come to its end. */
static bool fill(struct relay_channel *channel, int from, bool *ret_dry)
{
    ssize_t got = read(from, channel->bytes, sizeof channel->bytes);

    *ret_dry = got <= 0;
    if (got < 0)
        return errno == EAGAIN || errno == EINTR;
    channel->start = 0;
    channel->end = (size_t)got;
    return got > 0;
}

/* Write what is there.  Returns false when `to` takes no more, ever. */
static bool empty(struct relay_channel *channel, int to)
{
    while (!is_empty(channel)) {
        ssize_t put = write(to, channel->bytes + channel->start, channel->end - channel->start);

        if (put < 0)
            return errno == EAGAIN || errno == EINTR;
        channel->start += (size_t)put;
    }
    return true;
}

static void drop(struct relay_channel *channel)
{
    channel->start = channel->end = 0;
}

static void close_output(struct relay *relay)
{
    if (relay->output_is_shared && relay->output >= 0)
        fcntl(STDOUT_FILENO, F_SETFL, relay->output_flags);
    if (relay->output != STDOUT_FILENO)
        close_fd(&relay->output);
    relay->output = -1;
}

void relay_move(struct relay *relay, const struct pollfd polls[static RELAY_POLL_COUNT])
{
    bool ignored;

    if (polls[POLL_INPUT].revents != 0 && !fill(&relay->in, relay->input, &ignored)) {
        relay->away = in_background();
        if (!relay->away)
            relay->input = -1;
    }
    if (!is_empty(&relay->in) && !empty(&relay->in, relay->master))
        drop(&relay->in);
    if (is_empty(&relay->out) && relay->master >= 0 &&
        !fill(&relay->out, relay->master, &relay->dry))
        relay->master = -1;
    if (relay->output < 0)
        drop(&relay->out);
    else if (!empty(&relay->out, relay->output)) {
        drop(&relay->out);
        close_output(relay);
    }
}

bool relay_is_drained(const struct relay *relay)
{
    return is_empty(&relay->out) && (relay->dry || relay->master < 0);
}

bool relay_is_blocked(const struct relay *relay)
{
    return !is_empty(&relay->out);
}

void relay_close(struct relay *relay)
{
    if (relay->raw && !in_background())
        tcsetattr(STDIN_FILENO, TCSANOW, &relay->settings);
    close_output(relay);
    close_fd(&relay->slave);
    *relay = RELAY_CLOSED;
}
