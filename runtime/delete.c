/* delete: the undo of create, from the record alone. */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/kernel.h"
#include "base/own.h"
#include "base/timing.h"
#include "cgroups/cgroup.h"
#include "runtime/deadline.h"
#include "runtime/handle.h"
#include "runtime/hooks.h"
#include "runtime/layer.h"

enum { END_DEADLINE_MS = 10000 };

static int check_deletable(struct container *container, bool force, struct error *err)
{
    enum container_status status = container_status(container);

    if (force || status == CONTAINER_STOPPED || status == CONTAINER_CREATED)
        return 0;
    /* Whoever was making it is gone, or we would not hold the lock. */
    if (status == CONTAINER_CREATING)
        return 0;
    return refuse(err, EBUSY, "cannot delete container %s that is not stopped: %s", container->id,
                  container_status_name(status));
}

/* The first process may be a child of ours (run) or anybody's; either way its pidfd tells the end.
 */
static int end_init(struct container *container, struct error *err)
{
    struct deadline deadline = deadline_in_ms(END_DEADLINE_MS);

    if (container->pidfd < 0)
        return 0;
    if (kernel_pidfd_send_signal(container->pidfd, SIGKILL) < 0 && errno != ESRCH)
        return fail(err, errno, "kill process %d", container_pid(container));
    if (deadline_wait(&deadline, container->pidfd, POLLIN) <= 0)
        return refuse(err, EBUSY, "container init still running: process %d does not end",
                      container_pid(container));
    waitid((idtype_t)P_PIDFD, (id_t)container->pidfd, NULL, WEXITED | WNOHANG);
    return 0;
}

/* What is alive between the first step and the last. */
struct deletion {
    const struct log *log;
    struct container *container;
    struct cgroup cgroup;
};

static int open_cgroup(struct deletion *deletion, struct error *err)
{
    return cgroup_open(&deletion->cgroup, &deletion->container->record.cgroup, err);
}

/* With its first process a pid namespace has ended; who else was in the cgroup came from outside.
 */
static bool has_ended_as_a_whole(const struct container *container)
{
    struct pollfd end = {.fd = container->pidfd, .events = POLLIN};

    return container->record.own_pid_namespace && (container->pidfd < 0 || poll(&end, 1, 0) == 1);
}

/* A pid namespace's init ends it from inside; frozen v1 processes have been thawed by the kill. */
static int end_processes(struct deletion *deletion, struct error *err)
{
    if (has_ended_as_a_whole(deletion->container) && cgroup_remove_if_empty(&deletion->cgroup))
        return end_init(deletion->container, err);
    container_warn_of_others(deletion->log, deletion->container, &deletion->cgroup);
    if (cgroup_kill(&deletion->cgroup, SIGKILL, err) < 0)
        return -err->code;
    return end_init(deletion->container, err);
}

static int remove_cgroup(struct deletion *deletion, struct error *err)
{
    return cgroup_remove(&deletion->cgroup, END_DEADLINE_MS, err);
}

static int leave_class(struct deletion *deletion, struct error *err)
{
    return resctrl_leave(&deletion->container->record.resctrl, err);
}

static int release_layer(struct deletion *deletion, struct error *err)
{
    const struct container *container = deletion->container;

    (void)err;
    if (container->record.layer != NULL)
        layer_release(container->record.layer, container->state_path);
    return 0;
}

static int release_id(struct deletion *deletion, struct error *err)
{
    const struct container *container = deletion->container;

    return state_remove(&container->directory, container->root, container->id, err);
}

/* The undo column of create.c, from the record alone.  The record goes last: what fails before can
 * be repeated. */
static const struct delete_step {
    const char *name;
    must_check int (*run)(struct deletion *deletion, struct error *err);
} delete_steps[] = {
    {"open-cgroup",   open_cgroup  },
    {"end-processes", end_processes},
    {"remove-cgroup", remove_cgroup},
    {"leave-class",   leave_class  },
    {"release-layer", release_layer},
    {"release-id",    release_id   },
};

static int remove_all(const struct log *log, struct container *container, struct error *err)
{
    struct deletion deletion = {.log = log, .container = container, .cgroup = CGROUP_EMPTY};
    int code = 0;

    for (size_t i = 0; code == 0 && i < count_of(delete_steps); i++) {
        int64_t begun = timing_begin(log);

        code = delete_steps[i].run(&deletion, err);
        timing_end(log, "delete", delete_steps[i].name, begun);
    }
    cgroup_done(&deletion.cgroup);
    return code;
}

/* runtime.md, delete: a failing poststop hook is warned about; the container is gone all the same.
 */
static void run_poststop(const struct runtime *runtime, struct container *container)
{
    const struct state_record *record = &container->record;
    struct spec_state state = {
        .oci_version = record->oci_version,
        .id = record->id,
        .status = "stopped",
        .bundle = record->bundle,
        .annotations = record->annotations,
    };
    struct hook_state text;

    for (size_t i = 0; i < record->poststop.count; i++) {
        struct spec_hook_list one = {&record->poststop.items[i], 1};
        struct error err;

        if (hook_state_init(&text, &state, &container->arena, &err) < 0 ||
            hooks_run(&one, "poststop", &text, 0, runtime->environment, &err) < 0)
            log_warning(&runtime->log, "%s", err.text);
    }
}

/* Take away a state directory without a record: nothing has been made for it.  1 when it has got
 * one while we waited for its lock, because a create was on its way. */
static int remove_unrecorded(const struct runtime *runtime, const char *id,
                             const struct state_directory *directory, struct error *err)
{
    if (state_lock(directory, runtime->root, id, 1000, err) < 0)
        return -err->code;
    if (faccessat(directory->fd, "state.json", F_OK, 0) == 0 || errno != ENOENT)
        return 1;
    return state_remove(directory, runtime->root, id, err);
}

/* The id has no record that can be read: nothing is guessed. */
static int delete_without_record(const struct runtime *runtime, const char *id, bool force,
                                 struct error *err)
{
    struct state_directory directory = {-1};
    struct error missing;

    if (state_open(runtime->root, id, &directory, &missing) < 0) {
        *err = missing;
        return force && missing.code == ENOENT ? 0 : -err->code;
    }
    if (!force) {
        state_close(&directory);
        return refuse(err, ENOENT,
                      "container does not exist (its state directory holds no record: "
                      "delete --force removes that)");
    }

    int code = remove_unrecorded(runtime, id, &directory, err);

    state_close(&directory);
    if (code == 1)
        return container_delete(runtime, id, force, err);
    return code == -ENOENT ? 0 : code;
}

int container_delete_open(const struct runtime *runtime, struct container *container, bool force,
                          struct error *err)
{
    int code = container_lock(container, err);

    if (code == 0)
        code = check_deletable(container, force, err);
    if (code == 0)
        code = remove_all(&runtime->log, container, err);
    if (code == 0)
        run_poststop(runtime, container);
    return code == -ENOENT && force ? 0 : code;
}

int container_delete(const struct runtime *runtime, const char *id, bool force, struct error *err)
{
    struct container *container;

    if (container_open(runtime, id, &container, err) < 0) {
        if (err->code == ENOENT)
            return delete_without_record(runtime, id, force, err);
        return force ? hint(err,
                            "nothing was removed: end its processes, remove its cgroup, then %s/%s",
                            runtime->root, id)
                     : -err->code;
    }

    int code = container_delete_open(runtime, container, force, err);

    container_free(container);
    return code;
}
