#pragma once

/*
 * What the container's process may use and how it is scheduled: rlimits, oom_score_adj, scheduler,
 * io priority, personality, memory policy, and the cpu affinity of exec.
 *
 * config.md "POSIX process", "Linux Process"; config-linux.md "Personality", "Memory policy".
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/error.h"
#include "spec/spec.h"

struct process_limit {
    int resource;     /* RLIMIT_* */
    const char *name; /* "RLIMIT_NOFILE" */
    struct rlimit limit;
};

/* struct sched_attr of sched_setattr(2), version 1; our own copy, because glibc 2.41 and
 * <linux/sched/types.h> both define it. */
struct scheduler_attributes {
    uint32_t size;
    uint32_t policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime; /* nanoseconds, as deadline and period */
    uint64_t deadline;
    uint64_t period;
    uint32_t utilization_least;
    uint32_t utilization_most;
};

enum {
    PROCESS_LIMITS_NODES = 1024,   /* NUMA nodes the kernel can be built for */
    PROCESS_LIMITS_CPUS = 8192,    /* and processors */
    PROCESS_LIMITS_RESOURCES = 16, /* RLIMIT_* kinds */
};

/* A set of numbers, as the kernel's bit masks have it. */
#define NUMBER_SET_WORDS(bits) ((bits) / (8 * sizeof(unsigned long)))

struct process_limits_plan {
    struct process_limit rlimits[PROCESS_LIMITS_RESOURCES];
    size_t rlimit_count;
    struct optional_int64 oom_score_adj; /* not set: untouched */
    bool has_scheduler;
    struct scheduler_attributes scheduler;
    bool has_io_priority;
    int io_priority; /* class and priority, as ioprio_set(2) wants them */
    bool has_personality;
    unsigned long personality; /* PER_* */
    bool has_memory_policy;
    int memory_policy; /* MPOL_* | MPOL_F_* */
    bool has_nodes;
    unsigned long nodes[NUMBER_SET_WORDS(PROCESS_LIMITS_NODES)];
};

/* Pure.  `linux_` may be NULL.  Errors name the place: "process.rlimits[1].type: ...". */
must_check int process_limits_plan_from_spec(struct process_limits_plan *ret,
                                             const struct spec_process *process,
                                             const struct spec_linux *linux_, struct arena *arena,
                                             struct error *err);

/* prlimit(2) of the process `pid`, 0 for the caller.  -EPERM: a hard limit is to rise, which takes
 * CAP_SYS_RESOURCE on the host. */
must_check int process_limits_set_rlimits(const struct process_limits_plan *plan, pid_t pid,
                                          struct error *err);

/* The rest, in the child, before its user changes.  `proc_self` is an fd of the directory
 * /proc/self of a trusted procfs; -1 will do when plan->oom_score_adj is not set.  No allocation.
 */
must_check int process_limits_apply(const struct process_limits_plan *plan, int proc_self,
                                    struct error *err);

/* --- exec: process.execCPUAffinity -------------------------------------------------------------
 */

struct cpu_affinity {
    bool set; /* false: nothing asked, nothing changed */
    unsigned long cpus[NUMBER_SET_WORDS(PROCESS_LIMITS_CPUS)];
};

/* Pure.  `affinity` may be NULL.  `initial` holds before the process enters the container's cgroup,
 * `final` after.  Errors: "process.execCPUAffinity.initial: 5-2: ...". */
must_check int process_limits_affinity_from_spec(struct cpu_affinity *ret_initial,
                                                 struct cpu_affinity *ret_final,
                                                 const struct spec_exec_cpu_affinity *affinity,
                                                 struct error *err);

/* sched_setaffinity(2) for the calling thread. */
must_check int process_limits_apply_affinity(const struct cpu_affinity *affinity,
                                             struct error *err);

/* Let the calling thread run on all cpus that its cpuset gives it, now and later: the affinity that
 * it has inherited goes.  Entering a cpuset does not do that since Linux 6.2, nor where there is no
 * cpuset to enter. */
must_check int process_limits_free_cpus(struct error *err);
