/* Device rules: what the eBPF program and the v1 files make of them, compared with the rules read
 * straightforwardly, over thousands of random lists. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "cgroups/devices.h"
#include "tests/unit/cgroups_help.h"

/* One attempt to use a device. */
struct attempt {
    int type;
    uint32_t major;
    uint32_t minor;
    unsigned access;
};

static bool matches(const struct device_rule *rule, const struct attempt *attempt)
{
    return (rule->type == 0 || rule->type == attempt->type) &&
           (rule->major < 0 || rule->major == attempt->major) &&
           (rule->minor < 0 || rule->minor == attempt->minor);
}

/* The reference: for each access by itself the last matching rule decides; no rule is no. */
static bool is_allowed(const struct device_rule *rules, size_t count, const struct attempt *attempt)
{
    for (unsigned access = 1; access <= 4; access *= 2) {
        bool allowed = false;

        for (size_t i = 0; i < count; i++) {
            if ((rules[i].access & access) && matches(&rules[i], attempt))
                allowed = rules[i].allow;
        }
        if ((attempt->access & access) && !allowed)
            return false;
    }
    return true;
}

/* An eBPF interpreter for what the program may consist of.  Also does the verifier's work: every
 * jump goes forward and stays inside, everything is reachable, registers are set before use. */
struct machine {
    const struct bpf_insn *code;
    size_t length;
    uint64_t registers[11];
    bool set[11];
    bool *reached;
};

static uint64_t *target(struct machine *machine, const struct bpf_insn *insn, bool must_be_set)
{
    cr_assert(insn->dst_reg <= 10);
    cr_assert(!must_be_set || machine->set[insn->dst_reg], "r%u is used unset", insn->dst_reg);
    machine->set[insn->dst_reg] = true;
    return &machine->registers[insn->dst_reg];
}

static uint64_t operand(const struct machine *machine, const struct bpf_insn *insn)
{
    if (BPF_SRC(insn->code) == BPF_K)
        return (uint64_t)(int64_t)insn->imm;
    cr_assert(machine->set[insn->src_reg], "r%u is used unset", insn->src_reg);
    return machine->registers[insn->src_reg];
}

static void calculate(struct machine *machine, const struct bpf_insn *insn)
{
    uint64_t value = operand(machine, insn);
    uint64_t *to = target(machine, insn, BPF_OP(insn->code) != BPF_MOV);

    switch (BPF_OP(insn->code)) {
    case BPF_MOV:
        *to = value;
        break;
    case BPF_AND:
        *to &= value;
        break;
    case BPF_RSH:
        *to >>= value;
        break;
    default:
        cr_assert_fail("unexpected operation %#x", insn->code);
    }
}

static uint32_t load(const struct bpf_cgroup_dev_ctx *context, const struct bpf_insn *insn)
{
    uint32_t value;

    cr_assert_eq(insn->code, BPF_LDX | BPF_MEM | BPF_W);
    cr_assert_eq(insn->src_reg, BPF_REG_1);
    cr_assert(insn->off >= 0 && (size_t)insn->off + 4 <= sizeof *context && insn->off % 4 == 0);
    memcpy(&value, (const char *)context + insn->off, sizeof value);
    return value;
}

/* How far to jump. */
static size_t jump(struct machine *machine, const struct bpf_insn *insn)
{
    uint64_t value = operand(machine, insn);
    uint64_t is = *target(machine, insn, true);

    cr_assert(insn->off >= 0, "a jump back");
    switch (BPF_OP(insn->code)) {
    case BPF_JEQ:
        return is == value ? (size_t)insn->off : 0;
    case BPF_JNE:
        return is != value ? (size_t)insn->off : 0;
    default:
        cr_assert_fail("unexpected jump %#x", insn->code);
        return 0;
    }
}

static bool run(const struct bpf_insn *code, size_t length, const struct attempt *attempt,
                bool *reached)
{
    struct bpf_cgroup_dev_ctx context = {
        .access_type = attempt->access << 16 | (unsigned)attempt->type,
        .major = attempt->major,
        .minor = attempt->minor,
    };
    struct machine machine = {.code = code, .length = length, .reached = reached};

    machine.set[BPF_REG_1] = true;
    for (size_t at = 0; at < length; at++) {
        const struct bpf_insn *insn = &code[at];

        reached[at] = true;
        if (insn->code == (BPF_JMP | BPF_EXIT)) {
            cr_assert(machine.set[BPF_REG_0]);
            return machine.registers[BPF_REG_0] != 0;
        }
        if (BPF_CLASS(insn->code) == BPF_ALU64)
            calculate(&machine, insn);
        else if (BPF_CLASS(insn->code) == BPF_LDX)
            *target(&machine, insn, false) = load(&context, insn);
        else
            at += jump(&machine, insn);
    }
    cr_assert_fail("the program does not end");
    return false;
}

