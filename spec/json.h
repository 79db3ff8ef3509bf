#pragma once

/*
 * JSON text as a tree: the strict reader in front of the field tables (RFC 8259, and no more).
 *
 * Refused, because two readers of the same file could understand it differently: duplicate keys,
 * NUL or invalid UTF-8 in a string, half a surrogate pair, comments, a byte order mark, anything
 * behind the value.  Refused, because nothing sensible needs it: nesting deeper than 64, more than
 * 16 MiB of text or a million values.  Numbers stay as they were written.
 */

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/error.h"

enum { JSON_MOST_BYTES = 16 * 1024 * 1024, JSON_MOST_VALUES = 1 << 20, JSON_MOST_DEPTH = 64 };

enum json_kind { JSON_NULL, JSON_BOOLEAN, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

struct json {
    enum json_kind kind;
    bool boolean;
    const char *text;   /* of a string, or of a number as it was written; NUL behind it */
    const char *key;    /* in an object: the name of this member                        */
    size_t length;      /* bytes in `text`                                              */
    size_t key_length;  /* bytes in `key`                                               */
    size_t count;       /* values in an array or object                                 */
    struct json *first; /* and the last, of them, in the order of the text              */
    struct json *last;
    struct json *next;
};

/* Read `length` bytes of text.  The tree and its keys go into `nodes`, strings into `strings`, so
 * that the former can go while the latter stay.  Errors are placed ("line 3, column 7: ..." when
 * the text is not JSON, else the path), but not yet place_done(). */
must_check int json_read(const char *text, size_t length, struct arena *nodes,
                         struct arena *strings, const struct json **ret, struct error *err);

/* "string", "array", ... */
const char *json_kind_name(const struct json *json);

/* The member of that name, or NULL. */
const struct json *json_member(const struct json *object, const char *key);
