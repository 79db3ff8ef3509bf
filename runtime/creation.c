#include "runtime/creation.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/kernel.h"
#include "base/own.h"
#include "base/timing.h"
#include "runtime/bundle.h"
#include "runtime/deadline.h"
#include "runtime/descriptors.h"
#include "runtime/unix_socket.h"

const struct log *creation_log(const struct creation *creation)
{
    return &creation->runtime->log;
}

/* Descriptors may run out at any step; the undo must not find none left. */
static int keep_spare(struct creation *creation, struct error *err)
{
    for (size_t i = 0; i < CREATION_SPARE_FDS; i++) {
        creation->spare[i] = kernel_dup(creation->container->directory.fd);
        if (creation->spare[i] < 0)
            return fail(err, errno, "set descriptors aside");
    }
    return 0;
}

static void give_up_spare(struct creation *creation)
{
    for (size_t i = 0; i < CREATION_SPARE_FDS; i++)
        close_fd(&creation->spare[i]);
}

static int read_spec(struct creation *creation, struct error *err)
{
    struct arena *arena = &creation->container->arena;
    const char *bundle_path;

    if (bundle_load(creation->request, creation_log(creation), arena, &creation->spec, &bundle_path,
                    err) < 0)
        return -err->code;
    if (creation->request->notify_socket != NULL &&
        notify_add_mount(creation->spec, creation->request->notify_socket,
                         creation->container->state_path, arena, err) < 0)
        return -err->code;
    spec_remark(creation->spec, creation_log(creation));
    creation->state = (struct spec_state){
        .oci_version = creation->spec->oci_version,
        .id = creation->request->id,
        .status = "creating",
        .bundle = bundle_path,
        .annotations = creation->spec->annotations,
    };
    return 0;
}

/* --- claim-id, write-intent
 * ----------------------------------------------------------------------------------------- */

static const char *created_now(struct arena *arena)
{
    struct timespec now;
    struct tm utc;
    char seconds[32];

    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    strftime(seconds, sizeof seconds, "%Y-%m-%dT%H:%M:%S", &utc);
    return arena_print(arena, "%s.%09ldZ", seconds, now.tv_nsec);
}

static int fill_record(struct creation *creation, struct error *err)
{
    const struct container_plan *plan = &creation->plan;
    struct container *container = creation->container;

    container->record = (struct state_record){
        .version = STATE_VERSION,
        .id = container->id,
        .phase = STATE_CREATING,
        .oci_version = plan->spec->oci_version,
        .bundle = plan->bundle,
        .rootfs = mount_plan_rootfs(plan->mounts),
        .created = created_now(&container->arena),
        .owner = geteuid(),
        .no_new_keyring = creation->request->no_new_keyring,
        .own_pid_namespace = (plan->namespaces.create & CLONE_NEWPID) != 0,
        .cgroup = plan->cgroup_record,
        .resctrl = plan->resctrl.record,
        .over_layer = plan->layer.wanted,
        .layer = plan->layer.directory,
        .time_limit_ns = creation->request->detach ? creation->request->time_limit_ns : 0,
        .time_limit_grace_ns = creation->request->time_limit_grace_ns,
        .poststart = plan->hooks->poststart,
        .poststop = plan->hooks->poststop,
        .annotations = plan->spec->annotations,
    };
    return container->record.created == NULL ? no_memory(err) : 0;
}

void creation_release_id(struct creation *creation)
{
    struct container *container = creation->container;
    struct error err;

    if (state_remove(&container->directory, container->root, container->id, &err) < 0)
        log_warning(creation_log(creation), "undo: %s", err.text);
}

int creation_claim_id(struct creation *creation, struct error *err)
{
    struct container *container = creation->container;

    if (state_claim(container->root, container->id, &container->directory, err) < 0)
        return -err->code;
    if (keep_spare(creation, err) < 0) {
        give_up_spare(creation);
        creation_release_id(creation);
        return -err->code;
    }
    return 0;
}

int creation_make_plan(struct creation *creation, struct error *err)
{
    if (container_plan_from_spec(&creation->plan, creation->spec, creation->state.bundle,
                                 creation->runtime, creation->request, &creation->container->arena,
                                 err) < 0)
        return -err->code;
    if (strict_verdict(&creation->strict, err) < 0)
        return prefix(err, "%s: ", creation->plan.source);
    return 0;
}

int creation_write_intent(struct creation *creation, struct error *err)
{
    struct container *container = creation->container;

    return fill_record(creation, err) < 0 ? -err->code : container_write_record(container, err);
}

int creation_write_config(struct creation *creation, struct error *err)
{
    return state_write_config(&creation->container->directory, creation->plan.spec, err);
}

