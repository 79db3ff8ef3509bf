#pragma once

/*
 * Which of the two ways to a filter a profile takes: compile.c, or libseccomp.  For this folder
 * only.
 *
 * compile.c does the plain thing: a rule holds when all its conditions hold, and a call gets the
 * action of a rule that holds.  That is what libseccomp does, too, but for some profiles, where
 * which rule wins, or even whether one is dropped, comes of how it merges rules into a tree.  Its
 * answer is the one that runc and all the engines have had for years, so for those profiles, and
 * where it refuses, it is asked.  The reasons are the two tables of doubts.c.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "seccomp/profile.h"

enum { CALL_RULES = 48 /* for one call: more are libseccomp's */ };

enum test { TEST_EQUAL, TEST_ABOVE, TEST_AT_LEAST };

/* (argument & mask) TEST value, or not so; as many bits as the architecture compares, and `value`
 * has none outside of `mask`. */
struct condition {
    uint8_t argument;
    uint8_t test; /* enum test */
    bool negated;
    bool masked; /* by the profile: else the mask is all ones */
    uint64_t mask;
    uint64_t value;
};

/* All conditions must hold. */
struct rule {
    uint32_t action;
    size_t count;
    struct condition conditions[SYSCALL_ARGUMENTS];
};

/* Why libseccomp is to make this filter; NULL when compile.c can.  Of the profile as a whole: */
const char *seccomp_profile_doubt(const struct profile *profile);

/* ... and of the rules of one call, all with conditions, in their order. */
const char *seccomp_call_doubt(const struct rule *rules, size_t count);

/* What compile.c knows of an architecture. */
struct architecture {
    uint32_t token;
    uint32_t audit;   /* as the kernel reports it */
    uint32_t base;    /* its numbers start here */
    bool wide;        /* arguments are compared as 64 bits; else the lower 32 */
    bool multiplexes; /* has socketcall and ipc beside the calls themselves */
};

/* NULL for one that is left to libseccomp. */
const struct architecture *seccomp_architecture(uint32_t token);
