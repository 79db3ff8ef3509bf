#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/own.h"
#include "base/text.h"
#include "cgroups/controllers.h"
#include "cgroups/directories.h"
#include "cgroups/path.h"

int cgroup_directory_in(const struct cgroup *cgroup, const struct cgroup_host *host, size_t index)
{
    for (size_t i = 0; i < cgroup->count; i++) {
        if (strcmp(cgroup->directories[i].name, host->hierarchies[index].name) == 0)
            return (int)i;
    }
    return -1;
}

int cgroup_any_directory(const struct cgroup *cgroup)
{
    int found = -1;

    for (size_t i = 0; i < cgroup->count; i++) {
        if (cgroup->directories[i].fd >= 0 && (found < 0 || cgroup->directories[i].is_v2))
            found = (int)i;
    }
    return found;
}

int cgroup_clone_fd(const struct cgroup *cgroup)
{
    for (size_t i = 0; i < cgroup->count; i++) {
        if (cgroup->directories[i].is_v2)
            return cgroup->directories[i].fd;
    }
    return -1;
}

void cgroup_done(struct cgroup *cgroup)
{
    for (size_t i = 0; i < cgroup->count; i++)
        close_fd(&cgroup->directories[i].fd);
    cgroup->count = 0;
}

/* Append a directory by name; a missing one is kept with fd -1. */
static int add_by_name(struct cgroup *cgroup, const char *name, const char *directory, int made,
                       struct error *err)
{
    int fd;

    if (cgroup->count == CGROUP_HIERARCHIES_MOST)
        return refuse(err, EINVAL, "more than %d cgroup hierarchies", CGROUP_HIERARCHIES_MOST);
    fd = cgroup_open_directory(directory, err);
    if (fd < 0 && fd != -ENOENT)
        return fd;
    cgroup->directories[cgroup->count].name = name;
    cgroup->directories[cgroup->count].directory = directory;
    cgroup->directories[cgroup->count].fd = fd < 0 ? -1 : fd;
    cgroup->directories[cgroup->count].made = made;
    cgroup->directories[cgroup->count].is_v2 = *name == '\0';
    cgroup->count++;
    return 0;
}

int cgroup_open(struct cgroup *ret, const struct cgroup_record *record, struct error *err)
{
    struct cgroup cgroup = CGROUP_EMPTY;

    for (size_t i = 0; i < record->directories.count; i++) {
        const struct cgroup_directory_record *directory = &record->directories.items[i];
        int code = add_by_name(&cgroup, directory->hierarchy, directory->directory,
                               (int)directory->made, err);

        if (code < 0) {
            cgroup_done(&cgroup);
            return code;
        }
    }
    *ret = cgroup;
    return 0;
}

static void close_stream(FILE **stream)
{
    if (*stream != NULL)
        fclose(*stream);
}

/* One line of /proc/PID/cgroup: "4:memory:/web".  Hierarchies that are not mounted, and the root,
 * where there is nothing to join, are left out. */
static int add_line(struct cgroup *cgroup, const struct cgroup_host *host, char *line,
                    struct arena *arena, struct error *err)
{
    char *rest = line;
    const char *directory;
    const char *name;
    int code;

    strsep(&rest, ":");
    name = strsep(&rest, ":");
    if (name == NULL || rest == NULL || strcmp(rest, "/") == 0)
        return 0;
    for (size_t i = 0; i < host->count; i++) {
        const struct cgroup_hierarchy *hierarchy = &host->hierarchies[i];

        if (strcmp(hierarchy->name, name) != 0)
            continue;
        code = cgroup_directory_of_path(hierarchy, rest, arena, &directory, err);
        if (code < 0 || directory == NULL || strcmp(directory, hierarchy->mount_point) == 0)
            return code;
        return add_by_name(cgroup, hierarchy->name, directory, 0, err);
    }
    return 0;
}

