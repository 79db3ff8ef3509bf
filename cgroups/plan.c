#include <errno.h>

#include "base/own.h"
#include "cgroups/controllers.h"
#include "cgroups/path.h"
#include "cgroups/systemd.h"

static int plan_controllers(struct cgroup_planner *planner, const struct spec_resources *resources,
                            struct error *err)
{
    if (resources == NULL)
        return 0;
    for (size_t i = 0; i < cgroup_controller_count; i++) {
        const struct cgroup_controller *controller = cgroup_controllers[i];
        int code = controller->plan(planner, controller, resources, err);

        if (code < 0)
            return code;
    }
    /* Last: it says what nothing else says, or says it better. */
    return cgroup_plan_unified(planner, resources, err);
}

/* Without a manager there is nowhere to write a limit to. */
static int refuse_limits(const struct cgroup_plan *plan, struct error *err)
{
    if (plan->manager != CGROUP_MANAGER_DISABLED || plan->write_count == 0)
        return 0;
    return refuse(err, EOPNOTSUPP, "%s: no limits without cgroups, and the cgroup manager is off",
                  plan->writes[0].field);
}

int cgroup_plan_from_spec(struct cgroup_plan *ret, const struct cgroup_host *host,
                          const struct cgroup_request *request, struct arena *arena,
                          const struct log *log, struct error *err)
{
    struct cgroup_plan plan = {
        .host = host,
        .manager = request->manager,
        .unprivileged = request->unprivileged,
        .is_required = request->is_required,
        .owner = request->owner,
    };
    struct cgroup_planner planner = {
        .plan = &plan, .arena = arena, .log = log, .is_update = request->is_update};
    int code = 0;

    if (request->manager == CGROUP_MANAGER_SYSTEMD)
        code = cgroup_plan_unit(&planner, request, err);
    if (request->manager == CGROUP_MANAGER_CGROUPFS)
        code = cgroup_plan_paths(&plan, request, arena, err);
    /* A device filter needs rights over the whole machine; without them the kernel lets nobody make
     * a device node in the first place. */
    if (code == 0 && !request->unprivileged)
        code = request->is_update ? cgroup_plan_device_change(&planner, request, err)
                                  : cgroup_plan_devices(&planner, request->resources, err);
    if (code == 0)
        code = plan_controllers(&planner, request->resources, err);
    if (code == 0)
        code = refuse_limits(&plan, err);
    if (code == 0 && plan.unit != NULL)
        code = cgroup_plan_unit_properties(&planner, request, err);
    if (code == 0)
        *ret = plan;
    return code;
}
