/* Reading statistics: the controllers' rows, and what several controllers need. */

#include "cgroups/stats.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/own.h"
#include "base/text.h"
#include "cgroups/controllers.h"

enum { TEXT_MOST = 64 << 10 };

static int v2_directory(const struct cgroup *cgroup)
{
    for (size_t i = 0; i < cgroup->count; i++) {
        if (cgroup->directories[i].is_v2)
            return cgroup->directories[i].fd;
    }
    return -1;
}

int cgroup_stats_directory(const struct cgroup_stats_reader *reader, const char *controller,
                           bool *ret_is_v2)
{
    const struct cgroup *cgroup = reader->cgroup;

    *ret_is_v2 = false;
    for (size_t i = 0; i < cgroup->count; i++) {
        if (!cgroup->directories[i].is_v2 &&
            cgroup_list_has(cgroup->directories[i].name, controller, ','))
            return cgroup->directories[i].fd;
    }
    *ret_is_v2 = true;
    return v2_directory(cgroup);
}

/* "memory" of "memory.limit_in_bytes". */
static void controller_of(const char *file, char name[static 32])
{
    snprintf(name, 32, "%.*s", (int)strcspn(file, "."), file);
}

/* The text of the number at `place` in the directory; false when it is not there. */
static bool find_number(int dir, const struct cgroup_number_place *place, char *text, size_t size,
                        const char **ret)
{
    size_t length = place->key == NULL ? 0 : strlen(place->key);

    if (read_pseudo_file(dir, place->file, text, size) < 0)
        return false;
    *ret = text;
    if (place->key == NULL)
        return true;
    for (const char *line = text; line != NULL; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, place->key, length) == 0 && line[length] == ' ') {
            *ret = line + length + 1;
            return true;
        }
    }
    return false;
}

static void read_number(const struct cgroup_stats_reader *reader, const struct cgroup_number *row)
{
    uint64_t *value = (void *)((char *)reader->stats + row->offset);
    const struct cgroup_number_place *place;
    char controller[32], text[8192];
    const char *number;
    bool is_v2;

    controller_of(row->v1.file != NULL ? row->v1.file : row->v2.file, controller);

    int dir = cgroup_stats_directory(reader, controller, &is_v2);

    place = is_v2 ? &row->v2 : &row->v1;
    if (dir < 0 || place->file == NULL || !find_number(dir, place, text, sizeof text, &number))
        return;
    if (starts_with(number, "max"))
        *value = row->unlimited;
    else
        *value = strtoull(number, NULL, 10) * place->unit;
}

void cgroup_read_numbers(const struct cgroup_stats_reader *reader,
                         const struct cgroup_number *numbers, size_t count)
{
    for (size_t i = 0; i < count; i++)
        read_number(reader, &numbers[i]);
}

char *cgroup_stats_text(const struct cgroup_stats_reader *reader, const char *controller,
                        const char *v2_file, const char *v1_file)
{
    bool is_v2;
    int dir = cgroup_stats_directory(reader, controller, &is_v2);
    const char *file = is_v2 ? v2_file : v1_file;
    autofree char *text = dir < 0 || file == NULL ? NULL : malloc(TEXT_MOST);

    if (text == NULL || read_pseudo_file(dir, file, text, TEXT_MOST) < 0)
        return NULL;
    return arena_string(reader->arena, text);
}

static size_t count_list(const char *text, struct uint32_list *list)
{
    size_t count = 0;

    while (*text >= '0' && *text <= '9') {
        char *end;
        unsigned long first = strtoul(text, &end, 10), last = first;

        if (*end == '-')
            last = strtoul(end + 1, &end, 10);
        for (unsigned long number = first; number <= last && last <= UINT16_MAX; number++) {
            if (list->items != NULL)
                list->items[count] = (uint32_t)number;
            count++;
        }
        text = *end == ',' ? end + 1 : "";
    }
    return count;
}

struct uint32_list cgroup_stats_list(const struct cgroup_stats_reader *reader, const char *text)
{
    struct uint32_list list = {NULL, 0};
    size_t count = text == NULL ? 0 : count_list(text, &list);

    if (count == 0)
        return list;
    list.items = arena_zero(reader->arena, count, sizeof *list.items);
    if (list.items != NULL)
        list.count = count_list(text, &list);
    return list;
}

/* "some avg10=0.00 avg60=0.00 avg300=0.00 total=0" */
static void read_pressure_line(const char *text, const char *name, struct cgroup_pressure_line *ret)
{
    const char *line = strstr(text, name);

    if (line != NULL)
        sscanf(line + strlen(name), " avg10=%lf avg60=%lf avg300=%lf total=%" SCNu64, &ret->avg10,
               &ret->avg60, &ret->avg300, &ret->total);
}

struct cgroup_pressure *cgroup_stats_pressure(const struct cgroup_stats_reader *reader,
                                              const char *file)
{
    int dir = v2_directory(reader->cgroup);
    struct cgroup_pressure *pressure;
    char text[512];

    /* EOPNOTSUPP: this kernel has it switched off. */
    if (dir < 0 || read_pseudo_file(dir, file, text, sizeof text) < 0)
        return NULL;
    pressure = arena_zero(reader->arena, 1, sizeof *pressure);
    if (pressure == NULL)
        return NULL;
    read_pressure_line(text, "some", &pressure->some);
    read_pressure_line(text, "full", &pressure->full);
    return pressure;
}

int cgroup_stats_read(const struct cgroup *cgroup, struct arena *arena, struct cgroup_stats *ret,
                      struct error *err)
{
    struct cgroup_stats stats = {0};
    struct cgroup_stats_reader reader = {cgroup, arena, &stats};

    for (size_t i = 0; i < cgroup_controller_count; i++) {
        const struct cgroup_controller *controller = cgroup_controllers[i];

        if (controller->stats != NULL && controller->stats(&reader, controller, err) < 0)
            return -err->code;
    }
    *ret = stats;
    return 0;
}
