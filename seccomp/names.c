#include "seccomp/names.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "seccomp/seccomp.h"

struct action {
    uint32_t value;
    bool takes_number; /* in the lower 16 bits */
};

static const struct action actions[] = {
  /* SCMP_ACT_KILL is the old name of killing the thread. */
    [SPEC_SECCOMP_KILL] = {SCMP_ACT_KILL_THREAD,  false},
    [SPEC_SECCOMP_KILL_PROCESS] = {SCMP_ACT_KILL_PROCESS, false},
    [SPEC_SECCOMP_KILL_THREAD] = {SCMP_ACT_KILL_THREAD,  false},
    [SPEC_SECCOMP_TRAP] = {SCMP_ACT_TRAP,         false},
    [SPEC_SECCOMP_ERRNO] = {SCMP_ACT_ERRNO(0),     true },
    [SPEC_SECCOMP_TRACE] = {SCMP_ACT_TRACE(0),     true },
    [SPEC_SECCOMP_ALLOW] = {SCMP_ACT_ALLOW,        false},
    [SPEC_SECCOMP_LOG] = {SCMP_ACT_LOG,          false},
    [SPEC_SECCOMP_NOTIFY] = {SCMP_ACT_NOTIFY,       false},
};

static const enum scmp_compare comparisons[] = {
    [SPEC_SECCOMP_NE] = SCMP_CMP_NE,
    [SPEC_SECCOMP_LT] = SCMP_CMP_LT,
    [SPEC_SECCOMP_LE] = SCMP_CMP_LE,
    [SPEC_SECCOMP_EQ] = SCMP_CMP_EQ,
    [SPEC_SECCOMP_GE] = SCMP_CMP_GE,
    [SPEC_SECCOMP_GT] = SCMP_CMP_GT,
    [SPEC_SECCOMP_MASKED_EQ] = SCMP_CMP_MASKED_EQ,
};

uint32_t seccomp_action_value(int action, const struct optional_uint64 *number)
{
    const struct action *row = &actions[action];

    if (!row->takes_number)
        return row->value;
    return row->value | (number->set ? (uint32_t)number->value & 0xffff : EPERM);
}

/* Those that every libseccomp knows which we build with: most profiles name no others, and asking
 * means to read the library in. */
static uint32_t well_known_token(int architecture)
{
    switch (architecture) {
    case SPEC_ARCH_X86_64:
        return SCMP_ARCH_X86_64;
    case SPEC_ARCH_X86:
        return SCMP_ARCH_X86;
    case SPEC_ARCH_X32:
        return SCMP_ARCH_X32;
    case SPEC_ARCH_AARCH64:
        return SCMP_ARCH_AARCH64;
    case SPEC_ARCH_ARM:
        return SCMP_ARCH_ARM;
    default:
        return 0;
    }
}

/* libseccomp calls an architecture what the specification does, in lower case and without the
 * prefix.  Asking it, rather than its header, lets an older library be built against. */
uint32_t seccomp_architecture_token(int architecture)
{
    static const char start[] = "SCMP_ARCH_";
    const char *name = names_of_value(&spec_seccomp_architecture_names, architecture);
    uint32_t token = well_known_token(architecture);
    char lower[32];
    size_t length = 0;

    if (token != 0)
        return token;
    for (name += strlen(start); *name != '\0' && length < sizeof lower - 1; name++)
        lower[length++] = *name >= 'A' && *name <= 'Z' ? (char)(*name - 'A' + 'a') : *name;
    lower[length] = '\0';
    return seccomp_arch_resolve_name(lower);
}

enum scmp_compare seccomp_comparison(int operator)
{
    return comparisons[operator];
}

void seccomp_library_version(char *buffer, size_t size)
{
    const struct scmp_version *version = seccomp_version();

    snprintf(buffer, size, "%u.%u.%u", version->major, version->minor, version->micro);
}
