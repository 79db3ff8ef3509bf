#pragma once

/*
 * config.json as C: the runtime-spec 1.3 model for Linux, in the order of the specification.
 *
 * spec_load() fills it, everybody else reads it.  All memory belongs to one arena (struct bundle);
 * the model is read-only once loaded, except for the overrides the caller applies before a plan is
 * made.  Conventions:
 *  - an optional object is a pointer, NULL when absent;
 *  - an optional number is a struct optional_*, because absent and 0 differ;
 *  - a list has `items` NULL when the member was absent, not NULL when it was present, even empty;
 *  - enumerations start at 0 with "absent" where absence means something.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/log.h"
#include "base/names.h"

/* The versions of the specification this model implements. */
#define SPEC_VERSION_LEAST "1.0.0"
#define SPEC_VERSION_MOST  "1.3.0"

struct optional_int64 {
    int64_t value;
    bool set;
};

struct optional_uint64 {
    uint64_t value;
    bool set;
};

struct optional_bool {
    bool value;
    bool set;
};

/* `items` has a NULL behind the last string, ready for execve. */
struct string_list {
    const char **items;
    size_t count;
};

struct string_pair {
    const char *key;
    const char *value;
};

struct string_map {
    struct string_pair *items;
    size_t count;
};

struct uint32_list {
    uint32_t *items;
    size_t count;
};

struct uint64_list {
    uint64_t *items;
    size_t count;
};

struct uint64_pair {
    const char *key;
    uint64_t value;
};

struct uint64_map {
    struct uint64_pair *items;
    size_t count;
};

/* Values of one of the enumerations below. */
struct enum_list {
    int *items;
    size_t count;
};

#define SPEC_LIST(type) \
    struct {            \
        type *items;    \
        size_t count;   \
    }

/* for_each_item(mount, &spec->mounts) visits pointers to the items of a SPEC_LIST. */
#define for_each_item(item, list)                          \
    for (__typeof__(*(list)->items) *item = (list)->items; \
         (list)->items != NULL && item < (list)->items + (list)->count; item++)

/* --- enumerations; the tables at the end of this file give the names in JSON ------------------ */

enum spec_namespace_type {
    SPEC_NAMESPACE_MOUNT,
    SPEC_NAMESPACE_PID,
    SPEC_NAMESPACE_NETWORK,
    SPEC_NAMESPACE_UTS,
    SPEC_NAMESPACE_IPC,
    SPEC_NAMESPACE_USER,
    SPEC_NAMESPACE_CGROUP,
    SPEC_NAMESPACE_TIME,
    SPEC_NAMESPACE_TYPES /* how many */
};

enum spec_propagation {
    SPEC_PROPAGATION_ABSENT,
    SPEC_PROPAGATION_PRIVATE,
    SPEC_PROPAGATION_SHARED,
    SPEC_PROPAGATION_SLAVE,
    SPEC_PROPAGATION_UNBINDABLE,
    SPEC_PROPAGATION_RPRIVATE, /* the r-forms are runc's; the specification lists four */
    SPEC_PROPAGATION_RSHARED,
    SPEC_PROPAGATION_RSLAVE,
    SPEC_PROPAGATION_RUNBINDABLE
};

enum spec_device_type {
    SPEC_DEVICE_CHARACTER, /* "c", and "u" for unbuffered, which Linux does not tell apart */
    SPEC_DEVICE_BLOCK,     /* "b" */
    SPEC_DEVICE_FIFO,      /* "p" */
    SPEC_DEVICE_ALL        /* "a": in cgroup rules only */
};

enum spec_seccomp_action {
    SPEC_SECCOMP_ACTION_ABSENT,
    SPEC_SECCOMP_KILL,
    SPEC_SECCOMP_KILL_PROCESS,
    SPEC_SECCOMP_KILL_THREAD,
    SPEC_SECCOMP_TRAP,
    SPEC_SECCOMP_ERRNO,
    SPEC_SECCOMP_TRACE,
    SPEC_SECCOMP_ALLOW,
    SPEC_SECCOMP_LOG,
    SPEC_SECCOMP_NOTIFY
};

