#include "base/own.h"
#include "cgroups/directories.h"

/* Where the kernel counts. */
static const char *const files[] = {"memory.events", "memory.oom_control"};

int64_t cgroup_oom_kills(const struct cgroup *cgroup)
{
    for (size_t i = 0; i < cgroup->count; i++) {
        for (size_t file = 0; file < count_of(files) && cgroup->directories[i].fd >= 0; file++) {
            int64_t kills = cgroup_read_key(cgroup->directories[i].fd, files[file], "oom_kill");

            if (kills >= 0)
                return kills;
        }
    }
    return -1;
}
