#include <inttypes.h>

#include "base/own.h"
#include "cgroups/controllers.h"

/* 0 would keep even the first process out: one process is the least a container can have. */
static int format_limit(const struct cgroup_value *value, struct text *text, struct error *err)
{
    const struct optional_int64 *limit = value->member;

    (void)err;
    if (limit->value < 0)
        text_print(text, "max");
    else
        text_print(text, "%" PRId64, limit->value == 0 ? 1 : limit->value);
    return limit->set;
}

#define OWNER struct spec_pids
static const struct cgroup_file files[] = {
    CGROUP_FILE("pids.limit", limit, "pids.max", "pids.max", format_limit, CGROUP_FILE_PLAIN),
};
#undef OWNER

static int plan_pids(struct cgroup_planner *planner, const struct cgroup_controller *self,
                     const struct spec_resources *resources, struct error *err)
{
    if (resources->pids == NULL)
        return 0;
    return cgroup_plan_files(planner, self, resources->pids, files, count_of(files), err);
}

const struct cgroup_controller cgroup_pids = {"pids", "pids", plan_pids, cgroup_stats_pids};