enum spec_seccomp_architecture {
    SPEC_ARCH_X86,
    SPEC_ARCH_X86_64,
    SPEC_ARCH_X32,
    SPEC_ARCH_ARM,
    SPEC_ARCH_AARCH64,
    SPEC_ARCH_LOONGARCH64,
    SPEC_ARCH_M68K,
    SPEC_ARCH_MIPS,
    SPEC_ARCH_MIPS64,
    SPEC_ARCH_MIPS64N32,
    SPEC_ARCH_MIPSEL,
    SPEC_ARCH_MIPSEL64,
    SPEC_ARCH_MIPSEL64N32,
    SPEC_ARCH_PPC,
    SPEC_ARCH_PPC64,
    SPEC_ARCH_PPC64LE,
    SPEC_ARCH_S390,
    SPEC_ARCH_S390X,
    SPEC_ARCH_SH,
    SPEC_ARCH_SHEB,
    SPEC_ARCH_PARISC,
    SPEC_ARCH_PARISC64,
    SPEC_ARCH_RISCV64
};

enum spec_seccomp_operator {
    SPEC_SECCOMP_NE,
    SPEC_SECCOMP_LT,
    SPEC_SECCOMP_LE,
    SPEC_SECCOMP_EQ,
    SPEC_SECCOMP_GE,
    SPEC_SECCOMP_GT,
    SPEC_SECCOMP_MASKED_EQ
};

enum spec_seccomp_flag {
    SPEC_SECCOMP_FLAG_TSYNC,
    SPEC_SECCOMP_FLAG_LOG,
    SPEC_SECCOMP_FLAG_SPEC_ALLOW,
    SPEC_SECCOMP_FLAG_WAIT_KILLABLE_RECV
};

enum spec_scheduler_policy {
    SPEC_SCHED_OTHER,
    SPEC_SCHED_FIFO,
    SPEC_SCHED_RR,
    SPEC_SCHED_BATCH,
    SPEC_SCHED_ISO,
    SPEC_SCHED_IDLE,
    SPEC_SCHED_DEADLINE
};

enum spec_scheduler_flag {
    SPEC_SCHED_FLAG_RESET_ON_FORK,
    SPEC_SCHED_FLAG_RECLAIM,
    SPEC_SCHED_FLAG_DL_OVERRUN,
    SPEC_SCHED_FLAG_KEEP_POLICY,
    SPEC_SCHED_FLAG_KEEP_PARAMS,
    SPEC_SCHED_FLAG_UTIL_CLAMP_MIN,
    SPEC_SCHED_FLAG_UTIL_CLAMP_MAX
};

enum spec_io_priority_class {
    SPEC_IO_PRIORITY_REALTIME,
    SPEC_IO_PRIORITY_BEST_EFFORT,
    SPEC_IO_PRIORITY_IDLE
};

enum spec_memory_policy_mode {
    SPEC_MEMORY_POLICY_ABSENT,
    SPEC_MEMORY_POLICY_DEFAULT,
    SPEC_MEMORY_POLICY_BIND,
    SPEC_MEMORY_POLICY_INTERLEAVE,
    SPEC_MEMORY_POLICY_WEIGHTED_INTERLEAVE,
    SPEC_MEMORY_POLICY_PREFERRED,
    SPEC_MEMORY_POLICY_PREFERRED_MANY,
    SPEC_MEMORY_POLICY_LOCAL
};

enum spec_memory_policy_flag {
    SPEC_MEMORY_POLICY_NUMA_BALANCING,
    SPEC_MEMORY_POLICY_RELATIVE_NODES,
    SPEC_MEMORY_POLICY_STATIC_NODES
};

enum spec_personality_domain {
    SPEC_PERSONALITY_ABSENT,
    SPEC_PERSONALITY_LINUX,
    SPEC_PERSONALITY_LINUX32
};

/* --- config.md: process ------------------------------------------------------------------------
 */

struct spec_console_size {
    uint64_t height; /* character cells */
    uint64_t width;
};

struct spec_user {
    uint32_t uid;
    uint32_t gid;
    struct optional_uint64 umask;
    struct uint32_list additional_gids;
};

struct spec_capabilities {
    struct string_list bounding;
    struct string_list permitted;
    struct string_list effective;
    struct string_list inheritable;
    struct string_list ambient;
};

struct spec_rlimit {
    const char *type; /* "RLIMIT_NOFILE" */
    uint64_t soft;
    uint64_t hard;
};

struct spec_scheduler {
    int policy; /* enum spec_scheduler_policy */
    struct optional_int64 nice;
    struct optional_int64 priority;
    struct enum_list flags;         /* enum spec_scheduler_flag */
    struct optional_uint64 runtime; /* nanoseconds, as deadline and period */
    struct optional_uint64 deadline;
    struct optional_uint64 period;
};

