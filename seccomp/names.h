#pragma once

/* The specification's words in libseccomp's numbers.  For this folder only. */

#include <seccomp.h>
#include <stdint.h>

#include "spec/spec.h"

/* SCMP_ACT_* with its data.  `number` is what ERRNO and TRACE carry, EPERM when not set. */
uint32_t seccomp_action_value(int action, const struct optional_uint64 *number);

/* The token of an enum spec_seccomp_architecture, or 0 when this libseccomp does not know it. */
uint32_t seccomp_architecture_token(int architecture);

/* SCMP_CMP_* of an enum spec_seccomp_operator. */
enum scmp_compare seccomp_comparison(int operator);
