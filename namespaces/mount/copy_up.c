#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/own.h"
#include "namespaces/mount/steps.h"

enum { DEEPEST = 64, ENTRIES_SIZE = 2048 };

static int copy_directory(int from, int to, unsigned depth, struct error *err);

static int copy_times(int to, const char *name, const struct stat *status, struct error *err)
{
    const struct timespec times[2] = {status->st_atim, status->st_mtim};

    if (utimensat(to, name, times, AT_SYMLINK_NOFOLLOW) < 0)
        return fail(err, errno, "set its times");
    return 0;
}

/* Owner before mode: a change of owner takes set-user-id away. */
static int copy_attributes(int to, const char *name, const struct stat *status, struct error *err)
{
    if (fchownat(to, name, status->st_uid, status->st_gid, AT_SYMLINK_NOFOLLOW) < 0)
        return fail(err, errno, "set its owner");
    if (!S_ISLNK(status->st_mode) && fchmodat(to, name, status->st_mode & 07777, 0) < 0)
        return fail(err, errno, "set its mode");
    return copy_times(to, name, status, err);
}

static int copy_bytes(int from, int to, struct error *err)
{
    for (;;) {
        ssize_t sent = sendfile(to, from, NULL, INT_MAX);

        if (sent == 0)
            return 0;
        if (sent < 0 && errno != EINTR)
            return fail(err, errno, "copy");
    }
}

static int copy_file(int from, int to, const char *name, struct error *err)
{
    autoclose int in = openat(from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    autoclose int out = -1;

    if (in < 0)
        return fail(err, errno, "open");
    out = openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (out < 0)
        return fail(err, errno, "make the copy");
    return copy_bytes(in, out, err);
}

static int copy_link(int from, int to, const char *name, struct error *err)
{
    char target[PATH_MAX];
    ssize_t length = readlinkat(from, name, target, sizeof target - 1);

    if (length < 0)
        return fail(err, errno, "read the link");
    target[length] = '\0';
    return symlinkat(target, to, name) < 0 ? fail(err, errno, "make the link") : 0;
}

static int copy_subdirectory(int from, int to, const char *name, unsigned depth, struct error *err)
{
    autoclose int in = openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    autoclose int out = -1;

    if (in < 0)
        return fail(err, errno, "open");
    if (mkdirat(to, name, 0700) < 0)
        return fail(err, errno, "make the directory");
    out = openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (out < 0)
        return fail(err, errno, "open the copy");
    return copy_directory(in, out, depth + 1, err);
}

/* Sockets and devices mean nothing without who made them, and are left out. */
static int copy_entry(int from, int to, const char *name, unsigned depth, struct error *err)
{
    struct stat status;
    int error = 0;

    if (fstatat(from, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return fail(err, errno, "stat");
    switch (status.st_mode & S_IFMT) {
    case S_IFREG:
        error = copy_file(from, to, name, err);
        break;
    case S_IFDIR:
        error = copy_subdirectory(from, to, name, depth, err);
        if (error < 0)
            return prefix(err, "%s/", name);
        break;
    case S_IFLNK:
        error = copy_link(from, to, name, err);
        break;
    case S_IFIFO:
        error = mkfifoat(to, name, 0600) < 0 ? fail(err, errno, "make the FIFO") : 0;
        break;
    default:
        return 0;
    }
    if (error == 0)
        error = copy_attributes(to, name, &status, err);
    return error < 0 ? within(err, "%s", name) : 0;
}

static int copy_entries(int from, int to, const char *entries, size_t size, unsigned depth,
                        struct error *err)
{
    for (size_t at = 0; at < size;) {
        const struct dirent64 *entry = (const void *)(entries + at);
        int error;

        at += entry->d_reclen;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        error = copy_entry(from, to, entry->d_name, depth, err);
        if (error < 0)
            return error;
    }
    return 0;
}

/* getdents64(2) into the stack: opendir(3) would allocate. */
static int copy_directory(int from, int to, unsigned depth, struct error *err)
{
    char entries[ENTRIES_SIZE] __attribute__((aligned(8)));

    if (depth > DEEPEST)
        return refuse(err, ELOOP, "is deeper than %d directories", DEEPEST);
    for (;;) {
        ssize_t size = getdents64(from, entries, sizeof entries);
        int error;

        if (size == 0)
            return 0;
        if (size < 0)
            return fail(err, errno, "read the directory");
        error = copy_entries(from, to, entries, (size_t)size, depth, err);
        if (error < 0)
            return error;
    }
}

int mount_copy_up(int from, int to, struct error *err)
{
    autoclose int out = openat(to, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct stat status;

    if (out < 0)
        return fail(err, errno, "open the tmpfs");
    if (fstat(from, &status) < 0)
        return fail(err, errno, "stat");
    if (fchown(out, status.st_uid, status.st_gid) < 0)
        return fail(err, errno, "set the owner of the tmpfs");
    return copy_directory(from, out, 0, err);
}
