/* BPF from its end: jumps of every length lead where they should. */

#include "seccomp/assemble.h"

#include "tests/unit/seccomp_simulator.h"

enum { ROOM = 4096, YES = 111, NO = 222, BETWEEN = 333 };

/* A jump with `distance` instructions between it and what it leads to. */
static void check_distance(size_t distance, bool yes_is_near)
{
    static struct sock_filter program[ROOM];
    struct assembler assembler = {.end = program + ROOM, .room = ROOM};
    const struct seccomp_data same = {.nr = 7}, other = {.nr = 8};
    struct place far = assemble_load(&assembler, 0, place_answer(yes_is_near ? NO : YES));
    struct place near;

    for (near = place_answer(BETWEEN); assembler.count < far.at + distance;)
        near = assemble_and(&assembler, UINT32_MAX, near);
    near = assemble_load(&assembler, 0, place_answer(yes_is_near ? YES : NO));
    assemble_load(
        &assembler, 0,
        assemble_jump(&assembler, BPF_JEQ, 7, yes_is_near ? near : far, yes_is_near ? far : near));
    cr_expect_eq(run_filter(assembler.end - assembler.count, assembler.count, &same), YES,
                 "%zu between", distance);
    cr_expect_eq(run_filter(assembler.end - assembler.count, assembler.count, &other), NO,
                 "%zu between", distance);
}

Test(seccomp_assemble, a_jump_reaches_any_distance)
{
    for (size_t distance = 1; distance < 600; distance++) {
        check_distance(distance, true);
        check_distance(distance, false);
    }
}

/* Two far places, and two far answers, behind one jump: each needs help, and is moved by the
 * other's. */
Test(seccomp_assemble, both_ways_of_a_jump_may_be_far)
{
    for (size_t distance = 240; distance < 270; distance++) {
        static struct sock_filter program[ROOM];
        struct assembler assembler = {.end = program + ROOM, .room = ROOM};
        const struct seccomp_data same = {.nr = 7}, other = {.nr = 8};
        struct place no = assemble_load(&assembler, 0, place_answer(NO));
        struct place yes = assemble_load(&assembler, 0, place_answer(YES));
        struct place between = place_answer(BETWEEN);

        while (assembler.count < distance)
            between = assemble_and(&assembler, UINT32_MAX, between);
        assemble_load(&assembler, 0, assemble_jump(&assembler, BPF_JEQ, 7, yes, no));
        cr_expect_eq(run_filter(assembler.end - assembler.count, assembler.count, &same), YES);
        cr_expect_eq(run_filter(assembler.end - assembler.count, assembler.count, &other), NO);

        while (assembler.count < 2 * distance)
            between = assemble_and(&assembler, UINT32_MAX, between);
        assemble_load(&assembler, 0,
                      assemble_jump(&assembler, BPF_JEQ, 7, place_answer(YES), place_answer(NO)));
        cr_expect_eq(run_filter(assembler.end - assembler.count, assembler.count, &same), YES);
        cr_expect_eq(run_filter(assembler.end - assembler.count, assembler.count, &other), NO);
    }
}

Test(seccomp_assemble, more_answers_than_are_kept_in_mind_are_written_again)
{
    static struct sock_filter program[ROOM];
    struct assembler assembler = {.end = program + ROOM, .room = ROOM};
    struct place next = place_answer(0);

    for (uint32_t i = 0; i < 100; i++)
        next = assemble_jump(&assembler, BPF_JEQ, i, place_answer(1000 + i), next);
    assemble_load(&assembler, 0, next);
    for (uint32_t i = 0; i < 101; i++) {
        const struct seccomp_data data = {.nr = (int)i};

        cr_expect_eq(run_filter(assembler.end - assembler.count, assembler.count, &data),
                     i < 100 ? 1000 + i : 0);
    }
}

Test(seccomp_assemble, without_room_instructions_are_only_counted)
{
    struct sock_filter guard = BPF_STMT(BPF_RET | BPF_K, 99);
    struct assembler assembler = {.end = &guard + 1, .room = 0};

    assemble_load(&assembler, 0, place_answer(YES));
    cr_expect_eq(assembler.count, 2);
    cr_expect_eq(guard.k, 99);
}
