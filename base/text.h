#pragma once

/* Text in and out of fixed memory: numbers parsed without surprises, buffers that never overflow.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* Parse all of `text` as a decimal number: digits only (and one '-' for the signed one), no spaces,
 * no sign for the unsigned one, nothing behind it.  Errors: "\"<text>\" is not a number",
 * "<text> is out of range (<least> to <most>)". */
must_check int parse_int64(const char *text, int64_t least, int64_t most, int64_t *ret,
                           struct error *err);
must_check int parse_uint64(const char *text, uint64_t most, uint64_t *ret, struct error *err);

/* A byte count with an optional unit b, k, m, g, t, p (any case; also kb, KiB, ...), powers of
 * 1024: "512M" is 536870912, "1.5k" is 1536.  "-1" is accepted and yields -1 (unlimited). */
must_check int parse_bytes(const char *text, int64_t *ret, struct error *err);

/* A duration: numbers with units ns, us, ms, s, m, h, in sequence ("1h30m", "2.5s"), as Go's
 * time.ParseDuration.  A bare number is an error, except "0". */
must_check int parse_duration(const char *text, int64_t *ret_nanoseconds, struct error *err);

/* Append-only text in the caller's memory.  `cut` becomes true when something did not fit. */
struct text {
    char *bytes;
    size_t size;
    size_t used;
    bool cut;
};

#define TEXT_IN(array)                                     \
    (struct text)                                          \
    {                                                      \
        .bytes = (array), .size = sizeof(array), .used = 0 \
    }

void text_print(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The length (1 to 4) of the UTF-8 sequence that `bytes` starts with; 0 when it is not valid UTF-8
 * (RFC 3629: shortest form, no surrogates, at most U+10FFFF). */
size_t utf8_sequence(const char *bytes, size_t length);

bool starts_with(const char *text, const char *start);
