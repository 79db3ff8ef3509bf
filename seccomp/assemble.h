#pragma once

/*
 * Classic BPF, written from its end: every jump goes forward, so where it leads to is there already
 * when it is written.  For this folder only.
 *
 * A conditional jump reaches 255 instructions.  Where that is too short an unconditional one, which
 * reaches anything, is put between; an answer is simply written again.
 */

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ASSEMBLER_ANSWERS = 16 };

struct assembler {
    struct sock_filter *end; /* the program grows down from here */
    size_t room;
    size_t count; /* instructions; above `room`, only counted */
    struct {
        uint32_t answer;
        size_t at;
    } answers[ASSEMBLER_ANSWERS]; /* the nearest of each; `at` 0 for none */
    size_t next_answer;
};

/* A place in the program: the `at`th instruction from its end; or, with 0, to answer at once. */
struct place {
    size_t at;
    uint32_t answer;
};

/* SECCOMP_RET_*, with its data. */
struct place place_answer(uint32_t answer);

/* Each puts an instruction in front of what is there; the place is that instruction. */

struct place assemble_load(struct assembler *assembler, size_t offset, struct place then);
struct place assemble_and(struct assembler *assembler, uint32_t mask, struct place then);

/* `test` is BPF_JEQ, BPF_JGT or BPF_JGE; what was loaded is compared with `value`. */
struct place assemble_jump(struct assembler *assembler, unsigned test, uint32_t value,
                           struct place yes, struct place no);
