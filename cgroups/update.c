#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/own.h"
#include "base/text.h"
#include "cgroups/devices.h"
#include "cgroups/directories.h"
#include "cgroups/systemd.h"
#include "cgroups/writing.h"

/* A file of unusual length does not get rolled back beyond this. */
enum { OLD_MOST = 8192 };

/* One write of an update, and what would undo it. */
struct change {
    const struct cgroup_write *write;
    int directory;           /* index into cgroup->directories */
    const char *file;        /* the one that exists */
    const char *old;         /* what to write to undo it; NULL: not known */
    const char *told;        /* what systemd is told of it; NULL: nothing */
    const char *told_before; /* and to undo that; NULL: the old value */
    /* Of cpu.idle: the weight that goes with 0, and its file; NULL: no such file. */
    const char *weight;
    const char *weight_file;
    bool written;
    bool is_told; /* systemd writes the file, before us: to undo it takes a write of ours */
};

struct update {
    const struct cgroup *cgroup;
    const struct cgroup_plan *plan;
    struct arena *arena;
    struct change *changes;
    size_t count;
    struct device_update devices;
};

/* The line of `text` that begins with the first word of `value`; NULL when none does. */
static const char *line_of_key(const char *text, const char *value)
{
    size_t length = strcspn(value, " ");

    for (const char *line = text; line != NULL; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, value, length) == 0 && line[length] == ' ')
            return line;
    }
    return NULL;
}

/* What is to be written to make `text`, the content of the file now, true again. */
static const char *undo_value(const struct cgroup_write *write, const char *text)
{
    const char *line;

    if (write->reset == NULL && strchr(write->value, ':') == NULL)
        return text;
    line = line_of_key(text, write->value);
    return line != NULL ? line : write->reset;
}

static ssize_t read_effective(int dir, const char *file, char *text, size_t size)
{
    char name[64];

    snprintf(name, sizeof name, "%s.effective", file);
    return read_pseudo_file(dir, name, text, size);
}

/* What cpu.max says when it is to be written. */
static const char *limit_before(const struct update *update, const struct change *change)
{
    for (size_t i = update->count; i > 0; i--) {
        if (strcmp(update->changes[i - 1].write->file, change->write->file) == 0)
            return update->changes[i - 1].told;
    }
    return change->old;
}

static int write_told(struct update *update, struct change *change, struct error *err)
{
    struct cgroup_write *write = arena_zero(update->arena, 1, sizeof *write);

    if (write == NULL)
        return no_memory(err);
    *write = *change->write;
    write->value = change->told;
    write->keeps_first_word = false;
    change->write = write;
    return 0;
}

/* On v1 these are two files, and an update may be of one of them. */
static int complete_v1_limit(struct update *update, struct change *change, struct error *err)
{
    static const char *const files[] = {"cpu.cfs_quota_us", "cpu.cfs_period_us"};
    int dir = update->cgroup->directories[change->directory].fd;
    char now[2][32];
    const char *then[2];

    for (size_t i = 0; i < count_of(files); i++) {
        /* Nor can it be written then, and that will say why. */
        if (read_pseudo_file(dir, files[i], now[i], sizeof now[i]) < 0)
            return 0;
        then[i] = cgroup_planned_value(update->plan, files[i]);
        then[i] = then[i] != NULL ? then[i] : now[i];
    }
    change->told = unit_quota_of_v1(then[0], then[1], update->arena);
    change->told_before = unit_quota_of_v1(now[0], now[1], update->arena);
    return change->told == NULL || change->told_before == NULL ? no_memory(err) : 0;
}

/* cpu.max is a quota and a period, and a write may leave either as it is: systemd, which has a
 * property for each, is told both as they will be; and both are written, for it has written its own
 * by then, rounded.  But without a quota its usual period is as good, and it would come back to
 * it. */
static int complete_limit(struct update *update, struct change *change, struct error *err)
{
    const struct cgroup_write *write = change->write;
    size_t word = strcspn(write->value, " ");
    const char *before;
    size_t first;

    if (update->cgroup->unit != NULL && unit_is_quota_of_v1(write->file))
        return complete_v1_limit(update, change, err);
    change->told = write->value;
    if (update->cgroup->unit == NULL || strcmp(write->file, "cpu.max") != 0 ||
        (write->value[word] != '\0' && !write->keeps_first_word))
        return 0;
    before = limit_before(update, change);
    change->told = NULL;
    /* Nor can the file be written then, and that will say why. */
    if (before == NULL)
        return 0;
    first = strcspn(before, " ");
    change->told = write->keeps_first_word
                       ? arena_print(update->arena, "%.*s%s", (int)first, before,
                                     write->value + word)
                       : arena_print(update->arena, "%s%s", write->value, before + first);
    if (change->told == NULL)
        return no_memory(err);
    return strcmp(write->value, "max") == 0 ? 0 : write_told(update, change, err);
}

