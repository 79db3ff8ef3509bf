/* linux.cgroupsPath and linux.resources as a unit of systemd; nothing here talks to it: unit.c. */

#include "cgroups/systemd.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "cgroups/path.h"

enum { UNIT_NAME_MOST = 255, CPUS_MOST = 8192, PERIOD_USUAL = 100000 /* us, the kernel's */ };

int unit_properties_add(struct unit_properties *properties, const struct unit_property *property,
                        struct arena *arena, struct error *err)
{
    for (size_t i = 0; i < properties->count; i++) {
        if (strcmp(properties->items[i].name, property->name) == 0) {
            properties->items[i] = *property;
            return 0;
        }
    }
    if (properties->count == properties->room) {
        size_t room = properties->room == 0 ? 32 : properties->room * 2;
        struct unit_property *items = arena_zero(arena, room, sizeof *items);

        if (items == NULL)
            return no_memory(err);
        if (properties->count > 0)
            memcpy(items, properties->items, properties->count * sizeof *items);
        properties->items = items;
        properties->room = room;
    }
    properties->items[properties->count++] = *property;
    return 0;
}

/* --- names
 * ---------------------------------------------------------------------------------------------------
 */

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text);

    return length >= strlen(end) && strcmp(text + length - strlen(end), end) == 0;
}

/* systemd.unit(5): letters, digits and :-_.\@ */
static int check_name(const char *name, struct error *err)
{
    char quoted[1040];

    for (const char *at = name; *at != '\0'; at++) {
        if (!isalnum((unsigned char)*at) && strchr(":-_.\\", *at) == NULL)
            return refuse(err, EINVAL,
                          "\"%s\" is no name of a unit: it may hold A-Z a-z 0-9 : - _ . \\",
                          quotable(quoted, name));
    }
    if (strlen(name) > UNIT_NAME_MOST)
        return refuse(err, ENAMETOOLONG,
                      "the unit \"%.40s...\" has a name of %zu bytes, %d is the most", name,
                      strlen(name), UNIT_NAME_MOST);
    return 0;
}

/* Dashes are the levels of the tree, so none may be empty. */
static int check_slice(const char *slice, struct error *err)
{
    char quoted[1040];

    if (!ends_with(slice, ".slice"))
        return refuse(err, EINVAL, "\"%s\" is no slice: the name must end in .slice",
                      quotable(quoted, slice));
    if (strcmp(slice, "-.slice") == 0)
        return 0;
    if (*slice == '-' || *slice == '.' || strstr(slice, "--") != NULL ||
        strstr(slice, "-.slice") != NULL)
        return refuse(err, EINVAL,
                      "\"%s\" is no slice: there is nothing before, between or behind a dash",
                      quotable(quoted, slice));
    return check_name(slice, err);
}

int unit_slice_path(const char *slice, struct arena *arena, const char **ret, struct error *err)
{
    size_t stem = strlen(slice) - strlen(".slice");
    char *path = arena_string(arena, "");
    int code = check_slice(slice, err);

    if (code < 0)
        return code;
    for (size_t i = 1; i <= stem && path != NULL && *slice != '-'; i++) {
        if (slice[i] == '-' || i == stem)
            path = arena_print(arena, "%s%s%.*s.slice", path, *path != '\0' ? "/" : "", (int)i,
                               slice);
    }
    if (path == NULL)
        return no_memory(err);
    *ret = path;
    return 0;
}

/* "slice:prefix:name"; each may be absent, then it is as runc has it. */
static int split(struct cgroup_unit *unit, const struct cgroup_request *request,
                 struct arena *arena, struct error *err)
{
    const char *wanted = request->cgroups_path;
    char *rest = arena_string(arena, wanted == NULL || *wanted == '\0' ? ":runc:" : wanted);
    const char *slice = strsep(&rest, ":");
    const char *stem = rest != NULL ? strsep(&rest, ":") : NULL;
    const char *name = rest;
    char quoted[1040];

