/* Device rules of a live cgroup, changed without a moment when they are out of force. */

#include <errno.h>

#include "base/own.h"
#include "cgroups/devices.h"
#include "cgroups/writing.h"

/* Of frozen processes only those in the kernel keep us waiting; in milliseconds. */
enum { FREEZE_PATIENCE = 10000 };

/* v1 starts anew with one default for everything: nobody who runs may meet that. */
static int hold_still(struct device_update *update, struct error *err)
{
    if (cgroup_is_frozen(update->cgroup))
        return 0;
    if (cgroup_freeze(update->cgroup, true, FREEZE_PATIENCE, err) < 0)
        return within(err, "linux.resources.devices: all are set anew, nobody may run meanwhile");
    update->is_frozen = true;
    return 0;
}

static int begin_legacy(struct device_update *update, struct error *err)
{
    const struct cgroup_device_change *change = update->plan->device_change;

    for (size_t i = 0; i < change->write_count; i++) {
        const struct cgroup_write *write = &change->writes[i];

        if (cgroup_write_directory(update->cgroup, update->plan, write) < 0)
            return refuse(err, ENOENT, "%s: the container has no cgroup in the hierarchy of %s",
                          write->field, write->file);
    }
    return change->starts_anew ? hold_still(update, err) : 0;
}

static int begin_program(struct device_update *update, struct error *err)
{
    const struct cgroup_plan *plan = update->plan;
    int cgroup = cgroup_clone_fd(update->cgroup);

    if (cgroup < 0)
        return refuse(err, ENOENT, "linux.resources.devices: the container has no v2 cgroup");
    if (device_program_find(cgroup, &update->from, err) < 0 ||
        device_program_load(plan->device_program, plan->device_program_length, &update->to, err) <
            0)
        return within(err, "linux.resources.devices");
    return 0;
}

int device_update_begin(struct device_update *ret, const struct cgroup *cgroup,
                        const struct cgroup_plan *plan, struct error *err)
{
    ret->cgroup = cgroup;
    ret->plan = plan;
    if (plan->device_change == NULL)
        return 0;
    return plan->device_program != NULL ? begin_program(ret, err) : begin_legacy(ret, err);
}

static int replace_program(const struct device_update *update, struct error *err)
{
    return device_program_replace(cgroup_clone_fd(update->cgroup), update->from, update->to, err) <
                   0
               ? within(err, "linux.resources.devices")
               : 0;
}

int device_update_write(struct device_update *update, struct error *err)
{
    const struct cgroup_device_change *change = update->plan->device_change;

    if (change == NULL)
        return 0;
    if (update->to >= 0)
        return replace_program(update, err);
    for (size_t i = 0; i < change->write_count; i++) {
        if (cgroup_write_file(update->cgroup, update->plan, &change->writes[i], err) < 0)
            return -err->code;
        update->is_written = true;
    }
    return 0;
}

int device_update_undo(struct device_update *update, struct error *err)
{
    const struct cgroup_device_change *change = update->plan->device_change;
    int code = 0;

    /* With a unit systemd has written, whether we have or not. */
    if (change == NULL || !(update->is_written || change->has_unit))
        return 0;
    /* Each by itself, and harmless where there is nothing to undo. */
    for (size_t i = 0; i < change->undo_count; i++) {
        struct error again;

        if (cgroup_write_file(update->cgroup, update->plan, &change->undo[i], &again) == 0)
            continue;
        if (code == 0)
            *err = again;
        code = -err->code;
    }
    return code;
}

int device_update_end(struct device_update *update, struct error *err)
{
    bool is_frozen = update->is_frozen;

    close_fd(&update->from);
    close_fd(&update->to);
    update->is_frozen = false;
    return is_frozen ? cgroup_freeze(update->cgroup, false, FREEZE_PATIENCE, err) : 0;
}
