#include "runtime/plan.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/own.h"
#include "base/text.h"
#include "runtime/notify.h"
#include "runtime/overrides.h"

bool caller_is_privileged(void)
{
    char map[256];

    if (geteuid() != 0)
        return false;
    /* Root of a user namespace of somebody's own is not root of the host. */
    if (read_pseudo_file(AT_FDCWD, "/proc/self/uid_map", map, sizeof map) < 0)
        return true;

    unsigned inside, outside, size;

    return sscanf(map, "%u %u %u", &inside, &outside, &size) == 3 && inside == 0 && outside == 0 &&
           size == UINT32_MAX;
}

/* --- the process
 * ------------------------------------------------------------------------------------ */

static const char *find_variable(const struct string_list *env, const char *name)
{
    size_t length = strlen(name);

    for (size_t i = 0; i < env->count; i++) {
        if (strncmp(env->items[i], name, length) == 0 && env->items[i][length] == '=')
            return env->items[i] + length + 1;
    }
    return NULL;
}

enum { OWN_VARIABLES = 4, HOME_AND_NULL = 2 };

/* Variables of a service manager's protocols, whose values are ours to say: sd_listen_fds(3),
 * sd_notify(3). */
struct own_variables {
    const char *items[OWN_VARIABLES]; /* "NAME=value" */
    size_t count;
};

static int add_own(struct own_variables *own, const char *variable, struct error *err)
{
    if (variable == NULL)
        return no_memory(err);
    own->items[own->count++] = variable;
    return 0;
}

static int plan_own_variables(struct own_variables *own, const struct process_request *request,
                              struct arena *arena, struct error *err)
{
    if (request->notify && add_own(own, NOTIFY_VARIABLE, err) < 0)
        return -err->code;
    if (request->listen_fds == 0)
        return 0;
    if (add_own(own, arena_print(arena, "LISTEN_FDS=%u", request->listen_fds), err) < 0 ||
        add_own(own, "LISTEN_PID=1", err) < 0)
        return -err->code;
    if (request->listen_names == NULL)
        return 0;
    return add_own(own, arena_print(arena, "LISTEN_FDNAMES=%s", request->listen_names), err);
}

/* What the spec says of the same protocols would be about other descriptors, another socket. */
static bool is_overruled(const char *variable, const struct process_request *request)
{
    if (request->notify && starts_with(variable, "NOTIFY_SOCKET="))
        return true;
    return request->listen_fds > 0 &&
           (starts_with(variable, "LISTEN_FDS=") || starts_with(variable, "LISTEN_PID=") ||
            starts_with(variable, "LISTEN_FDNAMES="));
}

/* The environment, and one slot left for HOME.  Of a name that is there twice getenv(3) would find
 * the first, but the last one counts. */
static int plan_environment(struct process_plan *plan, const struct string_list *given,
                            const struct process_request *request, struct arena *arena,
                            struct error *err)
{
    static const struct string_list nothing;
    struct own_variables own = {.count = 0};
    struct string_list list, *env = &list;

    if (environment_merge(&nothing, given, arena, &list, err) < 0)
        return -err->code;
    plan->env = arena_zero(arena, env->count + OWN_VARIABLES + HOME_AND_NULL, sizeof *plan->env);
    if (plan->env == NULL)
        return no_memory(err);
    if (plan_own_variables(&own, request, arena, err) < 0)
        return -err->code;
    for (size_t i = 0; i < env->count; i++) {
        if (!is_overruled(env->items[i], request))
            plan->env[plan->env_count++] = (char *)env->items[i];
    }
    for (size_t i = 0; i < own.count; i++)
        plan->env[plan->env_count++] = (char *)own.items[i];
    plan->wants_home = find_variable(env, "HOME") == NULL;
    plan->path = find_variable(env, "PATH");
    if (plan->path == NULL)
        plan->path = "";
    return 0;
}

static int check_mapped(const struct spec_id_mappings *mappings, uint32_t id, const char *place,
                        const char *member, struct error *err)
{
    if (mappings->count == 0 || id_map_to_host(mappings, id) >= 0)
        return 0;
    return refuse(err, EINVAL, "%s: %u is not mapped by linux.%s", place, id, member);
}

