#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/own.h"
#include "cgroups/directories.h"
#include "cgroups/path.h"
#include "cgroups/systemd.h"
#include "spec/rows.h"

#define OWNER struct cgroup_directory_record
static const struct field directory_rows[] = {
    ROW("hierarchy", FIELD_STRING, hierarchy, REQUIRED),
    ROW("directory", FIELD_STRING, directory, REQUIRED),
    ROW("made", FIELD_INT64, made, REQUIRED, RANGE(0, 4096)),
};
#undef OWNER
static const struct fields directory_fields = FIELDS_OF(struct cgroup_directory_record,
                                                        directory_rows);

#define OWNER struct cgroup_record
static const struct field record_rows[] = {
    ROW("manager", FIELD_STRING, manager, REQUIRED),
    ROW("path", FIELD_STRING, path),
    ROW("unit", FIELD_STRING, unit),
    ROW("userDirectory", FIELD_STRING, user_directory),
    ROW("unitStays", FIELD_BOOL, unit_stays),
    ROW("unitIsShared", FIELD_BOOL, unit_is_shared),
    ROW("directories", FIELD_LIST, directories, OBJECT(directory_fields)),
};
#undef OWNER
const struct fields cgroup_record_fields = FIELDS_OF(struct cgroup_record, record_rows);

static const char *const manager_names[] = {
    [CGROUP_MANAGER_CGROUPFS] = "cgroupfs",
    [CGROUP_MANAGER_SYSTEMD] = "systemd",
    [CGROUP_MANAGER_DISABLED] = "disabled",
};

static int refuse_populated(int dir, struct error *err)
{
    autoarena struct arena arena = {0};
    struct cgroup_pids pids = {.arena = &arena};
    char list[256] = "";
    struct text text = TEXT_IN(list);
    int code = cgroup_read_pids(dir, &pids, err);

    if (code < 0 || pids.count == 0)
        return code;
    cgroup_pids_text(&pids, &text);
    return refuse(err, EBUSY, "container's cgroup is not empty: %zu process(es) found: %s",
                  pids.count, list);
}

/* A cgroup that is there already may be used when it is idle and whole. */
static int check_existing(int dir, const struct cgroup_hierarchy *hierarchy, const char *directory,
                          struct error *err)
{
    struct cgroup alone = {
        .count = 1,
        .directories = {{.directory = directory, .fd = dir, .is_v2 = hierarchy->is_v2}},
    };
    char type[64];
    int code = refuse_populated(dir, err);

    if (code == 0 && cgroup_is_frozen(&alone))
        code = refuse(err, EBUSY, "container's cgroup unexpectedly frozen");
    if (code == 0 && hierarchy->is_v2 &&
        read_pseudo_file(dir, "cgroup.type", type, sizeof type) >= 0 && strcmp(type, "domain") != 0)
        code = refuse(err, EOPNOTSUPP, "the cgroup is %s, and only a domain can hold a container",
                      type);
    return code < 0 ? within(err, "%s", directory) : 0;
}

/* Follow `directory` below the mount as far as it exists.  *ret_missing: how many components do
 * not. */
static int look(const struct cgroup_hierarchy *hierarchy, const char *directory,
                int64_t *ret_missing, struct error *err)
{
    autoclose int fd = cgroup_open_root(hierarchy->mount_point, err);
    char components[PATH_MAX];
    char *rest = components;
    char *name;

    if (fd < 0)
        return fd;
    *ret_missing = 0;
    snprintf(components, sizeof components, "%s", directory + strlen(hierarchy->mount_point));
    while ((name = strsep(&rest, "/")) != NULL) {
        if (*name == '\0')
            continue;
        if (*ret_missing > 0) {
            (*ret_missing)++;
            continue;
        }

        int below = cgroup_open_below(fd, name);

        if (below == -ENOENT)
            *ret_missing = 1;
        else if (below < 0)
            return fail(err, -below, "open cgroup %s of %s", name, directory);
        else
            close_fd(&fd), fd = below;
    }
    return *ret_missing > 0 ? 0 : check_existing(fd, hierarchy, directory, err);
}

/* Slices are systemd's, to make and to remove, and in v2 its units' directories, too.  A container
 * that is a slice may find it there already: then others use it, whom systemd would stop with it.
 */
static void record_unit(struct cgroup_record *record, struct cgroup_directory_record *directory,
                        const struct cgroup_unit *unit, bool is_v2)
{
    bool was_there = unit->is_slice && directory->made == 0;

    if (was_there && (is_v2 || strcmp(directory->hierarchy, "name=systemd") == 0))
        record->unit_is_shared = true;
    directory->made = is_v2 || was_there ? 0 : 1;
}

int cgroup_record_from_plan(struct cgroup_record *ret, const struct cgroup_plan *plan,
                            struct arena *arena, struct error *err)
{
    struct cgroup_record record = {.manager = manager_names[plan->manager], .path = plan->path};
    const struct cgroup_host *host = plan->host;

    if (plan->unit != NULL) {
        record.unit = plan->unit->name;
        record.user_directory = plan->unit->manager;
        record.unit_stays = plan->unit->stays;
    }
    record.directories.items = arena_zero(arena, host->count, sizeof *record.directories.items);
    if (record.directories.items == NULL)
        return no_memory(err);
    for (size_t i = 0; i < host->count; i++) {
        struct cgroup_directory_record *directory =
            &record.directories.items[record.directories.count];
        int code;

        if (plan->directories[i] == NULL)
            continue;
        directory->hierarchy = host->hierarchies[i].name;
        directory->directory = plan->directories[i];
        code = look(&host->hierarchies[i], directory->directory, &directory->made, err);
        if (code < 0)
            return within(err, "cgroup");
        if (plan->unit != NULL)
            record_unit(&record, directory, plan->unit, host->hierarchies[i].is_v2);
        record.directories.count++;
    }
    *ret = record;
    return 0;
}
