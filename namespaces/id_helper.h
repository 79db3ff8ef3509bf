#pragma once

/*
 * newuidmap(1) and newgidmap(1): the set-user-ID programs that write an ordinary user's maps after
 * they have looked into /etc/subuid and /etc/subgid.
 */

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"
#include "namespaces/id_map_kind.h"
#include "spec/spec.h"

/* Both of them, in /usr/bin or /bin: PATH belongs to the caller. */
bool id_helpers_are_there(void);

/* Let the helper write the map of process `pid`, which is in a new user namespace: by absolute
 * path, with an empty environment and a deadline of 10 s.  Errors have its own words; -EPERM: it
 * refuses. */
must_check int id_helper_run(const struct id_map_kind *kind, pid_t pid,
                             const struct spec_id_mappings *mappings, struct error *err);
