/* exec: one more process in a container; the child walks the same table as the first one. */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/kernel.h"
#include "base/own.h"
#include "base/timing.h"
#include "runtime/deadline.h"
#include "runtime/descriptors.h"
#include "runtime/handle.h"
#include "runtime/handshake.h"
#include "runtime/overrides.h"
#include "runtime/plan.h"
#include "runtime/serve.h"
#include "runtime/spawn.h"
#include "runtime/unix_socket.h"

enum { KILL_DEADLINE_MS = 5000 };

struct execution {
    const struct runtime *runtime;
    const struct exec_request *request;
    struct container *container;
    struct arena arena;
    struct spec *spec;           /* as stored at create */
    struct spec_process process; /* what is to run */
    struct process_plan plan;
    struct spec_state state;
    uint64_t namespaces; /* of the container that are not ours */
    bool is_privileged;  /* caller_is_privileged() */
    struct cgroup cgroup;
    struct cgroup other_cgroup; /* of the first process, for when that takes nobody; or empty */
    int console;
    int terminal;
    int socket;
    struct child child;
    struct spawned spawned;
    int64_t oom_kills; /* in the cgroup, before there was the process */
};

/* --- what to run
 * --------------------------------------------------------------------------------------- */

static int check_executable_status(struct container *container, const struct exec_request *request,
                                   struct error *err)
{
    switch (container_status(container)) {
    case CONTAINER_STOPPED:
        return refuse(err, EINVAL, "cannot exec in a stopped container");
    case CONTAINER_CREATING:
        return refuse(err, EINVAL, "cannot exec in a container that is still being created");
    case CONTAINER_PAUSED:
        if (!request->ignore_paused)
            return refuse(err, EINVAL,
                          "cannot exec in a paused container (use --ignore-paused to override)");
        return 0;
    default:
        return 0;
    }
}

/* The container's own process with what the command line says in its place. */
static int adapt_process(struct execution *execution, struct error *err)
{
    const struct exec_request *request = execution->request;
    struct spec_process *process = &execution->process;

    if (execution->spec->process != NULL)
        *process = *execution->spec->process;
    process->terminal = request->terminal;
    process->console_size = NULL; /* of the container's terminal; ours has the caller's size */
    process->args = request->args;
    if (environment_merge(&process->env, &request->env, &execution->arena, &process->env, err) < 0)
        return -err->code;
    if (request->cwd != NULL)
        process->cwd = request->cwd;
    if (process->cwd == NULL)
        process->cwd = "/";
    if (request->apparmor_profile != NULL)
        process->apparmor_profile = request->apparmor_profile;
    if (request->process_label != NULL)
        process->selinux_label = request->process_label;
    process->no_new_privileges |= request->no_new_privileges;
    return 0;
}

/* --additional-gids come on top of the container's. */
static int add_groups(struct execution *execution, struct error *err)
{
    const struct uint32_list *added = &execution->request->additional_gids;
    struct uint32_list *groups = &execution->process.user.additional_gids;
    uint32_t *all = arena_zero(&execution->arena, groups->count + added->count, sizeof *all);

    if (all == NULL)
        return no_memory(err);
    if (groups->count > 0)
        memcpy(all, groups->items, groups->count * sizeof *all);
    if (added->count > 0)
        memcpy(all + groups->count, added->items, added->count * sizeof *all);
    *groups = (struct uint32_list){all, groups->count + added->count};
    return 0;
}

static int choose_process(struct execution *execution, struct error *err)
{
    if (execution->request->process != NULL)
        execution->process = *execution->request->process;
    else if (adapt_process(execution, err) < 0)
        return -err->code;
    if (add_groups(execution, err) < 0)
        return -err->code;
    if (execution->process.args.count == 0)
        return refuse(err, EINVAL, "process args cannot be empty");
    return spec_validate_process(&execution->process, err);
}

static int check_terminal(const struct execution *execution, struct error *err)
{
    const struct exec_request *request = execution->request;

    if (execution->process.terminal && request->detach && request->console_socket == NULL)
        return refuse(err, EINVAL,
                      "cannot allocate tty if runc will detach without setting console socket");
    if (request->console_socket != NULL && (!request->detach || !execution->process.terminal))
        return refuse(err, EINVAL,
                      "cannot use console socket if runc will not detach or allocate tty");
    return 0;
}