static int check_ids(const struct spec_user *user, const struct id_map_plan *maps,
                     struct error *err)
{
    if (check_mapped(&maps->uids, user->uid, "process.user.uid", "uidMappings", err) < 0 ||
        check_mapped(&maps->gids, user->gid, "process.user.gid", "gidMappings", err) < 0)
        return -err->code;
    for (size_t i = 0; i < user->additional_gids.count; i++) {
        if (check_mapped(&maps->gids, user->additional_gids.items[i], "process.user.additionalGids",
                         "gidMappings", err) < 0)
            return -err->code;
    }
    return 0;
}

/* What a new user namespace lets a process be. */
static int check_against_maps(struct process_plan *plan, const struct spec_process *process,
                              const struct id_map_plan *maps, struct error *err)
{
    if (check_ids(&process->user, maps, err) < 0)
        return -err->code;
    return maps->deny_setgroups ? credentials_plan_deny_groups(&plan->credentials, err) : 0;
}

/* The modules' plans of one process. */
static int plan_attributes(struct process_plan *plan, const struct spec_process *process,
                           const struct spec_linux *linux_, struct arena *arena,
                           const struct log *log, struct error *err)
{
    const struct spec_seccomp *profile = linux_ != NULL ? linux_->seccomp : NULL;

    if (credentials_plan_from_spec(&plan->credentials, process, arena, log, err) < 0 ||
        process_limits_plan_from_spec(&plan->limits, process, linux_, arena, err) < 0 ||
        security_labels_plan_from_spec(&plan->labels, process, linux_, arena, err) < 0 ||
        seccomp_plan_from_spec(&plan->seccomp, profile, arena, log, err) < 0)
        return -err->code;
    plan->oom_score_adj = plan->limits.oom_score_adj;
    plan->limits.oom_score_adj.set = false;
    return 0;
}

int process_plan_from_spec(struct process_plan *ret, const struct spec_process *process,
                           const struct spec_linux *linux_, const struct process_request *request,
                           struct arena *arena, const struct log *log, struct error *err)
{
    struct process_plan plan = {
        .args = (char **)process->args.items,
        .cwd = process->cwd,
        .terminal = process->terminal,
        .console_size = request->console_size != NULL ? request->console_size
                                                      : process->console_size,
        .own_stdio = request->detach,
        .preserved_fds = request->listen_fds + request->preserve_fds,
    };

    if (plan_environment(&plan, &process->env, request, arena, err) < 0)
        return -err->code;
    if (request->new_keyring) {
        plan.keyring = arena_print(arena, "_ses.%s", request->id);
        if (plan.keyring == NULL)
            return no_memory(err);
    }
    if (plan_attributes(&plan, process, linux_, arena, log, err) < 0 ||
        (request->id_maps != NULL && check_against_maps(&plan, process, request->id_maps, err) < 0))
        return prefix(err, "%s: ", request->source);
    if (!request->new_user_namespace &&
        credentials_plan_limit_to_own(&plan.credentials, log, err) < 0)
        return -err->code;
    *ret = plan;
    return 0;
}

/* --- the container
 * ------------------------------------------------------------------------------------ */

/* A mount of the cgroup file system that the container may write to. */
static bool is_writable_cgroup_mount(const struct spec_mount *mount)
{
    if (mount->source == NULL || strcmp(mount->source, "cgroup") != 0 ||
        strcmp(mount->destination, "/sys/fs/cgroup") != 0)
        return false;
    for (size_t i = 0; i < mount->options.count; i++) {
        if (strcmp(mount->options.items[i], "ro") == 0)
            return false;
    }
    return true;
}

static bool has_writable_cgroup(const struct container_plan *plan)
{
    if ((plan->namespaces.create & CLONE_NEWCGROUP) == 0)
        return false;
    for_each_item (mount, &plan->spec->mounts) {
        if (is_writable_cgroup_mount(mount))
            return true;
    }
    return false;
}

/* config-linux.md, "Cgroup ownership": the host's id of the user that will run the process; root
 * where the cgroup stays ours. */
