/*
 * Every rule becomes one `part` of each call that it names, for each architecture.  A call's parts
 * are a chain, its rules in their order.  From the calls, sorted by number, come the segments: from
 * this number up to the next segment's, this answer.
 */

#include "seccomp/compile.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <string.h>

#include "base/own.h"
#include "seccomp/assemble.h"
#include "seccomp/doubts.h"
#include "seccomp/unknown_calls.h"

enum {
    NUMBERS = 1024, /* calls with a number below this are found by it ... */
    OTHERS = 256,   /* ... and this many others by looking through them */
    PARTS_MOST = UINT16_MAX,
    ALL_CONDITIONS = UINT8_MAX,
    NO_CALL = UINT8_MAX,
    BAD_ARCHITECTURE = SECCOMP_RET_KILL_THREAD, /* libseccomp's answer */
};

struct part {
    uint16_t rule;
    uint16_t next;     /* 1 + index of the call's next; 0 for none */
    uint8_t condition; /* this one alone, of alternatives */
    uint8_t inside;    /* of a multiplexer: the call that its first argument must say */
};

struct chain {
    uint16_t first; /* 1 + index of a part; 0 for none */
    uint16_t last;
};

struct other {
    int number;
    struct chain chain;
};

struct segment {
    uint32_t first;
    uint32_t answer;
    uint16_t part; /* 1 + index: the answer is that of its rules; 0 for `answer` */
    bool wide;     /* how those compare */
};

/* What the kernel reports as one architecture: all its segments. */
struct machine {
    uint32_t audit;
    size_t first;
    size_t end;
};

/* The memory is the arena's; whatever does not fit is doubted. */
struct compiler {
    const struct profile *profile;
    struct arena *arena;
    const char *doubt;
    bool no_memory;

    const struct architecture *architecture; /* at hand, and what is known of it */
    struct newest_call newest;
    struct chain chains[NUMBERS];
    struct other others[OTHERS];
    size_t other_count;

    struct part *parts;
    size_t part_count;
    size_t part_room;
    struct segment *segments;
    size_t segment_count;
    size_t segment_room;
    struct machine machines[PROFILE_ARCHITECTURES];
    size_t machine_count;

    struct rule *rules; /* of the call that is being looked at; made when one has conditions */
};

/* The first reason stands. */
static void doubt(struct compiler *compiler, const char *reason)
{
    if (compiler->doubt == NULL)
        compiler->doubt = reason;
}

/* A larger array with the same content, or NULL. */
static void *grow(struct compiler *compiler, const void *items, size_t size, size_t *room)
{
    size_t more = *room == 0 ? 512 : *room * 2;
    void *larger = arena_zero(compiler->arena, more, size);

    if (larger == NULL) {
        compiler->no_memory = true;
        doubt(compiler, "memory");
        return NULL;
    }
    if (*room > 0)
        memcpy(larger, items, *room * size);
    *room = more;
    return larger;
}

/* --- rules into chains -------------------------------------------------------------------------
 */

static struct chain *chain_of(struct compiler *compiler, int number)
{
    int64_t place = (int64_t)number - compiler->architecture->base;

    if (number >= 0 && place >= 0 && place < NUMBERS)
        return &compiler->chains[place];
    for (size_t i = 0; i < compiler->other_count; i++) {
        if (compiler->others[i].number == number)
            return &compiler->others[i].chain;
    }
    if (compiler->other_count == OTHERS)
        return NULL;
    compiler->others[compiler->other_count] = (struct other){.number = number};
    return &compiler->others[compiler->other_count++].chain;
}

static void add_part(struct compiler *compiler, int number, struct part part)
{
    struct chain *chain;

    /* A call without a number here is never made.  Only its conditions are looked at, for
     * libseccomp would. */
    if (number < 0 && part.condition == ALL_CONDITIONS &&
        compiler->profile->spec->syscalls.items[part.rule].args.count == 0)
        return;
    chain = chain_of(compiler, number);
    if (chain == NULL || compiler->part_count == PARTS_MOST)
        return doubt(compiler, "more rules than are sorted here");
    if (compiler->part_count == compiler->part_room) {
        struct part *parts = grow(compiler, compiler->parts, sizeof part, &compiler->part_room);

        if (parts == NULL)
            return;
        compiler->parts = parts;
    }
    compiler->parts[compiler->part_count++] = part;
    if (chain->first == 0)
        chain->first = (uint16_t)compiler->part_count;
    else
        compiler->parts[chain->last - 1].next = (uint16_t)compiler->part_count;
    chain->last = (uint16_t)compiler->part_count;
}