    if (slice == NULL)
        return no_memory(err);
    if (stem == NULL || name == NULL || strchr(name, ':') != NULL)
        return refuse(err, EINVAL,
                      "\"%s\" is not of the form slice:prefix:name, which systemd wants",
                      quotable(quoted, wanted));
    if (*slice == '\0')
        slice = request->user_directory != NULL ? "user.slice" : "system.slice";
    if (*name == '\0')
        name = request->id;
    unit->slice = slice;
    unit->container = name;
    unit->is_slice = ends_with(name, ".slice");
    if (unit->is_slice)
        unit->name = name;
    else
        unit->name = *stem != '\0' ? arena_print(arena, "%s-%s.scope", stem, name)
                                   : arena_print(arena, "%s.scope", name);
    return unit->name == NULL ? no_memory(err) : 0;
}

/* Where the tree of a user's systemd starts: as it says, else as the machine's names it. */
static const char *manager_path(const struct cgroup_request *request, struct arena *arena)
{
    const char *user;

    if (request->user_directory == NULL)
        return "";
    if (request->user_path != NULL)
        return strcmp(request->user_path, "/") == 0 ? "" : request->user_path;
    user = strrchr(request->user_directory, '/');
    user = user != NULL ? user + 1 : request->user_directory;
    return arena_print(arena, "/user.slice/user-%s.slice/user@%s.service", user, user);
}

/* Without its word the directory has to tell whose it is. */
static int check_user_directory(const struct cgroup_request *request, struct error *err)
{
    const char *directory = request->user_path == NULL ? request->user_directory : NULL;
    const char *user = directory != NULL ? strrchr(directory, '/') : NULL;
    char quoted[1040];

    if (directory == NULL || (user != NULL && isdigit((unsigned char)user[1]) &&
                              user[1 + strspn(user + 1, "0123456789")] == '\0'))
        return 0;
    return refuse(err, EINVAL,
                  "the systemd of a user is found by XDG_RUNTIME_DIR as /run/user/UID, not \"%s\"",
                  quotable(quoted, directory));
}

static int fill_unit(struct cgroup_plan *plan, const struct cgroup_request *request,
                     struct arena *arena, const char **ret_path, struct error *err)
{
    struct cgroup_unit *unit = plan->unit;
    const char *slice;
    const char *top = manager_path(request, arena);
    int code = split(unit, request, arena, err);

    if (top == NULL)
        return no_memory(err);
    if (code == 0)
        code = check_name(unit->name, err);
    if (code == 0)
        code = unit_slice_path(unit->slice, arena, &slice, err);
    /* A slice's own name says where it is. */
    if (code == 0 && unit->is_slice)
        code = unit_slice_path(unit->name, arena, ret_path, err);
    else if (code == 0)
        *ret_path = *slice == '\0' ? unit->name : arena_print(arena, "%s/%s", slice, unit->name);
    if (code == 0 && *ret_path != NULL)
        *ret_path = arena_print(arena, "%s/%s", top, *ret_path);
    return code == 0 && *ret_path == NULL ? no_memory(err) : code;
}

/* Beside v1, cgroup2 may be mounted by anybody (Cilium's is at /run/cilium/cgroupv2).  systemd's is
 * where distributions look for it, and whoever is in a unit is in it there, too. */
static bool is_foreign(const struct cgroup_host *host, const struct cgroup_hierarchy *hierarchy)
{
    if (!hierarchy->is_v2 || host->pure_v2)
        return false;
    if (!starts_with(hierarchy->mount_point, "/sys/fs/cgroup"))
        return true;
    for (size_t i = 0; i < host->count; i++) {
        if (strcmp(host->hierarchies[i].name, "name=systemd") == 0)
            return strcmp(hierarchy->own_path, "/") == 0 &&
                   strcmp(host->hierarchies[i].own_path, "/") != 0;
    }
    return false;
}

static void leave_out_foreign(struct cgroup_plan *plan)
{
    for (size_t i = 0; i < plan->host->count; i++) {
        if (is_foreign(plan->host, &plan->host->hierarchies[i]))
            plan->directories[i] = NULL;
    }
}

int cgroup_plan_unit(struct cgroup_planner *planner, const struct cgroup_request *request,
                     struct error *err)
{
    struct cgroup_plan *plan = planner->plan;
    struct cgroup_request by_path = *request;
    int code = check_user_directory(request, err);

