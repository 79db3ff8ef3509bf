#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/own.h"
#include "namespaces/mount/plan.h"

enum {
    MOST_MAJOR = 0xfff, /* twelve and twenty bits: MKDEV in the kernel */
    MOST_MINOR = 0xfffff
};

/* config-linux.md "Default Devices".  console and ptmx are links or mounts, made elsewhere. */
static const struct {
    const char *path;
    unsigned major;
    unsigned minor;
} defaults[] = {
    {"/dev/null",    1, 3},
    {"/dev/zero",    1, 5},
    {"/dev/full",    1, 7},
    {"/dev/random",  1, 8},
    {"/dev/urandom", 1, 9},
    {"/dev/tty",     5, 0},
};

static const mode_t types[] = {
    [SPEC_DEVICE_CHARACTER] = S_IFCHR,
    [SPEC_DEVICE_BLOCK] = S_IFBLK,
    [SPEC_DEVICE_FIFO] = S_IFIFO,
};

static int number(const struct optional_int64 *from, const char *field, int64_t most,
                  struct error *err)
{
    if (!from->set)
        return refuse(err, EINVAL, "%s: is missing", field);
    if (from->value < 0 || from->value > most)
        return refuse(err, ERANGE, "%s: %lld is out of range (0 to %lld)", field,
                      (long long)from->value, (long long)most);
    return 0;
}

static int plan_owner(const struct optional_uint64 *from, const char *field, unsigned *ret,
                      struct error *err)
{
    if (from->set && from->value >= UINT32_MAX)
        return refuse(err, ERANGE, "%s: %llu is out of range (0 to 4294967294)", field,
                      (unsigned long long)from->value);
    *ret = from->set ? (unsigned)from->value : 0;
    return 0;
}

/* Permissions, with or without the type in front: engines that copy st_mode send it along. */
static bool is_mode_of(mode_t type, uint64_t mode)
{
    uint64_t format = mode & S_IFMT;

    return mode <= (S_IFMT | 07777) && (format == 0 || format == type);
}

static int plan_device(struct planned_device *ret, const struct spec_device *from,
                       struct arena *arena, struct error *err)
{
    bool relative = false;
    int error;

    if (from->type > SPEC_DEVICE_FIFO)
        return refuse(err, EINVAL, "type: \"a\" is for cgroup rules only");
    error = mount_destination_clean(from->path, arena, &ret->path, &relative, err);
    if (error == 0 && relative)
        error = refuse(err, EINVAL, "is not absolute");
    if (error < 0)
        return within(err, "path");
    if (from->type != SPEC_DEVICE_FIFO &&
        ((error = number(&from->major, "major", MOST_MAJOR, err)) < 0 ||
         (error = number(&from->minor, "minor", MOST_MINOR, err)) < 0))
        return error;
    if (from->file_mode.set && !is_mode_of(types[from->type], from->file_mode.value))
        return refuse(err, ERANGE, "fileMode: 0%llo has more than permission bits",
                      (unsigned long long)from->file_mode.value);
    if ((error = plan_owner(&from->uid, "uid", &ret->uid, err)) < 0 ||
        (error = plan_owner(&from->gid, "gid", &ret->gid, err)) < 0)
        return error;
    ret->mode = types[from->type] |
                (from->file_mode.set ? (mode_t)from->file_mode.value & ~(mode_t)S_IFMT : 0666);
    if (from->type != SPEC_DEVICE_FIFO)
        ret->device = makedev((unsigned)from->major.value, (unsigned)from->minor.value);
    return 0;
}

/* The topmost mount at the device's place or above.  A tmpfs above it is empty, or has a copy of
 * what the image has there. */
static const struct planned_mount *find_mount(const struct mount_plan *plan, const char *path)
{
    const struct planned_mount *found = NULL;

    for (size_t i = 0; i < plan->mount_count; i++)
        if (plan->mounts[i].kind != MOUNT_KIND_REMOUNT &&
            mount_destination_is_at_or_below(path, plan->mounts[i].destination))
            found = &plan->mounts[i];
    if (found != NULL && found->kind == MOUNT_KIND_TMPFS && strcmp(found->destination, path) != 0)
        return NULL;
    return found;
}

/* Of two different ones, one would not be there. */
static int refuse_other_of_same_path(const struct mount_plan *plan, size_t index, struct error *err)
{
    const struct planned_device *device = &plan->devices[index];

    for (size_t i = 0; i < index; i++) {
        const struct planned_device *other = &plan->devices[i];

        if (strcmp(other->path, device->path) == 0 &&
            (other->device != device->device || (other->mode & S_IFMT) != (device->mode & S_IFMT)))
            return refuse(err, EINVAL, "path: %s is that of another device already, %s",
                          device->path, other->field);
    }
    return 0;
}

static bool is_planned(const struct mount_plan *plan, const char *path)
{
    for (size_t i = 0; i < plan->device_count; i++)
        if (strcmp(plan->devices[i].path, path) == 0)
            return true;
    return false;
}

static void plan_defaults(struct mount_plan *plan)
{
    for (size_t i = 0; i < count_of(defaults); i++)
        if (!is_planned(plan, defaults[i].path))
            plan->devices[plan->device_count++] = (struct planned_device){
                .path = defaults[i].path,
                .field = "default device",
                .mount = find_mount(plan, defaults[i].path),
                .mode = S_IFCHR | 0666,
                .device = makedev(defaults[i].major, defaults[i].minor),
            };
}

int mount_plan_devices(struct mount_plan *plan, const struct spec *spec, struct arena *arena,
                       struct error *err)
{
    size_t listed = spec->linux_ == NULL ? 0 : spec->linux_->devices.count;

    plan->devices = arena_zero(arena, listed + count_of(defaults), sizeof *plan->devices);
    if (plan->devices == NULL)
        return no_memory(err);
    for (size_t i = 0; i < listed; i++) {
        struct planned_device *device = &plan->devices[i];

        if (plan_device(device, &spec->linux_->devices.items[i], arena, err) < 0)
            return prefix(err, "linux.devices[%zu].", i);
        device->is_listed = true;
        device->mount = find_mount(plan, device->path);
        device->field = arena_print(arena, "linux.devices[%zu]", i);
        if (device->field == NULL)
            return no_memory(err);
        if (plan->make_devices && refuse_other_of_same_path(plan, i, err) < 0)
            return prefix(err, "linux.devices[%zu].", i);
        plan->device_count++;
    }
    plan_defaults(plan);
    return 0;
}