/* Goes with the state directory. */
int creation_make_notify(struct creation *creation, struct error *err)
{
    return creation->request->notify_socket != NULL
               ? notify_make_directory(creation->container->directory.fd, err)
               : 0;
}

/* --- layer, cgroup
 * ----------------------------------------------------------------------------------------- */

int creation_make_layer(struct creation *creation, struct error *err)
{
    const struct layer_choice *layer = &creation->plan.layer;

    if (layer_prepare(layer, &creation->plan.id_maps, err) < 0)
        return -err->code;
    return layer->directory != NULL
               ? layer_claim(layer->directory, creation->container->state_path, err)
               : 0;
}

void creation_release_layer(struct creation *creation)
{
    if (creation->plan.layer.directory != NULL)
        layer_release(creation->plan.layer.directory, creation->container->state_path);
}

int creation_make_cgroup(struct creation *creation, struct error *err)
{
    return cgroup_create(&creation->cgroup, &creation->container->record.cgroup,
                         &creation->plan.cgroup, err);
}

void creation_remove_cgroup(struct creation *creation)
{
    struct error err;

    cgroup_settle(&creation->cgroup);
    if (cgroup_kill(&creation->cgroup, SIGKILL, &err) < 0 ||
        cgroup_remove(&creation->cgroup, CREATION_REMOVE_DEADLINE_MS, &err) < 0)
        log_warning(creation_log(creation), "undo: %s", err.text);
}

int creation_set_limits(struct creation *creation, struct error *err)
{
    if (cgroup_apply(&creation->cgroup, &creation->plan.cgroup, creation_log(creation), err) < 0)
        return prefix(err, "%s: ", creation->plan.source);
    return 0;
}

int creation_filter_devices(struct creation *creation, struct error *err)
{
    if (cgroup_filter_devices(&creation->cgroup, &creation->plan.cgroup, creation_log(creation),
                              err) < 0)
        return prefix(err, "%s: ", creation->plan.source);
    return 0;
}

/* Also when there is a process already, whose class has gone meanwhile: what was prepared to be the
 * record is out of date then, and what it is still being made. */
static int write_class(void *context, struct error *err)
{
    struct creation *creation = context;
    struct state_record *record = &creation->container->record;

    if (creation->has_record_file) {
        creation_drop_state(creation);
        record->phase = STATE_CREATING;
        record->init = (struct process_identity){.pid = 0};
    }
    return container_write_record(creation->container, err);
}

struct resctrl_intent creation_class_intent(struct creation *creation)
{
    return (struct resctrl_intent){write_class, creation};
}

int creation_enter_class(struct creation *creation, const struct resctrl_members *members,
                         struct error *err)
{
    struct resctrl_record *record = &creation->container->record.resctrl;
    const struct resctrl_intent intent = creation_class_intent(creation);

    if (record->mount_point == NULL)
        return 0;
    if (resctrl_enter(&creation->plan.resctrl, record, members, &intent, err) < 0)
        return prefix(err, "%s: ", creation->plan.source);
    return 0;
}

int creation_make_class(struct creation *creation, struct error *err)
{
    return creation_enter_class(creation, NULL, err);
}

void creation_remove_class(struct creation *creation)
{
    struct error err;

    if (resctrl_leave(&creation->container->record.resctrl, &err) < 0)
        log_warning(creation_log(creation), "undo: %s", err.text);
}

/* --- what the caller is told
 * ----------------------------------------------------------------------------------------- */

/* Where the pid file will be must exist before a process does. */
static int check_pid_file(const char *path, struct error *err)
{
    char directory[PATH_MAX];
    const char *slash = path != NULL ? strrchr(path, '/') : NULL;

    if (path == NULL)
        return 0;
    snprintf(directory, sizeof directory, "%.*s", slash == NULL ? 1 : (int)(slash - path) + 1,
             slash == NULL ? "." : path);
    return access(directory, W_OK | X_OK) < 0 ? fail(err, errno, "pid file %s", path) : 0;
}

/* What is joined by its path, and for sysctls whether that makes it another than ours. */
static int open_joins(struct creation *creation, struct error *err)
{
    const struct container_plan *plan = &creation->plan;
    uint64_t own;

    if (namespace_open_joins(&creation->plan.namespaces, err) < 0)
        return -err->code;
    if (plan->sysctl.count == 0)
        return 0;
    return namespace_foreign(&plan->namespaces, &own, err) < 0
               ? -err->code
               : sysctl_plan_check(&plan->sysctl, own, err);
}

int creation_open_doors(struct creation *creation, struct error *err)
{
    const char *console_socket = creation->request->console_socket;

    if (check_pid_file(creation->request->pid_file, err) < 0)
        return -err->code;
    if (console_socket != NULL && (creation->console = unix_connect(console_socket, err)) < 0)
        return within(err, "console socket");
    if (open_joins(creation, err) < 0)
        return prefix(err, "%s: ", creation->plan.source);
    return 0;
}