    plan->unit = arena_zero(planner->arena, 1, sizeof *plan->unit);
    if (plan->unit == NULL)
        return no_memory(err);
    plan->unit->manager = request->user_directory;
    if (code < 0)
        return code;
    code = fill_unit(plan, request, planner->arena, &by_path.cgroups_path, err);
    if (code < 0)
        return within(err, "linux.cgroupsPath");
    code = cgroup_plan_paths(plan, &by_path, planner->arena, err);
    if (code == 0)
        leave_out_foreign(plan);
    return code;
}

/* --- limits
 * ---------------------------------------------------------------------------------------------------
 */

struct write {
    const char *value;
    const char *field;
    struct arena *arena;
};

static int add_number(struct unit_properties *properties, const char *name, uint64_t number,
                      const struct write *write, struct error *err)
{
    struct unit_property property = {
        .name = name, .type = "t", .number = number, .field = write->field};

    return unit_properties_add(properties, &property, write->arena, err);
}

/* "", "k", "M" ... "E" behind a number; anything else: false. */
static bool scale(uint64_t *number, const char *suffix)
{
    static const char letters[] = "KMGTPE";
    const char *found = strchr(letters, toupper((unsigned char)*suffix));
    int bits = found == NULL || *suffix == '\0' ? 0 : 10 * (int)(found - letters + 1);

    if (found == NULL || (*suffix != '\0' && suffix[1] != '\0') || *number > UINT64_MAX >> bits)
        return false;
    *number <<= bits;
    return true;
}

/* As the kernel reads it (memparse(), lib/cmdline.c): "4096", "0x1000", "4K"; no limit is "max" or
 * "-1".  False: it is none of these. */
static bool read_number(const char *text, uint64_t *ret)
{
    char word[32], rest;
    char *end;

    if (sscanf(text, "%31s %c", word, &rest) != 1)
        return false;
    *ret = UINT64_MAX;
    if (strcmp(word, "max") == 0 || strcmp(word, "-1") == 0)
        return true;
    errno = 0;
    *ret = strtoull(word, &end, 0);
    return isdigit((unsigned char)*word) && errno == 0 && scale(ret, end);
}

/* Of what is no number systemd is told nothing: the kernel will say what is wrong with it. */
static int as_number(struct unit_properties *properties, const char *name,
                     const struct write *write, struct error *err)
{
    uint64_t number;

    return read_number(write->value, &number) ? add_number(properties, name, number, write, err)
                                              : 0;
}

/* Where not every systemd has the property. */
static int as_number_if_known(struct unit_properties *properties, const char *name,
                              const struct write *write, struct error *err)
{
    struct unit_property property = {
        .name = name, .type = "t", .field = write->field, .is_optional = true};

    return read_number(write->value, &property.number)
               ? unit_properties_add(properties, &property, write->arena, err)
               : 0;
}

static int as_idle(struct unit_properties *properties, const char *name, const struct write *write,
                   struct error *err)
{
    /* CPUWeight=idle, on the bus 0; since systemd 252. */
    struct unit_property idle = {
        .name = name, .type = "t", .number = 0, .field = write->field, .is_optional = true};

    /* Not to be is a weight: that of a new unit, or the one that update tells. */
    if (strcmp(write->value, "1") != 0)
        return 0;
    return unit_properties_add(properties, &idle, write->arena, err);
}

static bool read_decimal(const char *word, uint64_t *ret)
{
    *ret = strtoull(word, NULL, 10);
    return word[strspn(word, "0123456789")] == '\0' && *ret > 0 && *ret < UINT64_MAX;
}

/* The kernel reads these two by sscanf(), which knows neither suffixes nor bases.  A period that is
 * not there is 0. */
static bool read_quota(const char *text, uint64_t *ret_quota, uint64_t *ret_period)
{
    char quota[24] = "", period[24] = "", rest;
    int words = sscanf(text, "%23s %23s %c", quota, period, &rest);

    *ret_quota = UINT64_MAX;
    *ret_period = 0;
    return (words == 1 || (words == 2 && read_decimal(period, ret_period))) &&
           (strcmp(quota, "max") == 0 || read_decimal(quota, ret_quota));
}

/* "25000 100000": quota and period in microseconds.  systemd counts per second, and rounds to 10
 * ms: upwards, that the container gets what it was promised. */
