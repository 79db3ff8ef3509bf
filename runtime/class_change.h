#pragma once

/* What update does with a container's class of service (resctrl.h), and how it takes it back. */

#include <stdbool.h>

#include "runtime/handle.h"

struct class_change {
    const char *old_schemata; /* of the class that there was */
    bool entered;             /* a class that there was not */
};

/* Change what the container's class allows; a container without one gets its own, and all its
 * processes into it.  `rdt` of NULL changes nothing.  On failure nothing has changed. */
must_check int class_change_apply(struct container *container, const struct spec_intel_rdt *rdt,
                                  struct class_change *ret, struct arena *arena,
                                  const struct log *log, struct error *err);
void class_change_undo(struct container *container, const struct class_change *change,
                       struct arena *arena, const struct log *log);

/* What the stored config says from now on: the new lines, and no others of those resources. */
must_check int class_change_remember(struct spec *spec, const struct spec_intel_rdt *rdt,
                                     struct arena *arena, struct error *err);
