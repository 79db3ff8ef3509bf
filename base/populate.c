#include "base/populate.h"

#include <elf.h>
#include <link.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ  22
#define MADV_POPULATE_WRITE 23
#endif

enum { PAGE = 4096, STACK_BELOW = 16 * 1024, STACK_ABOVE = 16 * 1024 };

/* madvise(2) wants the beginning of a page. */
static void populate(const char *from, size_t size, int how)
{
    size_t over = (uintptr_t)from % PAGE;

    madvise((char *)from - over, size + over, how);
}

/* The program as it is mapped: the linker knows where its headers are. */
extern const ElfW(Ehdr) __ehdr_start __attribute__((visibility("hidden")));

void memory_populate_code(void)
{
    const char *program = (const char *)&__ehdr_start;
    const ElfW(Phdr) *segments = (const void *)(program + __ehdr_start.e_phoff);
    const ElfW(Phdr) *lowest = NULL;

    for (size_t i = 0; i < __ehdr_start.e_phnum; i++) {
        const ElfW(Phdr) *segment = &segments[i];

        if (segment->p_type != PT_LOAD)
            continue;
        if (lowest == NULL)
            lowest = segment;
        if ((segment->p_flags & PF_X) != 0)
            populate(program + (segment->p_vaddr - lowest->p_vaddr), segment->p_filesz,
                     MADV_POPULATE_READ);
    }
}

void memory_populate_stack(void)
{
    const char *here = __builtin_frame_address(0);

    populate(here - STACK_BELOW, STACK_BELOW + STACK_ABOVE, MADV_POPULATE_WRITE);
}
