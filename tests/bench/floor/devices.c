/* The device program of a cgroup: what every runtime allows by default, all else is denied. */

#include <linux/bpf.h>

#include "tests/bench/floor/floor.h"

#define count_of(array) (int)(sizeof(array) / sizeof *(array))

enum { ANY = -1, MAKE = 1 /* BPF_DEVCG_ACC_MKNOD */, ALL = 7, CHAR = 2, BLOCK = 1 };

static const struct {
    short type;
    short access;
    short major;
    short minor;
} rules[] = {
    {CHAR,  MAKE, ANY, ANY},
    {BLOCK, MAKE, ANY, ANY},
    {CHAR,  ALL,  1,   3  }, /* null    */
    {CHAR,  ALL,  1,   5  }, /* zero    */
    {CHAR,  ALL,  1,   7  }, /* full    */
    {CHAR,  ALL,  1,   8  }, /* random  */
    {CHAR,  ALL,  1,   9  }, /* urandom */
    {CHAR,  ALL,  5,   0  }, /* tty     */
    {CHAR,  ALL,  5,   2  }, /* ptmx    */
    {CHAR,  ALL,  136, ANY}, /* pts     */
};

/* Where the words of struct bpf_cgroup_dev_ctx are kept. */
enum { CONTEXT = 1, TYPE, ACCESS, MAJOR, MINOR, SCRATCH };

struct program {
    struct bpf_insn items[96];
    int count;
};

static void add(struct program *program, int code, unsigned to, unsigned from, int offset,
                int value)
{
    struct bpf_insn instruction = {.code = (__u8)code, .off = (__s16)offset, .imm = value};

    instruction.dst_reg = to & 0xf;
    instruction.src_reg = from & 0xf;
    program->items[program->count++] = instruction;
}

static void add_answer(struct program *program, int answer)
{
    add(program, BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, answer);
    add(program, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

/* The type is the low half of the first word, the access its high half. */
static void load_context(struct program *program)
{
    add(program, BPF_LDX | BPF_MEM | BPF_W, TYPE, CONTEXT, 0, 0);
    add(program, BPF_ALU | BPF_AND | BPF_K, TYPE, 0, 0, 0xffff);
    add(program, BPF_LDX | BPF_MEM | BPF_W, ACCESS, CONTEXT, 0, 0);
    add(program, BPF_ALU | BPF_RSH | BPF_K, ACCESS, 0, 0, 16);
    add(program, BPF_LDX | BPF_MEM | BPF_W, MAJOR, CONTEXT, 4, 0);
    add(program, BPF_LDX | BPF_MEM | BPF_W, MINOR, CONTEXT, 8, 0);
}

/* Jumps of a rule go to the next one; where that is, is known when the rule is complete. */
static void add_rule(struct program *program, int number)
{
    int begin = program->count;

    add(program, BPF_JMP | BPF_JNE | BPF_K, TYPE, 0, 0, rules[number].type);
    if (rules[number].access != ALL) {
        add(program, BPF_ALU | BPF_MOV | BPF_X, SCRATCH, ACCESS, 0, 0);
        add(program, BPF_ALU | BPF_AND | BPF_K, SCRATCH, 0, 0, rules[number].access);
        add(program, BPF_JMP | BPF_JNE | BPF_X, SCRATCH, ACCESS, 0, 0);
    }
    if (rules[number].major != ANY)
        add(program, BPF_JMP | BPF_JNE | BPF_K, MAJOR, 0, 0, rules[number].major);
    if (rules[number].minor != ANY)
        add(program, BPF_JMP | BPF_JNE | BPF_K, MINOR, 0, 0, rules[number].minor);
    add_answer(program, 1);
    for (int i = begin; i < program->count; i++) {
        if ((program->items[i].code & 0xf7) == (BPF_JMP | BPF_JNE))
            program->items[i].off = (__s16)(program->count - i - 1);
    }
}

void limit_devices(struct container *container)
{
    static struct program program;
    union bpf_attr load = {.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE};
    union bpf_attr attach = {.target_fd = (__u32)container->cgroup_fd};
    long fd;

    load_context(&program);
    for (int i = 0; i < count_of(rules); i++)
        add_rule(&program, i);
    add_answer(&program, 0);
    load.insn_cnt = (__u32)program.count;
    load.insns = (uintptr_t)program.items;
    load.license = (uintptr_t) "GPL";
    fd = must(call(bpf, BPF_PROG_LOAD, &load, sizeof load));
    mark(container->parent, "device program: load");

    attach.attach_bpf_fd = (__u32)fd;
    attach.attach_type = BPF_CGROUP_DEVICE;
    attach.attach_flags = BPF_F_ALLOW_MULTI;
    must(call(bpf, BPF_PROG_ATTACH, &attach, sizeof attach));
    call(close, fd);
    mark(container->parent, "device program: attach");
}
