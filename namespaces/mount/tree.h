#pragma once

/*
 * Mounts while they are nowhere: made or cloned detached, given all their attributes, and only then
 * put in their place, so that no mount is ever visible half finished.  open_tree(2), fsopen(2),
 * mount_setattr(2), move_mount(2).  Nothing here allocates.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/inroot.h"
#include "namespaces/mount/plan.h"

/* A detached clone of what is at `path` (relative to `dir`, "" for `dir` itself), with the mounts
 * below it when `recursive`.  Returns the fd, or -errno with err filled. */
must_check int tree_clone(int dir, const char *path, bool recursive, struct error *err);

/* The same for a path that is not followed when it ends in a symbolic link: the link is cloned. */
must_check int tree_clone_itself(const char *path, bool recursive, struct error *err);

/* Change attributes of the tree's top, or of all its mounts. */
must_check int tree_set(int tree, bool recursive, const struct mount_attributes *attributes,
                        struct error *err);

/* `propagation` is MS_SHARED and the like, with MS_REC for all mounts of the tree. */
must_check int tree_set_propagation(int tree, uint64_t propagation, struct error *err);

/* Put the tree on `target` (an O_PATH fd).  Afterwards the tree's fd is the root of the mount. */
must_check int tree_attach(int tree, int target, struct error *err);

/* The same, and then look again from `root` whether `path` leads to the tree now: a directory that
 * was renamed meanwhile would have taken the mount with it (CVE-2021-30465). */
must_check int tree_attach_at(int tree, int target, int root, const char *path,
                              enum inroot_links links, struct error *err);

/* True when both are on the same mount (STATX_MNT_ID, 5.8; true when the kernel cannot tell). */
bool tree_is_same_mount(int one, int other);

/* True when `fd` is on a file system of that magic number (statfs(2)). */
bool tree_is_filesystem(int fd, long magic);

/* True when nothing can be written through the mount that `fd` is on, whether by its own attribute
 * or by its file system's (statvfs(3)). */
bool tree_is_read_only(int fd);

/* "file", "directory", "socket": for messages. */
const char *tree_type_name(mode_t mode);

/* A file system to be made. */
struct filesystem {
    const char *type;
    const char *source;
    const struct mount_datum *data;
    size_t data_count;
    const struct mount_datum *more; /* one more, or NULL */
    uint64_t attributes;            /* MOUNT_ATTR_* */
};

/* The longest value of an option that fsconfig(2) takes. */
enum { FILESYSTEM_LONGEST_VALUE = 255 };

/* Make it, detached.  Errors quote the option and what the kernel wrote to the log of the mount.
 * -ENOSYS when the kernel has no fsopen. */
must_check int filesystem_make(const struct filesystem *filesystem, struct error *err);

/* The steps of filesystem_make(), for who has more to configure. */
must_check int filesystem_open(const char *type, struct error *err);
must_check int filesystem_set(int context, const struct mount_datum *datum, struct error *err);
must_check int filesystem_finish(int context, const char *type, uint64_t attributes,
                                 struct error *err);

/* To change one that is mounted on `at`: pick it, set what shall be different, reconfigure. */
must_check int filesystem_pick(int at, struct error *err);
must_check int filesystem_reconfigure(int context, struct error *err);
