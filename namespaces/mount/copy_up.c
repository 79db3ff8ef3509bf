#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/kernel.h"
#include "base/own.h"
#include "namespaces/mount/steps.h"

enum { DEEPEST = 64, ENTRIES_SIZE = 2048, LINK_NAME_SIZE = 48 };

/* What the whole copy has in common. */
struct copy {
    int to;    /* its root */
    int links; /* a directory there: files of several names, each by "DEVICE-INODE"; -1: none yet */
    const struct log *log;
};

/* Something that is gone before anybody sees the copy.  No image has a name like it. */
static const char links_name[] = ".crun-lite-tmpcopyup-links";

static int copy_directory(struct copy *copy, int from, int to, unsigned depth, struct error *err);

static int copy_times(int to, const char *name, const struct stat *status, struct error *err)
{
    const struct timespec times[2] = {status->st_atim, status->st_mtim};

    if (utimensat(to, name, times, AT_SYMLINK_NOFOLLOW) < 0)
        return fail(err, errno, "set its times");
    return 0;
}

/* Owner first: a change of owner takes set-user-id and file capabilities away. */
static int copy_attributes(const struct copy *copy, int from, int to, const char *name,
                           const struct stat *status, struct error *err)
{
    int error;

    if (fchownat(to, name, status->st_uid, status->st_gid, AT_SYMLINK_NOFOLLOW) < 0)
        return fail(err, errno, "set its owner");
    if (!S_ISLNK(status->st_mode) && fchmodat(to, name, status->st_mode & 07777, 0) < 0)
        return fail(err, errno, "set its mode");
    error = mount_copy_xattrs(from, to, name, copy->log, err);
    return error < 0 ? error : copy_times(to, name, status, err);
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

static int copy_subdirectory(struct copy *copy, int from, int to, const char *name, unsigned depth,
                             struct error *err)
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
    return copy_directory(copy, in, out, depth + 1, err);
}

/* 0; 1 when it is left out: in a user namespace nobody makes devices. */
static int copy_node(const struct copy *copy, int to, const char *name, const struct stat *status,
                     struct error *err)
{
    if (mknodat(to, name, (status->st_mode & S_IFMT) | 0600, status->st_rdev) == 0)
        return 0;
    if (errno != EPERM || S_ISFIFO(status->st_mode) || log_is_strict(copy->log))
        return fail(err, errno, "mknod");
    log_warning(copy->log, "tmpcopyup: the device %s may not be made here: left out", name);
    return 1;
}

/* 0; 1 when it is left out.  A socket means nothing without who listens there. */
static int copy_body(struct copy *copy, int from, int to, const char *name,
                     const struct stat *status, struct error *err)
{
    switch (status->st_mode & S_IFMT) {
    case S_IFREG:
        return copy_file(from, to, name, err);
    case S_IFLNK:
        return copy_link(from, to, name, err);
    case S_IFIFO:
    case S_IFCHR:
    case S_IFBLK:
        return copy_node(copy, to, name, status, err);
    default:
        return 1;
    }
}

/* The name of a file in the directory of links. */
static void name_link(const struct stat *status, char name[static LINK_NAME_SIZE])
{
    snprintf(name, LINK_NAME_SIZE, "%llx-%llx", (unsigned long long)status->st_dev,
             (unsigned long long)status->st_ino);
}

/* The first of its names is copied already: 0, and -ENOENT when not. */
static int link_to_first(const struct copy *copy, int to, const char *name,
                         const struct stat *status, struct error *err)
{
    char first[LINK_NAME_SIZE];

    if (copy->links < 0)
        return -ENOENT;
    name_link(status, first);
    if (linkat(copy->links, first, to, name, 0) == 0)
        return 0;
    return errno == ENOENT ? -ENOENT : fail(err, errno, "link");
}

static int remember_first(struct copy *copy, int to, const char *name, const struct stat *status,
                          struct error *err)
{
    char first[LINK_NAME_SIZE];

