/*
 * create: the parent's table of steps, each with its undo on the same row.
 */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/kernel.h"
#include "base/own.h"
#include "runtime/deadline.h"
#include "runtime/descriptors.h"
#include "runtime/handle.h"
#include "runtime/handshake.h"
#include "runtime/overrides.h"
#include "runtime/plan.h"
#include "runtime/serve.h"
#include "runtime/spawn.h"
#include "runtime/timing.h"
#include "runtime/unix_socket.h"

enum { REMOVE_DEADLINE_MS = 5000, CONFIG_SIZE_MOST = 16 * 1024 * 1024, SPARE_FDS = 5 };

/* What is alive between the first step and the last. */
struct creation {
    const struct runtime *runtime;
    const struct create_request *request;
    struct container *container; /* the handle that the caller gets */
    struct spec *spec;
    struct container_plan plan;
    struct spec_state state; /* for a seccomp agent */
    struct cgroup cgroup;
    int console;          /* connection; -1 */
    int listener;         /* start.sock; the child's */
    int socket;           /* our end of the handshake */
    int spare[SPARE_FDS]; /* given up before the undo, which needs some: see EMFILE in open(2) */
    struct child child;
    struct spawned spawned;
};

static const struct log *log_of(const struct creation *creation)
{
    return &creation->runtime->log;
}

/* Descriptors may run out at any step; the undo must not find none left. */
static int keep_spare(struct creation *creation, struct error *err)
{
    for (size_t i = 0; i < SPARE_FDS; i++) {
        creation->spare[i] = fcntl(creation->container->directory.fd, F_DUPFD_CLOEXEC, 0);
        if (creation->spare[i] < 0)
            return fail(err, errno, "set descriptors aside");
    }
    return 0;
}

static void give_up_spare(struct creation *creation)
{
    for (size_t i = 0; i < SPARE_FDS; i++)
        close_fd(&creation->spare[i]);
}

/* --- claim-id
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
        .layer = plan->layer.directory,
        .time_limit_ns = creation->request->detach ? creation->request->time_limit_ns : 0,
        .time_limit_grace_ns = creation->request->time_limit_grace_ns,
        .poststart = plan->hooks->poststart,
        .poststop = plan->hooks->poststop,
        .annotations = plan->spec->annotations,
    };
    return container->record.created == NULL ? no_memory(err) : 0;
}

static void release_id(struct creation *creation)
{
    struct container *container = creation->container;
    struct error err;

    if (state_remove(&container->directory, container->root, container->id, &err) < 0)
        log_warning(log_of(creation), "undo: %s", err.text);
}

static int claim_id(struct creation *creation, struct error *err)
{
    struct container *container = creation->container;

    if (state_claim(container->root, container->id, &container->directory, err) < 0)
        return -err->code;
    if (keep_spare(creation, err) < 0) {
        give_up_spare(creation);
        release_id(creation);
        return -err->code;
    }
    return 0;
}

/* With the id in our hand, for the plan looks at the cgroup of that name. */
static int make_plan(struct creation *creation, struct error *err)
{
    return container_plan_from_spec(&creation->plan, creation->spec, creation->state.bundle,
                                    creation->runtime, creation->request,
                                    &creation->container->arena, err);
}

/* The record says what will be made before any of it is. */
static int write_intent(struct creation *creation, struct error *err)
{
    struct container *container = creation->container;

    if (fill_record(creation, err) < 0 || container_write_record(container, err) < 0)
        return -err->code;
    return state_write_config(&container->directory, creation->plan.spec, err);
}

/* --- open-doors: what is connected or opened before the child exists
 * -------------------------------------- */

static int open_listener(struct creation *creation, struct error *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    autoclose int listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

    snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/start.sock",
             creation->container->directory.fd);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof address) < 0)
        return fail(err, errno, "make start.sock");
    creation->listener = take_fd(&listener);
    return 0;
}

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

