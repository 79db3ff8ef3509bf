#pragma once

/*
 * What was done, and how many nanoseconds it took: a line of the log with --debug, a span of a
 * trace with --trace.  Where nobody wants to know nobody pays for the clock.
 */

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/log.h"

/* 0 when nobody wants to know. */
int64_t timing_begin(const struct log *log);

/* `group` is the command or the process ("create", "child"), `step` what of it. */
void timing_end(const struct log *log, const char *group, const char *step, int64_t begun);
void timing_end_of(const struct log *log, const char *group, int64_t begun, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* CLOCK_MONOTONIC, which is the same in all processes. */
int64_t monotonic_ns(void);

/* --- traces -------------------------------------------------------------------------------------
 */

/* One thing that was done.  Those of one group are one after another, or one inside another. */
struct trace_span {
    char group[16];
    char name[112];
    int64_t begun_ns; /* CLOCK_MONOTONIC */
    int64_t ended_ns;
};

/* Shared with all children: who has ended, or become another program, has left its spans here. */
enum { TRACE_SPANS_MOST = 4000 };

struct trace {
    uint32_t count; /* that were added, and may be more than there is room for */
    struct trace_span spans[TRACE_SPANS_MOST];
};

/* To be set as log.trace.  The memory goes with the process, or by trace_close(), which accepts
 * NULL. -ENOMEM is the only error. */
must_check int trace_open(struct trace **ret, struct error *err);
void trace_close(struct trace *trace);

/* One more; dropped where there is no room.  By any thread or process, without a lock. */
void trace_add(struct trace *trace, const char *group, const char *name, int64_t begun_ns,
               int64_t ended_ns);

/* How many there are, at the most: one whose ended_ns is 0 was never finished. */
size_t trace_count(const struct trace *trace);
