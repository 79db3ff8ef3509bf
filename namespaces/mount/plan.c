#include "namespaces/mount/plan.h"
#include "namespaces/mount/options.h"

#include <stdio.h>
#include <string.h>

#include "base/kernel.h"
#include "base/own.h"
#include "base/text.h"

/* rootfsPropagation: what "/" gets while we mount, so that our mounts do not leave the namespace
 * unless asked to.  Absent: changes of the host come in, ours do not go out. */
static const uint64_t propagations[] = {
    [SPEC_PROPAGATION_ABSENT] = MS_SLAVE | MS_REC,
    [SPEC_PROPAGATION_PRIVATE] = MS_PRIVATE,
    [SPEC_PROPAGATION_SHARED] = MS_SHARED,
    [SPEC_PROPAGATION_SLAVE] = MS_SLAVE,
    [SPEC_PROPAGATION_UNBINDABLE] = MS_UNBINDABLE,
    [SPEC_PROPAGATION_RPRIVATE] = MS_PRIVATE | MS_REC,
    [SPEC_PROPAGATION_RSHARED] = MS_SHARED | MS_REC,
    [SPEC_PROPAGATION_RSLAVE] = MS_SLAVE | MS_REC,
    [SPEC_PROPAGATION_RUNBINDABLE] = MS_UNBINDABLE | MS_REC,
};

static void plan_propagation(struct mount_plan *plan, const struct spec *spec)
{
    int asked = spec->linux_ == NULL ? SPEC_PROPAGATION_ABSENT : spec->linux_->rootfs_propagation;

    plan->propagation = propagations[asked];
    /* An unbindable "/" could not be cloned: it is the container's root that shall be unbindable */
    if (plan->propagation & MS_UNBINDABLE)
        plan->propagation = MS_PRIVATE | (plan->propagation & MS_REC);
    if (asked != SPEC_PROPAGATION_ABSENT)
        plan->root_propagation = propagations[asked];
}

static size_t length_without_slashes(const char *path)
{
    size_t length = strlen(path);

    while (length > 1 && path[length - 1] == '/')
        length--;
    return length;
}

static bool ends_in_dots(const char *path, size_t length)
{
    const char *last = path + length;

    while (last > path && last[-1] != '/')
        last--;
    length -= (size_t)(last - path);
    return (length == 2 && memcmp(last, "..", 2) == 0) || (length == 1 && *last == '.');
}

static int plan_root(struct mount_plan *plan, const struct mount_request *request,
                     struct arena *arena, struct error *err)
{
    const struct spec_root *root = request->spec->root;
    char quoted[1040];
    size_t length = 0;

    if (root == NULL)
        return refuse(err, EINVAL, "root: is missing");
    if (root->path == NULL || *root->path == '\0')
        return refuse(err, EINVAL, "root.path: is missing or empty");
    length = length_without_slashes(root->path);
    if (length == 1 && *root->path == '/')
        return refuse(err, EINVAL, "root.path: \"/\" is the host's own root");
    if (ends_in_dots(root->path, length))
        return refuse(err, EINVAL, "root.path: \"%s\" ends in dots", quotable(quoted, root->path));
    if (*root->path == '/')
        plan->rootfs = arena_copy(arena, root->path, length);
    else
        plan->rootfs = arena_print(arena, "%s/%.*s", request->bundle, (int)length, root->path);
    plan->readonly = root->readonly;
    return plan->rootfs == NULL ? no_memory(err) : 0;
}

static int plan_mounts(struct mount_plan *plan, const struct mount_request *request,
                       struct arena *arena, const struct log *log, struct error *err)
{
    size_t count = request->spec->mounts.count;

    plan->mounts = arena_zero(arena, count, sizeof *plan->mounts);
    if (plan->mounts == NULL)
        return no_memory(err);
    for (size_t i = 0; i < count; i++) {
        struct planned_mount *mount = &plan->mounts[i];

        if (mount_plan_one(mount, request, i, arena, log, err) < 0)
            return prefix(err, "mounts[%zu].", i);
        /* The host's own /dev: its nodes are there, and are not ours to change. */
        if (mount->kind == MOUNT_KIND_BIND && strcmp(mount->destination, "/dev") == 0)
            plan->make_devices = false;
    }
    plan->mount_count = count;
    return 0;
}