/* Numbers from few values, so that rules meet. */
static int64_t pick_number(void)
{
    static const int64_t numbers[] = {-1, 1, 2, 5, 4095, INT32_MAX};

    return numbers[rand() % (int)count_of(numbers)];
}

static struct device_rule pick_rule(void)
{
    static const int types[] = {0, BPF_DEVCG_DEV_CHAR, BPF_DEVCG_DEV_BLOCK};

    return (struct device_rule){
        .allow = rand() % 2,
        .type = types[rand() % 3],
        .major = pick_number(),
        .minor = pick_number(),
        .access = 1 + (unsigned)rand() % 7,
    };
}

enum { RULES_MOST = 9, LISTS = 2000 };

static size_t pick_rules(struct device_rule *rules)
{
    size_t count = (size_t)rand() % RULES_MOST;

    for (size_t i = 0; i < count; i++)
        rules[i] = pick_rule();
    /* A rule for everything now and then: what stands before it is dead. */
    if (count > 0 && rand() % 3 == 0)
        rules[rand() % (int)count] = (struct device_rule){rand() % 2, 0, -1, -1, 7};
    return count;
}

/* Call `check` for every attempt that could make a difference. */
static void every_attempt(void (*check)(const struct attempt *, void *), void *context)
{
    static const uint32_t numbers[] = {0, 1, 2, 5, 4095, INT32_MAX, UINT32_MAX};

    for (int type = BPF_DEVCG_DEV_BLOCK; type <= BPF_DEVCG_DEV_CHAR; type++) {
        for (size_t major = 0; major < count_of(numbers); major++) {
            for (size_t minor = 0; minor < count_of(numbers); minor++) {
                for (unsigned access = 1; access <= 7; access++)
                    check(&(struct attempt){type, numbers[major], numbers[minor], access}, context);
            }
        }
    }
}

struct comparison {
    const struct device_rule *rules;
    size_t count;
    const struct bpf_insn *code;
    size_t length;
    bool reached[256];
};

static void compare(const struct attempt *attempt, void *context)
{
    struct comparison *comparison = context;
    bool expected = is_allowed(comparison->rules, comparison->count, attempt);
    bool found = run(comparison->code, comparison->length, attempt, comparison->reached);

    cr_assert_eq(found, expected, "type %d, %u:%u, access %u: the program says %d", attempt->type,
                 attempt->major, attempt->minor, attempt->access, found);
}

Test(cgroups_devices, program_decides_as_the_rules_read)
{
    srand(1);
    for (int list = 0; list < LISTS; list++) {
        autoarena struct arena arena = {0};
        struct device_rule rules[RULES_MOST];
        struct comparison comparison = {.rules = rules, .count = pick_rules(rules)};
        struct bpf_insn *code = NULL;
        struct error err;

        cr_assert_eq(
            device_program(rules, comparison.count, &arena, &code, &comparison.length, &err), 0);
        cr_assert_leq(comparison.length, count_of(comparison.reached));
        comparison.code = code;
        every_attempt(compare, &comparison);
        /* A later rule can hide an earlier one from every attempt, but an instruction that no path
         * leads to is refused by the kernel: the first behind an exit must be a jump's target. */
        for (size_t i = 1; i < comparison.length; i++) {
            bool is_target = code[i - 1].code != (BPF_JMP | BPF_EXIT);

            for (size_t from = 0; from < i; from++)
                is_target |= BPF_CLASS(code[from].code) == BPF_JMP &&
                             code[from].code != (BPF_JMP | BPF_EXIT) &&
                             from + 1 + (size_t)code[from].off == i;
            cr_assert(is_target, "instruction %zu is dead", i);
        }
    }
}

Test(cgroups_devices, nothing_is_allowed_by_no_rule)
{
    autoarena struct arena arena = {0};
    bool reached[16];
    struct bpf_insn *code;
    struct error err;
    size_t length;

    cr_assert_eq(device_program(NULL, 0, &arena, &code, &length, &err), 0);
    cr_assert_not(run(code, length, &(struct attempt){BPF_DEVCG_DEV_CHAR, 1, 3, 1}, reached));
}

/* The v1 controller, as the kernel documents and does it (admin-guide/cgroup-v1/devices.rst):
 * one default, exceptions; the written line must match an exception to take it back. */
struct legacy {
    bool default_allow;
    struct device_rule exceptions[64];
    size_t count;
};

static struct device_rule read_line(const char *line)
{
    struct device_rule rule = {.major = -1, .minor = -1};
    char letter;
    char major[16];
    char minor[16];
    char access[8];