static int open_doors(struct creation *creation, struct error *err)
{
    const char *console_socket = creation->request->console_socket;

    if (check_pid_file(creation->request->pid_file, err) < 0)
        return -err->code;

    if (console_socket != NULL && (creation->console = unix_connect(console_socket, err)) < 0)
        return within(err, "console socket");
    if (namespace_open_joins(&creation->plan.namespaces, err) < 0)
        return prefix(err, "%s: ", creation->plan.source);
    return open_listener(creation, err);
}

static int make_layer(struct creation *creation, struct error *err)
{
    const struct layer_choice *layer = &creation->plan.layer;

    if (layer_prepare(layer, &creation->plan.id_maps, err) < 0)
        return -err->code;
    return layer->directory != NULL
               ? layer_claim(layer->directory, creation->container->state_path, err)
               : 0;
}

/* Upper and work stay: they are the caller's, to keep. */
static void release_layer(struct creation *creation)
{
    if (creation->plan.layer.directory != NULL)
        layer_release(creation->plan.layer.directory, creation->container->state_path);
}

/* --- cgroup
 * ------------------------------------------------------------------------------------------------
 */

static int make_cgroup(struct creation *creation, struct error *err)
{
    return cgroup_create(&creation->cgroup, &creation->container->record.cgroup,
                         &creation->plan.cgroup, err);
}

static void remove_cgroup(struct creation *creation)
{
    struct error err;

    if (cgroup_kill(&creation->cgroup, SIGKILL, &err) < 0 ||
        cgroup_remove(&creation->cgroup, REMOVE_DEADLINE_MS, &err) < 0)
        log_warning(log_of(creation), "undo: %s", err.text);
}

static int set_limits(struct creation *creation, struct error *err)
{
    if (cgroup_apply(&creation->cgroup, &creation->plan.cgroup, log_of(creation), err) < 0)
        return prefix(err, "%s: ", creation->plan.source);
    return 0;
}

/* --- the first process
 * --------------------------------------------------------------------------------------- */

/* Namespaces for clone.  Not the cgroup one, whose root is the cgroup one is in when it is made;
 * nor a time namespace with offsets, which freeze when the first process enters: see child.c for
 * both. */
static uint64_t clone_namespaces(const struct container_plan *plan)
{
    uint64_t later = CLONE_NEWCGROUP;

    if (plan->time.offsets != NULL && (plan->namespaces.join & CLONE_NEWUSER) == 0)
        later |= CLONE_NEWTIME;
    return plan->namespaces.create & ~later;
}

/* A cgroup that was there before us is joined by the child itself: Linux 6.18 kills whoever is
 * cloned into one that cgroup.kill has ever been written to. */
static int clone_cgroup(const struct cgroup *cgroup)
{
    int fd = cgroup_clone_fd(cgroup);

    for (size_t i = 0; i < cgroup->count; i++) {
        if (cgroup->directories[i].fd == fd && cgroup->directories[i].made == 0)
            return -1;
    }
    return fd;
}

static int joined_pid_namespace(const struct namespace_plan *plan)
{
    for (size_t i = 0; i < plan->join_count; i++) {
        if (plan->joins[i].kind->flag == CLONE_NEWPID)
            return plan->joins[i].fd;
    }
    return -1;
}

static int spawn_child(struct creation *creation, struct error *err)
{
    const struct container_plan *plan = &creation->plan;
    int ends[2];

    if (handshake_pair(ends, err) < 0)
        return -err->code;

    autoclose int child_end = ends[1];

    creation->socket = ends[0];
    creation->child = (struct child){
        .occasion = CHILD_ON_CREATE,
        .process = &plan->process,
        .container = plan,
        .log = log_of(creation),
        .environment = creation->runtime->environment,
        .cgroup = &creation->cgroup,
        .socket = child_end,
        .parents_end = creation->socket,
        .listener = creation->listener,
        .target = -1,
        .mounts = MOUNT_CHILD_EMPTY,
        .terminal = -1,
        .starter = -1,
    };

    struct spawn_request request = {
        .child = &creation->child,
        .create = clone_namespaces(plan),
        .pid_namespace = joined_pid_namespace(&plan->namespaces),
        .cgroup = clone_cgroup(&creation->cgroup),
        .join_first = &plan->namespaces,
        .time = &plan->time,
        .needs_doorman = (plan->namespaces.join & CLONE_NEWUSER) != 0,
    };

    if (spawn(&request, &creation->spawned, err) < 0)
        return -err->code;
    close_fd(&creation->listener);
    return 0;
}

