#include "runtime/container.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

#include "base/file.h"
#include "base/own.h"
#include "base/text.h"
#include "cgroups/cgroup.h"
#include "runtime/handle.h"
#include "runtime/members.h"
#include "runtime/unix_socket.h"
#include "spec/rows.h"

enum { LOCK_DEADLINE_MS = 10000 };

int container_new(const struct runtime *runtime, const char *id, struct container **ret,
                  struct error *err)
{
    struct container *container = calloc(1, sizeof *container);

    if (container == NULL)
        return no_memory(err);
    container->directory.fd = -1;
    container->pidfd = -1;
    container->terminal = -1;
    container->starter = -1;
    container->notify = (struct notify)NOTIFY_CLOSED;
    container->root = arena_string(&container->arena, runtime->root);
    container->id = arena_string(&container->arena, id);
    container->state_path = arena_print(&container->arena, "%s/%s", runtime->root, id);
    if (container->root == NULL || container->id == NULL || container->state_path == NULL) {
        container_free(container);
        return no_memory(err);
    }
    *ret = container;
    return 0;
}

void container_free(struct container *container)
{
    if (container == NULL)
        return;
    state_close(&container->directory);
    close_fd(&container->pidfd);
    close_fd(&container->terminal);
    close_fd(&container->starter);
    notify_close(&container->notify);
    if (container->is_lent)
        return;
    arena_free(&container->arena);
    free(container);
}

static int read_record(struct container *container, struct error *err)
{
    if (state_read(&container->directory, container->id, &container->arena, &container->record,
                   err) < 0)
        return -err->code;
    /* Once held, a process stays held: run reaps it through this fd long after it has ended. */
    if (container->pidfd < 0)
        container->pidfd = process_open(&container->record.init, &container->boot);
    return 0;
}

int container_open(const struct runtime *runtime, const char *id, struct container **ret,
                   struct error *err)
{
    struct container *container;

    if (container_new(runtime, id, &container, err) < 0)
        return -err->code;
    if (state_open(runtime->root, id, &container->directory, err) < 0 ||
        read_record(container, err) < 0) {
        container_free(container);
        return -err->code;
    }
    *ret = container;
    return 0;
}

int container_open_in(const struct runtime *runtime, int root, struct boot *boot, const char *id,
                      struct container **ret, struct error *err)
{
    struct container *container;

    if (container_new(runtime, id, &container, err) < 0)
        return -err->code;
    container->boot = *boot;
    if (state_open_in(root, runtime->root, id, &container->directory, err) < 0 ||
        read_record(container, err) < 0) {
        container_free(container);
        return -err->code;
    }
    *boot = container->boot;
    *ret = container;
    return 0;
}

int container_lock(struct container *container, struct error *err)
{
    if (container->is_held) {
        container->is_held = false;
        return 0;
    }
    if (state_lock(&container->directory, container->root, container->id, LOCK_DEADLINE_MS, err) <
        0)
        return -err->code;
    if (read_record(container, err) == 0)
        return 0;
    container_unlock(container);
    return -err->code;
}

void container_unlock(struct container *container)
{
    flock(container->directory.fd, LOCK_UN);
}

int container_write_record(struct container *container, struct error *err)
{
    return state_write(&container->directory, &container->record, err);
}

/* --- status
 * ------------------------------------------------------------------------------------------ */

const char *container_status_name(enum container_status status)
{
    static const char *const names[] = {
        [CONTAINER_CREATING] = "creating", [CONTAINER_CREATED] = "created",
        [CONTAINER_RUNNING] = "running",   [CONTAINER_PAUSED] = "paused",
        [CONTAINER_STOPPED] = "stopped",
    };

    return names[status];
}

/* A pidfd becomes readable when its process ends, reaped or not. */
bool container_is_alive(const struct container *container)
{
    struct pollfd end = {.fd = container->pidfd, .events = POLLIN};

    return container->pidfd >= 0 && poll(&end, 1, 0) == 0;
}

