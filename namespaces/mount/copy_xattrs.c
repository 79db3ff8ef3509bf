/* File capabilities, labels, access control lists: what tmpcopyup brings along.  xattr(7). */

#include <errno.h>
#include <fcntl.h>
#include <linux/limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/own.h"
#include "namespaces/mount/steps.h"

enum { FD_PATH_SIZE = 32 };

/* A name for the calls of xattr(7), none of which takes the fd of a link or a device: they end at
 * what a magic link of ours leads to, and do not follow that. */
static int open_itself(int directory, const char *name, char path[static FD_PATH_SIZE],
                       struct error *err)
{
    int fd = openat(directory, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0)
        return fail(err, errno, "open");
    snprintf(path, FD_PATH_SIZE, "/proc/self/fd/%d", fd);
    return fd;
}

/* Before 6.6 a tmpfs has no "user." attributes; in a user namespace "trusted." and some labels are
 * not to be set. */
static bool is_tolerable(int code)
{
    return code == EOPNOTSUPP || code == EPERM;
}

static int copy_one(const char *from, const char *to, const char *attribute, struct error *err)
{
    char value[XATTR_SIZE_MAX];
    ssize_t size = getxattr(from, attribute, value, sizeof value);

    if (size < 0)
        return errno == ENODATA ? 0 : fail(err, errno, "read its attribute %s", attribute);
    if (setxattr(to, attribute, value, (size_t)size, 0) < 0 && !is_tolerable(errno))
        return fail(err, errno, "set its attribute %s", attribute);
    return 0;
}

static int copy_all(const char *from, const char *to, struct error *err)
{
    char names[XATTR_LIST_MAX];
    ssize_t size = listxattr(from, names, sizeof names);
    int error = 0;

    if (size < 0)
        return errno == EOPNOTSUPP ? 0 : fail(err, errno, "list its attributes");
    for (const char *at = names; error == 0 && at < names + size; at += strlen(at) + 1)
        error = copy_one(from, to, at, err);
    return error;
}

int mount_copy_xattrs(int from, int to, const char *name, struct error *err)
{
    char from_path[FD_PATH_SIZE], to_path[FD_PATH_SIZE];
    autoclose int in = open_itself(from, name, from_path, err);
    autoclose int out = in < 0 ? in : open_itself(to, name, to_path, err);

    return out < 0 ? -err->code : copy_all(from_path, to_path, err);
}
