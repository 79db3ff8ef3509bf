#include "cgroups/controllers.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/own.h"

/* A new controller is a file of its own and a row here. */
const struct cgroup_controller *const cgroup_controllers[] = {
    &cgroup_cpu,  &cgroup_cpuset,        &cgroup_memory,
    &cgroup_io,   &cgroup_pids,          &cgroup_hugetlb,
    &cgroup_rdma, &cgroup_network_class, &cgroup_network_priority,
};
const size_t cgroup_controller_count = count_of(cgroup_controllers);

bool cgroup_list_has(const char *list, const char *word, char separator)
{
    size_t length = strlen(word);

    for (const char *at = list; at != NULL; at = strchr(at, separator)) {
        at += *at == separator;
        if (strncmp(at, word, length) == 0 && (at[length] == separator || at[length] == '\0'))
            return true;
    }
    return false;
}

static bool has_v1(const struct cgroup_host *host)
{
    for (size_t i = 0; i < host->count; i++) {
        if (!host->hierarchies[i].is_v2)
            return true;
    }
    return false;
}

struct cgroup_place cgroup_place_of(const struct cgroup_host *host,
                                    const struct cgroup_controller *controller)
{
    struct cgroup_place v2 = {.is_v2 = !has_v1(host)};

    for (size_t i = 0; i < host->count; i++) {
        const struct cgroup_hierarchy *hierarchy = &host->hierarchies[i];

        if (!hierarchy->is_v2 && controller->v1_name != NULL &&
            cgroup_list_has(hierarchy->name, controller->v1_name, ','))
            return (struct cgroup_place){.found = true, .hierarchy = (uint8_t)i};
        if (hierarchy->is_v2 && controller->v2_name != NULL &&
            cgroup_list_has(host->v2_controllers, controller->v2_name, ' '))
            v2 = (struct cgroup_place){.found = true, .is_v2 = true, .hierarchy = (uint8_t)i};
    }
    return v2;
}

/* "max", "max 100000" (no quota, in periods of that length), or v1's "-1". */
static bool is_unlimited(const char *value)
{
    return strcmp(value, "max") == 0 || starts_with(value, "max ") || strcmp(value, "-1") == 0;
}

/* What this host has instead, for the person who has to fix it. */
static int explain_host(const struct cgroup_host *host, struct error *err)
{
    char list[400] = "";
    struct text text = TEXT_IN(list);

    if (host->count == 0)
        return hint(err, "no cgroup file system is mounted: mount -t cgroup2 none /sys/fs/cgroup");
    if (host->pure_v2)
        return hint(err, "cgroup v2 here offers: %s", host->v2_controllers);
    for (size_t i = 0; i < host->count; i++) {
        const struct cgroup_hierarchy *hierarchy = &host->hierarchies[i];

        if (!hierarchy->is_v2)
            text_print(&text, " %s", hierarchy->name);
        else if (*host->v2_controllers != '\0')
            text_print(&text, " %s (v2)", host->v2_controllers);
    }
    return hint(err, "it has:%s", list);
}

static int missing_controller(const struct cgroup_planner *planner,
                              const struct cgroup_controller *controller,
                              const struct cgroup_place *place, const char *field,
                              struct error *err)
{
    const char *name = place->is_v2 ? controller->v2_name : controller->v1_name;

    if (name == NULL)
        name = place->is_v2 ? controller->v1_name : controller->v2_name;
    /* A file of v2 by name, where v1 has the controller of that name. */
    bool only_v2 = controller->v1_name == NULL && !planner->plan->host->pure_v2;

    refuse(err, EOPNOTSUPP, "linux.resources.%s: this host has no %s controller%s", field, name,
           only_v2 ? " on cgroup v2" : "");
    return explain_host(planner->plan->host, err);
}

static int make_room(struct cgroup_planner *planner, struct error *err)
{
    struct cgroup_plan *plan = planner->plan;

    if (plan->write_count < planner->room)
        return 0;

    size_t room = planner->room == 0 ? 16 : planner->room * 2;
    struct cgroup_write *writes = arena_zero(planner->arena, room, sizeof *writes);

    if (writes == NULL)
        return no_memory(err);
    if (plan->write_count > 0)
        memcpy(writes, plan->writes, plan->write_count * sizeof *writes);
    plan->writes = writes;
    planner->room = room;
    return 0;
}

/* Copy *string into the arena in place; NULL stays NULL. */
static bool keep(struct arena *arena, const char **string)
{
    if (*string == NULL)
        return true;
    *string = arena_string(arena, *string);
    return *string != NULL;
}

/* On update, as with runc: a controller of v1 that this host has not. */
static bool is_passed_over(const struct cgroup_planner *planner,
                           const struct cgroup_controller *controller, const char *field)
{
    if (!planner->is_update || controller->v2_name != NULL)
        return false;
    log_warning(planner->log, "linux.resources.%s: ignored, this host has no %s controller", field,
                controller->v1_name);
    return true;
}

