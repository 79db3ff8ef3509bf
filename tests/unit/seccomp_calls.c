/* Names and numbers of system calls: the table that is made when the program is built says what
 * libseccomp does, and where it says nothing libseccomp is asked. */

#include "seccomp/calls.h"

#include <stdlib.h>

#include "tests/unit/seccomp_simulator.h"

enum { LOWEST = -20000, HIGHEST = 2000 };

static const uint32_t tokens[] = {SCMP_ARCH_X86_64, SCMP_ARCH_X86,     SCMP_ARCH_X32,
                                  SCMP_ARCH_ARM,    SCMP_ARCH_AARCH64, SCMP_ARCH_S390X,
                                  SCMP_ARCH_MIPSEL};

static void check_name(const char *name)
{
    struct call call = seccomp_call(name);

    cr_expect(call.row >= 0 || call.row == CALL_OF_LIBRARY, "%s: row %d", name, call.row);
    for (size_t i = 0; i < count_of(tokens); i++) {
        int number = seccomp_syscall_resolve_name_arch(tokens[i], name);

        cr_expect_eq(seccomp_call_number(&call, tokens[i]), number, "%s on %#x: %d instead of %d",
                     name, tokens[i], seccomp_call_number(&call, tokens[i]), number);
    }
}

Test(seccomp_calls, have_the_numbers_that_libseccomp_gives_them)
{
    unsigned names = 0;

    for (int number = LOWEST; number < HIGHEST; number++) {
        autofree char *name = seccomp_syscall_resolve_num_arch(own_architecture(), number);

        if (name == NULL)
            continue;
        check_name(name);
        names++;
    }
    cr_expect_gt(names, 400);
}

Test(seccomp_calls, most_are_in_the_table)
{
    if (own_architecture() != SCMP_ARCH_X86_64)
        cr_skip_test("a table for x86_64 is looked for");
    cr_expect_geq(seccomp_call("read").row, 0);
    cr_expect_geq(seccomp_call("socketcall").row, 0);
    cr_expect_geq(seccomp_call("cacheflush").row, 0);
}

Test(seccomp_calls, a_name_that_is_none_is_unknown_everywhere)
{
    static const char *const names[] = {"", "no_such_call", "READ", "read ", "rea"};

    for (size_t i = 0; i < count_of(names); i++) {
        struct call call = seccomp_call(names[i]);

        cr_expect_eq(call.row, CALL_UNKNOWN, "%s", names[i]);
        cr_expect_eq(seccomp_call_number(&call, own_architecture()), __NR_SCMP_ERROR);
    }
}

/* What a newer library than that of the build knows. */
Test(seccomp_calls, a_name_that_only_the_library_knows_has_its_numbers)
{
    const struct call call = {"openat2", CALL_OF_LIBRARY};

    for (size_t i = 0; i < count_of(tokens); i++)
        cr_expect_eq(seccomp_call_number(&call, tokens[i]),
                     seccomp_syscall_resolve_name_arch(tokens[i], "openat2"));
}

struct inside_case {
    const char *name;
    int multiplexer; /* 0: none */
    uint32_t call;
    int own;
};

/* linux/net.h, linux/ipc.h and i386's unistd.h. */
static const struct inside_case inside_cases[] = {
    {"socket",     102, 1,  359},
    {"accept",     102, 5,  -1 },
    {"sendto",     102, 11, 369},
    {"accept4",    102, 18, 364},
    {"sendmmsg",   102, 20, 345},
    {"semop",      117, 1,  -1 },
    {"semget",     117, 2,  393},
    {"shmctl",     117, 24, 396},
    {"read",       0,   0,  0  },
    {"socketcall", 0,   0,  0  },
    {"chown",      0,   0,  0  },
};

Test(seccomp_calls, of_socketcall_and_ipc_have_two_ways_in)
{
    for (size_t i = 0; i < count_of(inside_cases); i++) {
        const struct inside_case *row = &inside_cases[i];
        int number = seccomp_syscall_resolve_name_arch(SCMP_ARCH_X86, row->name);
        struct multiplexed by = {0};

        cr_expect_eq(seccomp_call_multiplexed(&by, number), row->multiplexer != 0, "%s", row->name);
        cr_expect_eq(by.multiplexer, row->multiplexer, "%s", row->name);
        cr_expect_eq(by.call, row->call, "%s", row->name);
        cr_expect_eq(by.own, row->own, "%s: %d", row->name, by.own);
    }
}
