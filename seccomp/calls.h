#pragma once

/*
 * System calls by name, as libseccomp numbers them.  For this folder only.
 *
 * On the machines we compile filters for ourselves (compile.h) the numbers are in a table that is
 * made from libseccomp's own when the program is built, 10 KiB of which some pages are read.  A
 * name that is not in it, and every name on other machines, is asked of the library.
 */

#include <stdbool.h>
#include <stdint.h>

/* A name, found. */
struct call {
    const char *name;
    int row; /* of the table, or one of these */
};

enum {
    CALL_UNKNOWN = -1,    /* to libseccomp too */
    CALL_OF_LIBRARY = -2, /* libseccomp knows it, the table does not */
    CALL_ALIAS = -3,      /* and under another name, too */
};

/* This machine's own architecture, AUDIT_ARCH_* or SCMP_ARCH_X32. */
uint32_t seccomp_own_architecture(void);

struct call seccomp_call(const char *name);

/* Its number on an architecture.  Negative when it has none there: libseccomp's own number for it,
 * by which a multiplexed call is known, or __NR_SCMP_ERROR for CALL_UNKNOWN. */
int seccomp_call_number(const struct call *call, uint32_t token);

/* Calls that share one number with others, and say which they are in the first argument. */
struct multiplexed {
    int multiplexer; /* its number */
    uint32_t call;   /* that first argument */
    int own;         /* the call's other number, of its own; negative when it has none */
};

/* Whether `number` on i386, of libseccomp, is that of a call inside socketcall(2) or ipc(2). */
bool seccomp_call_multiplexed(struct multiplexed *ret, int number);
