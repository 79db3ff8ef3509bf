#pragma once

/* The parts of mount_all(): one way to mount a file each.  All work in the child. */

#include "base/error.h"
#include "base/inroot.h"
#include "base/own.h"
#include "namespaces/mount/plan.h"

/* Everything a mount step works with. */
struct mount_step {
    const struct mount_plan *plan;
    const struct planned_mount *mount;
    struct mount_child *child;
    const struct mount_helper *helper; /* may be NULL */
    struct inroot_made *made;          /* what is made for it is written down here; may be NULL */
};

/* How the destination is resolved. */
enum inroot_links mount_links_of(const struct planned_mount *mount);

/* The place of a mount. */
struct mount_target {
    int fd;        /* O_PATH; the holder's */
    bool is_made;  /* it was not there before */
    bool is_ours;  /* in a file system of ours (ours.h) */
    bool is_plain; /* the way to it has no symbolic links: it is where its name says */
};

static inline void mount_target_done(struct mount_target *target)
{
    close_fd(&target->fd);
}

/* `struct mount_target` that is closed at the end of the block; empty to begin with. */
#define autotarget __attribute__((cleanup(mount_target_done))) struct mount_target
#define MOUNT_TARGET_EMPTY \
    {                      \
        .fd = -1           \
    }

/* Open the place of the mount, made when missing: a directory, or an empty file when
 * !`directory`.  Refuses what leads into a procfs by a side door. */
must_check int mount_open_target(const struct mount_step *step, bool directory,
                                 struct mount_target *ret, struct error *err);

/* Give the mount its propagation, option by option: "rslave" and then "shared" are two steps. */
must_check int mount_set_propagation(int tree, const struct planned_mount *mount,
                                     struct error *err);

/* Give the detached `tree` the step's propagation and put it in its place. */
must_check int mount_place(const struct mount_step *step, int tree,
                           const struct mount_target *target, struct error *err);

/* The file system of the step's type with its data and attributes, detached; `more` (may be NULL)
 * is one more option. */
must_check int mount_make_filesystem(const struct mount_step *step, const char *type,
                                     const struct mount_datum *more, struct error *err);

/* What the step mounts, detached and with its attributes, before anybody has looked for its place:
 * for those kinds that can be had so (a tmpfs has no mode from the directory it covers then).
 * Refuses no kind: ask mount_can_make_tree() first. */
bool mount_can_make_tree(enum mount_kind kind);
must_check int mount_make_tree(const struct mount_step *step, struct error *err);

/* Put "mounts[INDEX] DESTINATION: " in front, which base/inroot may have named already. */
int mount_name_place(struct error *err, size_t index, const char *destination);

/* The step's file system straight onto `target` by mount(2), which takes all options in one page:
 * for what fsconfig(2), with 255 bytes an option and without a few old flags, cannot say.  `more`
 * (may be NULL) is one more option.  Returns the fd of the mount's root. */
bool mount_wants_one_call(const struct planned_mount *mount);
must_check int mount_in_one_call(const struct mount_step *step, const char *type,
                                 const struct mount_datum *more, int target, struct error *err);

/* The same into a file system of ours, where nobody needs its root afterwards: false when it has to
 * be done in steps, be it that those can do without an option, or say what is wrong. */
bool mount_at_a_stroke(const struct mount_step *step, const char *type,
                       const struct mount_datum *more, const struct mount_target *target);

/* A detached clone of the step's source, with its attributes set. */
must_check int mount_clone_source(const struct planned_mount *mount, const struct log *log,
                                  struct error *err);

must_check int mount_remount(const struct mount_step *step, struct error *err);
must_check int mount_cgroup(const struct mount_step *step, struct error *err);
must_check int mount_overlay(const struct mount_step *step, struct error *err);

/* The overlay of the step, detached. */
must_check int mount_make_overlay(const struct mount_step *step, struct error *err);

/* Fill the root of a new tmpfs with copies of what is in `from`: everything but sockets, with
 * modes, owners, times and extended attributes; several names of one file stay that. */
must_check int mount_copy_up(int from, int to, const struct log *log, struct error *err);

/* The extended attributes of `name` in directory `from`, to `name` in directory `to`; not those
 * that the other file system does not have or the caller may not set, nor, with a warning, those
 * that are about users whom the caller's user namespace does not have. */
must_check int mount_copy_xattrs(int from, int to, const char *name, const struct log *log,
                                 struct error *err);

/* In the parent: map the ids of a detached tree. */
must_check int mount_map_ids(int tree, const struct planned_mount *mount, struct error *err);
