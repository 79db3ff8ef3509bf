#pragma once

/* --debug: what was done and how many nanoseconds it took. */

#include <stdint.h>

#include "base/log.h"

/* 0 when nobody wants to know, so that nobody pays for the clock. */
int64_t timing_begin(const struct log *log);
void timing_end(const struct log *log, const char *verb, const char *step, int64_t begun);
