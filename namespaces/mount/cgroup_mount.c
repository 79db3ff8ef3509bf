#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/kernel.h"
#include "base/own.h"
#include "namespaces/mount/steps.h"
#include "namespaces/mount/tree.h"

/* A directory of the host.  That of v2 stands for a new mount, which would be nobody's peer. */
static int clone_directory(const struct planned_mount *mount,
                           const struct mount_cgroup_source *source, struct error *err)
{
    const struct mount_attributes attributes = {.set = mount_attributes_of_top(mount).set &
                                                       ~(uint64_t)MOUNT_ATTR__ATIME};
    autoclose int tree = tree_clone(AT_FDCWD, source->directory, false, err);
    int error = tree < 0 ? tree : tree_set(tree, false, &attributes, err);

    if (error == 0 && source->is_v2)
        error = tree_set_propagation(tree, MS_PRIVATE, err);
    return error < 0 ? error : take_fd(&tree);
}

/* Options of v1: "cpu,cpuacct", "none,name=systemd". */
static int set_options(int context, const char *options, struct error *err)
{
    char part[128];

    for (const char *at = options; *at != '\0';) {
        size_t length = strcspn(at, ",");
        struct mount_datum datum = {.key = part};
        char *equals;
        int error;

        snprintf(part, sizeof part, "%.*s", (int)length, at);
        equals = strchr(part, '=');
        if (equals != NULL) {
            *equals = '\0';
            datum.value = equals + 1;
        }
        error = filesystem_set(context, &datum, err);
        if (error < 0)
            return error;
        at += length + (at[length] == ',');
    }
    return 0;
}

/* In a new cgroup namespace the container's cgroup is the root of what is mounted. */
static int make_hierarchy(const struct planned_mount *mount,
                          const struct mount_cgroup_source *source, struct error *err)
{
    static const struct mount_datum name = {.key = "source", .value = "cgroup"};
    const char *type = source->is_v2 ? "cgroup2" : "cgroup";
    autoclose int context = filesystem_open(type, err);
    int error;

    if (context < 0)
        return context;
    error = filesystem_set(context, &name, err);
    if (error == 0 && source->options != NULL)
        error = set_options(context, source->options, err);
    return error < 0 ? error
                     : filesystem_finish(context, type, mount_attributes_of_top(mount).set, err);
}

/* A new mount outside a new cgroup namespace would show no more than what is there to be cloned
 * (and waits several milliseconds for the kernel). */
static int open_hierarchy(const struct mount_step *step, const struct mount_cgroup_source *source,
                          struct error *err)
{
    struct error refused;
    int tree = -EPERM;

    if (step->plan->new_cgroup_namespace)
        tree = make_hierarchy(step->mount, source, &refused);
    return tree >= 0 ? tree : clone_directory(step->mount, source, err);
}

static int mount_hierarchy(const struct mount_step *step, int tmpfs,
                           const struct mount_cgroup_source *source, struct error *err)
{
    autoclose int target = -1;
    autoclose int tree = -1;

    if (mkdirat(tmpfs, source->name, 0755) < 0)
        return fail(err, errno, "make the directory");
    target = openat(tmpfs, source->name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (target < 0)
        return fail(err, errno, "open the directory");
    tree = open_hierarchy(step, source, err);
    if (tree < 0 || mount_set_propagation(tree, step->mount, err) < 0)
        return -err->code;
    return tree_attach(tree, target, err);
}

/* "cpu,cpuacct" is also found as cpu and as cpuacct. */
static int link_controllers(int tmpfs, const char *name, struct error *err)
{
    char part[64];

    if (strchr(name, ',') == NULL)
        return 0;
    for (const char *at = name; *at != '\0';) {
        size_t length = strcspn(at, ",");

        snprintf(part, sizeof part, "%.*s", (int)length, at);
        if (symlinkat(name, tmpfs, part) < 0 && errno != EEXIST)
            return fail(err, errno, "link %s to it", part);
        at += length + (at[length] == ',');
    }
    return 0;
}

static int make_top(const struct planned_mount *mount, struct error *err)
{
    static const struct mount_datum mode = {.key = "mode", .value = "755"};
    const struct filesystem tmpfs = {
        .type = "tmpfs",
        .source = "tmpfs",
        .data = &mode,
        .data_count = 1,
        .attributes = mount_attributes_of_top(mount).set & ~(uint64_t)MOUNT_ATTR_RDONLY,
    };

    return filesystem_make(&tmpfs, err);
}

/* v1 and hybrid: a directory for each hierarchy, on a tmpfs that is made read-only in the end. */
static int mount_hierarchies(const struct mount_step *step, const struct mount_target *target,
                             struct error *err)
{
    const struct mount_plan *plan = step->plan;
    const struct mount_attributes late = {.set = mount_attributes_of_top(step->mount).set &
                                                 MOUNT_ATTR_RDONLY};
    autoclose int tmpfs = make_top(step->mount, err);
    int error = tmpfs < 0 ? tmpfs : mount_place(step, tmpfs, target, err);

    for (size_t i = 0; error == 0 && i < plan->cgroup_count; i++) {
        const struct mount_cgroup_source *source = &plan->cgroups[i];

        error = mount_hierarchy(step, tmpfs, source, err);
        if (error == 0)
            error = link_controllers(tmpfs, source->name, err);
        if (error < 0)
            within(err, "%s", source->name);
    }
    return error < 0 ? error : tree_set(tmpfs, false, &late, err);
}

int mount_cgroup(const struct mount_step *step, struct error *err)
{
    const struct mount_plan *plan = step->plan;
    autotarget target = MOUNT_TARGET_EMPTY;
    autoclose int tree = -1;

    if (plan->cgroup_count == 0) {
        const struct log *log = step->helper == NULL ? NULL : step->helper->log;

        if (log_is_strict(log))
            return refuse(err, ENOENT, "the container has no cgroup");
        log_warning(log, "mounts[%zu] %s: left out: the container has no cgroup",
                    step->mount->index, step->mount->destination);
        return 0;
    }
    if (mount_open_target(step, true, &target, err) < 0)
        return -err->code;
    if (plan->cgroup_count > 1 || *plan->cgroups[0].name != '\0')
        return mount_hierarchies(step, &target, err);
    tree = open_hierarchy(step, &plan->cgroups[0], err);
    return tree < 0 ? tree : mount_place(step, tree, &target, err);
}
