/* config-linux.md, but for control groups and seccomp. */

#include <ctype.h>
#include <inttypes.h>
#include <net/if.h>
#include <string.h>
#include <sys/stat.h>

#include "base/own.h"
#include "base/text.h"
#include "spec/place.h"
#include "spec/validate.h"

/* The most memory nodes that Linux can be built for, less one. */
enum { MOST_NODE = 1023 };

static const struct spec_namespace *find(const struct spec_linux *linux_,
                                         enum spec_namespace_type type)
{
    for_each_item (entry, &linux_->namespaces) {
        if (entry->type == (int)type)
            return entry;
    }
    return NULL;
}

/* --- "Namespaces" --------------------------------------------------------------------------------
 */

/* "If a namespaces field contains duplicated namespaces with same type, the runtime MUST generate
 * an error"; "path ... MUST be an absolute path in the runtime mount namespace". */
static int check_namespaces(const struct spec_linux *linux_, struct error *err)
{
    for (size_t i = 0; i < linux_->namespaces.count; i++) {
        const struct spec_namespace *entry = &linux_->namespaces.items[i];

        if (find(linux_, (enum spec_namespace_type)entry->type) != entry) {
            wrong(err, "\"%s\" is given twice", names_of_value(&spec_namespace_names, entry->type));
            in_member(err, "type");
        } else if (entry->path != NULL && validate_absolute(entry->path, err) < 0) {
            in_member(err, "path");
        } else {
            continue;
        }
        in_item(err, i);
        return in_member(err, "namespaces");
    }
    return 0;
}

/* --- "User namespace mappings"
 * ----------------------------------------------------------------------- */

static int check_mappings_of(const struct spec_id_mappings *mappings,
                             const struct spec_namespace *user, struct error *err)
{
    if (mappings->count > 0 && user == NULL)
        return wrong(err, "needs a user namespace, and linux.namespaces has none");
    if (mappings->count == 0 && user != NULL && user->path == NULL)
        return wrong(err, "missing, and a new user namespace needs them");
    return validate_id_mappings(mappings, err);
}

/* Mappings beside a path are accepted: containerd and CRI-O repeat those of the namespace joined.
 */
static int check_user_namespace(const struct spec_linux *linux_, struct error *err)
{
    const struct spec_namespace *user = find(linux_, SPEC_NAMESPACE_USER);

    if (check_mappings_of(&linux_->uid_mappings, user, err) < 0)
        return in_member(err, "uidMappings");
    if (check_mappings_of(&linux_->gid_mappings, user, err) < 0)
        return in_member(err, "gidMappings");
    return 0;
}

/* --- "Offset for Time Namespace"
 * ------------------------------------------------------------------------ */

static int check_time_offsets(const struct spec_linux *linux_, struct error *err)
{
    const struct spec_time_offsets *offsets = linux_->time_offsets;
    const struct spec_namespace *time = find(linux_, SPEC_NAMESPACE_TIME);

    if (offsets == NULL || (offsets->boottime == NULL && offsets->monotonic == NULL))
        return 0;
    if (time == NULL)
        wrong(err, "needs a new time namespace, and linux.namespaces has none");
    else if (time->path != NULL)
        wrong(err, "needs a new time namespace, and linux.namespaces joins one by path");
    else
        return 0;
    return in_member(err, "timeOffsets");
}

/* --- "Devices"
 * --------------------------------------------------------------------------------------------- */

/* fileMode is the permissions; engines that copy st_mode put the type in front, which does no harm
 * when it is the right one. */
static bool is_file_mode(const struct spec_device *device)
{
    static const mode_t formats[] = {
        [SPEC_DEVICE_CHARACTER] = S_IFCHR,
        [SPEC_DEVICE_BLOCK] = S_IFBLK,
        [SPEC_DEVICE_FIFO] = S_IFIFO,
    };
    uint64_t format = device->file_mode.value & S_IFMT;

    if (format != 0 && format != formats[device->type])
        return false;
    return (device->file_mode.value & ~(uint64_t)S_IFMT) <= 0777;
}

