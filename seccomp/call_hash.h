#pragma once

/* Where a system call's name is looked for in the table that is made when the program is built: the
 * program that writes the table and the one that reads it must agree. */

#include <stdint.h>

enum { CALL_HASH_BITS = 10 };

/* FNV-1a, its upper bits folded in. */
static inline uint32_t call_hash(const char *name)
{
    uint32_t hash = 2166136261u;

    for (; *name != '\0'; name++)
        hash = (hash ^ (unsigned char)*name) * 16777619u;
    return (hash ^ hash >> (32 - CALL_HASH_BITS)) & ((1u << CALL_HASH_BITS) - 1);
}
