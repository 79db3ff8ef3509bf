#include "base/populate.h"

#include <elf.h>
#include <link.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/auxv.h>
#include <sys/mman.h>

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ  22
#define MADV_POPULATE_WRITE 23
#endif

enum { PAGE = 4096, STACK_BELOW = 16 * 1024, STACK_ABOVE = 16 * 1024 };

static void populate(uintptr_t from, uintptr_t to, int how)
{
    from &= ~(uintptr_t)(PAGE - 1);
    madvise((void *)from, to - from, how);
}

/* The first segment of the program begins with the headers that the kernel has shown us. */
void memory_populate_code(void)
{
    const ElfW(Phdr) *segments = (const void *)getauxval(AT_PHDR);
    size_t count = getauxval(AT_PHNUM);
    uintptr_t first = (uintptr_t)segments & ~(uintptr_t)(PAGE - 1);
    const ElfW(Phdr) *lowest = NULL;

    for (size_t i = 0; i < count; i++) {
        const ElfW(Phdr) *segment = &segments[i];

        if (segment->p_type != PT_LOAD)
            continue;
        if (lowest == NULL)
            lowest = segment;
        if ((segment->p_flags & PF_X) != 0)
            populate(first + (segment->p_vaddr - lowest->p_vaddr),
                     first + (segment->p_vaddr - lowest->p_vaddr) + segment->p_filesz,
                     MADV_POPULATE_READ);
    }
}

void memory_populate_stack(void)
{
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);

    populate(here - STACK_BELOW, here + STACK_ABOVE, MADV_POPULATE_WRITE);
}
