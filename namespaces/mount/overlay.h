#pragma once

/* A writable layer over the root file system.  Documentation/filesystems/overlayfs.rst. */

#include "base/error.h"
#include "namespaces/mount/plan.h"

/* Lay an overlay over the detached tree `lower` (taken over, also on failure) and put it on
 * `place`.  Returns the fd of its root. */
must_check int mount_overlay_root(const struct mount_plan *plan, int lower, int place,
                                  struct error *err);
