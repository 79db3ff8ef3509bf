#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

#include "base/file.h"
#include "base/own.h"
#include "base/text.h"
#include "cmd/crun-lite/create_options.h"
#include "cmd/crun-lite/foreground.h"
#include "cmd/crun-lite/relay.h"
#include "cmd/crun-lite/service_manager.h"

struct exec_options {
    const char *process;
    const char *console_socket;
    const char *pidfd_socket;
    const char *pid_file;
    const char *cwd;
    const char *user;
    const char *process_label;
    const char *apparmor;
    struct string_list env;
    struct string_list additional_gids;
    struct string_list capabilities;
    struct string_list cgroups;
    unsigned preserve_fds;
    bool terminal;
    bool detach;
    bool no_new_privileges;
    bool ignore_paused;
};

#define AT(member) offsetof(struct exec_options, member)

/* clang-format off */
static const struct option rows[] = {
    {"process",         'p', OPTION_STRING,       AT(process),           "FILE",
     "the whole process object, as in config.json"},
    {"cwd",             0,   OPTION_STRING,       AT(cwd),               "DIR",
     "working directory inside"},
    {"env",             'e', OPTION_STRINGS,      AT(env),               "NAME=VALUE",
     "set an environment variable; may be repeated"},
    {"tty",             't', OPTION_FLAG,         AT(terminal),          NULL,
     "give the process a terminal"},
    {"user",            'u', OPTION_STRING,       AT(user),              "UID[:GID]",
     "run as this user"},
    {"additional-gids", 'g', OPTION_STRINGS,      AT(additional_gids),   "GID",
     "one more group; may be repeated"},
    {"cap",             'c', OPTION_STRINGS,      AT(capabilities),      "CAP_NAME",
     "one more capability; may be repeated"},
    {"no-new-privs",    0,   OPTION_FLAG,         AT(no_new_privileges), NULL,
     "set no_new_privs"},
    {"process-label",   0,   OPTION_STRING,       AT(process_label),     "LABEL",
     "SELinux label"},
    {"apparmor",        0,   OPTION_STRING,       AT(apparmor),          "PROFILE",
     "AppArmor profile"},
    {"detach",          'd', OPTION_FLAG,         AT(detach),            NULL,
     "return as soon as the process runs"},
    {"console-socket",  0,   OPTION_STRING,       AT(console_socket),    "SOCKET",
     "send the terminal's master to this socket"},
    {"pidfd-socket",    0,   OPTION_STRING,       AT(pidfd_socket),      "SOCKET",
     "send a pidfd of the process to this socket"},
    {"pid-file",        0,   OPTION_STRING,       AT(pid_file),          "FILE",
     "write the process's pid to FILE"},
    {"preserve-fds",    0,   OPTION_NUMBER,       AT(preserve_fds),      "N",
     "pass on N descriptors from 3 (behind those of LISTEN_FDS)"},
    {"cgroup",          0,   OPTION_STRINGS,      AT(cgroups),           "PATH",
     "start in this cgroup below the container's"},
    {"ignore-paused",   0,   OPTION_FLAG,         AT(ignore_paused),     NULL,
     "allow a paused container: the process waits for resume"},
    {"no-subreaper",    0,   OPTION_IGNORED_FLAG, 0,                     NULL,
     NULL},
};
/* clang-format on */

/* The --process file. */
static int read_process(const char *path, struct arena *arena, const struct spec_process **ret,
                        struct error *err)
{
    enum { MOST = 16 << 20 };
    struct spec_process *process;
    size_t length;
    char *text;

    if (read_file(AT_FDCWD, path, MOST, arena, &text, &length, err) < 0)
        return within(err, "--process");
    if (spec_parse_process(text, length, path, arena, &process, err) < 0)
        return -err->code;
    *ret = process;
    return 0;
}

/* "-g 1 -g 2", and "-g 1,2" as runc's parser splits it. */
static int parse_gids(const struct string_list *texts, struct arena *arena, struct uint32_list *ret,
                      struct error *err)
{
    size_t most = texts->count;

