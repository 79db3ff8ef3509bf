#pragma once

/* Removing what somebody else may have filled: of any depth, with mounts in it. */

#include "base/error.h"

/* Remove `name` in `dir` with all that is in it; 0 also when it is not there.  Never enters a
 * mount: one that is met is detached, and what it shows stays as it is.  Takes four descriptors,
 * however deep it goes, and the memory of one directory. */
must_check int remove_tree(int dir, const char *name, struct error *err);