static uid_t cgroup_owner(const struct container_plan *plan)
{
    const struct spec *spec = plan->spec;
    bool is_mapped = ((plan->namespaces.create | plan->namespaces.join) & CLONE_NEWUSER) != 0;

    if (spec->process == NULL || !has_writable_cgroup(plan) || !plan->is_privileged)
        return 0;
    if (!is_mapped)
        return spec->process->user.uid;

    int64_t uid = id_map_to_host(&spec->linux_->uid_mappings, spec->process->user.uid);

    return uid > 0 ? (uid_t)uid : 0;
}

static int plan_cgroup(struct container_plan *plan, const struct runtime *runtime,
                       struct arena *arena, struct error *err)
{
    static const enum cgroup_manager managers[] = {
        [RUNTIME_CGROUPFS] = CGROUP_MANAGER_CGROUPFS,
        [RUNTIME_SYSTEMD] = CGROUP_MANAGER_SYSTEMD,
        [RUNTIME_NO_CGROUPS] = CGROUP_MANAGER_DISABLED,
    };
    const struct spec_linux *linux_ = plan->spec->linux_;
    struct cgroup_request request = {
        .id = plan->id,
        .cgroups_path = linux_ != NULL ? linux_->cgroups_path : NULL,
        .resources = linux_ != NULL ? linux_->resources : NULL,
        .manager = managers[runtime->cgroup_manager],
        .annotations = plan->spec->annotations,
        .user_directory = runtime->rootless ? runtime->user_directory : NULL,
        .unprivileged = !plan->is_privileged,
        .is_required = !plan->is_privileged && !runtime->rootless,
        .owner = cgroup_owner(plan),
    };

    if (cgroup_host_probe(&plan->cgroup_host, arena, err) < 0)
        return -err->code;
    if (request.manager == CGROUP_MANAGER_SYSTEMD && request.user_directory != NULL &&
        cgroup_ask_user_manager(request.user_directory, arena, &request.user_path, err) < 0)
        return -err->code;
    if (cgroup_plan_from_spec(&plan->cgroup, &plan->cgroup_host, &request, arena, &runtime->log,
                              err) < 0)
        return prefix(err, "%s: ", plan->source);
    return cgroup_record_from_plan(&plan->cgroup_record, &plan->cgroup, arena, err);
}

/* Without a cgroup namespace /proc/self/cgroup has paths from the root of the hierarchy.  On v2
 * they lead somewhere: runc and crun show all of it, which runtimes in privileged containers need.
 * On v1 the container sees its own directory. */
static const char *shown_directory(const struct mount_request *request,
                                   const struct cgroup_host *host,
                                   const struct cgroup_mount_source *source)
{
    bool all = host->pure_v2 && !request->new_cgroup_namespace;

    return all ? host->hierarchies[0].mount_point : source->directory;
}

int plan_cgroup_mounts(struct mount_request *request, const struct cgroup_host *host,
                       const struct cgroup_record *record, struct arena *arena, struct error *err)
{
    struct cgroup_mount_source from[CGROUP_HIERARCHIES_MOST];
    struct mount_cgroup_source *sources = arena_zero(arena, count_of(from), sizeof *sources);

    if (sources == NULL)
        return no_memory(err);

    size_t count = cgroup_mount_sources(host, record, from);

    for (size_t i = 0; i < count; i++)
        sources[i] = (struct mount_cgroup_source){
            from[i].name, from[i].options, shown_directory(request, host, &from[i]), from[i].is_v2};
    request->cgroups = sources;
    request->cgroup_count = count;
    return 0;
}

