#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/own.h"
#include "cgroups/controllers.h"

/* Both exist in v1 alone; on v2 the values are ignored, as runc does. */
#define OWNER struct spec_network
static const struct cgroup_file files[] = {
    CGROUP_FILE("network.classID", class_id, NULL, "net_cls.classid", cgroup_format_nonzero,
                CGROUP_FILE_PLAIN),
};
#undef OWNER

static int plan_class(struct cgroup_planner *planner, const struct cgroup_controller *self,
                      const struct spec_resources *resources, struct error *err)
{
    if (resources->network == NULL)
        return 0;
    return cgroup_plan_files(planner, self, resources->network, files, count_of(files), err);
}

static int plan_priorities(struct cgroup_planner *planner, const struct cgroup_controller *self,
                           const struct spec_resources *resources, struct error *err)
{
    struct cgroup_place place = cgroup_place_of(planner->plan->host, self);

    if (resources->network == NULL || resources->network->priorities.count == 0)
        return 0;
    if (place.is_v2) {
        log_ignored(planner->log, LOG_LEVEL_DEBUG,
                    "linux.resources.network.priorities: ignored, cgroup v2 has no such thing");
        return 0;
    }
    for_each_item (priority, &resources->network->priorities) {
        char value[80];
        struct cgroup_write write = {
            .file = "net_prio.ifpriomap",
            .value = value,
            .field = "network.priorities",
        };
        char quoted[1040];
        int code;

        if (*priority->name == '\0' || strlen(priority->name) > 15 ||
            strpbrk(priority->name, " \t\n") != NULL)
            return refuse(err, EINVAL,
                          "linux.resources.network.priorities: \"%s\" is not the name of a "
                          "network device",
                          quotable(quoted, priority->name));
        snprintf(value, sizeof value, "%s %" PRIu32, priority->name, priority->priority);
        code = cgroup_plan_write(planner, self, &place, &write, err);
        if (code < 0)
            return code;
    }
    return 0;
}

const struct cgroup_controller cgroup_network_class = {NULL, "net_cls", plan_class, NULL};
const struct cgroup_controller cgroup_network_priority = {NULL, "net_prio", plan_priorities, NULL};
