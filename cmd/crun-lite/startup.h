#pragma once

/* What the program makes sure of before it does anything else, whoever called it and how. */

#include "base/error.h"

/* Descriptors 0-2 are open, so that no file of ours becomes somebody's standard output; SIGPIPE and
 * SIGXFSZ are ignored, whose errors we report; the umask is 022; a program that was given rights
 * its caller lacks refuses. */
must_check int startup(struct error *err);

/* No other signal is blocked or ignored: once it is known that this process is the one to work, and
 * not to be replaced by its sealed copy. */
void startup_reset_signals(void);