/* --user and --cap change numbers, so they come after the plan. */
static int adapt_credentials(struct execution *execution, struct error *err)
{
    const struct exec_request *request = execution->request;
    struct credentials_plan *credentials = &execution->plan.credentials;

    for (size_t i = 0; i < request->capabilities.count; i++) {
        if (credentials_plan_add_capability(credentials, request->capabilities.items[i],
                                            &execution->runtime->log, err) < 0)
            return within(err, "--cap");
    }
    if (request->user != NULL && credentials_plan_set_user(credentials, request->user, err) < 0)
        return within(err, "--user");
    return 0;
}

/* A user namespace mapped by somebody without rights: setgroups(2) is off in it for good. */
static bool denies_groups(const struct execution *execution)
{
    char path[64];
    char value[16];

    snprintf(path, sizeof path, "/proc/%d/setgroups", container_pid(execution->container));
    return (execution->namespaces & CLONE_NEWUSER) != 0 &&
           read_pseudo_file(AT_FDCWD, path, value, sizeof value) > 0 && strcmp(value, "deny") == 0;
}

static int plan_execution(struct execution *execution, struct error *err)
{
    const struct exec_request *request = execution->request;
    struct process_request process = {
        .source = "exec",
        .id = execution->container->id,
        .preserve_fds = request->preserve_fds,
        .listen_fds = request->listen_fds,
        .listen_names = request->listen_names,
        .detach = request->detach,
        .console_size = request->console_size,
        .new_keyring = !execution->container->record.no_new_keyring,
        .new_user_namespace = (execution->namespaces & CLONE_NEWUSER) != 0,
    };

    if (process_plan_from_spec(&execution->plan, &execution->process, execution->spec->linux_,
                               &process, &execution->arena, &execution->runtime->log, err) < 0 ||
        process_limits_affinity_from_spec(&execution->plan.initial_affinity,
                                          &execution->plan.final_affinity,
                                          execution->process.exec_cpu_affinity, err) < 0)
        return -err->code;
    if (denies_groups(execution) &&
        credentials_plan_deny_groups(&execution->plan.credentials, err) < 0)
        return -err->code;
    return adapt_credentials(execution, err);
}

/* --- where to run it
 * ------------------------------------------------------------------------------------ */

static int open_process_cgroup(struct execution *execution, struct cgroup *ret, struct error *err)
{
    struct cgroup_host host;

    cgroup_done(ret);
    *ret = CGROUP_EMPTY;
    if (cgroup_host_probe(&host, &execution->arena, err) < 0)
        return -err->code;
    return cgroup_open_of_process(ret, &host, container_pid(execution->container),
                                  &execution->arena, err);
}

/* -1: the process has to join by itself. */
static int clone_fd(const struct execution *execution)
{
    return execution->is_privileged ? cgroup_clone_fd(&execution->cgroup) : -1;
}

/* A directory that has gone or could not be made, NULL when all are there. */
static const char *missing_directory(const struct cgroup *cgroup)
{
    for (size_t i = 0; i < cgroup->count; i++) {
        if (cgroup->directories[i].fd < 0)
            return cgroup->directories[i].directory;
    }
    return NULL;
}

/* What --cgroup names is below the container's cgroup.  Without that there is no such place, and
 * whoever joined only what is left would be in the caller's cgroup for the rest. */
static int open_sub(struct execution *execution, const struct cgroup *whole, struct error *err)
{
    const char *missing = missing_directory(whole);
    int code = missing != NULL
                   ? refuse(err, ENOENT, "the container has no cgroup %s", missing)
                   : cgroup_open_sub(&execution->cgroup, whole, &execution->request->cgroups,
                                     &execution->arena, err);

    return code < 0 ? within(err, "--cgroup") : 0;
}

