#pragma once

/*
 * What a cgroup has used, as `runc events` shows it: the model, and its JSON.
 *
 * The shape is older than cgroup v2 and is v1's: times in nanoseconds, sizes in bytes, swap counted
 * together with memory.  What v2 counts otherwise is turned into that, so that whoever reads it
 * need not know the host.
 */

#include <stdint.h>

#include "spec/fields.h"
#include "spec/spec.h"

/* Documentation/accounting/psi.rst: shares of time in percent, `total` in microseconds. */
struct cgroup_pressure_line {
    double avg10, avg60, avg300;
    uint64_t total;
};

struct cgroup_pressure {
    struct cgroup_pressure_line some, full;
};

struct cgroup_cpu_usage {
    uint64_t total;                                        /* nanoseconds, as all of these */
    struct uint64_list percpu, percpu_kernel, percpu_user; /* v1 */
    uint64_t kernel, user;
};

struct cgroup_cpu_throttling {
    uint64_t periods, throttled_periods, throttled_time;
};

struct cgroup_cpu_stats {
    struct cgroup_cpu_usage usage;
    struct cgroup_cpu_throttling throttling;
    struct cgroup_pressure *pressure;
};

struct cgroup_cpuset_stats {
    struct uint32_list cpus, mems; /* in effect */
    uint64_t cpu_exclusive, mem_hardwall, mem_exclusive, memory_migrate, memory_spread_page,
        memory_spread_slab, memory_pressure, sched_load_balance; /* v1 */
    int64_t sched_relax_domain_level;
};

struct cgroup_memory_entry {
    uint64_t limit; /* UINT64_MAX on v2: none */
    uint64_t usage, max, failcnt;
};

struct cgroup_memory_stats {
    uint64_t cache;
    struct cgroup_memory_entry usage, swap, kernel, kernel_tcp;
    struct uint64_map raw; /* memory.stat */
    struct cgroup_pressure *pressure;
};

struct cgroup_pids_stats {
    uint64_t current, limit; /* 0: none */
};

struct cgroup_block_entry {
    uint64_t major, minor;
    const char *op; /* "Read", "Write", ...; NULL: all together */
    uint64_t value;
};

struct cgroup_block_list {
    struct cgroup_block_entry *items;
    size_t count;
};

struct cgroup_block_stats {
    struct cgroup_block_list service_bytes, serviced, queue, service_time, wait_time, merged, time,
        sectors;
    struct cgroup_pressure *pressure;
};

struct cgroup_hugetlb_stats {
    const char *page_size; /* "2MB" */
    uint64_t usage, max, failcnt;
};

struct cgroup_stats {
    struct cgroup_cpu_stats cpu;
    struct cgroup_cpuset_stats cpuset;
    struct cgroup_memory_stats memory;
    struct cgroup_pids_stats pids;
    struct cgroup_block_stats block;
    SPEC_LIST(struct cgroup_hugetlb_stats) hugetlb;
};

/* JSON of each part; that of the whole is the runtime's, which adds what is not of cgroups. */
extern const struct fields cgroup_cpu_stats_fields;
extern const struct fields cgroup_cpuset_stats_fields;
extern const struct fields cgroup_memory_stats_fields;
extern const struct fields cgroup_pids_stats_fields;
extern const struct fields cgroup_block_stats_fields;
extern const struct fields cgroup_hugetlb_stats_fields;