struct spec_io_priority {
    int class; /* enum spec_io_priority_class */
    struct optional_int64 priority;
};

struct spec_exec_cpu_affinity {
    const char *initial; /* a cpu list, "0-3,7" */
    const char *final;
};

struct spec_process {
    bool terminal;
    struct spec_console_size *console_size;
    struct spec_user user;
    const char *cwd;
    struct string_list args;
    struct string_list env;
    struct spec_capabilities *capabilities;
    SPEC_LIST(struct spec_rlimit) rlimits;
    bool no_new_privileges;
    const char *apparmor_profile;
    const char *selinux_label;
    struct optional_int64 oom_score_adj;
    struct spec_scheduler *scheduler;
    struct spec_io_priority *io_priority;
    struct spec_exec_cpu_affinity *exec_cpu_affinity;
};

/* --- config.md: root, mounts, hooks --------------------------------------------------------------
 */

struct spec_root {
    const char *path; /* as written: relative to the bundle, or absolute */
    bool readonly;
};

struct spec_id_mapping {
    uint32_t container_id;
    uint32_t host_id;
    uint32_t size;
};

struct spec_id_mappings {
    struct spec_id_mapping *items;
    size_t count;
};

struct spec_mount {
    const char *destination;
    const char *type;
    const char *source;
    struct string_list options;
    struct spec_id_mappings uid_mappings;
    struct spec_id_mappings gid_mappings;
};

struct spec_mounts {
    struct spec_mount *items;
    size_t count;
};

struct spec_hook {
    const char *path;
    struct string_list args;
    struct string_list env;
    struct optional_int64 timeout; /* seconds, at least 1 */
};

struct spec_hook_list {
    struct spec_hook *items;
    size_t count;
};

struct spec_hooks {
    struct spec_hook_list prestart;
    struct spec_hook_list create_runtime;
    struct spec_hook_list create_container;
    struct spec_hook_list start_container;
    struct spec_hook_list poststart;
    struct spec_hook_list poststop;
};

/* --- config-linux.md
 * ------------------------------------------------------------------------------ */

struct spec_namespace {
    int type; /* enum spec_namespace_type */
    const char *path;
};

struct spec_device {
    int type; /* enum spec_device_type */
    const char *path;
    struct optional_int64 major;
    struct optional_int64 minor;
    struct optional_uint64 file_mode;
    struct optional_uint64 uid;
    struct optional_uint64 gid;
};

struct spec_net_device {
    const char *host_name; /* the key of the JSON object */
    const char *name;      /* inside the container; NULL: the same */
};

struct spec_device_rule {
    bool allow;
    struct optional_int64 type;  /* enum spec_device_type; absent is all */
    struct optional_int64 major; /* absent or negative is any */
    struct optional_int64 minor;
    const char *access; /* of "rwm"; NULL is all */
};

struct spec_device_rule_list {
    struct spec_device_rule *items;
    size_t count;
};

struct spec_memory {
    struct optional_int64 limit; /* bytes; -1 is unlimited */
    struct optional_int64 reservation;
    struct optional_int64 swap; /* memory and swap together */
    struct optional_int64 kernel;
    struct optional_int64 kernel_tcp;
    struct optional_uint64 swappiness;
    struct optional_bool disable_oom_killer;
    struct optional_bool use_hierarchy;
    struct optional_bool check_before_update;
};

struct spec_cpu {
    struct optional_uint64 shares;
    struct optional_int64 quota; /* microseconds per period */
    struct optional_uint64 burst;
    struct optional_uint64 period;
    struct optional_int64 realtime_runtime;
    struct optional_uint64 realtime_period;
    const char *cpus;
    const char *mems;
    struct optional_int64 idle;
};

struct spec_pids {
    struct optional_int64 limit;
};

struct spec_block_weight_device {
    int64_t major;
    int64_t minor;
    struct optional_uint64 weight;
    struct optional_uint64 leaf_weight;
};

struct spec_block_throttle_device {
    int64_t major;
    int64_t minor;
    struct optional_uint64 rate; /* bytes or operations per second */
};

struct spec_block_throttle_list {
    struct spec_block_throttle_device *items;
    size_t count;
};

