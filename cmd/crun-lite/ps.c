#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "base/own.h"
#include "cmd/crun-lite/command.h"
#include "cmd/crun-lite/process_table.h"

extern char **environ;

struct ps_options {
    const char *format;
};

static const struct option rows[] = {
    {"format", 'f', OPTION_ANY_STRING, offsetof(struct ps_options, format), "FORMAT",
     "table (default) or json"},
};

struct processes {
    pid_t *pids; /* ascending */
    size_t count;
};

static void print_json(const struct processes *processes)
{
    if (processes->count == 0) {
        puts("null"); /* as runc */
        return;
    }
    for (size_t i = 0; i < processes->count; i++)
        printf("%c%d", i == 0 ? '[' : ',', (int)processes->pids[i]);
    puts("]");
}

/* Start the host's ps with its standard output on a pipe; *ret_output is the other end. */
static int start_ps(char *const argv[], pid_t *ret_pid, int *ret_output, struct error *err)
{
    autoclose int output = -1, input = -1;
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t defaults;
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) < 0)
        return fail(err, errno, "make a pipe");
    output = ends[0];
    input = ends[1];
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, input, STDOUT_FILENO);
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);

    int code = posix_spawnp(ret_pid, argv[0], &actions, &attributes, argv, environ);

    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    if (code != 0)
        return fail(err, code, "run the host's %s", argv[0]);
    *ret_output = take_fd(&output);
    return 0;
}

static int filter(FILE *from, const struct processes *processes, struct error *err)
{
    autofree char *line = NULL;
    size_t size = 0;
    int column;

    if (getline(&line, &size, from) < 0)
        return refuse(err, ENODATA, "ps printed nothing");
    column = process_table_pid_column(line);
    if (column < 0)
        return refuse(err, EINVAL, "ps printed no PID column");
    fputs(line, stdout);
    while (getline(&line, &size, from) >= 0) {
        if (process_table_row_matches(line, column, processes->pids, processes->count))
            fputs(line, stdout);
    }
    return 0;
}

static int print_table(const struct processes *processes, const struct string_list *args,
                       struct arena *arena, struct error *err)
{
    const char **argv = arena_zero(arena, args->count + 3, sizeof *argv);
    int output = -1, status = 0;
    pid_t pid = -1;

    if (argv == NULL)
        return no_memory(err);
    argv[0] = "ps";
    argv[1] = "-ef";
    if (args->count > 0)
        memcpy(argv + 1, args->items, args->count * sizeof *argv);
    if (start_ps((char *const *)argv, &pid, &output, err) < 0)
        return -err->code;

    FILE *from = fdopen(output, "r");
    int code = from == NULL ? fail(err, errno, "read from ps") : filter(from, processes, err);

    if (from != NULL)
        fclose(from);
    else
        close_fd(&output);
    waitpid(pid, &status, 0);
    /* Its own words are on standard error already. */
    if (code == 0 && status != 0)
        return refuse(err, EINVAL, "ps failed");
    return code;
}

static int ps(struct context *context, const void *command_options,
              const struct arguments *arguments, struct error *err)
{
    const struct ps_options *options = command_options;
    const struct string_list *items = &arguments->items;
    struct string_list args = {items->items + 1, items->count - 1};
    bool json = options->format != NULL && strcmp(options->format, "json") == 0;
    struct container *container = NULL;
    struct processes processes = {0};

    if (options->format != NULL && !json && strcmp(options->format, "table") != 0)
        return refuse(err, EINVAL, "--format: invalid format option (table or json)");
    if (container_open(&context->runtime, items->items[0], &container, err) < 0)
        return -err->code;

    int code = container_processes(container, context->arena, &processes.pids, &processes.count,
                                   err);

    container_free(container);
    if (code < 0)
        return code;
    if (json)
        return print_json(&processes), 0;
    return print_table(&processes, &args, context->arena, err);
}

const struct command ps_command = {
    .name = "ps",
    .synopsis = "[options] ID [PS-ARGS...]",
    .summary = "list the processes in a container, by the host's ps",
    .options = {.tables = {OPTION_TABLE_OF(rows)}, .stop_at_first = true},
    .options_size = sizeof(struct ps_options),
    .least_arguments = 1,
    .most_arguments = ANY_NUMBER,
    .failure_status = 1,
    .run = ps,
};
