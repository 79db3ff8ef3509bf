/* check: the kernel and its namespaces, ids, parameters, interfaces, limits. */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/file.h"
#include "base/own.h"
#include "base/text.h"
#include "namespaces/ordinary_ids.h"
#include "runtime/check.h"

/* Behind this one, of 5.12, nothing of what we need is younger. */
int check_kernel(struct check *check, struct error *err)
{
    if (mount_knows_attributes())
        return 0;
    return check_missing(check, err, "kernel",
                         "mount_setattr(2) is missing: Linux 5.12 or newer is needed, and a "
                         "seccomp filter that lets it through");
}

/* --- namespaces ------------------------------------------------------------------------------- */

/* The sysctl that limits a kind: user.max_net_namespaces; mount namespaces are "mnt" there too. */
static bool is_switched_off(const struct namespace_kind *kind, char *path, size_t size)
{
    char value[32];

    snprintf(path, size, "/proc/sys/user/max_%s_namespaces", kind->proc_name);
    return read_pseudo_file(AT_FDCWD, path, value, sizeof value) > 0 && strcmp(value, "0") == 0;
}

static int check_kind(struct check *check, const struct namespace_kind *kind, struct error *err)
{
    char path[64];

    snprintf(path, sizeof path, "/proc/self/ns/%s", kind->proc_name);
    if (access(path, F_OK) < 0)
        return check_missing(check, err, "linux.namespaces", "this kernel has no %s namespaces",
                             kind->name);
    if (is_switched_off(kind, path, sizeof path))
        return check_missing(check, err, "linux.namespaces",
                             "%s namespaces are switched off: %s is 0", kind->name, path);
    return 0;
}

/* What forbids them to an ordinary user alone. */
static int check_user_kind(struct check *check, struct error *err)
{
    struct error failure;
    size_t before;

    refuse(&failure, EPERM, "linux.namespaces: no user namespace can be made");
    before = strlen(failure.text);
    user_namespace_hint(&failure);
    return strlen(failure.text) > before ? check_failed(check, &failure, err) : 0;
}

int check_namespaces(struct check *check, struct error *err)
{
    struct namespace_plan *plan = &check->plan.namespaces;
    struct error failure;
    int code = 0;

    for (size_t i = 0; code == 0 && i < NAMESPACE_KINDS; i++) {
        if (plan->create & namespace_kinds[i].flag)
            code = check_kind(check, &namespace_kinds[i], err);
        if (code == 0 && geteuid() != 0 && plan->create & namespace_kinds[i].flag &&
            namespace_kinds[i].type == SPEC_NAMESPACE_USER)
            code = check_user_kind(check, err);
    }
    if (code == 0 && namespace_open_joins(plan, &failure) < 0)
        code = check_failed(check, &failure, err);
    namespace_close_joins(plan);
    return code;
}

/* --- ids -------------------------------------------------------------------------------------- */

int check_id_maps(struct check *check, struct error *err)
{
    const struct id_map_plan *plan = &check->plan.id_maps;
    struct error failure;

    if (plan->direct)
        return 0;
    if (ordinary_user_check_maps(&id_map_uids, &plan->uids, &failure) < 0 &&
        check_failed(check, &failure, err) < 0)
        return -err->code;
    if (ordinary_user_check_maps(&id_map_gids, &plan->gids, &failure) < 0)
        return check_failed(check, &failure, err);
    return 0;
}

/* --- parameters, interfaces ------------------------------------------------------------------- */

/* Joined by path it may turn out to be the host's own: as create asks, when it has opened it. */
static int check_owners(struct check *check, struct error *err)
{
    struct namespace_plan *namespaces = &check->plan.namespaces;
    struct error failure;
    uint64_t foreign;
    int code = 0;

    /* What cannot be opened has been told. */
    if (namespace_open_joins(namespaces, &failure) < 0)
        return 0;
    if (namespace_foreign(namespaces, &foreign, &failure) < 0 ||
        sysctl_plan_check(&check->plan.sysctl, foreign, &failure) < 0)
        code = check_failed(check, &failure, err);
    namespace_close_joins(namespaces);
    return code;
}

/* The interface in "net/ipv4/conf/NAME/...": the host need not have it, and the parameters that it
 * will have are those of "default".  Returns the path to look for. */