static int as_quota(struct unit_properties *properties, const char *name, const struct write *write,
                    struct error *err)
{
    uint64_t quota;
    struct unit_property period = {.name = "CPUQuotaPeriodUSec", /* since systemd 242 */
                                   .type = "t",
                                   .field = write->field,
                                   .is_optional = true};
    int code;

    if (!read_quota(write->value, &quota, &period.number))
        return 0; /* the kernel will say what is wrong with it */
    if (quota != UINT64_MAX && quota < UINT64_MAX / 1000000)
        quota = (quota * 1000000 / (period.number > 0 ? period.number : PERIOD_USUAL) + 9999) /
                10000 * 10000;
    code = add_number(properties, name, quota, write, err);
    if (code < 0 || period.number == 0)
        return code;
    return unit_properties_add(properties, &period, write->arena, err);
}

bool unit_is_quota_of_v1(const char *file)
{
    return strcmp(file, "cpu.cfs_period_us") == 0 || strcmp(file, "cpu.cfs_quota_us") == 0;
}

const char *unit_quota_of_v1(const char *quota, const char *period, struct arena *arena)
{
    return arena_print(arena, "%s%s%s", quota == NULL || *quota == '-' ? "max" : quota,
                       period != NULL ? " " : "", period != NULL ? period : "");
}

/* "0-3,7" as bits, the lowest byte first, as long as it must be. */
static int as_mask(struct unit_properties *properties, const char *name, const struct write *write,
                   struct error *err)
{
    uint8_t *bytes = arena_zero(write->arena, CPUS_MOST / 8, 1);
    struct unit_property mask = {
        .name = name, .type = "ay", .field = write->field, .bytes = bytes, .is_optional = true};

    if (bytes == NULL)
        return no_memory(err);
    for (const char *at = write->value; *at != '\0'; at += *at == ',') {
        char *end;
        unsigned long first = strtoul(at, &end, 10);
        unsigned long last = *end == '-' ? strtoul(end + 1, &end, 10) : first;

        if (end == at || last >= CPUS_MOST)
            return 0; /* the kernel knows no such cpu either, and says so */
        for (unsigned long i = first; i <= last; i++)
            bytes[i / 8] |= (uint8_t)(1 << i % 8);
        if (last / 8 + 1 > mask.byte_count)
            mask.byte_count = last / 8 + 1;
        at = end;
    }
    return unit_properties_add(properties, &mask, write->arena, err);
}

/* What systemd does to the rest of the unit when the kernel kills for memory: with memory.oom.group
 * the kernel itself kills all.  A property of scopes since 253, and for new ones only. */
static int as_oom_policy(struct unit_properties *properties, const char *name,
                         const struct write *write, struct error *err)
{
    struct unit_property policy = {
        .name = name, .type = "s", .field = write->field, .is_optional = true};

    policy.string = strcmp(write->value, "1") == 0 ? "kill" : "continue";
    return unit_properties_add(properties, &policy, write->arena, err);
}

/* Files of v2, then of v1, where systemd writes them too. */
static const struct {
    const char *file;
    const char *property;
    int (*add)(struct unit_properties *properties, const char *name, const struct write *write,
               struct error *err);
} limits[] = {
    {"memory.max",            "MemoryMax",          as_number         },
    {"memory.high",           "MemoryHigh",         as_number         },
    {"memory.low",            "MemoryLow",          as_number         },
    {"memory.min",            "MemoryMin",          as_number         },
    {"memory.swap.max",       "MemorySwapMax",      as_number         },
    {"memory.zswap.max",      "MemoryZSwapMax",     as_number_if_known}, /* since systemd 253 */
    {"memory.oom.group",      "OOMPolicy",          as_oom_policy     },
    {"pids.max",              "TasksMax",           as_number         },
    {"cpu.weight",            "CPUWeight",          as_number         },
    {"cpu.idle",              "CPUWeight",          as_idle           },
    {"cpu.max",               "CPUQuotaPerSecUSec", as_quota          },
    {"cpuset.cpus",           "AllowedCPUs",        as_mask           },
    {"cpuset.mems",           "AllowedMemoryNodes", as_mask           },
    {"memory.limit_in_bytes", "MemoryLimit",        as_number         },
    {"cpu.cfs_period_us",     "CPUQuotaPerSecUSec", as_quota          },
    {"cpu.cfs_quota_us",      "CPUQuotaPerSecUSec", as_quota          },
    {"cpu.shares",            "CPUShares",          as_number         },
    {"blkio.weight",          "BlockIOWeight",      as_number         },
};