static bool has_parent_component(const char *path)
{
    for (const char *at = path; (at = strstr(at, "/..")) != NULL; at += 3) {
        if (at[3] == '\0' || at[3] == '/')
            return true;
    }
    return false;
}

/* "path - full path to device inside container"; "major, minor (REQUIRED unless type is p)". */
static int check_device(const struct spec_device *device, struct error *err)
{
    char quoted[1040];

    if (device->type == SPEC_DEVICE_ALL) {
        wrong(err, "\"a\" is for device rules; a device is c, b, u or p");
        return in_member(err, "type");
    }
    if (validate_absolute(device->path, err) < 0)
        return in_member(err, "path");
    if (has_parent_component(device->path)) {
        wrong(err, "\"%s\" holds \"..\"", quotable(quoted, device->path));
        return in_member(err, "path");
    }
    if (device->type != SPEC_DEVICE_FIFO && (!device->major.set || !device->minor.set))
        return wrong(err, "\"%s\": missing \"%s\"", quotable(quoted, device->path),
                     device->major.set ? "minor" : "major");
    if (!is_file_mode(device)) {
        wrong(err, "0%" PRIo64 " is not made of permissions (at most 0777)",
              device->file_mode.value);
        return in_member(err, "fileMode");
    }
    return 0;
}

static int check_devices(const struct spec_linux *linux_, struct error *err)
{
    for (size_t i = 0; i < linux_->devices.count; i++) {
        if (check_device(&linux_->devices.items[i], err) < 0) {
            in_item(err, i);
            return in_member(err, "devices");
        }
    }
    return 0;
}

/* --- "Network Devices"
 * ---------------------------------------------------------------------------------------- */

/* What the kernel takes as an interface name; "%d" would make it choose a number, and another "%"
 * is refused by it. */
static bool is_interface_name(const char *name)
{
    if (name[0] == '\0' || strlen(name) >= IFNAMSIZ)
        return false;
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return false;
    return strpbrk(name, "/:% \t\n\v\f\r") == NULL;
}

static const char *inside_name(const struct spec_net_device *device)
{
    return device->name != NULL ? device->name : device->host_name;
}

static int check_net_device(const struct spec_linux *linux_, size_t index, struct error *err)
{
    const struct spec_net_device *device = &linux_->net_devices.items[index];
    char quoted[1040];

    quotable(quoted, inside_name(device));
    if (!is_interface_name(device->host_name))
        return wrong(err, "not the name of a network interface");
    if (!is_interface_name(inside_name(device))) {
        wrong(err, "\"%s\" is not the name of a network interface", quoted);
        return in_member(err, "name");
    }
    for (size_t i = 0; i < index; i++) {
        const struct spec_net_device *other = &linux_->net_devices.items[i];

        if (strcmp(inside_name(other), inside_name(device)) != 0)
            continue;
        wrong(err, "\"%s\" is the name of another device too", quoted);
        return in_member(err, "name");
    }
    return 0;
}

static int check_net_devices(const struct spec_linux *linux_, struct error *err)
{
    size_t count = linux_->net_devices.count;

    if (count > 0 && find(linux_, SPEC_NAMESPACE_NETWORK) == NULL) {
        wrong(err, "needs a network namespace, and linux.namespaces has none");
        return in_member(err, "netDevices");
    }
    for (size_t i = 0; i < count; i++) {
        if (check_net_device(linux_, i, err) < 0) {
            in_key(err, linux_->net_devices.items[i].host_name);
            return in_member(err, "netDevices");
        }
    }
    return 0;
}

/* --- "Sysctl"
 * -----------------------------------------------------------------------------------------------------
 */

/* sysctl(8): components separated by dots or slashes.  No two separators touch, so no component is
 * empty, "." or "..", whichever of the two is the separator. */