    cr_assert_eq(sscanf(line, "%c %15[^:]:%15s %7s", &letter, major, minor, access), 4, "%s", line);
    rule.type = letter == 'c' ? BPF_DEVCG_DEV_CHAR : BPF_DEVCG_DEV_BLOCK;
    if (strcmp(major, "*") != 0)
        rule.major = atoi(major);
    if (strcmp(minor, "*") != 0)
        rule.minor = atoi(minor);
    for (const char *at = access; *at != '\0'; at++)
        rule.access |= *at == 'r'   ? BPF_DEVCG_ACC_READ
                       : *at == 'w' ? BPF_DEVCG_ACC_WRITE
                                    : BPF_DEVCG_ACC_MKNOD;
    return rule;
}

/* As dev_exception_add() and dev_exception_rm(): by the same device alone. */
static void change_exception(struct legacy *legacy, struct device_rule line, bool adds)
{
    for (size_t i = 0; i < legacy->count; i++) {
        struct device_rule *exception = &legacy->exceptions[i];

        if (exception->type != line.type || exception->major != line.major ||
            exception->minor != line.minor)
            continue;
        exception->access = adds ? exception->access | line.access
                                 : exception->access & ~line.access;
        return;
    }
    if (!adds)
        return;
    cr_assert_lt(legacy->count, count_of(legacy->exceptions));
    legacy->exceptions[legacy->count++] = line;
}

static void legacy_write(struct legacy *legacy, const struct cgroup_write *write)
{
    bool allow = strcmp(write->file, "devices.allow") == 0;

    if (strcmp(write->value, "a") == 0) {
        *legacy = (struct legacy){.default_allow = allow};
        return;
    }
    change_exception(legacy, read_line(write->value), allow != legacy->default_allow);
}

/* With everything forbidden one exception must cover the attempt; with everything allowed any that
 * touches it forbids. */
static bool legacy_allows(const struct legacy *legacy, const struct attempt *attempt)
{
    for (size_t i = 0; i < legacy->count; i++) {
        const struct device_rule *exception = &legacy->exceptions[i];
        unsigned common = exception->access & attempt->access;

        if (!matches(exception, attempt))
            continue;
        if (legacy->default_allow ? common != 0 : common == attempt->access)
            return !legacy->default_allow;
    }
    return legacy->default_allow;
}

struct legacy_comparison {
    const struct device_rule *rules;
    size_t count;
    struct legacy legacy;
};

static void compare_legacy(const struct attempt *attempt, void *context)
{
    struct legacy_comparison *comparison = context;
    bool expected = is_allowed(comparison->rules, comparison->count, attempt);
    bool found = legacy_allows(&comparison->legacy, attempt);
    bool is_single = (attempt->access & (attempt->access - 1)) == 0;

    /* Never more than asked.  Less only for a request of several accesses which different rules
     * grant, as v1 wants them all in one. */
    if (found != expected)
        cr_assert(expected && !is_single, "type %d, %u:%u, access %u: v1 says %d", attempt->type,
                  attempt->major, attempt->minor, attempt->access, found);
}

Test(cgroups_devices, v1_files_decide_as_the_rules_read_or_are_refused)
{
    size_t refused = 0;

    srand(2);
    for (int list = 0; list < LISTS; list++) {
        autoarena struct arena arena = {0};
        struct device_rule rules[1 + RULES_MOST] = {
            {false, 0, -1, -1, 7}
        };
        size_t count = 1 + pick_rules(rules + 1);
        struct cgroup_plan plan = {.host = &v1_host};
        struct cgroup_planner planner = {.plan = &plan, .arena = &arena};
        struct cgroup_place place = {.found = true, .hierarchy = 6};
        struct legacy_comparison comparison = {.rules = rules, .count = count};
        struct error err;
        struct device_rule_list all = {rules, count, .asked = count - 1};
        int code = device_plan_legacy(&planner, place, &all, &err);

        if (code == -EINVAL) {
            cr_assert_not_null(strstr(err.text, "cgroup v1 cannot "));
            refused++;
            continue;
        }
        cr_assert_eq(code, 0);
        for (size_t i = 0; i < plan.write_count; i++)
            legacy_write(&comparison.legacy, &plan.writes[i]);
        every_attempt(compare_legacy, &comparison);
    }
    cr_assert(refused > 0 && refused < LISTS / 2, "%zu of %d lists refused", refused, LISTS);
}

#define DEFAULTS                                                                                \
    "allow c *:* m; allow b *:* m; allow c 1:3 rwm; allow c 1:8 rwm; allow c 1:7 rwm; allow "   \
    "c 5:0 rwm; allow c 1:5 rwm; allow c 1:9 rwm; allow c 136:* rwm; allow c 5:2 rwm; allow c " \
    "10:200 rwm"