static const char *without_interface(const char *path, struct arena *arena)
{
    static const char *const directories[] = {"net/ipv4/conf/", "net/ipv6/conf/", "net/ipv4/neigh/",
                                              "net/ipv6/neigh/", "net/mpls/conf/"};

    for (size_t i = 0; i < count_of(directories); i++) {
        const char *name = path + strlen(directories[i]);

        if (starts_with(path, directories[i]) && strncmp(name, "all/", 4) != 0)
            return arena_print(arena, "%sdefault%s", directories[i], name + strcspn(name, "/"));
    }
    return path;
}

static int check_sysctl(struct check *check, int proc_sys, const struct sysctl *item,
                        struct error *err)
{
    const char *place = arena_print(check->arena, "linux.sysctl[\"%s\"]", item->key);
    const char *path = without_interface(item->path, check->arena);

    if (place == NULL || path == NULL)
        return no_memory(err);
    /* A network that is there already has parameters of its own. */
    if (starts_with(path, "net/") && check->plan.namespaces.join & CLONE_NEWNET)
        return 0;
    return faccessat(proc_sys, path, F_OK, 0) < 0 && errno == ENOENT
               ? check_missing(check, err, place, "this kernel has no such parameter")
               : 0;
}

int check_sysctls(struct check *check, struct error *err)
{
    autoclose int proc_sys = open("/proc/sys", O_PATH | O_DIRECTORY | O_CLOEXEC);

    for (size_t i = 0; proc_sys >= 0 && i < check->plan.sysctl.count; i++) {
        if (check_sysctl(check, proc_sys, &check->plan.sysctl.items[i], err) < 0)
            return -err->code;
    }
    return check_owners(check, err);
}

int check_interfaces(struct check *check, struct error *err)
{
    for (size_t i = 0; i < check->plan.network.count; i++) {
        const char *name = check->plan.network.devices[i].host_name;
        const char *place = arena_print(check->arena, "linux.netDevices.%s", name);

        if (place == NULL)
            return no_memory(err);
        if (if_nametoindex(name) == 0 &&
            check_missing(check, err, place, "this host has no interface of that name") < 0)
            return -err->code;
        if (geteuid() != 0 &&
            check_missing(check, err, place, "only root may take interfaces from the host") < 0)
            return -err->code;
    }
    return 0;
}

/* --- limits ----------------------------------------------------------------------------------- */

/* setrlimit(2): nobody gets more descriptors than fs.nr_open, nor an ordinary user more than he
 * has. */
static int check_rlimit(struct check *check, const struct process_limit *limit, size_t index,
                        struct error *err)
{
    char place[64], most[32];
    struct rlimit own;
    uint64_t number;
    struct error ignored;

    snprintf(place, sizeof place, "process.rlimits[%zu].hard", index);
    if (limit->resource == RLIMIT_NOFILE &&
        read_pseudo_file(AT_FDCWD, "/proc/sys/fs/nr_open", most, sizeof most) > 0 &&
        parse_uint64(most, UINT64_MAX, &number, &ignored) == 0 && limit->limit.rlim_max > number)
        return check_missing(check, err, place,
                             "%" PRIu64 " is more than this host lets anybody open: sysctl "
                             "fs.nr_open is %" PRIu64,
                             (uint64_t)limit->limit.rlim_max, number);
    if (geteuid() != 0 && prlimit(0, limit->resource, NULL, &own) == 0 &&
        limit->limit.rlim_max > own.rlim_max)
        return check_missing(check, err, place,
                             "%s cannot be raised from %" PRIu64 " by an ordinary user",
                             limit->name, (uint64_t)own.rlim_max);
    return 0;
}

int check_rlimits(struct check *check, struct error *err)
{
    struct process_limits_plan plan = {.rlimit_count = 0};
    struct error failure;

    if (process_limits_plan_from_spec(&plan, check->spec->process, check->spec->linux_,
                                      check->arena, &failure) < 0)
        return check_failed(check, &failure, err);
    for (size_t i = 0; i < plan.rlimit_count; i++) {
        if (check_rlimit(check, &plan.rlimits[i], i, err) < 0)
            return -err->code;
    }
    return 0;
}