struct spec_block_io {
    struct optional_uint64 weight;
    struct optional_uint64 leaf_weight;
    SPEC_LIST(struct spec_block_weight_device) weight_device;
    struct spec_block_throttle_list throttle_read_bps_device;
    struct spec_block_throttle_list throttle_write_bps_device;
    struct spec_block_throttle_list throttle_read_iops_device;
    struct spec_block_throttle_list throttle_write_iops_device;
};

struct spec_hugepage_limit {
    const char *page_size; /* "2MB" */
    uint64_t limit;        /* bytes */
};

struct spec_network_priority {
    const char *name;
    uint32_t priority;
};

struct spec_network {
    struct optional_uint64 class_id;
    SPEC_LIST(struct spec_network_priority) priorities;
};

struct spec_rdma {
    const char *device; /* the key of the JSON object */
    struct optional_uint64 hca_handles;
    struct optional_uint64 hca_objects;
};

struct spec_resources {
    struct spec_device_rule_list devices;
    struct spec_memory *memory;
    struct spec_cpu *cpu;
    struct spec_pids *pids;
    struct spec_block_io *block_io;
    SPEC_LIST(struct spec_hugepage_limit) hugepage_limits;
    struct spec_network *network;
    SPEC_LIST(struct spec_rdma) rdma;
    struct string_map unified;
};

struct spec_seccomp_arg {
    uint32_t index;
    uint64_t value;
    uint64_t value_two;
    int op; /* enum spec_seccomp_operator */
};

struct spec_seccomp_syscall {
    struct string_list names;
    int action; /* enum spec_seccomp_action */
    struct optional_uint64 errno_ret;
    SPEC_LIST(struct spec_seccomp_arg) args;
};

struct spec_seccomp {
    int default_action; /* enum spec_seccomp_action */
    struct optional_uint64 default_errno_ret;
    struct enum_list architectures; /* enum spec_seccomp_architecture */
    struct enum_list flags;         /* enum spec_seccomp_flag */
    const char *listener_path;
    const char *listener_metadata;
    SPEC_LIST(struct spec_seccomp_syscall) syscalls;
};

struct spec_intel_rdt {
    const char *clos_id;
    struct string_list schemata;
    const char *l3_cache_schema;
    const char *mem_bw_schema;
    bool enable_monitoring;
};

struct spec_memory_policy {
    int mode; /* enum spec_memory_policy_mode */
    const char *nodes;
    struct enum_list flags; /* enum spec_memory_policy_flag */
};

struct spec_personality {
    int domain; /* enum spec_personality_domain */
    struct string_list flags;
};

struct spec_time_offset {
    struct optional_int64 secs;
    struct optional_uint64 nanosecs;
};

struct spec_time_offsets {
    struct spec_time_offset *boottime;
    struct spec_time_offset *monotonic;
};

struct spec_linux {
    SPEC_LIST(struct spec_namespace) namespaces;
    struct spec_id_mappings uid_mappings;
    struct spec_id_mappings gid_mappings;
    struct spec_time_offsets *time_offsets;
    SPEC_LIST(struct spec_device) devices;
    SPEC_LIST(struct spec_net_device) net_devices;
    const char *cgroups_path;
    int rootfs_propagation; /* enum spec_propagation */
    struct spec_resources *resources;
    struct string_map sysctl;
    struct spec_seccomp *seccomp;
    struct string_list masked_paths;
    struct string_list readonly_paths;
    const char *mount_label;
    struct spec_intel_rdt *intel_rdt;
    struct spec_memory_policy *memory_policy;
    struct spec_personality *personality;
};

/* --- config.md: the whole file
 * ---------------------------------------------------------------------- */

struct spec {
    const char *oci_version;
    struct spec_root *root;
    struct spec_mounts mounts;
    struct spec_process *process;
    const char *hostname;
    const char *domainname;
    struct spec_hooks *hooks;
    struct string_map annotations;
    struct spec_linux *linux_; /* NULL when absent ("linux" is a macro in gnu C) */
};

/* --- runtime.md: state, as hooks read it on standard input
 * -------------------------------------------- */

struct spec_state {
    const char *oci_version;
    const char *id;
    const char *status; /* "creating", "created", "running", "stopped" */
    struct optional_int64 pid;
    const char *bundle;
    struct string_map annotations;
};

/* config-linux.md, "The container process state": what a seccomp agent gets with the listener fd.
 */
struct spec_container_process_state {
    const char *oci_version;
    struct string_list fds;
    int64_t pid;
    const char *metadata;
    struct spec_state state;
};

/* --- features.md and features-linux.md
 * ---------------------------------------------------------------- */

