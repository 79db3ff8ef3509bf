#pragma once

/*
 * File systems that the first process has made itself, in a mount namespace of its own: a tmpfs for
 * /dev, a procfs, a sysfs.  Until there is a container nobody else can reach them, to rename a
 * directory or to put a link in its place.  So what is to be mounted in one is found by a walk from
 * its root, and needs no second look after it was mounted.
 */

#include "base/error.h"
#include "namespaces/mount/mount.h"
#include "namespaces/mount/plan.h"

/* The file system that the step has just put in its place is one.  `root` is its root, taken over;
 * or, with `is_kept`, an fd that stays open elsewhere.  Nothing happens where something of it could
 * be seen elsewhere, by propagation. */
void mount_remember_ours(const struct mount_plan *plan, const struct planned_mount *mount,
                         struct mount_child *child, int *root, bool is_kept);

/* Something was mounted on `path`, which may have covered some of them: those are forgotten.
 * `is_plain`: the way to it has no links; else it can be anywhere, and each is looked at again. */
void mount_cover_ours(struct mount_child *child, const char *path, bool is_plain);

/* The root of the file system of ours that `path` lies in, and what of the path is below; -1 when
 * it lies in another.  The fd is borrowed. */
int mount_find_ours(const struct mount_child *child, const char *path, const char **ret_below);

/* The same of a path that is itself the root of one. */
int mount_find_our_root(const struct mount_child *child, const char *path);

/* O_PATH of `below`, if the way there has no links and no other mount; -errno without words. */
int mount_open_in_ours(int root, const char *below, bool directory);

/* The same, made when missing and nothing but its last part is. */
int mount_make_in_ours(int root, const char *below, bool directory, bool *ret_made);
