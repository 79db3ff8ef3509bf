#pragma once

/*
 * The writable layer over a container's root: whether it is wanted, and the directory that keeps
 * it.
 */

#include <stdbool.h>

#include "base/arena.h"
#include "base/error.h"
#include "namespaces/user.h"
#include "runtime/container.h"
#include "spec/spec.h"

struct layer_choice {
    bool wanted;
    const char *directory; /* absolute; NULL: a tmpfs, gone with the container */
};

/* --overlay[=DIR] wins over the annotation run.crun-lite.overlay: "true", "false", or an absolute
 * directory.  A relative DIR is from the caller's working directory. */
must_check int layer_choose(struct layer_choice *ret, const struct create_overrides *overrides,
                            const struct spec *spec, struct arena *arena, struct error *err);

/* Make DIR/upper and DIR/work where they are missing, belonging to the container's root (through
 * `maps` in a user namespace).  They survive the container. */
must_check int layer_prepare(const struct layer_choice *choice, const struct id_map_plan *maps,
                             struct error *err);

/* Note in DIR/in-use-by that the container with state directory `state` (ROOT/ID) writes there:
 * what two overlays make of one upper directory is undefined.  EBUSY names the container that has
 * it; a note whose container is gone does not count. */
must_check int layer_claim(const char *directory, const char *state, struct error *err);

/* Take the note away, if it is that container's.  A missing directory is success. */
void layer_release(const char *directory, const char *state);
