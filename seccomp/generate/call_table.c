/*
 * Runs when the program is built, and writes seccomp/call_table.h: the system calls that this
 * libseccomp knows, by name, with their numbers on a machine's architectures.  All the machines
 * that compile.c serves are in it, and the compiler chooses: so this program may run on another
 * one.
 *
 * The table holds offsets, not pointers: nothing to relocate, and only what is looked at is read
 * in.
 */

#include <seccomp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "seccomp/call_hash.h"

enum {
    NAMES = 4096, /* room; there are some 500 */
    SLOTS = 1 << CALL_HASH_BITS,
    FAMILY = 3, /* most architectures of one machine */
};

struct column {
    const char *token;
    uint32_t value;
    uint32_t base; /* in every number that is not negative: left out of the table */
};

struct machine {
    const char *macro;
    struct column columns[FAMILY]; /* its own first */
};

static const struct machine machines[] = {
    {"defined(__x86_64__) && !defined(__ILP32__)",
     {{"SCMP_ARCH_X86_64", SCMP_ARCH_X86_64, 0},
      {"SCMP_ARCH_X86", SCMP_ARCH_X86, 0},
      {"SCMP_ARCH_X32", SCMP_ARCH_X32, 0x40000000}}                                                  },
    {"defined(__aarch64__) && !defined(__AARCH64EB__)",
     {{"SCMP_ARCH_AARCH64", SCMP_ARCH_AARCH64, 0}, {"SCMP_ARCH_ARM", SCMP_ARCH_ARM, 0}}              },
#ifdef SCMP_ARCH_RISCV64
    {"defined(__riscv) && __riscv_xlen == 64",          {{"SCMP_ARCH_RISCV64", SCMP_ARCH_RISCV64, 0}}},
#endif
};

struct list {
    char *names[NAMES];
    size_t count;
};

static void die(const char *what)
{
    fprintf(stderr, "call_table: %s\n", what);
    exit(1);
}

static int number_of(const struct column *column, const char *name)
{
    int number = seccomp_syscall_resolve_name_arch(column->value, name);

    return number >= 0 ? (int)((uint32_t)number & ~column->base) : number;
}

static bool listed(const struct list *list, const char *name)
{
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->names[i], name) == 0)
            return true;
    }
    return false;
}

/* libseccomp carries a rule from the machine's own architecture to another by number and back to a
 * name.  A call that comes back under another name is left to it. */
static bool has_one_name(const struct column *own, const char *name)
{
    char *back = seccomp_syscall_resolve_num_arch(
        own->value, seccomp_syscall_resolve_name_arch(own->value, name));
    bool same = back != NULL && strcmp(back, name) == 0;

    free(back);
    return same;
}

/* Numbers below 0 are libseccomp's own, of calls that an architecture does not have; far above are
 * ARM's private ones. */
static const struct {
    int first;
    int end;
} ranges[] = {
    {-20000,   2048    },
    {0x0f0000, 0x0f0100},
};

/* False when a call was left out. */
static bool list_number(struct list *list, const struct machine *machine,
                        const struct column *column, int number)
{
    char *name = seccomp_syscall_resolve_num_arch(
        column->value, number >= 0 ? (int)((uint32_t)number | column->base) : number);
    bool has_one = name == NULL || has_one_name(&machine->columns[0], name);

    if (name == NULL || !has_one || listed(list, name)) {
        free(name);
        return has_one;
    }
    if (list->count == NAMES)
        die("more system calls than expected");
    list->names[list->count++] = name;
    return true;
}

static bool list_names(struct list *list, const struct machine *machine)
{
    bool whole = true;

    for (size_t i = 0; i < FAMILY && machine->columns[i].token != NULL; i++) {
        for (size_t j = 0; j < sizeof ranges / sizeof *ranges; j++) {
            for (int number = ranges[j].first; number < ranges[j].end; number++)
                whole &= list_number(list, machine, &machine->columns[i], number);
        }
    }
    return whole;
}

