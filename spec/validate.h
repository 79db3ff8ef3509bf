#pragma once

/*
 * The parts of validate.c, one for each chapter of the specification.  Each looks at its part of
 * the model alone and places errors from there ("[2].path: ..."), without place_done().
 */

#include <stdint.h>

#include "base/error.h"
#include "spec/spec.h"

must_check int validate_process(const struct spec_process *process, struct error *err);
must_check int validate_resources(const struct spec_resources *resources, struct error *err);
must_check int validate_seccomp(const struct spec_seccomp *seccomp, struct error *err);
must_check int validate_intel_rdt(const struct spec_intel_rdt *rdt, struct error *err);
must_check int validate_linux(const struct spec_linux *linux_, struct error *err);

/* What a user namespace accepts as uid_map or gid_map (user_namespaces(7)). */
must_check int validate_id_mappings(const struct spec_id_mappings *mappings, struct error *err);

must_check int validate_absolute(const char *path, struct error *err);
must_check int validate_absolute_paths(const struct string_list *paths, struct error *err);

/* A list of CPUs or memory nodes, "0-3,7"; no number above `most`. */
must_check int validate_number_list(const char *list, uint64_t most, struct error *err);
