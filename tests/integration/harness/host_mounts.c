#include "tests/integration/harness/host_mounts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/kernel.h"
#include "tests/integration/harness/scenario.h"

#define CGROUPS "/sys/fs/cgroup"

enum { MOUNTS_MOST = 512 };

/* Criterion runs every test in a process of its own: these are one test's. */
static const char *points[MOUNTS_MOST];
static size_t point_count;

const char *host_directory(const char *name)
{
    const char *path = work_path(name);

    cr_assert(mkdir(path, 0755) == 0, "mkdir %s: %s", path, strerror(errno));
    return path;
}

const char *host_tmpfs(const char *name)
{
    const char *path = host_directory(name);

    cr_assert(point_count < MOUNTS_MOST);
    cr_assert(kernel_mount(name, path, "tmpfs", 0, "mode=755") == 0, "%s: %s", path,
              strerror(errno));
    points[point_count++] = path;
    return path;
}

bool host_see_v2_alone(void)
{
    if (!file_exists(CGROUPS "/unified/cgroup.procs"))
        return false;
    cr_assert(point_count < MOUNTS_MOST);
    cr_assert(kernel_mount(CGROUPS "/unified", CGROUPS, NULL, MS_BIND, NULL) == 0, "%s",
              strerror(errno));
    points[point_count++] = CGROUPS;
    return true;
}

void host_see_all_again(void)
{
    host_unmount(CGROUPS);
}

void host_set_mount_flags(const char *path, unsigned long flags)
{
    cr_assert(kernel_mount(NULL, path, NULL, MS_REMOUNT | MS_BIND | flags, NULL) == 0, "%s: %s",
              path, strerror(errno));
}

void host_unmount(const char *path)
{
    for (size_t i = point_count; i-- > 0;) {
        if (points[i] == NULL || strcmp(points[i], path) != 0)
            continue;
        cr_assert(kernel_umount(path, MNT_DETACH) == 0, "%s: %s", path, strerror(errno));
        points[i] = NULL;
        return;
    }
    cr_assert(false, "%s was not mounted here", path);
}

void host_unmount_all(void)
{
    while (point_count > 0)
        if (points[--point_count] != NULL)
            kernel_umount(points[point_count], MNT_DETACH);
}

/* "ID PARENT MAJOR:MINOR ROOT POINT OPTIONS [FIELD...] - TYPE SOURCE SUPER_OPTIONS" */
static struct mounted parse(const char *line, size_t length, const char *point)
{
    char *copy = text("%.*s", (int)length, line);
    char *words = strstr(copy, " - ");
    char found[4096] = "", options[512] = "", type[128] = "", source[4096] = "", super[4096] = "";
    int after = 0;

    if (words == NULL ||
        sscanf(copy, "%*s %*s %*s %*s %4095s %511s%n", found, options, &after) != 2 ||
        strcmp(found, point) != 0)
        return (struct mounted){"", "", "", "", ""};
    sscanf(words, " - %127s %4095s %4095s", type, source, super);
    *words = '\0';
    return (struct mounted){
        .options = text("%s", options),
        .fields = copy + after + (copy[after] == ' '),
        .type = text("%s", type),
        .source = text("%s", source),
        .super_options = text("%s", super),
    };
}

struct mounted mounted_at(const char *mountinfo, const char *point)
{
    struct mounted last = {"", "", "", "", ""};

    for (const char *line = mountinfo; *line != '\0';) {
        size_t length = strcspn(line, "\n");
        struct mounted found = parse(line, length, point);

        if (*found.options != '\0')
            last = found;
        line += length + (line[length] == '\n');
    }
    return last;
}
