#pragma once

/*
 * The files of a container that is not there yet: the root file system with the bind mounts over
 * it, as its processes will see them.  Nothing is mounted for it.
 *
 * What is made with the container (procfs, an overlay, a disk) cannot be looked into, nor what this
 * process has no right to; who asks for a path there is told so, and must not take it for missing.
 */

#include "base/error.h"
#include "namespaces/mount/mount.h"

struct container_view {
    int root;                        /* the root file system; borrowed */
    const struct mount_plan *mounts; /* what comes over it; NULL: nothing */
};

/* Not a path that is missing, and not one that is there: it cannot be known. */
enum { CONTAINER_VIEW_HIDDEN = 1 };

/* Resolve an absolute path, links included.  0 and an O_PATH fd in *ret, with the path without
 * links in `real` (PATH_MAX bytes, may be NULL); CONTAINER_VIEW_HIDDEN; or -errno. */
must_check int container_view_open(const struct container_view *view, const char *path, int *ret,
                                   char *real);

/* The same for a regular file, to be read; -EACCES for anything else, -EISDIR for a directory. */
must_check int container_view_open_file(const struct container_view *view, const char *path,
                                        int *ret, char *real);
