#pragma once

/* linux.seccomp.flags as seccomp(2) wants them.  For this folder only. */

#include <stdbool.h>

#include "base/error.h"
#include "base/log.h"
#include "spec/spec.h"

/* SECCOMP_FILTER_FLAG_* for this profile; `has_listener` adds the listener's.  Errors name the
 * place: "linux.seccomp.flags[1]: ...". */
must_check int seccomp_flags_from_profile(unsigned *ret, const struct spec_seccomp *profile,
                                          bool has_listener, const struct log *log,
                                          struct error *err);

/* Whether the running kernel knows an enum spec_seccomp_flag. */
bool seccomp_flag_supported(int flag);
