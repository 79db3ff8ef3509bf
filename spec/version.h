#pragma once

/* Versions of the specification: Semantic Versioning 2.0.0 (semver.org). */

#include <stdbool.h>
#include <stdint.h>

struct version {
    uint64_t major;
    uint64_t minor;
    uint64_t patch;
};

/* Read all of "MAJOR.MINOR.PATCH", then "-pre.release" and "+build" at will; false when it is not.
 */
bool version_parse(const char *text, struct version *ret);

/* Whether `text` is a version whose major and minor number are above those of `than`. */
bool version_is_newer(const char *text, const char *than);
