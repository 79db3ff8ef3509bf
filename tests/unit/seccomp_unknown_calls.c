/* ENOSYS for system calls that are newer than the profile. */

#include "seccomp/unknown_calls.h"

#include "tests/unit/seccomp_simulator.h"

static const uint32_t denied = RETURNS(SECCOMP_RET_ERRNO, EPERM);
static const uint32_t unknown = RETURNS(SECCOMP_RET_ERRNO, ENOSYS);

/* The answers for a profile that allows read and mentions `mentioned` with `action`. */
static struct seccomp_plan plan_with(const char *defaults, const char *mentioned,
                                     const char *action, struct arena *arena)
{
    return plan_of(arena_print(arena,
                               "{%s, \"syscalls\": [{\"names\": [\"read\"], \"action\":"
                               " \"SCMP_ACT_ALLOW\"}, {\"names\": [\"%s\", \"no_such_call\"],"
                               " \"action\": \"%s\"}]}",
                               defaults, mentioned, action),
                   arena);
}

static const char eperm[] = "\"defaultAction\": \"SCMP_ACT_ERRNO\"";

Test(seccomp_unknown_calls, above_the_highest_allowed_call_is_enosys_and_below_the_default)
{
    autoarena struct arena arena = {0};
    struct seccomp_plan plan = plan_with(eperm, "openat2", "SCMP_ACT_ALLOW", &arena);

    cr_expect_eq(verdict_of(&plan, SYS_openat2), SECCOMP_RET_ALLOW);
    cr_expect_eq(verdict_of(&plan, SYS_openat2 - 1), denied);
    cr_expect_eq(verdict_of(&plan, SYS_openat2 + 1), unknown);
    cr_expect_eq(verdict_of(&plan, SYS_openat2 + 100000), unknown);
}

Test(seccomp_unknown_calls, a_denied_call_counts_as_mentioned)
{
    autoarena struct arena arena = {0};
    struct seccomp_plan by_rule = plan_with(eperm, "openat2", "SCMP_ACT_KILL", &arena);
    struct seccomp_plan by_default = plan_with(eperm, "openat2", "SCMP_ACT_ERRNO", &arena);

    cr_expect_eq(verdict_of(&by_rule, SYS_openat2), SECCOMP_RET_KILL_THREAD);
    cr_expect_eq(verdict_of(&by_default, SYS_openat2), denied);
    cr_expect_eq(verdict_of(&by_default, SYS_openat2 + 1), unknown);
}

struct default_case {
    const char *json;
    uint32_t newer; /* the answer to a call newer than the profile */
};

static const struct default_case default_cases[] = {
    {"\"defaultAction\": \"SCMP_ACT_ERRNO\"", RETURNS(SECCOMP_RET_ERRNO,                                ENOSYS)},
    {"\"defaultAction\": \"SCMP_ACT_ERRNO\", \"defaultErrnoRet\": 13",
     RETURNS(SECCOMP_RET_ERRNO,                                ENOSYS)},
    {"\"defaultAction\": \"SCMP_ACT_ERRNO\", \"defaultErrnoRet\": 38",
     RETURNS(SECCOMP_RET_ERRNO,                                                         ENOSYS)},
    {"\"defaultAction\": \"SCMP_ACT_KILL\"",               RETURNS(SECCOMP_RET_ERRNO,        ENOSYS)},
    {"\"defaultAction\": \"SCMP_ACT_KILL_PROCESS\"",  RETURNS(SECCOMP_RET_ERRNO,                   ENOSYS)},
    {"\"defaultAction\": \"SCMP_ACT_TRAP\"",                                       RETURNS(SECCOMP_RET_ERRNO,                                                  ENOSYS)},
    {"\"defaultAction\": \"SCMP_ACT_TRACE\"",                                RETURNS(SECCOMP_RET_TRACE,                                                                      EPERM)},
    {"\"defaultAction\": \"SCMP_ACT_LOG\"",SECCOMP_RET_LOG},
    {"\"defaultAction\": \"SCMP_ACT_ALLOW\"", SECCOMP_RET_ALLOW},
};

Test(seccomp_unknown_calls, a_default_that_denies_gives_way_and_one_that_allows_stands)
{
    for (size_t i = 0; i < count_of(default_cases); i++) {
        autoarena struct arena arena = {0};
        struct seccomp_plan plan = plan_with(default_cases[i].json, "openat2", "SCMP_ACT_TRAP",
                                             &arena);

        cr_expect_eq(verdict_of(&plan, SYS_openat2 + 1), default_cases[i].newer, "%s: %#x",
                     default_cases[i].json, verdict_of(&plan, SYS_openat2 + 1));
    }
}

Test(seccomp_unknown_calls, a_profile_that_mentions_no_call_has_no_age)
{
    autoarena struct arena arena = {0};
    struct seccomp_plan plan = plan_of("{\"defaultAction\": \"SCMP_ACT_KILL\"}", &arena);

    cr_expect_eq(verdict_of(&plan, 100000), SECCOMP_RET_KILL_THREAD);
}

