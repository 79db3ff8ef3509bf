#pragma once

/* A trace for people and for their tools. */

#include <stdio.h>

#include "base/error.h"
#include "base/timing.h"

/* From the start of this program, as far as its own time tells, to now. */
void trace_add_start(struct trace *trace);

/* The Trace Event Format that chrome://tracing and Perfetto read: complete events in microseconds,
 * a thread for each group.  A file at `path` is replaced. */
must_check int trace_write_file(const struct trace *trace, const char *path, struct error *err);

/* Bars, in lines of `columns`: what began earlier stands further up, what it was part of above it.
 */
void trace_print_chart(const struct trace *trace, unsigned columns, FILE *to);
