#include "seccomp/doubts.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <seccomp.h>

#include "base/own.h"
#include "seccomp/seccomp.h"

enum { ERRNO_END = 4095 /* libseccomp takes none from here on */ };

/* --- architectures ---------------------------------------------------------------------------- */

/* Little-endian all. */
static const struct architecture architectures[] = {
    {SCMP_ARCH_X86_64,   AUDIT_ARCH_X86_64,  0,          true,  false},
    {SCMP_ARCH_X86,      AUDIT_ARCH_I386,    0,          false, true },
    {SCMP_ARCH_X32,      AUDIT_ARCH_X86_64,  0x40000000, false, false},
    {SCMP_ARCH_AARCH64,  AUDIT_ARCH_AARCH64, 0,          true,  false},
    {SCMP_ARCH_ARM,      AUDIT_ARCH_ARM,     0,          false, false},
    {AUDIT_ARCH_RISCV64, AUDIT_ARCH_RISCV64, 0,          true,  false},
};

const struct architecture *seccomp_architecture(uint32_t token)
{
    for (size_t i = 0; i < count_of(architectures); i++) {
        if (architectures[i].token == token)
            return &architectures[i];
    }
    return NULL;
}

/* --- the profile ------------------------------------------------------------------------------ */

static bool architecture_not_served(const struct profile *profile)
{
    for (size_t i = 0; i < profile->token_count; i++) {
        if (seccomp_architecture(profile->tokens[i]) == NULL)
            return true;
    }
    return false;
}

/* Those that an old kernel may lack cost a system call to ask. */
static bool refused(uint32_t action, int name)
{
    bool may_lack = name == SPEC_SECCOMP_KILL_PROCESS || name == SPEC_SECCOMP_LOG ||
                    name == SPEC_SECCOMP_NOTIFY;

    return (name == SPEC_SECCOMP_ERRNO && (action & SECCOMP_RET_DATA) >= ERRNO_END) ||
           (may_lack && !seccomp_action_supported(name));
}

static bool action_refused(const struct profile *profile)
{
    unsigned asked = 0;

    if (refused(profile->default_action, profile->spec->default_action))
        return true;
    for_each_item (rule, &profile->spec->syscalls) {
        if (rule->action != SPEC_SECCOMP_ERRNO && asked & 1u << rule->action)
            continue;
        if (refused(seccomp_rule_action(rule), rule->action))
            return true;
        asked |= 1u << rule->action;
    }
    return false;
}

static bool call_of_two_names(const struct profile *profile)
{
    const int16_t *row = profile->rows;

    for_each_item (rule, &profile->spec->syscalls) {
        for (size_t i = 0; i < rule->names.count; i++) {
            if (*row++ == CALL_ALIAS)
                return true;
        }
    }
    return false;
}

static const struct {
    bool (*applies)(const struct profile *profile);
    const char *reason;
} profile_doubts[] = {
    {architecture_not_served, "an architecture of other byte order, or with calls of its own ways"},
    {action_refused,          "an action or errno that libseccomp refuses in its own words"       },
    {call_of_two_names,       "a call that this machine has under another name, too"              },
};

const char *seccomp_profile_doubt(const struct profile *profile)
{
    for (size_t i = 0; i < count_of(profile_doubts); i++) {
        if (profile_doubts[i].applies(profile))
            return profile_doubts[i].reason;
    }
    return NULL;
}

/* --- the rules of a call ---------------------------------------------------------------------- */

/* Both cannot hold: equal to two values, or to one and not to it. */
static bool exclude(const struct condition *left, const struct condition *right)
{
    bool comparable = left->argument == right->argument && !left->masked && !right->masked &&
                      left->test == TEST_EQUAL && right->test == TEST_EQUAL;

    if (!comparable)
        return false;
    if (left->value == right->value)
        return left->negated != right->negated;
    return !left->negated && !right->negated;
}

typedef bool (*compare_conditions)(const struct condition *left, const struct condition *right);

