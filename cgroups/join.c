#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>

#include "base/file.h"
#include "cgroups/cgroup.h"

/* v1: writing cgroup.procs waits for all CPUs to pass a quiet state, some 5 ms; a single thread
 * that moves itself by `tasks` does not have to. */
static const char *file_to_join(bool is_v2)
{
    return is_v2 ? "cgroup.procs" : "tasks";
}

bool cgroup_lacks_rights(int code)
{
    return code == -EACCES || code == -EPERM;
}

bool cgroup_takes_nobody(int code)
{
    return code == -EBUSY || code == -ENOENT || code == -ENODEV || code == -EOPNOTSUPP;
}

static int join_directory(const struct cgroup *cgroup, size_t index, struct error *err)
{
    bool is_v2 = cgroup->directories[index].is_v2;
    int code = write_pseudo_file(cgroup->directories[index].fd, file_to_join(is_v2), "0");

    if (code == 0)
        return 0;
    fail(err, -code, "join cgroup %s", cgroup->directories[index].directory);
    if (code == -EBUSY && is_v2)
        hint(err, "it passes controllers on to cgroups below it, so it cannot hold processes");
    if (cgroup_lacks_rights(code))
        hint(err, "moving a process takes the right to write to cgroup.procs there and in the "
                  "common ancestor of both cgroups: start in a cgroup below the delegated one, "
                  "as systemd-run --user --scope does");
    if (code == -ENOSPC)
        hint(err, "it has no cpus or memory nodes");
    return code;
}

/* A refusal for another reason than rights is the one to tell: what it has no right to, a caller
 * may do without. */
static int join_directories(const struct cgroup *cgroup, bool v2, int before, struct error *err)
{
    struct error refusal;

    for (size_t i = 0; i < cgroup->count; i++) {
        if (cgroup->directories[i].fd < 0 || cgroup->directories[i].is_v2 != v2)
            continue;

        int code = join_directory(cgroup, i, &refusal);

        if (code == 0 ||
            (before < 0 && (!cgroup_lacks_rights(before) || cgroup_lacks_rights(code))))
            continue;
        *err = refusal;
        before = code;
    }
    return before;
}

int cgroup_join_self(const struct cgroup *cgroup, bool joined_v2, struct error *err)
{
    int code = joined_v2 ? 0 : join_directories(cgroup, true, 0, err);

    return join_directories(cgroup, false, code, err);
}

static int join_root(const struct cgroup_hierarchy *hierarchy)
{
    char path[PATH_MAX];
    int length = snprintf(path, sizeof path, "%s/%s", hierarchy->mount_point,
                          file_to_join(hierarchy->is_v2));

    return length < 0 || (size_t)length >= sizeof path ? -ENAMETOOLONG
                                                       : write_pseudo_file(-1, path, "0");
}

int cgroup_step_aside(const struct cgroup_host *host, struct error *err)
{
    for (size_t i = 0; i < host->count; i++) {
        /* The root of a cgroup namespace refuses where it passes controllers on; options of mounts
         * are out of reach from there anyway. */
        if (join_root(&host->hierarchies[i]) < 0)
            return 0;
    }
    if (unshare(CLONE_NEWCGROUP) < 0)
        return fail(err, errno, "unshare the cgroup namespace");
    return 0;
}
