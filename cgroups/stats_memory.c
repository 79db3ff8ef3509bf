#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "cgroups/controllers.h"

/* An entry that v1 alone has: its limit, usage, highest usage and failures. */
#define V1_ENTRY(member, stem)                                                                  \
    CGROUP_NUMBER(memory.member.limit, NULL, NULL, 0, stem "limit_in_bytes", NULL, 1, 0),       \
        CGROUP_NUMBER(memory.member.usage, NULL, NULL, 0, stem "usage_in_bytes", NULL, 1, 0),   \
        CGROUP_NUMBER(memory.member.max, NULL, NULL, 0, stem "max_usage_in_bytes", NULL, 1, 0), \
        CGROUP_NUMBER(memory.member.failcnt, NULL, NULL, 0, stem "failcnt", NULL, 1, 0)

static const struct cgroup_number numbers[] = {
    CGROUP_NUMBER(memory.cache, "memory.stat", "file", 1, "memory.stat", "cache", 1, 0),
    CGROUP_NUMBER(memory.usage.limit, "memory.max", NULL, 1, "memory.limit_in_bytes", NULL, 1,
                  UINT64_MAX),
    CGROUP_NUMBER(memory.usage.usage, "memory.current", NULL, 1, "memory.usage_in_bytes", NULL, 1,
                  0),
    CGROUP_NUMBER(memory.usage.max, "memory.peak", NULL, 1, "memory.max_usage_in_bytes", NULL, 1,
                  0),
    /* How often the limit was met. */
    CGROUP_NUMBER(memory.usage.failcnt, "memory.events", "max", 1, "memory.failcnt", NULL, 1, 0),
    CGROUP_NUMBER(memory.swap.limit, "memory.swap.max", NULL, 1, "memory.memsw.limit_in_bytes",
                  NULL, 1, UINT64_MAX),
    CGROUP_NUMBER(memory.swap.usage, "memory.swap.current", NULL, 1, "memory.memsw.usage_in_bytes",
                  NULL, 1, 0),
    CGROUP_NUMBER(memory.swap.max, NULL, NULL, 1, "memory.memsw.max_usage_in_bytes", NULL, 1, 0),
    CGROUP_NUMBER(memory.swap.failcnt, "memory.swap.events", "max", 1, "memory.memsw.failcnt", NULL,
                  1, 0),
    V1_ENTRY(kernel, "memory.kmem."),
    V1_ENTRY(kernel_tcp, "memory.kmem.tcp."),
};

/* v1 counts memory and swap together, and so do those who read this. */
static void add_memory_to_swap(struct cgroup_memory_stats *stats)
{
    stats->swap.usage += stats->usage.usage;
    if (stats->swap.limit == UINT64_MAX || stats->usage.limit == UINT64_MAX)
        stats->swap.limit = UINT64_MAX;
    else
        stats->swap.limit += stats->usage.limit;
}

/* memory.stat: "key number" lines. */
static int read_raw(struct cgroup_stats_reader *reader, struct error *err)
{
    struct uint64_map *raw = &reader->stats->memory.raw;
    char *text = cgroup_stats_text(reader, "memory", "memory.stat", "memory.stat");
    size_t lines = 1;
    char *line;

    if (text == NULL)
        return 0;
    for (const char *at = text; (at = strchr(at, '\n')) != NULL; at++)
        lines++;
    raw->items = arena_zero(reader->arena, lines, sizeof *raw->items);
    if (raw->items == NULL)
        return no_memory(err);
    while ((line = strsep(&text, "\n")) != NULL) {
        const char *key = strsep(&line, " ");

        if (line != NULL)
            raw->items[raw->count++] = (struct uint64_pair){key, strtoull(line, NULL, 10)};
    }
    return 0;
}

int cgroup_stats_memory(struct cgroup_stats_reader *reader, const struct cgroup_controller *self,
                        struct error *err)
{
    bool is_v2;

    cgroup_read_numbers(reader, numbers, count_of(numbers));
    if (cgroup_stats_directory(reader, self->v1_name, &is_v2) >= 0 && is_v2)
        add_memory_to_swap(&reader->stats->memory);
    reader->stats->memory.pressure = cgroup_stats_pressure(reader, "memory.pressure");
    return read_raw(reader, err);
}
