#include "cmd/crun-lite/update_options.h"

#include <errno.h>

#include "base/own.h"
#include "base/text.h"

#define AT(member) offsetof(struct update_options, member)

/* clang-format off */
const struct option update_option_rows[UPDATE_OPTION_COUNT] = {
    {"resources",          'r', OPTION_STRING,     AT(resources),               "FILE",
     "limits as in config.json's linux.resources; - is standard input.\n"
     "All other options but the two schemata are then ignored"},
    {"blkio-weight",       0,   OPTION_ANY_STRING, AT(block_weight),            "N",
     "share of block I/O, 10 to 1000"},
    {"cpu-period",         0,   OPTION_STRING,     AT(cpu_period),              "USEC",
     "length of a period"},
    {"cpu-quota",          0,   OPTION_STRING,     AT(cpu_quota),               "USEC",
     "CPU time in a period; -1 is unlimited"},
    {"cpu-burst",          0,   OPTION_STRING,     AT(cpu_burst),               "USEC",
     "unused quota that may be saved up"},
    {"cpu-share",          0,   OPTION_STRING,     AT(cpu_shares),              "N",
     "share of CPU time when CPUs are busy, 2 to 262144"},
    {"cpu-rt-period",      0,   OPTION_STRING,     AT(cpu_realtime_period),     "USEC",
     "real-time period (cgroup v1)"},
    {"cpu-rt-runtime",     0,   OPTION_STRING,     AT(cpu_realtime_runtime),    "USEC",
     "real-time CPU time in a period (cgroup v1)"},
    {"cpu-idle",           0,   OPTION_STRING,     AT(cpu_idle),                "N",
     "1: run only when nobody else wants to; 0: not so"},
    {"cpuset-cpus",        0,   OPTION_STRING,     AT(cpuset_cpus),             "LIST",
     "CPUs to run on: 0-2,7"},
    {"cpuset-mems",        0,   OPTION_STRING,     AT(cpuset_mems),             "LIST",
     "memory nodes to use"},
    {"memory",             0,   OPTION_STRING,     AT(memory),                  "SIZE",
     "memory limit: 512M; -1 is unlimited"},
    {"memory-reservation", 0,   OPTION_STRING,     AT(memory_reservation),      "SIZE",
     "memory to keep when memory is short"},
    {"memory-swap",        0,   OPTION_STRING,     AT(memory_swap),             "SIZE",
     "memory and swap together; -1 is unlimited swap"},
    {"kernel-memory",      0,   OPTION_IGNORED,    0,                           "SIZE",
     NULL},
    {"kernel-memory-tcp",  0,   OPTION_IGNORED,    0,                           "SIZE",
     NULL},
    {"pids-limit",         0,   OPTION_ANY_STRING, AT(pids_limit),              "N",
     "at most N processes and threads; -1 is unlimited"},
    {"l3-cache-schema",    0,   OPTION_STRING,     AT(l3_cache_schema),         "SCHEMA",
     "share of the L3 caches, as resctrl's L3:0=7f;1=1f"},
    {"mem-bw-schema",      0,   OPTION_STRING,     AT(memory_bandwidth_schema), "SCHEMA",
     "share of the memory's bandwidth, as resctrl's MB:0=20;1=70"},
};
/* clang-format on */

enum value_kind { VALUE_STRING, VALUE_INT64, VALUE_UINT64, VALUE_BYTES };

/* One option's way into the object it belongs to. */
struct value {
    const char *name;
    enum value_kind kind;
    size_t from; /* in struct update_options */
    size_t to;   /* in the object */
};

static const struct value block_io_values[] = {
    {"blkio-weight", VALUE_UINT64, offsetof(struct update_options, block_weight),
     offsetof(struct spec_block_io, weight)},
};

