#pragma once

/* How the table files write their rows; OWNER is the struct the table at hand describes. */

#include <stddef.h>

#include "spec/fields.h"

#define ROW(key_, kind_, member, ...)                                                  \
    {                                                                                  \
        .key = (key_), .kind = (kind_), .offset = offsetof(OWNER, member), __VA_ARGS__ \
    }

/* A member that the specification has and Linux containers do not: known, and nothing is done. */
#define IGNORED(key_, reason_)                                    \
    {                                                             \
        .key = (key_), .kind = FIELD_IGNORED, .reason = (reason_) \
    }

#define REQUIRED       .required = true
#define RANGE(a, b)    .least = (a), .most = (b)
#define NAMED(table)   .names = &(table)
#define OBJECT(table)  .fields = &(table)
#define EMPTY_IS_UNSET .empty_is_unset = true
#define ALWAYS         .always = true
#define EXPECTED       .expected = true

/* (uid_t)-1 means "no change" to the kernel, so it is nobody's number. */
#define MOST_ID 4294967294u

/* Tables that only other tables use. */
extern const struct fields spec_linux_fields;
extern const struct fields spec_seccomp_fields;
