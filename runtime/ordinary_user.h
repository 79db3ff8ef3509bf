#pragma once

/* What a bundle lacks when an ordinary user runs it. */

#include <sys/types.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/log.h"
#include "spec/spec.h"

/* Without rights on the host every other namespace takes a user namespace first: one that the
 * bundle does not ask for is added to `spec`, with the mappings of ordinary_user_ids().  The
 * container's root is the caller then.  Refuses ids of the process that this cannot give. */
must_check int ordinary_user_add_namespace(struct spec *spec, uid_t uid, gid_t gid,
                                           struct arena *arena, const struct log *log,
                                           struct error *err);
