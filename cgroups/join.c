#include <errno.h>

#include "base/file.h"
#include "cgroups/cgroup.h"

/* v1: writing cgroup.procs waits for all CPUs to pass a quiet state, some 5 ms; a single thread
 * that moves itself by `tasks` does not have to. */
static const char *file_to_join(bool is_v2)
{
    return is_v2 ? "cgroup.procs" : "tasks";
}

int cgroup_join_self(const struct cgroup *cgroup, bool joined_v2, struct error *err)
{
    for (size_t i = 0; i < cgroup->count; i++) {
        bool is_v2 = cgroup->directories[i].is_v2;
        int code;

        if (cgroup->directories[i].fd < 0 || (is_v2 && joined_v2))
            continue;
        code = write_pseudo_file(cgroup->directories[i].fd, file_to_join(is_v2), "0");
        if (code == 0)
            continue;
        fail(err, -code, "join cgroup %s", cgroup->directories[i].directory);
        if (code == -EBUSY && is_v2)
            hint(err, "it passes controllers on to cgroups below it, so it cannot hold processes");
        if (code == -ENOSPC)
            hint(err, "it has no cpus or memory nodes");
        return code;
    }
    return 0;
}
