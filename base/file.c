#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/own.h"

int write_all(int fd, const void *bytes, size_t length)
{
    const char *at = bytes;

    while (length > 0) {
        ssize_t written = write(fd, at, length);

        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return -errno;
        if (written == 0)
            return -EIO;
        at += written;
        length -= (size_t)written;
    }
    return 0;
}

/* Fill `buffer` until end of file or `size`; the length or -errno.  `last` is where a file ends for
 * sure when there was no more to be had: 0 where that is not known. */
static ssize_t read_full(int fd, char *buffer, size_t size, size_t last)
{
    size_t used = 0;

    while (used < size && (used == 0 || used != last)) {
        ssize_t got = read(fd, buffer + used, size - used);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        if (got == 0)
            break;
        used += (size_t)got;
    }
    return (ssize_t)used;
}

int read_file(int dir, const char *name, size_t most, struct arena *arena, char **ret,
              size_t *ret_length, struct error *err)
{
    autoclose int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat status;

    if (fd < 0)
        return fail(err, errno, "open %s", name);
    if (fstat(fd, &status) < 0)
        return fail(err, errno, "stat %s", name);
    if (!S_ISREG(status.st_mode))
        return refuse(err, EINVAL, "%s: not a regular file", name);
    if ((unsigned long long)status.st_size > most)
        return refuse(err, EFBIG, "%s: larger than %zu bytes", name, most);

    /* A file may grow while it is read: one byte more than allowed tells. */
    size_t size = (size_t)status.st_size + 1;
    char *bytes = arena_zero(arena, size + 1, 1);

    if (bytes == NULL)
        return no_memory(err);

    ssize_t length = read_full(fd, bytes, size, size - 1);

    if (length < 0)
        return fail(err, (int)-length, "read %s", name);
    if ((size_t)length == size)
        return refuse(err, EBUSY, "%s: changed while it was read", name);
    *ret = bytes;
    if (ret_length != NULL)
        *ret_length = (size_t)length;
    return 0;
}

ssize_t read_pseudo_file(int dir, const char *name, char *buffer, size_t size)
{
    autoclose int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return -errno;

    ssize_t length = read_full(fd, buffer, size, 0);

    if (length < 0)
        return length;
    if ((size_t)length == size)
        return -EFBIG;
    if (length > 0 && buffer[length - 1] == '\n')
        length--;
    buffer[length] = '\0';
    return length;
}

int write_pseudo_file(int dir, const char *name, const char *text)
{
    autoclose int fd = openat(dir, name, O_WRONLY | O_CLOEXEC);

    if (fd < 0)
        return -errno;

    ssize_t written;

    do
        written = write(fd, text, strlen(text));
    while (written < 0 && errno == EINTR);
    if (written < 0)
        return -errno;
    return (size_t)written == strlen(text) ? 0 : -EIO;
}

static int write_new_file(int dir, const char *name, const void *bytes, size_t length, mode_t mode)
{
    autoclose int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
                              mode);

    if (fd < 0)
        return -errno;
    return write_all(fd, bytes, length);
}

int replacement_write(struct replacement *ret, int dir, const char *name, const void *bytes,
                      size_t length, mode_t mode, struct error *err)
{
    struct replacement replacement = {.dir = dir, .name = name};
    const char *base = strrchr(name, '/');
    int directory_part = base == NULL ? 0 : (int)(base + 1 - name);

    base = base == NULL ? name : base + 1;
    if (snprintf(replacement.temporary, sizeof replacement.temporary, "%.*s.%s.%d", directory_part,
                 name, base, getpid()) >= (int)sizeof replacement.temporary)
        return fail(err, ENAMETOOLONG, "write %s", name);

    int code = write_new_file(dir, replacement.temporary, bytes, length, mode);

    /* A leftover of a killed process with our pid is in the way; nobody else's can be. */
    if (code == -EEXIST) {
        replacement_drop(&replacement);
        code = write_new_file(dir, replacement.temporary, bytes, length, mode);
    }
    if (code < 0) {
        replacement_drop(&replacement);
        return fail(err, -code, "write %s", name);
    }
    *ret = replacement;
    return 0;
}

int replacement_commit(const struct replacement *replacement, struct error *err)
{
    if (renameat(replacement->dir, replacement->temporary, replacement->dir, replacement->name) ==
        0)
        return 0;
    fail(err, errno, "write %s", replacement->name);
    replacement_drop(replacement);
    return -err->code;
}

void replacement_drop(const struct replacement *replacement)
{
    unlinkat(replacement->dir, replacement->temporary, 0);
}

int replace_file(int dir, const char *name, const void *bytes, size_t length, mode_t mode,
                 struct error *err)
{
    struct replacement replacement;

    if (replacement_write(&replacement, dir, name, bytes, length, mode, err) < 0)
        return -err->code;
    return replacement_commit(&replacement, err);
}
