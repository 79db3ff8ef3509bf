/*
 * Every rule becomes one `part` of each call that it names, for each architecture.  A call's parts
 * are a chain, its rules in their order.  From the calls, sorted by number, come the segments: from
 * this number up to the next segment's, this answer.
 */

#include "seccomp/segments.h"

#include <errno.h>
#include <linux/audit.h>
#include <seccomp.h>
#include <string.h>

#include "base/own.h"
#include "seccomp/unknown_calls.h"

enum {
    NUMBERS = 1024, /* calls with a number below this are found by it ... */
    OTHERS = 256,   /* ... and this many others by looking through them */
    PARTS_MOST = UINT16_MAX,
    ALL_CONDITIONS = UINT8_MAX,
    NO_CALL = UINT8_MAX,
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

/* The architecture at hand, on the way to its segments. */
struct sorter {
    struct segments *to;
    const struct architecture *architecture;
    const char *doubt;
    bool no_memory;
    struct newest_call newest;
    struct unknown_calls newer[UNKNOWN_CALLS_EACH]; /* than the profile: none or one range */
    size_t newer_count;
    bool newer_told;
    struct chain chains[NUMBERS];
    struct other others[OTHERS];
    size_t other_count;
};

/* The first reason stands. */
static void doubt(struct sorter *sorter, const char *reason)
{
    if (sorter->doubt == NULL)
        sorter->doubt = reason;
}

/* A larger array with the same content, or NULL. */
static void *grow(struct sorter *sorter, const void *items, size_t size, size_t *room)
{
    size_t more = *room * 2;
    void *larger = arena_zero(sorter->to->arena, more, size);

    if (larger == NULL) {
        sorter->no_memory = true;
        doubt(sorter, "memory");
        return NULL;
    }
    memcpy(larger, items, *room * size);
    *room = more;
    return larger;
}

/* --- rules into chains ------------------------------------------------------------------------ */

static struct chain *chain_of(struct sorter *sorter, int number)
{
    int64_t place = (int64_t)number - sorter->architecture->base;

    if (number >= 0 && place >= 0 && place < NUMBERS)
        return &sorter->chains[place];
    for (size_t i = 0; i < sorter->other_count; i++) {
        if (sorter->others[i].number == number)
            return &sorter->others[i].chain;
    }
    if (sorter->other_count == OTHERS)
        return NULL;
    sorter->others[sorter->other_count] = (struct other){.number = number};
    return &sorter->others[sorter->other_count++].chain;
}

static void add_part(struct sorter *sorter, int number, struct part part)
{
    struct chain *chain;

    /* A call without a number here is never made.  Only its conditions are looked at, for
     * libseccomp would. */
    if (number < 0 && part.condition == ALL_CONDITIONS &&
        sorter->to->profile->spec->syscalls.items[part.rule].args.count == 0)
        return;
    chain = chain_of(sorter, number);
    if (chain == NULL || sorter->to->part_count == PARTS_MOST)
        return doubt(sorter, "more rules than are sorted here");
    if (sorter->to->part_count == sorter->to->part_room) {
        struct part *parts = grow(sorter, sorter->to->parts, sizeof part, &sorter->to->part_room);

        if (parts == NULL)
            return;
        sorter->to->parts = parts;
    }
    sorter->to->parts[sorter->to->part_count++] = part;
    if (chain->first == 0)
        chain->first = (uint16_t)sorter->to->part_count;
    else
        sorter->to->parts[chain->last - 1].next = (uint16_t)sorter->to->part_count;
    chain->last = (uint16_t)sorter->to->part_count;
}

/* A multiplexed call can be made in both ways. */
static void add_call(struct sorter *sorter, int number, struct part part)
{
    struct multiplexed by;

    if (sorter->architecture->multiplexes && seccomp_call_multiplexed(&by, number)) {
        struct part inside = part;

        inside.inside = (uint8_t)by.call;
        add_part(sorter, by.multiplexer, inside);
        number = by.own >= 0 ? by.own : number;
    }
    add_part(sorter, number, part);
}

static void add_rule(struct sorter *sorter, size_t index, int number)
{
    const struct spec_seccomp_syscall *rule = &sorter->to->profile->spec->syscalls.items[index];
    struct part part = {.rule = (uint16_t)index, .condition = ALL_CONDITIONS, .inside = NO_CALL};

    if (index > UINT16_MAX || rule->args.count > ALL_CONDITIONS)
        return doubt(sorter, "more rules than are sorted here");
    if (!seccomp_rule_is_alternatives(rule))
        return add_call(sorter, number, part);
    for (size_t i = 0; i < rule->args.count; i++) {
        part.condition = (uint8_t)i;
        add_call(sorter, number, part);
    }
}

static void add_rules(struct sorter *sorter)
{
    const struct profile *profile = sorter->to->profile;
    uint32_t token = sorter->architecture->token;
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
            seccomp_newest_call(&sorter->newest, token, number);
            if (!is_default)
                add_rule(sorter, i, number);
        }
    }
}

/* --- conditions ------------------------------------------------------------------------------- */

