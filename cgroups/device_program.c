#include <errno.h>
#include <string.h>

#include "base/kernel.h"
#include "base/own.h"
#include "cgroups/devices.h"

/* Registers, named by what they hold. */
enum {
    RESULT = BPF_REG_0,
    CONTEXT = BPF_REG_1, /* struct bpf_cgroup_dev_ctx */
    TYPE = BPF_REG_2,
    WANTED = BPF_REG_3, /* accesses that no rule has decided yet */
    MAJOR = BPF_REG_4,
    MINOR = BPF_REG_5,
    SCRATCH = BPF_REG_6
};

/* The most one rule needs: three comparisons, and and-not, jump, result, exit. */
enum { RULE_MOST = 8, FRAME = 8 };

struct assembly {
    struct bpf_insn *code;
    size_t length;
};

static void emit(struct assembly *to, unsigned code, unsigned target, unsigned source,
                 unsigned offset, int immediate)
{
    to->code[to->length++] = (struct bpf_insn){
        .code = (uint8_t)code,
        .dst_reg = target & 0xf,
        .src_reg = source & 0xf,
        .off = (int16_t)offset,
        .imm = immediate,
    };
}

static void emit_return(struct assembly *to, bool allow)
{
    emit(to, BPF_ALU64 | BPF_MOV | BPF_K, RESULT, 0, 0, allow);
    emit(to, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

static void emit_start(struct assembly *to)
{
    static const unsigned load = BPF_LDX | BPF_MEM | BPF_W;

    /* access_type holds the access in its upper half, the type in its lower half. */
    emit(to, load, TYPE, CONTEXT, offsetof(struct bpf_cgroup_dev_ctx, access_type), 0);
    emit(to, BPF_ALU64 | BPF_MOV | BPF_X, WANTED, TYPE, 0, 0);
    emit(to, BPF_ALU64 | BPF_RSH | BPF_K, WANTED, 0, 0, 16);
    emit(to, BPF_ALU64 | BPF_AND | BPF_K, TYPE, 0, 0, 0xffff);
    emit(to, load, MAJOR, CONTEXT, offsetof(struct bpf_cgroup_dev_ctx, major), 0);
    emit(to, load, MINOR, CONTEXT, offsetof(struct bpf_cgroup_dev_ctx, minor), 0);
}

/* Decide the accesses of this rule for the devices of this rule.  True when it decides everything
 * for every device, so that nothing behind it could be reached (the verifier refuses dead code). */
static bool emit_rule(struct assembly *to, const struct device_rule *rule)
{
    static const unsigned unless = BPF_JMP | BPF_JNE | BPF_K;
    size_t start = to->length;
    bool all_accesses = rule->access == DEVICE_ACCESS_ALL;

    if (rule->type != 0)
        emit(to, unless, TYPE, 0, 0, rule->type);
    if (rule->major >= 0)
        emit(to, unless, MAJOR, 0, 0, (int)rule->major);
    if (rule->minor >= 0)
        emit(to, unless, MINOR, 0, 0, (int)rule->minor);

    bool all_devices = to->length == start;

    if (!all_accesses && rule->allow) {
        emit(to, BPF_ALU64 | BPF_AND | BPF_K, WANTED, 0, 0,
             (int)(DEVICE_ACCESS_ALL & ~rule->access));
        emit(to, unless, WANTED, 0, 0, 0);
    } else if (!all_accesses) {
        emit(to, BPF_ALU64 | BPF_MOV | BPF_X, SCRATCH, WANTED, 0, 0);
        emit(to, BPF_ALU64 | BPF_AND | BPF_K, SCRATCH, 0, 0, (int)rule->access);
        emit(to, BPF_JMP | BPF_JEQ | BPF_K, SCRATCH, 0, 0, 0);
    }
    emit_return(to, rule->allow);

    /* Every jump so far means "not this rule". */
    for (size_t i = start; i < to->length; i++) {
        unsigned operation = BPF_OP(to->code[i].code);

        if (BPF_CLASS(to->code[i].code) == BPF_JMP && operation != BPF_EXIT)
            to->code[i].off = (int16_t)(to->length - i - 1);
    }
    return all_devices && all_accesses;
}

int device_program(const struct device_rule *rules, size_t count, struct arena *arena,
                   struct bpf_insn **ret, size_t *ret_length, struct error *err)
{
    struct assembly to = {
        .code = arena_zero(arena, FRAME + count * RULE_MOST, sizeof(struct bpf_insn)),
    };
    bool decided = false;

    if (to.code == NULL)
        return no_memory(err);
    emit_start(&to);
    /* The last rule that matches decides, so the last one is asked first. */
    for (size_t i = count; i > 0 && !decided; i--)
        decided = emit_rule(&to, &rules[i - 1]);
    if (!decided)
        emit_return(&to, false);
    *ret = to.code;
    *ret_length = to.length;
    return 0;
}

/* How our programs are known among those of others; at most 15 characters. */
static const char program_name[] = "crun_lite_dev";

static uint64_t address(const void *pointer)
{
    return (uint64_t)(uintptr_t)pointer;
}

static int load_program(const struct bpf_insn *program, size_t length)
{
    union bpf_attr load;

    memset(&load, 0, sizeof load);
    load.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
    load.insns = address(program);
    load.insn_cnt = (uint32_t)length;
    load.license = address("Apache-2.0");
    memcpy(load.prog_name, program_name, sizeof program_name);
    return (int)kernel_bpf(BPF_PROG_LOAD, &load, sizeof load);
}

int device_program_load(const struct bpf_insn *program, size_t length, int *ret, struct error *err)
{
    int fd = load_program(program, length);

    if (fd < 0 && errno == EPERM) {
        fail(err, errno, "load the device filter");
        return hint(err, "CAP_BPF and CAP_NET_ADMIN, or CAP_SYS_ADMIN, in the initial user "
                         "namespace are needed; before Linux 5.11 also memory to lock");
    }
    if (fd < 0)
        return fail(err, errno, "load the device filter (a bpf program of %zu instructions)",
                    length);
    *ret = fd;
    return 0;
}

/* Attach beside those of others, or in the place of `instead`, unless that is -1. */
static int attach(int cgroup, int program, int instead)
{
    union bpf_attr attributes;

    memset(&attributes, 0, sizeof attributes);
    attributes.target_fd = (uint32_t)cgroup;
    attributes.attach_bpf_fd = (uint32_t)program;
    attributes.attach_type = BPF_CGROUP_DEVICE;
    attributes.attach_flags = BPF_F_ALLOW_MULTI;
    if (instead >= 0) {
        attributes.attach_flags |= BPF_F_REPLACE;
        attributes.replace_bpf_fd = (uint32_t)instead;
    }
    return (int)kernel_bpf(BPF_PROG_ATTACH, &attributes, sizeof attributes);
}

static int detach(int cgroup, int program)
{
    union bpf_attr attributes;

    memset(&attributes, 0, sizeof attributes);
    attributes.target_fd = (uint32_t)cgroup;
    attributes.attach_bpf_fd = (uint32_t)program;
    attributes.attach_type = BPF_CGROUP_DEVICE;
    return (int)kernel_bpf(BPF_PROG_DETACH, &attributes, sizeof attributes);
}

int device_program_attach(int cgroup, const struct bpf_insn *program, size_t length,
                          struct error *err)
{
    autoclose int fd = -1;

    if (device_program_load(program, length, &fd, err) < 0)
        return -err->code;
    if (attach(cgroup, fd, -1) < 0)
        return fail(err, errno, "attach the device filter");
    return 0;
}

/* Before BPF_F_REPLACE: with both attached, what either refuses is refused. */
static int replace_in_two_steps(int cgroup, int from, int to, struct error *err)
{
    if (attach(cgroup, to, -1) < 0)
        return fail(err, errno, "attach the new device filter");
    if (detach(cgroup, from) == 0)
        return 0;
    fail(err, errno, "detach the old device filter");
    detach(cgroup, to);
    return -err->code;
}

int device_program_replace(int cgroup, int from, int to, struct error *err)
{
    if (attach(cgroup, to, from) == 0)
        return 0;
    if (errno == EINVAL)
        return replace_in_two_steps(cgroup, from, to, err);
    return fail(err, errno, "replace the device filter");
}

static bool is_ours(int program)
{
    struct bpf_prog_info info = {0};
    union bpf_attr query;

    memset(&query, 0, sizeof query);
    query.info.bpf_fd = (uint32_t)program;
    query.info.info_len = sizeof info;
    query.info.info = address(&info);
    return kernel_bpf(BPF_OBJ_GET_INFO_BY_FD, &query, sizeof query) == 0 &&
           strcmp(info.name, program_name) == 0;
}

/* A program of ours by its id; -1 when it is another's, or gone. */
static int open_ours(uint32_t id)
{
    union bpf_attr attributes;

    memset(&attributes, 0, sizeof attributes);
    attributes.prog_id = id;

    autoclose int program = (int)kernel_bpf(BPF_PROG_GET_FD_BY_ID, &attributes, sizeof attributes);

    return program >= 0 && is_ours(program) ? take_fd(&program) : -1;
}

/* The kernel's limit is 64 a cgroup (BPF_CGROUP_MAX_PROGS). */
enum { ATTACHED_MOST = 64 };

/* Ids of what is attached to this very cgroup, in the order they were attached. */
static int query(int cgroup, uint32_t ids[static ATTACHED_MOST], uint32_t *ret_count)
{
    union bpf_attr query;

    memset(&query, 0, sizeof query);
    query.query.target_fd = (uint32_t)cgroup;
    query.query.attach_type = BPF_CGROUP_DEVICE;
    query.query.prog_ids = address(ids);
    query.query.prog_cnt = ATTACHED_MOST;
    if (kernel_bpf(BPF_PROG_QUERY, &query, sizeof query) < 0)
        return -errno;
    *ret_count = query.query.prog_cnt;
    return 0;
}

int device_program_find(int cgroup, int *ret, struct error *err)
{
    uint32_t ids[ATTACHED_MOST] = {0};
    uint32_t count = 0;
    int code = query(cgroup, ids, &count);

    if (code < 0)
        return fail(err, -code, "ask for the device filters of the cgroup");
    for (uint32_t i = count; i > 0; i--) {
        int program = open_ours(ids[i - 1]);

        if (program < 0)
            continue;
        *ret = program;
        return 0;
    }
    return refuse(err, ENOENT,
                  "the container's cgroup has no device filter of ours: it never had "
                  "one, or somebody has replaced it");
}

void device_program_detach(int cgroup)
{
    uint32_t ids[ATTACHED_MOST] = {0};
    uint32_t count = 0;

    if (query(cgroup, ids, &count) < 0)
        return;
    for (uint32_t i = 0; i < count; i++) {
        autoclose int program = open_ours(ids[i]);

        if (program >= 0)
            detach(cgroup, program);
    }
}
