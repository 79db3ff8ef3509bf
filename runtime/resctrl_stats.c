/* What a class of service may use and has used: `intel_rdt` of events. */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/own.h"
#include "base/text.h"
#include "runtime/resctrl.h"
#include "runtime/schemata.h"
#include "spec/rows.h"

enum { SCHEMATA_SIZE = 16 * 1024 };

/* --- the JSON
 * --------------------------------------------------------------------------------------------- */

#define OWNER struct resctrl_cache_info
static const struct field cache_rows[] = {
    ROW("cbm_mask", FIELD_STRING, mask),
    ROW("min_cbm_bits", FIELD_UINT64, least_bits),
    ROW("num_closids", FIELD_UINT64, classes),
};
#undef OWNER
static const struct fields cache_fields = FIELDS_OF(struct resctrl_cache_info, cache_rows);

#define OWNER struct resctrl_bandwidth_info
static const struct field bandwidth_rows[] = {
    ROW("bandwidth_gran", FIELD_UINT64, granularity),
    ROW("delay_linear", FIELD_UINT64, delay_linear),
    ROW("min_bandwidth", FIELD_UINT64, least),
    ROW("num_closids", FIELD_UINT64, classes),
};
#undef OWNER
static const struct fields bandwidth_fields = FIELDS_OF(struct resctrl_bandwidth_info,
                                                        bandwidth_rows);

#define OWNER struct resctrl_bandwidth_use
static const struct field bandwidth_use_rows[] = {
    ROW("mbm_total_bytes", FIELD_UINT64, total, ALWAYS),
    ROW("mbm_local_bytes", FIELD_UINT64, local, ALWAYS),
};
#undef OWNER
static const struct fields bandwidth_use_fields = FIELDS_OF(struct resctrl_bandwidth_use,
                                                            bandwidth_use_rows);

#define OWNER struct resctrl_cache_use
static const struct field cache_use_rows[] = {
    ROW("llc_occupancy", FIELD_UINT64, bytes, ALWAYS),
};
#undef OWNER
static const struct fields cache_use_fields = FIELDS_OF(struct resctrl_cache_use, cache_use_rows);

#define OWNER struct resctrl_stats
static const struct field stats_rows[] = {
    ROW("l3_cache_info", FIELD_OBJECT, cache, OBJECT(cache_fields)),
    ROW("l3_cache_schema_root", FIELD_STRING, cache_schema_root),
    ROW("l3_cache_schema", FIELD_STRING, cache_schema),
    ROW("mem_bw_info", FIELD_OBJECT, bandwidth, OBJECT(bandwidth_fields)),
    ROW("mem_bw_schema_root", FIELD_STRING, bandwidth_schema_root),
    ROW("mem_bw_schema", FIELD_STRING, bandwidth_schema),
    ROW("schemata", FIELD_STRINGS, schemata),
    ROW("mbm_stats", FIELD_LIST, bandwidth_use, OBJECT(bandwidth_use_fields)),
    ROW("cmt_stats", FIELD_LIST, cache_use, OBJECT(cache_use_fields)),
};
#undef OWNER
const struct fields resctrl_stats_fields = FIELDS_OF(struct resctrl_stats, stats_rows);

/* --- reading
 * ---------------------------------------------------------------------------------------------- */

/* 0 when there is no such file, or no number in it: "Unavailable", "Error". */
static uint64_t read_number(int directory, const char *name, const char *counter)
{
    char file[NAME_MAX + 32], number[32];
    struct error ignored;
    uint64_t value = 0;

    snprintf(file, sizeof file, "%s/%s", name, counter);
    if (read_pseudo_file(directory, file, number, sizeof number) <= 0 ||
        parse_uint64(number, UINT64_MAX, &value, &ignored) < 0)
        return 0;
    return value;
}

static bool has_counter(int directory, const char *name, const char *counter)
{
    char file[NAME_MAX + 32];

    snprintf(file, sizeof file, "%s/%s", name, counter);
    return faccessat(directory, file, F_OK, 0) == 0;
}

static int read_infos(int root, struct resctrl_stats *ret, struct arena *arena, struct error *err)
{
    char mask[64];

    if (read_pseudo_file(root, "info/L3/cbm_mask", mask, sizeof mask) > 0) {
        ret->cache = arena_zero(arena, 1, sizeof *ret->cache);
        if (ret->cache == NULL)
            return no_memory(err);
        ret->cache->mask = arena_string(arena, mask);
        ret->cache->least_bits = read_number(root, "info/L3", "min_cbm_bits");
        ret->cache->classes = read_number(root, "info/L3", "num_closids");
    }
    if (faccessat(root, "info/MB", F_OK, 0) == 0) {
        ret->bandwidth = arena_zero(arena, 1, sizeof *ret->bandwidth);
        if (ret->bandwidth == NULL)
            return no_memory(err);
        ret->bandwidth->granularity = read_number(root, "info/MB", "bandwidth_gran");
        ret->bandwidth->delay_linear = read_number(root, "info/MB", "delay_linear");
        ret->bandwidth->least = read_number(root, "info/MB", "min_bandwidth");
        ret->bandwidth->classes = read_number(root, "info/MB", "num_closids");
    }
    return 0;
}