static void kill_child(struct creation *creation)
{
    struct deadline deadline = deadline_in_ms(REMOVE_DEADLINE_MS);
    int pidfd = creation->spawned.pidfd;

    kernel_pidfd_send_signal(pidfd, SIGKILL);
    if (deadline_wait(&deadline, pidfd, POLLIN) > 0)
        waitid((idtype_t)P_PIDFD, (id_t)pidfd, NULL, WEXITED);
    close_fd(&creation->spawned.pidfd);
    close_fd(&creation->container->terminal);
}

/* A child that was killed for memory could not say so itself. */
static int explain_memory(struct creation *creation, struct error *err)
{
    if (err->code == ECHILD && cgroup_oom_kills(&creation->cgroup) > 0)
        return refuse(err, ENOMEM, "container init was OOM-killed (memory limit too low?)");
    return -err->code;
}

static int serve(struct creation *creation, struct error *err)
{
    struct server server = {
        .socket = creation->socket,
        .spawned = &creation->spawned,
        .container = &creation->plan,
        .seccomp = &creation->plan.process.seccomp,
        .state = &creation->state,
        .environment = creation->runtime->environment,
        .log = log_of(creation),
        .privileged = caller_is_privileged(),
        .console = creation->console,
        .terminal = &creation->container->terminal,
    };

    return serve_child(&server, err) == SERVER_READY ? 0 : explain_memory(creation, err);
}

static int write_state(struct creation *creation, struct error *err)
{
    const struct create_request *request = creation->request;
    struct container *container = creation->container;

    if (process_identify(creation->spawned.pid, &container->arena, &container->record.init, err) <
        0)
        return -err->code;
    container->record.phase = STATE_CREATED;
    if (container_write_record(container, err) < 0)
        return -err->code;
    if (request->pidfd_socket != NULL &&
        pidfd_socket_send(request->pidfd_socket, "standard", creation->spawned.pidfd, err) < 0)
        return -err->code;
    if (request->pid_file != NULL &&
        pid_file_write(request->pid_file, creation->spawned.pid, err) < 0)
        return -err->code;
    return 0;
}

/* The last word to the child: it lives without us from here.  Nothing after this may fail. */
static int let_go(struct creation *creation, struct error *err)
{
    int code = handshake_send(creation->socket, HANDSHAKE_DONE, 0, -1);

    if (code < 0)
        return fail(err, -code, "answer the first process");
    creation->container->pidfd = take_fd(&creation->spawned.pidfd);
    return 0;
}

static void forget_pid_file(struct creation *creation)
{
    if (creation->request->pid_file != NULL)
        unlink(creation->request->pid_file);
}

/* --- the table
 * --------------------------------------------------------------------------------------------- */

struct create_step {
    const char *name;
    must_check int (*run)(struct creation *creation, struct error *err);
    void (*undo)(struct creation *creation);
    bool is_silent; /* its errors say where they come from: the bundle's member, the child's step */
};

static const struct create_step create_steps[] = {
    {"claim-id",     claim_id,     release_id,      true },
    {"make-plan",    make_plan,    NULL,            true },
    {"write-intent", write_intent, NULL,            false},
    {"open-doors",   open_doors,   NULL,            false},
    {"make-layer",   make_layer,   release_layer,   false},
    {"make-cgroup",  make_cgroup,  remove_cgroup,   false},
    {"set-limits",   set_limits,   NULL,            false},
    {"spawn-child",  spawn_child,  kill_child,      false},
    {"serve-child",  serve,        NULL,            true },
    {"write-state",  write_state,  forget_pid_file, false},
    {"let-go",       let_go,       NULL,            false},
};

