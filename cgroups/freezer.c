#include <errno.h>
#include <string.h>

#include "base/file.h"
#include "base/own.h"
#include "cgroups/controllers.h"
#include "cgroups/directories.h"
#include "cgroups/path.h"

/* The two ways to freeze: 5.2 has it in every v2 cgroup, v1 has a controller. */
static const struct freezer {
    bool is_v2;
    const char *file;
    const char *freeze;
    const char *thaw;
} freezers[] = {
    {true,  "cgroup.freeze", "1",      "0"     },
    {false, "freezer.state", "FROZEN", "THAWED"},
};

/* The first directory that has this freezer, or -1. */
static int directory_with(const struct cgroup *cgroup, const struct freezer *freezer)
{
    char state[64];

    for (size_t i = 0; i < cgroup->count; i++) {
        if (cgroup->directories[i].fd >= 0 && cgroup->directories[i].is_v2 == freezer->is_v2 &&
            read_pseudo_file(cgroup->directories[i].fd, freezer->file, state, sizeof state) >= 0)
            return (int)i;
    }
    return -1;
}

static bool is_in_state(int dir, const char *wanted)
{
    char state[64];

    return read_pseudo_file(dir, "freezer.state", state, sizeof state) >= 0 &&
           strcmp(state, wanted) == 0;
}

/* v1: no event, and a process that forks while it freezes leaves the state at FREEZING until it is
 * asked for again. */
static int set_v1(int dir, const char *wanted, int64_t deadline)
{
    for (unsigned attempt = 0;; attempt++) {
        int code = write_pseudo_file(dir, "freezer.state", wanted);

        if (code < 0)
            return code;
        if (is_in_state(dir, wanted))
            return 0;
        if (!cgroup_back_off(attempt, deadline))
            return -ETIMEDOUT;
    }
}

static int set_v2(int dir, bool freeze, int64_t deadline)
{
    int code = write_pseudo_file(dir, "cgroup.freeze", freeze ? "1" : "0");

    if (code < 0)
        return code;
    return cgroup_wait_for_event(dir, freeze ? "frozen 1" : "frozen 0", deadline) ? 0 : -ETIMEDOUT;
}

static int set(int dir, const struct freezer *freezer, bool freeze, int deadline_ms)
{
    int64_t deadline = cgroup_clock() + deadline_ms;
    int code = freezer->is_v2 ? set_v2(dir, freeze, deadline)
                              : set_v1(dir, freeze ? freezer->freeze : freezer->thaw, deadline);

    /* Half frozen helps nobody. */
    if (code < 0 && freeze && write_pseudo_file(dir, freezer->file, freezer->thaw) < 0)
        return code;
    return code;
}

/* A frozen cgroup may be so by either freezer: thawing goes to both. */
int cgroup_freeze(const struct cgroup *cgroup, bool freeze, int deadline_ms, struct error *err)
{
    bool found = false;

    for (size_t i = 0; i < count_of(freezers) && !(found && freeze); i++) {
        int index = directory_with(cgroup, &freezers[i]);
        int code;

        if (index < 0)
            continue;
        found = true;
        code = set(cgroup->directories[index].fd, &freezers[i], freeze, deadline_ms);
        if (code == -ETIMEDOUT)
            return refuse(err, ETIMEDOUT, "%s/%s: not %s after %d ms",
                          cgroup->directories[index].directory, freezers[i].file,
                          freeze ? "frozen" : "thawed", deadline_ms);
        if (code < 0)
            return fail(err, -code, "write %s to %s/%s",
                        freeze ? freezers[i].freeze : freezers[i].thaw,
                        cgroup->directories[index].directory, freezers[i].file);
    }
    if (found)
        return 0;
    if (cgroup_any_directory(cgroup) < 0)
        return refuse(err, EOPNOTSUPP, "the container has no cgroup of its own, and so no freezer");
    refuse(err, EOPNOTSUPP, "the container's cgroup has no freezer");
    return hint(err, "cgroup v2 of Linux 5.2 or later, or the v1 freezer controller, is needed");
}

static bool is_frozen(int dir, bool is_v2)
{
    return is_v2 ? cgroup_read_key(dir, "cgroup.events", "frozen") == 1
                 : is_in_state(dir, "FROZEN");
}

bool cgroup_is_frozen(const struct cgroup *cgroup)
{
    for (size_t i = 0; i < cgroup->count; i++) {
        int fd = cgroup->directories[i].fd;

        if (fd >= 0 && is_frozen(fd, cgroup->directories[i].is_v2))
            return true;
    }
    return false;
}

bool cgroup_record_is_frozen(const struct cgroup_record *record)
{
    for (size_t i = 0; i < record->directories.count; i++) {
        const struct cgroup_directory_record *directory = &record->directories.items[i];
        bool is_v2 = *directory->hierarchy == '\0';
        struct error ignored;

        if (!is_v2 && !cgroup_list_has(directory->hierarchy, "freezer", ','))
            continue;

        autoclose int fd = cgroup_open_directory(directory->directory, &ignored);

        if (fd >= 0 && is_frozen(fd, is_v2))
            return true;
    }
    return false;
}
