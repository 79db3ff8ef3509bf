#pragma once

/*
 * A profile with its words made numbers: what both ways to a filter start from.  For this folder
 * only.
 */

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/log.h"
#include "seccomp/calls.h"
#include "spec/spec.h"

enum {
    PROFILE_ARCHITECTURES = SPEC_ARCH_RISCV64 + 2, /* all there are, and this machine's own */
    SYSCALL_ARGUMENTS = 6,
};

struct profile {
    const struct spec_seccomp *spec;
    const int16_t *rows; /* struct call's, for each name of each rule, in their order */
    uint32_t default_action;
    uint32_t tokens[PROFILE_ARCHITECTURES]; /* in force: this machine's own first */
    size_t token_count;
    bool notifies;
    bool notifies_of_sendmsg;
};

/* A finished filter. */
struct program {
    struct sock_filter *instructions;
    size_t count;
};

/* Nothing is refused here but what no way could take.  Errors and remarks as in
 * seccomp_plan_from_spec(), without "linux.seccomp" in front of errors. */
must_check int seccomp_profile_resolve(struct profile *ret, const struct spec_seccomp *spec,
                                       struct arena *arena, const struct log *log,
                                       struct error *err);

/* The action of one of its rules, with its data. */
uint32_t seccomp_rule_action(const struct spec_seccomp_syscall *rule);

/* A rule that says what happens anyway: nothing is made of it. */
bool seccomp_rule_is_default(const struct profile *profile,
                             const struct spec_seccomp_syscall *rule);

/* Two conditions on one argument are more than libseccomp can say in one rule: then, as in runc,
 * each is a rule of its own and any of them is enough. */
bool seccomp_rule_is_alternatives(const struct spec_seccomp_syscall *rule);
