#pragma once

/*
 * Signals that ask us to end, as a descriptor to wait for: what is under way is given up in order
 * instead of left where it is.
 */

#include <signal.h>

#include "base/error.h"

struct interruption {
    int fd; /* readable once a signal has come */
    sigset_t mask_before;
};

/* From here on SIGHUP, SIGINT, SIGQUIT and SIGTERM do not end us but are kept. */
must_check int interruption_open(struct interruption *ret, struct error *err);

/* As before.  `code` is what became of the work: where that was given up (-EINTR) the signal has
 * had its effect and is named in err.  Else it has come too late and has none: to be ended by it
 * would say that the work was not done.  One that was blocked before stays where it is.  Returns
 * `code`. */
int interruption_close(struct interruption *interruption, int code, struct error *err);
