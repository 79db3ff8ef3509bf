#pragma once

/* --regex: one command for all containers whose ids match, as crun has it. */

#include "cmd/crun-lite/command.h"

/* Call `each` for every id that the POSIX extended regular expression matches somewhere.  One that
 * fails does not keep the others from their turn: the last failure is returned, the ones before it
 * are told.  No match is success, and so is a missing root. */
must_check int for_each_matching(struct context *context, const char *pattern,
                                 int (*each)(struct context *context, const char *id,
                                             const void *with, struct error *err),
                                 const void *with, struct error *err);
