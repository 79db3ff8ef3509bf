#pragma once

/*
 * A failure on its way up: what the kernel said, and the story told so far.
 *
 * Functions that can fail take `struct error *err` last and return 0, or the negative of a positive
 * errno with *err filled in.  The text is one line without a newline.  The struct has a fixed size
 * and no pointers, so that a child process can send it over a socket as it is.
 */

#include <stddef.h>

struct error {
    int code; /* positive errno; EINVAL and friends for refusals of our own */
    char text[1536];
};

#define must_check __attribute__((warn_unused_result))

/* Record "<text>: <strerror(code)>" and return -code.  A code of 0 is a bug and aborts. */
int fail(struct error *err, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Record the text alone and return -code: for refusals that are ours, not the kernel's. */
int refuse(struct error *err, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Put "<context>: " in front of a failure already recorded; return -err->code. */
int within(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Put "<context>" directly in front, for paths that grow leftwards ("linux." + "namespaces[2]"). */
int prefix(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Append " (<advice>)" to a failure already recorded; return -err->code. */
int hint(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Copy an untrusted value for use in a message: control bytes and invalid UTF-8 become \xNN,
 * length is cut to 256 bytes with "...".  Returns `buffer`. */
const char *quotable(char buffer[static 1040], const char *value);

/* The same for a whole line in which such values may be: as much of it as `size` bytes hold. */
const char *quotable_line(char *buffer, size_t size, const char *line);
