#pragma once

/* Tables of names and their numbers: one table both parses and prints. */

#include <stddef.h>
#include <stdint.h>

struct name {
    const char *name;
    int64_t value;
};

struct names {
    const struct name *rows;
    size_t count;
};

#define NAMES_OF(table)                                           \
    {                                                             \
        .rows = (table), .count = sizeof(table) / sizeof *(table) \
    }

/* The row of that exact name, or NULL. */
const struct name *names_find(const struct names *names, const char *name);

/* The first name with that value, or NULL. */
const char *names_of_value(const struct names *names, int64_t value);
