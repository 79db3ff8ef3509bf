#pragma once

/* What the tests of cgroups/ share: hosts made by hand, and plans from a piece of JSON. */

#include <criterion/criterion.h>
#include <string.h>

#include "base/own.h"
#include "base/text.h"
#include "cgroups/cgroup.h"

/* A pure v2 machine; we are in a session of a user. */
static const struct cgroup_host v2_host = {
    .hierarchies = {{"", "/sys/fs/cgroup", "/", "/user.slice/session-1.scope", true}},
    .count = 1,
    .pure_v2 = true,
    .v2_controllers = "cpuset cpu io memory hugetlb pids rdma misc",
};

/* A v1 machine with everything. */
static const struct cgroup_host v1_host = {
    .hierarchies = {{"name=systemd", "/sys/fs/cgroup/systemd", "/", "/own", false},
                    {"cpu,cpuacct", "/sys/fs/cgroup/cpu,cpuacct", "/", "/own", false},
                    {"cpuset", "/sys/fs/cgroup/cpuset", "/", "/", false},
                    {"memory", "/sys/fs/cgroup/memory", "/", "/own", false},
                    {"blkio", "/sys/fs/cgroup/blkio", "/", "/own", false},
                    {"pids", "/sys/fs/cgroup/pids", "/", "/own", false},
                    {"devices", "/sys/fs/cgroup/devices", "/", "/own", false},
                    {"freezer", "/sys/fs/cgroup/freezer", "/", "/own", false},
                    {"hugetlb", "/sys/fs/cgroup/hugetlb", "/", "/own", false},
                    {"rdma", "/sys/fs/cgroup/rdma", "/", "/own", false},
                    {"net_cls,net_prio", "/sys/fs/cgroup/net", "/", "/own", false}},
    .count = 11,
    .v2_controllers = "",
};

/* A hybrid machine: v1 for most, a v2 tree that carries hugetlb. */
static const struct cgroup_host hybrid_host = {
    .hierarchies = {{"memory", "/sys/fs/cgroup/memory", "/", "/", false},
                    {"cpu", "/sys/fs/cgroup/cpu", "/", "/", false},
                    {"devices", "/sys/fs/cgroup/devices", "/", "/", false},
                    {"", "/sys/fs/cgroup/unified", "/", "/", true}},
    .count = 4,
    .v2_controllers = "hugetlb",
};

/* A machine without any cgroup. */
static const struct cgroup_host bare_host = {.v2_controllers = ""};

/* linux.resources from JSON, in which ' stands for ". */
static inline struct spec_resources *resources_of(const char *json, struct arena *arena)
{
    struct spec_resources *resources = arena_zero(arena, 1, sizeof *resources);
    char *text = arena_string(arena, json);
    struct error err;

    for (char *at = text; (at = strchr(at, '\'')) != NULL;)
        *at = '"';
    cr_assert_eq(fields_decode(&spec_resources_fields, text, strlen(text), arena, resources, &err),
                 0, "%s: %s", json, err.text);
    return resources;
}

/* Plan for container "web" from JSON.  Returns what cgroup_plan_from_spec does. */
static inline int plan_of(struct cgroup_plan *plan, const struct cgroup_host *host,
                          const char *json, struct arena *arena, struct error *err)
{
    struct cgroup_request request = {.id = "web", .resources = resources_of(json, arena)};

    err->text[0] = '\0';
    return cgroup_plan_from_spec(plan, host, &request, arena, NULL, err);
}

/* The same for an update. */
static inline int update_plan_of(struct cgroup_plan *plan, const struct cgroup_host *host,
                                 const char *json, struct arena *arena, struct error *err)
{
    struct cgroup_request request = {
        .id = "web", .resources = resources_of(json, arena), .is_update = true};

    err->text[0] = '\0';
    return cgroup_plan_from_spec(plan, host, &request, arena, NULL, err);
}

/* The writes as text, "file=value; file=value", without those for devices.  A '?' behind the file:
 * may be missing; " or ..." : the other file. */
static inline const char *writes_text(const struct cgroup_plan *plan, struct arena *arena)
{
    struct text text = {.bytes = arena_zero(arena, 4096, 1), .size = 4096};

    for (size_t i = 0; i < plan->write_count; i++) {
        const struct cgroup_write *write = &plan->writes[i];

        if (starts_with(write->file, "devices."))
            continue;
        text_print(&text, "%s%s%s=%s", text.used > 0 ? "; " : "", write->file,
                   write->may_be_missing ? "?" : "", write->value);
        if (write->other_file != NULL)
            text_print(&text, " or %s=%s", write->other_file, write->other_value);
    }
    return text.bytes;
}
