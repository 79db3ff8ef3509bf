#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/own.h"
#include "cgroups/controllers.h"

/* v2: "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6"; runc has names for four of them. */
static const struct {
    const char *key;
    size_t list; /* in struct cgroup_block_stats */
    const char *op;
} keys[] = {
    {"rbytes", offsetof(struct cgroup_block_stats, service_bytes), "Read" },
    {"wbytes", offsetof(struct cgroup_block_stats, service_bytes), "Write"},
    {"rios",   offsetof(struct cgroup_block_stats, serviced),      "Read" },
    {"wios",   offsetof(struct cgroup_block_stats, serviced),      "Write"},
};

/* v1: which of these a kernel has depends on its I/O scheduler; the first that says something is
 * it. */
static const struct {
    size_t list;
    const char *files[3];
} files[] = {
    {offsetof(struct cgroup_block_stats, service_bytes),
     {"blkio.bfq.io_service_bytes_recursive", "blkio.io_service_bytes_recursive",
      "blkio.throttle.io_service_bytes_recursive"}                                   },
    {offsetof(struct cgroup_block_stats, serviced),
     {"blkio.bfq.io_serviced_recursive", "blkio.io_serviced_recursive",
      "blkio.throttle.io_serviced_recursive"}                                        },
    {offsetof(struct cgroup_block_stats, queue),
     {"blkio.bfq.io_queued_recursive", "blkio.io_queued_recursive", NULL}            },
    {offsetof(struct cgroup_block_stats, service_time),
     {"blkio.bfq.io_service_time_recursive", "blkio.io_service_time_recursive", NULL}},
    {offsetof(struct cgroup_block_stats, wait_time),
     {"blkio.bfq.io_wait_time_recursive", "blkio.io_wait_time_recursive", NULL}      },
    {offsetof(struct cgroup_block_stats, merged),
     {"blkio.bfq.io_merged_recursive", "blkio.io_merged_recursive", NULL}            },
    {offsetof(struct cgroup_block_stats, time),
     {"blkio.bfq.time_recursive", "blkio.time_recursive", NULL}                      },
    {offsetof(struct cgroup_block_stats, sectors),
     {"blkio.bfq.sectors_recursive", "blkio.sectors_recursive", NULL}                },
};

/* Room for `more` entries beside those that are there. */
static int make_room(struct cgroup_block_list *list, size_t more, struct arena *arena,
                     struct error *err)
{
    struct cgroup_block_entry *items = arena_zero(arena, list->count + more, sizeof *items);

    if (items == NULL)
        return no_memory(err);
    if (list->count > 0)
        memcpy(items, list->items, list->count * sizeof *items);
    list->items = items;
    return 0;
}

static struct cgroup_block_list *list_at(struct cgroup_stats_reader *reader, size_t offset)
{
    return (void *)((char *)&reader->stats->block + offset);
}

/* One "key=number" of a device's line. */
static int add_key(struct cgroup_stats_reader *reader, struct cgroup_block_entry entry,
                   const char *word, struct error *err)
{
    size_t length = strcspn(word, "=");

    for (size_t i = 0; i < count_of(keys); i++) {
        struct cgroup_block_list *list = list_at(reader, keys[i].list);

        if (strlen(keys[i].key) != length || strncmp(word, keys[i].key, length) != 0 ||
            sscanf(word + length, "=%" SCNu64, &entry.value) != 1)
            continue;
        entry.op = keys[i].op;
        if (make_room(list, 1, reader->arena, err) < 0)
            return -err->code;
        list->items[list->count++] = entry;
    }
    return 0;
}

static int read_v2(struct cgroup_stats_reader *reader, struct error *err)
{
    char *text = cgroup_stats_text(reader, "blkio", "io.stat", NULL);
    char *line;

    while ((line = strsep(&text, "\n")) != NULL) {
        struct cgroup_block_entry entry = {0};
        const char *word = strsep(&line, " ");

        if (sscanf(word, "%" SCNu64 ":%" SCNu64, &entry.major, &entry.minor) != 2)
            continue;
        while ((word = strsep(&line, " ")) != NULL) {
            if (add_key(reader, entry, word, err) < 0)
                return -err->code;
        }
    }
    return 0;
}

/* "8:0 Read 123" or "8:0 123"; "Total 123" is the sum and left out. */
static bool read_line(char *line, struct cgroup_block_entry *ret)
{
    const char *device = strsep(&line, " ");
    const char *word = strsep(&line, " ");

    *ret = (struct cgroup_block_entry){0};
    if (word == NULL || sscanf(device, "%" SCNu64 ":%" SCNu64, &ret->major, &ret->minor) != 2)
        return false;
    if (line != NULL)
        ret->op = word;
    return sscanf(line != NULL ? line : word, "%" SCNu64, &ret->value) == 1;
}

static int read_v1_file(struct cgroup_stats_reader *reader, const char *file,
                        struct cgroup_block_list *list, struct error *err)
{
    char *text = cgroup_stats_text(reader, "blkio", NULL, file);
    struct cgroup_block_entry entry;
    char *line;

    while ((line = strsep(&text, "\n")) != NULL) {
        if (!read_line(line, &entry))
            continue;
        if (make_room(list, 1, reader->arena, err) < 0)
            return -err->code;
        list->items[list->count++] = entry;
    }
    return 0;
}

static int read_v1(struct cgroup_stats_reader *reader, struct error *err)
{
    for (size_t i = 0; i < count_of(files); i++) {
        struct cgroup_block_list *list = list_at(reader, files[i].list);

        for (size_t file = 0; file < count_of(files[i].files) && list->count == 0; file++) {
            if (files[i].files[file] != NULL &&
                read_v1_file(reader, files[i].files[file], list, err) < 0)
                return -err->code;
        }
    }
    return 0;
}

int cgroup_stats_io(struct cgroup_stats_reader *reader, const struct cgroup_controller *self,
                    struct error *err)
{
    bool is_v2;

    reader->stats->block.pressure = cgroup_stats_pressure(reader, "io.pressure");
    if (cgroup_stats_directory(reader, self->v1_name, &is_v2) < 0)
        return 0;
    return is_v2 ? read_v2(reader, err) : read_v1(reader, err);
}
