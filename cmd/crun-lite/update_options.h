#pragma once

/* The limits that `update` takes on the command line. */

#include "base/arena.h"
#include "base/error.h"
#include "cmd/crun-lite/options.h"
#include "spec/spec.h"

struct update_options {
    const char *resources; /* file, or "-" */
    const char *block_weight;
    const char *cpu_period;
    const char *cpu_quota;
    const char *cpu_burst;
    const char *cpu_shares;
    const char *cpu_realtime_period;
    const char *cpu_realtime_runtime;
    const char *cpu_idle;
    const char *cpuset_cpus;
    const char *cpuset_mems;
    const char *memory;
    const char *memory_reservation;
    const char *memory_swap;
    const char *pids_limit;
    const char *l3_cache_schema;
    const char *memory_bandwidth_schema;
};

#define UPDATE_OPTION_COUNT 19
extern const struct option update_option_rows[UPDATE_OPTION_COUNT];

/* Put the limits given as options into *resources. */
must_check int update_options_apply(const struct update_options *options,
                                    struct spec_resources *resources, struct arena *arena,
                                    struct error *err);
