#pragma once

/*
 * Where the dynamic linker of a container would find what a program needs: ld.so(8), and musl's.
 *
 * Roughly: what it would find is never said to be missing; ways of finding that are rare
 * (/etc/ld.so.preload, auditing, hwcaps directories beside no cache) are not followed further.
 */

#include <stdbool.h>

#include "base/arena.h"
#include "base/error.h"
#include "runtime/container_view.h"
#include "runtime/elf_file.h"

struct libraries_request {
    const struct container_view *view;
    const char *program;         /* its path in the container, without links ($ORIGIN) */
    const struct elf_file *file; /* what it says */
    const char *library_path;    /* $LD_LIBRARY_PATH of the process, or NULL */
    struct arena *arena;
};

/* The first library, of the program or of one of its libraries, that is nowhere; with who needs it.
 * *ret is NULL when all are there, or cannot be known. */
struct missing_library {
    const char *name;
    const char *needed_by;
    bool is_broken; /* there is a file, and no library in it */
};

must_check int libraries_find_missing(const struct libraries_request *request,
                                      struct missing_library *ret, struct error *err);
