#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mountinfo.h"
#include "base/own.h"

/* What was seen, a line each. */
struct seen {
    char text[1024];
    const char *last; /* the type after which enough was seen */
};

static bool note(const struct mount_line *mount, void *context)
{
    struct seen *seen = context;
    size_t length = strlen(seen->text);

    snprintf(seen->text + length, sizeof seen->text - length, "%d %s %s %s %s\n", mount->id,
             mount->root, mount->mount_point, mount->type, mount->options);
    return seen->last == NULL || strcmp(mount->type, seen->last) != 0;
}

static const char *read_lines(const char *lines, struct seen *seen)
{
    char path[] = "/tmp/mountinfo.XXXXXX";
    int fd = mkstemp(path);
    struct error err;

    cr_assert(fd >= 0 && write(fd, lines, strlen(lines)) == (ssize_t)strlen(lines));
    close(fd);
    cr_expect_eq(mountinfo_read(path, note, seen, &err), 0);
    unlink(path);
    return seen->text;
}

#define LINES                                                                    \
    "21 1 0:20 / /sys rw,nosuid - sysfs sysfs rw\n"                              \
    "22 21 0:21 /a\\040b /with\\011tab rw shared:1 master:2 - tmpfs none ro,x\n" \
    "broken\n"                                                                   \
    "23 21 0:22 / /end rw - ext4\n"

Test(mountinfo, lines_are_taken_apart)
{
    struct seen seen = {.last = NULL};

    cr_expect_str_eq(read_lines(LINES, &seen), "21 / /sys sysfs rw\n"
                                               "22 /a b /with\ttab tmpfs ro,x\n"
                                               "23 / /end ext4 \n");
}

Test(mountinfo, enough_is_enough)
{
    struct seen seen = {.last = "sysfs"};

    cr_expect_str_eq(read_lines(LINES, &seen), "21 / /sys sysfs rw\n");
}

Test(mountinfo, a_missing_file_is_an_error)
{
    struct seen seen = {.last = NULL};
    struct error err;

    cr_expect_eq(mountinfo_read("/proc/self/no-mountinfo", note, &seen, &err), -ENOENT);
}

/* A directory can be opened, but not read. */
Test(mountinfo, what_cannot_be_read_to_its_end_is_an_error)
{
    struct seen seen = {.last = NULL};
    struct error err;

    cr_expect_eq(mountinfo_read("/tmp", note, &seen, &err), -EISDIR);
    cr_expect_str_eq(err.text, "read /tmp: Is a directory");
}
