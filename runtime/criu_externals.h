#pragma once

/*
 * What of a container CRIU finds outside it and leaves to us: mounts whose source is the host,
 * namespaces joined by path, standard streams.  Each has a name in the images, given at the
 * checkpoint and filled again at the restore.
 */

#include "base/arena.h"
#include "base/error.h"
#include "namespaces/mount/mount.h"
#include "namespaces/namespaces.h"
#include "runtime/criu_message.h"

/* At the checkpoint: where in the container each such mount really is, and its name, which is its
 * destination in config.json.  `root`: O_PATH of the container's root. */
must_check int criu_mounts_to_dump(const struct mount_plan *plan, int root, struct arena *arena,
                                   struct criu_pairs *ret, struct error *err);

/* At the restore: each name and its source on the host. */
must_check int criu_mounts_to_restore(const struct mount_plan *plan, struct arena *arena,
                                      struct criu_pairs *ret, struct error *err);

/* The places for all mounts in a root file system that may be a new one. */
must_check int criu_make_mount_points(const struct mount_plan *plan, struct error *err);

/* Namespaces that the bundle names by path.  CRIU knows network and pid from outside; ipc, uts and
 * others are joined at the restore; user and mount namespaces are refused.  Opens what it names. */
must_check int criu_namespaces_to_dump(const struct namespace_plan *plan, struct arena *arena,
                                       struct string_list *ret, struct error *err);
/* Adds to descriptors (room for it must be there) and fills the joins; plan's fds are open. */
must_check int criu_namespaces_to_restore(const struct namespace_plan *plan, struct arena *arena,
                                          struct criu_descriptors *descriptors,
                                          struct criu_pairs *joins, struct error *err);

#define CRIU_STREAMS_FILE "descriptors.json"

/* Standard streams, in the file of that name in the image directory: three strings, as runc has
 * them ("pipe:[1234]").  A file or terminal from outside the container gets a name that CRIU is
 * told of (`external`). */
must_check int criu_save_streams(int images, pid_t pid, struct arena *arena,
                                 struct string_list *external, struct error *err);
/* Our own three, in the place of those: adds to descriptors copies, which are the caller's to
 * close, also after a failure.  Without the file: nothing. */
must_check int criu_load_streams(int images, struct arena *arena,
                                 struct criu_descriptors *descriptors, struct error *err);

/* Room in lists: namespaces and streams. */
enum { CRIU_DESCRIPTORS_MOST = 8, CRIU_EXTERNALS_MOST = 8 };