static const char *copy_line(const char *schemata, const char *resource, struct arena *arena)
{
    size_t length;
    const char *line = schemata_line(schemata, resource, strlen(resource), &length);

    return line != NULL ? arena_copy(arena, line, length) : NULL;
}

static int split_lines(const char *schemata, struct string_list *ret, struct arena *arena,
                       struct error *err)
{
    size_t most = 1, length;

    for (const char *at = schemata; *at != '\0'; at++)
        most += *at == '\n';
    ret->items = arena_zero(arena, most + 1, sizeof *ret->items);
    if (ret->items == NULL)
        return no_memory(err);
    for (const char *line = schemata; *line != '\0'; line += length + (line[length] == '\n')) {
        line += strspn(line, " ");
        length = strcspn(line, "\n");
        if (length == 0)
            continue;
        ret->items[ret->count] = arena_copy(arena, line, length);
        if (ret->items[ret->count++] == NULL)
            return no_memory(err);
    }
    return 0;
}

static int read_schemata(int root, int class, struct resctrl_stats *ret, struct arena *arena,
                         struct error *err)
{
    char text[SCHEMATA_SIZE];

    if (read_pseudo_file(root, "schemata", text, sizeof text) > 0) {
        ret->cache_schema_root = copy_line(text, "L3", arena);
        ret->bandwidth_schema_root = copy_line(text, "MB", arena);
    }
    if (read_pseudo_file(class, "schemata", text, sizeof text) <= 0)
        return 0;
    ret->cache_schema = copy_line(text, "L3", arena);
    ret->bandwidth_schema = copy_line(text, "MB", arena);
    return split_lines(text, &ret->schemata, arena, err);
}

static int only_domains(const struct dirent *entry)
{
    return strncmp(entry->d_name, "mon_L3_", strlen("mon_L3_")) == 0;
}

/* mon_data/mon_L3_00, mon_L3_01, ...; which files there are is the processor's affair. */
static int read_counters(int group, struct resctrl_stats *ret, struct arena *arena,
                         struct error *err)
{
    autoclose int data = openat(group, "mon_data", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct dirent **entries;
    char path[64];
    int count;
    bool has_room = true;

    snprintf(path, sizeof path, "/proc/self/fd/%d", data);
    count = data < 0 ? 0 : scandir(path, &entries, only_domains, alphasort);
    if (count <= 0)
        return 0;
    ret->bandwidth_use.items = arena_zero(arena, (size_t)count, sizeof *ret->bandwidth_use.items);
    ret->cache_use.items = arena_zero(arena, (size_t)count, sizeof *ret->cache_use.items);
    has_room = ret->bandwidth_use.items != NULL && ret->cache_use.items != NULL;
    for (int i = 0; i < count; i++) {
        const char *name = entries[i]->d_name;

        if (has_room && has_counter(data, name, "mbm_total_bytes"))
            ret->bandwidth_use.items[ret->bandwidth_use.count++] = (struct resctrl_bandwidth_use){
                .total = read_number(data, name, "mbm_total_bytes"),
                .local = read_number(data, name, "mbm_local_bytes")};
        if (has_room && has_counter(data, name, "llc_occupancy"))
            ret->cache_use.items[ret->cache_use.count++] = (struct resctrl_cache_use){
                read_number(data, name, "llc_occupancy")};
        free(entries[i]);
    }
    free(entries);
    return has_room ? 0 : no_memory(err);
}

static int open_group(int class, const char *monitor)
{
    char name[NAME_MAX + sizeof "mon_groups/"];

    if (monitor == NULL)
        return openat(class, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    snprintf(name, sizeof name, "mon_groups/%s", monitor);
    return openat(class, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

int resctrl_stats_read(const struct resctrl_record *record, struct resctrl_stats *ret,
                       struct arena *arena, struct error *err)
{
    *ret = (struct resctrl_stats){0};
    if (record->mount_point == NULL)
        return 0;

    autoclose int root = open(record->mount_point, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    autoclose int class = root < 0
                              ? -1
                              : openat(root, *record->class_name != '\0' ? record->class_name : ".",
                                       O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    autoclose int group = class < 0 ? -1 : open_group(class, record->monitor);

    if (group < 0)
        return fail(err, errno, "open %s/%s", record->mount_point, record->class_name);
    if (read_infos(root, ret, arena, err) < 0 || read_schemata(root, class, ret, arena, err) < 0)
        return -err->code;
    return read_counters(group, ret, arena, err);
}
