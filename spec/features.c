/* features.md and features-linux.md. */

#include "spec/rows.h"

#define OWNER struct spec_features_enabled
static const struct field enabled_rows[] = {
    ROW("enabled", FIELD_OPTIONAL_BOOL, enabled),
};
#undef OWNER
static const struct fields enabled_fields = FIELDS_OF(struct spec_features_enabled, enabled_rows);

#define OWNER struct spec_features_mount_extensions
static const struct field mount_extensions_rows[] = {
    ROW("idmap", FIELD_OBJECT, idmap, OBJECT(enabled_fields)),
};
#undef OWNER
static const struct fields mount_extensions_fields = FIELDS_OF(
    struct spec_features_mount_extensions, mount_extensions_rows);

#define OWNER struct spec_features_cgroup
static const struct field cgroup_rows[] = {
    ROW("v1", FIELD_OPTIONAL_BOOL, v1),
    ROW("v2", FIELD_OPTIONAL_BOOL, v2),
    ROW("systemd", FIELD_OPTIONAL_BOOL, systemd),
    ROW("systemdUser", FIELD_OPTIONAL_BOOL, systemd_user),
    ROW("rdma", FIELD_OPTIONAL_BOOL, rdma),
};
#undef OWNER
static const struct fields cgroup_fields = FIELDS_OF(struct spec_features_cgroup, cgroup_rows);

#define OWNER struct spec_features_seccomp
static const struct field seccomp_rows[] = {
    ROW("enabled", FIELD_OPTIONAL_BOOL, enabled),
    ROW("actions", FIELD_STRINGS, actions),
    ROW("operators", FIELD_STRINGS, operators),
    ROW("archs", FIELD_STRINGS, archs),
    ROW("knownFlags", FIELD_STRINGS, known_flags),
    ROW("supportedFlags", FIELD_STRINGS, supported_flags),
};
#undef OWNER
static const struct fields seccomp_fields = FIELDS_OF(struct spec_features_seccomp, seccomp_rows);

#define OWNER struct spec_features_intel_rdt
static const struct field intel_rdt_rows[] = {
    ROW("enabled", FIELD_OPTIONAL_BOOL, enabled),
    ROW("schemata", FIELD_OPTIONAL_BOOL, schemata),
    ROW("monitoring", FIELD_OPTIONAL_BOOL, monitoring),
};
#undef OWNER
static const struct fields intel_rdt_fields = FIELDS_OF(struct spec_features_intel_rdt,
                                                        intel_rdt_rows);

#define OWNER struct spec_features_memory_policy
static const struct field memory_policy_rows[] = {
    ROW("modes", FIELD_STRINGS, modes),
    ROW("flags", FIELD_STRINGS, flags),
};
#undef OWNER
static const struct fields memory_policy_fields = FIELDS_OF(struct spec_features_memory_policy,
                                                            memory_policy_rows);

#define OWNER struct spec_features_linux
static const struct field linux_rows[] = {
    ROW("namespaces", FIELD_STRINGS, namespaces),
    ROW("capabilities", FIELD_STRINGS, capabilities),
    ROW("cgroup", FIELD_OBJECT, cgroup, OBJECT(cgroup_fields)),
    ROW("seccomp", FIELD_OBJECT, seccomp, OBJECT(seccomp_fields)),
    ROW("apparmor", FIELD_OBJECT, apparmor, OBJECT(enabled_fields)),
    ROW("selinux", FIELD_OBJECT, selinux, OBJECT(enabled_fields)),
    ROW("intelRdt", FIELD_OBJECT, intel_rdt, OBJECT(intel_rdt_fields)),
    ROW("memoryPolicy", FIELD_OBJECT, memory_policy, OBJECT(memory_policy_fields)),
    ROW("mountExtensions", FIELD_OBJECT, mount_extensions, OBJECT(mount_extensions_fields)),
    ROW("netDevices", FIELD_OBJECT, net_devices, OBJECT(enabled_fields)),
};
#undef OWNER
static const struct fields linux_fields = FIELDS_OF(struct spec_features_linux, linux_rows);

#define OWNER struct spec_features
static const struct field features_rows[] = {
    ROW("ociVersionMin", FIELD_STRING, oci_version_min, REQUIRED),
    ROW("ociVersionMax", FIELD_STRING, oci_version_max, REQUIRED),
    ROW("hooks", FIELD_STRINGS, hooks),
    ROW("mountOptions", FIELD_STRINGS, mount_options),
    ROW("linux", FIELD_OBJECT, linux_, OBJECT(linux_fields)),
    ROW("annotations", FIELD_STRING_MAP, annotations),
    ROW("potentiallyUnsafeConfigAnnotations", FIELD_STRINGS, potentially_unsafe_config_annotations),
};
#undef OWNER
const struct fields spec_features_fields = FIELDS_OF(struct spec_features, features_rows);
