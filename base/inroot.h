#pragma once

/*
 * Paths inside a root that we do not trust: the only place that resolves names below a rootfs.
 *
 * `root` is an fd of the root directory; paths are read as a process chrooted there would read
 * them: absolute links and ".." stay inside, magic links (/proc/self/exe and the like) are refused.
 * All results are fds, O_CLOEXEC, O_PATH unless said otherwise; no string is ever joined to the
 * root's own path.  openat2(2) RESOLVE_IN_ROOT (5.6); without it a walk, one component at a time.
 *
 * None of these allocates: the child of a clone may use them.
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "base/error.h"

/* How the last component, and links on the way, are treated. */
enum inroot_links {
    INROOT_FOLLOW,   /* links are followed, inside the root                              */
    INROOT_NOFOLLOW, /* a link as the last component is opened itself                    */
    INROOT_NO_LINKS, /* any link anywhere is an error (ELOOP): for /proc and /sys targets */
};

/* Open `path` with O_PATH.  Returns the fd, or -errno with err filled ("<path>: ..."). */
must_check int inroot_open(int root, const char *path, enum inroot_links links, struct error *err);

/* Where nothing but directories may be on the way: no link, no other mount, no "..".  -errno
 * without words; -ENOSYS and -EPERM where there is no openat2(2): then it has to be done in another
 * way. */
must_check int inroot_open_exact(int root, const char *path, int flags);

/* Open a regular file for reading: O_RDONLY | O_NONBLOCK | O_NOCTTY; anything else is refused. */
must_check int inroot_open_file(int root, const char *path, struct error *err);

/* Open the directory that holds the last component of `path`, making missing ones (mode 0755).
 * `name` receives the last component; "" , "." and ".." are refused. */
must_check int inroot_open_parent(int root, const char *path, char name[static 256],
                                  struct error *err);

/* Open the directory `path`, making what is missing, one component at a time, with `mode`.
 * *ret_made (may be NULL) tells whether the last component was made. */
must_check int inroot_make_directory(int root, const char *path, mode_t mode, bool *ret_made,
                                     struct error *err);

/* Open the file `path`; when missing, make an empty one (mode 0644) and its parents. */
must_check int inroot_make_file(int root, const char *path, struct error *err);

/* What was made, for who may have to remove it again: an fd (O_PATH) each, in the order of making,
 * for neither a name nor a path says afterwards which directory it was. */
enum { INROOT_MADE_MOST = 4096 };
struct inroot_made {
    size_t count;
    int fds[INROOT_MADE_MOST];
};

/* As inroot_make_directory() with mode 0755 or inroot_make_file(), and all that is made, parents
 * too, is added to *record (may be NULL), also when it fails. */
must_check int inroot_make_place(int root, const char *path, bool directory,
                                 struct inroot_made *record, struct error *err);
