#include <errno.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "cmd/crun-lite/criu_options.h"
#include "cmd/crun-lite/foreground.h"
#include "cmd/crun-lite/interruption.h"
#include "cmd/crun-lite/service_manager.h"

struct restore_options {
    struct criu_command_options criu; /* first: its table fills it */
    const char *bundle;
    const char *console_socket;
    const char *pid_file;
    const char *lsm_profile;
    const char *lsm_mount_context;
    bool detach;
    bool no_subreaper;
    bool no_pivot;
};

#define AT(member) offsetof(struct restore_options, member)

/* clang-format off */
static const struct option rows[] = {
    {"bundle",            'b', OPTION_STRING,  AT(bundle),            "DIR",
     "the bundle (default: the current directory)"},
    {"detach",            'd', OPTION_FLAG,    AT(detach),            NULL,
     "return as soon as the processes run"},
    {"console-socket",    0,   OPTION_STRING,  AT(console_socket),    "SOCKET",
     "send the terminal's master to this socket"},
    {"pid-file",          0,   OPTION_STRING,  AT(pid_file),          "FILE",
     "write the first process's pid to FILE"},
    {"no-subreaper",      0,   OPTION_FLAG,    AT(no_subreaper),      NULL,
     "leave orphans of the container to somebody else"},
    {"no-pivot",          0,   OPTION_FLAG,    AT(no_pivot),          NULL,
     "accepted for its callers: CRIU makes the root"},
    {"lsm-profile",       0,   OPTION_STRING,  AT(lsm_profile),       "TYPE:NAME",
     "another AppArmor profile or SELinux label"},
    {"lsm-mount-context", 0,   OPTION_STRING,  AT(lsm_mount_context), "CONTEXT",
     "another SELinux context for mounts"},
    {"parent-path",       0,   OPTION_IGNORED, 0,                     "DIR",    NULL},
    {"page-server",       0,   OPTION_IGNORED, 0,                     "ADDRESS:PORT", NULL},
};
/* clang-format on */

/* A signal that comes when it is done is for the process, in the foreground. */
static int restore_processes(struct context *context, struct restore_request *request,
                             struct container **ret, struct error *err)
{
    struct interruption interruption;

    if (interruption_open(&interruption, err) < 0)
        return -err->code;
    request->give_up = interruption.fd;
    return interruption_close(&interruption,
                              container_restore(&context->runtime, request, ret, err), err);
}

static int restore_and_wait(struct context *context, struct restore_request *request,
                            struct foreground *foreground, struct error *err)
{
    struct container *container = NULL;
    struct foreground_end end = {0};

    if (restore_processes(context, request, &container, err) < 0)
        return -err->code;

    struct foreground_process process = {
        .pid = container_pid(container),
        .pidfd = container_pidfd(container),
        .terminal = container_terminal(container),
        .notifying = container,
    };
    pid_t main_pid = request->create.detach ? process.pid : getpid();
    int code = container_notify_ready(&context->runtime, container, main_pid, err);

    if (code == 0 && !request->create.detach)
        code = foreground_wait(foreground, &process, &end, err);

    container_free(container);
    if (request->create.detach)
        return code;

    struct error of_delete;

    if (container_delete(&context->runtime, request->create.id, true, &of_delete) < 0)
        log_file_write(&context->log_file, LOG_LEVEL_WARNING, of_delete.text);
    return code < 0 ? code : end.status;
}

static int restore(struct context *context, const void *command_options,
                   const struct arguments *arguments, struct error *err)
{
    const struct restore_options *options = command_options;
    struct foreground foreground = {.signals = -1};
    struct restore_request request = {
        .create =
            {
                     .id = arguments->items.items[0],
                     .bundle = options->bundle != NULL ? options->bundle : ".",
                     .console_socket = options->console_socket,
                     .pid_file = options->pid_file,
                     .no_pivot = options->no_pivot,
                     .detach = options->detach,
                     .notify_socket = notify_socket_from_environment(),
                     },
        .lsm_profile = options->lsm_profile,
        .lsm_mount_context = options->lsm_mount_context,
    };

    if (criu_choices_from_options(&options->criu, context->arena, &request.choices, err) < 0)
        return -err->code;
    if (!options->detach) {
        if (!options->no_subreaper && prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
            return fail(err, errno, "become the subreaper");
        if (foreground_open(&foreground, err) < 0)
            return -err->code;
    }

    int status = restore_and_wait(context, &request, &foreground, err);

    foreground_close(&foreground);
    return status;
}

const struct command restore_command = {
    .name = "restore",
    .synopsis = "[options] ID",
    .summary = "make a container from the images of a checkpoint, with CRIU",
    .options = {.tables = {OPTION_TABLE_OF(criu_option_rows), OPTION_TABLE_OF(rows)}},
    .options_size = sizeof(struct restore_options),
    .least_arguments = 1,
    .most_arguments = 1,
    .failure_status = 1,
    .sealed = true,
    .run = restore,
};
