#include <string.h>

#include "base/text.h"
#include "cgroups/cgroup.h"

/* The last component of a path. */
static const char *last_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash == NULL ? path : slash + 1;
}

static const char *directory_of(const struct cgroup_record *record, const char *hierarchy)
{
    for (size_t i = 0; i < record->directories.count; i++) {
        if (strcmp(record->directories.items[i].hierarchy, hierarchy) == 0)
            return record->directories.items[i].directory;
    }
    return NULL;
}

size_t cgroup_mount_sources(const struct cgroup_host *host, const struct cgroup_record *record,
                            struct cgroup_mount_source *sources)
{
    size_t count = 0;

    for (size_t i = 0; i < host->count; i++) {
        const struct cgroup_hierarchy *hierarchy = &host->hierarchies[i];
        const char *directory = directory_of(record, hierarchy->name);

        if (directory == NULL)
            continue;
        sources[count++] = (struct cgroup_mount_source){
            .name = host->pure_v2 ? "" : last_name(hierarchy->mount_point),
            .options = hierarchy->is_v2 ? NULL : hierarchy->name,
            .directory = directory,
            .is_v2 = hierarchy->is_v2,
        };
    }
    return count;
}