static int clean_paths(const struct string_list *list, const char *field, struct arena *arena,
                       const char *const **ret, size_t *ret_count, struct error *err)
{
    const char **paths = arena_zero(arena, list->count, sizeof *paths);
    char quoted[1040];
    bool relative = false;

    if (paths == NULL)
        return no_memory(err);
    for (size_t i = 0; i < list->count; i++) {
        int error = mount_destination_clean(list->items[i], arena, &paths[i], &relative, err);

        if (error == 0 && relative)
            error = refuse(err, EINVAL, "\"%s\" is not absolute", quotable(quoted, list->items[i]));
        if (error < 0)
            return within(err, "linux.%s[%zu]", field, i);
    }
    *ret = paths;
    *ret_count = list->count;
    return 0;
}

static int plan_hidden_paths(struct mount_plan *plan, const struct spec *spec, struct arena *arena,
                             struct error *err)
{
    int error;

    if (spec->linux_ == NULL)
        return 0;
    error = clean_paths(&spec->linux_->masked_paths, "maskedPaths", arena, &plan->masked_paths,
                        &plan->masked_count, err);
    if (error < 0)
        return error;
    return clean_paths(&spec->linux_->readonly_paths, "readonlyPaths", arena, &plan->readonly_paths,
                       &plan->readonly_count, err);
}

/* Without a mount namespace of its own, everything mounted would be mounted on the host. */
static int check_namespace(const struct mount_plan *plan, struct error *err)
{
    const char *field = NULL;

    if (plan->new_mount_namespace)
        return 0;
    if (plan->mount_count > 0)
        field = "mounts";
    else if (plan->masked_count > 0)
        field = "linux.maskedPaths";
    else if (plan->readonly_count > 0)
        field = "linux.readonlyPaths";
    else if (plan->readonly)
        field = "root.readonly";
    else if (plan->overlay)
        field = "the overlay root";
    else
        return 0;
    return refuse(err, EINVAL, "%s: needs a mount namespace in linux.namespaces", field);
}

int mount_plan_from_spec(struct mount_plan **ret, const struct mount_request *request,
                         struct arena *arena, const struct log *log, struct error *err)
{
    struct mount_plan *plan = arena_zero(arena, 1, sizeof *plan);
    int error;

    if (plan == NULL)
        return no_memory(err);
    plan->new_mount_namespace = request->new_mount_namespace;
    plan->new_user_namespace = request->new_user_namespace;
    plan->new_network_namespace = request->new_network_namespace;
    plan->new_pid_namespace = request->new_pid_namespace;
    plan->new_ipc_namespace = request->new_ipc_namespace;
    plan->new_cgroup_namespace = request->new_cgroup_namespace;
    plan->no_pivot = request->no_pivot;
    plan->overlay = request->overlay;
    plan->overlay_directory = request->overlay_directory;
    plan->cgroups = request->cgroups;
    plan->cgroup_count = request->cgroup_count;
    plan->make_devices = request->new_mount_namespace;
    plan_propagation(plan, request->spec);
    if ((error = plan_root(plan, request, arena, err)) < 0 ||
        (error = plan_mounts(plan, request, arena, log, err)) < 0 ||
        (error = mount_plan_devices(plan, request->spec, arena, err)) < 0 ||
        (error = plan_hidden_paths(plan, request->spec, arena, err)) < 0 ||
        (error = check_namespace(plan, err)) < 0)
        return error;
    *ret = plan;
    return 0;
}

bool mount_plan_needs_devices(const struct mount_plan *plan)
{
    for (size_t i = 0; i < plan->device_count; i++) {
        if (plan->devices[i].is_listed)
            return true;
    }
    for (size_t i = 0; i < plan->mount_count; i++) {
        const struct planned_mount *mount = &plan->mounts[i];

        if (mount->kind == MOUNT_KIND_FILESYSTEM && *mount->source == '/')
            return true;
    }
    return false;
}

bool mount_plan_copies_up(const struct mount_plan *plan)
{
    for (size_t i = 0; i < plan->mount_count; i++) {
        if ((plan->mounts[i].extensions & MOUNT_COPY_UP) != 0)
            return true;
    }
    return false;
}

const char *mount_plan_rootfs(const struct mount_plan *plan)
{
    return plan->rootfs;
}

unsigned mount_source_of_mount(const struct planned_mount *mount)
{
    return MOUNT_SOURCE_ROOT + 1 + (unsigned)mount->index;
}

unsigned mount_source_of_device(const struct mount_plan *plan, size_t device)
{
    return MOUNT_SOURCE_ROOT + 1 + (unsigned)(plan->mount_count + device);
}