/* The container's cgroup; where it has been moved away, wherever its first process is now. */
static int choose_cgroup(struct execution *execution, struct error *err)
{
    const struct exec_request *request = execution->request;
    struct cgroup whole = CGROUP_EMPTY;

    if (cgroup_open(&whole, &execution->container->record.cgroup, err) < 0)
        return -err->code;
    if (request->cgroups.count > 0) {
        int code = open_sub(execution, &whole, err);

        cgroup_done(&whole);
        return code;
    }
    execution->cgroup = whole;
    if (missing_directory(&execution->cgroup) != NULL)
        return open_process_cgroup(execution, &execution->cgroup, err);
    /* clone3 tells us when a cgroup takes nobody; a process that joins by itself must know where
     * else to go.  Nowhere is an answer, too. */
    if (clone_fd(execution) < 0) {
        struct error ignored;

        (void)!open_process_cgroup(execution, &execution->other_cgroup, &ignored);
    }
    return 0;
}

static int prepare(struct execution *execution, struct error *err)
{
    const struct exec_request *request = execution->request;
    const struct state_record *record = &execution->container->record;

    if (check_executable_status(execution->container, request, err) < 0 ||
        state_read_config(&execution->container->directory, &execution->arena, &execution->spec,
                          err) < 0 ||
        choose_process(execution, err) < 0 || check_terminal(execution, err) < 0)
        return -err->code;
    execution->state = (struct spec_state){
        .oci_version = record->oci_version,
        .id = record->id,
        .status = "running",
        .bundle = record->bundle,
        .annotations = record->annotations,
    };
    /* An init that is on its way out has no namespaces any more. */
    if (namespace_differences(container_pid(execution->container),
                              namespace_made_for(execution->spec), &execution->namespaces, err) < 0)
        return err->code == ESRCH || err->code == ENOENT
                   ? refuse(err, EINVAL, "cannot exec in a stopped container")
                   : -err->code;
    if (plan_execution(execution, err) < 0 || choose_cgroup(execution, err) < 0)
        return -err->code;
    /* /proc/PID went by number.  It was the container's process if that is still alive. */
    if (!container_is_alive(execution->container))
        return refuse(err, EINVAL, "cannot exec in a stopped container");
    if (request->console_socket != NULL &&
        (execution->console = unix_connect(request->console_socket, err)) < 0)
        return within(err, "console socket");
    return 0;
}

/* --- doing it
 * ---------------------------------------------------------------------------------------------- */

static const struct cgroup *other_cgroup(const struct execution *execution)
{
    return execution->other_cgroup.count > 0 ? &execution->other_cgroup : NULL;
}

static int spawn_once(struct execution *execution, struct error *err)
{
    int ends[2];

    if (handshake_pair(ends, err) < 0)
        return -err->code;

    autoclose int child_end = ends[1];

    execution->oom_kills = cgroup_oom_kills(&execution->cgroup);
    close_fd(&execution->socket);
    execution->socket = ends[0];
    execution->child = (struct child){
        .occasion = CHILD_ON_EXEC,
        .process = &execution->plan,
        .log = &execution->runtime->log,
        .environment = execution->runtime->environment,
        .cgroup = &execution->cgroup,
        .other_cgroup = other_cgroup(execution),
        .has_class = execution->container->record.resctrl.mount_point != NULL,
        .may_stay_outside = !execution->is_privileged,
        .socket = child_end,
        .parents_end = execution->socket,
        .listener = -1,
        .target = execution->container->pidfd,
        .target_namespaces = execution->namespaces,
        .mounts = MOUNT_CHILD_EMPTY,
        .terminal = -1,
        .starter = -1,
    };

    struct spawn_request request = {
        .child = &execution->child,
        .pid_namespace = -1,
        .cgroup = clone_fd(execution),
        .needs_doorman = (execution->namespaces & (CLONE_NEWPID | CLONE_NEWUSER)) != 0,
    };

    return spawn(&request, &execution->spawned, err);
}

/* A cgroup that takes no processes (EBUSY: it has children with controllers; ENOENT: gone): the
 * first process must be in one that does. */