static int plan_mounts(struct container_plan *plan, const struct runtime *runtime,
                       const struct create_request *create, struct arena *arena, struct error *err)
{
    uint64_t own = plan->namespaces.create | plan->namespaces.join;

    if (layer_choose(&plan->layer, &create->overrides, plan->spec, arena, err) < 0)
        return create->overrides.overlay ? -err->code : prefix(err, "%s: ", plan->source);

    struct mount_request request = {
        .spec = plan->spec,
        .bundle = plan->bundle,
        .new_user_namespace = (own & CLONE_NEWUSER) != 0,
        .new_mount_namespace = (plan->namespaces.create & CLONE_NEWNS) != 0,
        .new_network_namespace = (own & CLONE_NEWNET) != 0,
        .new_pid_namespace = (own & CLONE_NEWPID) != 0,
        .new_ipc_namespace = (own & CLONE_NEWIPC) != 0,
        .new_cgroup_namespace = (plan->namespaces.create & CLONE_NEWCGROUP) != 0,
        .overlay = plan->layer.wanted,
        .overlay_directory = plan->layer.directory,
        .no_pivot = create->no_pivot,
    };

    if (plan_cgroup_mounts(&request, &plan->cgroup_host, &plan->cgroup_record, arena, err) < 0)
        return -err->code;
    if (mount_plan_from_spec(&plan->mounts, &request, arena, &runtime->log, err) < 0)
        return prefix(err, "%s: ", plan->source);
    return 0;
}

static int plan_hooks(struct container_plan *plan, struct arena *arena, struct error *err)
{
    static const struct spec_hooks none;
    struct spec_state state = {
        .oci_version = plan->spec->oci_version,
        .id = plan->id,
        .status = "creating",
        .bundle = plan->bundle,
        .annotations = plan->spec->annotations,
    };

    plan->hooks = plan->spec->hooks != NULL ? plan->spec->hooks : &none;
    if (hook_state_init(&plan->creating, &state, arena, err) < 0)
        return -err->code;
    /* As with runc, which works in there. */
    plan->creating.directory = plan->bundle;
    state.status = "created";
    return hook_state_init(&plan->created, &state, arena, err);
}

/* A bundle without a process can be created, and started never (runtime.md). */
static int plan_process(struct container_plan *plan, const struct runtime *runtime,
                        const struct create_request *create, struct arena *arena, struct error *err)
{
    static const struct spec_process none = {.cwd = "/"};
    const struct spec_process *process = plan->spec->process != NULL ? plan->spec->process : &none;
    struct process_request request = {
        .source = plan->source,
        .id = plan->id,
        .preserve_fds = create->preserve_fds,
        .listen_fds = create->listen_fds,
        .listen_names = create->listen_names,
        .notify = create->notify_socket != NULL,
        .detach = create->detach,
        .console_size = create->console_size,
        .new_keyring = !create->no_new_keyring,
        .new_user_namespace = ((plan->namespaces.create | plan->namespaces.join) & CLONE_NEWUSER) !=
                              0,
        .id_maps = (plan->namespaces.create & CLONE_NEWUSER) != 0 ? &plan->id_maps : NULL,
    };

    if (process->terminal && create->detach && create->console_socket == NULL)
        return refuse(err, EINVAL,
                      "cannot allocate tty if runc will detach without setting console socket");
    if (create->console_socket != NULL && (!create->detach || !process->terminal))
        return refuse(err, EINVAL,
                      "cannot use console socket if runc will not detach or allocate tty");
    plan->has_process = plan->spec->process != NULL;
    return process_plan_from_spec(&plan->process, process, plan->spec->linux_, &request, arena,
                                  &runtime->log, err);
}

/* A container that was promised a share of the cache must not run without one. */
static int plan_resctrl(struct container_plan *plan, struct arena *arena, struct error *err)
{
    const struct spec_intel_rdt *rdt = plan->spec->linux_ != NULL ? plan->spec->linux_->intel_rdt
                                                                  : NULL;
    const char *mount_point;

    if (rdt == NULL)
        return 0;
    return resctrl_find("/proc/self/mountinfo", &mount_point, arena, err) < 0
               ? -err->code
               : resctrl_plan_from_spec(&plan->resctrl, rdt, plan->id, mount_point, arena, err);
}

/* What the parts are made from. */
struct planning {
    struct container_plan *plan;
    const struct runtime *runtime;
    const struct create_request *request;
    struct arena *arena;
};

static int plan_part_namespaces(const struct planning *from, struct error *err)
{
    return namespace_plan_from_spec(&from->plan->namespaces, from->plan->spec, err);
}

