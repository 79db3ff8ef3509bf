#include "seccomp/doubts.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <seccomp.h>

#include "base/own.h"
#include "seccomp/seccomp.h"

/* --- architectures ---------------------------------------------------------------------------- */

/* Little-endian all. */
static const struct architecture architectures[] = {
    {SCMP_ARCH_X86_64,     AUDIT_ARCH_X86_64,  0,          true,  false},
    {SCMP_ARCH_X86,        AUDIT_ARCH_I386,    0,          false, true },
    {SCMP_ARCH_X32,        AUDIT_ARCH_X86_64,  0x40000000, false, false},
    {SCMP_ARCH_AARCH64,    AUDIT_ARCH_AARCH64, 0,          true,  false},
    {SCMP_ARCH_ARM,        AUDIT_ARCH_ARM,     0,          false, false},
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

/* Compares `action` with the actions that say nothing but in their number. */
static bool refused(uint32_t action, int name)
{
    bool is_new = name == SPEC_SECCOMP_KILL_PROCESS || name == SPEC_SECCOMP_LOG ||
                  name == SPEC_SECCOMP_NOTIFY;

    return (name == SPEC_SECCOMP_ERRNO && (action & SECCOMP_RET_DATA) >= 4095) ||
           (is_new && !seccomp_action_supported(name));
}

static bool action_refused(const struct profile *profile)
{
    /* One system call each for those that an old kernel may lack. */
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
    {architecture_not_served, "an architecture of another byte order, or with calls of its own ways"},
    {action_refused,          "an action or errno that libseccomp refuses, in its own words"        },
    {call_of_two_names,       "a call that this machine has under another name, too"                },
};

const char *seccomp_profile_doubt(const struct profile *profile)
{
    for (size_t i = 0; i < count_of(profile_doubts); i++) {
        if (profile_doubts[i].applies(profile))
            return profile_doubts[i].reason;
    }
    return NULL;
}

/* --- the rules of a call ----------------------------------------------------------------------- */

/* libseccomp has one node in its tree for both a condition and its contrary. */
static bool same_node(const struct condition *left, const struct condition *right)
{
    return left->argument == right->argument && left->test == right->test &&
           left->masked == right->masked && left->mask == right->mask &&
           left->value == right->value;
}

/* Both cannot hold: equal to two values, or to one and not to it. */
static bool exclude(const struct condition *left, const struct condition *right)
{
    bool one_argument = left->argument == right->argument && !left->masked && !right->masked &&
                        left->test == TEST_EQUAL && right->test == TEST_EQUAL;

    if (!one_argument)
        return false;
    if (left->value == right->value)
        return left->negated != right->negated;
    return !left->negated && !right->negated;
}

static bool never_both(const struct rule *left, const struct rule *right)
{
    for (size_t i = 0; i < left->count; i++) {
        for (size_t j = 0; j < right->count; j++) {
            if (exclude(&left->conditions[i], &right->conditions[j]))
                return true;
        }
    }
    return false;
}

static bool has_node(const struct rule *rule, const struct condition *condition)
{
    for (size_t i = 0; i < rule->count; i++) {
        if (same_node(&rule->conditions[i], condition))
            return true;
    }
    return false;
}

/* All the nodes of one are also the other's. */
static bool nodes_within(const struct rule *inner, const struct rule *outer)
{
    for (size_t i = 0; i < inner->count; i++) {
        if (!has_node(outer, &inner->conditions[i]))
            return false;
    }
    return true;
}

static bool compares_by_size(const struct rule *rule)
{
    for (size_t i = 0; i < rule->count; i++) {
        if (rule->conditions[i].test != TEST_EQUAL)
            return true;
    }
    return false;
}

static bool overlap(const struct rule *earlier, const struct rule *later)
{
    return earlier->action != later->action && !never_both(earlier, later);
}

static bool is_simple(const struct rule *earlier, const struct rule *later)
{
    return earlier->count == 1 && later->count == 1;
}

/* libseccomp 2.5 looks whether the earlier rule's nodes are all in the later one, and drops that one;
 * it does not look which way the conditions go. */
static bool earlier_within(const struct rule *earlier, const struct rule *later)
{
    return !is_simple(earlier, later) && nodes_within(earlier, later);
}

/* The same the other way round, where it asks for one action. */
static bool later_within(const struct rule *earlier, const struct rule *later)
{
    return !is_simple(earlier, later) && nodes_within(later, earlier) &&
           earlier->action == later->action;
}

/* Orders of 64 bits share a node by their upper half alone. */
static bool sized_in_company(const struct rule *earlier, const struct rule *later)
{
    return !is_simple(earlier, later) && (compares_by_size(earlier) || compares_by_size(later));
}

static const struct {
    bool (*applies)(const struct rule *earlier, const struct rule *later);
    const char *reason;
} call_doubts[] = {
    {overlap,          "two rules for one call that may both hold, with different actions"       },
    {earlier_within,   "two rules for one call, the conditions of the first all in the second"   },
    {later_within,     "two rules for one call, the conditions of the second all in the first"   },
    {sized_in_company, "a rule for one call that compares by size and more, besides another rule"},
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