/* --- rules of an update */

/* `rules` as in config.json. */
static struct spec_device_rule_list to_spec(const struct device_rule *rules, size_t count,
                                            struct arena *arena)
{
    static const char *const accesses[] = {"", "m", "r", "mr", "w", "mw", "rw", "rwm"};
    static const int types[] = {SPEC_DEVICE_ALL, SPEC_DEVICE_BLOCK, SPEC_DEVICE_CHARACTER};
    struct spec_device_rule *made = arena_zero(arena, count + 1, sizeof *made);

    for (size_t i = 0; i < count; i++)
        made[i] = (struct spec_device_rule){
            .allow = rules[i].allow,
            .type = {types[rules[i].type], true},
            .major = {rules[i].major,       true},
            .minor = {rules[i].minor,       true},
            .access = accesses[rules[i].access],
        };
    return (struct spec_device_rule_list){made, count};
}

static size_t from_spec(struct device_rule *ret, const struct spec_device_rule_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        struct error err;

        cr_assert_eq(device_rule_from_spec(&ret[i], &list->items[i], "x", &err), 0);
    }
    return list->count;
}

struct merge_comparison {
    struct device_rule straight[2 * RULES_MOST], merged[2 * RULES_MOST], before[RULES_MOST];
    size_t straight_count, merged_count, before_count;
    bool is_same;
};

static void compare_merged(const struct attempt *attempt, void *context)
{
    struct merge_comparison *all = context;
    bool expected = is_allowed(all->straight, all->straight_count, attempt);

    cr_assert_eq(is_allowed(all->merged, all->merged_count, attempt), expected);
    if (all->is_same && expected)
        cr_assert(is_allowed(all->before, all->before_count, attempt));
}

Test(cgroups_devices, merged_rules_decide_as_both_lists_one_behind_the_other)
{
    size_t shorter = 0;

    srand(3);
    for (int list = 0; list < LISTS; list++) {
        autoarena struct arena arena = {0};
        struct merge_comparison all = {0};
        struct device_rule added[RULES_MOST];
        size_t count = pick_rules(added);
        struct cgroup_device_rules rules;
        struct error err;

        all.before_count = pick_rules(all.before);
        memcpy(all.straight, all.before, sizeof all.before);
        memcpy(all.straight + all.before_count, added, count * sizeof *added);
        all.straight_count = all.before_count + count;

        struct spec_device_rule_list before = to_spec(all.before, all.before_count, &arena);
        struct spec_device_rule_list more = to_spec(added, count, &arena);

        cr_assert_eq(cgroup_device_rules_add(&rules, &before, &more, &arena, &err), 0);
        cr_assert_eq(rules.after.count, rules.kept + count);
        all.merged_count = from_spec(all.merged, &rules.after);
        all.is_same = rules.is_same;
        shorter += rules.kept < all.before_count;
        every_attempt(compare_merged, &all);
    }
    cr_assert_gt(shorter, LISTS / 4);
}

static const struct spec_resources *rules_of(const char *rules, struct arena *arena)
{
    return resources_of(arena_print(arena, "{'devices':[%s]}", rules), arena);
}

/* CRI sends all it has with every limit; others send one rule again and again. */
Test(cgroups_devices, the_list_does_not_grow)
{
    /* clang-format off */
    static const struct {
        const char *sent;
        size_t kept; /* of the two that there are, when it is sent first */
        size_t count;
    } rows[] = {
        {"{'devices':[{'allow':false},{'allow':true,'type':'c','major':1,'minor':11}]}",                                          0, 2},
        {"{'devices':[{'allow':true,'type':'c','major':10,'minor':1}]}",                                                          2, 3},
        {"{'devices':[{'allow':true,'type':'c','major':1,'minor':11}]}",                                                          1, 2},
        {"{'devices':[{'allow':true,'type':'c','major':1}]}",                                                                     1, 2},
        {"{'devices':[{'allow':true,'type':'c','major':1,'minor':11,'access':'r'},{'allow':false,'type':'c','access':'w'}]}", 2, 4},
        {"{'devices':[{'allow':false,'type':'c','major':1,'minor':11},{'allow':true,'type':'c','major':1,'access':'r'}]}", 1, 3},
    };
    /* clang-format on */

    for (size_t i = 0; i < count_of(rows); i++) {
        autoarena struct arena arena = {0};
        struct spec_device_rule_list have = resources_of(
                                                "{'devices':[{'allow':false},"
                                                "{'allow':true,'type':'c','major':1,'minor':11}]}",
                                                &arena)
                                                ->devices;
        struct cgroup_device_rules rules;
        struct error err;

        for (int again = 0; again < 3; again++) {
            cr_assert_eq(cgroup_device_rules_add(&rules, &have,
                                                 &resources_of(rows[i].sent, &arena)->devices,
                                                 &arena, &err),
                         0);
            cr_expect(again > 0 || rules.kept == rows[i].kept, "%zu: %zu", i, rules.kept);
            cr_expect_eq(rules.after.count, rows[i].count, "%zu: %zu", i, rules.after.count);
            cr_expect(again == 0 || rules.is_same, "row %zu", i);
            have = rules.after;
        }
    }
}

