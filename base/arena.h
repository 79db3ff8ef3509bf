#pragma once

/*
 * Memory that lives and dies together: allocate piece by piece, free all at once.
 * A zeroed struct arena is empty and ready.  Not for use after clone.
 */

#include <stddef.h>

#include "base/error.h"

struct arena_block;

struct arena {
    struct arena_block *blocks;
};

/* Zeroed memory for `count` items of `size` bytes, aligned for any type; never NULL for a count of
 * 0.  NULL when memory is short or count * size overflows. */
void *arena_zero(struct arena *arena, size_t count, size_t size);

/* A copy of `length` bytes with a NUL behind them; NULL when memory is short. */
char *arena_copy(struct arena *arena, const char *bytes, size_t length);
char *arena_string(struct arena *arena, const char *string);

/* printf into the arena; NULL when memory is short. */
char *arena_print(struct arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Give everything back.  Accepts an empty arena; the arena may be used again. */
void arena_free(struct arena *arena);

#define autoarena __attribute__((cleanup(arena_free)))

/* Record that memory is short; returns -ENOMEM. */
int no_memory(struct error *err);
