#pragma once

/* What a program or library in ELF says it needs: elf(5). */

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "spec/spec.h"

struct elf_file {
    uint16_t machine;        /* EM_* */
    unsigned char class;     /* ELFCLASS64 or ELFCLASS32 */
    const char *interpreter; /* NULL: none */
    struct string_list needed;
    const char *rpath;   /* DT_RPATH, NULL: none; as the next it is a list with colons */
    const char *runpath; /* DT_RUNPATH */
    bool is_cut;         /* it says more than any honest file; only the beginning is here */
};

/* Read the file of `fd`; strings are the arena's.  -ENOEXEC without a word in err: no ELF file of
 * this byte order.  Parts that cannot be read are left out: the file is anybody's. */
must_check int elf_file_read(int fd, struct arena *arena, struct elf_file *ret, struct error *err);