const char *cgroup_planned_value(const struct cgroup_plan *plan, const char *file)
{
    for (size_t i = 0; i < plan->write_count; i++) {
        if (strcmp(plan->writes[i].file, file) == 0)
            return plan->writes[i].value;
    }
    return NULL;
}

bool unit_has_property(const char *file)
{
    for (size_t i = 0; i < count_of(limits); i++) {
        if (strcmp(limits[i].file, file) == 0)
            return true;
    }
    return false;
}

int unit_properties_of_write(struct unit_properties *properties, const char *file,
                             const char *value, const char *field, struct arena *arena,
                             struct error *err)
{
    struct write write = {value, field, arena};

    for (size_t i = 0; i < count_of(limits); i++) {
        if (strcmp(limits[i].file, file) == 0)
            return limits[i].add(properties, limits[i].property, &write, err);
    }
    return 0;
}

/* --- devices
 * --------------------------------------------------------------------------------------------------
 */

/* systemd can only add up what is allowed.  What a later rule takes out again is taken out by our
 * own program: both are attached, and the kernel lets pass what passes both. */
static bool device_of_rule(struct unit_device *ret, const struct spec_device_rule *rule,
                           bool is_block, struct arena *arena)
{
    const char *kind = is_block ? "block" : "char";
    bool any_major = !rule->major.set || rule->major.value < 0;
    bool any_minor = !rule->minor.set || rule->minor.value < 0;

    ret->access = rule->access != NULL ? rule->access : "rwm";
    if (any_major)
        ret->node = arena_print(arena, "%s-*", kind);
    else if (any_minor)
        ret->node = arena_print(arena, "%s-%lld", kind, (long long)rule->major.value);
    else
        ret->node = arena_print(arena, "/dev/%s/%lld:%lld", kind, (long long)rule->major.value,
                                (long long)rule->minor.value);
    return ret->node != NULL;
}

/* "r" and "wm" are "rwm". */
static const char *join_accesses(const char *a, const char *b)
{
    static const char *const joined[] = {"", "r", "w", "rw", "m", "rm", "wm", "rwm"};
    static const char letters[] = "rwm";
    size_t bits = 0;

    for (size_t i = 0; letters[i] != '\0'; i++) {
        if (strchr(a, letters[i]) != NULL || strchr(b, letters[i]) != NULL)
            bits |= (size_t)1 << i;
    }
    return joined[bits];
}

/* A node that is there already gets the accesses too: of two pairs for the same node systemd takes
 * the last, so that "char-* m" would be all that is left of "char-* rwm". */
static void add_device(struct unit_property *allow, struct unit_device *devices,
                       const struct unit_device *device)
{
    for (size_t i = 0; i < allow->device_count; i++) {
        if (strcmp(devices[i].node, device->node) == 0) {
            devices[i].access = join_accesses(devices[i].access, device->access);
            return;
        }
    }
    devices[allow->device_count++] = *device;
}

/* DevicePolicy and DeviceAllow: systemd loads its own filter anew at each daemon-reload. */
int unit_properties_of_devices(struct unit_properties *properties,
                               const struct spec_device_rule_list *rules, bool is_live,
                               struct arena *arena, struct error *err)
{
    struct unit_property policy = {.name = "DevicePolicy", .type = "s", .string = "strict"};
    struct unit_property allow = {.name = "DeviceAllow", .type = "a(ss)", .is_emptied = is_live};
    struct unit_device *devices = arena_zero(arena, rules->count * 2, sizeof *devices);
    int code;

