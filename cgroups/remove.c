#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/file.h"
#include "base/own.h"
#include "base/text.h"
#include "cgroups/devices.h"
#include "cgroups/directories.h"
#include "cgroups/path.h"
#include "cgroups/systemd.h"

/* How long systemd may take to see that a scope is empty before it is told to stop it, in
 * milliseconds. */
enum { UNIT_PATIENCE = 5000 };

static void close_directory(DIR **directory)
{
    if (*directory != NULL)
        closedir(*directory);
}

static bool is_busy(int code)
{
    return code == EBUSY || code == ENOTEMPTY;
}

/* Remove `name`, a directory, from `dir`.  0 also when it is gone. */
static int remove_directory(int dir, const char *name)
{
    if (unlinkat(dir, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
        return 0;
    return is_busy(errno) ? -EBUSY : -errno;
}

static DIR *open_entries(int dir)
{
    int copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *entries = copy < 0 ? NULL : fdopendir(copy);

    if (entries == NULL)
        close_fd(&copy);
    return entries;
}

/* Remove the directories in `dir` that are empty.  *ret_below: an open one that is not, or -1. */
static int remove_empty(int dir, int *ret_below)
{
    __attribute__((cleanup(close_directory))) DIR *entries = open_entries(dir);
    const struct dirent *entry;

    *ret_below = -1;
    if (entries == NULL)
        return errno == ENOENT || errno == ENODEV ? 0 : -errno;
    while ((entry = readdir(entries)) != NULL) {
        int code;

        if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
            continue;
        code = remove_directory(dir, entry->d_name);
        if (code == 0)
            continue;
        if (code != -EBUSY)
            return code;
        *ret_below = cgroup_open_below(dir, entry->d_name);
        return *ret_below >= 0 || *ret_below == -ENOENT ? 0 : *ret_below;
    }
    return 0;
}

static bool has_directories(int dir)
{
    __attribute__((cleanup(close_directory))) DIR *entries = open_entries(dir);
    const struct dirent *entry;

    while (entries != NULL && (entry = readdir(entries)) != NULL) {
        if (entry->d_type == DT_DIR && entry->d_name[0] != '.')
            return true;
    }
    return false;
}

/* Remove everything below `top`, however deep the container nested it: down to an empty one, up by
 * "..", with never more than a few fds open.  -EBUSY at the first that holds processes. */
static int remove_below(int top)
{
    autoclose int here = fcntl(top, F_DUPFD_CLOEXEC, 0);
    size_t depth = 0;

    if (here < 0)
        return -errno;
    for (;;) {
        autoclose int next = -1;
        int code = remove_empty(here, &next);

        if (code < 0)
            return code;
        if (next >= 0) {
            if (!has_directories(next))
                return -EBUSY;
            depth++;
        } else if (depth == 0) {
            return 0;
        } else {
            next = openat(here, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
            if (next < 0)
                return -errno;
            depth--;
        }
        close_fd(&here);
        here = take_fd(&next);
    }
}

/* Remove one directory by its absolute name, through its parent's fd. */
static int remove_by_name(const char *directory)
{
    char above[PATH_MAX];
    char *slash;
    struct error ignored;

    snprintf(above, sizeof above, "%s", directory);
    slash = strrchr(above, '/');
    if (slash == NULL || slash == above)
        return -EINVAL;
    *slash = '\0';

    /* The parent may be the root of the hierarchy, which cgroup_open_directory() refuses. */
    autoclose int dir = cgroup_open_root(above, &ignored);

    if (dir == -ENOENT)
        return 0;
    return dir < 0 ? dir : remove_directory(dir, slash + 1);
}

/* Kernel file systems keep attributes in memory, with the directory. */
static const char mark[] = "trusted.crun-lite.parent";

void cgroup_mark_parent(int dir)
{
    (void)!fsetxattr(dir, mark, "1", 1, 0);
}

int cgroup_remove_levels(const char *directory, int64_t made)
{
    char path[PATH_MAX];

    if (made == 0)
        return 0;
    snprintf(path, sizeof path, "%s", directory);
    for (int64_t level = 0; level < made || lgetxattr(path, mark, NULL, 0) > 0; level++) {
        int code = remove_by_name(path);

        /* Those above may have got other cgroups meanwhile: then they stay. */
        if (code < 0)
            return level == 0 ? code : 0;
        *strrchr(path, '/') = '\0';
    }
    return 0;
}

/* The third word of /proc/PID/stat, behind the name in parentheses; '?' when it is gone. */
static char state_of(pid_t pid)
{
    char file[40];
    char stat[512];
    const char *end;

    snprintf(file, sizeof file, "/proc/%d/stat", (int)pid);
    if (read_pseudo_file(-1, file, stat, sizeof stat) < 0)
        return '?';
    end = strrchr(stat, ')');
    return end == NULL || end[1] == '\0' ? '?' : end[2];
}

static void tell_process(pid_t pid, struct text *text)
{
    char file[40];
    char where[128];

    snprintf(file, sizeof file, "/proc/%d/wchan", (int)pid);
    text_print(text, "%spid %d in state %c", text->used > 0 ? ", " : "", (int)pid, state_of(pid));
    if (read_pseudo_file(-1, file, where, sizeof where) > 0 && strcmp(where, "0") != 0)
        text_print(text, " (%s)", where);
}

/* Who keeps the directory busy. */
static int explain(int dir, const char *directory, int deadline_ms, struct error *err)
{
    autoarena struct arena arena = {0};
    struct cgroup_pids pids = {.arena = &arena};
    struct error ignored;
    char list[512] = "";
    struct text text = TEXT_IN(list);

    fail(err, EBUSY, "remove %s, for %d ms", directory, deadline_ms);
    if (cgroup_read_pids(dir, &pids, &ignored) < 0 || pids.count == 0)
        return -EBUSY;
    for (size_t i = 0; i < pids.count && i < 5; i++)
        tell_process(pids.items[i], &text);
    if (pids.count > 5)
        text_print(&text, " and %zu more", pids.count - 5);
    return hint(err, "still there: %s", list);
}

/* v2 says when the last process has gone; v1 says nothing, and even then its own references may
 * take a moment. */
static bool wait_until_empty(int dir, bool is_v2, unsigned attempt, int64_t deadline)
{
    if (is_v2 && attempt == 0)
        return cgroup_wait_for_event(dir, "populated 0", deadline);
    return cgroup_back_off(attempt, deadline);
}

static int remove_one(const struct cgroup *cgroup, size_t index, int64_t deadline, int deadline_ms,
                      struct error *err)
{
    const char *directory = cgroup->directories[index].directory;
    int dir = cgroup->directories[index].fd;

    for (unsigned attempt = 0;; attempt++) {
        int code = remove_below(dir);

        if (code == 0)
            code = cgroup_remove_levels(directory, cgroup->directories[index].made);
        if (code == 0)
            return 0;
        if (code != -EBUSY)
            return fail(err, -code, "remove cgroup %s", directory);
        if (!wait_until_empty(dir, cgroup->directories[index].is_v2, attempt, deadline))
            return explain(dir, directory, deadline_ms, err);
    }
}

/* Whatever else keeps us from looking is no sign of that. */
static bool is_gone(int dir)
{
    char events[64];
    ssize_t length = dir < 0 ? -ENOENT
                             : read_pseudo_file(dir, "cgroup.events", events, sizeof events);

    return length == -ENOENT || length == -ENODEV;
}

/* What systemd has left when its unit is stopped: it may take a moment, or have forgotten the unit
 * whose directory stands, and then nobody else will remove that. */
static int remove_leaf(const struct cgroup *cgroup, size_t index, int64_t deadline, int deadline_ms,
                       struct error *err)
{
    const char *directory = cgroup->directories[index].directory;

    for (unsigned attempt = 0;; attempt++) {
        int code = remove_by_name(directory);

        if (code == 0)
            return 0;
        if (code != -EBUSY)
            return fail(err, -code, "remove cgroup %s", directory);
        if (!cgroup_back_off(attempt, deadline))
            return explain(cgroup->directories[index].fd, directory, deadline_ms, err);
    }
}

/* A scope ends by itself with its last process, without a word from us, and systemd removes its
 * directory.  Were we to do that, systemd could find nothing where it looks upon the kernel's word
 * that the scope is empty, and keep it for ever. */
static int remove_unit(const struct cgroup *cgroup, size_t index, int64_t deadline, int deadline_ms,
                       struct error *err)
{
    const char *directory = cgroup->directories[index].directory;
    int dir = cgroup->directories[index].fd;

    if (!is_gone(dir) && !cgroup_wait_for_event(dir, "populated 0", deadline) && !is_gone(dir))
        return explain(dir, directory, deadline_ms, err);

    int code = is_gone(dir) ? 0 : remove_below(dir);

    if (code < 0 && !is_gone(dir))
        return fail(err, -code, "remove cgroups below %s", directory);

    int64_t patience = cgroup_clock() + UNIT_PATIENCE;

    for (unsigned attempt = 0; !cgroup->unit_stays; attempt++) {
        if (is_gone(dir))
            return 0;
        if (!cgroup_back_off(attempt, patience))
            break;
    }
    code = unit_stop(cgroup->unit, cgroup->manager, deadline_ms, err);
    return code < 0 ? code : remove_leaf(cgroup, index, deadline, deadline_ms, err);
}

/* As systemd names the cgroups that are its to remove. */
static bool is_unit(const char *name)
{
    static const char *const types[] = {".slice",  ".scope", ".service",
                                        ".socket", ".mount", ".swap"};
    const char *type = strrchr(name, '.');

    for (size_t i = 0; type != NULL && i < count_of(types); i++) {
        if (strcmp(type, types[i]) == 0)
            return true;
    }
    return false;
}

/* What a container has made below a slice that stays, when nobody else can be in there: as far as
 * it goes, for it is in nobody's way. */
static void clear_slice(int dir)
{
    __attribute__((cleanup(close_directory))) DIR *entries = NULL;
    const struct dirent *entry;

    if (cgroup_read_key(dir, "cgroup.events", "populated") != 0)
        return;
    entries = open_entries(dir);
    while (entries != NULL && (entry = readdir(entries)) != NULL) {
        if (entry->d_type != DT_DIR || entry->d_name[0] == '.' || is_unit(entry->d_name))
            continue;

        autoclose int below = cgroup_open_below(dir, entry->d_name);

        if (below >= 0 && remove_below(below) == 0)
            (void)remove_directory(dir, entry->d_name);
    }
}

/* The directories of v2, or those of v1.  One that stays must not keep the others: the first
 * failure is told, the rest is tried. */
static int remove_kind(const struct cgroup *cgroup, bool is_v2, int64_t deadline, int deadline_ms,
                       struct error *err)
{
    struct error later;
    int code = 0;

    for (size_t i = 0; i < cgroup->count; i++) {
        int result;

        if (cgroup->directories[i].is_v2 != is_v2)
            continue;
        if (cgroup->unit != NULL && is_v2 && !cgroup->unit_is_shared) {
            result = remove_unit(cgroup, i, deadline, deadline_ms, code == 0 ? err : &later);
            code = code == 0 ? result : code;
            continue;
        }
        /* Gone, or never made because its maker was killed on the way down: those above may be
         * there. */
        if (cgroup->directories[i].fd < 0) {
            cgroup_remove_levels(cgroup->directories[i].directory, cgroup->directories[i].made);
            continue;
        }
        if (cgroup->directories[i].made == 0) {
            /* It was there before us and stays, without what we attached to it. */
            if (is_v2)
                device_program_detach(cgroup->directories[i].fd);
            if (is_v2 && cgroup->unit_is_shared)
                clear_slice(cgroup->directories[i].fd);
            continue;
        }
        result = remove_one(cgroup, i, deadline, deadline_ms, code == 0 ? err : &later);
        code = code == 0 ? result : code;
    }
    return code;
}

int cgroup_remove(const struct cgroup *cgroup, int deadline_ms, struct error *err)
{
    int64_t deadline = cgroup_clock() + deadline_ms;
    struct error later;
    /* v2 first, for it tells when the last process has gone. */
    int code = remove_kind(cgroup, true, deadline, deadline_ms, err);
    int result = remove_kind(cgroup, false, deadline, deadline_ms, code == 0 ? err : &later);

    if (code == 0)
        code = result;
    /* v1 has no word for a cgroup that is empty. */
    if (code == 0 && cgroup->unit != NULL && !cgroup->unit_is_shared &&
        cgroup_v2_directory(cgroup) == NULL)
        code = unit_stop(cgroup->unit, cgroup->manager, deadline_ms, err);
    return code;
}

/* The kernel refuses to remove what holds anybody or has directories in it. */
bool cgroup_remove_if_empty(struct cgroup *cgroup)
{
    if (cgroup->count != 1 || !cgroup->directories[0].is_v2 || cgroup->unit != NULL ||
        cgroup->directories[0].made == 0 || cgroup->directories[0].fd < 0 ||
        cgroup_remove_levels(cgroup->directories[0].directory, cgroup->directories[0].made) < 0)
        return false;
    cgroup_done(cgroup);
    return true;
}
