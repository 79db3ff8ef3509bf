#pragma once

/*
 * What the tests of seccomp/ share: a profile written as JSON becomes a plan, and an interpreter of
 * classic BPF over struct seccomp_data says what the kernel would answer.  The interpreter is
 * written from the kernel's rules (filter.txt, "BPF engine and instruction set"), not from
 * libseccomp, so that the two can disagree.
 */

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

#include "base/own.h"
#include "seccomp/seccomp.h"

/* One step of a jump: where to go on. */
static inline size_t jump_from(const struct sock_filter *at, size_t here, uint32_t accumulator)
{
    bool taken;

    switch (BPF_OP(at->code)) {
    case BPF_JA:
        return here + 1 + at->k;
    case BPF_JEQ:
        taken = accumulator == at->k;
        break;
    case BPF_JGT:
        taken = accumulator > at->k;
        break;
    case BPF_JGE:
        taken = accumulator >= at->k;
        break;
    default:
        cr_assert_eq(BPF_OP(at->code), BPF_JSET);
        taken = accumulator & at->k;
    }
    return here + 1 + (taken ? at->jt : at->jf);
}

static inline uint32_t run_filter(const struct sock_filter *filter, size_t length,
                                  const struct seccomp_data *data)
{
    uint32_t accumulator = 0;
    size_t here = 0;

    while (here < length) {
        const struct sock_filter *at = &filter[here];

        switch (at->code) {
        case BPF_LD | BPF_W | BPF_ABS:
            cr_assert(at->k % 4 == 0 && at->k + 4 <= sizeof *data);
            memcpy(&accumulator, (const char *)data + at->k, 4);
            here++;
            break;
        case BPF_ALU | BPF_AND | BPF_K:
            accumulator &= at->k;
            here++;
            break;
        case BPF_RET | BPF_K:
            return at->k;
        default:
            cr_assert_eq(BPF_CLASS(at->code), BPF_JMP, "instruction %#x", at->code);
            cr_assert_eq(BPF_SRC(at->code), BPF_K);
            here = jump_from(at, here, accumulator);
        }
    }
    cr_assert_fail("the filter runs off its end");
    return 0;
}

/* The machine the tests run on. */
static inline uint32_t own_architecture(void)
{
    return seccomp_arch_native();
}

static inline uint32_t verdict_on(const struct seccomp_plan *plan, const struct seccomp_data *data)
{
    return run_filter(plan->filter, plan->length, data);
}

/* The answer to a system call of this machine without arguments. */
static inline uint32_t verdict_of(const struct seccomp_plan *plan, long number)
{
    const struct seccomp_data data = {.nr = (int)number, .arch = own_architecture()};

    return verdict_on(plan, &data);
}

/* The plan of `profile`, the JSON of linux.seccomp.  0 or -errno, as the library says it. */
static inline int try_plan(struct seccomp_plan *ret, const char *profile, struct arena *arena,
                           const struct log *log, struct error *err)
{
    static const char around[] =
        "{\"ociVersion\": \"1.2.0\", \"root\": {\"path\": \"rootfs\"},"
        " \"process\": {\"cwd\": \"/\", \"args\": [\"true\"], \"user\": {\"uid\": 0, \"gid\": 0}},"
        " \"linux\": {\"seccomp\": %s}}";
    const char *json = arena_print(arena, around, profile);
    struct spec *spec;

    if (spec_parse(json, strlen(json), "profile", arena, NULL, &spec, err) < 0)
        return -err->code;
    return seccomp_plan_from_spec(ret, spec->linux_->seccomp, arena, log, err);
}

static inline struct seccomp_plan plan_of(const char *profile, struct arena *arena)
{
    struct seccomp_plan plan = {0};
    struct error err;

    cr_assert_eq(try_plan(&plan, profile, arena, NULL, &err), 0, "%s: %s", profile, err.text);
    cr_assert(plan.wanted);
    return plan;
}

#define RETURNS(action, data) ((uint32_t)(action) | (uint32_t)(data))