    if (devices == NULL)
        return no_memory(err);
    for (size_t i = 0; i < rules->count; i++) {
        const struct spec_device_rule *rule = &rules->items[i];

        for (int is_block = 0; is_block < 2 && rule->allow; is_block++) {
            enum { CHARACTER = SPEC_DEVICE_CHARACTER, BLOCK = SPEC_DEVICE_BLOCK };
            bool is_other = rule->type.set &&
                            (int)rule->type.value == (is_block ? CHARACTER : BLOCK);

            struct unit_device device;

            if (is_other)
                continue;
            if (!device_of_rule(&device, rule, is_block, arena))
                return no_memory(err);
            add_device(&allow, devices, &device);
        }
    }
    allow.devices = devices;
    code = unit_properties_add(properties, &policy, arena, err);
    return code < 0 ? code : unit_properties_add(properties, &allow, arena, err);
}

/* --- all of them
 * ---------------------------------------------------------------------------------------------- */

static int add_common(struct unit_properties *properties, const struct cgroup_unit *unit,
                      struct arena *arena, struct error *err)
{
    static const char *const flags[] = {
        "CPUAccounting",
        "IOAccounting",
        "MemoryAccounting",
        "TasksAccounting",
    };
    const char **above = arena_zero(arena, 1, sizeof *above);
    /* clang-format off */
    struct unit_property rows[] = {
        {"Description",         "s",  .string = arena_print(arena, "libcontainer container %s",
                                                            unit->container)},
        {"DefaultDependencies", "b",  .number = false},
        {"Slice",               "s",  .string = unit->slice},
        {"Delegate",            "b",  .number = true},
        /* A scope that failed (killed for memory) goes like any other: nothing of it is left. */
        {"CollectMode",         "s",  .string = "inactive-or-failed", .is_optional = true},
        {"Wants",               "as", .strings = {above, 1}},
    };
    /* clang-format on */
    int code = 0;

    if (above == NULL || rows[0].string == NULL)
        return no_memory(err);
    above[0] = unit->slice;
    for (size_t i = 0; code == 0 && i < count_of(rows); i++) {
        bool of_slices = strcmp(rows[i].name, "Wants") == 0;
        bool of_scopes = strcmp(rows[i].name, "Slice") == 0 ||
                         strcmp(rows[i].name, "Delegate") == 0;

        if (unit->is_slice ? !of_scopes : !of_slices)
            code = unit_properties_add(properties, &rows[i], arena, err);
    }
    for (size_t i = 0; code == 0 && i < count_of(flags); i++) {
        struct unit_property flag = {.name = flags[i], .type = "b", .number = true};

        code = unit_properties_add(properties, &flag, arena, err);
    }
    return code;
}

static bool stays(const struct cgroup_unit *unit)
{
    for (size_t i = 0; i < unit->properties.count; i++) {
        const struct unit_property *property = &unit->properties.items[i];

        if (strcmp(property->name, "CollectMode") == 0 &&
            strcmp(property->string, "inactive-or-failed") != 0)
            return true;
    }
    return unit->is_slice;
}

static int add_write(struct unit_properties *properties, const struct cgroup_plan *plan,
                     const struct cgroup_write *write, struct arena *arena, struct error *err)
{
    const char *value = write->value;

    if (unit_is_quota_of_v1(write->file))
        value = unit_quota_of_v1(cgroup_planned_value(plan, "cpu.cfs_quota_us"),
                                 cgroup_planned_value(plan, "cpu.cfs_period_us"), arena);
    return value == NULL
               ? no_memory(err)
               : unit_properties_of_write(properties, write->file, value, write->field, arena, err);
}

int cgroup_plan_unit_properties(struct cgroup_planner *planner,
                                const struct cgroup_request *request, struct error *err)
{
    struct cgroup_plan *plan = planner->plan;
    struct cgroup_unit *unit = plan->unit;
    struct unit_properties *properties = &unit->properties;
    int code = add_common(properties, unit, planner->arena, err);

    for (size_t i = 0; code == 0 && i < plan->write_count; i++)
        code = add_write(properties, plan, &plan->writes[i], planner->arena, err);
    if (code == 0 && plan->has_devices)
        code = unit_properties_of_devices(properties, &plan->device_rules, false, planner->arena,
                                          err);
    for (size_t i = 0; code == 0 && i < request->annotations.count; i++)
        code = unit_property_of_annotation(properties, &request->annotations.items[i],
                                           planner->arena, err);
    unit->stays = code == 0 && stays(unit);
    return code;
}
