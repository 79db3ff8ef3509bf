#include "seccomp/calls.h"

#include <seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "seccomp/call_hash.h"
#include "seccomp/call_table.h"

#ifndef CALL_TABLE_IS_WHOLE
#define CALL_TABLE_IS_WHOLE 0
#endif

/* To libseccomp a rule is one of this machine's own calls, which it finds again by name on the
 * other architectures.  Where that is another name, only it can say what becomes of the rule. */
static bool has_one_name(const char *name, int number)
{
    char *back = seccomp_syscall_resolve_num_arch(seccomp_arch_native(), number);
    bool same = back != NULL && strcmp(back, name) == 0;

    free(back);
    return same;
}

/* With STATIC_LIBSECCOMP the library is part of the program, the one that the table was made from:
 * it cannot know more, and its own tables need not be read in to say so. */
static struct call ask_library(const char *name)
{
#if defined(STATIC_LIBSECCOMP) && CALL_TABLE_IS_WHOLE
    int number = __NR_SCMP_ERROR;
#else
    int number = seccomp_syscall_resolve_name(name);
#endif

    if (number == __NR_SCMP_ERROR)
        return (struct call){name, CALL_UNKNOWN};
    return (struct call){name, has_one_name(name, number) ? CALL_OF_LIBRARY : CALL_ALIAS};
}

#ifdef HAVE_CALL_TABLE

uint32_t seccomp_own_architecture(void)
{
    return call_tokens[0];
}

struct call seccomp_call(const char *name)
{
    for (uint32_t slot = call_hash(name); call_slots[slot] != 0;
         slot = (slot + 1) % count_of(call_slots)) {
        int row = call_slots[slot] - 1;

        if (strcmp(call_names + call_rows[row].name, name) == 0)
            return (struct call){name, row};
    }
    return ask_library(name);
}

static int number_in_row(const struct call_row *row, size_t column)
{
    int number = row->numbers[column];

    return number >= 0 ? (int)((uint32_t)number | call_bases[column]) : number;
}

int seccomp_call_number(const struct call *call, uint32_t token)
{
    for (size_t i = 0; call->row >= 0 && i < count_of(call_tokens); i++) {
        if (call_tokens[i] == token)
            return number_in_row(&call_rows[call->row], i);
    }
    return seccomp_syscall_resolve_name_arch(token, call->name);
}

#else

uint32_t seccomp_own_architecture(void)
{
    return seccomp_arch_native();
}

struct call seccomp_call(const char *name)
{
    return ask_library(name);
}

int seccomp_call_number(const struct call *call, uint32_t token)
{
    return seccomp_syscall_resolve_name_arch(token, call->name);
}

#endif

static const struct multiplexer {
    int number; /* on i386 */
    int first;  /* libseccomp's number of its call 0; the others count down from there */
    const int16_t *own;
    int count;
} multiplexers[] = {
    {102, -100, socketcall_numbers, count_of(socketcall_numbers)},
    {117, -200, ipc_numbers,        count_of(ipc_numbers)       },
};

bool seccomp_call_multiplexed(struct multiplexed *ret, int number)
{
    for (size_t i = 0; i < count_of(multiplexers); i++) {
        const struct multiplexer *by = &multiplexers[i];
        int call = by->first - number;

        if (call < 0 || call >= by->count)
            continue;
        *ret = (struct multiplexed){by->number, (uint32_t)call, by->own[call]};
        return true;
    }
    return false;
}
