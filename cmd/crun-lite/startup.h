#pragma once

/* What the program makes sure of before it does anything else, whoever called it and how. */

#include "base/error.h"

/* Descriptors 0-2 are open, so that no file of ours becomes somebody's standard output; signals are
 * neither blocked nor ignored (SIGPIPE is: a closed standard output is an error to report, not a
 * reason to die half way through); a program that was given rights its caller lacks refuses. */
must_check int startup(struct error *err);
