/*
 * The filters of compile.c answer as libseccomp's do.  Both are made from the same profile and run
 * in the simulator: the profiles of the engines over every number, and profiles made at random, by
 * fixed seeds, over the numbers that they mention and those around them; with every value of an
 * argument at which an answer may change.
 *
 * SECCOMP_EQUALITY_ROUNDS=N makes N random profiles of each kind instead of some hundreds.
 *
 * Two differences are meant, and no answer of a filter is among them:
 *   - A profile that doubts.c has doubts about is made by libseccomp, and is then equal as it is.
 *     Here it counts as that: `doubted`.  What libseccomp refuses must be among those.
 *   - A filter that is too long for the kernel as libseccomp makes it may fit as we do.
 */

#include <stdlib.h>

#include "base/file.h"
#include "seccomp/compile.h"
#include "seccomp/doubts.h"
#include "seccomp/library.h"
#include "tests/unit/seccomp_simulator.h"

enum { VALUES = 512, CALLS = 256 };

/* --- numbers at random ------------------------------------------------------------------------ */

/* xorshift64* */
static uint32_t next(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return (uint32_t)((*state * UINT64_C(0x2545f4914f6cdd1d)) >> 32);
}

static uint32_t below(uint64_t *state, uint32_t end)
{
    return next(state) % end;
}

/* --- two filters ------------------------------------------------------------------------------ */

struct pair {
    struct profile profile;
    struct program ours;
    struct program theirs;
};

enum outcome { EQUAL, DOUBTED };

static uint32_t answer_of(const struct program *program, const struct seccomp_data *data)
{
    return run_filter(program->instructions, program->count, data);
}

static void compare(const struct pair *pair, const struct seccomp_data *data, const char *what)
{
    uint32_t ours = answer_of(&pair->ours, data);
    uint32_t theirs = answer_of(&pair->theirs, data);

    if (ours != theirs)
        cr_assert_fail("%s: architecture %#x call %d (%#x) arguments %#llx %#llx %#llx %#llx %#llx "
                       "%#llx: %#x, libseccomp %#x",
                       what, data->arch, data->nr, (uint32_t)data->nr,
                       (unsigned long long)data->args[0], (unsigned long long)data->args[1],
                       (unsigned long long)data->args[2], (unsigned long long)data->args[3],
                       (unsigned long long)data->args[4], (unsigned long long)data->args[5], ours,
                       theirs);
}

/* What the kernel may report: those in force, and others. */
static const uint32_t machines[] = {AUDIT_ARCH_X86_64,   AUDIT_ARCH_I386,    AUDIT_ARCH_AARCH64,
                                    AUDIT_ARCH_ARM,      AUDIT_ARCH_RISCV64, AUDIT_ARCH_S390X,
                                    AUDIT_ARCH_MIPSEL64, AUDIT_ARCH_PPC64,   0,
                                    UINT32_MAX};

static const uint32_t far_numbers[] = {
    0x7fff,     0xffff,     0x10000,    0x0effff,   0x0f0000,   0x0f0001,   0x0f0002,
    0x0f0005,   0x0f0006,   0x0f0007,   0x3fffffff, 0x7fffffff, 0x80000000, 0xbfffffff,
    0xc0000000, 0xfffffff0, 0xffffff9b, 0xfffffffe, 0xffffffff, 0xffffd8f1,
};

static void compare_numbers(const struct pair *pair, uint32_t machine, uint32_t end,
                            const char *what)
{
    struct seccomp_data data = {.arch = machine};

    for (uint32_t number = 0; number < end; number++) {
        data.nr = (int)number;
        compare(pair, &data, what);
        data.nr = (int)(number | 0x40000000);
        compare(pair, &data, what);
    }
    for (size_t i = 0; i < count_of(far_numbers); i++) {
        data.nr = (int)far_numbers[i];
        compare(pair, &data, what);
    }
}

/* --- arguments -------------------------------------------------------------------------------- */

