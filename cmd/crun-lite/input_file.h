#pragma once

/* A file that the command line names, or standard input. */

#include <stddef.h>

#include "base/arena.h"
#include "base/error.h"

/* Read it to its end, at most 16 MiB, NUL-terminated; "-" is standard input. */
must_check int input_file_read(const char *path, struct arena *arena, char **ret,
                               size_t *ret_length, struct error *err);

/* What to call it in messages: the path, or "standard input". */
const char *input_file_name(const char *path);