/* A multiplexed call can be made in both ways. */
static void add_call(struct compiler *compiler, int number, struct part part)
{
    struct multiplexed by;

    if (compiler->architecture->multiplexes && seccomp_call_multiplexed(&by, number)) {
        struct part inside = part;

        inside.inside = (uint8_t)by.call;
        add_part(compiler, by.multiplexer, inside);
        number = by.own >= 0 ? by.own : number;
    }
    add_part(compiler, number, part);
}

static void add_rule(struct compiler *compiler, size_t index, int number)
{
    const struct spec_seccomp_syscall *rule = &compiler->profile->spec->syscalls.items[index];
    struct part part = {.rule = (uint16_t)index, .condition = ALL_CONDITIONS, .inside = NO_CALL};

    if (index > UINT16_MAX || rule->args.count > ALL_CONDITIONS)
        return doubt(compiler, "more rules than are sorted here");
    if (!seccomp_rule_is_alternatives(rule))
        return add_call(compiler, number, part);
    for (size_t i = 0; i < rule->args.count; i++) {
        part.condition = (uint8_t)i;
        add_call(compiler, number, part);
    }
}

static void add_rules(struct compiler *compiler)
{
    const struct profile *profile = compiler->profile;
    uint32_t token = compiler->architecture->token;
    const int16_t *row = profile->rows;

    for (size_t i = 0; i < profile->spec->syscalls.count; i++) {
        const struct spec_seccomp_syscall *rule = &profile->spec->syscalls.items[i];
        bool is_default = seccomp_rule_is_default(profile, rule);

        for (size_t j = 0; j < rule->names.count; j++) {
            struct call call = {rule->names.items[j], *row++};
            int number;

            if (call.row == CALL_UNKNOWN)
                continue;
            number = seccomp_call_number(&call, token);
            seccomp_newest_call(&compiler->newest, token, number);
            if (!is_default)
                add_rule(compiler, i, number);
        }
    }
}

/* --- conditions --------------------------------------------------------------------------------
 */

static const struct {
    enum test test;
    bool negated;
} tests[] = {
    [SPEC_SECCOMP_NE] = {TEST_EQUAL,    true },
      [SPEC_SECCOMP_LT] = {TEST_AT_LEAST, true },
    [SPEC_SECCOMP_LE] = {TEST_ABOVE,    true },
      [SPEC_SECCOMP_EQ] = {TEST_EQUAL,    false},
    [SPEC_SECCOMP_GE] = {TEST_AT_LEAST, false},
      [SPEC_SECCOMP_GT] = {TEST_ABOVE,    false},
    [SPEC_SECCOMP_MASKED_EQ] = {TEST_EQUAL,    false},
};

static void add_condition(struct rule *rule, const struct spec_seccomp_arg *arg, bool wide)
{
    bool masked = arg->op == SPEC_SECCOMP_MASKED_EQ;
    struct condition condition = {
        .argument = (uint8_t)arg->index,
        .test = tests[arg->op].test,
        .negated = tests[arg->op].negated,
        .masked = masked,
        .mask = (masked ? arg->value : UINT64_MAX) & (wide ? UINT64_MAX : UINT32_MAX),
    };

    /* What looks at no bit always holds: in libseccomp's reading, which drops the bits of the value
     * that the mask hides. */
    condition.value = (masked ? arg->value_two : arg->value) & condition.mask;
    if (condition.mask != 0)
        rule->conditions[rule->count++] = condition;
}

/* In a multiplexer the first argument is which call, and the other conditions stay as they are. */
static struct rule rule_of(const struct compiler *compiler, const struct part *part, bool wide)
{
    const struct spec_seccomp_syscall *syscall =
        &compiler->profile->spec->syscalls.items[part->rule];
    const struct spec_seccomp_arg which = {.value = part->inside, .op = SPEC_SECCOMP_EQ};
    struct rule rule = {.action = seccomp_rule_action(syscall)};

    if (part->inside != NO_CALL)
        add_condition(&rule, &which, wide);
    for (size_t i = 0; i < syscall->args.count; i++) {
        const struct spec_seccomp_arg *arg = &syscall->args.items[i];

        if ((part->condition == ALL_CONDITIONS || part->condition == i) &&
            (part->inside == NO_CALL || arg->index != 0))
            add_condition(&rule, arg, wide);
    }
    return rule;
}

