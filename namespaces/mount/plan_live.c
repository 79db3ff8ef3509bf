#include <errno.h>
#include <string.h>

#include "base/kernel.h"
#include "base/own.h"
#include "base/text.h"
#include "namespaces/mount/live.h"
#include "namespaces/mount/options.h"
#include "namespaces/mount/steps.h"

int live_check_proc(const char *path, struct error *err)
{
    char quoted[1040];

    if (!mount_destination_is_at_or_below(path, "/proc") || mount_destination_may_cover_proc(path))
        return 0;
    return refuse(err, EPERM, "%s: /proc of a live container stays as it is",
                  quotable(quoted, path));
}

size_t live_hidden_count(const struct mount_plan *plan)
{
    return plan->masked_count + plan->readonly_count;
}

struct live_hidden live_hidden_at(const struct mount_plan *plan, size_t index)
{
    if (index < plan->masked_count)
        return (struct live_hidden){plan->masked_paths[index], "linux.maskedPaths", index};
    index -= plan->masked_count;
    return (struct live_hidden){plan->readonly_paths[index], "linux.readonlyPaths", index};
}

int live_check_hidden(const char *path, const struct live_hidden *hidden, const char *hidden_path,
                      struct error *err)
{
    char quoted[1040];

    if (!mount_destination_is_at_or_below(hidden_path, path))
        return 0;
    return refuse(err, EPERM, "%s: %s[%zu] (%s) is protected there, which would be undone",
                  quotable(quoted, path), hidden->field, hidden->index, hidden->path);
}

static int check_names(const struct mount_plan *plan, const char *destination, struct error *err)
{
    if (live_check_proc(destination, err) < 0)
        return -err->code;
    for (size_t i = 0; i < live_hidden_count(plan); i++) {
        const struct live_hidden hidden = live_hidden_at(plan, i);

        if (live_check_hidden(destination, &hidden, hidden.path, err) < 0)
            return -err->code;
    }
    return 0;
}

static int live_new(struct mount_live **ret, const struct mount_plan *plan, size_t count,
                    struct arena *arena, const struct log *log, struct error *err)
{
    struct mount_live *live = arena_zero(arena, 1, sizeof *live);

    if (live == NULL)
        return no_memory(err);
    *live = (struct mount_live){
        .plan = plan,
        .log = log,
        .places = arena_zero(arena, count, sizeof *live->places),
        .count = count,
        .child = MOUNT_CHILD_EMPTY,
        .fds = -1,
    };
    if (live->places == NULL)
        return no_memory(err);
    for (size_t i = 0; i < count; i++)
        live->places[i] = (struct live_place){.index = i, .host_tree = -ENOENT, .tree = -1};
    *ret = live;
    return 0;
}

static const struct {
    unsigned extension;
    unsigned long flag;
    const char *name;
    const char *why;
} of_creation[] = {
    {MOUNT_COPY_SYMLINK,    0,            "copy-symlink", "a link is no mount"          },
    {MOUNT_SOURCE_NOFOLLOW, 0,            "src-nofollow", "it could not be removed"     },
    {0,                     MS_I_VERSION, "iversion",     "mount(2) alone has that flag"},
    {0,                     MS_SILENT,    "silent",       "mount(2) alone has that flag"},
};

/* What the container's own namespace and process would have to be for, or what would not be an
 * addition, or what a running container could turn to its use. */
static int check_kind(const struct planned_mount *mount, struct error *err)
{
    if (mount->kind == MOUNT_KIND_REMOUNT)
        return refuse(err, EINVAL, "options: \"remount\" changes a mount instead of adding one");
    if (!mount_can_make_tree(mount->kind))
        return refuse(err, EINVAL, "type: %s can only be mounted when a container is created",
                      mount->type);
    if (mount->extensions & MOUNT_COPY_UP)
        return refuse(err, EINVAL,
                      "options: \"tmpcopyup\" is for the creation of a container: a live one could "
                      "change what is being copied");
    for (size_t i = 0; i < count_of(of_creation); i++)
        if (mount->extensions & of_creation[i].extension ||
            mount->legacy_flags & of_creation[i].flag)
            return refuse(err, EINVAL, "options: \"%s\" is for the creation of a container: %s",
                          of_creation[i].name, of_creation[i].why);
    return 0;
}

/* The process that mounts is in no container's mount namespace yet. */
static int check_namespace(const struct mount_request *request, struct error *err)
{
    if (request->new_mount_namespace)
        return 0;
    return refuse(err, EINVAL, "the container has no mount namespace of its own");
}

int mount_live_plan_add(struct mount_live **ret, const struct mount_request *request,
                        struct arena *arena, const struct log *log, struct error *err)
{
    struct mount_plan *plan;
    struct mount_live *live;

    if (check_namespace(request, err) < 0 ||
        mount_plan_from_spec(&plan, request, arena, log, err) < 0 ||
        live_new(&live, plan, plan->mount_count, arena, log, err) < 0)
        return -err->code;
    for (size_t i = 0; i < plan->mount_count; i++) {
        const struct planned_mount *mount = &plan->mounts[i];

        if (check_kind(mount, err) < 0)
            return prefix(err, "mounts[%zu].", i);
        if (check_names(plan, mount->destination, err) < 0)
            return within(err, "mounts[%zu].destination", i);
        live->places[i].mount = mount;
        live->places[i].destination = mount->destination;
    }
    *ret = live;
    return 0;
}

/* Of the list only the destinations count, so that a file that was good for adding is good here. */
int mount_live_plan_remove(struct mount_live **ret, const struct mount_request *request,
                           struct arena *arena, const struct log *log, struct error *err)
{
    const struct spec_mounts *mounts = &request->spec->mounts;
    struct spec bare = *request->spec;
    struct mount_request without = *request;
    struct mount_plan *plan;
    struct mount_live *live;

    bare.mounts = (struct spec_mounts){NULL, 0};
    without.spec = &bare;
    if (check_namespace(request, err) < 0 ||
        mount_plan_from_spec(&plan, &without, arena, log, err) < 0 ||
        live_new(&live, plan, mounts->count, arena, log, err) < 0)
        return -err->code;
    for (size_t i = 0; i < mounts->count; i++) {
        const char **destination = &live->places[i].destination;

        if (mount_destination_clean(mounts->items[i].destination, arena, destination, NULL, err) <
                0 ||
            check_names(plan, *destination, err) < 0)
            return within(err, "mounts[%zu].destination", i);
    }
    *ret = live;
    return 0;
}
