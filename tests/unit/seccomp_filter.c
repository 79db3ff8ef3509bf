/* Profiles and what their filters answer: actions, arguments, architectures, refusals. */

#include <inttypes.h>

#include "tests/unit/seccomp_simulator.h"

static const uint32_t denied = RETURNS(SECCOMP_RET_ERRNO, EPERM);

/* --- actions -------------------------------------------------------------------------------- */

struct action_case {
    const char *name;
    int errno_ret; /* negative: not given */
    uint32_t answer;
    uint32_t data;
};

static const struct action_case action_cases[] = {
    {"SCMP_ACT_ALLOW",        -1,   SECCOMP_RET_ALLOW,        0    },
    {"SCMP_ACT_LOG",          -1,   SECCOMP_RET_LOG,          0    },
    {"SCMP_ACT_TRAP",         -1,   SECCOMP_RET_TRAP,         0    },
    {"SCMP_ACT_KILL",         -1,   SECCOMP_RET_KILL_THREAD,  0    },
    {"SCMP_ACT_KILL_THREAD",  -1,   SECCOMP_RET_KILL_THREAD,  0    },
    {"SCMP_ACT_KILL_PROCESS", -1,   SECCOMP_RET_KILL_PROCESS, 0    },
    {"SCMP_ACT_TRACE",        -1,   SECCOMP_RET_TRACE,        EPERM},
    {"SCMP_ACT_TRACE",        300,  SECCOMP_RET_TRACE,        300  },
    {"SCMP_ACT_ERRNO",        -1,   SECCOMP_RET_ERRNO,        EPERM},
    {"SCMP_ACT_ERRNO",        0,    SECCOMP_RET_ERRNO,        0    },
    {"SCMP_ACT_ERRNO",        4094, SECCOMP_RET_ERRNO,        4094 },
};

static void check_action(const struct action_case *row)
{
    autoarena struct arena arena = {0};
    const char *number = row->errno_ret < 0
                             ? ""
                             : arena_print(&arena, ", \"errnoRet\": %d", row->errno_ret);
    const char *json = arena_print(&arena,
                                   "{\"defaultAction\": \"SCMP_ACT_ERRNO\","
                                   " \"defaultErrnoRet\": 7, \"syscalls\": [{\"names\":"
                                   " [\"getpid\"], \"action\": \"%s\"%s}]}",
                                   row->name, number);
    struct seccomp_plan plan = plan_of(json, &arena);

    cr_expect_eq(verdict_of(&plan, SYS_getpid), row->answer | row->data, "%s: %#x", json,
                 verdict_of(&plan, SYS_getpid));
    cr_expect_eq(verdict_of(&plan, SYS_read), RETURNS(SECCOMP_RET_ERRNO, 7));
}

Test(seccomp, each_action_is_its_kernel_value_and_errno_is_eperm_unless_given)
{
    for (size_t i = 0; i < count_of(action_cases); i++)
        check_action(&action_cases[i]);
}

Test(seccomp, a_default_errno_not_given_is_eperm)
{
    autoarena struct arena arena = {0};
    struct seccomp_plan plan = plan_of("{\"defaultAction\": \"SCMP_ACT_ERRNO\"}", &arena);

    cr_expect_eq(verdict_of(&plan, SYS_read), denied);
}