/* LT is not GE, LE is not GT, NE is not EQ. */
static enum test test_of(int operator)
{
    switch (operator) {
    case SPEC_SECCOMP_GE:
    case SPEC_SECCOMP_LT:
        return TEST_AT_LEAST;
    case SPEC_SECCOMP_GT:
    case SPEC_SECCOMP_LE:
        return TEST_ABOVE;
    default:
        return TEST_EQUAL;
    }
}

static bool is_contrary(int operator)
{
    return operator== SPEC_SECCOMP_NE || operator== SPEC_SECCOMP_LT || operator== SPEC_SECCOMP_LE;
}

static void add_condition(struct rule *rule, const struct spec_seccomp_arg *arg, bool wide)
{
    bool masked = arg->op == SPEC_SECCOMP_MASKED_EQ;
    struct condition condition = {
        .argument = (uint8_t)arg->index,
        .test = (uint8_t)test_of(arg->op),
        .negated = is_contrary(arg->op),
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
static void read_rule(struct rule *rule, const struct segments *segments, const struct part *part,
                      bool wide)
{
    const struct spec_seccomp_syscall *syscall =
        &segments->profile->spec->syscalls.items[part->rule];
    const struct spec_seccomp_arg which = {.value = part->inside, .op = SPEC_SECCOMP_EQ};

    rule->action = seccomp_rule_action(syscall);
    rule->count = 0;
    if (part->inside != NO_CALL)
        add_condition(rule, &which, wide);
    for (size_t i = 0; i < syscall->args.count; i++) {
        const struct spec_seccomp_arg *arg = &syscall->args.items[i];

        if ((part->condition == ALL_CONDITIONS || part->condition == i) &&
            (part->inside == NO_CALL || arg->index != 0))
            add_condition(rule, arg, wide);
    }
}

/* A call's rules up to the first without conditions, whose action is then the answer whatever the
 * others say: `*ret_always`.  Returns how many there are before it; CALL_RULES when too many. */
static size_t read_rules(struct segments *segments, uint16_t first, bool wide,
                         const struct rule **ret_always)
{
    size_t count = 0;

    *ret_always = NULL;
    for (uint16_t at = first; at != 0 && count < CALL_RULES; at = segments->parts[at - 1].next) {
        struct rule *rule = &segments->rules[count];

        read_rule(rule, segments, &segments->parts[at - 1], wide);
        if (rule->count == 0) {
            *ret_always = rule;
            break;
        }
        count++;
    }
    return count;
}

size_t seccomp_segment_rules(struct segments *segments, const struct segment *segment)
{
    const struct rule *always;

    return read_rules(segments, segment->part, segment->wide, &always);
}

/* --- chains into segments --------------------------------------------------------------------- */

static void add_segment(struct sorter *sorter, struct segment segment)
{
    size_t first = sorter->to->machines[sorter->to->machine_count].first;

    /* What was to start here does not. */
    if (sorter->to->count > first &&
        sorter->to->items[sorter->to->count - 1].first == segment.first)
        sorter->to->count--;
    if (sorter->to->count > first && segment.part == 0) {
        const struct segment *last = &sorter->to->items[sorter->to->count - 1];

        if (last->part == 0 && last->answer == segment.answer)
            return;
    }
    if (sorter->to->count == sorter->to->room) {
        struct segment *segments = grow(sorter, sorter->to->items, sizeof segment,
                                        &sorter->to->room);

        if (segments == NULL)
            return;
        sorter->to->items = segments;
    }
    sorter->to->items[sorter->to->count++] = segment;
}

static void add_answer(struct sorter *sorter, uint32_t first, uint32_t answer)
{
    add_segment(sorter, (struct segment){.first = first, .answer = answer});
}

/* Before whatever a rule says of a number in it, as it is in front of libseccomp's program: that
 * may be one of a multiplexed call's own. */
static void tell_newer(struct sorter *sorter)
{
    const struct unknown_calls *newer = &sorter->newer[0];

    if (sorter->newer_told || sorter->newer_count == 0)
        return;
    sorter->newer_told = true;
    add_answer(sorter, newer->first, SECCOMP_RET_ERRNO | ENOSYS);
    if (newer->last != UINT32_MAX)
        add_answer(sorter, newer->last + 1, sorter->to->profile->default_action);
}

static bool is_newer(const struct sorter *sorter, uint32_t number)
{
    return sorter->newer_count > 0 && number >= sorter->newer[0].first &&
           number <= sorter->newer[0].last;
}

/* Whatever becomes of the call, libseccomp looks at all its rules. */
static void check_rules(struct sorter *sorter, size_t count)
{
    const char *reason = NULL;

    if (count == CALL_RULES)
        reason = "more rules for one call than are compared here";
    else if (count > 1)
        reason = seccomp_call_doubt(sorter->to->rules, count);
    if (reason != NULL)
        doubt(sorter, reason);
}

/* In the order of their numbers. */
static void add_chain(struct sorter *sorter, int number, const struct chain *chain)
{
    bool wide = sorter->architecture->wide;
    const struct rule *always;

    check_rules(sorter, read_rules(sorter->to, chain->first, wide, &always));
    if (number < 0)
        return;
    if (sorter->newer_count > 0 && (uint32_t)number >= sorter->newer[0].first)
        tell_newer(sorter);
    if (is_newer(sorter, (uint32_t)number))
        return;
    if (always != NULL)
        add_answer(sorter, (uint32_t)number, always->action);
    else
        add_segment(sorter, (struct segment){
                                .first = (uint32_t)number, .part = chain->first, .wide = wide});
    add_answer(sorter, (uint32_t)number + 1, sorter->to->profile->default_action);
}

static void sort_others(struct sorter *sorter)
{
    for (size_t i = 1; i < sorter->other_count; i++) {
        struct other other = sorter->others[i];
        size_t to = i;

        for (; to > 0 && sorter->others[to - 1].number > other.number; to--)
            sorter->others[to] = sorter->others[to - 1];
        sorter->others[to] = other;
    }
}

static void add_chains(struct sorter *sorter)
{
    int base = (int)sorter->architecture->base;
    size_t other = 0;

    sort_others(sorter);
    for (; other < sorter->other_count && sorter->others[other].number < base; other++)
        add_chain(sorter, sorter->others[other].number, &sorter->others[other].chain);
    for (int i = 0; i < NUMBERS; i++) {
        if (sorter->chains[i].first != 0)
            add_chain(sorter, base + i, &sorter->chains[i]);
    }
    for (; other < sorter->other_count; other++)
        add_chain(sorter, sorter->others[other].number, &sorter->others[other].chain);
}

static void add_architecture(struct sorter *sorter, uint32_t token)
{
    const struct profile *profile = sorter->to->profile;

    sorter->architecture = seccomp_architecture(token);
    sorter->newest = (struct newest_call){0};
    sorter->newer_told = false;
    sorter->other_count = 0;
    memset(sorter->chains, 0, sizeof sorter->chains);
    add_rules(sorter);
    sorter->newer_count = seccomp_unknown_calls_above(sorter->newer, profile->spec, token,
                                                      &sorter->newest);
    add_answer(sorter, sorter->architecture->base, profile->default_action);
    add_chains(sorter);
    tell_newer(sorter);
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
static void add_x86_64_machine(struct sorter *sorter)
{
    const struct architecture *x32 = seccomp_architecture(SCMP_ARCH_X32);

    if (in_force(sorter->to->profile, SCMP_ARCH_X86_64))
        add_architecture(sorter, SCMP_ARCH_X86_64);
    else
        add_answer(sorter, 0, BAD_ARCHITECTURE);
    if (in_force(sorter->to->profile, SCMP_ARCH_X32))
        return add_architecture(sorter, SCMP_ARCH_X32);
    add_answer(sorter, x32->base, BAD_ARCHITECTURE);
    add_answer(sorter, UINT32_MAX, sorter->to->profile->default_action);
}

static void add_machine(struct sorter *sorter, uint32_t token)
{
    uint32_t audit = seccomp_architecture(token)->audit;
    struct machine *machine = &sorter->to->machines[sorter->to->machine_count];

    for (size_t i = 0; i < sorter->to->machine_count; i++) {
        if (sorter->to->machines[i].audit == audit)
            return;
    }
    *machine = (struct machine){.audit = audit, .first = sorter->to->count};
    if (audit == AUDIT_ARCH_X86_64)
        add_x86_64_machine(sorter);
    else
        add_architecture(sorter, token);
    machine->end = sorter->to->count;
    sorter->to->machine_count++;
}

static void sort_all(struct sorter *sorter)
{
    const struct profile *profile = sorter->to->profile;

    for (size_t i = 0; i < profile->token_count && sorter->doubt == NULL; i++)
        add_machine(sorter, profile->tokens[i]);
}

/* Room for the usual: each name one part of each architecture. */
static bool make_room(struct segments *segments, const struct profile *profile, struct arena *arena)
{
    size_t names = 0;

    for_each_item (rule, &profile->spec->syscalls)
        names += rule->names.count;
    *segments = (struct segments){.profile = profile,
                                  .arena = arena,
                                  .room = 512,
                                  .part_room = names * profile->token_count + 64};
    segments->items = arena_zero(arena, segments->room, sizeof *segments->items);
    segments->parts = arena_zero(arena, segments->part_room, sizeof *segments->parts);
    segments->rules = arena_zero(arena, CALL_RULES, sizeof *segments->rules);
    return segments->items != NULL && segments->parts != NULL && segments->rules != NULL;
}

int seccomp_segments(struct segments *ret, const char **ret_doubt, const struct profile *profile,
                     struct arena *arena, struct error *err)
{
    struct segments segments;
    struct sorter *sorter = arena_zero(arena, 1, sizeof *sorter);

    if (sorter == NULL || !make_room(&segments, profile, arena))
        return no_memory(err);
    sorter->to = &segments;
    sort_all(sorter);
    if (sorter->no_memory)
        return no_memory(err);
    *ret_doubt = sorter->doubt;
    *ret = segments;
    return sorter->doubt != NULL;
}
