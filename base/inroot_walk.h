#pragma once

/*
 * The walk below base/inroot.h: one component at a time, by fd, for kernels and seccomp profiles
 * without openat2(2) and for making what is missing.  Private to base/ and its tests.
 */

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/inroot.h"

/* What the walk does where the path ends, and where it breaks off. */
struct inroot_walk {
    int flags; /* for the last component: O_PATH, or flags of a real open */
    enum inroot_links links;
    bool make_directories; /* missing directories on the way, and as the end unless make_file */
    bool make_file;        /* the end, when missing, becomes an empty file of mode 0644 */
    mode_t directory_mode; /* subject to the umask, as mkdir(2) */
    struct inroot_made *record; /* may be NULL */
};

/* Resolve `path` as a process chrooted at `root` would.  Returns an fd or -errno; *made (may be
 * NULL) tells whether the last component is new.  Needs as many fds as the path is deep. */
must_check int inroot_walk(int root, const char *path, const struct inroot_walk *how, bool *made);

/* The same question to openat2(2): -ENOSYS or -EPERM where the kernel or a filter has none. */
must_check int inroot_openat2(int root, const char *path, int flags, enum inroot_links links);
