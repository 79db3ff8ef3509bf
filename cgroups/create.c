#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/own.h"
#include "base/text.h"
#include "cgroups/controllers.h"
#include "cgroups/directories.h"
#include "cgroups/path.h"
#include "cgroups/systemd.h"

bool cgroup_is_required(const struct cgroup_plan *plan, size_t index)
{
    if (plan->is_required)
        return true;
    for (size_t i = 0; i < plan->write_count; i++) {
        const struct cgroup_write *write = &plan->writes[i];

        if (write->hierarchy == index && !write->may_be_missing &&
            (plan->device_rules_asked || !starts_with(write->file, "devices.")))
            return true;
    }
    return plan->device_rules_asked && plan->device_program != NULL &&
           plan->host->hierarchies[index].is_v2;
}

/* A walk down from the root of a hierarchy, making what is missing. */
struct descent {
    const struct cgroup_hierarchy *hierarchy;
    const struct cgroup_plan *plan;
    int fd; /* where we are */
    char directory[PATH_MAX];
    int made;
    bool is_new; /* the last one was missing when we looked: it has to be ours */
};

/* Before a directory is made or used, what the one above has to give. */
static int prepare_above(struct descent *descent, struct error *err)
{
    if (!descent->hierarchy->is_v2)
        return 0;
    return cgroup_enable_controllers(descent->fd, descent->directory, descent->plan, err);
}

static int prepare_new(struct descent *descent, int dir, struct error *err)
{
    if (descent->hierarchy->is_v2 || !cgroup_list_has(descent->hierarchy->name, "cpuset", ','))
        return 0;
    return cgroup_fill_cpuset(descent->fd, dir, descent->directory, err);
}

/* In v2 the directories of units are systemd's to make: what is missing is elsewhere, and what we
 * made in its place nobody would remove. */
static bool may_make(const struct descent *descent)
{
    return descent->plan->unit == NULL || !descent->hierarchy->is_v2;
}

static int enter(struct descent *descent, const char *name, bool is_last, struct error *err)
{
    struct text text = TEXT_IN(descent->directory);
    bool made = false;
    int code = prepare_above(descent, err);

    if (code < 0)
        return code;
    text.used = strlen(descent->directory);
    text_print(&text, "/%s", name);
    if (may_make(descent)) {
        made = mkdirat(descent->fd, name, 0755) == 0;
        if (!made && errno != EEXIST)
            return fail(err, errno, "mkdir %s", descent->directory);
    }
    autoclose int below = cgroup_open_below(descent->fd, name);

    /* At once, while we can: without descriptors (EMFILE) nobody could later. */
    if (below < 0 && made)
        unlinkat(descent->fd, name, AT_REMOVEDIR);
    if (below < 0)
        return fail(err, -below, "open %s", descent->directory);
    descent->made += made;
    /* Between looking and making, somebody else made the very directory we planned to own. */
    if (is_last && !made && descent->is_new)
        return refuse(err, EEXIST, "%s: made by somebody else meanwhile", descent->directory);
    if (made && !is_last)
        cgroup_mark_parent(below);
    code = prepare_new(descent, below, err);
    if (code < 0)
        return code;
    close_fd(&descent->fd);
    descent->fd = take_fd(&below);
    return 0;
}

static int descend(struct descent *descent, const char *components, struct error *err)
{
    char copy[PATH_MAX];
    char *rest = copy;
    char *name;

    snprintf(copy, sizeof copy, "%s", components);
    while ((name = strsep(&rest, "/")) != NULL) {
        if (*name == '\0')
            continue;

        int code = enter(descent, name, rest == NULL, err);

        if (code < 0)
            return code;
    }
    return 0;
}

