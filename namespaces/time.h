#pragma once

/* Time namespaces: the offsets of the monotonic and boot-time clocks.  time_namespaces(7). */

#include "base/arena.h"
#include "base/error.h"
#include "spec/spec.h"

struct time_plan {
    const char *offsets; /* the text for timens_offsets; NULL: none */
};

/* Pure.  linux.timeOffsets -> "monotonic SECS NANOSECS\nboottime ...\n". */
must_check int time_plan_from_spec(struct time_plan *ret, const struct spec *spec,
                                   struct arena *arena, struct error *err);

/* Write the offsets of the time namespace for children of the caller (after unshare(CLONE_NEWTIME),
 * before any process enters it).  Does not allocate.  A caller in a user namespace must be dumpable
 * still: the files of others in /proc belong to the host's root, even to themselves. */
must_check int time_plan_apply(const struct time_plan *plan, struct error *err);

/* Enter the time namespace for children oneself, with setns(2): unshare(2) alone moves only
 * children, and execve(2) only since 6.0.  The caller has one thread.  Does not allocate. */
must_check int time_enter_new(struct error *err);