/* A step that fails has undone itself; those before it are undone, last first. */
static int run_steps(struct creation *creation, struct error *err)
{
    for (size_t done = 0; done < count_of(create_steps); done++) {
        int64_t begun = timing_begin(log_of(creation));
        int code = create_steps[done].run(creation, err);

        timing_end(log_of(creation), "create", create_steps[done].name, begun);
        if (code == 0)
            continue;
        if (!create_steps[done].is_silent)
            within(err, "%s", create_steps[done].name);
        give_up_spare(creation);
        while (done-- > 0) {
            if (create_steps[done].undo != NULL)
                create_steps[done].undo(creation);
        }
        return -err->code;
    }
    return 0;
}

/* --- what comes before: reading and planning
 * ----------------------------------------------------------------- */

static int open_bundle(const char *path, struct arena *arena, int *ret_fd, const char **ret_path,
                       struct error *err)
{
    char quoted[1040];
    char absolute[PATH_MAX];
    autoclose int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return fail(err, errno, "bundle %s", quotable(quoted, path));
    if (realpath(path, absolute) == NULL)
        return fail(err, errno, "bundle %s", quotable(quoted, path));
    *ret_path = arena_string(arena, absolute);
    if (*ret_path == NULL)
        return no_memory(err);
    *ret_fd = take_fd(&fd);
    return 0;
}

/* --config: a file of any name instead of the bundle's config.json. */
static int load_config(const char *path, struct arena *arena, struct spec **ret, struct error *err)
{
    char *json;
    size_t length;

    if (read_file(AT_FDCWD, path, CONFIG_SIZE_MOST, arena, &json, &length, err) < 0)
        return -err->code;
    return spec_parse(json, length, path, arena, ret, err);
}

static int load_spec(struct creation *creation, int bundle, const char *bundle_path,
                     struct error *err)
{
    const struct create_request *request = creation->request;
    struct arena *arena = &creation->container->arena;
    int code = request->config == NULL ? spec_load(bundle, bundle_path, arena, &creation->spec, err)
                                       : load_config(request->config, arena, &creation->spec, err);

    if (code < 0 || overrides_apply(&request->overrides, creation->spec, arena, err) < 0)
        return -err->code;
    if (spec_validate(creation->spec, err) < 0)
        return prefix(err, "%s: ", request->config != NULL ? request->config : "config.json");
    return 0;
}

static int read_spec(struct creation *creation, struct error *err)
{
    struct arena *arena = &creation->container->arena;
    autoclose int bundle = -1;
    const char *bundle_path;

    if (open_bundle(creation->request->bundle, arena, &bundle, &bundle_path, err) < 0 ||
        load_spec(creation, bundle, bundle_path, err) < 0)
        return -err->code;
    spec_remark(creation->spec, log_of(creation));
    creation->state = (struct spec_state){
        .oci_version = creation->spec->oci_version,
        .id = creation->request->id,
        .status = "creating",
        .bundle = bundle_path,
        .annotations = creation->spec->annotations,
    };
    return 0;
}

int container_create(const struct runtime *runtime, const struct create_request *request,
                     struct container **ret, struct error *err)
{
    struct creation creation = {
        .runtime = runtime,
        .request = request,
        .cgroup = CGROUP_EMPTY,
        .console = -1,
        .listener = -1,
        .socket = -1,
        .spawned = {.pidfd = -1},
        .spare = { -1, -1, -1, -1, -1},
    };

    if (state_check_id(request->id, err) < 0 ||
        descriptors_check_preserved(request->listen_fds + request->preserve_fds, err) < 0 ||
        container_new(runtime, request->id, &creation.container, err) < 0)
        return -err->code;

    int code = read_spec(&creation, err);

    if (code == 0)
        code = run_steps(&creation, err);
    give_up_spare(&creation);
    namespace_close_joins(&creation.plan.namespaces);
    cgroup_done(&creation.cgroup);
    close_fd(&creation.console);
    close_fd(&creation.listener);
    close_fd(&creation.socket);
    if (code < 0) {
        container_free(creation.container);
        return code;
    }
    container_unlock(creation.container);
    *ret = creation.container;
    return 0;
}