Test(seccomp, a_rule_that_says_what_the_default_says_is_left_out)
{
    autoarena struct arena arena = {0};
    struct seccomp_plan plan = plan_of(
        "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": ["
        "{\"names\": [\"read\"], \"action\": \"SCMP_ACT_ALLOW\"},"
        "{\"names\": [\"getpid\"], \"action\": \"SCMP_ACT_ERRNO\"}]}",
        &arena);

    cr_expect_eq(verdict_of(&plan, SYS_read), SECCOMP_RET_ALLOW);
    cr_expect_eq(verdict_of(&plan, SYS_getpid), denied);
}

Test(seccomp, no_profile_is_no_filter)
{
    autoarena struct arena arena = {0};
    struct seccomp_plan plan = {.wanted = true};
    struct error err;

    cr_assert_eq(seccomp_plan_from_spec(&plan, NULL, &arena, NULL, &err), 0);
    cr_expect_not(plan.wanted);
}

static void count_line(void *context, enum log_level level, const char *text)
{
    cr_expect_eq(level, LOG_LEVEL_DEBUG);
    cr_expect_not_null(strstr(text, "\"no_such_call\""), "%s", text);
    ++*(int *)context;
}

Test(seccomp, an_unknown_system_call_is_skipped_with_a_debug_line)
{
    autoarena struct arena arena = {0};
    int lines = 0;
    const struct log log = {.write = count_line, .context = &lines, .debug = true};
    struct seccomp_plan plan;
    struct error err;

    cr_assert_eq(try_plan(&plan,
                          "{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"syscalls\": [{\"names\":"
                          " [\"no_such_call\", \"getpid\"], \"action\": \"SCMP_ACT_ALLOW\"}]}",
                          &arena, &log, &err),
                 0, "%s", err.text);
    cr_expect_eq(lines, 1);
    cr_expect_eq(verdict_of(&plan, SYS_getpid), SECCOMP_RET_ALLOW);
}

static void count_ignored(void *context, enum log_level level, const char *text)
{
    (void)text;
    *(int *)context += level == LOG_LEVEL_IGNORED;
}

/* Only a filter that is weaker than it says has a part without effect: the profiles of engines
 * allow calls that are newer than libseccomp. */
Test(seccomp, an_unknown_system_call_matters_where_its_rule_is_stricter_than_the_default)
{
    static const struct {
        const char *by_default;
        const char *action;
        int ignored;
    } cases[] = {
        {"ERRNO",        "ALLOW",        0},
        {"ERRNO",        "LOG",          0},
        {"KILL_PROCESS", "KILL_THREAD",  0},
        {"KILL_THREAD",  "KILL_PROCESS", 1},
        {"ERRNO",        "KILL",         1},
        {"ALLOW",        "ERRNO",        1},
        {"ALLOW",        "LOG",          1},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        autoarena struct arena arena = {0};
        int ignored = 0;
        const struct log log = {.write = count_ignored, .context = &ignored, .strict = true};
        struct seccomp_plan plan;
        struct error err;
        const char *json = arena_print(&arena,
                                       "{\"defaultAction\": \"SCMP_ACT_%s\", \"syscalls\": "
                                       "[{\"names\": [\"no_such_call\"], \"action\": "
                                       "\"SCMP_ACT_%s\"}]}",
                                       cases[i].by_default, cases[i].action);

        cr_assert_eq(try_plan(&plan, json, &arena, &log, &err), 0, "%s", err.text);
        cr_expect_eq(ignored, cases[i].ignored, "%s below %s", cases[i].action,
                     cases[i].by_default);
    }
}

/* --- arguments ------------------------------------------------------------------------------ */

enum comparison { NE, LT, LE, EQ, GE, GT, MASKED_EQ, COMPARISONS };

static const char *const comparison_names[] = {"SCMP_CMP_NE",       "SCMP_CMP_LT", "SCMP_CMP_LE",
                                               "SCMP_CMP_EQ",       "SCMP_CMP_GE", "SCMP_CMP_GT",
                                               "SCMP_CMP_MASKED_EQ"};

/* config-linux.md: for MASKED_EQ, value is the mask and valueTwo what must remain. */
static bool holds(enum comparison comparison, uint64_t argument, uint64_t value, uint64_t value_two)
{
    switch (comparison) {
    case NE:
        return argument != value;
    case LT:
        return argument < value;
    case LE:
        return argument <= value;
    case EQ:
        return argument == value;
    case GE:
        return argument >= value;
    case GT:
        return argument > value;
    default:
        return (argument & value) == value_two;
    }
}

static const uint64_t boundaries[] = {
    0,
    1,
    UINT64_C(0x7fffffff),
    UINT64_C(0x80000000),
    UINT64_C(0xffffffff),
    UINT64_C(0x100000000),
    UINT64_C(0x100000001),
    UINT64_C(0x7fffffffffffffff),
    UINT64_C(0x8000000000000000),
    UINT64_C(0xffffffff00000000),
    UINT64_MAX,
};

static void check_condition(enum comparison comparison, unsigned index, uint64_t value)
{
    autoarena struct arena arena = {0};
    uint64_t value_two = value & UINT64_C(0x8000000180000001);
    const char *json = arena_print(
        &arena,
        "{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"syscalls\": [{\"names\": [\"getpid\"],"
        " \"action\": \"SCMP_ACT_ALLOW\", \"args\": [{\"index\": %u, \"value\": %" PRIu64
        ", \"valueTwo\": %" PRIu64 ", \"op\": \"%s\"}]}]}",
        index, value, value_two, comparison_names[comparison]);
    struct seccomp_plan plan = plan_of(json, &arena);

    for (size_t i = 0; i < count_of(boundaries); i++) {
        struct seccomp_data data = {.nr = SYS_getpid, .arch = own_architecture()};
        bool allowed;

        /* The other arguments must not matter. */
        for (unsigned j = 0; j < 6; j++)
            data.args[j] = ~boundaries[i];
        data.args[index] = boundaries[i];
        allowed = holds(comparison, boundaries[i], value, value_two);
        cr_expect_eq(verdict_on(&plan, &data), allowed ? SECCOMP_RET_ALLOW : denied,
                     "argument %u = %#" PRIx64 ": %s", index, boundaries[i], json);
    }
}

Test(seccomp, each_operator_on_each_argument_is_right_at_every_boundary)
{
    if (sizeof(long) < 8)
        cr_skip_test("arguments have 32 bits here");
    for (int comparison = NE; comparison < COMPARISONS; comparison++) {
        for (unsigned index = 0; index < 6; index++) {
            for (size_t i = 0; i < count_of(boundaries); i++)
                check_condition((enum comparison)comparison, index, boundaries[i]);
        }
    }
}

static uint32_t with_arguments(const struct seccomp_plan *plan, uint64_t first, uint64_t second)
{
    struct seccomp_data data = {.nr = SYS_getpid, .arch = own_architecture()};

    data.args[0] = first;
    data.args[1] = second;
    return verdict_on(plan, &data);
}

Test(seccomp, conditions_on_different_arguments_must_all_hold)
{
    autoarena struct arena arena = {0};
    struct seccomp_plan plan = plan_of(
        "{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"syscalls\": [{\"names\": [\"getpid\"],"
        " \"action\": \"SCMP_ACT_ALLOW\", \"args\": ["
        "{\"index\": 0, \"value\": 4, \"op\": \"SCMP_CMP_EQ\"},"
        "{\"index\": 1, \"value\": 9, \"op\": \"SCMP_CMP_GE\"}]}]}",
        &arena);

    cr_expect_eq(with_arguments(&plan, 4, 9), SECCOMP_RET_ALLOW);
    cr_expect_eq(with_arguments(&plan, 4, 8), denied);
    cr_expect_eq(with_arguments(&plan, 5, 9), denied);
}

Test(seccomp, conditions_on_one_argument_are_alternatives)
{
    autoarena struct arena arena = {0};
    struct seccomp_plan plan = plan_of(
        "{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"syscalls\": [{\"names\": [\"getpid\"],"
        " \"action\": \"SCMP_ACT_ALLOW\", \"args\": ["
        "{\"index\": 0, \"value\": 4, \"op\": \"SCMP_CMP_EQ\"},"
        "{\"index\": 0, \"value\": 6, \"op\": \"SCMP_CMP_EQ\"},"
        "{\"index\": 1, \"value\": 9, \"op\": \"SCMP_CMP_EQ\"}]}]}",
        &arena);

    cr_expect_eq(with_arguments(&plan, 4, 0), SECCOMP_RET_ALLOW);
    cr_expect_eq(with_arguments(&plan, 6, 0), SECCOMP_RET_ALLOW);
    cr_expect_eq(with_arguments(&plan, 5, 9), SECCOMP_RET_ALLOW);
    cr_expect_eq(with_arguments(&plan, 5, 0), denied);
}

Test(seccomp, several_rules_for_one_call_are_alternatives)
{
    autoarena struct arena arena = {0};
    struct seccomp_plan plan = plan_of(
        "{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"syscalls\": ["
        "{\"names\": [\"getpid\"], \"action\": \"SCMP_ACT_ALLOW\", \"args\":"
        " [{\"index\": 0, \"value\": 8, \"op\": \"SCMP_CMP_EQ\"}]},"
        "{\"names\": [\"getpid\"], \"action\": \"SCMP_ACT_KILL_PROCESS\", \"args\":"
        " [{\"index\": 0, \"value\": 16, \"op\": \"SCMP_CMP_EQ\"}]}]}",
        &arena);

    cr_expect_eq(with_arguments(&plan, 8, 0), SECCOMP_RET_ALLOW);
    cr_expect_eq(with_arguments(&plan, 16, 0), SECCOMP_RET_KILL_PROCESS);
    cr_expect_eq(with_arguments(&plan, 12, 0), denied);
}

/* --- many calls ----------------------------------------------------------------------------- */

/* A profile that allows every third call this machine has below `end`. */
static const char *every_third(struct arena *arena, int end)
{
    const char *names = "";

    for (int number = 0; number < end; number += 3) {
        char *name = seccomp_syscall_resolve_num_arch(own_architecture(), number);

        if (name != NULL)
            names = arena_print(arena, "%s%s\"%s\"", names, names[0] != '\0' ? ", " : "", name);
        free(name);
    }
    return arena_print(arena,
                       "{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"syscalls\": [{\"names\": [%s],"
                       " \"action\": \"SCMP_ACT_ALLOW\"}]}",
                       names);
}

static void check_every_third(int end)
{
    autoarena struct arena arena = {0};
    struct seccomp_plan plan = plan_of(every_third(&arena, end), &arena);

    for (int number = 0; number < end - 3; number++) {
        char *name = seccomp_syscall_resolve_num_arch(own_architecture(), number);
        bool allowed = number % 3 == 0 && name != NULL;

        cr_expect_eq(verdict_of(&plan, number), allowed ? SECCOMP_RET_ALLOW : denied, "%d %s",
                     number, name != NULL ? name : "");
        free(name);
    }
}

Test(seccomp, few_calls_are_told_apart)
{
    check_every_third(60);
}

Test(seccomp, many_calls_are_told_apart)
{
    check_every_third(300);
}

/* How many instructions run before the answer. */
static size_t most_steps(const struct seccomp_plan *plan, int end)
{
    size_t most = 0;

    for (int number = 0; number < end; number++) {
        const struct seccomp_data data = {.nr = number, .arch = own_architecture()};
        uint32_t accumulator = 0;
        size_t steps = 0;

        for (size_t here = 0; BPF_CLASS(plan->filter[here].code) != BPF_RET; steps++) {
            const struct sock_filter *at = &plan->filter[here];

            if (BPF_CLASS(at->code) == BPF_LD)
                memcpy(&accumulator, (const char *)&data + at->k, 4);
            here = BPF_CLASS(at->code) == BPF_LD ? here + 1 : jump_from(at, here, accumulator);
        }
        most = steps > most ? steps : most;
    }
    return most;
}

Test(seccomp, many_calls_are_found_in_few_steps)
{
    autoarena struct arena arena = {0};
    struct seccomp_plan plan = plan_of(every_third(&arena, 300), &arena);
    size_t most = most_steps(&plan, 300);

    cr_expect_leq(most, 40, "%zu steps of %u instructions", most, plan.length);
}

/* --- architectures -------------------------------------------------------------------------- */

Test(seccomp, calls_of_an_architecture_not_listed_are_killed)
{
    autoarena struct arena arena = {0};
    struct seccomp_plan plan = plan_of(
        "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [{\"names\": [\"getpid\"],"
        " \"action\": \"SCMP_ACT_ERRNO\"}]}",
        &arena);
    const struct seccomp_data data = {.nr = 1, .arch = AUDIT_ARCH_ALPHA};

    cr_expect_eq(verdict_on(&plan, &data), SECCOMP_RET_KILL_THREAD);
}

Test(seccomp, a_listed_architecture_has_its_own_numbers)
{
    autoarena struct arena arena = {0};
    struct seccomp_plan plan;

    if (own_architecture() != SCMP_ARCH_X86_64)
        cr_skip_test("needs x86_64, which has two more architectures");
    plan = plan_of("{\"defaultAction\": \"SCMP_ACT_ERRNO\","
                   " \"architectures\": [\"SCMP_ARCH_X86_64\", \"SCMP_ARCH_X86\","
                   " \"SCMP_ARCH_X32\", \"SCMP_ARCH_X86\"],"
                   " \"syscalls\": [{\"names\": [\"getpid\"], \"action\": \"SCMP_ACT_ALLOW\"}]}",
                   &arena);

    const struct seccomp_data i386_getpid = {.nr = 20, .arch = AUDIT_ARCH_I386};
    const struct seccomp_data i386_mknod = {.nr = 14, .arch = AUDIT_ARCH_I386};
    const struct seccomp_data x86_64_getpid = {.nr = 39, .arch = AUDIT_ARCH_X86_64};
    const struct seccomp_data x86_64_writev = {.nr = 20, .arch = AUDIT_ARCH_X86_64};
    const struct seccomp_data x32_getpid = {.nr = 0x40000000 | 39, .arch = AUDIT_ARCH_X86_64};

    cr_expect_eq(verdict_on(&plan, &i386_getpid), SECCOMP_RET_ALLOW);
    cr_expect_eq(verdict_on(&plan, &i386_mknod), denied);
    cr_expect_eq(verdict_on(&plan, &x86_64_getpid), SECCOMP_RET_ALLOW);
    cr_expect_eq(verdict_on(&plan, &x86_64_writev), denied);
    cr_expect_eq(verdict_on(&plan, &x32_getpid), SECCOMP_RET_ALLOW);
}

Test(seccomp, x32_calls_are_killed_when_x32_is_not_listed)
{
    autoarena struct arena arena = {0};
    const struct seccomp_data x32_getpid = {.nr = 0x40000000 | 39, .arch = AUDIT_ARCH_X86_64};
    struct seccomp_plan plan;

    if (own_architecture() != SCMP_ARCH_X86_64)
        cr_skip_test("x32 is of x86_64");
    plan = plan_of("{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"syscalls\": [{\"names\":"
                   " [\"getpid\"], \"action\": \"SCMP_ACT_ALLOW\"}]}",
                   &arena);
    cr_expect_eq(verdict_on(&plan, &x32_getpid), SECCOMP_RET_KILL_THREAD);
}

/* --- listeners and flags -------------------------------------------------------------------- */

static const char notifying[] =
    "{\"defaultAction\": \"SCMP_ACT_ALLOW\", %s\"syscalls\": [{\"names\": [\"mkdir\"],"
    " \"action\": \"SCMP_ACT_NOTIFY\"}]}";

Test(seccomp, notify_asks_the_kernel_for_a_listener)
{
    autoarena struct arena arena = {0};
    struct seccomp_plan plan = plan_of(
        arena_print(&arena, notifying,
                    "\"flags\": [\"SECCOMP_FILTER_FLAG_TSYNC\"],"
                    " \"listenerPath\": \"/run/agent\", \"listenerMetadata\": \"m\", "),
        &arena);

    cr_expect(plan.has_listener);
    cr_expect_eq(plan.flags, SECCOMP_FILTER_FLAG_NEW_LISTENER);
    cr_expect_str_eq(plan.listener_path, "/run/agent");
    cr_expect_str_eq(plan.listener_metadata, "m");
    if (SYS_mkdirat >= 0)
        cr_expect_eq(verdict_of(&plan, SYS_mkdirat), SECCOMP_RET_ALLOW);
}

/* The listener is then to be handed over by another call. */
Test(seccomp, notify_on_sendmsg_is_remembered)
{
    static const struct {
        const char *name;
        const char *action;
        bool waits;
    } cases[] = {
        {"sendmsg",  "SCMP_ACT_NOTIFY", true },
        {"sendmmsg", "SCMP_ACT_NOTIFY", false},
        {"sendmsg",  "SCMP_ACT_ERRNO",  false},
    };

    for (size_t i = 0; i < count_of(cases); i++) {
        autoarena struct arena arena = {0};
        struct seccomp_plan plan = plan_of(
            arena_print(&arena,
                        "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"listenerPath\": \"/run/a\","
                        " \"syscalls\": [{\"names\": [\"bind\", \"%s\"], \"action\": \"%s\"}]}",
                        cases[i].name, cases[i].action),
            &arena);

        cr_expect_eq(plan.sendmsg_waits, cases[i].waits, "case %zu", i);
    }
}

Test(seccomp, a_listener_path_without_notify_is_ignored)
{
    autoarena struct arena arena = {0};
    struct seccomp_plan plan = plan_of(
        "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"flags\": [], \"listenerPath\": \"/run/a\"}",
        &arena);

    cr_expect_not(plan.has_listener);
    cr_expect_eq(plan.flags, 0);
}

struct flags_case {
    const char *json;
    unsigned flags;
};

static const struct flags_case flags_cases[] = {
    {"",                                                          SECCOMP_FILTER_FLAG_SPEC_ALLOW},
    {"\"flags\": [], ",                                           0                             },
    {"\"flags\": [\"SECCOMP_FILTER_FLAG_SPEC_ALLOW\"], ",         SECCOMP_FILTER_FLAG_SPEC_ALLOW},
    {"\"flags\": [\"SECCOMP_FILTER_FLAG_LOG\"], ",                SECCOMP_FILTER_FLAG_LOG       },
    {"\"flags\": [\"SECCOMP_FILTER_FLAG_TSYNC\"], ",              0                             },
    {"\"flags\": [\"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV\"], ", 0                             },
};

Test(seccomp, flags_not_given_keep_speculation_and_given_ones_are_as_given)
{
    for (size_t i = 0; i < count_of(flags_cases); i++) {
        autoarena struct arena arena = {0};
        const char *json = arena_print(&arena, "{%s\"defaultAction\": \"SCMP_ACT_ALLOW\"}",
                                       flags_cases[i].json);
        struct seccomp_plan plan = plan_of(json, &arena);

        cr_expect_eq(plan.flags, flags_cases[i].flags, "%s: %#x", json, plan.flags);
    }
}

/* --- refusals ------------------------------------------------------------------------------- */

struct refusal {
    const char *json;
    const char *message; /* the beginning */
};

static const char both_byte_orders[] =
    "{\"defaultAction\": \"SCMP_ACT_ERRNO\","
    " \"architectures\": [\"SCMP_ARCH_S390X\", \"SCMP_ARCH_PPC64LE\"]}";
static const char contradiction[] =
    "{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"syscalls\": ["
    "{\"names\": [\"getpid\"], \"action\": \"SCMP_ACT_ALLOW\","
    " \"args\": [{\"index\": 0, \"value\": 1, \"op\": \"SCMP_CMP_EQ\"}]},"
    "{\"names\": [\"read\", \"getpid\"], \"action\": \"SCMP_ACT_TRAP\","
    " \"args\": [{\"index\": 0, \"value\": 1, \"op\": \"SCMP_CMP_EQ\"}]}]}";

static const struct refusal refusals[] = {
    {both_byte_orders, "linux.seccomp.architectures["                                             },
    {contradiction,    "linux.seccomp.syscalls[1]: the rule for getpid contradicts an earlier one"},
};

Test(seccomp, what_cannot_be_compiled_is_refused_by_its_place)
{
    for (size_t i = 0; i < count_of(refusals); i++) {
        autoarena struct arena arena = {0};
        struct seccomp_plan plan = {.length = 7};
        struct error err;

        cr_expect_lt(try_plan(&plan, refusals[i].json, &arena, NULL, &err), 0);
        cr_expect_eq(strncmp(err.text, refusals[i].message, strlen(refusals[i].message)), 0, "%s",
                     err.text);
        cr_expect_eq(plan.length, 7, "the plan is untouched");
    }
}

Test(seccomp, an_architecture_that_libseccomp_does_not_know_is_refused)
{
    autoarena struct arena arena = {0};
    struct seccomp_plan plan;
    struct error err;

    if (seccomp_arch_resolve_name("m68k") != 0)
        cr_skip_test("this libseccomp knows all architectures of the specification");
    cr_assert_lt(try_plan(&plan,
                          "{\"defaultAction\": \"SCMP_ACT_ERRNO\","
                          " \"architectures\": [\"SCMP_ARCH_M68K\"]}",
                          &arena, NULL, &err),
                 0);
    cr_assert_not_null(strstr(err.text, "linux.seccomp.architectures[0]: libseccomp "), "%s",
                       err.text);
    cr_assert_not_null(strstr(err.text, " does not know SCMP_ARCH_M68K"), "%s", err.text);
}

static struct spec_seccomp profile_of(struct spec_seccomp_syscall *calls, size_t count, int action)
{
    struct spec_seccomp profile = {.default_action = action};

    profile.syscalls.items = calls;
    profile.syscalls.count = count;
    return profile;
}

static void expect_refusal(const struct spec_seccomp *profile, int code, const char *message)
{
    autoarena struct arena arena = {0};
    struct seccomp_plan plan;
    struct error err;

    cr_expect_eq(seccomp_plan_from_spec(&plan, profile, &arena, NULL, &err), -code);
    cr_expect_eq(strncmp(err.text, message, strlen(message)), 0, "%s", err.text);
}

static const char *read_and_write[] = {"read", "write", NULL};

/* What the reader of the file refuses too; the plan does not rely on it. */
Test(seccomp, the_plan_itself_refuses_notify_where_nobody_could_answer)
{
    struct spec_seccomp_syscall call = {.action = SPEC_SECCOMP_NOTIFY};
    struct spec_seccomp profile = profile_of(&call, 1, SPEC_SECCOMP_ALLOW);

    call.names = (struct string_list){read_and_write, 2};
    expect_refusal(&profile, EINVAL,
                   "linux.seccomp.syscalls[0].names[1]: SCMP_ACT_NOTIFY cannot be used for write");
    call.names.count = 1;
    expect_refusal(&profile, EINVAL,
                   "linux.seccomp.listenerPath: missing, and SCMP_ACT_NOTIFY needs it");
    profile.default_action = SPEC_SECCOMP_NOTIFY;
    expect_refusal(&profile, EINVAL,
                   "linux.seccomp.defaultAction: SCMP_ACT_NOTIFY cannot be the default action");
}

Test(seccomp, the_plan_itself_refuses_a_seventh_argument)
{
    struct spec_seccomp_arg arg = {.index = 6, .op = SPEC_SECCOMP_EQ};
    struct spec_seccomp_syscall call = {.action = SPEC_SECCOMP_ALLOW};
    struct spec_seccomp profile = profile_of(&call, 1, SPEC_SECCOMP_ERRNO);

    call.names = (struct string_list){read_and_write, 1};
    call.args.items = &arg;
    call.args.count = 1;
    expect_refusal(&profile, EINVAL,
                   "linux.seccomp.syscalls[0].args[0].index: 6 is out of range (0 to 5)");
}

Test(seccomp, more_instructions_than_the_kernel_takes_are_refused)
{
    enum { RULES = 2000 };
    autoarena struct arena arena = {0};
    struct spec_seccomp_syscall *calls = arena_zero(&arena, RULES, sizeof *calls);
    struct spec_seccomp_arg *args = arena_zero(&arena, RULES, sizeof *args);
    struct spec_seccomp profile = profile_of(calls, RULES, SPEC_SECCOMP_ERRNO);

    for (size_t i = 0; i < RULES; i++) {
        args[i] = (struct spec_seccomp_arg){.value = i << 32 | i, .op = SPEC_SECCOMP_EQ};
        calls[i].names = (struct string_list){read_and_write, 1};
        calls[i].action = SPEC_SECCOMP_ALLOW;
        calls[i].args.items = &args[i];
        calls[i].args.count = 1;
    }
    expect_refusal(&profile, E2BIG, "linux.seccomp: the profile compiles to ");
}

/* --- features ------------------------------------------------------------------------------- */

static void expect_sorted(const struct string_list *list, size_t least)
{
    cr_expect_geq(list->count, least);
    for (size_t i = 1; i < list->count; i++)
        cr_expect_lt(strcmp(list->items[i - 1], list->items[i]), 0, "%s", list->items[i]);
    cr_expect_null(list->items[list->count]);
}

Test(seccomp, features_lists_are_sorted_and_whole)
{
    autoarena struct arena arena = {0};
    struct spec_features_seccomp features;
    struct error err;
    char version[32];

    cr_assert_eq(seccomp_features(&features, &arena, &err), 0);
    cr_expect(features.enabled.set && features.enabled.value);
    expect_sorted(&features.actions, 9);
    expect_sorted(&features.operators, 7);
    expect_sorted(&features.archs, 18);
    expect_sorted(&features.known_flags, 4);
    expect_sorted(&features.supported_flags, 1);
    cr_expect_str_eq(features.actions.items[0], "SCMP_ACT_ALLOW");
    cr_expect_str_eq(features.operators.items[0], "SCMP_CMP_EQ");
    cr_expect_str_eq(features.archs.items[0], "SCMP_ARCH_AARCH64");
    cr_expect_str_eq(features.known_flags.items[0], "SECCOMP_FILTER_FLAG_LOG");
    seccomp_library_version(version, sizeof version);
    cr_expect_eq(version[0], '2');
    cr_expect_eq(version[1], '.');
}