/* Of each argument: the values at which a condition of the profile changes its mind. */
struct values {
    uint64_t items[VALUES];
    size_t count;
};

static void add_value(struct values *values, uint64_t value)
{
    if (values->count < VALUES)
        values->items[values->count++] = value;
}

static void add_around(struct values *values, uint64_t value)
{
    const uint64_t upper = UINT64_C(1) << 32;

    add_value(values, value - 1);
    add_value(values, value);
    add_value(values, value + 1);
    add_value(values, value + upper);
    add_value(values, value - upper);
    add_value(values, (uint32_t)value);
    add_value(values, value | ~(upper - 1));
}

static void add_common(struct values *values)
{
    add_value(values, 0);
    add_value(values, UINT64_MAX);
    add_value(values, UINT32_MAX);
    add_value(values, UINT64_C(1) << 32);
    for (uint64_t call = 1; call < 25; call++) /* of socketcall and ipc */
        add_value(values, call);
}

static void add_condition(struct values values[], const struct spec_seccomp_arg *arg)
{
    add_around(&values[arg->index], arg->value);
    if (arg->op != SPEC_SECCOMP_MASKED_EQ)
        return;
    add_around(&values[arg->index], arg->value_two);
    add_value(&values[arg->index], ~arg->value);
    add_value(&values[arg->index], arg->value_two | ~arg->value);
}

/* --- the calls with conditions ---------------------------------------------------------------- */

struct calls {
    struct {
        uint32_t machine;
        int number;
    } items[CALLS];
    size_t count;
};

static void add_call(struct calls *calls, uint32_t machine, int number)
{
    if (number < 0)
        return;
    for (size_t i = 0; i < calls->count; i++) {
        if (calls->items[i].machine == machine && calls->items[i].number == number)
            return;
    }
    if (calls->count < CALLS) {
        calls->items[calls->count].machine = machine;
        calls->items[calls->count++].number = number;
    }
}

/* i386 has calls that libseccomp gives no number of i386 for. */
static int number_on_i386(const char *name)
{
    for (int number = 0; number < 512; number++) {
        char *other = seccomp_syscall_resolve_num_arch(SCMP_ARCH_X86, number);
        bool same = other != NULL && strcmp(name, other) == 0;

        free(other);
        if (same)
            return number;
    }
    return -1;
}

static void add_name(struct calls *calls, const struct profile *profile, const char *name)
{
    for (size_t i = 0; i < profile->token_count; i++) {
        uint32_t token = profile->tokens[i];
        int number = seccomp_syscall_resolve_name_arch(token, name);

        add_call(calls, token == SCMP_ARCH_X32 ? SCMP_ARCH_X86_64 : token, number);
        if (token == SCMP_ARCH_X86 && number <= -100 && number > -300) {
            add_call(calls, token, number > -200 ? 102 : 117);
            add_call(calls, token, number_on_i386(name));
        }
    }
}

static void compare_arguments(const struct pair *pair, unsigned samples, const char *what)
{
    struct values values[SYSCALL_ARGUMENTS] = {0};
    struct calls calls = {.count = 0};
    uint64_t state = 88172645463325252u;

    for_each_item (rule, &pair->profile.spec->syscalls) {
        for_each_item (arg, &rule->args)
            add_condition(values, arg);
        for (size_t i = 0; rule->args.count > 0 && i < rule->names.count; i++)
            add_name(&calls, &pair->profile, rule->names.items[i]);
    }
    for (size_t i = 0; i < SYSCALL_ARGUMENTS; i++)
        add_common(&values[i]);
    for (size_t i = 0; i < calls.count; i++) {
        struct seccomp_data data = {.arch = calls.items[i].machine, .nr = calls.items[i].number};

        /* Each value of each alone, then of all together by chance. */
        for (size_t j = 0; j < SYSCALL_ARGUMENTS; j++) {
            for (size_t k = 0; k < values[j].count; k++) {
                data.args[j] = values[j].items[k];
                compare(pair, &data, what);
            }
            data.args[j] = 0;
        }
        for (unsigned j = 0; j < samples; j++) {
            for (size_t k = 0; k < SYSCALL_ARGUMENTS; k++)
                data.args[k] = values[k].items[below(&state, (uint32_t)values[k].count)];
            compare(pair, &data, what);
        }
    }
}

