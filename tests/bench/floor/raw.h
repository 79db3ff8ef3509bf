#pragma once

/*
 * System calls without a C library: a program made of these costs what the kernel costs.
 *
 * call(mount, "proc", "proc", "proc", 0, 0) is the call itself, with its -errno; what may not fail
 * goes through must(), which says the call and the error and ends the program.  x86_64 only.
 */

#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>

#ifndef SYS_open_tree_attr
#define SYS_open_tree_attr 467
#endif

static inline long raw_call(long number, long a, long b, long c, long d, long e, long f)
{
    register long fourth __asm__("r10") = d;
    register long fifth __asm__("r8") = e;
    register long sixth __asm__("r9") = f;
    long result;

    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(fourth), "r"(fifth), "r"(sixth)
                     : "rcx", "r11", "memory");
    return result;
}

/* What is not given is 0. */
#define call(name, ...) call_six(SYS_##name, ##__VA_ARGS__, 0, 0, 0, 0, 0, 0)
#define call_six(number, a, b, c, d, e, f, ...) \
    raw_call((long)(number), (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

#define must(what) must_not_fail(what, #what)

/* `result`, unless it is an error: then the program ends, having said what failed. */
long must_not_fail(long result, const char *what);

/* Ends the program with status 1. */
_Noreturn void die(const char *what, long error);

/* --- text: each returns the end of what it wrote, where a NUL is ------------------------------ */

char *put(char *end, const char *text);
char *put_number(char *end, unsigned long number);
unsigned long number_in(const char *text);
size_t length_of(const char *text);

/* The value of option `name` (with its "=") when `word` is that option, else NULL. */
const char *option_value(const char *word, const char *name);
