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

const char *cgroup_v2_directory(const struct cgroup *cgroup)
{
    for (size_t i = 0; i < cgroup->count; i++) {
        if (cgroup->directories[i].is_v2)
            return cgroup->directories[i].directory;
    }
    return NULL;
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
    cgroup_settle(cgroup);
    cgroup->count = 0;
}

/* Append a directory, open or with fd -1; its fd belongs to the cgroup then. */
static int add(struct cgroup *cgroup, const char *name, const char *directory, int fd, int made,
               struct error *err)
{
    if (cgroup->count == CGROUP_HIERARCHIES_MOST) {
        close_fd(&fd);
        return refuse(err, EINVAL, "more than %d cgroup hierarchies", CGROUP_HIERARCHIES_MOST);
    }
    cgroup->directories[cgroup->count].name = name;
    cgroup->directories[cgroup->count].directory = directory;
    cgroup->directories[cgroup->count].fd = fd < 0 ? -1 : fd;
    cgroup->directories[cgroup->count].made = made;
    cgroup->directories[cgroup->count].is_v2 = *name == '\0';
    cgroup->count++;
    return 0;
}

/* The same by name; a missing one is kept with fd -1. */
static int add_by_name(struct cgroup *cgroup, const char *name, const char *directory, int made,
                       struct error *err)
{
    int fd = cgroup_open_directory(directory, err);

    return fd < 0 && fd != -ENOENT ? fd : add(cgroup, name, directory, fd, made, err);
}

/* The root of a hierarchy is nobody's to change or to remove, but a process can be in it. */
static int add_root(struct cgroup *cgroup, const struct cgroup_hierarchy *hierarchy,
                    struct error *err)
{
    const char *root = hierarchy->mount_point;
    int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    return fd < 0 ? fail(err, errno, "open %s", root)
                  : add(cgroup, hierarchy->name, root, fd, 0, err);
}

int cgroup_open(struct cgroup *ret, const struct cgroup_record *record, struct error *err)
{
    struct cgroup cgroup = CGROUP_EMPTY;

    cgroup.unit = record->unit;
    cgroup.manager = record->user_directory;
    cgroup.unit_stays = record->unit_stays;
    cgroup.unit_is_shared = record->unit_is_shared;
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

/* One line of /proc/PID/cgroup: "4:memory:/web".  Hierarchies that are not mounted are left out,
 * but not the root: whoever does not join it stays where the caller is. */
static int add_line(struct cgroup *cgroup, const struct cgroup_host *host, char *line,
                    struct arena *arena, struct error *err)
{
    char *rest = line;
    const char *directory;
    const char *name;
    int code;

    strsep(&rest, ":");
    name = strsep(&rest, ":");
    if (name == NULL || rest == NULL)
        return 0;
    for (size_t i = 0; i < host->count; i++) {
        const struct cgroup_hierarchy *hierarchy = &host->hierarchies[i];

        if (strcmp(hierarchy->name, name) != 0)
            continue;
        code = cgroup_directory_of_path(hierarchy, rest, arena, &directory, err);
        if (code < 0 || directory == NULL)
            return code;
        if (strcmp(directory, hierarchy->mount_point) == 0)
            return add_root(cgroup, hierarchy, err);
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

    autostream FILE *stream = fopen(file, "re");

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

/* What --cgroup says, split. */
struct sub {
    const char *text;
    const char *controllers; /* NULL: all */
    const char *path;        /* NULL: the cgroup itself */
    bool found;
};

static int split_subs(struct sub *subs, const struct string_list *texts, struct arena *arena,
                      struct error *err)
{
    for (size_t i = 0; i < texts->count; i++) {
        subs[i].text = texts->items[i];
        if (split_sub(texts->items[i], arena, &subs[i].controllers, &subs[i].path, err) < 0)
            return within(err, "cgroup \"%s\"", texts->items[i]);
        if (texts->count > 1 && subs[i].controllers == NULL)
            return refuse(err, EINVAL,
                          "cgroup \"%s\": one of several must name its controllers, as in "
                          "\"cpu,memory:PATH\"",
                          texts->items[i]);
    }
    return 0;
}

/* Which of them is about the hierarchy: *ret is NULL when none is. */
static int choose_sub(struct sub *subs, size_t count, const char *hierarchy, struct sub **ret,
                      struct error *err)
{
    *ret = NULL;
    for (size_t i = 0; i < count; i++) {
        if (subs[i].controllers != NULL && !is_named(subs[i].controllers, hierarchy))
            continue;
        if (*ret != NULL)
            return refuse(err, EINVAL, "cgroup \"%s\": \"%s\" is about hierarchy %s too",
                          subs[i].text, (*ret)->text, hierarchy);
        *ret = &subs[i];
        subs[i].found = true;
    }
    return 0;
}

static int add_subs(struct cgroup *made, const struct cgroup *cgroup, struct sub *subs,
                    size_t count, struct arena *arena, struct error *err)
{
    for (size_t i = 0; i < cgroup->count; i++) {
        struct sub *sub;

        if (choose_sub(subs, count, cgroup->directories[i].name, &sub, err) < 0)
            return -err->code;
        if (add_sub(made, cgroup, i, sub != NULL ? sub->path : NULL, arena, err) < 0)
            return sub != NULL ? within(err, "cgroup \"%s\"", sub->text) : -err->code;
    }
    for (size_t i = 0; i < count; i++) {
        if (!subs[i].found && subs[i].controllers != NULL)
            return refuse(err, EINVAL, "cgroup \"%s\": no v1 hierarchy has the controller %s",
                          subs[i].text, subs[i].controllers);
    }
    return 0;
}

int cgroup_open_sub(struct cgroup *ret, const struct cgroup *cgroup,
                    const struct string_list *texts, struct arena *arena, struct error *err)
{
    struct cgroup made = CGROUP_EMPTY;
    struct sub *subs = arena_zero(arena, texts->count, sizeof *subs);

    if (subs == NULL)
        return no_memory(err);
    if (split_subs(subs, texts, arena, err) < 0)
        return -err->code;
    if (add_subs(&made, cgroup, subs, texts->count, arena, err) < 0) {
        cgroup_done(&made);
        return -err->code;
    }
    *ret = made;
    return 0;
}
