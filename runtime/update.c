#include <errno.h>

#include "base/timing.h"
#include "cgroups/cgroup.h"
#include "runtime/class_change.h"
#include "runtime/handle.h"
#include "runtime/plan.h"
#include "spec/fields.h"

/* The resources as they have been until now, from the stored config; made empty when there are
 * none. */
static struct spec_resources *known_resources(struct spec *spec, struct arena *arena)
{
    if (spec->linux_ == NULL)
        spec->linux_ = arena_zero(arena, 1, sizeof *spec->linux_);
    if (spec->linux_ != NULL && spec->linux_->resources == NULL)
        spec->linux_->resources = arena_zero(arena, 1, sizeof *spec->linux_->resources);
    return spec->linux_ != NULL ? spec->linux_->resources : NULL;
}

/* What the caller has left out of the memory limits and means all the same.  v2 keeps swap apart
 * from memory, the specification adds them up: a new sum needs the old limit, and a new limit the
 * old sum, from which v2's swap is taken as runc takes it.  Unlimited memory without a word about
 * swap is unlimited swap, and has to be remembered as that: the old sum could not be applied again
 * (by restore). */
static void complete(struct spec_resources *changed, struct spec_memory *memory,
                     const struct spec_resources *known)
{
    if (changed->memory == NULL)
        return;
    *memory = *changed->memory;
    changed->memory = memory;

    bool says_swap = memory->swap.set && memory->swap.value != 0;

    if (says_swap && !memory->limit.set && known->memory != NULL)
        memory->limit = known->memory->limit;
    if (!says_swap && memory->limit.set && memory->limit.value == -1)
        memory->swap = (struct optional_int64){-1, true};
    else if (!says_swap && memory->limit.set && known->memory != NULL && known->memory->swap.set &&
             known->memory->swap.value > 0)
        memory->swap = known->memory->swap;
}

/* Device rules are added to those there are.  Without any, nothing about devices changes (`update`
 * by flags, Docker); nor with rules that say what is so already: containerd's CRI sends its whole
 * list with every limit, and what a wrapper or a hook has allowed beside it stays. */
static int add_devices(struct spec_resources *changed, const struct spec_resources *known,
                       struct cgroup_device_rules *ret, struct arena *arena, struct error *err)
{
    static const struct spec_device_rule_list none = {NULL, 0};

    if (changed->devices.count == 0)
        *ret = (struct cgroup_device_rules){.is_same = true};
    else if (cgroup_device_rules_add(ret, &known->devices, &changed->devices, arena, err) < 0)
        return -err->code;
    changed->devices = ret->is_same ? none : ret->after;
    return 0;
}

static int change_limits(const struct runtime *runtime, struct container *container,
                         const struct spec_resources *resources,
                         const struct cgroup_device_rules *devices, struct arena *arena,
                         struct error *err)
{
    struct cgroup_host host;
    struct cgroup_plan plan;
    struct cgroup cgroup = CGROUP_EMPTY;
    struct cgroup_request request = {
        .id = container->id,
        .cgroups_path = container->record.cgroup.path,
        .resources = resources,
        .manager = CGROUP_MANAGER_CGROUPFS,
        .unprivileged = !caller_is_privileged(),
        .is_update = true,
        .device_rules = devices,
        .has_unit = container->record.cgroup.unit != NULL,
    };

    if (cgroup_host_probe(&host, arena, err) < 0 ||
        cgroup_plan_from_spec(&plan, &host, &request, arena, &runtime->log, err) < 0 ||
        cgroup_open(&cgroup, &container->record.cgroup, err) < 0)
        return -err->code;

    int code = cgroup_update(&cgroup, &plan, resources, &runtime->log, err);

    cgroup_done(&cgroup);
    return code;
}

/* --- all of it
 * ------------------------------------------------------------------------------------------- */

static int change_all(const struct runtime *runtime, struct container *container,
                      const struct spec_resources *resources,
                      const struct cgroup_device_rules *devices, const struct spec_intel_rdt *rdt,
                      struct arena *arena, struct error *err)
{
    struct class_change class;

    if (class_change_apply(container, rdt, &class, arena, &runtime->log, err) < 0)
        return -err->code;
    /* Limits come last, for their own change is all or nothing. */
    if (change_limits(runtime, container, resources, devices, arena, err) == 0)
        return 0;
    class_change_undo(container, &class, arena, &runtime->log);
    return -err->code;
}

/* What later commands start from. */
static int remember(struct spec *spec, const struct spec_resources *changed,
                    const struct spec_intel_rdt *rdt, struct arena *arena, struct error *err)
{
    if (fields_merge(&spec_resources_fields, spec->linux_->resources, changed, arena, err) < 0)
        return -err->code;
    return class_change_remember(spec, rdt, arena, err);
}

static int update_locked(const struct runtime *runtime, struct container *container,
                         const struct spec_resources *resources, const struct spec_intel_rdt *rdt,
                         struct error *err)
{
    autoarena struct arena arena = {NULL};
    struct spec_resources changed = *resources;
    struct cgroup_device_rules devices;
    struct replacement config;
    struct spec_memory memory;
    struct spec *spec;

    if (container_status(container) == CONTAINER_STOPPED)
        return refuse(err, EINVAL, "container not running");
    if (spec_validate_resources(resources, err) < 0 ||
        state_read_config(&container->directory, &arena, &spec, err) < 0)
        return -err->code;

    struct spec_resources *known = known_resources(spec, &arena);

    if (known == NULL)
        return no_memory(err);
    complete(&changed, &memory, known);
    if (add_devices(&changed, known, &devices, &arena, err) < 0)
        return -err->code;
    /* Written before anything is changed: a full disk is found out in time, and a rename takes no
     * room. */
    if (remember(spec, &changed, rdt, &arena, err) < 0 ||
        state_prepare_config(&container->directory, spec, &config, err) < 0)
        return -err->code;
    if (change_all(runtime, container, &changed, &devices, rdt, &arena, err) < 0) {
        replacement_drop(&config);
        return -err->code;
    }
    return replacement_commit(&config, err) < 0
               ? hint(err, "the new limits are in force, and forgotten with the next update")
               : 0;
}

int container_update(const struct runtime *runtime, struct container *container,
                     const struct spec_resources *resources, const struct spec_intel_rdt *rdt,
                     struct error *err)
{
    int64_t begun = timing_begin(&runtime->log);

    if (container_lock(container, err) < 0)
        return -err->code;

    int code = update_locked(runtime, container, resources, rdt, err);

    container_unlock(container);
    timing_end(&runtime->log, "update", "write-limits", begun);
    return code;
}
