#include <errno.h>

#include "cgroups/cgroup.h"
#include "runtime/handle.h"
#include "runtime/plan.h"

/* What the kernel has taken over goes into the stored config too: exec and later updates start from
 * there.  Only the limits an update can carry. */
static void merge(struct spec_resources *into, const struct spec_resources *changed)
{
    if (changed->memory != NULL)
        into->memory = changed->memory;
    if (changed->cpu != NULL)
        into->cpu = changed->cpu;
    if (changed->pids != NULL)
        into->pids = changed->pids;
    if (changed->block_io != NULL)
        into->block_io = changed->block_io;
}

static int store(struct container *container, const struct spec_resources *changed,
                 struct error *err)
{
    autoarena struct arena arena = {NULL};
    struct spec *spec;

    if (state_read_config(&container->directory, &arena, &spec, err) < 0)
        return -err->code;
    if (spec->linux_ == NULL)
        spec->linux_ = arena_zero(&arena, 1, sizeof *spec->linux_);
    if (spec->linux_ != NULL && spec->linux_->resources == NULL)
        spec->linux_->resources = arena_zero(&arena, 1, sizeof *spec->linux_->resources);
    if (spec->linux_ == NULL || spec->linux_->resources == NULL)
        return no_memory(err);
    merge(spec->linux_->resources, changed);
    return state_write_config(&container->directory, spec, err);
}

static int update_locked(const struct runtime *runtime, struct container *container,
                         const struct spec_resources *resources, struct error *err)
{
    autoarena struct arena arena = {NULL};
    struct cgroup_host host;
    struct cgroup_plan plan;
    struct cgroup cgroup = CGROUP_EMPTY;
    struct cgroup_request request = {
        .id = container->id,
        .cgroups_path = container->record.cgroup.path,
        .resources = resources,
        .manager = CGROUP_MANAGER_CGROUPFS,
        .unprivileged = !caller_is_privileged(),
    };

    if (container_status(container) == CONTAINER_STOPPED)
        return refuse(err, EINVAL, "container not running");
    if (spec_validate_resources(resources, err) < 0 || cgroup_host_probe(&host, &arena, err) < 0 ||
        cgroup_plan_from_spec(&plan, &host, &request, &arena, &runtime->log, err) < 0)
        return -err->code;
    if (cgroup_open(&cgroup, &container->record.cgroup, err) < 0)
        return -err->code;

    int code = cgroup_update(&cgroup, &plan, resources, &runtime->log, err);

    cgroup_done(&cgroup);
    return code < 0 ? code : store(container, resources, err);
}

int container_update(const struct runtime *runtime, struct container *container,
                     const struct spec_resources *resources, struct error *err)
{
    if (container_lock(container, err) < 0)
        return -err->code;

    int code = update_locked(runtime, container, resources, err);

    container_unlock(container);
    return code;
}