/* Where libseccomp alone makes filters there is nothing to compare. */
#define need_served_machine()                                \
    if (seccomp_architecture(seccomp_arch_native()) == NULL) \
    cr_skip_test("a machine whose filters libseccomp makes")

/* --- a profile -------------------------------------------------------------------------------- */

struct effort {
    uint32_t numbers; /* 0 to this, and as many of x32 */
    unsigned samples; /* of arguments at random, for each call with conditions */
};

static const struct effort thorough = {6144, 20000};

/* `tokens` NULL: as the profile says. */
static enum outcome compare_profile(const struct spec_seccomp *spec, const uint32_t *tokens,
                                    size_t token_count, struct effort effort, const char *what)
{
    autoarena struct arena arena = {0};
    struct pair pair;
    struct error err = {0};
    const char *doubt = NULL;
    int ours, theirs;

    cr_assert_eq(seccomp_profile_resolve(&pair.profile, spec, &arena, NULL, &err), 0, "%s",
                 err.text);
    if (tokens != NULL) {
        memcpy(pair.profile.tokens, tokens, token_count * sizeof *tokens);
        pair.profile.token_count = token_count;
    }
    ours = seccomp_compile(&pair.ours, &doubt, &pair.profile, &arena, &err);
    cr_assert_geq(ours, 0, "%s", err.text);
    cr_assert_eq(ours, doubt != NULL);
    if (ours != 0)
        return DOUBTED;
    theirs = seccomp_compile_by_library(&pair.theirs, &pair.profile, &arena, &err);
    cr_assert(theirs == 0 || err.code == E2BIG, "%s: libseccomp refuses: %s", what, err.text);
    if (theirs != 0)
        return EQUAL;
    for (size_t i = 0; i < count_of(machines); i++)
        compare_numbers(&pair, machines[i], effort.numbers, what);
    compare_arguments(&pair, effort.samples, what);
    return EQUAL;
}

/* --- profiles of engines ---------------------------------------------------------------------- */

static const struct spec_seccomp *profile_in(const char *path, struct arena *arena)
{
    struct error err;
    char *text;
    size_t length;
    struct spec *spec;

    cr_assert_eq(read_file(AT_FDCWD, path, 1 << 24, arena, &text, &length, &err), 0, "%s",
                 err.text);
    /* A whole configuration, or linux.seccomp alone. */
    if (strstr(text, "\"ociVersion\"") == NULL)
        text = arena_print(arena,
                           "{\"ociVersion\": \"1.2.0\", \"root\": {\"path\": \"rootfs\"},"
                           " \"process\": {\"cwd\": \"/\", \"args\": [\"true\"],"
                           " \"user\": {\"uid\": 0, \"gid\": 0}}, \"linux\": {\"seccomp\": %s}}",
                           text);
    cr_assert_eq(spec_parse(text, strlen(text), path, arena, NULL, &spec, &err), 0, "%s", err.text);
    cr_assert_not_null(spec->linux_->seccomp, "%s", path);
    return spec->linux_->seccomp;
}

static const char *const engine_profiles[] = {
    "config.json.example",
    "tests/probe/configs/seccomp-1.json",
    "tests/probe/configs/seccomp-2.json",
    "tests/probe/configs/seccomp-3.json",
    "tests/probe/configs/seccomp-4.json",
};

struct token_set {
    size_t count;
    uint32_t tokens[4];
};