/* Whether any condition of the one and any of the other are so. */
static bool any_pair(const struct rule *left, const struct rule *right, compare_conditions are)
{
    for (size_t i = 0; i < left->count; i++) {
        for (size_t j = 0; j < right->count; j++) {
            if (are(&left->conditions[i], &right->conditions[j]))
                return true;
        }
    }
    return false;
}

/* What is left is a question of order, and the specification has none.  libseccomp refuses some of
 * it, and orders the rest by argument and value. */
static bool overlap(const struct rule *earlier, const struct rule *later)
{
    return earlier->action != later->action && !any_pair(earlier, later, exclude);
}

/* From here on the reading is plain, and libseccomp 2.5 departs from it.  It keeps a call's rules
 * as one tree of comparisons of 32 bits: half an argument at a time, the higher arguments first,
 * one node for a condition and its contrary. */

static bool both_single(const struct rule *earlier, const struct rule *later)
{
    return earlier->count == 1 && later->count == 1;
}

static bool share_node(const struct condition *left, const struct condition *right)
{
    return left->argument == right->argument && left->test == right->test &&
           left->masked == right->masked && left->mask == right->mask &&
           left->value == right->value;
}

static bool nodes_within(const struct rule *inner, const struct rule *outer)
{
    for (size_t i = 0; i < inner->count; i++) {
        bool shared = false;

        for (size_t j = 0; j < outer->count; j++)
            shared |= share_node(&inner->conditions[i], &outer->conditions[j]);
        if (!shared)
            return false;
    }
    return true;
}

/* It takes a longer rule for a part of the shorter one by their nodes, whichever way the conditions
 * go, and drops it. */
static bool one_within(const struct rule *earlier, const struct rule *later)
{
    return !both_single(earlier, later) &&
           (nodes_within(earlier, later) ||
            (nodes_within(later, earlier) && earlier->action == later->action));
}

static bool compares_size(const struct condition *left, const struct condition *right)
{
    return left->test != TEST_EQUAL || right->test != TEST_EQUAL;
}

/* Orders share the node of the upper half, and with it what follows, though the lower differ. */
static bool sizes_and_more(const struct rule *earlier, const struct rule *later)
{
    return !both_single(earlier, later) && any_pair(earlier, later, compares_size);
}

static bool contrary_before_last(const struct rule *rule)
{
    for (size_t i = 0; i < rule->count; i++) {
        for (size_t j = 0; j < rule->count; j++) {
            if (rule->conditions[i].negated &&
                rule->conditions[j].argument > rule->conditions[i].argument)
                return true;
        }
    }
    return false;
}

/* What follows a condition that must not hold hangs below both its halves.  Another rule that joins
 * it below one of them joins it below the other, too. */
static bool contrary_and_more(const struct rule *earlier, const struct rule *later)
{
    return contrary_before_last(earlier) || contrary_before_last(later);
}

static bool upper_halves_differ(const struct condition *left, const struct condition *right)
{
    return left->argument == right->argument &&
           (left->value >> 32 != right->value >> 32 || left->mask >> 32 != right->mask >> 32);
}

/* After a comparison with the lower half the next upper half may not be loaded again. */
static bool uppers_differ(const struct rule *earlier, const struct rule *later)
{
    return any_pair(earlier, later, upper_halves_differ);
}

static const struct {
    bool (*applies)(const struct rule *earlier, const struct rule *later);
    const char *reason;
} call_doubts[] = {
    {overlap,           "rules for one call with different actions that may both hold"  },
    {one_within,        "rules for one call that share conditions"                      },
    {sizes_and_more,    "rules for one call that compare sizes and more"                },
    {contrary_and_more, "rules for one call, with more behind a condition of inequality"},
    {uppers_differ,     "rules for one call with values of different upper halves"      },
};

const char *seccomp_call_doubt(const struct rule *rules, size_t count)
{
    for (size_t later = 1; later < count; later++) {
        for (size_t earlier = 0; earlier < later; earlier++) {
            for (size_t i = 0; i < count_of(call_doubts); i++) {
                if (call_doubts[i].applies(&rules[earlier], &rules[later]))
                    return call_doubts[i].reason;
            }
        }
    }
    return NULL;
}
