#pragma once

/* Whole files, read and written by directory fd and name.  `name` may be an absolute path too. */

#include <stddef.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/error.h"

/* Write all `length` bytes, through interruptions and short writes.  0 or -errno. */
must_check int write_all(int fd, const void *bytes, size_t length);

/* Read a regular file of at most `most` bytes into the arena, NUL-terminated.  Never hangs on a
 * FIFO or device: anything but a regular file is refused.  *ret_length may be NULL. */
must_check int read_file(int dir, const char *name, size_t most, struct arena *arena, char **ret,
                         size_t *ret_length, struct error *err);

/* Read a pseudo file (procfs, sysfs, cgroupfs) into `buffer`, NUL-terminated, without the trailing
 * newline.  Returns the length, or -errno; -EFBIG when it does not fit. */
ssize_t read_pseudo_file(int dir, const char *name, char *buffer, size_t size);

/* Write `text` to an existing pseudo file with one write(2).  0 or -errno. */
must_check int write_pseudo_file(int dir, const char *name, const char *text);

/* Replace `name` in `dir` atomically: a temporary file beside it, then rename.  Readers see the old
 * file or the new, never a part.  Nothing is left behind on failure. */
must_check int replace_file(int dir, const char *name, const void *bytes, size_t length,
                            mode_t mode, struct error *err);

/* The same in two steps, for who has something to do in between that must not be done when there is
 * no room for the file. */
struct replacement {
    int dir; /* both the caller's */
    const char *name;
    char temporary[256];
};

/* Write the temporary file; it is to be put in its place, or dropped. */
must_check int replacement_write(struct replacement *ret, int dir, const char *name,
                                 const void *bytes, size_t length, mode_t mode, struct error *err);
must_check int replacement_commit(const struct replacement *replacement, struct error *err);
void replacement_drop(const struct replacement *replacement);
