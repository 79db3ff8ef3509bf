#include "runtime/identity.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "base/file.h"
#include "base/kernel.h"
#include "base/own.h"
#include "spec/rows.h"

#define OWNER struct process_identity
static const struct field identity_rows[] = {
    ROW("pid", FIELD_INT64, pid, REQUIRED, RANGE(0, INT_MAX)),
    ROW("bootId", FIELD_STRING, boot_id),
    ROW("serial", FIELD_UINT64, serial),
    ROW("startTime", FIELD_UINT64, start_time),
};
#undef OWNER
const struct fields process_identity_fields = FIELDS_OF(struct process_identity, identity_rows);

/* --- what the kernel says ----------------------------------------------------------------------
 */

/* The start time of /proc/PID/stat; the name in between may contain anything. */
static int read_start_time(pid_t pid, uint64_t *ret)
{
    char path[64];
    char stat[1024];
    unsigned long long start_time;

    snprintf(path, sizeof path, "/proc/%d/stat", pid);

    ssize_t length = read_pseudo_file(AT_FDCWD, path, stat, sizeof stat);

    if (length < 0)
        return (int)length;

    const char *after_name = strrchr(stat, ')');

    if (after_name == NULL ||
        sscanf(after_name + 1,
               " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
               &start_time) != 1)
        return -EPROTO;
    *ret = start_time;
    return 0;
}

/* 0 where pidfds have no numbers of their own: all were one anonymous inode, and inode numbers of a
 * kernel of 32 bits come again. */
static uint64_t read_serial(int pidfd)
{
    struct statfs filesystem;
    struct stat status;

    return sizeof(long) == 8 && fstatfs(pidfd, &filesystem) == 0 &&
                   filesystem.f_type == PIDFS_MAGIC && fstat(pidfd, &status) == 0
               ? status.st_ino
               : 0;
}

static int read_boot(struct boot *boot)
{
    ssize_t length = *boot->id != '\0'
                         ? 0
                         : read_pseudo_file(AT_FDCWD, "/proc/sys/kernel/random/boot_id", boot->id,
                                            sizeof boot->id);

    return length < 0 ? (int)length : 0;
}

/* --- who it is ---------------------------------------------------------------------------------
 */

int process_identify(int pidfd, pid_t pid, struct boot *boot, struct arena *arena,
                     struct process_identity *ret, struct error *err)
{
    struct process_identity identity = {.pid = pid, .serial = read_serial(pidfd)};
    int code = identity.serial != 0 ? 0 : read_start_time(pid, &identity.start_time);

    if (code < 0)
        return fail(err, -code, "read /proc/%d/stat", pid);
    code = read_boot(boot);
    if (code < 0)
        return fail(err, -code, "read the boot id");
    identity.boot_id = arena_string(arena, boot->id);
    if (identity.boot_id == NULL)
        return no_memory(err);
    *ret = identity;
    return 0;
}

/* The process that `pidfd` holds: in this order, first held and then looked at, the answer stays
 * true. */
static bool is_it(const struct process_identity *identity, int pidfd)
{
    struct stat status;
    uint64_t start_time;

    if (identity->serial != 0)
        return fstat(pidfd, &status) == 0 && status.st_ino == identity->serial;
    return read_start_time((pid_t)identity->pid, &start_time) == 0 &&
           start_time == identity->start_time;
}

int process_open_remains(const struct process_identity *identity, struct boot *boot)
{
    if (identity->pid <= 0 || identity->pid > INT_MAX || identity->boot_id == NULL)
        return -1;

    autoclose int pidfd = kernel_pidfd_open((pid_t)identity->pid, 0);

    if (pidfd < 0 || read_boot(boot) < 0 || strcmp(boot->id, identity->boot_id) != 0)
        return -1;
    return is_it(identity, pidfd) ? take_fd(&pidfd) : -1;
}

int process_open(const struct process_identity *identity, struct boot *boot)
{
    autoclose int pidfd = process_open_remains(identity, boot);
    struct pollfd end = {.fd = pidfd, .events = POLLIN};

    return pidfd >= 0 && poll(&end, 1, 0) == 0 ? take_fd(&pidfd) : -1;
}
