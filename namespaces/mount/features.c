/* What `features` reports of mounts beside their options. */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>

#include "base/kernel.h"
#include "namespaces/mount/mount.h"

/* Too small a struct is EINVAL where the call is known, whoever asks. */
bool mount_knows_attributes(void)
{
    return kernel_mount_setattr(-1, "", 0, NULL, 0) < 0 && errno != ENOSYS;
}

/* mount_setattr(2) looks at the attributes before it looks for the mount: a user namespace that is
 * no open descriptor is EBADF where id mappings are known (5.12), EINVAL or ENOSYS where not. */
bool mount_knows_id_maps(void)
{
    struct mount_attr attributes = {.attr_set = MOUNT_ATTR_IDMAP, .userns_fd = INT_MAX};

    return kernel_mount_setattr(-1, "", AT_EMPTY_PATH, &attributes, sizeof attributes) < 0 &&
           errno == EBADF;
}
