/* config-linux.md, but for control groups and seccomp. */

#include "spec/rows.h"

static const struct name namespaces[] = {
    {"mount",   SPEC_NAMESPACE_MOUNT  },
    {"pid",     SPEC_NAMESPACE_PID    },
    {"network", SPEC_NAMESPACE_NETWORK},
    {"uts",     SPEC_NAMESPACE_UTS    },
    {"ipc",     SPEC_NAMESPACE_IPC    },
    {"user",    SPEC_NAMESPACE_USER   },
    {"cgroup",  SPEC_NAMESPACE_CGROUP },
    {"time",    SPEC_NAMESPACE_TIME   },
};
const struct names spec_namespace_names = NAMES_OF(namespaces);

#define OWNER struct spec_namespace
static const struct field namespace_rows[] = {
    ROW("type", FIELD_ENUM, type, REQUIRED, NAMED(spec_namespace_names)),
    ROW("path", FIELD_STRING, path, EMPTY_IS_UNSET),
};
#undef OWNER
static const struct fields namespace_fields = FIELDS_OF(struct spec_namespace, namespace_rows);

#define OWNER struct spec_time_offset
static const struct field time_offset_rows[] = {
    ROW("secs", FIELD_OPTIONAL_INT64, secs),
    ROW("nanosecs", FIELD_OPTIONAL_UINT64, nanosecs, RANGE(0, 999999999)),
};
#undef OWNER
static const struct fields time_offset_fields = FIELDS_OF(struct spec_time_offset,
                                                          time_offset_rows);

#define OWNER struct spec_time_offsets
static const struct field time_offsets_rows[] = {
    ROW("boottime", FIELD_OBJECT, boottime, OBJECT(time_offset_fields)),
    ROW("monotonic", FIELD_OBJECT, monotonic, OBJECT(time_offset_fields)),
};
#undef OWNER
/* Clocks, of which there are two: an unknown one would be set to nothing, silently. */
static const struct fields time_offsets_fields = {
    .size = sizeof(struct spec_time_offsets),
    .rows = time_offsets_rows,
    .count = sizeof time_offsets_rows / sizeof *time_offsets_rows,
    .closed = true,
};

static const struct name device_types[] = {
    {"c", SPEC_DEVICE_CHARACTER},
    {"u", SPEC_DEVICE_CHARACTER},
    {"b", SPEC_DEVICE_BLOCK    },
    {"p", SPEC_DEVICE_FIFO     },
    {"a", SPEC_DEVICE_ALL      },
};
const struct names spec_device_names = NAMES_OF(device_types);

#define OWNER struct spec_device
static const struct field device_rows[] = {
    ROW("type", FIELD_ENUM, type, REQUIRED, NAMED(spec_device_names)),
    ROW("path", FIELD_STRING, path, REQUIRED),
    /* The kernel has 12 bits for the major number and 20 for the minor. */
    ROW("major", FIELD_OPTIONAL_INT64, major, RANGE(0, 0xfff)),
    ROW("minor", FIELD_OPTIONAL_INT64, minor, RANGE(0, 0xfffff)),
    ROW("fileMode", FIELD_OPTIONAL_UINT64, file_mode, RANGE(0, 0177777)),
    ROW("uid", FIELD_OPTIONAL_UINT64, uid, RANGE(0, MOST_ID)),
    ROW("gid", FIELD_OPTIONAL_UINT64, gid, RANGE(0, MOST_ID)),
};
#undef OWNER
static const struct fields device_fields = FIELDS_OF(struct spec_device, device_rows);

#define OWNER struct spec_net_device
static const struct field net_device_rows[] = {
    ROW("name", FIELD_STRING, name, EMPTY_IS_UNSET),
};
#undef OWNER
static const struct fields net_device_fields = FIELDS_OF(struct spec_net_device, net_device_rows);

static const struct name propagations[] = {
    {"private",     SPEC_PROPAGATION_PRIVATE    },
    {"shared",      SPEC_PROPAGATION_SHARED     },
    {"slave",       SPEC_PROPAGATION_SLAVE      },
    {"unbindable",  SPEC_PROPAGATION_UNBINDABLE },
    {"rprivate",    SPEC_PROPAGATION_RPRIVATE   },
    {"rshared",     SPEC_PROPAGATION_RSHARED    },
    {"rslave",      SPEC_PROPAGATION_RSLAVE     },
    {"runbindable", SPEC_PROPAGATION_RUNBINDABLE},
};
const struct names spec_propagation_names = NAMES_OF(propagations);

#define OWNER struct spec_intel_rdt
static const struct field intel_rdt_rows[] = {
    ROW("closID", FIELD_STRING, clos_id, EMPTY_IS_UNSET),
    ROW("schemata", FIELD_STRINGS, schemata),
    ROW("l3CacheSchema", FIELD_STRING, l3_cache_schema, EMPTY_IS_UNSET),
    ROW("memBwSchema", FIELD_STRING, mem_bw_schema, EMPTY_IS_UNSET),
    ROW("enableMonitoring", FIELD_BOOL, enable_monitoring),
};
#undef OWNER
static const struct fields intel_rdt_fields = FIELDS_OF(struct spec_intel_rdt, intel_rdt_rows);

