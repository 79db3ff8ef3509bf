/* config.md, "Process". */

#include "spec/rows.h"

#define OWNER struct spec_console_size
static const struct field console_size_rows[] = {
    /* The kernel's struct winsize holds unsigned shorts. */
    ROW("height", FIELD_UINT64, height, REQUIRED, RANGE(0, UINT16_MAX)),
    ROW("width", FIELD_UINT64, width, REQUIRED, RANGE(0, UINT16_MAX)),
};
#undef OWNER
static const struct fields console_size_fields = FIELDS_OF(struct spec_console_size,
                                                           console_size_rows);

#define OWNER struct spec_user
static const struct field user_rows[] = {
    ROW("uid", FIELD_UINT32, uid, RANGE(0, MOST_ID), ALWAYS, EXPECTED),
    ROW("gid", FIELD_UINT32, gid, RANGE(0, MOST_ID), ALWAYS, EXPECTED),
    ROW("umask", FIELD_OPTIONAL_UINT64, umask, RANGE(0, 0777)),
    ROW("additionalGids", FIELD_UINT32S, additional_gids, RANGE(0, MOST_ID)),
    IGNORED("username", "Windows only"),
};
#undef OWNER
static const struct fields user_fields = FIELDS_OF(struct spec_user, user_rows);

#define OWNER struct spec_capabilities
static const struct field capabilities_rows[] = {
    ROW("bounding", FIELD_STRINGS, bounding),       ROW("effective", FIELD_STRINGS, effective),
    ROW("inheritable", FIELD_STRINGS, inheritable), ROW("permitted", FIELD_STRINGS, permitted),
    ROW("ambient", FIELD_STRINGS, ambient),
};
#undef OWNER
static const struct fields capabilities_fields = FIELDS_OF(struct spec_capabilities,
                                                           capabilities_rows);

#define OWNER struct spec_rlimit
static const struct field rlimit_rows[] = {
    ROW("type", FIELD_STRING, type, REQUIRED),
    ROW("hard", FIELD_UINT64, hard, REQUIRED),
    ROW("soft", FIELD_UINT64, soft, REQUIRED),
};
#undef OWNER
static const struct fields rlimit_fields = FIELDS_OF(struct spec_rlimit, rlimit_rows);

static const struct name scheduler_policies[] = {
    {"SCHED_OTHER",    SPEC_SCHED_OTHER   },
    {"SCHED_FIFO",     SPEC_SCHED_FIFO    },
    {"SCHED_RR",       SPEC_SCHED_RR      },
    {"SCHED_BATCH",    SPEC_SCHED_BATCH   },
    {"SCHED_ISO",      SPEC_SCHED_ISO     },
    {"SCHED_IDLE",     SPEC_SCHED_IDLE    },
    {"SCHED_DEADLINE", SPEC_SCHED_DEADLINE},
};
const struct names spec_scheduler_policy_names = NAMES_OF(scheduler_policies);

static const struct name scheduler_flags[] = {
    {"SCHED_FLAG_RESET_ON_FORK",  SPEC_SCHED_FLAG_RESET_ON_FORK },
    {"SCHED_FLAG_RECLAIM",        SPEC_SCHED_FLAG_RECLAIM       },
    {"SCHED_FLAG_DL_OVERRUN",     SPEC_SCHED_FLAG_DL_OVERRUN    },
    {"SCHED_FLAG_KEEP_POLICY",    SPEC_SCHED_FLAG_KEEP_POLICY   },
    {"SCHED_FLAG_KEEP_PARAMS",    SPEC_SCHED_FLAG_KEEP_PARAMS   },
    {"SCHED_FLAG_UTIL_CLAMP_MIN", SPEC_SCHED_FLAG_UTIL_CLAMP_MIN},
    {"SCHED_FLAG_UTIL_CLAMP_MAX", SPEC_SCHED_FLAG_UTIL_CLAMP_MAX},
};
const struct names spec_scheduler_flag_names = NAMES_OF(scheduler_flags);