/* What somebody has allowed beside the list stays; whatever the list asks for besides is done. */
Test(cgroups_devices, a_list_that_lacks_what_is_allowed_takes_nothing)
{
#define KMSG(allow)  "{'allow':" allow ",'type':'c','major':1,'minor':11}"
#define GPU(allow)   "{'allow':" allow ",'type':'c','major':195}"
#define CHARS(allow) "{'allow':" allow ",'type':'c'}"
#define NONE         "{'allow':false}"
    static const struct {
        const char *have, *sent;
        bool is_same;
    } rows[] = {
        {NONE "," GPU("true"),                    NONE,                   true },
        {NONE "," KMSG("true") "," GPU("true"),   NONE "," KMSG("true"),  true },
        {NONE "," GPU("true") "," KMSG("true"),   NONE "," KMSG("true"),  true },
        {NONE "," GPU("true"),                    NONE "," KMSG("true"),  false},
        {NONE "," GPU("true"),                    GPU("false"),           false},
        {NONE "," CHARS("true") "," GPU("false"), NONE "," CHARS("true"), false},
        {NONE "," KMSG("true") "," GPU("true"),
         NONE "," GPU("true") "," KMSG("true") "," KMSG("false"),         false},
    };

    for (size_t i = 0; i < count_of(rows); i++) {
        autoarena struct arena arena = {0};
        struct cgroup_device_rules rules;
        struct error err;

        cr_assert_eq(cgroup_device_rules_add(&rules, &rules_of(rows[i].have, &arena)->devices,
                                             &rules_of(rows[i].sent, &arena)->devices, &arena,
                                             &err),
                     0);
        cr_expect_eq(rules.is_same, rows[i].is_same, "row %zu", i);
    }
}

struct change_comparison {
    struct legacy now;
    struct device_rule from[1 + RULES_MOST], to[1 + 2 * RULES_MOST];
    size_t from_count, to_count;
};

/* No more than the one or the other allows, no less than both; v1 wants several accesses in one. */
static void compare_change(const struct attempt *attempt, void *context)
{
    struct change_comparison *all = context;
    bool from = is_allowed(all->from, all->from_count, attempt);
    bool to = is_allowed(all->to, all->to_count, attempt);
    bool now = legacy_allows(&all->now, attempt);
    bool is_single = (attempt->access & (attempt->access - 1)) == 0;

    if (is_single)
        cr_assert(now ? from || to : !(from && to), "type %d, %u:%u, access %u: %d on the way",
                  attempt->type, attempt->major, attempt->minor, attempt->access, now);
}

/* Through all writes, one by one, looking at every attempt behind each. */
static void follow(struct change_comparison *all, const struct cgroup_write *writes, size_t count,
                   bool anew)
{
    for (size_t i = 0; i < count; i++) {
        cr_assert(anew || strcmp(writes[i].value, "a") != 0, "everything at once");
        legacy_write(&all->now, &writes[i]);
        if (!anew && i % 4 == 0)
            every_attempt(compare_change, all);
    }
}

Test(cgroups_devices, v1_changes_from_any_rules_to_any_without_a_gap)
{
    size_t tried = 0;
    size_t anew = 0;

    srand(4);
    for (int list = 0; list < LISTS; list++) {
        autoarena struct arena arena = {0};
        struct change_comparison all = {0};
        struct cgroup_plan plan = {.host = &v1_host};
        struct cgroup_planner planner = {.plan = &plan, .arena = &arena};
        struct cgroup_place place = {.found = true, .hierarchy = 6};
        struct cgroup_device_change change = {0};
        struct error err;

        all.from[0] = all.to[0] = (struct device_rule){false, 0, -1, -1, 7};
        all.from_count = 1 + pick_rules(all.from + 1);
        memcpy(all.to, all.from, sizeof all.from);
        all.to_count = all.from_count + pick_rules(all.to + all.from_count);

        struct device_rule_list from = {all.from, all.from_count, all.from_count - 1, 0};
        struct device_rule_list to = {all.to, all.to_count, all.from_count - 1,
                                      all.to_count - all.from_count};

        if (device_plan_legacy_change(&planner, place, &from, &to, &change, &err) < 0) {
            cr_assert_not_null(strstr(err.text, "cgroup v1 cannot "));
            continue;
        }
        cr_assert_eq(device_plan_legacy(&planner, place, &from, &err), 0);
        for (size_t i = 0; i < plan.write_count; i++)
            legacy_write(&all.now, &plan.writes[i]);
        anew += change.starts_anew;
        tried++;
        follow(&all, change.writes, change.write_count, change.starts_anew);
        every_attempt(compare_legacy, &(struct legacy_comparison){all.to, all.to_count, all.now});
        follow(&all, change.undo, change.undo_count, change.starts_anew);
        every_attempt(compare_legacy,
                      &(struct legacy_comparison){all.from, all.from_count, all.now});
    }
    cr_assert(tried > LISTS / 4 && anew > 0 && anew < tried / 2, "%zu tried, %zu anew", tried,
              anew);
}