int cgroup_open_of_process(struct cgroup *ret, const struct cgroup_host *host, pid_t pid,
                           struct arena *arena, struct error *err)
{
    struct cgroup cgroup = CGROUP_EMPTY;
    char file[40];
    autofree char *line = NULL;
    size_t size = 0;
    int code = 0;

    snprintf(file, sizeof file, "/proc/%d/cgroup", (int)pid);

    __attribute__((cleanup(close_stream))) FILE *stream = fopen(file, "re");

    if (stream == NULL)
        return fail(err, errno, "open %s", file);
    while (code == 0 && getline(&line, &size, stream) > 0) {
        line[strcspn(line, "\n")] = '\0';
        code = add_line(&cgroup, host, line, arena, err);
    }
    if (code < 0) {
        cgroup_done(&cgroup);
        return within(err, "cgroup of process %d", (int)pid);
    }
    *ret = cgroup;
    return 0;
}

/* Give `cgroup`'s directory `index` to `to`, or the one at `path` below it. */
static int add_sub(struct cgroup *to, const struct cgroup *cgroup, size_t index, const char *path,
                   struct arena *arena, struct error *err)
{
    const char *directory = cgroup->directories[index].directory;
    int dir = cgroup->directories[index].fd;
    int fd = -1;

    if (path != NULL && dir >= 0) {
        directory = arena_print(arena, "%s/%s", directory, path);
        if (directory == NULL)
            return no_memory(err);
        fd = cgroup_open_below(dir, path);
    } else if (dir >= 0) {
        fd = fcntl(dir, F_DUPFD_CLOEXEC, 0);
        fd = fd < 0 ? -errno : fd;
    }
    if (dir >= 0 && fd < 0)
        return fail(err, -fd, "open %s", directory);
    to->directories[to->count] = cgroup->directories[index];
    to->directories[to->count].directory = directory;
    to->directories[to->count].fd = fd;
    to->directories[to->count++].made = 0;
    return 0;
}

/* Split "controller:path"; *controllers is NULL when the path is for all.  The path is checked, and
 * NULL when it names the cgroup itself. */
static int split_sub(const char *sub, struct arena *arena, const char **controllers,
                     const char **path, struct error *err)
{
    const char *colon = strchr(sub, ':');

    *controllers = NULL;
    *path = colon == NULL ? sub : colon + 1;
    if (colon != NULL) {
        *controllers = arena_copy(arena, sub, (size_t)(colon - sub));
        if (*controllers == NULL)
            return no_memory(err);
    }
    *path += strspn(*path, "/");
    if (**path == '\0') {
        *path = NULL;
        return 0;
    }
    return cgroup_path_check(*path, err);
}

/* Does the list "cpu,memory" name a controller of this hierarchy? */
static bool is_named(const char *controllers, const char *hierarchy)
{
    char copy[256];
    char *rest = copy;
    const char *name;

    snprintf(copy, sizeof copy, "%s", controllers);
    while ((name = strsep(&rest, ",")) != NULL) {
        if (cgroup_list_has(hierarchy, name, ','))
            return true;
    }
    return false;
}

int cgroup_open_sub(struct cgroup *ret, const struct cgroup *cgroup, const char *sub,
                    struct arena *arena, struct error *err)
{
    struct cgroup made = CGROUP_EMPTY;
    const char *controllers;
    const char *path;
    bool found = false;
    int code = split_sub(sub, arena, &controllers, &path, err);

    if (code < 0)
        return within(err, "cgroup");
    for (size_t i = 0; code == 0 && i < cgroup->count; i++) {
        bool meant = controllers == NULL || is_named(controllers, cgroup->directories[i].name);

        found |= meant;
        code = add_sub(&made, cgroup, i, meant ? path : NULL, arena, err);
    }
    if (code == 0 && !found && controllers != NULL)
        code = refuse(err, EINVAL, "no v1 hierarchy has the controller %s", controllers);
    if (code < 0) {
        cgroup_done(&made);
        return within(err, "cgroup \"%s\"", sub);
    }
    *ret = made;
    return 0;
}