enum container_status container_status(struct container *container)
{
    if (container->pidfd < 0 && container->record.phase == STATE_CREATING &&
        container->record.init.pid == 0)
        return CONTAINER_CREATING;
    if (!container_is_alive(container))
        return CONTAINER_STOPPED;
    if (cgroup_record_is_frozen(&container->record.cgroup))
        return CONTAINER_PAUSED;
    switch (container->record.phase) {
    case STATE_CREATING:
        return CONTAINER_CREATING;
    case STATE_CREATED:
        return CONTAINER_CREATED;
    case STATE_STARTING: /* whoever was starting it may have died on either side of the go */
        return container_awaits_start(container) ? CONTAINER_CREATED : CONTAINER_RUNNING;
    default:
        return CONTAINER_RUNNING;
    }
}

#define OWNER struct container_state
static const struct field state_rows[] = {
    ROW("ociVersion", FIELD_STRING, oci_version),
    ROW("id", FIELD_STRING, id),
    ROW("pid", FIELD_INT64, pid, ALWAYS),
    ROW("status", FIELD_STRING, status),
    ROW("bundle", FIELD_STRING, bundle),
    ROW("rootfs", FIELD_STRING, rootfs),
    ROW("created", FIELD_STRING, created),
    ROW("annotations", FIELD_STRING_MAP, annotations),
    ROW("owner", FIELD_STRING, owner),
};
#undef OWNER
const struct fields container_state_fields = FIELDS_OF(struct container_state, state_rows);

int container_state(struct container *container, struct container_state *ret, struct error *err)
{
    const struct state_record *record = &container->record;
    enum container_status status = container_status(container);
    char *owner = arena_print(&container->arena, "%lld", (long long)record->owner);

    if (owner == NULL)
        return no_memory(err);
    *ret = (struct container_state){
        .oci_version = record->oci_version,
        .id = record->id,
        .pid = status == CONTAINER_STOPPED ? 0 : record->init.pid,
        .status = container_status_name(status),
        .bundle = record->bundle,
        .rootfs = record->rootfs,
        .created = record->created,
        .annotations = record->annotations,
        .owner = owner,
    };
    return 0;
}

pid_t container_pid(const struct container *container)
{
    return (pid_t)container->record.init.pid;
}

int container_pidfd(const struct container *container)
{
    return container->pidfd;
}

int container_terminal(const struct container *container)
{
    return container->terminal;
}

/* With neither a cgroup nor a pid namespace of its own there is no way to find the others. */
static int first_process_only(const struct container *container, struct arena *arena, pid_t **ret,
                              size_t *ret_count, struct error *err)
{
    pid_t *pids = arena_zero(arena, 1, sizeof *pids);

    if (pids == NULL)
        return no_memory(err);
    *pids = container_pid(container);
    *ret = pids;
    *ret_count = 1;
    return 0;
}

int container_processes(struct container *container, struct arena *arena, pid_t **ret,
                        size_t *ret_count, struct error *err)
{
    struct cgroup cgroup = CGROUP_EMPTY;

    if (cgroup_open(&cgroup, &container->record.cgroup, err) < 0)
        return -err->code;

    int code = cgroup_processes(&cgroup, arena, ret, ret_count, err);

    cgroup_done(&cgroup);
    /* An ordinary user's container may have no cgroup of its own. */
    if (code == 0 && *ret_count == 0 && container_is_alive(container))
        return container->record.own_pid_namespace
                   ? members_of_pid_namespace(container_pid(container), arena, ret, ret_count, err)
                   : first_process_only(container, arena, ret, ret_count, err);
    return code;
}

int64_t container_oom_kills(const struct container *container)
{
    struct cgroup cgroup = CGROUP_EMPTY;
    struct error ignored;

    if (cgroup_open(&cgroup, &container->record.cgroup, &ignored) < 0)
        return -1;

    int64_t kills = cgroup_oom_kills(&cgroup);

    cgroup_done(&cgroup);
    return kills;
}

/* --- what callers ask for beside the state
 * ------------------------------------------------------------- */

int pid_file_write(const char *path, pid_t pid, struct error *err)
{
    char text[16];
    int length = snprintf(text, sizeof text, "%d", pid);

    if (replace_file(AT_FDCWD, path, text, (size_t)length, 0666, err) < 0)
        return within(err, "pid file");
    return 0;
}

int pidfd_socket_send(const char *path, const char *word, int pidfd, struct error *err)
{
    autoclose int socket = unix_connect(path, err);

    if (socket < 0 || unix_send_fd(socket, word, strlen(word), pidfd, err) < 0)
        return within(err, "pidfd socket");
    return 0;
}
