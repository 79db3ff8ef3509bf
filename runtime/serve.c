#include "runtime/serve.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/kernel.h"
#include "base/own.h"
#include "runtime/deadline.h"
#include "runtime/handshake.h"
#include "runtime/process_limits.h"
#include "runtime/unix_socket.h"
#include "spec/fields.h"

/* Each handler answers by its return value: 0 is DONE, with *ret_fd along when set. */
struct answer {
    int fd;
};

/* Where we may not either, a container without rights on the host goes without it, as with runc. */
static int write_oom_score(struct server *server, struct handshake_message *message, int fd,
                           struct answer *answer, struct error *err)
{
    char path[64], value[16];

    (void)fd, (void)answer;
    snprintf(path, sizeof path, "/proc/%d/oom_score_adj", server->spawned->pid);
    snprintf(value, sizeof value, "%d", message->index);

    int code = write_pseudo_file(AT_FDCWD, path, value);

    if (code == 0)
        return 0;
    if (!server->privileged && !log_is_strict(server->log) && (code == -EACCES || code == -EPERM)) {
        log_warning(server->log, "process.oomScoreAdj: %s: not ours to lower", value);
        return 0;
    }
    fail(err, -code, "process.oomScoreAdj: %s", value);
    return code == -EACCES ? hint(err, "lowering it needs CAP_SYS_RESOURCE") : code;
}

/* A process without the right to move itself is moved by the manager of the unit. */
static int move_into_cgroup(struct server *server, struct handshake_message *message, int fd,
                            struct answer *answer, struct error *err)
{
    (void)message, (void)fd, (void)answer;

    pid_t pid = server->spawned->pid;
    int code = cgroup_attach(server->cgroup, NULL, pid, err);

    return code < 0 && server->other_cgroup != NULL && cgroup_takes_nobody(code)
               ? cgroup_attach(server->cgroup, server->other_cgroup, pid, err)
               : code;
}

static int raise_limits(struct server *server, struct handshake_message *message, int fd,
                        struct answer *answer, struct error *err)
{
    (void)message, (void)fd, (void)answer;
    return process_limits_set_rlimits(server->limits, server->spawned->pid, err);
}

static int write_id_maps(struct server *server, struct handshake_message *message, int fd,
                         struct answer *answer, struct error *err)
{
    (void)message, (void)fd, (void)answer;
    return id_map_plan_apply(&server->container->id_maps, server->spawned->pid, err);
}

static int move_net_devices(struct server *server, struct handshake_message *message, int fd,
                            struct answer *answer, struct error *err)
{
    char path[64];

    (void)message, (void)fd, (void)answer;
    snprintf(path, sizeof path, "/proc/%d/ns/net", server->spawned->pid);

    autoclose int namespace_fd = open(path, O_RDONLY | O_CLOEXEC);

    if (namespace_fd < 0)
        return fail(err, errno, "open %s", path);
    return network_move_devices(&server->container->network, namespace_fd, server->net_devices,
                                err);
}

static int list_spawned(void *context, struct arena *arena, pid_t **ret, size_t *ret_count,
                        struct error *err)
{
    struct spawned *spawned = context;

    (void)arena, (void)err;
    *ret = &spawned->pid;
    *ret_count = 1;
    return 0;
}

/* On create a class that has been made or found may have gone with another container meanwhile.  On
 * exec it is gone when an administrator has removed it: that must not stop health checks. */
static int put_into_class(struct server *server, struct handshake_message *message, int fd,
                          struct answer *answer, struct error *err)
{
    const struct resctrl_members members = {list_spawned, server->spawned};
    int code;

    (void)message, (void)fd, (void)answer;
    if (server->container != NULL)
        return resctrl_enter(&server->container->resctrl, server->class, &members,
                             server->class_intent, err);
    code = resctrl_join(server->class, &members, err);
    if (code != -ENOENT)
        return code;
    log_warning(server->log, "%s", err->text);
    return 0;
}

static int open_mount_source(struct server *server, struct handshake_message *message, int fd,
                             struct answer *answer, struct error *err)
{
    (void)fd;
    answer->fd = mount_open_source(server->container->mounts, (unsigned)message->index, server->log,
                                   err);
    return answer->fd < 0 ? -err->code : 0;
}

