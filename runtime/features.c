/* What this build can do on this kernel: features.md, features-linux.md. */

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/own.h"
#include "cgroups/cgroup.h"
#include "namespaces/mount/mount.h"
#include "namespaces/namespaces.h"
#include "runtime/container.h"
#include "runtime/credentials.h"
#include "runtime/criu.h"
#include "seccomp/seccomp.h"
#include "spec/fields.h"

static const struct optional_bool yes = {true, true};
static const struct optional_bool no = {false, true};

/* Names, and beginnings of names, by which whoever may annotate a container gets at the host:
 * systemd's properties of its scope, a file for CRIU to read, and ours. */
static const char *const unsafe_annotations[] = {
    "org.criu.config",
    "org.systemd.property.",
    "run.crun-lite.",
};

static int by_name(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

static int list_namespaces(struct string_list *ret, struct arena *arena, struct error *err)
{
    ret->items = arena_zero(arena, NAMESPACE_KINDS + 1, sizeof *ret->items);
    if (ret->items == NULL)
        return no_memory(err);
    for (size_t i = 0; i < NAMESPACE_KINDS; i++)
        ret->items[ret->count++] = namespace_kinds[i].name;
    qsort(ret->items, ret->count, sizeof *ret->items, by_name);
    return 0;
}

static int list_names(const struct names *names, struct string_list *ret, struct arena *arena,
                      struct error *err)
{
    ret->items = arena_zero(arena, names->count + 1, sizeof *ret->items);
    if (ret->items == NULL)
        return no_memory(err);
    for (size_t i = 0; i < names->count; i++)
        ret->items[ret->count++] = names->rows[i].name;
    return 0;
}

/* The members of an object, in their order. */
static int list_keys(const struct fields *fields, struct string_list *ret, struct arena *arena,
                     struct error *err)
{
    ret->items = arena_zero(arena, fields->count, sizeof *ret->items);
    if (ret->items == NULL)
        return no_memory(err);
    for (size_t i = 0; i < fields->count; i++)
        ret->items[ret->count++] = fields->rows[i].key;
    return 0;
}

/* Both objects live in the arena as long as the caller wants them. */
struct features_memory {
    struct spec_features_linux linux_;
    struct spec_features_cgroup cgroup;
    struct spec_features_seccomp seccomp;
    struct spec_features_enabled apparmor, selinux, idmap, net_devices;
    struct spec_features_intel_rdt intel_rdt;
    struct spec_features_memory_policy memory_policy;
    struct spec_features_mount_extensions mount_extensions;
};

static int describe_linux(struct features_memory *memory, struct arena *arena, struct error *err)
{
    cgroup_features(&memory->cgroup);
    /* features-linux.md: "whether the runtime supports" it "... the value is unrelated to whether
     * the host OS supports" it.  These are always built in, and need no library: constants. */
    memory->apparmor.enabled = yes;
    memory->selinux.enabled = yes;
    /* containerd believes this before it makes a container that needs it, so the kernel is asked.
     */
    memory->idmap.enabled = mount_knows_id_maps() ? yes : no;
    memory->net_devices.enabled = yes;
    memory->intel_rdt = (struct spec_features_intel_rdt){yes, yes, yes};
    memory->mount_extensions.idmap = &memory->idmap;
    memory->linux_.cgroup = &memory->cgroup;
    memory->linux_.seccomp = &memory->seccomp;
    memory->linux_.apparmor = &memory->apparmor;
    memory->linux_.selinux = &memory->selinux;
    memory->linux_.intel_rdt = &memory->intel_rdt;
    memory->linux_.memory_policy = &memory->memory_policy;
    memory->linux_.mount_extensions = &memory->mount_extensions;
    memory->linux_.net_devices = &memory->net_devices;
    if (list_namespaces(&memory->linux_.namespaces, arena, err) < 0 ||
        credentials_known_capabilities(&memory->linux_.capabilities, arena, err) < 0 ||
        seccomp_features(&memory->seccomp, arena, err) < 0 ||
        list_names(&spec_memory_policy_mode_names, &memory->memory_policy.modes, arena, err) < 0)
        return -err->code;
    return list_names(&spec_memory_policy_flag_names, &memory->memory_policy.flags, arena, err);
}

/* checkpoint and restore are criu's work. */
static const char *checkpoint_is_there(char *const *environment, struct arena *arena)
{
    const char *program;
    struct error err;

    return criu_look_up(environment, arena, &program, &err) == 0 ? "true" : "false";
}

static int describe_annotations(char *const *environment, struct string_map *ret,
                                struct arena *arena, struct error *err)
{
    char version[32];

    seccomp_library_version(version, sizeof version);
    ret->items = arena_zero(arena, 2, sizeof *ret->items);
    if (ret->items == NULL)
        return no_memory(err);
    ret->items[0] = (struct string_pair){"io.github.seccomp.libseccomp.version",
                                         arena_string(arena, version)};
    ret->items[1] = (struct string_pair){"org.opencontainers.runc.checkpoint.enabled",
                                         checkpoint_is_there(environment, arena)};
    ret->count = 2;
    return ret->items[0].value == NULL ? no_memory(err) : 0;
}

int runtime_features(char *const *environment, struct spec_features *ret, struct arena *arena,
                     struct error *err)
{
    struct features_memory *memory = arena_zero(arena, 1, sizeof *memory);

    if (memory == NULL)
        return no_memory(err);
    *ret = (struct spec_features){
        .oci_version_min = SPEC_VERSION_LEAST,
        .oci_version_max = SPEC_VERSION_MOST,
        .linux_ = &memory->linux_,
        .potentially_unsafe_config_annotations = {(const char **)unsafe_annotations,
                                                  count_of(unsafe_annotations)},
    };
    if (list_keys(&spec_hooks_fields, &ret->hooks, arena, err) < 0 ||
        mount_option_names(&ret->mount_options, arena, err) < 0 ||
        describe_annotations(environment, &ret->annotations, arena, err) < 0)
        return -err->code;
    return describe_linux(memory, arena, err);
}
