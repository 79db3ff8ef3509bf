#include <errno.h>

#include "cgroups/cgroup.h"
#include "runtime/handle.h"
#include "runtime/plan.h"
#include "runtime/schemata.h"
#include "runtime/timing.h"
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

static int change_limits(const struct runtime *runtime, struct container *container,
                         const struct spec_resources *resources, struct arena *arena,
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
    };

    if (cgroup_host_probe(&host, arena, err) < 0 ||
        cgroup_plan_from_spec(&plan, &host, &request, arena, &runtime->log, err) < 0 ||
        cgroup_open(&cgroup, &container->record.cgroup, err) < 0)
        return -err->code;

    int code = cgroup_update(&cgroup, &plan, resources, &runtime->log, err);

    cgroup_done(&cgroup);
    return code;
}

/* --- cache and bandwidth
 * ---------------------------------------------------------------------------------- */

/* What has been done to the class of service, for the way back. */
struct class_change {
    const char *old_schemata; /* of the class that there was */
    bool entered;             /* a class that there was not */
};

static int write_class(void *context, struct error *err)
{
    return container_write_record(context, err);
}

/* A class of the container's own, and all its processes into it. */
static int enter_class(struct container *container, const struct spec_intel_rdt *rdt,
                       struct arena *arena, struct error *err)
{
    const struct resctrl_intent intent = {write_class, container};
    const char *mount_point;
    struct resctrl_plan plan;
    size_t count;
    pid_t *pids;

    if (resctrl_find("/proc/self/mountinfo", &mount_point, arena, err) < 0 ||
        resctrl_plan_from_spec(&plan, rdt, container->id, mount_point, arena, err) < 0 ||
        container_processes(container, arena, &pids, &count, err) < 0)
        return -err->code;
    container->record.resctrl = plan.record;
    if (resctrl_enter(&plan, &container->record.resctrl, pids, count, &intent, err) < 0) {
        container->record.resctrl = (struct resctrl_record){0};
        return -err->code;
    }
    return 0;
}

static int change_class(struct container *container, const struct spec_intel_rdt *rdt,
                        struct class_change *change, struct arena *arena, struct error *err)
{
    const struct resctrl_record *record = &container->record.resctrl;
    const char *schemata;

    *change = (struct class_change){0};
    if (rdt == NULL)
        return 0;
    if (spec_validate_intel_rdt(rdt, err) < 0 || schemata_from_spec(rdt, &schemata, arena, err) < 0)
        return -err->code;
    if (record->mount_point == NULL) {
        change->entered = enter_class(container, rdt, arena, err) == 0;
        return change->entered ? 0 : -err->code;
    }
    if (*record->class_name == '\0')
        return refuse(err, EINVAL,
                      "the container is in the default class of service, which is everybody's");
    return schemata != NULL ? resctrl_change(record, schemata, &change->old_schemata, arena, err)
                            : 0;
}

static void undo_class(struct container *container, const struct class_change *change,
                       struct arena *arena, const struct log *log)
{
    struct resctrl_record *record = &container->record.resctrl;
    const char *ignored;
    struct error err;
    int code = 0;

    if (change->entered)
        code = resctrl_undo(record, &err);
    else if (change->old_schemata != NULL)
        code = resctrl_change(record, change->old_schemata, &ignored, arena, &err);
    if (code == 0 && change->entered) {
        *record = (struct resctrl_record){0};
        code = container_write_record(container, &err);
    }
    if (code < 0)
        log_warning(log, "undo: %s", err.text);
}

/* What is known of the class from now on; its name stays. */
static int remember_class(struct spec *spec, const struct spec_intel_rdt *rdt, struct arena *arena,
                          struct error *err)
{
    struct spec_intel_rdt *known = spec->linux_->intel_rdt;

    if (rdt == NULL)
        return 0;
    if (known == NULL)
        known = spec->linux_->intel_rdt = arena_zero(arena, 1, sizeof *known);
    if (known == NULL)
        return no_memory(err);
    if (rdt->l3_cache_schema != NULL)
        known->l3_cache_schema = rdt->l3_cache_schema;
    if (rdt->mem_bw_schema != NULL)
        known->mem_bw_schema = rdt->mem_bw_schema;
    return 0;
}

/* --- all of it
 * ------------------------------------------------------------------------------------------- */

static int change_all(const struct runtime *runtime, struct container *container,
                      const struct spec_resources *resources, const struct spec_intel_rdt *rdt,
                      struct arena *arena, struct error *err)
{
    struct class_change class;

    if (change_class(container, rdt, &class, arena, err) < 0)
        return -err->code;
    /* Limits come last, for their own change is all or nothing. */
    if ((!class.entered || container_write_record(container, err) == 0) &&
        change_limits(runtime, container, resources, arena, err) == 0)
        return 0;
    undo_class(container, &class, arena, &runtime->log);
    return -err->code;
}

/* What later commands start from. */
static int remember(struct spec *spec, const struct spec_resources *changed,
                    const struct spec_intel_rdt *rdt, struct arena *arena, struct error *err)
{
    struct spec_resources remembered = *changed;

    /* Devices are not touched by an update (yet). */
    remembered.devices.items = NULL;
    if (fields_merge(&spec_resources_fields, spec->linux_->resources, &remembered, arena, err) < 0)
        return -err->code;
    return remember_class(spec, rdt, arena, err);
}

static int update_locked(const struct runtime *runtime, struct container *container,
                         const struct spec_resources *resources, const struct spec_intel_rdt *rdt,
                         struct error *err)
{
    autoarena struct arena arena = {NULL};
    struct spec_resources changed = *resources;
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
    /* Written before anything is changed: a full disk is found out in time, and a rename takes no
     * room. */
    if (remember(spec, &changed, rdt, &arena, err) < 0 ||
        state_prepare_config(&container->directory, spec, &config, err) < 0)
        return -err->code;
    if (change_all(runtime, container, &changed, rdt, &arena, err) < 0) {
        replacement_drop(&config);
        return -err->code;
    }
    return replacement_commit(&config, err);
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