static int run_hooks(struct server *server, struct handshake_message *message, int fd,
                     struct answer *answer, struct error *err)
{
    const struct container_plan *container = server->container;
    pid_t pid = server->spawned->pid;

    (void)message, (void)fd, (void)answer;
    if (hooks_run(&container->hooks->prestart, "prestart", &container->creating, pid,
                  server->environment, err) < 0)
        return -err->code;
    return hooks_run(&container->hooks->create_runtime, "createRuntime", &container->creating, pid,
                     server->environment, err);
}

static int take_terminal(struct server *server, struct handshake_message *message, int fd,
                         struct answer *answer, struct error *err)
{
    static const char name[] = "/dev/ptmx";

    (void)message, (void)answer;
    if (fd < 0)
        return refuse(err, EPROTO, "no terminal came");
    if (server->console < 0) {
        *server->terminal = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        return *server->terminal < 0 ? fail(err, errno, "keep the terminal") : 0;
    }
    return unix_send_fd(server->console, name, strlen(name), fd, err) < 0
               ? within(err, "console socket")
               : 0;
}

static int take_seccomp(struct server *server, struct handshake_message *message, int fd,
                        struct answer *answer, struct error *err)
{
    (void)message, (void)answer;
    if (fd < 0)
        return refuse(err, EPROTO, "no seccomp listener came");
    return serve_seccomp_listener(server->seccomp, server->state, server->spawned->pid, fd, err);
}

/* The doorman has brought the real process to life: from now on it is the one that counts. */
static int note_spawned(struct server *server, struct handshake_message *message, int fd,
                        struct answer *answer, struct error *err)
{
    (void)answer;
    if (fd < 0 || message->index <= 0)
        return refuse(err, EPROTO, "no process came");
    while (waitid((idtype_t)P_PIDFD, (id_t)server->spawned->pidfd, NULL, WEXITED) < 0 &&
           errno == EINTR)
        continue;
    close_fd(&server->spawned->pidfd);
    server->spawned->pid = message->index;
    server->spawned->pidfd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    server->spawned->is_doorman = false;
    if (server->spawned->pidfd >= 0)
        return 0;
    fail(err, errno, "keep a pidfd");
    kernel_pidfd_send_signal(fd, SIGKILL); /* nobody could do it later */
    return -err->code;
}

static bool has_doorman(const struct server *server)
{
    return server->spawned->is_doorman;
}

static bool creates(const struct server *server)
{
    return server->container != NULL;
}

static bool executes(const struct server *server)
{
    return server->container == NULL && !server->spawned->is_doorman;
}

static bool has_unit(const struct server *server)
{
    return server->cgroup->unit != NULL;
}

static bool has_class(const struct server *server)
{
    return server->class->mount_point != NULL;
}

static bool has_listener(const struct server *server)
{
    return server->seccomp->has_listener;
}

/* Nothing to do: that it was said is what counts, in explain_end(). */
static int note_executing(struct server *server, struct handshake_message *message, int fd,
                          struct answer *answer, struct error *err)
{
    (void)server, (void)message, (void)fd, (void)answer, (void)err;
    return 0;
}

enum { ONCE = 0, OFTEN = 1, SILENT = 2 };

static const struct request {
    const char *name;
    int how; /* OFTEN: may come again; SILENT: no answer is expected */
    bool (*legal)(const struct server *server);
    int (*handle)(struct server *server, struct handshake_message *message, int fd,
                  struct answer *answer, struct error *err);
} requests[HANDSHAKE_KINDS] = {
    [HANDSHAKE_SPAWNED] = {"spawn",        SILENT, has_doorman,  note_spawned     },
    [HANDSHAKE_WANT_OOM_SCORE] = {"oom-score",    ONCE,   NULL,         write_oom_score  },
    [HANDSHAKE_WANT_CGROUP] = {"cgroup",       ONCE,   has_unit,     move_into_cgroup },
    [HANDSHAKE_WANT_CLASS] = {"class",        ONCE,   has_class,    put_into_class   },
    [HANDSHAKE_WANT_LIMITS] = {"limits",       ONCE,   NULL,         raise_limits     },
    [HANDSHAKE_WANT_ID_MAPS] = {"id-maps",      ONCE,   creates,      write_id_maps    },
    [HANDSHAKE_WANT_NET_DEVICES] = {"net-devices",  ONCE,   creates,      move_net_devices },
    [HANDSHAKE_WANT_MOUNT_SOURCE] = {"mount-source", OFTEN,  creates,      open_mount_source},
    [HANDSHAKE_WANT_HOOKS] = {"hooks",        ONCE,   creates,      run_hooks        },
    [HANDSHAKE_TAKE_TERMINAL] = {"terminal",     ONCE,   NULL,         take_terminal    },
    [HANDSHAKE_TAKE_SECCOMP] = {"seccomp",      ONCE,   has_listener, take_seccomp     },
    [HANDSHAKE_EXECUTING] = {"executing",    SILENT, executes,     note_executing   },
};

