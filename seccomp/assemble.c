#include "seccomp/assemble.h"

enum {
    REACH = UINT8_MAX,
    SPARE = 1, /* what may still come between a jump and its second target: help for the first */
};

struct place place_answer(uint32_t answer)
{
    return (struct place){.at = 0, .answer = answer};
}

static struct place put(struct assembler *assembler, struct sock_filter instruction)
{
    assembler->count++;
    if (assembler->count <= assembler->room)
        *(assembler->end - assembler->count) = instruction;
    return (struct place){.at = assembler->count};
}

/* How many instructions the next one would have to skip. */
static size_t distance(const struct assembler *assembler, size_t at)
{
    return assembler->count - at;
}

static bool within_reach(const struct assembler *assembler, size_t at)
{
    return at != 0 && distance(assembler, at) + SPARE <= REACH;
}

/* The answer as an instruction that the next one can jump to. */
static size_t answer_nearby(struct assembler *assembler, uint32_t answer)
{
    size_t i = 0;

    while (i < ASSEMBLER_ANSWERS &&
           (assembler->answers[i].at == 0 || assembler->answers[i].answer != answer))
        i++;
    if (i < ASSEMBLER_ANSWERS && within_reach(assembler, assembler->answers[i].at))
        return assembler->answers[i].at;
    if (i == ASSEMBLER_ANSWERS)
        i = assembler->next_answer++ % ASSEMBLER_ANSWERS;
    put(assembler, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, answer));
    assembler->answers[i].answer = answer;
    assembler->answers[i].at = assembler->count;
    return assembler->count;
}

static size_t nearby(struct assembler *assembler, struct place place)
{
    if (place.at == 0)
        return answer_nearby(assembler, place.answer);
    if (within_reach(assembler, place.at))
        return place.at;
    return put(assembler, (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA,
                                                       (uint32_t)distance(assembler, place.at)))
        .at;
}

/* What has no jump runs on into the next instruction: that must be it. */
static void follow(struct assembler *assembler, struct place then)
{
    if (then.at == 0)
        put(assembler, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, then.answer));
    else if (then.at != assembler->count)
        put(assembler,
            (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA, (uint32_t)distance(assembler, then.at)));
}

struct place assemble_load(struct assembler *assembler, size_t offset, struct place then)
{
    follow(assembler, then);
    return put(assembler, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset));
}

struct place assemble_and(struct assembler *assembler, uint32_t mask, struct place then)
{
    follow(assembler, then);
    return put(assembler, (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, mask));
}

struct place assemble_jump(struct assembler *assembler, unsigned test, uint32_t value,
                           struct place yes, struct place no)
{
    size_t yes_at = nearby(assembler, yes);
    size_t no_at = nearby(assembler, no);

    return put(assembler, (struct sock_filter)BPF_JUMP((uint16_t)(BPF_JMP | test | BPF_K), value,
                                                       (uint8_t)distance(assembler, yes_at),
                                                       (uint8_t)distance(assembler, no_at)));
}
