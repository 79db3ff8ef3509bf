#pragma once

/* Waits that end: a moment of CLOCK_MONOTONIC after which one gives up. */

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/timing.h"

struct deadline {
    int64_t at_ns; /* -1: never */
    int pauses;    /* how often deadline_pause() has slept: it backs off */
};

struct deadline deadline_in_ms(int64_t milliseconds); /* negative: never */
bool deadline_passed(const struct deadline *deadline);

/* What is left, for poll(2): milliseconds, 0 when passed, -1 for never. */
int deadline_poll_ms(const struct deadline *deadline);

/* Sleep a little, at first `first_ms`, doubling up to 64 ms, never beyond the deadline. */
void deadline_pause(struct deadline *deadline, int first_ms);

/* Wait for `events` on fd.  1 when there, 0 at the deadline, -errno. */
int deadline_wait(const struct deadline *deadline, int fd, short events);