#define OWNER struct spec_scheduler
static const struct field scheduler_rows[] = {
    ROW("policy", FIELD_ENUM, policy, REQUIRED, NAMED(spec_scheduler_policy_names)),
    ROW("nice", FIELD_OPTIONAL_INT64, nice, RANGE(-20, 19)),
    ROW("priority", FIELD_OPTIONAL_INT64, priority, RANGE(INT32_MIN, INT32_MAX)),
    ROW("flags", FIELD_ENUMS, flags, NAMED(spec_scheduler_flag_names)),
    ROW("runtime", FIELD_OPTIONAL_UINT64, runtime),
    ROW("deadline", FIELD_OPTIONAL_UINT64, deadline),
    ROW("period", FIELD_OPTIONAL_UINT64, period),
};
#undef OWNER
static const struct fields scheduler_fields = FIELDS_OF(struct spec_scheduler, scheduler_rows);

static const struct name io_priority_classes[] = {
    {"IOPRIO_CLASS_RT",   SPEC_IO_PRIORITY_REALTIME   },
    {"IOPRIO_CLASS_BE",   SPEC_IO_PRIORITY_BEST_EFFORT},
    {"IOPRIO_CLASS_IDLE", SPEC_IO_PRIORITY_IDLE       },
};
const struct names spec_io_priority_names = NAMES_OF(io_priority_classes);

#define OWNER struct spec_io_priority
static const struct field io_priority_rows[] = {
    ROW("class", FIELD_ENUM, class, REQUIRED, NAMED(spec_io_priority_names)),
    ROW("priority", FIELD_OPTIONAL_INT64, priority, RANGE(0, 7)),
};
#undef OWNER
static const struct fields io_priority_fields = FIELDS_OF(struct spec_io_priority,
                                                          io_priority_rows);

#define OWNER struct spec_exec_cpu_affinity
static const struct field exec_cpu_affinity_rows[] = {
    ROW("initial", FIELD_STRING, initial, EMPTY_IS_UNSET),
    ROW("final", FIELD_STRING, final, EMPTY_IS_UNSET),
};
#undef OWNER
static const struct fields exec_cpu_affinity_fields = FIELDS_OF(struct spec_exec_cpu_affinity,
                                                                exec_cpu_affinity_rows);

#define OWNER struct spec_process
static const struct field process_rows[] = {
    ROW("terminal", FIELD_BOOL, terminal),
    ROW("consoleSize", FIELD_OBJECT, console_size, OBJECT(console_size_fields)),
    ROW("user", FIELD_INLINE, user, OBJECT(user_fields)),
    ROW("args", FIELD_STRINGS, args),
    IGNORED("commandLine", "Windows only"),
    ROW("env", FIELD_STRINGS, env),
    ROW("cwd", FIELD_STRING, cwd, REQUIRED),
    ROW("capabilities", FIELD_OBJECT, capabilities, OBJECT(capabilities_fields)),
    ROW("rlimits", FIELD_LIST, rlimits, OBJECT(rlimit_fields)),
    ROW("noNewPrivileges", FIELD_BOOL, no_new_privileges),
    ROW("apparmorProfile", FIELD_STRING, apparmor_profile, EMPTY_IS_UNSET),
    ROW("oomScoreAdj", FIELD_OPTIONAL_INT64, oom_score_adj, RANGE(-1000, 1000)),
    ROW("scheduler", FIELD_OBJECT, scheduler, OBJECT(scheduler_fields)),
    ROW("selinuxLabel", FIELD_STRING, selinux_label, EMPTY_IS_UNSET),
    ROW("ioPriority", FIELD_OBJECT, io_priority, OBJECT(io_priority_fields)),
    ROW("execCPUAffinity", FIELD_OBJECT, exec_cpu_affinity, OBJECT(exec_cpu_affinity_fields)),
};
#undef OWNER
const struct fields spec_process_fields = FIELDS_OF(struct spec_process, process_rows);