static const struct token_set token_sets[] = {
    {1, {SCMP_ARCH_X86_64}                                                 },
    {2, {SCMP_ARCH_X86_64, SCMP_ARCH_X86}                                  },
    {3, {SCMP_ARCH_X86_64, SCMP_ARCH_X86, SCMP_ARCH_X32}                   },
    {2, {SCMP_ARCH_X86_64, SCMP_ARCH_X32}                                  },
    {2, {SCMP_ARCH_X32, SCMP_ARCH_X86_64}                                  },
    {1, {SCMP_ARCH_X86}                                                    },
    {1, {SCMP_ARCH_X32}                                                    },
    {2, {SCMP_ARCH_AARCH64, SCMP_ARCH_ARM}                                 },
    {1, {SCMP_ARCH_AARCH64}                                                },
    {1, {SCMP_ARCH_RISCV64}                                                },
    {4, {SCMP_ARCH_X86_64, SCMP_ARCH_ARM, SCMP_ARCH_X86, SCMP_ARCH_AARCH64}},
};

Test(seccomp_equality, the_profiles_of_engines_answer_as_by_libseccomp)
{
    need_served_machine();
    for (size_t i = 0; i < count_of(engine_profiles); i++) {
        autoarena struct arena arena = {0};
        const struct spec_seccomp *spec = profile_in(engine_profiles[i], &arena);

        cr_expect_eq(compare_profile(spec, NULL, 0, thorough, engine_profiles[i]), EQUAL, "%s",
                     engine_profiles[i]);
        for (size_t j = 0; j < count_of(token_sets); j++)
            cr_expect_eq(compare_profile(spec, token_sets[j].tokens, token_sets[j].count,
                                         (struct effort){1200, 500}, engine_profiles[i]),
                         EQUAL, "%s for set %zu", engine_profiles[i], j);
    }
}

/* --- profiles at random ----------------------------------------------------------------------- */

static const char *const few_names[] = {
    "read",       "socket", "personality", "clone",        "accept",  "semop",
    "ipc",        "send",   "socketcall",  "ioctl",        "chown32", "cacheflush",
    "arch_prctl", "shmctl", "openat",      "no_such_call", "waitpid", "rt_sigaction",
};

static const uint64_t some_values[] = {
    0,
    1,
    2,
    5,
    16,
    40,
    0x80000000,
    0xffffffff,
    0x100000000,
    0x100000001,
    0x100000005,
    0x500000005,
    0x7fffffffffffffff,
    0x8000000000000000,
    0xffffffff00000000,
    UINT64_MAX,
};

static const int all_actions[] = {
    SPEC_SECCOMP_KILL,  SPEC_SECCOMP_KILL_PROCESS, SPEC_SECCOMP_KILL_THREAD,
    SPEC_SECCOMP_TRAP,  SPEC_SECCOMP_ERRNO,        SPEC_SECCOMP_TRACE,
    SPEC_SECCOMP_ALLOW, SPEC_SECCOMP_LOG,          SPEC_SECCOMP_NOTIFY,
};

struct kind {
    const char *name;
    uint32_t rules;      /* at most */
    uint32_t names;      /* in one rule, at most */
    uint32_t few;        /* of so many names, the first of few_names; 0: any call there is */
    uint32_t conditions; /* at most */
    uint32_t actions;    /* how many different ones */
    uint32_t values;     /* how many of some_values */
    uint32_t operators;  /* 0: all; 1: equal and not; 2: equal alone */
};

static const struct kind kinds[] = {
    {"many calls",                    8,  120, 0,  0, 9, 16, 0},
    {"many calls, some conditions",   12, 60,  0,  2, 3, 16, 0},
    {"rules for a few calls",         20, 3,   18, 3, 3, 16, 0},
    {"one condition, one action",     12, 1,   3,  1, 1, 16, 0},
    {"one condition, small values",   12, 1,   2,  1, 1, 6,  0},
    {"equal, several actions",        8,  1,   2,  1, 3, 16, 2},
    {"equal or not, one action",      4,  1,   2,  3, 1, 6,  1},
    {"equal or not, several actions", 4,  1,   2,  3, 2, 6,  1},
    {"equal, more, several actions",  5,  1,   2,  3, 3, 16, 2},
    {"anything for one call",         4,  1,   1,  3, 2, 6,  0},
    {"one rule for each call",        1,  1,   18, 6, 1, 16, 0},
};

