#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/own.h"
#include "cgroups/controllers.h"
#include "cgroups/directories.h"

/* What is read for each size of page: "hugetlb.2MB.current" and the like. */
static const struct {
    size_t offset;
    const char *v2_suffix, *v2_key, *v1_suffix;
} files[] = {
    {offsetof(struct cgroup_hugetlb_stats, usage),   "current", NULL,  "usage_in_bytes"    },
    {offsetof(struct cgroup_hugetlb_stats, max),     NULL,      NULL,  "max_usage_in_bytes"},
    {offsetof(struct cgroup_hugetlb_stats, failcnt), "events",  "max", "failcnt"           },
};

static void read_size(int dir, bool is_v2, struct cgroup_hugetlb_stats *stats)
{
    for (size_t i = 0; i < count_of(files); i++) {
        const char *suffix = is_v2 ? files[i].v2_suffix : files[i].v1_suffix;
        uint64_t *value = (void *)((char *)stats + files[i].offset);
        char name[96], text[64];

        if (suffix == NULL)
            continue;
        snprintf(name, sizeof name, "hugetlb.%s.%s", stats->page_size, suffix);
        if (is_v2 && files[i].v2_key != NULL) {
            int64_t number = cgroup_read_key(dir, name, files[i].v2_key);

            *value = number < 0 ? 0 : (uint64_t)number;
        } else if (read_pseudo_file(dir, name, text, sizeof text) > 0) {
            *value = strtoull(text, NULL, 10);
        }
    }
}

/* "2MB" of "hugetlb.2MB.SUFFIX", or NULL. */
static char *page_size_of(const char *name, const char *suffix, struct arena *arena)
{
    const char *size = name + strlen("hugetlb.");
    const char *dot;

    if (strncmp(name, "hugetlb.", strlen("hugetlb.")) != 0 || (dot = strchr(size, '.')) == NULL ||
        strcmp(dot + 1, suffix) != 0)
        return NULL;
    return arena_copy(arena, size, (size_t)(dot - size));
}

enum { SIZES_MOST = 16 }; /* an architecture has two or three */

int cgroup_stats_hugetlb(struct cgroup_stats_reader *reader, const struct cgroup_controller *self,
                         struct error *err)
{
    struct cgroup_stats *stats = reader->stats;
    bool is_v2;
    int dir = cgroup_stats_directory(reader, self->v1_name, &is_v2);
    int copy = dir < 0 ? -1 : openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *entries = copy < 0 ? NULL : fdopendir(copy);

    stats->hugetlb.items = arena_zero(reader->arena, SIZES_MOST, sizeof *stats->hugetlb.items);
    if (entries == NULL)
        close_fd(&copy);
    for (const struct dirent *entry; entries != NULL && stats->hugetlb.count < SIZES_MOST &&
                                     (entry = readdir(entries)) != NULL;) {
        char *size = page_size_of(entry->d_name, is_v2 ? "current" : "usage_in_bytes",
                                  reader->arena);

        if (size == NULL)
            continue;
        stats->hugetlb.items[stats->hugetlb.count].page_size = size;
        read_size(dir, is_v2, &stats->hugetlb.items[stats->hugetlb.count++]);
    }
    if (entries != NULL)
        closedir(entries);
    return stats->hugetlb.items == NULL ? no_memory(err) : 0;
}
