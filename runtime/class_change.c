#include "runtime/class_change.h"

#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "runtime/resctrl.h"
#include "runtime/schemata.h"

static int write_record(void *context, struct error *err)
{
    return container_write_record(context, err);
}

static int list_processes(void *context, struct arena *arena, pid_t **ret, size_t *ret_count,
                          struct error *err)
{
    return container_processes(context, arena, ret, ret_count, err);
}

static void forget_class(struct container *container, const struct log *log)
{
    struct error err;

    container->record.resctrl = (struct resctrl_record){0};
    if (container_write_record(container, &err) < 0)
        log_warning(log, "undo: %s", err.text);
}

/* Back to where they were before there was a class: as far as anybody can know, the default one. */
static void leave_class(struct container *container, const struct log *log)
{
    const struct resctrl_members members = {list_processes, container};
    struct resctrl_record *record = &container->record.resctrl;
    struct resctrl_record home = {.mount_point = record->mount_point, .class_name = ""};
    struct error err;

    if ((record->made ? resctrl_undo(record, &err) : resctrl_join(&home, &members, &err)) == 0)
        forget_class(container, log);
    else
        log_warning(log, "undo: %s", err.text); /* delete will find it in the record */
}

/* Strings of the record live as long as the handle. */
static int enter_class(struct container *container, const struct spec_intel_rdt *rdt,
                       const struct log *log, struct error *err)
{
    const struct resctrl_intent intent = {write_record, container};
    const struct resctrl_members members = {list_processes, container};
    struct resctrl_record *record = &container->record.resctrl;
    const char *mount_point;
    struct resctrl_plan plan;

    if (resctrl_find("/proc/self/mountinfo", &mount_point, &container->arena, err) < 0 ||
        resctrl_plan_from_spec(&plan, rdt, container->id, mount_point, &container->arena, err) < 0)
        return -err->code;
    *record = plan.record;
    if (resctrl_enter(&plan, record, &members, &intent, err) < 0) {
        forget_class(container, log);
        return -err->code;
    }
    if (container_write_record(container, err) < 0) {
        leave_class(container, log);
        return -err->code;
    }
    return 0;
}

int class_change_apply(struct container *container, const struct spec_intel_rdt *rdt,
                       struct class_change *ret, struct arena *arena, const struct log *log,
                       struct error *err)
{
    const struct resctrl_record *record = &container->record.resctrl;
    const char *schemata;

    *ret = (struct class_change){0};
    if (rdt == NULL)
        return 0;
    if (spec_validate_intel_rdt(rdt, err) < 0 || schemata_from_spec(rdt, &schemata, arena, err) < 0)
        return -err->code;
    if (record->mount_point == NULL) {
        ret->entered = enter_class(container, rdt, log, err) == 0;
        return ret->entered ? 0 : -err->code;
    }
    if (*record->class_name == '\0')
        return refuse(err, EINVAL,
                      "the container is in the default class of service, which is everybody's");
    return schemata != NULL ? resctrl_change(record, schemata, &ret->old_schemata, arena, err) : 0;
}

void class_change_undo(struct container *container, const struct class_change *change,
                       struct arena *arena, const struct log *log)
{
    const char *ignored;
    struct error err;

    if (change->entered)
        leave_class(container, log);
    else if (change->old_schemata != NULL &&
             resctrl_change(&container->record.resctrl, change->old_schemata, &ignored, arena,
                            &err) < 0)
        log_warning(log, "undo: %s", err.text);
}

/* --- the stored config
 * ------------------------------------------------------------------------------------- */

/* `schemata` has the last word, so what it says of that resource must go. */
static void drop_lines(struct string_list *schemata, const char *resource)
{
    size_t kept = 0;

    for (size_t i = 0; i < schemata->count; i++) {
        if (!starts_with(schemata->items[i], resource))
            schemata->items[kept++] = schemata->items[i];
    }
    schemata->count = kept;
}

int class_change_remember(struct spec *spec, const struct spec_intel_rdt *rdt, struct arena *arena,
                          struct error *err)
{
    struct spec_intel_rdt *known = spec->linux_->intel_rdt;

    if (rdt == NULL)
        return 0;
    if (known == NULL)
        known = spec->linux_->intel_rdt = arena_zero(arena, 1, sizeof *known);
    if (known == NULL)
        return no_memory(err);
    if (rdt->l3_cache_schema != NULL) {
        known->l3_cache_schema = rdt->l3_cache_schema;
        drop_lines(&known->schemata, "L3:");
    }
    if (rdt->mem_bw_schema != NULL) {
        known->mem_bw_schema = rdt->mem_bw_schema;
        drop_lines(&known->schemata, "MB:");
    }
    return 0;
}
