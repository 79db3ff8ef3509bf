#include "base/remove_tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/kernel.h"
#include "base/own.h"

/* Directories are not descended into but moved up, to here, and looked at again. */
struct removal {
    int top;
    unsigned long moved; /* the next name for one: some may be taken */
    bool again;          /* something has been left for another pass */
};

/* 0: gone; -ENOTEMPTY: a directory that is no mount and has something in it; -errno. */
static int try_remove(int dir, const char *name)
{
    if (unlinkat(dir, name, 0) == 0 || errno == ENOENT)
        return 0;
    if (errno != EISDIR)
        return -errno;
    if (unlinkat(dir, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
        return 0;
    return errno == EEXIST ? -ENOTEMPTY : -errno;
}

/* By descriptor, so that a mount is what we detach here, or nothing: a path is followed elsewhere.
 */
static int detach_mount(int dir, const char *name)
{
    char path[40];
    autoclose int fd = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0)
        return -errno;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return kernel_umount(path, MNT_DETACH) < 0 ? -errno : 0;
}

/* The same, and mounts (several may lie on each other) go as well. */
static int remove_entry(int dir, const char *name)
{
    int code;

    while ((code = try_remove(dir, name)) == -EBUSY) {
        code = detach_mount(dir, name);
        if (code < 0)
            return code == -EINVAL ? -EBUSY : code;
    }
    return code;
}

/* One that may be read and changed, if it is ours: its modes are whatever somebody has set. -EXDEV:
 * a mount. */
static int open_directory(int dir, const char *name)
{
    char path[40];
    struct open_how how = {
        .flags = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
        .resolve = RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH,
    };
    autoclose int fd = kernel_openat2(dir, name, &how);

    /* A kernel before 5.6, or a filter around us: rmdir(2) has just said that it is no mount. */
    if (fd < 0 && (errno == ENOSYS || errno == EPERM))
        fd = openat(dir, name, (int)how.flags);
    if (fd < 0)
        return -errno;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    (void)!chmod(path, 0700);

    int readable = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    return readable < 0 ? -errno : readable;
}

/* Over an empty directory is as good as beside it. */
static int move_up(struct removal *removal, int dir, const char *name)
{
    enum { TRIES_MOST = 1 << 20 };
    char own[32];
    /* Its ".." changes, so an ordinary user needs rights over it. */
    autoclose int ours = open_directory(dir, name);

    removal->again = true;
    if (ours < 0)
        return ours == -EXDEV || ours == -ENOENT ? 0 : ours;
    for (int i = 0; i < TRIES_MOST; i++) {
        snprintf(own, sizeof own, "%lu", removal->moved++);
        if (renameat(dir, name, removal->top, own) == 0)
            return 0;
        if (errno != EEXIST && errno != ENOTEMPTY && errno != ENOTDIR && errno != EBUSY)
            return -errno;
    }
    return -EBUSY;
}

/* Every entry of `dir` goes or, as a directory with something in it, to `keep`. */
static int for_each(struct removal *removal, int dir,
                    int (*keep)(struct removal *removal, int dir, const char *name))
{
    int own = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *stream = own < 0 ? NULL : fdopendir(own);
    int code = stream == NULL ? -errno : 0;

    if (stream == NULL) {
        close_fd(&own);
        return code;
    }
    for (struct dirent *entry; code == 0 && (entry = readdir(stream)) != NULL;) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        code = remove_entry(dir, entry->d_name);
        if (code == -ENOTEMPTY)
            code = keep(removal, dir, entry->d_name);
    }
    closedir(stream);
    return code;
}

static int take_apart(struct removal *removal, int dir, const char *name)
{
    autoclose int directory = open_directory(dir, name);
    int code;

    removal->again = true;
    if (directory < 0)
        return directory == -EXDEV || directory == -ENOENT ? 0 : directory;
    code = for_each(removal, directory, move_up);
    if (code < 0)
        return code;
    code = remove_entry(dir, name);
    return code == -ENOTEMPTY ? 0 : code;
}

int remove_tree(int dir, const char *name, struct error *err)
{
    struct removal removal = {.top = -1};
    int code = remove_entry(dir, name);

    if (code == 0)
        return 0;
    if (code == -ENOTEMPTY)
        code = removal.top = open_directory(dir, name);

    autoclose int top = removal.top;

    while (code >= 0) {
        removal.again = false;
        code = for_each(&removal, top, take_apart);
        if (code == 0 && !removal.again)
            code = remove_entry(dir, name);
        if (code == 0 && !removal.again)
            return 0;
        if (code == -ENOTEMPTY)
            code = 0;
    }
    return fail(err, -code, "remove %s", name);
}
