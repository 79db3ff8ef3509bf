/* The JSON of struct cgroup_stats: runc's members in runc's order, the numbers that runc writes
 * even when they are 0. */

#include "cgroups/stats.h"
#include "spec/rows.h"

#define OWNER struct cgroup_pressure_line
static const struct field pressure_line_rows[] = {
    ROW("avg10", FIELD_DECIMAL, avg10, ALWAYS),
    ROW("avg60", FIELD_DECIMAL, avg60, ALWAYS),
    ROW("avg300", FIELD_DECIMAL, avg300, ALWAYS),
    ROW("total", FIELD_UINT64, total, ALWAYS),
};
#undef OWNER
static const struct fields pressure_line_fields = FIELDS_OF(struct cgroup_pressure_line,
                                                            pressure_line_rows);

#define OWNER struct cgroup_pressure
static const struct field pressure_rows[] = {
    ROW("some", FIELD_INLINE, some, OBJECT(pressure_line_fields)),
    ROW("full", FIELD_INLINE, full, OBJECT(pressure_line_fields)),
};
#undef OWNER
static const struct fields pressure_fields = FIELDS_OF(struct cgroup_pressure, pressure_rows);

#define OWNER struct cgroup_cpu_usage
static const struct field cpu_usage_rows[] = {
    ROW("total", FIELD_UINT64, total),
    ROW("percpu", FIELD_UINT64S, percpu),
    ROW("percpu_kernel", FIELD_UINT64S, percpu_kernel),
    ROW("percpu_user", FIELD_UINT64S, percpu_user),
    ROW("kernel", FIELD_UINT64, kernel, ALWAYS),
    ROW("user", FIELD_UINT64, user, ALWAYS),
};
#undef OWNER
static const struct fields cpu_usage_fields = FIELDS_OF(struct cgroup_cpu_usage, cpu_usage_rows);

#define OWNER struct cgroup_cpu_throttling
static const struct field cpu_throttling_rows[] = {
    ROW("periods", FIELD_UINT64, periods),
    ROW("throttledPeriods", FIELD_UINT64, throttled_periods),
    ROW("throttledTime", FIELD_UINT64, throttled_time),
};
#undef OWNER
static const struct fields cpu_throttling_fields = FIELDS_OF(struct cgroup_cpu_throttling,
                                                             cpu_throttling_rows);

#define OWNER struct cgroup_cpu_stats
static const struct field cpu_rows[] = {
    ROW("usage", FIELD_INLINE, usage, OBJECT(cpu_usage_fields)),
    ROW("throttling", FIELD_INLINE, throttling, OBJECT(cpu_throttling_fields)),
    ROW("psi", FIELD_OBJECT, pressure, OBJECT(pressure_fields)),
};
#undef OWNER
const struct fields cgroup_cpu_stats_fields = FIELDS_OF(struct cgroup_cpu_stats, cpu_rows);

#define OWNER struct cgroup_cpuset_stats
static const struct field cpuset_rows[] = {
    ROW("cpus", FIELD_UINT32S, cpus),
    ROW("cpu_exclusive", FIELD_UINT64, cpu_exclusive, ALWAYS),
    ROW("mems", FIELD_UINT32S, mems),
    ROW("mem_hardwall", FIELD_UINT64, mem_hardwall, ALWAYS),
    ROW("mem_exclusive", FIELD_UINT64, mem_exclusive, ALWAYS),
    ROW("memory_migrate", FIELD_UINT64, memory_migrate, ALWAYS),
    ROW("memory_spread_page", FIELD_UINT64, memory_spread_page, ALWAYS),
    ROW("memory_spread_slab", FIELD_UINT64, memory_spread_slab, ALWAYS),
    ROW("memory_pressure", FIELD_UINT64, memory_pressure, ALWAYS),
    ROW("sched_load_balance", FIELD_UINT64, sched_load_balance, ALWAYS),
    ROW("sched_relax_domain_level", FIELD_INT64, sched_relax_domain_level, ALWAYS),
};
#undef OWNER
const struct fields cgroup_cpuset_stats_fields = FIELDS_OF(struct cgroup_cpuset_stats, cpuset_rows);