static bool is_idle(int dir)
{
    char idle[8];

    return read_pseudo_file(dir, "cpu.idle", idle, sizeof idle) > 0 && strcmp(idle, "1") == 0;
}

/* Of v2 and of v1, with the kernel's default. */
static const struct {
    const char *file, *usual;
} weights[] = {
    {"cpu.weight", "100" },
    {"cpu.shares", "1024"},
};

static bool is_weight(const char *file)
{
    return strcmp(file, weights[0].file) == 0 || strcmp(file, weights[1].file) == 0;
}

/* The kernel forgets the weight of a cgroup that becomes idle: the default one is what it has when
 * it is idle no longer.  What the file says meanwhile depends on the kernel. */
static int remember_weight(struct update *update, struct change *change, int dir, struct error *err)
{
    char weight[16];

    for (size_t i = 0; i < count_of(weights); i++) {
        if (read_pseudo_file(dir, weights[i].file, weight, sizeof weight) < 0)
            continue;
        change->weight_file = weights[i].file;
        change->weight = arena_string(update->arena, is_idle(dir) ? weights[i].usual : weight);
        return change->weight == NULL ? no_memory(err) : 0;
    }
    return 0;
}

/* Has the plan ended the idleness by now? */
static bool is_woken(const struct update *update)
{
    for (size_t i = 0; i < update->count; i++) {
        const struct cgroup_write *write = update->changes[i].write;

        if (strcmp(write->file, "cpu.idle") == 0 && strcmp(write->value, "1") != 0)
            return true;
    }
    return false;
}

/* The kernel refuses it, but a newer systemd, told before, would make the cgroup idle no longer. */
static int check_weight(const struct update *update, const struct change *change, struct error *err)
{
    const struct cgroup_write *write = change->write;

    if (update->cgroup->unit == NULL || !is_weight(write->file) || is_woken(update) ||
        !is_idle(update->cgroup->directories[change->directory].fd))
        return 0;
    return refuse(err, EINVAL, "%s: a cgroup with cpu.idle 1 has no %s", write->field,
                  write->file + strlen("cpu."));
}

static int remember(struct update *update, struct change *change, struct error *err)
{
    const struct cgroup_write *write = change->write;
    char text[OLD_MOST];
    int dir = update->cgroup->directories[change->directory].fd;
    ssize_t length = read_pseudo_file(dir, write->file, text, sizeof text);
    const char *old;

    change->file = write->file;
    if (strcmp(write->file, "cpu.idle") == 0 && remember_weight(update, change, dir, err) < 0)
        return -err->code;
    /* It has no weight that could be set back: it was idle. */
    if (is_weight(write->file) && is_idle(dir)) {
        change->file = "cpu.idle";
        change->old = "1";
        return 0;
    }
    if (length == -ENOENT && write->other_file != NULL) {
        change->file = write->other_file;
        length = read_pseudo_file(dir, change->file, text, sizeof text);
    }
    /* v2's cpuset.cpus is empty until it is set, and the kernel does not let it become so again
     * while somebody is inside (ENOSPC): what has been in effect is the nearest to it. */
    if (length == 0)
        length = read_effective(dir, change->file, text, sizeof text);
    old = length < 0 ? NULL : undo_value(write, text);
    if (old == NULL)
        return 0;
    change->old = arena_copy(update->arena, old, strcspn(old, "\n"));
    return change->old == NULL ? no_memory(err) : 0;
}

static bool means_weight(const struct change *change, const char *idle)
{
    return change->weight != NULL && strcmp(idle, "0") == 0;
}

static int restore(const struct update *update, const struct change *change)
{
    int dir = update->cgroup->directories[change->directory].fd;
    int code = change->old == NULL ? -ENODATA : write_pseudo_file(dir, change->file, change->old);

    return code == 0 && means_weight(change, change->old)
               ? write_pseudo_file(dir, change->weight_file, change->weight)
               : code;
}

/* Latest first; and once more, because some values limit one another. */
static void roll_back(struct update *update, const struct log *log)
{
    for (int round = 0; round < 2; round++) {
        for (size_t i = update->count; i > 0; i--) {
            struct change *change = &update->changes[i - 1];
            bool is_new = change->written || change->is_told;
            int code = is_new ? restore(update, change) : 0;

            if (code == 0)
                change->written = change->is_told = false;
            else if (round == 1)
                log_warning(log, "%s could not be set back: %s", change->write->field,
                            strerror(-code));
        }
    }
}