/* NULL: the architecture has no call of that number. */
static const char *name_of(uint32_t token, int number, struct arena *arena)
{
    char *name = seccomp_syscall_resolve_num_arch(token, number);
    char *copy = name != NULL ? arena_string(arena, name) : NULL;

    free(name);
    return copy;
}

static const char *any_name(uint64_t *state, struct arena *arena)
{
    const char *name = NULL;

    while (name == NULL)
        name = name_of(below(state, 2) ? SCMP_ARCH_X86_64 : SCMP_ARCH_X86, (int)below(state, 460),
                       arena);
    return name;
}

static int operator_of(uint64_t *state, const struct kind *kind)
{
    if (kind->operators == 2)
        return SPEC_SECCOMP_EQ;
    if (kind->operators == 1)
        return below(state, 2) ? SPEC_SECCOMP_EQ : SPEC_SECCOMP_NE;
    return (int)below(state, SPEC_SECCOMP_MASKED_EQ + 1);
}

static struct spec_seccomp_syscall random_rule(uint64_t *state, const struct kind *kind,
                                               struct arena *arena)
{
    size_t names = 1 + below(state, kind->names);
    size_t args = below(state, kind->conditions + 1);
    struct spec_seccomp_syscall rule = {
        .action = all_actions[(6 + below(state, kind->actions)) % count_of(all_actions)]};
    const char **items = arena_zero(arena, names + 1, sizeof *items);
    struct spec_seccomp_arg *conditions = arena_zero(arena, args, sizeof *conditions);
    unsigned first = below(state, 6), step = 1 + below(state, 8) % 5;

    for (size_t i = 0; i < names; i++)
        items[i] = kind->few == 0 ? any_name(state, arena) : few_names[below(state, kind->few)];
    for (size_t i = 0; i < args; i++)
        conditions[i] = (struct spec_seccomp_arg){
            .index = (uint32_t)(kind->conditions > 1 ? first + i * step : first % 2) % 6,
            .value = some_values[below(state, kind->values)],
            .value_two = some_values[below(state, kind->values)],
            .op = operator_of(state, kind),
        };
    if (below(state, 2) != 0)
        rule.errno_ret = (struct optional_uint64){.value = below(state, 4095), .set = true};
    rule.names = (struct string_list){items, names};
    rule.args.items = conditions;
    rule.args.count = args;
    return rule;
}

static const struct spec_seccomp *random_profile(uint64_t *state, const struct kind *kind,
                                                 struct arena *arena)
{
    size_t count = 1 + below(state, kind->rules);
    struct spec_seccomp *spec = arena_zero(arena, 1, sizeof *spec);
    struct spec_seccomp_syscall *rules = arena_zero(arena, count, sizeof *rules);

    spec->default_action = all_actions[below(state, 8)];
    if (below(state, 2) != 0)
        spec->default_errno_ret = (struct optional_uint64){.value = below(state, 50), .set = true};
    for (size_t i = 0; i < count; i++)
        rules[i] = random_rule(state, kind, arena);
    spec->syscalls.items = rules;
    spec->syscalls.count = count;
    return spec;
}

static unsigned rounds(unsigned usual)
{
    const char *asked = getenv("SECCOMP_EQUALITY_ROUNDS");

    return asked != NULL ? (unsigned)strtoul(asked, NULL, 10) : usual;
}