#define OWNER struct cgroup_memory_entry
static const struct field memory_entry_rows[] = {
    ROW("limit", FIELD_UINT64, limit, ALWAYS),
    ROW("usage", FIELD_UINT64, usage),
    ROW("max", FIELD_UINT64, max),
    ROW("failcnt", FIELD_UINT64, failcnt, ALWAYS),
};
#undef OWNER
static const struct fields memory_entry_fields = FIELDS_OF(struct cgroup_memory_entry,
                                                           memory_entry_rows);

#define OWNER struct cgroup_memory_stats
static const struct field memory_rows[] = {
    ROW("cache", FIELD_UINT64, cache),
    ROW("usage", FIELD_INLINE, usage, OBJECT(memory_entry_fields)),
    ROW("swap", FIELD_INLINE, swap, OBJECT(memory_entry_fields)),
    ROW("kernel", FIELD_INLINE, kernel, OBJECT(memory_entry_fields)),
    ROW("kernelTCP", FIELD_INLINE, kernel_tcp, OBJECT(memory_entry_fields)),
    ROW("raw", FIELD_UINT64_MAP, raw),
    ROW("psi", FIELD_OBJECT, pressure, OBJECT(pressure_fields)),
};
#undef OWNER
const struct fields cgroup_memory_stats_fields = FIELDS_OF(struct cgroup_memory_stats, memory_rows);

#define OWNER struct cgroup_pids_stats
static const struct field pids_rows[] = {
    ROW("current", FIELD_UINT64, current),
    ROW("limit", FIELD_UINT64, limit),
};
#undef OWNER
const struct fields cgroup_pids_stats_fields = FIELDS_OF(struct cgroup_pids_stats, pids_rows);

#define OWNER struct cgroup_block_entry
static const struct field block_entry_rows[] = {
    ROW("major", FIELD_UINT64, major),
    ROW("minor", FIELD_UINT64, minor),
    ROW("op", FIELD_STRING, op),
    ROW("value", FIELD_UINT64, value),
};
#undef OWNER
static const struct fields block_entry_fields = FIELDS_OF(struct cgroup_block_entry,
                                                          block_entry_rows);

#define OWNER struct cgroup_block_stats
static const struct field block_rows[] = {
    ROW("ioServiceBytesRecursive", FIELD_LIST, service_bytes, OBJECT(block_entry_fields)),
    ROW("ioServicedRecursive", FIELD_LIST, serviced, OBJECT(block_entry_fields)),
    ROW("ioQueueRecursive", FIELD_LIST, queue, OBJECT(block_entry_fields)),
    ROW("ioServiceTimeRecursive", FIELD_LIST, service_time, OBJECT(block_entry_fields)),
    ROW("ioWaitTimeRecursive", FIELD_LIST, wait_time, OBJECT(block_entry_fields)),
    ROW("ioMergedRecursive", FIELD_LIST, merged, OBJECT(block_entry_fields)),
    ROW("ioTimeRecursive", FIELD_LIST, time, OBJECT(block_entry_fields)),
    ROW("sectorsRecursive", FIELD_LIST, sectors, OBJECT(block_entry_fields)),
    ROW("psi", FIELD_OBJECT, pressure, OBJECT(pressure_fields)),
};
#undef OWNER
const struct fields cgroup_block_stats_fields = FIELDS_OF(struct cgroup_block_stats, block_rows);

/* The first member is the key in the object, not a member of it. */
#define OWNER struct cgroup_hugetlb_stats
static const struct field hugetlb_rows[] = {
    ROW("usage", FIELD_UINT64, usage),
    ROW("max", FIELD_UINT64, max),
    ROW("failcnt", FIELD_UINT64, failcnt, ALWAYS),
};
#undef OWNER
const struct fields cgroup_hugetlb_stats_fields = FIELDS_OF(struct cgroup_hugetlb_stats,
                                                            hugetlb_rows);
