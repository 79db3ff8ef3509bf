#pragma once

/*
 * The files of a container that is not there yet: the root file system with the bind mounts over
 * it, as its processes will see them.  Nothing is mounted for it.
 *
 * What is made with the container (procfs, an overlay, a disk) cannot be looked into, nor what this
 * process has no right to; who asks for a path there is told so, and must not take it for missing.
 */

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/error.h"
#include "namespaces/mount/plan.h"

/* A mount, where it will really be. */
struct container_mount {
    const struct planned_mount *mount;
    const char *place; /* its destination without links, as far as that can be known */
    bool is_hidden;    /* it is somewhere at or below `place`: what is there cannot be known */
};

struct container_view {
    int root;         /* the root file system; borrowed */
    bool is_overlaid; /* it is the lower layer of an overlay, a mount of its own */
    const struct container_mount *mounts; /* what comes over it, in order */
    size_t mount_count;
};

/* Add the mounts of a plan, which has to live as long as the view.  A destination is a path in what
 * the mounts before it have made, links included.  -ENOMEM is the only error. */
must_check int container_view_add_mounts(struct container_view *view, const struct mount_plan *plan,
                                         struct arena *arena, struct error *err);

/* Not a path that is missing, and not one that is there: it cannot be known. */
enum { CONTAINER_VIEW_HIDDEN = 1 };

/* Resolve an absolute path, links included.  0 and an O_PATH fd in *ret, with the path without
 * links in `real` (PATH_MAX bytes, may be NULL); CONTAINER_VIEW_HIDDEN; or -errno. */
must_check int container_view_open(const struct container_view *view, const char *path, int *ret,
                                   char *real);

/* The same for a regular file, to be read; -EACCES for anything else, -EISDIR for a directory. */
must_check int container_view_open_file(const struct container_view *view, const char *path,
                                        int *ret, char *real);

/* Whether the mount of the file at `real`, which container_view_open_file() has opened as `fd`,
 * will be "noexec": execve(2) and mmap(2) with PROT_EXEC refuse what is there. */
bool container_view_is_noexec(const struct container_view *view, const char *real, int fd);