static const struct value cpu_values[] = {
    {"cpu-period",     VALUE_UINT64, offsetof(struct update_options, cpu_period),
     offsetof(struct spec_cpu, period)          },
    {"cpu-quota",      VALUE_INT64,  offsetof(struct update_options, cpu_quota),
     offsetof(struct spec_cpu, quota)           },
    {"cpu-burst",      VALUE_UINT64, offsetof(struct update_options, cpu_burst),
     offsetof(struct spec_cpu, burst)           },
    {"cpu-share",      VALUE_UINT64, offsetof(struct update_options, cpu_shares),
     offsetof(struct spec_cpu, shares)          },
    {"cpu-rt-period",  VALUE_UINT64, offsetof(struct update_options, cpu_realtime_period),
     offsetof(struct spec_cpu, realtime_period) },
    {"cpu-rt-runtime", VALUE_INT64,  offsetof(struct update_options, cpu_realtime_runtime),
     offsetof(struct spec_cpu, realtime_runtime)},
    {"cpu-idle",       VALUE_INT64,  offsetof(struct update_options, cpu_idle),
     offsetof(struct spec_cpu, idle)            },
    {"cpuset-cpus",    VALUE_STRING, offsetof(struct update_options, cpuset_cpus),
     offsetof(struct spec_cpu, cpus)            },
    {"cpuset-mems",    VALUE_STRING, offsetof(struct update_options, cpuset_mems),
     offsetof(struct spec_cpu, mems)            },
};

static const struct value memory_values[] = {
    {"memory",             VALUE_BYTES, offsetof(struct update_options, memory),
     offsetof(struct spec_memory, limit)      },
    {"memory-reservation", VALUE_BYTES, offsetof(struct update_options, memory_reservation),
     offsetof(struct spec_memory, reservation)},
    {"memory-swap",        VALUE_BYTES, offsetof(struct update_options, memory_swap),
     offsetof(struct spec_memory, swap)       },
};

static const struct value pids_values[] = {
    {"pids-limit", VALUE_INT64, offsetof(struct update_options, pids_limit),
     offsetof(struct spec_pids, limit)},
};

static const struct {
    size_t object; /* the pointer to it in struct spec_resources */
    size_t size;
    const struct value *values;
    size_t count;
} objects[] = {
    {offsetof(struct spec_resources, block_io), sizeof(struct spec_block_io), block_io_values,
     count_of(block_io_values)},
    {offsetof(struct spec_resources, cpu),      sizeof(struct spec_cpu),      cpu_values,
     count_of(cpu_values)     },
    {offsetof(struct spec_resources, memory),   sizeof(struct spec_memory),   memory_values,
     count_of(memory_values)  },
    {offsetof(struct spec_resources, pids),     sizeof(struct spec_pids),     pids_values,
     count_of(pids_values)    },
};

static int put(const struct value *value, const char *text, void *to, struct error *err)
{
    struct optional_int64 number = {.set = true};
    struct optional_uint64 count = {.set = true};

    switch (value->kind) {
    case VALUE_STRING:
        *(const char **)to = text;
        return 0;
    case VALUE_INT64:
        if (parse_int64(text, INT64_MIN, INT64_MAX, &number.value, err) < 0)
            return within(err, "--%s", value->name);
        *(struct optional_int64 *)to = number;
        return 0;
    case VALUE_UINT64:
        if (parse_uint64(text, UINT64_MAX, &count.value, err) < 0)
            return within(err, "--%s", value->name);
        *(struct optional_uint64 *)to = count;
        return 0;
    case VALUE_BYTES:
        if (parse_bytes(text, &number.value, err) < 0)
            return within(err, "--%s", value->name);
        *(struct optional_int64 *)to = number;
        return 0;
    }
    return 0;
}

/* The object is made when the first of its values is given. */
static int apply_object(const struct update_options *options, const struct value *values,
                        size_t count, size_t size, void **object, struct arena *arena,
                        struct error *err)
{
    for (size_t i = 0; i < count; i++) {
        const char *const *text = (const void *)((const char *)options + values[i].from);

        if (*text == NULL)
            continue;
        if (*object == NULL)
            *object = arena_zero(arena, 1, size);
        if (*object == NULL)
            return no_memory(err);
        if (put(&values[i], *text, (char *)*object + values[i].to, err) < 0)
            return -err->code;
    }
    return 0;
}

int update_options_apply(const struct update_options *options, struct spec_resources *resources,
                         struct arena *arena, struct error *err)
{
    for (size_t i = 0; i < count_of(objects); i++) {
        void **object = (void *)((char *)resources + objects[i].object);

        if (apply_object(options, objects[i].values, objects[i].count, objects[i].size, object,
                         arena, err) < 0)
            return -err->code;
    }
    return 0;
}