void creation_kill_child(struct creation *creation)
{
    struct deadline deadline = deadline_in_ms(CREATION_REMOVE_DEADLINE_MS);
    int pidfd = creation->spawned.pidfd;

    kernel_pidfd_send_signal(pidfd, SIGKILL);
    if (deadline_wait(&deadline, pidfd, POLLIN) > 0)
        waitid((idtype_t)P_PIDFD, (id_t)pidfd, NULL, WEXITED);
    close_fd(&creation->spawned.pidfd);
    close_fd(&creation->container->terminal);
}

static int write_record_file(struct creation *creation, enum state_phase phase, struct error *err)
{
    struct container *container = creation->container;
    struct state_record record = container->record;

    if (process_identify(creation->spawned.pidfd, creation->spawned.pid, &container->boot,
                         &container->arena, &record.init, err) < 0)
        return -err->code;
    record.phase = phase;
    if (state_prepare(&container->directory, &record, &creation->record_file, err) < 0)
        return -err->code;
    container->record = record;
    creation->has_record_file = true;
    return 0;
}

int creation_prepare_state(struct creation *creation, enum state_phase phase, struct error *err)
{
    return creation->spawned.is_doorman ? 0 : write_record_file(creation, phase, err);
}

void creation_drop_state(struct creation *creation)
{
    if (creation->has_record_file)
        replacement_drop(&creation->record_file);
    creation->has_record_file = false;
}

int creation_write_state(struct creation *creation, enum state_phase phase, struct error *err)
{
    const struct create_request *request = creation->request;

    if (!creation->has_record_file && write_record_file(creation, phase, err) < 0)
        return -err->code;
    cgroup_settle(&creation->cgroup);
    if (replacement_commit(&creation->record_file, err) < 0)
        return within(err, "state");
    creation->has_record_file = false;
    if (request->pidfd_socket != NULL &&
        pidfd_socket_send(request->pidfd_socket, "standard", creation->spawned.pidfd, err) < 0)
        return -err->code;
    if (request->pid_file != NULL &&
        pid_file_write(request->pid_file, creation->spawned.pid, err) < 0)
        return -err->code;
    return 0;
}

void creation_forget_pid_file(struct creation *creation)
{
    if (creation->request->pid_file != NULL)
        unlink(creation->request->pid_file);
}

/* --- the walk
 * ----------------------------------------------------------------------------------------- */

static int run_steps(struct creation *creation, const char *verb, const struct create_step *steps,
                     size_t count, struct error *err)
{
    for (size_t done = 0; done < count; done++) {
        int64_t begun = timing_begin(creation_log(creation));
        int code = steps[done].run(creation, err);

        timing_end(creation_log(creation), verb, steps[done].name, begun);
        if (code == 0)
            continue;
        if (!steps[done].is_silent)
            within(err, "%s", steps[done].name);
        give_up_spare(creation);
        while (done-- > 0) {
            if (steps[done].undo != NULL)
                steps[done].undo(creation);
        }
        return -err->code;
    }
    return 0;
}

/* From here on the log is the one that gathers. */
static void become_strict(struct creation *creation)
{
    strict_init(&creation->strict, &creation->runtime->log);
    creation->strict_runtime = *creation->runtime;
    creation->strict_runtime.log = creation->strict.log;
    creation->runtime = &creation->strict_runtime;
}

int creation_run(struct creation *creation, const char *verb, const struct create_step *steps,
                 size_t count, struct container **ret, struct error *err)
{
    const struct create_request *request = creation->request;

    if (state_check_id(request->id, err) < 0 ||
        descriptors_check_preserved(request->listen_fds + request->preserve_fds, err) < 0 ||
        container_new(creation->runtime, request->id, &creation->container, err) < 0)
        return -err->code;

    if (request->strict)
        become_strict(creation);

    int64_t begun = timing_begin(creation_log(creation));
    int code = read_spec(creation, err);

    timing_end(creation_log(creation), verb, "read-bundle", begun);
    if (code == 0)
        code = run_steps(creation, verb, steps, count, err);
    give_up_spare(creation);
    namespace_close_joins(&creation->plan.namespaces);
    network_move_done(&creation->net_devices);
    cgroup_done(&creation->cgroup);
    close_fd(&creation->console);
    close_fd(&creation->listener);
    close_fd(&creation->socket);
    if (code < 0) {
        container_free(creation->container);
        return code;
    }
    if (creation->request->will_start)
        creation->container->is_held = true;
    else
        container_unlock(creation->container);
    *ret = creation->container;
    return 0;
}