int cgroup_plan_write(struct cgroup_planner *planner, const struct cgroup_controller *controller,
                      const struct cgroup_place *place, const struct cgroup_write *write,
                      struct error *err)
{
    struct cgroup_write added = *write;
    int code;

    if (!place->found &&
        (is_unlimited(write->value) || is_passed_over(planner, controller, write->field)))
        return 0;
    if (!place->found)
        return missing_controller(planner, controller, place, write->field, err);
    code = make_room(planner, err);
    if (code < 0)
        return code;

    added.hierarchy = place->hierarchy;
    added.field = arena_print(planner->arena, "linux.resources.%s", write->field);
    if (added.field == NULL || !keep(planner->arena, &added.file) ||
        !keep(planner->arena, &added.value) || !keep(planner->arena, &added.other_file) ||
        !keep(planner->arena, &added.other_value) || !keep(planner->arena, &added.reset))
        return no_memory(err);
    planner->plan->writes[planner->plan->write_count++] = added;
    return 0;
}

static void tell_ignored(const struct cgroup_planner *planner, const struct cgroup_file *row,
                         bool is_v2)
{
    log_ignored(planner->log, row->flags & CGROUP_FILE_WARNS ? LOG_LEVEL_WARNING : LOG_LEVEL_DEBUG,
                "linux.resources.%s: ignored, cgroup %s of this kernel has no such file",
                row->field, is_v2 ? "v2" : "v1");
}

static int plan_file(struct cgroup_planner *planner, const struct cgroup_controller *controller,
                     const struct cgroup_place *place, const void *object,
                     const struct cgroup_file *row, struct error *err)
{
    char bytes[128] = "";
    struct text text = TEXT_IN(bytes);
    struct cgroup_value value = {
        .object = object,
        .member = (const char *)object + row->offset,
        .is_v2 = place->is_v2,
    };
    const char *file = place->is_v2 ? row->v2_file : row->v1_file;
    int wanted = row->format(&value, &text, err);

    if (wanted < 0)
        return within(err, "linux.resources.%s", row->field);
    if (wanted == 0)
        return 0;
    if (file == NULL) {
        tell_ignored(planner, row, place->is_v2);
        return 0;
    }

    bool is_free = is_unlimited(bytes) || strcmp(bytes, "0") == 0;
    struct cgroup_write write = {
        .file = file,
        .value = bytes,
        .field = row->field,
        .may_be_missing = (row->flags & CGROUP_FILE_MISSING_IS_FREE) && is_free,
        .keeps_first_word = (row->flags & CGROUP_FILE_KEEPS_FIRST_WORD) && strchr(bytes, ' '),
        .order_unknown = row->flags & CGROUP_FILE_ORDER_UNKNOWN,
    };

    return cgroup_plan_write(planner, controller, place, &write, err);
}

int cgroup_plan_files(struct cgroup_planner *planner, const struct cgroup_controller *controller,
                      const void *object, const struct cgroup_file *files, size_t count,
                      struct error *err)
{
    struct cgroup_place place = cgroup_place_of(planner->plan->host, controller);

    for (size_t i = 0; i < count; i++) {
        int code = plan_file(planner, controller, &place, object, &files[i], err);

        if (code < 0)
            return code;
    }
    return 0;
}

int cgroup_format_uint64(const struct cgroup_value *value, struct text *text, struct error *err)
{
    const struct optional_uint64 *number = value->member;

    (void)err;
    if (number->set)
        text_print(text, "%" PRIu64, number->value);
    return number->set;
}

int cgroup_format_int64(const struct cgroup_value *value, struct text *text, struct error *err)
{
    const struct optional_int64 *number = value->member;

    (void)err;
    if (number->set)
        text_print(text, "%" PRId64, number->value);
    return number->set;
}

int cgroup_format_nonzero(const struct cgroup_value *value, struct text *text, struct error *err)
{
    const struct optional_uint64 *number = value->member;

    if (number->value == 0)
        return 0;
    return cgroup_format_uint64(value, text, err);
}

int cgroup_format_bytes(const struct cgroup_value *value, struct text *text, struct error *err)
{
    const struct optional_int64 *bytes = value->member;

    if (!bytes->set || bytes->value == 0)
        return 0;
    if (bytes->value < -1)
        return refuse(err, EINVAL, "%" PRId64 " is no number of bytes (-1 is unlimited)",
                      bytes->value);
    if (bytes->value == -1)
        text_print(text, "%s", value->is_v2 ? "max" : "-1");
    else
        text_print(text, "%" PRId64, bytes->value);
    return 1;
}
