/*
 * create: the parent's table of steps, each with its undo on the same row.
 */

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/own.h"
#include "runtime/creation.h"
#include "runtime/handshake.h"
#include "runtime/lend.h"
#include "runtime/serve.h"

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

/* What is connected or opened before the child exists.  A container that is started by who makes it
 * waits for nobody else. */
static int open_doors(struct creation *creation, struct error *err)
{
    if (creation_open_doors(creation, err) < 0)
        return -err->code;
    return creation->request->will_start ? 0 : open_listener(creation, err);
}

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
    int fd = cgroup->needs_attaching ? -1 : cgroup_clone_fd(cgroup);

    bool is_new_unit = cgroup->unit != NULL && !cgroup->unit_is_shared;

    for (size_t i = 0; !is_new_unit && i < cgroup->count; i++) {
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

/*
 * Whether the first process may work in our memory.  Only if the caller says that what it uses
 * stays, and
 *  - nobody else is in its pid namespace, who could look into it;
 *  - it belongs to root of this host;
 *  - nothing in it allocates: hooks of its own do;
 *  - it fills no tmpfs: the pages would count as ours, not as the container's;
 *  - it enters no time namespace, which the kernel refuses to whoever shares memory;
 *  - it is not killed for memory: we would be killed with it.  Where others have used up what a
 *    cgroup above allows, that can happen, as a kill of us can: delete --force cleans up.
 */
static bool may_lend_memory(const struct creation *creation)
{
    enum { ENOUGH = 16 * 1024 * 1024 };
    const struct container_plan *plan = &creation->plan;
    const struct spec_linux *linux_ = plan->spec->linux_;
    const struct spec_resources *resources = linux_ != NULL ? linux_->resources : NULL;
    const struct spec_memory *memory = resources != NULL ? resources->memory : NULL;
    uint64_t all = plan->namespaces.create | plan->namespaces.join;

    return creation->request->lends_memory && lend_is_possible() && plan->is_privileged &&
           (plan->namespaces.create & CLONE_NEWPID) != 0 &&
           (plan->namespaces.create & CLONE_NEWNS) != 0 &&
           (all & (CLONE_NEWUSER | CLONE_NEWTIME)) == 0 &&
           plan->hooks->create_container.count + plan->hooks->start_container.count == 0 &&
           !mount_plan_copies_up(plan->mounts) &&
           (resources == NULL || resources->unified.count == 0) &&
           (memory == NULL || !memory->limit.set || memory->limit.value < 0 ||
            memory->limit.value >= ENOUGH);
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
        .log = creation_log(creation),
        .environment = creation->runtime->environment,
        .cgroup = &creation->cgroup,
        .starts_at_once = creation->request->will_start,
        .has_class = creation->container->record.resctrl.mount_point != NULL,
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
        .lends_memory = may_lend_memory(creation),
    };

    if (spawn(&request, &creation->spawned, err) < 0)
        return -err->code;
    creation->container->is_lent = creation->spawned.has_our_memory;
    close_fd(&creation->listener);
    return 0;
}

/* A child that was killed for memory could not say so itself, nor can one without rights why. */
static int explain_end(struct creation *creation, struct error *err)
{
    if ((creation->plan.namespaces.create & CLONE_NEWUSER) != 0 && geteuid() != 0)
        return user_namespace_rights_hint(err);
    if (err->code == ECHILD && cgroup_oom_kills(&creation->cgroup) > 0)
        return refuse(err, ENOMEM, "container init was OOM-killed (memory limit too low?)");
    return -err->code;
}

/* Before the child is killed, who may be the last in their namespace. */
static void give_devices_back(struct creation *creation)
{
    network_move_back(&creation->net_devices);
}