/* Below a threaded cgroup new ones are "domain invalid": nobody may enter. */
static int check_type(int dir, const char *directory, struct error *err)
{
    char type[64];

    if (read_pseudo_file(dir, "cgroup.type", type, sizeof type) < 0 || strcmp(type, "domain") == 0)
        return 0;
    return refuse(err, EOPNOTSUPP,
                  "%s: the cgroup is \"%s\", and only a domain can hold a container", directory,
                  type);
}

/* Make and open one directory.  On failure removes what it made. */
static int try_directory(const struct cgroup_hierarchy *hierarchy,
                         const struct cgroup_directory_record *record,
                         const struct cgroup_plan *plan, int *ret_made, struct error *err)
{
    struct descent descent = {.hierarchy = hierarchy, .plan = plan};
    int code;

    /* With systemd it is there by now: where systemd cares for that hierarchy. */
    descent.is_new = record->made > 0 && plan->unit == NULL;
    descent.fd = cgroup_open_root(hierarchy->mount_point, err);
    if (descent.fd < 0)
        return descent.fd;
    snprintf(descent.directory, sizeof descent.directory, "%s", hierarchy->mount_point);
    code = descend(&descent, record->directory + strlen(hierarchy->mount_point), err);
    if (code == 0 && hierarchy->is_v2)
        code = check_type(descent.fd, record->directory, err);
    if (code < 0) {
        cgroup_remove_levels(descent.directory, descent.made);
        close_fd(&descent.fd);
        return code;
    }
    *ret_made = descent.made;
    return descent.fd;
}

/* A container that goes takes a parent with it that it had made and that is empty, perhaps while we
 * stand in it: then mkdir says ENOENT or ENODEV, and we start at the top again. */
static int make_directory(const struct cgroup_hierarchy *hierarchy,
                          const struct cgroup_directory_record *record,
                          const struct cgroup_plan *plan, int *ret_made, struct error *err)
{
    int fd = -ENOENT;

    for (int attempt = 0; attempt < 20 && (fd == -ENOENT || fd == -ENODEV); attempt++)
        fd = try_directory(hierarchy, record, plan, ret_made, err);
    return fd;
}

static bool is_forbidden(int code)
{
    return code == -EACCES || code == -EPERM || code == -EROFS;
}

static const struct cgroup_hierarchy *hierarchy_named(const struct cgroup_host *host,
                                                      const char *name, size_t *ret_index)
{
    for (size_t i = 0; i < host->count; i++) {
        if (strcmp(host->hierarchies[i].name, name) == 0) {
            *ret_index = i;
            return &host->hierarchies[i];
        }
    }
    return NULL;
}

static int explain_forbidden(const struct cgroup_plan *plan, struct error *err)
{
    if (!plan->unprivileged)
        return hint(err, "a limit was asked for, and the cgroup file system cannot be written to");
    return hint(err,
                "%s, and this user has no rights to the cgroup above: a delegated one is needed, "
                "as in a session of systemd's (for a user who does not log in: loginctl "
                "enable-linger) with --systemd-cgroup",
                plan->is_required ? "--rootless=false" : "a limit was asked for");
}

static int fail_elsewhere(const struct cgroup_plan *plan, const char *directory, struct error *err)
{
    return refuse(err, EPROTO, "unit %s: systemd has it in another cgroup than %s",
                  plan->unit->name, directory);
}

