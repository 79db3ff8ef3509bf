/* From segments to instructions: a binary search, and what a call's rules compare. */

#include "seccomp/compile.h"

#include <linux/seccomp.h>

#include "seccomp/assemble.h"
#include "seccomp/segments.h"

struct writer {
    struct segments *segments;
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
    struct segments *segments = writer->segments;
    struct place next = place_answer(segments->profile->default_action);

    for (size_t i = seccomp_segment_rules(segments, segment); i-- > 0;) {
        const struct rule *rule = &segments->rules[i];
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
    const struct segment *segments = writer->segments->items;
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
static size_t write_program(struct segments *segments, struct sock_filter *end, size_t room)
{
    struct writer writer = {
        .segments = segments, .out = {.end = end, .room = room}
    };
    struct place bodies[PROFILE_ARCHITECTURES];
    struct place next = place_answer(BAD_ARCHITECTURE);

    for (size_t i = segments->machine_count; i-- > 0;)
        bodies[i] = write_machine(&writer, &segments->machines[i]);
    for (size_t i = segments->machine_count; i-- > 0;)
        next = assemble_jump(&writer.out, BPF_JEQ, segments->machines[i].audit, bodies[i], next);
    assemble_load(&writer.out, offsetof(struct seccomp_data, arch), next);
    return writer.out.count;
}

int seccomp_compile(struct program *ret, const char **ret_doubt, const struct profile *profile,
                    struct arena *arena, struct error *err)
{
    struct segments segments;
    struct program program;
    int code;

    *ret_doubt = seccomp_profile_doubt(profile);
    if (*ret_doubt != NULL)
        return 1;
    code = seccomp_segments(&segments, ret_doubt, profile, arena, err);
    if (code != 0)
        return code;

    /* Twice the same: first only to know how long it becomes. */
    program.count = write_program(&segments, NULL, 0);
    if (program.count > BPF_MAXINSNS) {
        *ret_doubt = "too many instructions";
        return 1;
    }
    program.instructions = arena_zero(arena, program.count, sizeof *program.instructions);
    if (program.instructions == NULL)
        return no_memory(err);
    write_program(&segments, program.instructions + program.count, program.count);
    *ret = program;
    return 0;
}