/* Root of a user namespace has the rights there that writing maps takes, as root has. */
static int plan_part_id_maps(const struct planning *from, struct error *err)
{
    return id_map_plan_from_spec(&from->plan->id_maps, from->plan->spec, geteuid() == 0, geteuid(),
                                 getegid(), from->arena, err);
}

static int plan_part_time(const struct planning *from, struct error *err)
{
    return time_plan_from_spec(&from->plan->time, from->plan->spec, from->arena, err);
}

static int plan_part_network(const struct planning *from, struct error *err)
{
    return network_plan_from_spec(&from->plan->network, from->plan->spec, from->arena, err);
}

static int plan_part_sysctl(const struct planning *from, struct error *err)
{
    return sysctl_plan_from_spec(&from->plan->sysctl, from->plan->spec,
                                 from->plan->namespaces.create | from->plan->namespaces.join,
                                 from->arena, err);
}

static int plan_part_resctrl(const struct planning *from, struct error *err)
{
    return plan_resctrl(from->plan, from->arena, err);
}

static int plan_part_cgroup(const struct planning *from, struct error *err)
{
    return plan_cgroup(from->plan, from->runtime, from->arena, err);
}

static int plan_part_mounts(const struct planning *from, struct error *err)
{
    return plan_mounts(from->plan, from->runtime, from->request, from->arena, err);
}

static int plan_part_hooks(const struct planning *from, struct error *err)
{
    return plan_hooks(from->plan, from->arena, err);
}

static int plan_part_process(const struct planning *from, struct error *err)
{
    return plan_process(from->plan, from->runtime, from->request, from->arena, err);
}

/* In this order: later parts read what earlier ones have found out. */
static const struct plan_part {
    int (*plan)(const struct planning *from, struct error *err);
    bool names_source; /* its errors begin with the file's name already, where it is the file's */
    bool is_basis;     /* without it the others would complain of its absence */
} plan_parts[] = {
    {plan_part_namespaces, false, true },
    {plan_part_id_maps,    false, false},
    {plan_part_time,       false, false},
    {plan_part_network,    false, false},
    {plan_part_sysctl,     false, false},
    {plan_part_resctrl,    false, false},
    {plan_part_cgroup,     true,  false},
    {plan_part_mounts,     true,  false},
    {plan_part_hooks,      true,  false},
    {plan_part_process,    true,  false},
};

static int make_part(const struct plan_part *part, const struct planning *from, struct error *err)
{
    if (part->plan(from, err) == 0)
        return 0;
    return part->names_source ? -err->code : prefix(err, "%s: ", from->plan->source);
}

static void begin_plan(struct container_plan *plan, const struct spec *spec, const char *bundle,
                       const struct create_request *request)
{
    *plan = (struct container_plan){
        .spec = spec,
        .id = request->id,
        .bundle = bundle,
        .source = request->config != NULL ? request->config : "config.json",
        .is_privileged = caller_is_privileged(),
    };
}

int container_plan_from_spec(struct container_plan *ret, const struct spec *spec,
                             const char *bundle, const struct runtime *runtime,
                             const struct create_request *request, struct arena *arena,
                             struct error *err)
{
    /* Filled in place: the cgroup plan points to the host beside it. */
    const struct planning from = {ret, runtime, request, arena};

    begin_plan(ret, spec, bundle, request);
    for (size_t i = 0; i < count_of(plan_parts); i++) {
        if (make_part(&plan_parts[i], &from, err) < 0)
            return -err->code;
    }
    return 0;
}

void container_plan_try(struct container_plan *ret, const struct spec *spec, const char *bundle,
                        const struct runtime *runtime, const struct create_request *request,
                        struct arena *arena, void (*failed)(void *context, const struct error *err),
                        void *context)
{
    const struct planning from = {ret, runtime, request, arena};
    struct error err;

    begin_plan(ret, spec, bundle, request);
    for (size_t i = 0; i < count_of(plan_parts); i++) {
        if (make_part(&plan_parts[i], &from, &err) == 0)
            continue;
        failed(context, &err);
        if (plan_parts[i].is_basis)
            return;
    }
}
