#pragma once

/*
 * --strict: a bundle of which a part would have no effect is not run.
 *
 * While it is read and planned nothing stops at the first such part: the log gathers them, so that
 * one run tells of all.  What only shows later, when the kernel or the root file system says no, is
 * an error where it happens (log_is_strict).
 */

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"

struct strict {
    struct log log;          /* what the planning is to be given: strict, and gathers here */
    const struct log *outer; /* all that is not about ignored parts goes on there */
    char bytes[1200];
    struct text text; /* "<place>: <why>; <place>: <why>" */
    size_t count;     /* how many there are; those that do not fit are counted only */
    size_t told;
};

/* On the caller's memory, which must stay where it is as long as the log is used. */
void strict_init(struct strict *strict, const struct log *outer);

/* 0 when nothing has been gathered; else -EINVAL with all of it in one line:
 *     --strict: solaris: another platform; process.colour: unknown member */
must_check int strict_verdict(const struct strict *strict, struct error *err);