static bool keep_rule(struct compiler *compiler, size_t index, const struct rule *rule)
{
    if (compiler->rules == NULL)
        compiler->rules = arena_zero(compiler->arena, CALL_RULES, sizeof *compiler->rules);
    compiler->no_memory |= compiler->rules == NULL;
    if (compiler->rules == NULL || index == CALL_RULES) {
        doubt(compiler, "more rules for one call than are compared here");
        return false;
    }
    compiler->rules[index] = *rule;
    return true;
}

/* A call's rules up to the first without conditions, whose action is then the answer, whatever the
 * others say.  Returns how many there are before it. */
static size_t collect(struct compiler *compiler, uint16_t first, bool wide, bool *ret_always,
                      uint32_t *ret_action)
{
    size_t count = 0;

    *ret_always = false;
    for (uint16_t at = first; at != 0; at = compiler->parts[at - 1].next) {
        struct rule rule = rule_of(compiler, &compiler->parts[at - 1], wide);

        *ret_action = rule.action;
        *ret_always = rule.count == 0;
        if (*ret_always)
            break;
        if (!keep_rule(compiler, count, &rule))
            break;
        count++;
    }
    return count;
}

/* --- chains into segments ----------------------------------------------------------------------
 */

static void add_segment(struct compiler *compiler, struct segment segment)
{
    size_t first = compiler->machines[compiler->machine_count].first;
    struct segment *next;

    /* What was to start here does not. */
    if (compiler->segment_count > first &&
        compiler->segments[compiler->segment_count - 1].first == segment.first)
        compiler->segment_count--;
    if (compiler->segment_count > first && segment.part == 0) {
        const struct segment *last = &compiler->segments[compiler->segment_count - 1];

        if (last->part == 0 && last->answer == segment.answer)
            return;
    }
    if (compiler->segment_count == compiler->segment_room) {
        struct segment *segments = grow(compiler, compiler->segments, sizeof segment,
                                        &compiler->segment_room);

        if (segments == NULL)
            return;
        compiler->segments = segments;
    }
    next = &compiler->segments[compiler->segment_count++];
    *next = segment;
}

static void add_answer(struct compiler *compiler, uint32_t first, uint32_t answer)
{
    add_segment(compiler, (struct segment){.first = first, .answer = answer});
}

/* Whatever becomes of the call, libseccomp would look at all its rules. */
static void check_chain(struct compiler *compiler, const struct chain *chain)
{
    bool wide = compiler->architecture->wide, always;
    uint32_t action;
    size_t count = collect(compiler, chain->first, wide, &always, &action);
    const char *reason = count > 1 ? seccomp_call_doubt(compiler->rules, count) : NULL;

    if (reason != NULL)
        doubt(compiler, reason);
}

static void check_chains(struct compiler *compiler)
{
    for (size_t i = 0; i < NUMBERS; i++)
        check_chain(compiler, &compiler->chains[i]);
    for (size_t i = 0; i < compiler->other_count; i++)
        check_chain(compiler, &compiler->others[i].chain);
}

static void add_chain(struct compiler *compiler, int number, const struct chain *chain)
{
    bool wide = compiler->architecture->wide, always;
    uint32_t action;

    if (number < 0 || chain->first == 0)
        return;
    collect(compiler, chain->first, wide, &always, &action);
    if (always)
        add_answer(compiler, (uint32_t)number, action);
    else
        add_segment(compiler, (struct segment){
                                  .first = (uint32_t)number, .part = chain->first, .wide = wide});
    add_answer(compiler, (uint32_t)number + 1, compiler->profile->default_action);
}

static void sort_others(struct compiler *compiler)
{
    for (size_t i = 1; i < compiler->other_count; i++) {
        struct other other = compiler->others[i];
        size_t to = i;

        for (; to > 0 && compiler->others[to - 1].number > other.number; to--)
            compiler->others[to] = compiler->others[to - 1];
        compiler->others[to] = other;
    }
}

/* The calls numbered `from` to `to`, in order. */
static void add_chains(struct compiler *compiler, int64_t from, int64_t to)
{
    int64_t base = compiler->architecture->base;
    size_t other = 0;

    for (; other < compiler->other_count && compiler->others[other].number < base; other++) {
        if (compiler->others[other].number >= from && compiler->others[other].number <= to)
            add_chain(compiler, compiler->others[other].number, &compiler->others[other].chain);
    }
    for (int64_t i = 0; i < NUMBERS; i++) {
        if (base + i >= from && base + i <= to)
            add_chain(compiler, (int)(base + i), &compiler->chains[i]);
    }
    for (; other < compiler->other_count; other++) {
        if (compiler->others[other].number >= from && compiler->others[other].number <= to)
            add_chain(compiler, compiler->others[other].number, &compiler->others[other].chain);
    }
}