/* One seed is one profile: a failure names it. */
static enum outcome compare_random(const struct kind *kind, unsigned seed)
{
    autoarena struct arena arena = {0};
    uint64_t state = (seed + 1) * UINT64_C(0x9e3779b97f4a7c15);
    const struct token_set *set = &token_sets[below(&state, count_of(token_sets))];
    const struct spec_seccomp *spec = random_profile(&state, kind, &arena);
    const char *what = arena_print(&arena, "%s, seed %u", kind->name, seed);

    return compare_profile(spec, set->tokens, set->count,
                           (struct effort){kind->few == 0 ? 600 : 12, 400}, what);
}

static void compare_kind(const struct kind *kind)
{
    unsigned count = rounds(60), doubted = 0;

    for (unsigned seed = 0; seed < count; seed++)
        doubted += compare_random(kind, seed) == DOUBTED;
    cr_expect_lt(doubted, count, "%s: nothing compared", kind->name);
    if (getenv("SECCOMP_EQUALITY_ROUNDS") != NULL)
        fprintf(stderr, "%s: %u profiles, %u of them doubted\n", kind->name, count, doubted);
}

Test(seccomp_equality, profiles_made_at_random_answer_as_by_libseccomp)
{
    need_served_machine();
    for (size_t i = 0; i < count_of(kinds); i++)
        compare_kind(&kinds[i]);
}

/* --- profiles of some interest ---------------------------------------------------------------- */

/* One that allows what is asked for, by JSON; the calls' rules are `rules`. */
static const struct spec_seccomp *profile_of_rules(const char *rules, struct arena *arena)
{
    struct error err;
    struct spec *spec;
    char *text = arena_print(
        arena,
        "{\"ociVersion\": \"1.2.0\", \"root\": {\"path\": \"rootfs\"}, \"process\":"
        " {\"cwd\": \"/\", \"args\": [\"true\"], \"user\": {\"uid\": 0, \"gid\": 0}},"
        " \"linux\": {\"seccomp\": {\"defaultAction\": \"SCMP_ACT_ERRNO\", \"syscalls\":"
        " [%s]}}}",
        rules);

    cr_assert_eq(spec_parse(text, strlen(text), "profile", arena, NULL, &spec, &err), 0, "%s: %s",
                 rules, err.text);
    return spec->linux_->seccomp;
}

#define ARG(index, operator, value) \
    "{\"index\": " #index ", \"op\": \"SCMP_CMP_" #operator"\", \"value\": " #value "}"
#define RULE(name, action, args) \
    "{\"names\": [\"" name "\"], \"action\": \"SCMP_ACT_" #action "\", \"args\": [" args "]}"

/* How podman keeps a container without CAP_AUDIT_WRITE from the audit socket: three rules of two
 * actions, of which never two hold. */
static const char *const audit_rules[] = {
    RULE("socket", ERRNO, ARG(0, EQ, 16) ", " ARG(2, EQ, 9)),
    RULE("socket", ALLOW, ARG(2, NE, 9)),
    RULE("socket", ALLOW, ARG(0, NE, 16)),
};

Test(seccomp_equality, rules_that_exclude_each_other_answer_as_by_libseccomp)
{
    static const int orders[][3] = {
        {0, 1, 2},
        {0, 2, 1},
        {1, 0, 2},
        {1, 2, 0},
        {2, 0, 1},
        {2, 1, 0}
    };

    need_served_machine();
    for (size_t i = 0; i < count_of(orders); i++) {
        autoarena struct arena arena = {0};
        const char *rules = arena_print(&arena, "%s, %s, %s", audit_rules[orders[i][0]],
                                        audit_rules[orders[i][1]], audit_rules[orders[i][2]]);
        struct spec_seccomp spec = *profile_of_rules(rules, &arena);

        spec.default_errno_ret = (struct optional_uint64){.value = ENOSYS, .set = true};
        for (size_t j = 0; j < count_of(token_sets); j++)
            (void)compare_profile(&spec, token_sets[j].tokens, token_sets[j].count,
                                  (struct effort){400, 2000}, rules);
        cr_expect_eq(
            compare_profile(&spec, token_sets[0].tokens, 1, (struct effort){400, 2000}, rules),
            i < 2 ? EQUAL : DOUBTED, "order %zu", i);
    }
}

