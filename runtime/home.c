#include "runtime/home.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/inroot.h"
#include "base/own.h"
#include "base/text.h"

enum { PASSWD_MOST = 1024 * 1024, LINE_MOST = 4096 };

/* name:password:uid:gid:gecos:directory:shell  -- passwd(5) */
static bool home_of_line(char *line, uid_t uid, char **ret)
{
    char *fields[7] = {NULL};
    struct error ignored;
    uint64_t number;
    size_t count = 0;

    while (count < count_of(fields) && line != NULL)
        fields[count++] = strsep(&line, ":");
    if (count < 6 || parse_uint64(fields[2], UINT32_MAX, &number, &ignored) < 0 || number != uid)
        return false;
    *ret = fields[5];
    return *fields[5] == '/';
}

static bool search(int fd, uid_t uid, char *buffer, size_t size)
{
    char bytes[LINE_MOST + 1];
    size_t used = 0;
    size_t total = 0;

    for (;;) {
        ssize_t got = read(fd, bytes + used, LINE_MOST - used);
        char *line = bytes;
        char *end;
        char *home;

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 || (total += (size_t)got) > PASSWD_MOST)
            return false;
        used += (size_t)got;
        bytes[used] = '\0';
        while ((end = strchr(line, '\n')) != NULL || (got == 0 && *line != '\0')) {
            if (end != NULL)
                *end = '\0';
            if (home_of_line(line, uid, &home))
                return snprintf(buffer, size, "HOME=%s", home) < (int)size;
            if (end == NULL)
                return false;
            line = end + 1;
        }
        if (got == 0 || (line == bytes && used == LINE_MOST)) /* no such line, or an endless one */
            return false;
        used -= (size_t)(line - bytes);
        memmove(bytes, line, used);
    }
}

void home_find(int root, uid_t uid, char *buffer, size_t size)
{
    struct error ignored;
    autoclose int fd = inroot_open_file(root, "/etc/passwd", &ignored);

    if (fd < 0 || !search(fd, uid, buffer, size))
        snprintf(buffer, size, "HOME=/");
}