static int spawn_process(struct execution *execution, struct error *err)
{
    if (spawn_once(execution, err) == 0)
        return 0;
    if (execution->request->cgroups.count > 0 || !cgroup_takes_nobody(-err->code))
        return -err->code;
    if (open_process_cgroup(execution, &execution->cgroup, err) < 0)
        return -err->code;
    return spawn_once(execution, err);
}

static int serve_process(struct execution *execution, struct error *err)
{
    struct server server = {
        .socket = execution->socket,
        .spawned = &execution->spawned,
        .cgroup = &execution->cgroup,
        .other_cgroup = other_cgroup(execution),
        .class = &execution->container->record.resctrl,
        .seccomp = &execution->plan.seccomp,
        .limits = &execution->plan.limits,
        .state = &execution->state,
        .environment = execution->runtime->environment,
        .log = &execution->runtime->log,
        .privileged = execution->is_privileged,
        .console = execution->console,
        .terminal = &execution->terminal,
    };

    return serve_child(&server, err) == SERVER_CLOSED ? 0 : -err->code;
}

static int tell_callers(struct execution *execution, struct error *err)
{
    const struct exec_request *request = execution->request;

    if (request->pidfd_socket != NULL &&
        pidfd_socket_send(request->pidfd_socket, "setns", execution->spawned.pidfd, err) < 0)
        return -err->code;
    return request->pid_file != NULL
               ? pid_file_write(request->pid_file, execution->spawned.pid, err)
               : 0;
}

static void kill_process(struct execution *execution)
{
    struct deadline deadline = deadline_in_ms(KILL_DEADLINE_MS);
    int pidfd = execution->spawned.pidfd;

    kernel_pidfd_send_signal(pidfd, SIGKILL);
    if (deadline_wait(&deadline, pidfd, POLLIN) > 0)
        waitid((idtype_t)P_PIDFD, (id_t)pidfd, NULL, WEXITED);
    close_fd(&execution->spawned.pidfd);
}

/* A process that was killed for memory could not say so itself. */
static void explain_end(const struct execution *execution, struct error *err)
{
    if (err->code == ECHILD && cgroup_oom_kills(&execution->cgroup) > execution->oom_kills)
        (void)!hint(err, "possibly OOM-killed");
}

static const struct exec_step {
    const char *name;
    must_check int (*run)(struct execution *execution, struct error *err);
    bool has_process; /* when it fails there is one to be ended */
} exec_steps[] = {
    {"prepare",      prepare,       false},
    {"spawn-child",  spawn_process, false},
    {"serve-child",  serve_process, true },
    {"tell-callers", tell_callers,  true },
};

static int execute(struct execution *execution, struct error *err)
{
    const struct log *log = &execution->runtime->log;

    for (size_t i = 0; i < count_of(exec_steps); i++) {
        int64_t begun = timing_begin(log);
        int code = exec_steps[i].run(execution, err);

        timing_end(log, "exec", exec_steps[i].name, begun);
        if (code == 0)
            continue;
        if (exec_steps[i].has_process) {
            explain_end(execution, err);
            kill_process(execution);
        }
        return -err->code;
    }
    return 0;
}

int container_exec(const struct runtime *runtime, struct container *container,
                   const struct exec_request *request, struct container_process *ret,
                   struct error *err)
{
    struct execution execution = {
        .runtime = runtime,
        .request = request,
        .container = container,
        .is_privileged = caller_is_privileged(),
        .cgroup = CGROUP_EMPTY,
        .other_cgroup = CGROUP_EMPTY,
        .console = -1,
        .terminal = -1,
        .socket = -1,
        .spawned = {.pidfd = -1},
    };
    int code = descriptors_check_preserved(request->listen_fds + request->preserve_fds, err);

    if (code == 0)
        code = execute(&execution, err);
    if (code == 0) {
        ret->pid = execution.spawned.pid;
        ret->pidfd = take_fd(&execution.spawned.pidfd);
        ret->terminal = take_fd(&execution.terminal);
    }
    cgroup_done(&execution.cgroup);
    cgroup_done(&execution.other_cgroup);
    close_fd(&execution.console);
    close_fd(&execution.terminal);
    close_fd(&execution.socket);
    arena_free(&execution.arena);
    return code;
}