/* --- foreign architectures: the prologue alone -------------------------------------------------
 */

enum { PASSED_ON = 12345 };

/* What the prologue for these tokens answers, and PASSED_ON when it leaves it to what follows. */
static uint32_t answer(const char *const *names, const uint32_t *tokens, size_t token_count,
                       uint32_t architecture, uint32_t number)
{
    struct spec_seccomp_syscall call = {.action = SPEC_SECCOMP_ALLOW};
    struct spec_seccomp profile = {.default_action = SPEC_SECCOMP_ERRNO};
    struct unknown_calls ranges[UNKNOWN_CALLS_RANGES];
    struct sock_filter program[UNKNOWN_CALLS_INSTRUCTIONS + 1];
    const struct seccomp_data data = {.nr = (int)number, .arch = architecture};
    size_t count;

    profile.syscalls.items = &call;
    profile.syscalls.count = 1;
    call.names.items = (const char **)names;
    while (names[call.names.count] != NULL)
        call.names.count++;
    count = seccomp_unknown_calls_program(
        program, ranges, seccomp_unknown_calls(ranges, &profile, tokens, token_count));
    program[count] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, PASSED_ON);
    return run_filter(program, count + 1, &data);
}

static const char *const some_names[] = {"read", "openat2", NULL};

Test(seccomp_unknown_calls, each_architecture_has_its_own_highest_call)
{
    const uint32_t tokens[] = {SCMP_ARCH_X86_64, SCMP_ARCH_X86, SCMP_ARCH_X32};
    const char *const names[] = {"getpid", NULL};

    cr_expect_eq(answer(names, tokens, 3, AUDIT_ARCH_X86_64, 39), PASSED_ON);
    cr_expect_eq(answer(names, tokens, 3, AUDIT_ARCH_X86_64, 40), unknown);
    cr_expect_eq(answer(names, tokens, 3, AUDIT_ARCH_I386, 20), PASSED_ON);
    cr_expect_eq(answer(names, tokens, 3, AUDIT_ARCH_I386, 21), unknown);
    cr_expect_eq(answer(names, tokens, 3, AUDIT_ARCH_X86_64, 0x40000000 | 39), PASSED_ON);
    cr_expect_eq(answer(names, tokens, 3, AUDIT_ARCH_X86_64, 0x40000000 | 40), unknown);
}

Test(seccomp_unknown_calls, an_architecture_not_in_force_is_left_to_the_filter)
{
    const uint32_t tokens[] = {SCMP_ARCH_X86_64};

    cr_expect_eq(answer(some_names, tokens, 1, AUDIT_ARCH_AARCH64, 5000), PASSED_ON);
    cr_expect_eq(answer(some_names, tokens, 1, AUDIT_ARCH_X86_64, 0x40000000 | 500), PASSED_ON);
}

Test(seccomp_unknown_calls, a_number_that_looks_like_an_architecture_is_only_a_number)
{
    const uint32_t tokens[] = {SCMP_ARCH_X86_64, SCMP_ARCH_AARCH64};

    cr_expect_eq(answer(some_names, tokens, 2, AUDIT_ARCH_X86_64, AUDIT_ARCH_AARCH64), PASSED_ON);
}

Test(seccomp_unknown_calls, private_calls_of_arm_are_neither_counted_nor_answered)
{
    const uint32_t tokens[] = {SCMP_ARCH_ARM};
    const char *const names[] = {"read", "cacheflush", "set_tls", "openat2", NULL};

    cr_expect_eq(answer(names, tokens, 1, AUDIT_ARCH_ARM, 437), PASSED_ON);
    cr_expect_eq(answer(names, tokens, 1, AUDIT_ARCH_ARM, 438), unknown);
    cr_expect_eq(answer(names, tokens, 1, AUDIT_ARCH_ARM, 0x0f0002), PASSED_ON);
}

Test(seccomp_unknown_calls, setup_of_s390_stands_for_calls_the_kernel_does_not_know)
{
    const uint32_t tokens[] = {SCMP_ARCH_S390X};

    cr_expect_eq(answer(some_names, tokens, 1, AUDIT_ARCH_S390X, 0), unknown);
    cr_expect_eq(answer(some_names, tokens, 1, AUDIT_ARCH_S390X, 3), PASSED_ON);
    cr_expect_eq(answer(some_names, tokens, 1, AUDIT_ARCH_S390X, 438), unknown);
}

Test(seccomp_unknown_calls, numbers_of_mips_start_at_their_own_base)
{
    const uint32_t tokens[] = {SCMP_ARCH_MIPSEL64};

    cr_expect_eq(answer(some_names, tokens, 1, AUDIT_ARCH_MIPSEL64, 5000 + 437), PASSED_ON);
    cr_expect_eq(answer(some_names, tokens, 1, AUDIT_ARCH_MIPSEL64, 5000 + 438), unknown);
}
