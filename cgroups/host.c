#include <errno.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mountinfo.h"
#include "base/own.h"
#include "base/text.h"
#include "cgroups/controllers.h"

static bool is_mount_of(const struct mount_line *mount, const struct cgroup_hierarchy *hierarchy)
{
    char first[64];

    if (hierarchy->is_v2)
        return strcmp(mount->type, "cgroup2") == 0;
    snprintf(first, sizeof first, "%.*s", (int)strcspn(hierarchy->name, ","), hierarchy->name);
    return strcmp(mount->type, "cgroup") == 0 && cgroup_list_has(mount->options, first, ',');
}

/* The same hierarchy may be mounted many times; the usual place is the best one. */
static bool is_better(const struct mount_line *mount, const struct cgroup_hierarchy *hierarchy)
{
    if (hierarchy->mount_point == NULL)
        return true;
    return !starts_with(hierarchy->mount_point, "/sys/fs/cgroup") &&
           starts_with(mount->mount_point, "/sys/fs/cgroup");
}

struct mount_search {
    struct cgroup_host *host;
    struct arena *arena;
    bool out_of_memory;
};

static bool see_mount(const struct mount_line *mount, void *context)
{
    struct mount_search *search = context;

    for (size_t i = 0; i < search->host->count; i++) {
        struct cgroup_hierarchy *hierarchy = &search->host->hierarchies[i];

        if (!is_mount_of(mount, hierarchy) || !is_better(mount, hierarchy))
            continue;
        hierarchy->mount_point = arena_string(search->arena, mount->mount_point);
        hierarchy->mount_root = arena_string(search->arena, mount->root);
        if (hierarchy->mount_point == NULL || hierarchy->mount_root == NULL)
            search->out_of_memory = true;
    }
    return !search->out_of_memory;
}

static int read_mounts(struct cgroup_host *host, struct arena *arena, struct error *err)
{
    struct mount_search search = {host, arena, false};

    if (mountinfo_read("/proc/self/mountinfo", see_mount, &search, err) < 0)
        return -err->code;
    return search.out_of_memory ? no_memory(err) : 0;
}

/* "4:memory:/user.slice", "9:name=systemd:/", "0::/user.slice" (cgroups(7)); in place. */
static int add_hierarchy(struct cgroup_host *host, char *line, struct arena *arena,
                         struct error *err)
{
    char *rest = line;
    const char *id = strsep(&rest, ":");
    const char *name = strsep(&rest, ":");
    struct cgroup_hierarchy *added = &host->hierarchies[host->count];

    if (name == NULL || rest == NULL || host->count == CGROUP_HIERARCHIES_MOST)
        return 0;
    added->is_v2 = strcmp(id, "0") == 0;
    added->name = arena_string(arena, name);
    added->own_path = arena_string(arena, rest);
    if (added->name == NULL || added->own_path == NULL)
        return no_memory(err);
    host->count++;
    return 0;
}

static int read_own_paths(struct cgroup_host *host, struct arena *arena, struct error *err)
{
    autostream FILE *stream = fopen("/proc/self/cgroup", "re");
    autofree char *line = NULL;
    size_t size = 0;
    int code = 0;

    /* A kernel without cgroups has no such file. */
    if (stream == NULL && errno == ENOENT)
        return 0;
    if (stream == NULL)
        return fail(err, errno, "open /proc/self/cgroup");
    while (code == 0 && getline(&line, &size, stream) > 0) {
        line[strcspn(line, "\n")] = '\0';
        code = add_hierarchy(host, line, arena, err);
    }
    return code;
}

/* Keep the hierarchies of one kind. */
static void keep_v2(struct cgroup_host *host)
{
    for (size_t i = 0; i < host->count; i++) {
        if (host->hierarchies[i].is_v2) {
            host->hierarchies[0] = host->hierarchies[i];
            host->count = 1;
            return;
        }
    }
    host->count = 0;
}

/* mountinfo also lists what another mount hides. */
static bool is_visible(const struct cgroup_hierarchy *hierarchy)
{
    struct statfs status;

    return hierarchy->mount_point != NULL && statfs(hierarchy->mount_point, &status) == 0 &&
           status.f_type == (hierarchy->is_v2 ? CGROUP2_SUPER_MAGIC : CGROUP_SUPER_MAGIC);
}

static void keep_visible(struct cgroup_host *host)
{
    size_t kept = 0;

    for (size_t i = 0; i < host->count; i++) {
        if (is_visible(&host->hierarchies[i]))
            host->hierarchies[kept++] = host->hierarchies[i];
    }
    host->count = kept;
}

/* v2 alone: the usual case, known without reading mountinfo, which is long on busy machines.  Only
 * when our own cgroup is not to be seen below the mount must a bind mount be the reason. */
static bool find_v2(struct cgroup_host *host, struct arena *arena)
{
    struct cgroup_hierarchy *v2 = &host->hierarchies[0];
    struct statfs status;

    if (statfs("/sys/fs/cgroup", &status) < 0 || status.f_type != CGROUP2_SUPER_MAGIC)
        return false;
    keep_v2(host);
    if (host->count == 0)
        return false;

    const char *own = arena_print(arena, "/sys/fs/cgroup%s", v2->own_path);

    if (own == NULL || access(own, F_OK) < 0)
        return false;
    v2->mount_point = "/sys/fs/cgroup";
    v2->mount_root = "/";
    return true;
}

static int read_v2_controllers(struct cgroup_host *host, struct arena *arena, struct error *err)
{
    host->v2_controllers = "";
    for (size_t i = 0; i < host->count; i++) {
        char controllers[512];
        const char *file;

        if (!host->hierarchies[i].is_v2)
            continue;
        file = arena_print(arena, "%s/cgroup.controllers", host->hierarchies[i].mount_point);
        if (file == NULL)
            return no_memory(err);
        if (read_pseudo_file(-1, file, controllers, sizeof controllers) > 0)
            host->v2_controllers = arena_string(arena, controllers);
        if (host->v2_controllers == NULL)
            return no_memory(err);
    }
    return 0;
}

int cgroup_host_probe(struct cgroup_host *ret, struct arena *arena, struct error *err)
{
    struct cgroup_host host = {0};
    int code = read_own_paths(&host, arena, err);

    if (code == 0 && !find_v2(&host, arena))
        code = read_mounts(&host, arena, err);
    if (code < 0)
        return code;
    keep_visible(&host);
    host.pure_v2 = host.count == 1 && host.hierarchies[0].is_v2;
    code = read_v2_controllers(&host, arena, err);
    if (code == 0)
        *ret = host;
    return code;
}
