#pragma once

/*
 * A filter of our own: for each architecture the calls' numbers sorted into ranges with one answer
 * each, and a binary search through them.  libseccomp takes a thousand times as long to make its,
 * and the kernel five times as long to load a list.  For this folder only.
 */

#include "base/arena.h"
#include "base/error.h"
#include "seccomp/profile.h"

/* 0 with the program made; 1 when it is left to libseccomp, and *ret_doubt says why (doubts.h); or
 * an error. */
must_check int seccomp_compile(struct program *ret, const char **ret_doubt,
                               const struct profile *profile, struct arena *arena,
                               struct error *err);