static const struct name memory_policy_modes[] = {
    {"MPOL_DEFAULT",             SPEC_MEMORY_POLICY_DEFAULT            },
    {"MPOL_BIND",                SPEC_MEMORY_POLICY_BIND               },
    {"MPOL_INTERLEAVE",          SPEC_MEMORY_POLICY_INTERLEAVE         },
    {"MPOL_WEIGHTED_INTERLEAVE", SPEC_MEMORY_POLICY_WEIGHTED_INTERLEAVE},
    {"MPOL_PREFERRED",           SPEC_MEMORY_POLICY_PREFERRED          },
    {"MPOL_PREFERRED_MANY",      SPEC_MEMORY_POLICY_PREFERRED_MANY     },
    {"MPOL_LOCAL",               SPEC_MEMORY_POLICY_LOCAL              },
};
const struct names spec_memory_policy_mode_names = NAMES_OF(memory_policy_modes);

static const struct name memory_policy_flags[] = {
    {"MPOL_F_NUMA_BALANCING", SPEC_MEMORY_POLICY_NUMA_BALANCING},
    {"MPOL_F_RELATIVE_NODES", SPEC_MEMORY_POLICY_RELATIVE_NODES},
    {"MPOL_F_STATIC_NODES",   SPEC_MEMORY_POLICY_STATIC_NODES  },
};
const struct names spec_memory_policy_flag_names = NAMES_OF(memory_policy_flags);

#define OWNER struct spec_memory_policy
static const struct field memory_policy_rows[] = {
    ROW("mode", FIELD_ENUM, mode, REQUIRED, NAMED(spec_memory_policy_mode_names)),
    ROW("nodes", FIELD_STRING, nodes, EMPTY_IS_UNSET),
    ROW("flags", FIELD_ENUMS, flags, NAMED(spec_memory_policy_flag_names)),
};
#undef OWNER
static const struct fields memory_policy_fields = FIELDS_OF(struct spec_memory_policy,
                                                            memory_policy_rows);

static const struct name personality_domains[] = {
    {"LINUX",   SPEC_PERSONALITY_LINUX  },
    {"LINUX32", SPEC_PERSONALITY_LINUX32},
};
const struct names spec_personality_names = NAMES_OF(personality_domains);

#define OWNER struct spec_personality
static const struct field personality_rows[] = {
    ROW("domain", FIELD_ENUM, domain, REQUIRED, NAMED(spec_personality_names)),
    ROW("flags", FIELD_STRINGS, flags),
};
#undef OWNER
static const struct fields personality_fields = FIELDS_OF(struct spec_personality,
                                                          personality_rows);

#define OWNER struct spec_linux
static const struct field linux_rows[] = {
    ROW("uidMappings", FIELD_LIST, uid_mappings, OBJECT(spec_id_mapping_fields)),
    ROW("gidMappings", FIELD_LIST, gid_mappings, OBJECT(spec_id_mapping_fields)),
    ROW("sysctl", FIELD_STRING_MAP, sysctl),
    ROW("resources", FIELD_OBJECT, resources, OBJECT(spec_resources_fields)),
    ROW("cgroupsPath", FIELD_STRING, cgroups_path, EMPTY_IS_UNSET),
    ROW("namespaces", FIELD_LIST, namespaces, OBJECT(namespace_fields)),
    ROW("devices", FIELD_LIST, devices, OBJECT(device_fields)),
    ROW("netDevices", FIELD_KEYED_LIST, net_devices, OBJECT(net_device_fields)),
    ROW("seccomp", FIELD_OBJECT, seccomp, OBJECT(spec_seccomp_fields)),
    ROW("rootfsPropagation", FIELD_ENUM, rootfs_propagation, NAMED(spec_propagation_names),
        EMPTY_IS_UNSET),
    ROW("maskedPaths", FIELD_STRINGS, masked_paths),
    ROW("readonlyPaths", FIELD_STRINGS, readonly_paths),
    ROW("mountLabel", FIELD_STRING, mount_label, EMPTY_IS_UNSET),
    ROW("intelRdt", FIELD_OBJECT, intel_rdt, OBJECT(intel_rdt_fields)),
    ROW("memoryPolicy", FIELD_OBJECT, memory_policy, OBJECT(memory_policy_fields)),
    ROW("personality", FIELD_OBJECT, personality, OBJECT(personality_fields)),
    ROW("timeOffsets", FIELD_OBJECT, time_offsets, OBJECT(time_offsets_fields)),
};
#undef OWNER
const struct fields spec_linux_fields = FIELDS_OF(struct spec_linux, linux_rows);
