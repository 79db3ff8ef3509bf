#pragma once

#include "base/error.h"

/* "9", "KILL", "SIGKILL", "rtmin+3", "SIGRTMAX-1", in any case.  Errors: unknown signal "X". */
must_check int signal_parse(const char *text, int *ret, struct error *err);