static int write_changes(struct update *update, struct error *err)
{
    bool again = false;
    int code;

    for (size_t i = 0; i < update->count; i++) {
        struct change *change = &update->changes[i];

        code = cgroup_write_file(update->cgroup, update->plan, change->write, err);
        if (code == -EINVAL && change->write->order_unknown)
            again = true;
        else if (code < 0)
            return code;
        change->written = code == 0;
    }
    for (size_t i = 0; again && i < update->count; i++) {
        struct change *change = &update->changes[i];

        if (change->written)
            continue;
        code = cgroup_write_file(update->cgroup, update->plan, change->write, err);
        if (code < 0)
            return code;
        change->written = true;
    }
    return 0;
}

static int collect(struct update *update, struct error *err)
{
    for (size_t i = 0; i < update->plan->write_count; i++) {
        const struct cgroup_write *write = &update->plan->writes[i];
        struct change *change = &update->changes[update->count];
        int code;

        change->write = write;
        change->directory = cgroup_write_directory(update->cgroup, update->plan, write);
        if (change->directory < 0)
            return refuse(err, ENOENT, "%s: the container has no cgroup in the hierarchy of %s",
                          write->field, write->file);
        code = check_weight(update, change, err);
        if (code == 0)
            code = remember(update, change, err);
        if (code == 0)
            code = complete_limit(update, change, err);
        if (code < 0)
            return code;
        change->is_told = update->cgroup->unit != NULL && change->old != NULL &&
                          unit_has_property(write->file);
        update->count++;
    }
    return 0;
}

/* --- what systemd writes unasked
 * ------------------------------------------------------------------------------------------------
 */

/* Those of cpu go together: with any of them systemd writes all, a quota rounded, and what it was
 * never told as its own default. */
static const char *const cpu_files[] = {
    "cpu.max", "cpu.cfs_period_us", "cpu.cfs_quota_us", "cpu.weight", "cpu.shares",
};

static bool is_of_weight(const char *file)
{
    return is_weight(file) || strcmp(file, "cpu.idle") == 0 || strcmp(file, "cpu.weight.nice") == 0;
}

/* Does the update itself write it, or what stands for it? */
static bool is_changed(const struct update *update, const char *file)
{
    for (size_t i = 0; i < update->count; i++) {
        const char *other = update->changes[i].write->file;

        if (strcmp(other, file) == 0 || (is_of_weight(file) && is_of_weight(other)))
            return true;
    }
    return false;
}

/* The first change that makes systemd write the files of cpu; NULL: none. */
static const struct change *change_of_cpu(const struct update *update)
{
    for (size_t i = 0; i < update->count; i++) {
        const char *file = update->changes[i].write->file;

        if (update->changes[i].is_told && starts_with(file, "cpu."))
            return &update->changes[i];
    }
    return NULL;
}

/* Have `file` written as it is now. */
static int keep_file(struct update *update, const struct change *beside, const char *file,
                     struct error *err)
{
    int dir = update->cgroup->directories[beside->directory].fd;
    struct change *change = &update->changes[update->count];
    struct cgroup_write *write = arena_zero(update->arena, 1, sizeof *write);
    char now[64];

    if (write == NULL)
        return no_memory(err);
    if (is_weight(file) && is_idle(dir))
        file = "cpu.idle";
    if (read_pseudo_file(dir, file, now, sizeof now) < 0)
        return 0;
    write->hierarchy = beside->write->hierarchy;
    write->file = file;
    write->value = arena_string(update->arena, now);
    write->field = "linux.resources.cpu";
    *change = (struct change){
        .write = write,
        .directory = beside->directory,
        .file = file,
        .old = write->value,
        .is_told = true,
    };
    update->count++;
    return write->value == NULL ? no_memory(err) : 0;
}

static int keep_cpu_files(struct update *update, struct error *err)
{
    const struct change *beside = change_of_cpu(update);
    int code = 0;

    for (size_t i = 0; beside != NULL && code == 0 && i < count_of(cpu_files); i++) {
        if (!is_changed(update, cpu_files[i]))
            code = keep_file(update, beside, cpu_files[i], err);
    }
    return code;
}

