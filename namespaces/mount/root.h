#pragma once

/* What the root needs from its neighbours, and they from it. */

#include <stdbool.h>

#include "base/error.h"
#include "namespaces/mount/plan.h"

/* Open the rootfs directory of the host with O_PATH; a symbolic link as its last component, or
 * anything but a directory, is refused. */
must_check int mount_root_open(const struct mount_plan *plan, struct error *err);

/* linux.rootfsPropagation for the container's root, at the very end.  A recursive one leaves alone
 * what options of single mounts have asked for. */
must_check int mount_set_root_propagation(const struct mount_plan *plan, int root,
                                          struct error *err);

/* True when `fd` is the character device 1:3. */
bool mount_is_null_device(int fd);