/* Calls newer than the profile: one range, for want of a setup(2) on our architectures.  It goes
 * before whatever a rule says of a number in it, as it does in front of libseccomp's program: that
 * can be one of a multiplexed call's own. */
static void add_all_chains(struct compiler *compiler)
{
    struct unknown_calls newer[UNKNOWN_CALLS_EACH];
    uint32_t token = compiler->architecture->token;
    size_t count = seccomp_unknown_calls_above(newer, compiler->profile->spec, token,
                                               &compiler->newest);

    if (count == 0)
        return add_chains(compiler, INT64_MIN, INT64_MAX);
    add_chains(compiler, INT64_MIN, (int64_t)newer[0].first - 1);
    add_answer(compiler, newer[0].first, SECCOMP_RET_ERRNO | ENOSYS);
    if (newer[0].last == UINT32_MAX)
        return;
    add_answer(compiler, newer[0].last + 1, compiler->profile->default_action);
    add_chains(compiler, (int64_t)newer[0].last + 1, INT64_MAX);
}

static void add_architecture(struct compiler *compiler, uint32_t token)
{
    compiler->architecture = seccomp_architecture(token);
    compiler->newest = (struct newest_call){0};
    compiler->other_count = 0;
    memset(compiler->chains, 0, sizeof compiler->chains);
    add_rules(compiler);
    check_chains(compiler);
    sort_others(compiler);
    add_answer(compiler, compiler->architecture->base, compiler->profile->default_action);
    add_all_chains(compiler);
}

static bool in_force(const struct profile *profile, uint32_t token)
{
    for (size_t i = 0; i < profile->token_count; i++) {
        if (profile->tokens[i] == token)
            return true;
    }
    return false;
}

/* The kernel reports both as x86_64, x32 by a bit in the number.  -1 is not a call of x32: it is
 * what a tracer sets to skip one, seccomp(2). */
static void add_x86_64_machine(struct compiler *compiler)
{
    const struct architecture *x32 = seccomp_architecture(SCMP_ARCH_X32);

    if (in_force(compiler->profile, SCMP_ARCH_X86_64))
        add_architecture(compiler, SCMP_ARCH_X86_64);
    else
        add_answer(compiler, 0, BAD_ARCHITECTURE);
    if (in_force(compiler->profile, SCMP_ARCH_X32))
        return add_architecture(compiler, SCMP_ARCH_X32);
    add_answer(compiler, x32->base, BAD_ARCHITECTURE);
    add_answer(compiler, UINT32_MAX, compiler->profile->default_action);
}

static void add_machine(struct compiler *compiler, uint32_t token)
{
    uint32_t audit = seccomp_architecture(token)->audit;
    struct machine *machine = &compiler->machines[compiler->machine_count];

    for (size_t i = 0; i < compiler->machine_count; i++) {
        if (compiler->machines[i].audit == audit)
            return;
    }
    *machine = (struct machine){.audit = audit, .first = compiler->segment_count};
    if (audit == AUDIT_ARCH_X86_64)
        add_x86_64_machine(compiler);
    else
        add_architecture(compiler, token);
    machine->end = compiler->segment_count;
    compiler->machine_count++;
}

/* --- segments into instructions -----------------------------------------------------------------
 */

struct writer {
    struct compiler *compiler;
    struct assembler out;
};

/* One half of an argument. */
static struct place write_test(struct writer *writer, const struct condition *condition,
                               bool upper_half, unsigned test, struct place yes, struct place no)
{
    unsigned shift = upper_half ? 32 : 0;
    uint32_t mask = (uint32_t)(condition->mask >> shift);
    size_t offset = offsetof(struct seccomp_data, args) + sizeof(uint64_t) * condition->argument +
                    (upper_half ? sizeof(uint32_t) : 0); /* little-endian */
    struct place place = assemble_jump(&writer->out, test, (uint32_t)(condition->value >> shift),
                                       yes, no);

    if (mask != UINT32_MAX)
        place = assemble_and(&writer->out, mask, place);
    return assemble_load(&writer->out, offset, place);
}

static struct place write_equal(struct writer *writer, const struct condition *condition,
                                struct place yes, struct place no)
{
    if ((uint32_t)condition->mask != 0)
        yes = write_test(writer, condition, false, BPF_JEQ, yes, no);
    if (condition->mask >> 32 != 0)
        yes = write_test(writer, condition, true, BPF_JEQ, yes, no);
    return yes;
}