    if (copy->links < 0) {
        if (mkdirat(copy->to, links_name, 0700) < 0)
            return fail(err, errno, "make a directory for links");
        copy->links = openat(copy->to, links_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (copy->links < 0)
            return fail(err, errno, "open the directory for links");
    }
    name_link(status, first);
    return linkat(to, name, copy->links, first, 0) < 0 ? fail(err, errno, "remember the link") : 0;
}

static int copy_file_of_any_kind(struct copy *copy, int from, int to, const char *name,
                                 const struct stat *status, struct error *err)
{
    int error = status->st_nlink > 1 ? link_to_first(copy, to, name, status, err) : -ENOENT;

    if (error != -ENOENT)
        return error;
    error = copy_body(copy, from, to, name, status, err);
    if (error != 0)
        return error < 0 ? error : 0;
    error = copy_attributes(copy, from, to, name, status, err);
    if (error == 0 && status->st_nlink > 1)
        error = remember_first(copy, to, name, status, err);
    return error;
}

static int copy_entry(struct copy *copy, int from, int to, const char *name, unsigned depth,
                      struct error *err)
{
    struct stat status;
    int error;

    if (fstatat(from, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return fail(err, errno, "stat");
    if (!S_ISDIR(status.st_mode)) {
        error = copy_file_of_any_kind(copy, from, to, name, &status, err);
        return error < 0 ? within(err, "%s", name) : 0;
    }
    error = copy_subdirectory(copy, from, to, name, depth, err);
    if (error < 0)
        return prefix(err, "%s/", name);
    error = copy_attributes(copy, from, to, name, &status, err);
    return error < 0 ? within(err, "%s", name) : 0;
}

static int copy_entries(struct copy *copy, int from, int to, const char *entries, size_t size,
                        unsigned depth, struct error *err)
{
    for (size_t at = 0; at < size;) {
        const struct dirent64 *entry = (const void *)(entries + at);
        int error;

        at += entry->d_reclen;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        error = copy_entry(copy, from, to, entry->d_name, depth, err);
        if (error < 0)
            return error;
    }
    return 0;
}

/* getdents64(2) into the stack: opendir(3) would allocate. */
static int copy_directory(struct copy *copy, int from, int to, unsigned depth, struct error *err)
{
    char entries[ENTRIES_SIZE] __attribute__((aligned(8)));

    if (depth > DEEPEST)
        return refuse(err, ELOOP, "is deeper than %d directories", DEEPEST);
    for (;;) {
        ssize_t size = kernel_getdents(from, entries, sizeof entries);
        int error;

        if (size == 0)
            return 0;
        if (size < 0)
            return fail(err, errno, "read the directory");
        error = copy_entries(copy, from, to, entries, (size_t)size, depth, err);
        if (error < 0)
            return error;
    }
}

/* From the start as long as something is there: names that go move the others in the listing. */
static int remove_links(struct copy *copy, struct error *err)
{
    char entries[ENTRIES_SIZE] __attribute__((aligned(8)));
    bool removed = true;

    while (removed) {
        ssize_t size = lseek(copy->links, 0, SEEK_SET) < 0
                           ? -1
                           : kernel_getdents(copy->links, entries, sizeof entries);

        if (size < 0)
            return fail(err, errno, "read the directory for links");
        removed = false;
        for (size_t at = 0; at < (size_t)size;) {
            const struct dirent64 *entry = (const void *)(entries + at);

            at += entry->d_reclen;
            if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
                continue;
            if (unlinkat(copy->links, entry->d_name, 0) < 0)
                return fail(err, errno, "remove a link");
            removed = true;
        }
    }
    if (unlinkat(copy->to, links_name, AT_REMOVEDIR) < 0)
        return fail(err, errno, "remove the directory for links");
    return 0;
}

int mount_copy_up(int from, int to, const struct log *log, struct error *err)
{
    autoclose int out = openat(to, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct copy copy = {.to = out, .links = -1, .log = log};
    struct stat status;
    int error;

    if (out < 0)
        return fail(err, errno, "open the tmpfs");
    if (fstat(from, &status) < 0)
        return fail(err, errno, "stat");
    if (fchown(out, status.st_uid, status.st_gid) < 0)
        return fail(err, errno, "set the owner of the tmpfs");
    error = copy_directory(&copy, from, out, 0, err);
    if (error == 0)
        error = mount_copy_xattrs(from, out, ".", log, err);
    if (error == 0 && copy.links >= 0)
        error = remove_links(&copy, err);
    close_fd(&copy.links);
    return error;
}