/* Jumps of more than 255 instructions, both ways, and as many instructions as there may be. */
Test(seccomp_equality, long_jumps_lead_where_short_ones_do)
{
    enum { CALLS_WITH_RULES = 60 };

    need_served_machine();
    for (unsigned rules_each = 1; rules_each < 30; rules_each += rules_each == 14 ? 6 : 1) {
        autoarena struct arena arena = {0};
        struct spec_seccomp spec = {.default_action = SPEC_SECCOMP_KILL_PROCESS};
        size_t count = (size_t)CALLS_WITH_RULES * rules_each;
        struct spec_seccomp_syscall *rules = arena_zero(&arena, count, sizeof *rules);
        struct spec_seccomp_arg *args = arena_zero(&arena, count, sizeof *args);

        for (size_t i = 0; i < count; i++) {
            const char **name = arena_zero(&arena, 2, sizeof *name);

            name[0] = name_of(SCMP_ARCH_X86_64, (int)(i % CALLS_WITH_RULES * 3), &arena);
            args[i] = (struct spec_seccomp_arg){
                .index = 1, .op = SPEC_SECCOMP_EQ, .value = i / CALLS_WITH_RULES * 7};
            rules[i] = (struct spec_seccomp_syscall){.action = SPEC_SECCOMP_ERRNO};
            rules[i].errno_ret = (struct optional_uint64){.value = i % 40, .set = true};
            rules[i].names = (struct string_list){name, 1};
            rules[i].args.items = &args[i];
            rules[i].args.count = 1;
        }
        spec.syscalls.items = rules;
        spec.syscalls.count = count;
        cr_expect_eq(
            compare_profile(&spec, token_sets[0].tokens, 1, (struct effort){200, 20}, "long jumps"),
            rules_each < 18 ? EQUAL : DOUBTED, "%u rules each", rules_each);
    }
}

/* libseccomp's list would never load the number of these: see library.c. */
Test(seccomp_equality, calls_that_an_architecture_has_not_do_no_harm_to_the_others)
{
    static const uint32_t tokens[] = {SCMP_ARCH_X86_64, SCMP_ARCH_X86};
    autoarena struct arena arena = {0};
    const struct seccomp_data i386_socketcall = {.arch = AUDIT_ARCH_I386, .nr = 102, .args = {9}};
    struct spec_seccomp spec = *profile_of_rules(RULE("send", KILL, ""), &arena);
    struct profile profile;
    struct program programs[2];
    const char *doubt;
    struct error err;

    need_served_machine();
    spec.default_action = SPEC_SECCOMP_ALLOW;
    cr_assert_eq(seccomp_profile_resolve(&profile, &spec, &arena, NULL, &err), 0);
    memcpy(profile.tokens, tokens, sizeof tokens);
    profile.token_count = count_of(tokens);
    cr_assert_eq(seccomp_compile(&programs[0], &doubt, &profile, &arena, &err), 0);
    cr_assert_eq(seccomp_compile_by_library(&programs[1], &profile, &arena, &err), 0);
    for (size_t i = 0; i < count_of(programs); i++)
        cr_expect_eq(answer_of(&programs[i], &i386_socketcall), SECCOMP_RET_KILL_THREAD);
}

/* --- doubts ----------------------------------------------------------------------------------- */

struct doubt_case {
    const char *rules;
    const char *doubt; /* how it begins; NULL for none */
};