/* A hierarchy we may not write to is done without, unless something was asked of it. */
static int add_directory(struct cgroup *cgroup, const struct cgroup_directory_record *record,
                         const struct cgroup_plan *plan, struct error *err)
{
    size_t index;
    const struct cgroup_hierarchy *hierarchy = hierarchy_named(plan->host, record->hierarchy,
                                                               &index);
    int made = 0;
    int fd;

    if (hierarchy == NULL || cgroup->count == CGROUP_HIERARCHIES_MOST)
        return refuse(err, EINVAL, "no hierarchy \"%s\"", record->hierarchy);
    fd = make_directory(hierarchy, record, plan, &made, err);
    if (fd == -ENOENT && plan->unit != NULL && hierarchy->is_v2)
        return fail_elsewhere(plan, record->directory, err);
    if (is_forbidden(fd) && !cgroup_is_required(plan, index)) {
        fd = -1;
    } else if (fd < 0) {
        if (is_forbidden(fd))
            explain_forbidden(plan, err);
        return within(err, "cgroup");
    }
    cgroup->directories[cgroup->count].name = record->hierarchy;
    cgroup->directories[cgroup->count].directory = record->directory;
    cgroup->directories[cgroup->count].fd = fd;
    if (plan->unit != NULL && fd >= 0)
        made = (int)record->made;
    cgroup->directories[cgroup->count].made = fd < 0 ? 0 : made;
    cgroup->directories[cgroup->count].is_v2 = hierarchy->is_v2;
    cgroup->count++;
    return 0;
}

/* The rules by which we know the path of a unit must be those of this systemd. */
static int check_placeholder(const struct cgroup *cgroup, const struct cgroup_plan *plan, pid_t pid,
                             struct error *err)
{
    autoarena struct arena arena = {0};
    struct cgroup_pids pids = {.arena = &arena};
    int fd = cgroup_clone_fd(cgroup);
    int code = fd < 0 || pid == 0 ? 0 : cgroup_read_pids(fd, &pids, err);

    if (code < 0 || fd < 0 || pid == 0)
        return code;
    for (size_t i = 0; i < pids.count; i++) {
        if (pids.items[i] == pid)
            return 0;
    }
    return fail_elsewhere(plan, cgroup_v2_directory(cgroup), err);
}

/* Unprivileged, a process may be moved by whoever can write to the cgroup that is above where it is
 * and where it goes. */
static bool may_move(const struct cgroup_plan *plan)
{
    const struct cgroup_hierarchy *hierarchy = &plan->host->hierarchies[0];
    const char *own = hierarchy->own_path;
    size_t common = 0;
    char file[PATH_MAX];

    if (!plan->unprivileged || !plan->host->pure_v2)
        return true;
    for (size_t i = 0; own[i] == plan->path[i] && own[i] != '\0'; i++) {
        if (own[i] == '/')
            common = i;
    }
    snprintf(file, sizeof file, "%s%.*s/cgroup.procs", hierarchy->mount_point, (int)common, own);
    return access(file, W_OK) == 0;
}

static void undo(struct cgroup *cgroup)
{
    struct error ignored;

    cgroup_settle(cgroup);
    for (size_t i = 0; i < cgroup->count; i++)
        cgroup_remove_levels(cgroup->directories[i].directory, cgroup->directories[i].made);
    if (cgroup->unit_stays && !cgroup->unit_is_shared)
        (void)!unit_stop(cgroup->unit, cgroup->manager, BUS_DEADLINE_MS, &ignored);
    cgroup_done(cgroup);
}

int cgroup_create(struct cgroup *ret, const struct cgroup_record *record,
                  const struct cgroup_plan *plan, struct error *err)
{
    struct cgroup cgroup = CGROUP_EMPTY;
    pid_t pid = 0;
    int code = plan->unit == NULL ? 0 : unit_start(plan, &cgroup.placeholder, &pid, err);

    if (code < 0)
        return code;
    if (plan->unit != NULL) {
        cgroup.unit = record->unit;
        cgroup.manager = record->user_directory;
        cgroup.unit_stays = record->unit_stays;
        cgroup.unit_is_shared = record->unit_is_shared;
        cgroup.needs_attaching = !may_move(plan);
    }
    for (size_t i = 0; code == 0 && i < record->directories.count; i++)
        code = add_directory(&cgroup, &record->directories.items[i], plan, err);
    if (code == 0)
        code = check_placeholder(&cgroup, plan, pid, err);
    if (code < 0) {
        undo(&cgroup);
        return code;
    }
    *ret = cgroup;
    return 0;
}
