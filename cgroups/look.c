/* What this host cannot give, found by looking: for `check`, which makes no cgroup. */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/own.h"
#include "cgroups/controllers.h"
#include "cgroups/directories.h"
#include "cgroups/systemd.h"

/* Somebody waits for the answer, and systemd may be busy. */
enum { LOOK_DEADLINE_MS = 5000 };

/* --- controllers ------------------------------------------------------------------------------ */

struct attempt {
    const struct cgroup_host *host;
    enum cgroup_manager manager;
    struct arena *arena;
    const struct cgroup_told *told;
};

static void begin_attempt(const struct attempt *attempt, struct cgroup_plan *plan,
                          struct cgroup_planner *planner)
{
    *plan = (struct cgroup_plan){.host = attempt->host, .manager = attempt->manager};
    *planner = (struct cgroup_planner){.plan = plan, .arena = attempt->arena};
}

static bool try_controller(const struct attempt *attempt,
                           const struct cgroup_controller *controller,
                           const struct spec_resources *resources)
{
    struct cgroup_planner planner;
    struct cgroup_plan plan;
    struct error err;

    begin_attempt(attempt, &plan, &planner);
    if (controller->plan(&planner, controller, resources, &err) >= 0)
        return true;
    attempt->told->missing(attempt->told->context, &err);
    return false;
}

/* The kernel knows limits for adapters that are there alone. */
static void look_for_adapters(const struct spec_resources *resources,
                              const struct cgroup_told *told)
{
    for (size_t i = 0; i < resources->rdma.count; i++) {
        const char *name = resources->rdma.items[i].device;
        char path[sizeof "/sys/class/infiniband/" + NAME_MAX];
        struct error err;

        /* A name of sysfs, not a path in it. */
        snprintf(path, sizeof path, "/sys/class/infiniband/%s", name);
        if (strchr(name, '/') == NULL && access(path, F_OK) == 0)
            continue;
        refuse(&err, ENODEV, "linux.resources.rdma.%s: this host has no RDMA adapter of that name",
               name);
        told->missing(told->context, &err);
    }
}

/* Each of them alone. */
static void try_unified(const struct attempt *attempt, const struct spec_resources *resources)
{
    for (size_t i = 0; i < resources->unified.count; i++) {
        const struct spec_resources one = {
            .unified = {&resources->unified.items[i], 1}
        };
        struct cgroup_planner planner;
        struct cgroup_plan plan;
        struct error err;

        begin_attempt(attempt, &plan, &planner);
        if (cgroup_plan_unified(&planner, &one, &err) < 0)
            attempt->told->missing(attempt->told->context, &err);
    }
}

void cgroup_look_for_controllers(const struct cgroup_plan *plan,
                                 const struct spec_resources *resources, struct arena *arena,
                                 const struct cgroup_told *told)
{
    const struct attempt attempt = {plan->host, plan->manager, arena, told};

    for (size_t i = 0; i < cgroup_controller_count; i++) {
        if (try_controller(&attempt, cgroup_controllers[i], resources) &&
            cgroup_controllers[i] == &cgroup_rdma)
            look_for_adapters(resources, told);
    }
    try_unified(&attempt, resources);
}

/* --- directories ------------------------------------------------------------------------------ */

/* Cut `path` to what of it is there, at the least the mount point. */
static void cut_to_existing(char *path, const char *mount_point)
{
    while (strlen(path) > strlen(mount_point) && access(path, F_OK) < 0) {
        char *slash = strrchr(path, '/');

        if (slash == NULL)
            return;
        *slash = '\0';
    }
}

/* Some cgroup below the root, for the root lacks most files. */
static bool find_example(const struct cgroup_hierarchy *hierarchy, char path[static PATH_MAX])
{
    DIR *directory;
    const struct dirent *entry;
    bool found = false;

    if (strcmp(path, hierarchy->mount_point) != 0)
        return true;
    directory = opendir(path);
    if (directory == NULL)
        return false;
    while (!found && (entry = readdir(directory)) != NULL)
        found = entry->d_type == DT_DIR && entry->d_name[0] != '.' &&
                snprintf(path, PATH_MAX, "%s/%s", hierarchy->mount_point, entry->d_name) < PATH_MAX;
    closedir(directory);
    return found;
}

/* In v2 a cgroup shows the files of the controllers that the one above passes on. */
static bool should_show(int example, const struct cgroup_hierarchy *hierarchy, const char *file)
{
    char controllers[512];
    char name[NAME_MAX + 1];

    if (!hierarchy->is_v2)
        return true;
    snprintf(name, sizeof name, "%.*s", (int)strcspn(file, "."), file);
    return read_pseudo_file(example, "cgroup.controllers", controllers, sizeof controllers) > 0 &&
           cgroup_list_has(controllers, name, ' ');
}

static bool is_there(int example, const char *file)
{
    return file != NULL && faccessat(example, file, F_OK, 0) == 0;
}

static void look_for_files(const struct cgroup_plan *plan, size_t index, const char *at,
                           const struct cgroup_told *told)
{
    const struct cgroup_hierarchy *hierarchy = &plan->host->hierarchies[index];
    char path[PATH_MAX];
    struct error err;

    snprintf(path, sizeof path, "%s", at);
    if (!find_example(hierarchy, path))
        return;

    autoclose int example = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

    for (size_t i = 0; example >= 0 && i < plan->write_count; i++) {
        const struct cgroup_write *write = &plan->writes[i];

        if (write->hierarchy != index || write->may_be_missing || is_there(example, write->file) ||
            is_there(example, write->other_file) || !should_show(example, hierarchy, write->file))
            continue;
        refuse(&err, EOPNOTSUPP, "%s: this kernel has no %s", write->field, write->file);
        told->missing(told->context, &err);
    }
}

/* A container of an ordinary user goes without the cgroups that nothing asks for. */
static void look_for_rights(const struct cgroup_plan *plan, size_t index, const char *at,
                            const struct cgroup_told *told)
{
    struct error err;

    if (!cgroup_is_required(plan, index) || faccessat(AT_FDCWD, at, W_OK, AT_EACCESS) == 0)
        return;
    fail(&err, errno, "linux.cgroupsPath: %s is needed, and cannot be made in %s",
         plan->directories[index], at);
    told->missing(told->context, &err);
}

void cgroup_look_for_directories(const struct cgroup_plan *plan, const struct cgroup_told *told)
{
    for (size_t i = 0; i < plan->host->count; i++) {
        char at[PATH_MAX];

        if (plan->directories[i] == NULL)
            continue;
        snprintf(at, sizeof at, "%s", plan->directories[i]);
        cut_to_existing(at, plan->host->hierarchies[i].mount_point);
        /* With systemd it is systemd that makes them. */
        if (plan->unit == NULL)
            look_for_rights(plan, i, at, told);
        look_for_files(plan, i, at, told);
    }
}

void cgroup_look_for_systemd(const struct cgroup_plan *plan, const struct cgroup_told *told)
{
    struct bus *bus = NULL;
    struct error err;

    if (plan->unit == NULL)
        return;
    if (bus_open(plan->unit->manager, LOOK_DEADLINE_MS, &bus, &err) < 0) {
        within(&err, "linux.cgroupsPath");
        told->missing(told->context, &err);
    }
    bus_close(bus);
}