static int by_name(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

static void write_names(const struct list *list)
{
    puts("static const char call_names[] =");
    for (size_t i = 0; i < list->count; i++)
        printf("    \"%s\\0\"\n", list->names[i]);
    puts("    ;");
}

static size_t write_rows(const struct list *list, const struct machine *machine)
{
    size_t columns = 0, offset = 0;
    bool small = true;

    while (columns < FAMILY && machine->columns[columns].token != NULL)
        columns++;
    for (size_t i = 0; i < list->count * columns; i++) {
        int number = number_of(&machine->columns[i % columns], list->names[i / columns]);

        small = small && number == (int16_t)number;
    }
    printf("static const uint32_t call_tokens[] = {");
    for (size_t i = 0; i < columns; i++)
        printf("%s, ", machine->columns[i].token);
    printf("};\nstatic const uint32_t call_bases[] = {");
    for (size_t i = 0; i < columns; i++)
        printf("%#x, ", machine->columns[i].base);
    puts("};");
    printf("static const struct call_row {\n    uint16_t name;\n    int%d_t numbers[%zu];\n"
           "} call_rows[] = {\n",
           small ? 16 : 32, columns);
    for (size_t i = 0; i < list->count; i++) {
        printf("    {%zu, {", offset);
        for (size_t j = 0; j < columns; j++)
            printf("%d, ", number_of(&machine->columns[j], list->names[i]));
        puts("}},");
        offset += strlen(list->names[i]) + 1;
    }
    puts("};");
    return offset;
}

/* Open addressing: a name is in the first slot from its hash on that is free, or it is nowhere. */
static void write_slots(const struct list *list)
{
    static unsigned slots[SLOTS];

    if (list->count > SLOTS / 4 * 3)
        die("more system calls than CALL_HASH_BITS is made for");
    memset(slots, 0, sizeof slots);
    for (size_t i = 0; i < list->count; i++) {
        uint32_t slot = call_hash(list->names[i]);

        while (slots[slot] != 0)
            slot = (slot + 1) % SLOTS;
        slots[slot] = (unsigned)i + 1;
    }
    puts("static const uint16_t call_slots[] = {");
    for (size_t i = 0; i < SLOTS; i++)
        printf("%u,%s", slots[i], i % 16 == 15 ? "\n" : " ");
    puts("};");
}

static void write_machine(const struct machine *machine)
{
    struct list list = {.count = 0};
    bool whole = list_names(&list, machine);

    qsort(list.names, list.count, sizeof *list.names, by_name);
    printf("#if %s\n#define HAVE_CALL_TABLE 1\n#define CALL_TABLE_IS_WHOLE %d\n", machine->macro,
           whole);
    write_names(&list);
    if (write_rows(&list, machine) > UINT16_MAX)
        die("more names than 16 bits can point into");
    write_slots(&list);
    puts("#endif\n");
    for (size_t i = 0; i < list.count; i++)
        free(list.names[i]);
}

/* On i386 the calls for sockets and System V IPC have two ways in: socketcall(2) and ipc(2), by
 * which libseccomp knows them, -100 - N and -200 - N for the Nth; and since Linux 4.3 numbers of
 * their own. */
static void write_own_numbers(const char *name, int first, int last)
{
    printf("static const int16_t %s[] = {", name);
    for (int pseudo = first; pseudo >= last; pseudo--) {
        char *call = seccomp_syscall_resolve_num_arch(SCMP_ARCH_X86, pseudo);
        int own = -1;

        for (int number = 0; call != NULL && number < 1024 && own < 0; number++) {
            char *other = seccomp_syscall_resolve_num_arch(SCMP_ARCH_X86, number);

            if (other != NULL && strcmp(call, other) == 0)
                own = number;
            free(other);
        }
        free(call);
        printf("%d, ", own);
    }
    puts("};");
}

int main(void)
{
    puts("/* Written by seccomp/generate/call_table.c from libseccomp's tables. */\n");
    write_own_numbers("socketcall_numbers", -100, -120);
    write_own_numbers("ipc_numbers", -200, -224);
    puts("");
    for (size_t i = 0; i < sizeof machines / sizeof *machines; i++)
        write_machine(&machines[i]);
    return fflush(stdout) == 0 && !ferror(stdout) ? 0 : 1;
}