static int handle(struct server *server, struct handshake_message *message, int fd,
                  struct error *err)
{
    const struct request *request = &requests[message->kind];
    uint32_t bit = 1u << message->kind;
    struct answer answer = {.fd = -1};

    if (request->handle == NULL || (request->legal != NULL && !request->legal(server)) ||
        ((server->asked & bit) != 0 && request->how != OFTEN))
        return refuse(err, EPROTO,
                      "the container's first process sent message %u, which is not its turn",
                      message->kind);
    server->asked |= bit;

    int code = request->handle(server, message, fd, &answer, err);

    if (request->how != SILENT && code < 0)
        handshake_send_failure(server->socket, err);
    else if (request->how != SILENT)
        code = handshake_send(server->socket, HANDSHAKE_DONE, 0, answer.fd);
    close_fd(&answer.fd);
    /* A handler's failure goes to the child, which comes back with it and the name of its step. */
    return request->how == SILENT ? code : 0;
}

/* The socket is closed.  That is execve's doing when the process had announced it; else it has
 * died, and how tells why. */
static int explain_end(struct server *server, struct error *err)
{
    const char *who = creates(server) ? "the first process" : "the process";
    struct deadline soon = deadline_in_ms(5000);
    siginfo_t info = {0};

    if ((server->asked & 1u << HANDSHAKE_EXECUTING) != 0)
        return SERVER_CLOSED;
    if (deadline_wait(&soon, server->spawned->pidfd, POLLIN) <= 0 ||
        waitid((idtype_t)P_PIDFD, (id_t)server->spawned->pidfd, &info, WEXITED | WNOWAIT) < 0)
        return refuse(err, ECHILD, "%s has closed its connection", who);
    if (info.si_code == CLD_EXITED)
        return refuse(err, ECHILD, "%s ended with status %d without a word", who, info.si_status);
    return refuse(err, ECHILD, "%s was killed by signal %d (%s)", who, info.si_status,
                  strsignal(info.si_status));
}

int serve_child(struct server *server, struct error *err)
{
    for (;;) {
        struct handshake_message message;
        autoclose int fd = -1;
        int code = handshake_receive(server->socket, &message, &fd);

        if (code < 0)
            return fail(err, -code, "listen to the first process");
        if (code == 0)
            return explain_end(server, err);
        if (message.kind == HANDSHAKE_FAILED) {
            *err = message.error;
            return -err->code;
        }
        if (message.kind == HANDSHAKE_READY && creates(server))
            return SERVER_READY;
        if (handle(server, &message, fd, err) < 0)
            return -err->code;
    }
}

int serve_seccomp_listener(const struct seccomp_plan *plan, const struct spec_state *state,
                           pid_t pid, int listener, struct error *err)
{
    static const struct json_layout compact = {.indent = NULL};
    const char *fds[] = {"seccompFd", NULL};
    struct spec_container_process_state message = {
        .oci_version = state->oci_version,
        .fds = {fds, 1},
        .pid = pid,
        .metadata = plan->listener_metadata != NULL ? plan->listener_metadata : "",
        .state = *state,
    };
    autoarena struct arena arena = {NULL};
    const char *json;
    size_t length;

    message.state.pid = (struct optional_int64){pid, true};
    if (fields_encode(&spec_container_process_state_fields, &message, &compact, &arena, &json,
                      &length, err) < 0)
        return within(err, "linux.seccomp.listenerPath");

    autoclose int agent = unix_connect(plan->listener_path, err);

    if (agent < 0 || unix_send_fd(agent, json, length, listener, err) < 0)
        return within(err, "linux.seccomp.listenerPath");
    return 0;
}
