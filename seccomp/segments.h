#pragma once

/*
 * A profile as what the kernel asks: for each architecture that it reports, the numbers of calls in
 * order, and from each on the answer.  For this folder only.
 */

#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "seccomp/doubts.h"
#include "seccomp/profile.h"

/* From this number up to the next segment's. */
struct segment {
    uint32_t first;
    uint32_t answer;
    uint16_t
        part;  /* 1 + index of the first of a call's rules, which have the answer; 0: `answer` is */
    bool wide; /* how they compare */
};

/* One AUDIT_ARCH_*: segments `first` up to `end`, the first of them from 0 on. */
struct machine {
    uint32_t audit;
    size_t first;
    size_t end;
};

/* A rule as it stands with one call: see segments.c. */
struct part;

/* What no machine stands for, and libseccomp's answer to it. */
enum { BAD_ARCHITECTURE = SECCOMP_RET_KILL_THREAD };

struct segments {
    const struct profile *profile;
    struct arena *arena; /* all memory here is in it */
    struct machine machines[PROFILE_ARCHITECTURES];
    size_t machine_count;
    struct segment *items;
    size_t count;
    size_t room;
    struct part *parts;
    size_t part_count;
    size_t part_room;
    struct rule *rules; /* of the call that was looked at last */
};

/* 0; 1 when it is left to libseccomp, and *ret_doubt says why; or an error. */
must_check int seccomp_segments(struct segments *ret, const char **ret_doubt,
                                const struct profile *profile, struct arena *arena,
                                struct error *err);

/* The rules of a segment that has them, of which any that holds has the answer.  They are in
 * segments->rules until the next call of this; how many. */
size_t seccomp_segment_rules(struct segments *segments, const struct segment *segment);