static bool is_sysctl_key(const char *key)
{
    bool separated = true;

    for (const char *at = key; *at != '\0'; at++) {
        bool separator = *at == '.' || *at == '/';

        if ((separator && separated) || isspace((unsigned char)*at) || iscntrl((unsigned char)*at))
            return false;
        separated = separator;
    }
    return !separated && strpbrk(key, "./") != NULL;
}

static int check_sysctl(const struct spec_linux *linux_, struct error *err)
{
    char quoted[1040];

    for (size_t i = 0; i < linux_->sysctl.count; i++) {
        const struct string_pair *pair = &linux_->sysctl.items[i];

        if (!is_sysctl_key(pair->key)) {
            wrong(err, "\"%s\" is not the name of a kernel parameter (such as net.core.somaxconn)",
                  quotable(quoted, pair->key));
        } else if (strchr(pair->value, '\n') != NULL) {
            wrong(err, "\"%s\" holds a newline", quotable(quoted, pair->value));
            in_key(err, pair->key);
        } else {
            continue;
        }
        return in_member(err, "sysctl");
    }
    return 0;
}

/* --- "Masked Paths", "Readonly Paths"
 * --------------------------------------------------------------------------------- */

static int check_hidden_paths(const struct spec_linux *linux_, struct error *err)
{
    const struct string_list *masked = &linux_->masked_paths;

    if (validate_absolute_paths(masked, err) < 0)
        return in_member(err, "maskedPaths");
    for (size_t i = 0; i < masked->count; i++) {
        if (strcmp(masked->items[i], "/") != 0)
            continue;
        wrong(err, "\"/\" would hide the whole root");
        in_item(err, i);
        return in_member(err, "maskedPaths");
    }
    if (validate_absolute_paths(&linux_->readonly_paths, err) < 0)
        return in_member(err, "readonlyPaths");
    return 0;
}

/* --- "IntelRdt"
 * ------------------------------------------------------------------------------------------------------------
 */

static int check_schemata(const struct spec_intel_rdt *rdt, struct error *err)
{
    char quoted[1040];

    for (size_t i = 0; i < rdt->schemata.count; i++) {
        if (strchr(rdt->schemata.items[i], '\n') == NULL)
            continue;
        wrong(err, "\"%s\" holds a newline", quotable(quoted, rdt->schemata.items[i]));
        in_item(err, i);
        return in_member(err, "schemata");
    }
    return 0;
}

