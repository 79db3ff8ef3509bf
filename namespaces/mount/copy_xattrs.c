/* File capabilities, labels, access control lists: what tmpcopyup brings along.  xattr(7). */

#include <errno.h>
#include <linux/limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>

#include "base/text.h"
#include "namespaces/mount/steps.h"

enum { PATH_SIZE = sizeof "/proc/self/fd/4294967295/" + NAME_MAX };

/* One file, on both sides: before 6.13 the calls of xattr(7) take no directory and name, and none
 * takes the fd of a link or a device.  They go through a magic link of ours to the directory, and
 * do not follow what is there. */
struct file {
    const char *name;
    char from[PATH_SIZE];
    char to[PATH_SIZE];
    const struct log *log;
};

/* Before 6.6 a tmpfs has no "user." attributes; in a user namespace "trusted." and some labels are
 * not to be set. */
static bool is_tolerable(int code)
{
    return code == EOPNOTSUPP || code == EPERM;
}

/* In a user namespace: file capabilities for the root of another one (EOVERFLOW), and lists of
 * users that this one does not have (EINVAL), mean nothing. */
static int leave_out(const struct file *file, const char *attribute, struct error *err)
{
    if (log_is_strict(file->log))
        return refuse(err, EOVERFLOW,
                      "its attribute %s names users that the container does not have", attribute);
    log_warning(file->log,
                "tmpcopyup: %s: the attribute %s is left out: it names users that the container "
                "does not have",
                file->name, attribute);
    return 0;
}

static int copy_one(const struct file *file, const char *attribute, struct error *err)
{
    char value[XATTR_SIZE_MAX];
    ssize_t size = lgetxattr(file->from, attribute, value, sizeof value);

    if (size < 0 && errno == EOVERFLOW)
        return leave_out(file, attribute, err);
    if (size < 0)
        return errno == ENODATA ? 0 : fail(err, errno, "read its attribute %s", attribute);
    if (lsetxattr(file->to, attribute, value, (size_t)size, 0) == 0 || is_tolerable(errno))
        return 0;
    if (errno == EINVAL && starts_with(attribute, "system.posix_acl_"))
        return leave_out(file, attribute, err);
    return fail(err, errno, "set its attribute %s", attribute);
}

int mount_copy_xattrs(int from, int to, const char *name, const struct log *log, struct error *err)
{
    struct file file = {.name = name, .log = log};
    char names[XATTR_LIST_MAX];
    ssize_t size;
    int error = 0;

    snprintf(file.from, sizeof file.from, "/proc/self/fd/%d/%s", from, name);
    snprintf(file.to, sizeof file.to, "/proc/self/fd/%d/%s", to, name);
    size = llistxattr(file.from, names, sizeof names);
    if (size < 0)
        return errno == EOPNOTSUPP ? 0 : fail(err, errno, "list its attributes");
    for (const char *at = names; error == 0 && at < names + size; at += strlen(at) + 1)
        error = copy_one(&file, at, err);
    return error;
}