/* What an update on v1 comes to: the writes, or why not. */
static const char *change_writes(const char *before, const char *added, struct arena *arena)
{
    struct text text = {.bytes = arena_zero(arena, 4096, 1), .size = 4096};
    struct cgroup_device_rules rules;
    struct cgroup_request request = {.id = "web", .is_update = true, .device_rules = &rules};
    struct cgroup_plan plan;
    struct error err;

    cr_assert_eq(cgroup_device_rules_add(&rules, &resources_of(before, arena)->devices,
                                         &resources_of(added, arena)->devices, arena, &err),
                 0);
    if (cgroup_plan_from_spec(&plan, &v1_host, &request, arena, NULL, &err) < 0)
        return arena_string(arena, err.text);
    for (size_t i = 0; plan.device_change != NULL && i < plan.device_change->write_count; i++)
        text_print(&text, "%s%s %s", i > 0 ? "; " : "",
                   plan.device_change->writes[i].file + strlen("devices."),
                   plan.device_change->writes[i].value);
    return text.bytes;
}

#define BLOCKS "{'allow':true,'type':'b','major':8,'access':'rw'}"

Test(cgroups_devices, an_update_on_v1_writes_what_is_new_or_says_why_not)
{
    /* clang-format off */
    static const struct {
        const char *before, *added, *expected;
    } rows[] = {
        {"{}", "{'devices':[" BLOCKS "]}", "allow b 8:* rw"},
        {"{'devices':[" BLOCKS "]}", "{'devices':[{'allow':false,'type':'b','major':8,'access':'w'}]}", "deny b 8:* w"},
        {"{'devices':[" BLOCKS "]}", "{'devices':[{'allow':false}]}", "deny b 8:* rw"},
        {"{'devices':[{'allow':true,'major':8,'access':'r'}]}", "{'devices':[{'allow':false,'type':'b','major':8}]}", "deny b 8:* r"},
        {"{'devices':[{'allow':true}]}", "{'devices':[{'allow':false,'type':'b','major':8,'access':'w'}]}", "deny b 8:* w"},
        {"{'devices':[{'allow':true}]}", "{'devices':[{'allow':false}]}", "deny a; " DEFAULTS},
        {"{}", "{'devices':[{'allow':true}]}", "allow a"},
        /* Default devices do not go. */
        {"{}", "{'devices':[{'allow':false,'type':'c','major':1,'minor':3}]}", ""},
        {"{'devices':[" BLOCKS "]}", "{'devices':[{'allow':true},{'allow':false,'type':'b','major':8,'minor':1,'access':'w'}]}",
         "allow a; deny b 8:1 w"},
        {"{'devices':[" BLOCKS "]}", "{'devices':[{'allow':false,'type':'b','major':8,'minor':1,'access':'w'}]}",
         "linux.resources.devices[0]: cgroup v1 cannot deny a part of what the container's rule b 8:* rw allows"},
        {"{'devices':[" BLOCKS "]}", "{'devices':[{'allow':true,'type':'c','major':7},{'allow':false,'minor':1,'type':'c'}]}",
         "linux.resources.devices[1]: cgroup v1 cannot deny a part of what devices[0] allows"},
        {"{'devices':[{'allow':true}]}", "{'devices':[{'allow':false,'type':'c','major':1}]}",
         "linux.resources.devices: cgroup v1 cannot allow a part of what devices[0] denies (it holds default devices)"},
    };
    /* clang-format on */

    for (size_t i = 0; i < count_of(rows); i++) {
        autoarena struct arena arena = {0};
        const char *writes = change_writes(rows[i].before, rows[i].added, &arena);

        cr_expect_str_eq(writes, rows[i].expected, "%zu: %s", i, writes);
    }
}