    for (size_t i = 0; i < texts->count; i++) {
        for (const char *at = texts->items[i]; (at = strchr(at, ',')) != NULL; at++)
            most++;
    }
    ret->items = arena_zero(arena, most, sizeof *ret->items);
    if (ret->items == NULL)
        return no_memory(err);
    for (size_t i = 0; i < texts->count; i++) {
        char *rest = arena_string(arena, texts->items[i]);
        const char *text;

        if (rest == NULL)
            return no_memory(err);
        while ((text = strsep(&rest, ",")) != NULL) {
            uint64_t gid;

            /* The highest number means "no change" to the kernel. */
            if (parse_uint64(text, UINT32_MAX - 1, &gid, err) < 0)
                return within(err, "--additional-gids");
            ret->items[ret->count++] = (uint32_t)gid;
        }
    }
    return 0;
}

static int make_request(const struct exec_options *options, struct string_list args,
                        struct arena *arena, struct exec_request *ret, struct error *err)
{
    struct exec_request request = {
        .args = args,
        .env = options->env,
        .cwd = options->cwd,
        .user = options->user,
        .capabilities = options->capabilities,
        .apparmor_profile = options->apparmor,
        .process_label = options->process_label,
        .no_new_privileges = options->no_new_privileges,
        .terminal = options->terminal,
        .cgroups = options->cgroups,
        .console_socket = options->console_socket,
        .pidfd_socket = options->pidfd_socket,
        .pid_file = options->pid_file,
        .preserve_fds = options->preserve_fds,
        .ignore_paused = options->ignore_paused,
        .detach = options->detach,
    };

    if (check_environment("env", &options->env, err) < 0 ||
        parse_gids(&options->additional_gids, arena, &request.additional_gids, err) < 0 ||
        listen_fds_from_environment(&request.listen_fds, &request.listen_names, err) < 0)
        return -err->code;
    if (options->process == NULL && args.count == 0)
        return refuse(err, EINVAL, "process args cannot be empty");
    if (options->process != NULL &&
        read_process(options->process, arena, &request.process, err) < 0)
        return -err->code;
    *ret = request;
    return 0;
}

static int exec_and_wait(struct context *context, struct container *container,
                         struct exec_request *request, struct error *err)
{
    struct spec_console_size size;
    struct foreground foreground = {.signals = -1};
    struct container_process process = {.pidfd = -1, .terminal = -1};
    struct foreground_end end = {0};
    int code = request->detach ? 0 : foreground_open(&foreground, err);

    if (!request->detach)
        request->console_size = relay_terminal_size(&size);
    if (code == 0)
        code = container_exec(&context->runtime, container, request, &process, err);
    if (code == 0 && !request->detach) {
        struct foreground_process waited = {
            .pid = process.pid, .pidfd = process.pidfd, .terminal = process.terminal};

        code = foreground_wait(&foreground, &waited, &end, err);
    }
    close_fd(&process.pidfd);
    close_fd(&process.terminal);
    foreground_close(&foreground);
    return code < 0 ? code : end.status;
}

static int exec(struct context *context, const void *options, const struct arguments *arguments,
                struct error *err)
{
    const struct string_list *items = &arguments->items;
    struct string_list args = {items->items + 1, items->count - 1};
    struct container *container = NULL;
    struct exec_request request;

    /* `exec ID -- CMD`: options have ended at the id, so a "--" is still here. */
    if (args.count > 0 && strcmp(args.items[0], "--") == 0) {
        args.items++;
        args.count--;
    }
    if (make_request(options, args, context->arena, &request, err) < 0 ||
        container_open(&context->runtime, items->items[0], &container, err) < 0)
        return -err->code;

    int status = exec_and_wait(context, container, &request, err);

    container_free(container);
    return status;
}

const struct command exec_command = {
    .name = "exec",
    .synopsis = "[options] ID COMMAND [ARGS...]",
    .summary = "run one more process in a container",
    .options = {.tables = {OPTION_TABLE_OF(rows)}, .stop_at_first = true},
    .options_size = sizeof(struct exec_options),
    .least_arguments = 1,
    .most_arguments = ANY_NUMBER,
    .failure_status = 255,
    .sealed = true,
    .run = exec,
};
