#include "base/own.h"
#include "cgroups/controllers.h"

/* v2 has none of these switches. */
#define SWITCH(member, file) CGROUP_NUMBER(cpuset.member, NULL, NULL, 0, "cpuset." file, NULL, 1, 0)

static const struct cgroup_number numbers[] = {
    SWITCH(cpu_exclusive, "cpu_exclusive"),
    SWITCH(mem_hardwall, "mem_hardwall"),
    SWITCH(mem_exclusive, "mem_exclusive"),
    SWITCH(memory_migrate, "memory_migrate"),
    SWITCH(memory_spread_page, "memory_spread_page"),
    SWITCH(memory_spread_slab, "memory_spread_slab"),
    SWITCH(memory_pressure, "memory_pressure"),
    SWITCH(sched_load_balance, "sched_load_balance"),
    /* -1 comes out of strtoull() as it went in. */
    SWITCH(sched_relax_domain_level, "sched_relax_domain_level"),
};

int cgroup_stats_cpuset(struct cgroup_stats_reader *reader, const struct cgroup_controller *self,
                        struct error *err)
{
    struct cgroup_cpuset_stats *stats = &reader->stats->cpuset;

    (void)self;
    (void)err;
    cgroup_read_numbers(reader, numbers, count_of(numbers));
    stats->cpus = cgroup_stats_list(
        reader, cgroup_stats_text(reader, "cpuset", "cpuset.cpus.effective", "cpuset.cpus"));
    stats->mems = cgroup_stats_list(
        reader, cgroup_stats_text(reader, "cpuset", "cpuset.mems.effective", "cpuset.mems"));
    return 0;
}
