#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/own.h"
#include "base/text.h"
#include "cgroups/directories.h"
#include "cgroups/path.h"

/* Deeper nests are not followed: every level holds an fd. */
enum { DEPTH_MOST = 256 };

static void close_directory(DIR **directory)
{
    if (*directory != NULL)
        closedir(*directory);
}

static int add_pid(struct cgroup_pids *pids, pid_t pid, struct error *err)
{
    if (pids->count == pids->room) {
        size_t room = pids->room == 0 ? 64 : pids->room * 2;
        pid_t *items = arena_zero(pids->arena, room, sizeof *items);

        if (items == NULL)
            return no_memory(err);
        if (pids->count > 0)
            memcpy(items, pids->items, pids->count * sizeof *items);
        pids->items = items;
        pids->room = room;
    }
    pids->items[pids->count++] = pid;
    return 0;
}

/* A threaded cgroup has no cgroup.procs to read (EOPNOTSUPP): its processes show in the domain
 * above it.  One that has just been removed reads as ENODEV. */
static bool is_nobody(int code)
{
    return code == EOPNOTSUPP || code == ENODEV || code == ENOENT;
}

int cgroup_read_own_pids(int dir, struct cgroup_pids *pids, struct error *err)
{
    int fd = openat(dir, "cgroup.procs", O_RDONLY | O_CLOEXEC);
    autostream FILE *stream = fd < 0 ? NULL : fdopen(fd, "re");
    int pid;
    int code = 0;

    if (fd < 0)
        return is_nobody(errno) ? 0 : fail(err, errno, "open cgroup.procs");
    if (stream == NULL) {
        close_fd(&fd);
        return no_memory(err);
    }
    /* 0 is a process outside of our pid namespace. */
    while (code == 0 && fscanf(stream, "%d", &pid) == 1)
        code = pid > 0 ? add_pid(pids, pid, err) : 0;
    if (code == 0 && ferror(stream) && !is_nobody(errno))
        return fail(err, errno, "read cgroup.procs");
    return code;
}

static int read_tree(int dir, struct cgroup_pids *pids, int depth, struct error *err)
{
    int copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    __attribute__((cleanup(close_directory))) DIR *entries = copy < 0 ? NULL : fdopendir(copy);
    const struct dirent *entry;
    int code;

    if (copy < 0)
        return is_nobody(errno) ? 0 : fail(err, errno, "open cgroup");
    if (entries == NULL) {
        close_fd(&copy);
        return no_memory(err);
    }
    if (depth == DEPTH_MOST)
        return refuse(err, ELOOP, "cgroups are nested deeper than %d", DEPTH_MOST);
    code = cgroup_read_own_pids(copy, pids, err);
    while (code == 0 && (entry = readdir(entries)) != NULL) {
        if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
            continue;

        autoclose int below = cgroup_open_below(copy, entry->d_name);

        if (below >= 0)
            code = read_tree(below, pids, depth + 1, err);
        else if (!is_nobody(-below))
            code = fail(err, -below, "open cgroup %s", entry->d_name);
    }
    return code;
}

int cgroup_read_pids(int dir, struct cgroup_pids *pids, struct error *err)
{
    return read_tree(dir, pids, 0, err);
}

static int compare_pids(const void *a, const void *b)
{
    const pid_t *left = a;
    const pid_t *right = b;

    return (*left > *right) - (*left < *right);
}

static void sort_without_duplicates(struct cgroup_pids *pids)
{
    size_t kept = 0;

    if (pids->count > 1)
        qsort(pids->items, pids->count, sizeof *pids->items, compare_pids);
    for (size_t i = 0; i < pids->count; i++) {
        if (i == 0 || pids->items[i] != pids->items[i - 1])
            pids->items[kept++] = pids->items[i];
    }
    pids->count = kept;
}

int cgroup_processes(const struct cgroup *cgroup, struct arena *arena, pid_t **ret,
                     size_t *ret_count, struct error *err)
{
    struct cgroup_pids pids = {.arena = arena};
    int index = cgroup_any_directory(cgroup);

    if (index >= 0) {
        int dir = cgroup->directories[index].fd;
        int code = cgroup->unit_is_shared ? cgroup_read_own_pids(dir, &pids, err)
                                          : cgroup_read_pids(dir, &pids, err);

        if (code < 0)
            return within(err, "%s", cgroup->directories[index].directory);
    }
    sort_without_duplicates(&pids);
    *ret = pids.items;
    *ret_count = pids.count;
    return 0;
}

void cgroup_pids_text(const struct cgroup_pids *pids, struct text *text)
{
    size_t shown = pids->count < 10 ? pids->count : 10;

    text_print(text, pids->count == 1 ? "pid" : "pids");
    for (size_t i = 0; i < shown; i++)
        text_print(text, "%s%d", i == 0 ? " " : ", ", (int)pids->items[i]);
    if (pids->count > shown)
        text_print(text, " and %zu more", pids->count - shown);
}

int64_t cgroup_read_key(int dir, const char *file, const char *key)
{
    char bytes[4096];
    size_t length = strlen(key);

    if (read_pseudo_file(dir, file, bytes, sizeof bytes) < 0)
        return -1;
    for (const char *line = bytes; line != NULL; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, key, length) == 0 && line[length] == ' ')
            return strtoll(line + length + 1, NULL, 10);
    }
    return -1;
}
