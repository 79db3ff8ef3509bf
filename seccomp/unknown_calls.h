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
#include <stddef.h>
#include <stdint.h>

#include "spec/spec.h"

/* System calls first to last, inclusive, of one AUDIT_ARCH_*. */
struct unknown_calls {
    uint32_t architecture;
    uint32_t first;
    uint32_t last;
};

enum {
    UNKNOWN_CALLS_RANGES = 64,        /* two for each architecture there is, and to spare */
    UNKNOWN_CALLS_INSTRUCTIONS = 512, /* what UNKNOWN_CALLS_RANGES ranges can need */
};

/* The ranges for a profile that is in force for these libseccomp architecture tokens; their number,
 * 0 when the default action allows or says ENOSYS by itself. */
size_t seccomp_unknown_calls(struct unknown_calls ranges[static UNKNOWN_CALLS_RANGES],
                             const struct spec_seccomp *profile, const uint32_t *tokens,
                             size_t token_count);

/* Instructions that answer ENOSYS for the ranges, and otherwise run on into what is put behind
 * them.  Returns how many there are; 0 for no ranges. */
size_t seccomp_unknown_calls_program(struct sock_filter program[static UNKNOWN_CALLS_INSTRUCTIONS],
                                     const struct unknown_calls *ranges, size_t count);
