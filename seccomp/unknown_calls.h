#pragma once

/*
 * ENOSYS for system calls that are newer than the profile.  For this folder only.
 *
 * Programs try a new system call and fall back when the kernel answers ENOSYS; a profile written
 * before the call existed would answer EPERM, which they take for an answer.  The highest number
 * that the profile mentions, allowed or not, tells how old it is: higher ones answer ENOSYS, as
 * runc does, whenever the default action is a denial.  libseccomp cannot compare system call
 * numbers, so this goes in front of its program.
 */

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spec/spec.h"

/* System calls first to last, inclusive, of one AUDIT_ARCH_*. */
struct unknown_calls {
    uint32_t architecture;
    uint32_t first;
    uint32_t last;
};

/* The highest number of an architecture's calls that a profile mentions. */
struct newest_call {
    bool known; /* it mentions one */
    uint32_t number;
};

enum {
    UNKNOWN_CALLS_EACH = 2,           /* ranges of one architecture */
    UNKNOWN_CALLS_RANGES = 64,        /* two for each architecture there is, and to spare */
    UNKNOWN_CALLS_INSTRUCTIONS = 512, /* what UNKNOWN_CALLS_RANGES ranges can need */
};

/* Take note of one more number that the profile mentions, seccomp_call_number()'s. */
void seccomp_newest_call(struct newest_call *newest, uint32_t token, int number);

/* The ranges of one libseccomp architecture, the lower one last; their number, 0 when the profile's
 * default action allows or says ENOSYS by itself. */
size_t seccomp_unknown_calls_above(struct unknown_calls ranges[static UNKNOWN_CALLS_EACH],
                                   const struct spec_seccomp *profile, uint32_t token,
                                   const struct newest_call *newest);

/* The ranges for a profile that is in force for these libseccomp architecture tokens; their number,
 * 0 when the default action allows or says ENOSYS by itself. */
size_t seccomp_unknown_calls(struct unknown_calls ranges[static UNKNOWN_CALLS_RANGES],
                             const struct spec_seccomp *profile, const uint32_t *tokens,
                             size_t token_count);

/* Instructions that answer ENOSYS for the ranges, and otherwise run on into what is put behind
 * them.  Returns how many there are; 0 for no ranges. */
size_t seccomp_unknown_calls_program(struct sock_filter program[static UNKNOWN_CALLS_INSTRUCTIONS],
                                     const struct unknown_calls *ranges, size_t count);
