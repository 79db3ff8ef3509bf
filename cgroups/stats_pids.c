#include "base/own.h"
#include "cgroups/controllers.h"

static const struct cgroup_number numbers[] = {
    CGROUP_NUMBER(pids.current, "pids.current", NULL, 1, "pids.current", NULL, 1, 0),
    CGROUP_NUMBER(pids.limit, "pids.max", NULL, 1, "pids.max", NULL, 1, 0),
};

int cgroup_stats_pids(struct cgroup_stats_reader *reader, const struct cgroup_controller *self,
                      struct error *err)
{
    (void)self;
    (void)err;
    cgroup_read_numbers(reader, numbers, count_of(numbers));
    return 0;
}
