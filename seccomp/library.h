#pragma once

/* A filter by libseccomp.  For this folder only. */

#include "base/arena.h"
#include "base/error.h"
#include "seccomp/profile.h"

/* The whole program, with the answers for unknown calls in front.  Errors start after
 * "linux.seccomp". */
must_check int seccomp_compile_by_library(struct program *ret, const struct profile *profile,
                                          struct arena *arena, struct error *err);