static const char *device_writes(const struct cgroup_host *host, const char *json,
                                 struct arena *arena)
{
    struct text text = {.bytes = arena_zero(arena, 4096, 1), .size = 4096};
    struct cgroup_plan plan;
    struct error err;

    if (plan_of(&plan, host, json, arena, &err) < 0)
        return arena_string(arena, err.text);
    for (size_t i = 0; i < plan.write_count; i++)
        text_print(&text, "%s%s %s", i > 0 ? "; " : "", plan.writes[i].file + strlen("devices."),
                   plan.writes[i].value);
    return text.bytes;
}

Test(cgroups_devices, v1_starts_with_nothing_and_ends_with_the_defaults)
{
    static const struct {
        const char *json;
        const char *expected;
    } rows[] = {
        {"{}",                                                                           "deny a; " DEFAULTS                                                                 },
        {"{'devices':[{'allow':false,'access':'rwm'}]}",                                 "deny a; " DEFAULTS                                                                 },
        {"{'devices':[{'allow':true,'type':'c','major':10,'minor':229,'access':'rw'}]}",
         "deny a; allow c 10:229 rw; " DEFAULTS                                                                                                                              },
        {"{'devices':[{'allow':true,'type':'a','major':7,'access':'r'}]}",
         "deny a; allow c 7:* r; allow b 7:* r; " DEFAULTS                                                                                                                   },
        {"{'devices':[{'allow':true,'access':'rwm'}]}",                                  "allow a"                                                                           },
        {"{'devices':[{'allow':true,'type':'b','major':8,'access':'rw'},"
         "{'allow':false,'type':'b','access':'w'}]}",                           "deny a; allow b 8:* r; " DEFAULTS                                                  },
        {"{'devices':[{'allow':true,'type':'b','major':8,'access':'rw'},"
         "{'allow':false,'type':'b','major':8,'minor':1,'access':'w'}]}",       "linux.resources.devices[1]: cgroup v1 cannot deny a part of what devices[0] allows"},
    };

    for (size_t i = 0; i < count_of(rows); i++) {
        autoarena struct arena arena = {0};

        cr_expect_str_eq(device_writes(&v1_host, rows[i].json, &arena), rows[i].expected, "%s: %s",
                         rows[i].json, device_writes(&v1_host, rows[i].json, &arena));
    }
}

Test(cgroups_devices, bad_rules_are_refused_by_place)
{
    static const struct {
        struct spec_device_rule rule;
        const char *expected;
    } rows[] = {
        {{.access = ""},                     "linux.resources.devices[0].access: \"\" is not made of r, w and m" },
        {{.access = "z"},                    "linux.resources.devices[0].access: \"z\" is not made of r, w and m"},
        {{.type = {SPEC_DEVICE_FIFO, true}},
         "linux.resources.devices[0].type: p is not c, b or a: no rules for named pipes"                         },
        {{.major = {4294967296, true}},
         "linux.resources.devices[0].major: 4294967296 is out of range (-1 to 2147483647)"                       },
        {{.minor = {4294967296, true}},
         "linux.resources.devices[0].minor: 4294967296 is out of range (-1 to 2147483647)"                       },
    };

    for (size_t i = 0; i < count_of(rows); i++) {
        autoarena struct arena arena = {0};
        struct spec_device_rule rule = rows[i].rule;
        struct spec_resources resources = {
            .devices = {&rule, 1}
        };
        struct cgroup_request request = {.id = "web", .resources = &resources};
        struct cgroup_plan plan;
        struct error err;

        cr_assert_lt(cgroup_plan_from_spec(&plan, &v2_host, &request, &arena, NULL, &err), 0);
        cr_expect_str_eq(err.text, rows[i].expected, "%s", err.text);
    }
}

Test(cgroups_devices, absent_and_negative_mean_all)
{
    static const struct spec_device_rule rules[] = {
        {.allow = true                   },
        { .allow = true, .major = {-1, true}, .minor = {-7, true}},
        {             .allow = true, .access = "mwrr", .type = {SPEC_DEVICE_ALL, true}},
    };

    for (size_t i = 0; i < count_of(rules); i++) {
        struct device_rule rule;
        struct error err;

        cr_assert_eq(device_rule_from_spec(&rule, &rules[i], "x", &err), 0);
        cr_expect(rule.allow && rule.type == 0 && rule.major == -1 && rule.minor == -1 &&
                  rule.access == DEVICE_ACCESS_ALL);
    }
}

