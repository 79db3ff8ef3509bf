#pragma once

/*
 * The text of a resctrl class's `schemata`: a line for each resource, RESOURCE:DOMAIN=VALUE;...
 * Masks are hexadecimal, bandwidths decimal.  Linux, Documentation/filesystems/resctrl.rst.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "spec/spec.h"

/* All lines that linux.intelRdt gives, in the order in which they are to be written: what comes
 * later has the last word.  memBwSchema takes the place of the MB lines of l3CacheSchema.  *ret is
 * NULL when there are none. */
must_check int schemata_from_spec(const struct spec_intel_rdt *rdt, const char **ret,
                                  struct arena *arena, struct error *err);

/* The line of a resource in what the kernel shows, without the spaces in front; NULL when there is
 * none.  *ret_length is without the newline. */
const char *schemata_line(const char *schemata, const char *resource, size_t resource_length,
                          size_t *ret_length);

/* Has `schemata`, as the kernel shows it, what the first line of `lines` asks for, in every domain
 * that it names and no later line does?  The kernel rounds bandwidths up to a multiple of
 * `granularity`; 0: it does not. */
bool schemata_match(const char *schemata, const char *lines, uint64_t granularity);