/* The upper half decides unless it is the same. */
static struct place write_order(struct writer *writer, const struct condition *condition,
                                struct place yes, struct place no)
{
    unsigned test = condition->test == TEST_ABOVE ? BPF_JGT : BPF_JGE;
    struct place lower = write_test(writer, condition, false, test, yes, no);
    struct place same;

    if (condition->mask >> 32 == 0)
        return lower;
    same = assemble_jump(&writer->out, BPF_JEQ, (uint32_t)(condition->value >> 32), lower, no);
    return write_test(writer, condition, true, BPF_JGT, yes, same);
}

static struct place write_condition(struct writer *writer, const struct condition *condition,
                                    struct place yes, struct place no)
{
    struct place holds = condition->negated ? no : yes;
    struct place fails = condition->negated ? yes : no;

    return condition->test == TEST_EQUAL ? write_equal(writer, condition, holds, fails)
                                         : write_order(writer, condition, holds, fails);
}

/* One rule after the other; when none holds, what happens anyway. */
static struct place write_rules(struct writer *writer, const struct segment *segment)
{
    struct compiler *compiler = writer->compiler;
    struct place next = place_answer(compiler->profile->default_action);
    bool always;
    uint32_t action;

    for (size_t i = collect(compiler, segment->part, segment->wide, &always, &action); i-- > 0;) {
        const struct rule *rule = &compiler->rules[i];
        struct place yes = place_answer(rule->action);

        for (size_t j = rule->count; j-- > 0;)
            yes = write_condition(writer, &rule->conditions[j], yes, next);
        next = yes;
    }
    return next;
}

/* The number is loaded: search segments `first` up to `end`. */
static struct place write_search(struct writer *writer, size_t first, size_t end)
{
    const struct segment *segments = writer->compiler->segments;
    size_t middle = first + (end - first) / 2;
    struct place lower, upper;

    if (end - first == 1)
        return segments[first].part != 0 ? write_rules(writer, &segments[first])
                                         : place_answer(segments[first].answer);
    upper = write_search(writer, middle, end);
    lower = write_search(writer, first, middle);
    return assemble_jump(&writer->out, BPF_JGE, segments[middle].first, upper, lower);
}

static struct place write_machine(struct writer *writer, const struct machine *machine)
{
    struct place search = write_search(writer, machine->first, machine->end);

    return assemble_load(&writer->out, offsetof(struct seccomp_data, nr), search);
}

/* Into `room` instructions before `end`; returns how many it takes. */
static size_t write_program(struct compiler *compiler, struct sock_filter *end, size_t room)
{
    struct writer writer = {
        .compiler = compiler, .out = {.end = end, .room = room}
    };
    struct place bodies[PROFILE_ARCHITECTURES];
    struct place next = place_answer(BAD_ARCHITECTURE);

    for (size_t i = compiler->machine_count; i-- > 0;)
        bodies[i] = write_machine(&writer, &compiler->machines[i]);
    for (size_t i = compiler->machine_count; i-- > 0;)
        next = assemble_jump(&writer.out, BPF_JEQ, compiler->machines[i].audit, bodies[i], next);
    assemble_load(&writer.out, offsetof(struct seccomp_data, arch), next);
    return writer.out.count;
}

/* Twice the same: first only to know how long it becomes. */
static int write_out(struct program *ret, struct compiler *compiler, struct error *err)
{
    size_t count = write_program(compiler, NULL, 0);
    struct sock_filter *instructions;

    if (count > BPF_MAXINSNS) {
        doubt(compiler, "too many instructions");
        return 1;
    }
    instructions = arena_zero(compiler->arena, count, sizeof *instructions);
    if (instructions == NULL)
        return no_memory(err);
    write_program(compiler, instructions + count, count);
    *ret = (struct program){instructions, count};
    return 0;
}

int seccomp_compile(struct program *ret, const char **ret_doubt, const struct profile *profile,
                    struct arena *arena, struct error *err)
{
    struct compiler *compiler;

    *ret_doubt = seccomp_profile_doubt(profile);
    if (*ret_doubt != NULL)
        return 1;
    compiler = arena_zero(arena, 1, sizeof *compiler);
    if (compiler == NULL)
        return no_memory(err);
    compiler->profile = profile;
    compiler->arena = arena;
    for (size_t i = 0; i < profile->token_count && compiler->doubt == NULL; i++)
        add_machine(compiler, profile->tokens[i]);
    if (compiler->no_memory)
        return no_memory(err);
    if (compiler->doubt == NULL && write_out(ret, compiler, err) < 0)
        return -err->code;
    *ret_doubt = compiler->doubt;
    return compiler->doubt != NULL;
}