static const struct doubt_case doubt_cases[] = {
    {RULE("read",           ALLOW,                 ""), NULL},
    {RULE("read",                 ALLOW,                                      "") ", " RULE("read", KILL, ARG(0, EQ, 1)), NULL},
    {RULE("read",KILL,ARG(0, EQ, 1)) ", " RULE("read", ALLOW, ""), NULL},
    {RULE("read",                ALLOW,                                   ARG(0, EQ, 1)) ", " RULE("read", KILL, ARG(0, EQ, 2)), NULL},
    {RULE("read",                 ALLOW,                                      ARG(0, LT, 5)) ", " RULE("read", ALLOW, ARG(0, GT, 7)), NULL},
    {RULE("read",                  ALLOW,                                                                       ARG(0, EQ, 1)) ", " RULE("read", KILL, ARG(0, EQ, 1)),
     "rules for one call with different actions"},
    {RULE("read", ALLOW,                 ARG(0, EQ, 1)) ", " RULE("read", KILL, ARG(1, EQ, 1)),
     "rules for one call with different actions"},
    {RULE("read",                 ALLOW,                                      ARG(1, EQ, 5)) ", " RULE("read", ALLOW, ARG(0, EQ, 1) ", " ARG(1, NE, 5)),
     "rules for one call that share conditions"},
    {RULE("read", ALLOW,ARG(0, GT, 5)) ", " RULE("read", ALLOW, ARG(0, GT, 3) ", " ARG(1, EQ, 3)),
     "rules for one call that compare sizes"},
    {RULE("read", ALLOW,                  ARG(0, NE, 40) ", " ARG(4, EQ, 2)) ", " RULE("read", ALLOW, ARG(5, EQ, 1)),
     "rules for one call, with more behind"},
    {RULE("read",                   ALLOW,                                     ARG(0, EQ, 5)) ", " RULE("read", ALLOW, ARG(0, EQ, 4294967296)),
     "rules for one call with values of different upper halves"},
    {RULE("chown32",                     ALLOW,                                "") ", " RULE("read", ALLOW, ARG(0, EQ, 1)), NULL},
 /* No call of x86_64, and refused all the same. */
    {RULE("chown32",                ALLOW,ARG(0, EQ, 1)) ", " RULE("chown32", KILL, ARG(0, EQ, 1)),
     "rules for one call with different actions"},
    {"{\"names\": [\"read\"], \"action\": \"SCMP_ACT_ERRNO\", \"errnoRet\": 4095}",
     "an action or errno"                               },
};

static const char *doubt_of(const struct spec_seccomp *spec, const struct token_set *set)
{
    autoarena struct arena arena = {0};
    struct profile profile;
    struct program program;
    struct error err;
    const char *doubt = NULL;

    cr_assert_eq(seccomp_profile_resolve(&profile, spec, &arena, NULL, &err), 0, "%s", err.text);
    memcpy(profile.tokens, set->tokens, set->count * sizeof *set->tokens);
    profile.token_count = set->count;
    cr_assert_geq(seccomp_compile(&program, &doubt, &profile, &arena, &err), 0);
    return doubt;
}

static void expect_doubt(const char *doubt, const char *expected, const char *what)
{
    if (expected == NULL)
        cr_expect_null(doubt, "%s: %s", what, doubt);
    else
        cr_expect(doubt != NULL && strncmp(doubt, expected, strlen(expected)) == 0, "%s: %s", what,
                  doubt != NULL ? doubt : "no doubt");
}

Test(seccomp_equality, what_may_have_two_readings_is_left_to_libseccomp)
{
    static const struct token_set own = {1, {SCMP_ARCH_X86_64}};
    static const struct token_set mips = {1, {SCMP_ARCH_MIPSEL64}};
    autoarena struct arena arena = {0};
    const struct spec_seccomp *spec;

    need_served_machine();
    for (size_t i = 0; i < count_of(doubt_cases); i++)
        expect_doubt(doubt_of(profile_of_rules(doubt_cases[i].rules, &arena), &own),
                     doubt_cases[i].doubt, doubt_cases[i].rules);
    spec = profile_of_rules(RULE("read", ALLOW, ""), &arena);
    expect_doubt(doubt_of(spec, &mips), "an architecture", "mips");
}
