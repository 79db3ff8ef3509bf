#include "seccomp/unknown_calls.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdbool.h>

#include "base/own.h"
#include "seccomp/calls.h"

/* Numbers above the ordinary ones of an architecture have another meaning: they are neither counted
 * nor answered here. */
struct ceiling {
    uint32_t token;
    uint32_t highest;
};

static const struct ceiling ceilings[] = {
    {SCMP_ARCH_X86_64, 0x3fffffff}, /* above: x32, an architecture of its own to libseccomp */
    {SCMP_ARCH_ARM,    0x000effff}, /* above: breakpoint, cacheflush, set_tls and such      */
};

static uint32_t highest_ordinary(uint32_t token)
{
    for (size_t i = 0; i < count_of(ceilings); i++) {
        if (ceilings[i].token == token)
            return ceilings[i].highest;
    }
    return UINT32_MAX;
}

/* TRACE counts as allowing: a tracer decides, and it may well let the call through. */
static bool default_denies(const struct spec_seccomp *profile)
{
    switch (profile->default_action) {
    case SPEC_SECCOMP_ALLOW:
    case SPEC_SECCOMP_LOG:
    case SPEC_SECCOMP_TRACE:
        return false;
    case SPEC_SECCOMP_ERRNO:
        return !profile->default_errno_ret.set || profile->default_errno_ret.value != ENOSYS;
    default:
        return true;
    }
}

void seccomp_newest_call(struct newest_call *newest, uint32_t token, int number)
{
    /* Negative: unknown, or without a number of its own on this architecture. */
    if (number < 0 || (uint32_t)number > highest_ordinary(token) ||
        (newest->known && (uint32_t)number <= newest->number))
        return;
    *newest = (struct newest_call){true, (uint32_t)number};
}

static struct newest_call newest_mentioned(const struct spec_seccomp *profile, uint32_t token)
{
    struct newest_call newest = {0};

    for_each_item (syscall, &profile->syscalls) {
        for (size_t i = 0; i < syscall->names.count; i++) {
            struct call call = seccomp_call(syscall->names.items[i]);

            seccomp_newest_call(&newest, token, seccomp_call_number(&call, token));
        }
    }
    return newest;
}

/* On s390, calls above 255 come in through setup(2), number 0; when the kernel does not know the
 * call, 0 is all a filter sees.  setup itself is long gone. */
static bool multiplexes_by_setup(uint32_t token)
{
    return token == SCMP_ARCH_S390 || token == SCMP_ARCH_S390X;
}

size_t seccomp_unknown_calls_above(struct unknown_calls ranges[static UNKNOWN_CALLS_EACH],
                                   const struct spec_seccomp *profile, uint32_t token,
                                   const struct newest_call *newest)
{
    /* The kernel reports x32 as x86_64 with a bit set in the number. */
    uint32_t architecture = token == SCMP_ARCH_X32 ? SCMP_ARCH_X86_64 : token;
    uint32_t last = highest_ordinary(token);
    size_t count = 0;

    if (!newest->known || !default_denies(profile))
        return 0;
    if (newest->number < last)
        ranges[count++] = (struct unknown_calls){architecture, newest->number + 1, last};
    if (multiplexes_by_setup(token))
        ranges[count++] = (struct unknown_calls){architecture, 0, 0};
    return count;
}

size_t seccomp_unknown_calls(struct unknown_calls ranges[static UNKNOWN_CALLS_RANGES],
                             const struct spec_seccomp *profile, const uint32_t *tokens,
                             size_t token_count)
{
    size_t count = 0;

    for (size_t i = 0; i < token_count && count + UNKNOWN_CALLS_EACH <= UNKNOWN_CALLS_RANGES; i++) {
        struct newest_call newest = newest_mentioned(profile, tokens[i]);

        count += seccomp_unknown_calls_above(ranges + count, profile, tokens[i], &newest);
    }
    return count;
}

static bool seen_before(const struct unknown_calls *ranges, size_t index)
{
    for (size_t i = 0; i < index; i++) {
        if (ranges[i].architecture == ranges[index].architecture)
            return true;
    }
    return false;
}

/* The number is loaded: ENOSYS when it lies in the range, the next instruction when not. */
static size_t answer_range(struct sock_filter *at, const struct unknown_calls *range)
{
    at[0] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, range->first, 0, 2);
    at[1] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, range->last, 1, 0);
    at[2] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS);
    return 3;
}

/* The architecture is loaded: all ranges of the one of ranges[first], then out. */
static size_t answer_architecture(struct sock_filter *at, const struct unknown_calls *ranges,
                                  size_t count, size_t first)
{
    size_t used = 1;

    at[used++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
                                              offsetof(struct seccomp_data, nr));
    for (size_t i = first; i < count; i++) {
        if (ranges[i].architecture == ranges[first].architecture)
            used += answer_range(at + used, &ranges[i]);
    }
    at[used++] = (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA, 0); /* to the end, set later */
    at[0] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ranges[first].architecture, 0,
                                         (uint8_t)(used - 1));
    return used;
}

size_t seccomp_unknown_calls_program(struct sock_filter program[static UNKNOWN_CALLS_INSTRUCTIONS],
                                     const struct unknown_calls *ranges, size_t count)
{
    size_t used = 0;

    if (count == 0)
        return 0;
    program[used++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
                                                   offsetof(struct seccomp_data, arch));
    for (size_t i = 0; i < count; i++) {
        if (!seen_before(ranges, i))
            used += answer_architecture(program + used, ranges, count, i);
    }
    for (size_t i = 0; i < used; i++) {
        if (program[i].code == (BPF_JMP | BPF_JA))
            program[i].k = (uint32_t)(used - i - 1);
    }
    return used;
}