/* v2 takes a memory.max below what is used and kills for it; v1 refuses by itself. */
static int check_before_update(const struct cgroup *cgroup, const struct spec_resources *resources,
                               struct error *err)
{
    static const char *const files[] = {"memory.current", "memory.usage_in_bytes"};
    const struct spec_memory *memory = resources == NULL ? NULL : resources->memory;

    if (memory == NULL || !memory->check_before_update.value || memory->limit.value <= 0)
        return 0;
    for (size_t i = 0; i < cgroup->count * count_of(files); i++) {
        int dir = cgroup->directories[i / count_of(files)].fd;
        char text[32];
        int64_t used;

        if (dir < 0 || read_pseudo_file(dir, files[i % count_of(files)], text, sizeof text) < 0)
            continue;
        used = strtoll(text, NULL, 10);
        if (used > memory->limit.value)
            return refuse(err, EBUSY,
                          "linux.resources.memory.limit: %" PRId64
                          " is less than what is in use, %" PRId64,
                          memory->limit.value, used);
    }
    return 0;
}

/* To be idle is a weight for systemd, and so is to be idle no longer. */
static int tell_change(struct unit_properties *properties, const struct change *change, bool old,
                       struct arena *arena, struct error *err)
{
    const char *file = old ? change->file : change->write->file;
    const char *before = change->told_before != NULL ? change->told_before : change->old;
    const char *value = old ? before : change->told;

    /* Nor is anything taken back that was not told.  OOMPolicy cannot be changed any more. */
    if (value == NULL || change->told == NULL || strcmp(file, "memory.oom.group") == 0)
        return 0;
    if (means_weight(change, value)) {
        file = change->weight_file;
        value = change->weight;
    }
    return unit_properties_of_write(properties, file, value, change->write->field, arena, err);
}

/* systemd has to know, or would write its own values again one day: the new ones, or the old. */
static int tell_unit(const struct update *update, bool old, bool *ret_unknown, struct error *err)
{
    const struct cgroup_device_change *devices = update->plan->device_change;
    const struct cgroup *cgroup = update->cgroup;
    struct unit_properties properties = {0};
    int code = 0;

    *ret_unknown = false;
    if (cgroup->unit == NULL)
        return 0;
    for (size_t i = 0; code == 0 && i < update->count; i++)
        code = tell_change(&properties, &update->changes[i], old, update->arena, err);
    if (code == 0 && devices != NULL)
        code = unit_properties_of_devices(&properties,
                                          old ? &devices->before : &update->plan->device_rules,
                                          true, update->arena, err);
    return code < 0
               ? code
               : unit_set_properties(cgroup->unit, cgroup->manager, &properties, ret_unknown, err);
}

/* systemd first, for it writes all the files that go together, and rounds. */
static void take_back(struct update *update, const struct log *log)
{
    struct error err;
    bool unknown;

    if (tell_unit(update, true, &unknown, &err) < 0)
        log_warning(log, "%s", err.text);
    if (device_update_undo(&update->devices, &err) < 0)
        log_warning(log, "devices could not be set back: %s", err.text);
    roll_back(update, log);
}

/* Devices are the last to change, and systemd has been told before: of what is allowed by mistake
 * nothing can be taken back that has been opened. */
static int change_all(struct update *update, const struct log *log, struct error *err)
{
    bool unknown;
    int code = tell_unit(update, false, &unknown, err);

    if (code < 0 && !unknown)
        return code;
    /* From here on systemd has, or may have, written what it was told. */
    if (code == 0)
        code = write_changes(update, err);
    if (code == 0)
        code = device_update_write(&update->devices, err);
    if (code < 0)
        take_back(update, log);
    return code;
}

int cgroup_update(const struct cgroup *cgroup, const struct cgroup_plan *plan,
                  const struct spec_resources *resources, const struct log *log, struct error *err)
{
    autoarena struct arena arena = {0};
    struct update update = {
        .cgroup = cgroup,
        .plan = plan,
        .arena = &arena,
        .changes = arena_zero(&arena, plan->write_count + count_of(cpu_files),
                              sizeof(struct change)),
        .devices = DEVICE_UPDATE_EMPTY,
    };
    struct error thawing;
    int code;

    if (update.changes == NULL)
        return no_memory(err);
    code = check_before_update(cgroup, resources, err);
    if (code == 0)
        code = collect(&update, err);
    if (code == 0)
        code = keep_cpu_files(&update, err);
    if (code == 0)
        code = device_update_begin(&update.devices, cgroup, plan, err);
    if (code == 0)
        code = change_all(&update, log, err);
    if (device_update_end(&update.devices, &thawing) < 0)
        log_warning(log, "the container stays paused: %s", thawing.text);
    return code;
}
