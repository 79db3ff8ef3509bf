#pragma once

/* What is behind struct mount_live of mount.h: mounts added to, or taken from, a container that
 * runs meanwhile and may not wish us well. */

#include <limits.h>

#include "base/inroot.h"
#include "base/log.h"
#include "namespaces/mount/plan.h"

/* Which file: neither a name nor a path is one for good. */
struct live_file {
    dev_t device;
    ino_t inode;
};

/* One entry of the list. */
struct live_place {
    size_t index; /* in the list, for messages */
    const char *destination;
    const struct planned_mount *mount; /* NULL: to be removed */
    int host_tree;    /* its source as the caller sees it, detached; or -errno why there is none */
    int tree;         /* what is mounted */
    bool is_left_out; /* an optional bind without a source */
    bool is_tried;    /* it may be in its place */
    bool is_removed;
    struct live_file parent, top; /* to be removed: where it was rehearsed, and what was on it */
};

struct mount_live {
    const struct mount_plan *plan;
    const struct log *log;
    struct live_place *places;
    size_t count;
    struct inroot_made *made; /* on the way to the places; from mount_live_share() on */
    struct mount_child child; /* its root is the container's */
    int fds; /* /proc/self/fd of the host: names for fds that nothing in the container can fake */
};

enum { LIVE_PATH_SIZE = PATH_MAX + 2 }; /* a destination may get a "/" in front */

/* --- plan_live.c: pure
 * ------------------------------------------------------------------------------------------- */

/* Refuses a path where the kernel's own files are not to be tampered with: /proc and inside it,
 * with the exceptions of mount_destination_may_cover_proc(). */
must_check int live_check_proc(const char *path, struct error *err);

/* A masked or read-only path, in one row: first the masked ones. */
struct live_hidden {
    const char *path;
    const char *field; /* "linux.maskedPaths" */
    size_t index;
};

size_t live_hidden_count(const struct mount_plan *plan);
struct live_hidden live_hidden_at(const struct mount_plan *plan, size_t index);

/* A mount on `path` would lay open what `hidden` (whose path is, resolved, `hidden_path`) covers,
 * and so would taking one off. */
must_check int live_check_hidden(const char *path, const struct live_hidden *hidden,
                                 const char *hidden_path, struct error *err);

/* --- live.c: in the child, inside the container
 * ------------------------------------------------------------------------------------------- */

/* The path of an fd from the container's root, as the kernel tells it. */
must_check int live_path_of(const struct mount_live *live, int fd, char path[static LIVE_PATH_SIZE],
                            struct error *err);

/* By name the destination was judged in the plan; this is for links that lead somewhere else.
 * `fd` is what they led to. */
must_check int live_check_place(const struct mount_live *live, int fd, struct error *err);

/* Take off the mount that `fd` is the root of, with what is mounted below it: by its fd, so that it
 * is this one whatever happens to the path, and at once, though files may be open there (they stay
 * open).  Returns 0 or -errno. */
must_check int live_take_off(const struct mount_live *live, int fd);