static int serve(struct creation *creation, struct error *err)
{
    const struct resctrl_intent class_intent = creation_class_intent(creation);
    struct server server = {
        .socket = creation->socket,
        .spawned = &creation->spawned,
        .cgroup = &creation->cgroup,
        .class = &creation->container->record.resctrl,
        .class_intent = &class_intent,
        .container = &creation->plan,
        .seccomp = &creation->plan.process.seccomp,
        .net_devices = &creation->net_devices,
        .limits = &creation->plan.process.limits,
        .state = &creation->state,
        .environment = creation->runtime->environment,
        .log = creation_log(creation),
        .privileged = creation->plan.is_privileged,
        .console = creation->console,
        .terminal = &creation->container->terminal,
    };

    if (serve_child(&server, err) == SERVER_READY)
        return 0;
    give_devices_back(creation);
    return explain_end(creation, err);
}

/* Devices that the child opens or makes are filtered as those of the program: then the filter comes
 * first. */
static bool filters_first(const struct creation *creation)
{
    return mount_plan_needs_devices(creation->plan.mounts);
}

static int filter_devices_first(struct creation *creation, struct error *err)
{
    return filters_first(creation) ? creation_filter_devices(creation, err) : 0;
}

/* Else while the child makes its mounts, which none of this concerns. */
static int filter_devices_beside(struct creation *creation, struct error *err)
{
    return filters_first(creation) ? 0 : creation_filter_devices(creation, err);
}

/* Whoever finds "starting" asks start.sock, and where there is none takes it for running: one
 * record less, for a container that `run` starts. */
static enum state_phase phase_of(const struct creation *creation)
{
    return creation->request->will_start ? STATE_STARTING : STATE_CREATED;
}

/* While the child makes its mounts: all that is left then is a new name. */
static int prepare_state(struct creation *creation, struct error *err)
{
    return creation_prepare_state(creation, phase_of(creation), err);
}

static int write_state(struct creation *creation, struct error *err)
{
    return creation_write_state(creation, phase_of(creation), err);
}

/* The last word to the child: it lives without us from here.  Nothing after this may fail.  One
 * that is to start at once hears it from container_start(). */
static int let_go(struct creation *creation, struct error *err)
{
    int code = creation->request->will_start
                   ? 0
                   : handshake_send(creation->socket, HANDSHAKE_DONE, 0, -1);

    if (code < 0)
        return fail(err, -code, "answer the first process");
    if (creation->request->will_start)
        creation->container->starter = take_fd(&creation->socket);
    creation->container->pidfd = take_fd(&creation->spawned.pidfd);
    return 0;
}

/* --- the table
 * ----------------------------------------------------------------------------------------- */

static const struct create_step create_steps[] = {
    {"claim-id",       creation_claim_id,     creation_release_id,      true },
    {"make-plan",      creation_make_plan,    NULL,                     true },
    {"write-intent",   creation_write_intent, NULL,                     false},
    {"make-notify",    creation_make_notify,  NULL,                     false},
    {"open-doors",     open_doors,            NULL,                     false},
    {"make-layer",     creation_make_layer,   creation_release_layer,   false},
    {"make-class",     creation_make_class,   creation_remove_class,    true },
    {"make-cgroup",    creation_make_cgroup,  creation_remove_cgroup,   false},
    {"set-limits",     creation_set_limits,   NULL,                     false},
    {"filter-devices", filter_devices_first,  NULL,                     false},
    {"spawn-child",    spawn_child,           creation_kill_child,      false},
    {"filter-devices", filter_devices_beside, NULL,                     false},
    {"write-config",   creation_write_config, NULL,                     false},
    {"prepare-state",  prepare_state,         creation_drop_state,      false},
    {"serve-child",    serve,                 give_devices_back,        true },
    {"write-state",    write_state,           creation_forget_pid_file, false},
    {"let-go",         let_go,                NULL,                     false},
};

int container_create(const struct runtime *runtime, const struct create_request *request,
                     struct container **ret, struct error *err)
{
    struct creation *creation = calloc(1, sizeof *creation);
    int code;

    if (creation == NULL)
        return no_memory(err);
    *creation = (struct creation){.runtime = runtime, .request = request, CREATION_EMPTY};
    code = creation_run(creation, "create", create_steps, count_of(create_steps), ret, err);
    /* The plan is in it, which a first process in our memory still needs. */
    if (code < 0 || !creation->spawned.has_our_memory)
        free(creation);
    return code;
}
