#pragma once

/*
 * Standing in for a process in a container, as `run` and `exec` do without --detach: its terminal
 * is ours, signals that we get are for it, and we end when it ends, with its status.
 */

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "runtime/container.h"

struct foreground {
    int signals; /* signalfd */
    sigset_t mask_before;
};

/* From here on no signal is lost: those that come before foreground_wait() wait for it.  Call it
 * before the process exists, and foreground_close() in any case. */
must_check int foreground_open(struct foreground *foreground, struct error *err);
void foreground_close(struct foreground *foreground);

struct foreground_process {
    pid_t pid;
    int pidfd;
    int terminal; /* the master, or -1 */
    /* 0: none.  Then SIGTERM, after the grace SIGKILL. */
    int64_t time_limit_ns;
    int64_t time_limit_grace_ns;
    /* What it says by sd_notify(3) goes to our service manager; or NULL. */
    struct container *notifying;
};

struct foreground_end {
    int status; /* for exit(): the process's own, 128 + signal, or FOREGROUND_TIMED_OUT */
    int signal; /* that killed it, or 0 */
    bool timed_out;
};

/* As timeout(1). */
enum { FOREGROUND_TIMED_OUT = 124 };

/* Wait for the process, which must be a child of ours, and be its terminal and its signals' way
 * until then.  Other children that end meanwhile are reaped. */
must_check int foreground_wait(struct foreground *foreground,
                               const struct foreground_process *process, struct foreground_end *ret,
                               struct error *err);