struct spec_features_enabled {
    struct optional_bool enabled;
};

struct spec_features_mount_extensions {
    struct spec_features_enabled *idmap;
};

struct spec_features_cgroup {
    struct optional_bool v1;
    struct optional_bool v2;
    struct optional_bool systemd;
    struct optional_bool systemd_user;
    struct optional_bool rdma;
};

struct spec_features_seccomp {
    struct optional_bool enabled;
    struct string_list actions;
    struct string_list operators;
    struct string_list archs;
    struct string_list known_flags;
    struct string_list supported_flags;
};

struct spec_features_intel_rdt {
    struct optional_bool enabled;
    struct optional_bool schemata;
    struct optional_bool monitoring;
};

struct spec_features_memory_policy {
    struct string_list modes;
    struct string_list flags;
};

struct spec_features_linux {
    struct string_list namespaces;
    struct string_list capabilities;
    struct spec_features_cgroup *cgroup;
    struct spec_features_seccomp *seccomp;
    struct spec_features_enabled *apparmor;
    struct spec_features_enabled *selinux;
    struct spec_features_intel_rdt *intel_rdt;
    struct spec_features_memory_policy *memory_policy;
    struct spec_features_mount_extensions *mount_extensions;
    struct spec_features_enabled *net_devices;
};

struct spec_features {
    const char *oci_version_min;
    const char *oci_version_max;
    struct string_list hooks;
    struct string_list mount_options;
    struct spec_features_linux *linux_;
    struct string_map annotations;
    struct string_list potentially_unsafe_config_annotations;
};

/* --- names of the enumerations in JSON
 * ------------------------------------------------------------------ */

extern const struct names spec_namespace_names;
extern const struct names spec_propagation_names;
extern const struct names spec_device_names;
extern const struct names spec_seccomp_action_names;
extern const struct names spec_seccomp_architecture_names;
extern const struct names spec_seccomp_operator_names;
extern const struct names spec_seccomp_flag_names;
extern const struct names spec_scheduler_policy_names;
extern const struct names spec_scheduler_flag_names;
extern const struct names spec_io_priority_names;
extern const struct names spec_memory_policy_mode_names;
extern const struct names spec_memory_policy_flag_names;
extern const struct names spec_personality_names;

/* --- reading and writing
 * ---------------------------------------------------------------------------------- */

/* Read DIR/config.json into *ret, decode and validate.  `dir_path` is used in messages only.
 * Errors: "JSON specification file config.json not found", "config.json: <place>: <what is wrong>".
 * A strict log is told of members without effect; NULL: nobody is.
 * All memory is the arena's. */
must_check int spec_load(int dir, const char *dir_path, struct arena *arena, const struct log *log,
                         struct spec **ret, struct error *err);

/* The same from text in memory (`name` stands where "config.json" would in messages). */
must_check int spec_parse(const char *json, size_t length, const char *name, struct arena *arena,
                          const struct log *log, struct spec **ret, struct error *err);

/* A process object alone (exec --process), and resources alone (update --resources). */
must_check int spec_parse_process(const char *json, size_t length, const char *name,
                                  struct arena *arena, struct spec_process **ret,
                                  struct error *err);
must_check int spec_parse_resources(const char *json, size_t length, const char *name,
                                    struct arena *arena, struct spec_resources **ret,
                                    struct error *err);

/* An array of mounts alone (mounts add, mounts remove). */
must_check int spec_parse_mounts(const char *json, size_t length, const char *name,
                                 struct arena *arena, struct spec_mounts *ret, struct error *err);

/* The rules between fields, each of which names its section of the specification.  spec_load and
 * spec_parse have called it; call it again after overrides have been applied. */
must_check int spec_validate(const struct spec *spec, struct error *err);
must_check int spec_validate_process(const struct spec_process *process, struct error *err);
must_check int spec_validate_resources(const struct spec_resources *resources, struct error *err);
must_check int spec_validate_intel_rdt(const struct spec_intel_rdt *rdt, struct error *err);
must_check int spec_validate_mounts(const struct spec_mounts *mounts, struct error *err);

/* Warn of what is accepted though somebody should know: a version newer than ours,
 * mappings beside a user namespace joined by path.  Once, when a container is made. */
void spec_remark(const struct spec *spec, const struct log *log);

/* The namespace entry of that type, or NULL. */
const struct spec_namespace *spec_namespace_find(const struct spec *spec,
                                                 enum spec_namespace_type type);