Test(cgroups_devices, an_update_on_v2_is_another_program)
{
    autoarena struct arena arena = {0};
    struct spec_device_rule_list none = {NULL, 0};
    struct cgroup_device_rules rules;
    struct cgroup_request request = {.id = "web", .is_update = true, .device_rules = &rules};
    struct attempt attempt = {BPF_DEVCG_DEV_BLOCK, 8, 0, BPF_DEVCG_ACC_READ};
    struct cgroup_plan plan;
    struct error err;
    bool reached[256];

    cr_assert_eq(cgroup_device_rules_add(&rules, &none,
                                         &resources_of("{'devices':[" BLOCKS "]}", &arena)->devices,
                                         &arena, &err),
                 0);
    cr_assert_eq(cgroup_plan_from_spec(&plan, &v2_host, &request, &arena, NULL, &err), 0);
    cr_assert(plan.device_change != NULL && plan.device_change->write_count == 0);
    cr_assert_eq(plan.device_rules.count, plan.device_change->before.count + 1);
    cr_expect(run(plan.device_program, plan.device_program_length, &attempt, reached));
    attempt.access = BPF_DEVCG_ACC_MKNOD | BPF_DEVCG_ACC_WRITE;
    attempt.major = 9;
    cr_expect_not(run(plan.device_program, plan.device_program_length, &attempt, reached));

    rules.is_same = true;
    cr_assert_eq(cgroup_plan_from_spec(&plan, &v2_host, &request, &arena, NULL, &err), 0);
    cr_expect(plan.device_change == NULL && plan.device_program == NULL);
}

Test(cgroups_devices, a_bad_rule_of_an_update_has_its_own_place)
{
    autoarena struct arena arena = {0};
    struct spec_device_rule_list before =
        resources_of("{'devices':[{'allow':true},{'allow':true}]}", &arena)->devices;
    struct spec_device_rule_list bad =
        resources_of("{'devices':[{'allow':true},{'allow':true,'access':'x'}]}", &arena)->devices;
    struct cgroup_device_rules rules;
    struct error err;

    cr_assert_lt(cgroup_device_rules_add(&rules, &before, &bad, &arena, &err), 0);
    cr_expect_str_eq(err.text,
                     "linux.resources.devices[1].access: \"x\" is not made of r, w and m");
}

/* The plan of a v2 host carries the program; defaults come last and cannot be taken away. */
Test(cgroups_devices, v2_program_keeps_the_default_devices_open)
{
    static const struct {
        struct attempt attempt;
        bool allowed;
    } rows[] = {
        {{BPF_DEVCG_DEV_CHAR, 1, 3, 6},   true }, /* null */
        {{BPF_DEVCG_DEV_CHAR, 136, 7, 6}, true }, /* a terminal */
        {{BPF_DEVCG_DEV_BLOCK, 8, 0, 1},  true }, /* mknod */
        {{BPF_DEVCG_DEV_BLOCK, 8, 0, 2},  false}, /* but not read */
        {{BPF_DEVCG_DEV_CHAR, 1, 11, 2},  false}, /* kmsg */
    };
    autoarena struct arena arena = {0};
    struct cgroup_plan plan;
    struct error err;
    bool reached[256];

    cr_assert_eq(plan_of(&plan, &v2_host, "{'devices':[{'allow':false}]}", &arena, &err), 0);
    cr_assert(plan.has_devices && plan.device_rules_asked && plan.device_rules.count == 13);
    cr_assert_eq(plan.write_count, 0);
    cr_assert_leq(plan.device_program_length, count_of(reached));
    for (size_t i = 0; i < count_of(rows); i++)
        cr_expect_eq(
            run(plan.device_program, plan.device_program_length, &rows[i].attempt, reached),
            rows[i].allowed, "row %zu", i);
}

Test(cgroups_devices, a_host_that_cannot_filter_is_an_error_when_something_is_denied)
{
    autoarena struct arena arena = {0};
    struct cgroup_plan plan;
    struct error err;

    cr_assert_eq(plan_of(&plan, &bare_host, "{'devices':[{'allow':true}]}", &arena, &err), 0);
    cr_assert_not(plan.has_devices);
    cr_assert_lt(plan_of(&plan, &bare_host, "{'devices':[{'allow':false}]}", &arena, &err), 0);
    cr_assert_str_eq(err.text,
                     "linux.resources.devices: this host has neither cgroup v2 nor the v1 "
                     "devices controller (mount -t cgroup2 none /sys/fs/cgroup)");
}

Test(cgroups_devices, an_unprivileged_caller_leaves_devices_alone)
{
    autoarena struct arena arena = {0};
    struct cgroup_request request = {
        .id = "web",
        .unprivileged = true,
        .resources = resources_of("{'devices':[{'allow':false}]}", &arena),
    };
    struct cgroup_plan plan;
    struct error err;

    cr_assert_eq(cgroup_plan_from_spec(&plan, &v2_host, &request, &arena, NULL, &err), 0);
    cr_assert_not(plan.has_devices);
    cr_assert_null(plan.device_program);
}