static bool is_class_name(const char *name)
{
    /* The default class has no directory of its own. */
    if (strcmp(name, "/") == 0)
        return true;
    return strpbrk(name, "/\n") == NULL && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

/* closID is the name of a directory in resctrl; memBwSchema is one line of its schemata file. */
int validate_intel_rdt(const struct spec_intel_rdt *rdt, struct error *err)
{
    const char *bandwidth = rdt->mem_bw_schema;
    char quoted[1040];

    if (rdt->clos_id != NULL && !is_class_name(rdt->clos_id)) {
        wrong(err, "\"%s\" is not the name of a directory", quotable(quoted, rdt->clos_id));
        return in_member(err, "closID");
    }
    if (bandwidth != NULL && (!starts_with(bandwidth, "MB:") || strchr(bandwidth, '\n') != NULL)) {
        wrong(err, "\"%s\" is not one line that starts with \"MB:\"", quotable(quoted, bandwidth));
        return in_member(err, "memBwSchema");
    }
    return check_schemata(rdt, err);
}

static int check_intel_rdt(const struct spec_linux *linux_, struct error *err)
{
    if (linux_->intel_rdt != NULL && validate_intel_rdt(linux_->intel_rdt, err) < 0)
        return in_member(err, "intelRdt");
    return 0;
}

/* --- "Memory policy"
 * -----------------------------------------------------------------------------------------------------------
 */

enum nodes_rule { NODES_REFUSED, NODES_OPTIONAL, NODES_REQUIRED };

/* set_mempolicy(2). */
static const enum nodes_rule nodes_rules[] = {
    [SPEC_MEMORY_POLICY_DEFAULT] = NODES_REFUSED,
    [SPEC_MEMORY_POLICY_BIND] = NODES_REQUIRED,
    [SPEC_MEMORY_POLICY_INTERLEAVE] = NODES_REQUIRED,
    [SPEC_MEMORY_POLICY_WEIGHTED_INTERLEAVE] = NODES_REQUIRED,
    [SPEC_MEMORY_POLICY_PREFERRED] = NODES_OPTIONAL,
    [SPEC_MEMORY_POLICY_PREFERRED_MANY] = NODES_REQUIRED,
    [SPEC_MEMORY_POLICY_LOCAL] = NODES_REFUSED,
};

static int check_nodes(const struct spec_memory_policy *policy, struct error *err)
{
    const char *mode = names_of_value(&spec_memory_policy_mode_names, policy->mode);
    enum nodes_rule rule = nodes_rules[policy->mode];

    if (policy->nodes == NULL && rule == NODES_REQUIRED)
        return wrong(err, "missing, and %s needs it", mode);
    if (policy->nodes != NULL && rule == NODES_REFUSED)
        return wrong(err, "set, and %s takes none", mode);
    if (policy->nodes == NULL)
        return 0;
    return validate_number_list(policy->nodes, MOST_NODE, err);
}

static bool has_flag(const struct spec_memory_policy *policy, enum spec_memory_policy_flag flag)
{
    for (size_t i = 0; i < policy->flags.count; i++) {
        if (policy->flags.items[i] == (int)flag)
            return true;
    }
    return false;
}

static int check_policy_flags(const struct spec_memory_policy *policy, struct error *err)
{
    bool both = has_flag(policy, SPEC_MEMORY_POLICY_STATIC_NODES) &&
                has_flag(policy, SPEC_MEMORY_POLICY_RELATIVE_NODES);

    if (both)
        return wrong(err, "MPOL_F_STATIC_NODES and MPOL_F_RELATIVE_NODES exclude each other");
    if (policy->flags.count > 0 && nodes_rules[policy->mode] == NODES_REFUSED)
        return wrong(err, "set, and %s takes none",
                     names_of_value(&spec_memory_policy_mode_names, policy->mode));
    return 0;
}

static int check_memory_policy(const struct spec_linux *linux_, struct error *err)
{
    const struct spec_memory_policy *policy = linux_->memory_policy;

    if (policy == NULL)
        return 0;
    if (check_nodes(policy, err) < 0)
        in_member(err, "nodes");
    else if (check_policy_flags(policy, err) < 0)
        in_member(err, "flags");
    else
        return 0;
    return in_member(err, "memoryPolicy");
}

/* --- all of them
 * ------------------------------------------------------------------------------------------------------------------
 */

static int check_resources(const struct spec_linux *linux_, struct error *err)
{
    if (linux_->resources != NULL && validate_resources(linux_->resources, err) < 0)
        return in_member(err, "resources");
    return 0;
}

static int check_seccomp(const struct spec_linux *linux_, struct error *err)
{
    if (linux_->seccomp != NULL && validate_seccomp(linux_->seccomp, err) < 0)
        return in_member(err, "seccomp");
    return 0;
}

static int (*const rules[])(const struct spec_linux *, struct error *) = {
    check_namespaces,   check_user_namespace, check_time_offsets,  check_devices,
    check_net_devices,  check_sysctl,         check_resources,     check_seccomp,
    check_hidden_paths, check_intel_rdt,      check_memory_policy,
};

int validate_linux(const struct spec_linux *linux_, struct error *err)
{
    for (size_t i = 0; i < count_of(rules); i++) {
        if (rules[i](linux_, err) < 0)
            return -err->code;
    }
    return 0;
}
