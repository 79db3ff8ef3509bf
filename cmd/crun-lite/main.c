/*
 * crun-lite: the table of commands, the way in, and the way out.
 */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/own.h"
#include "cmd/crun-lite/command.h"
#include "cmd/crun-lite/globals.h"
#include "cmd/crun-lite/startup.h"
#include "cmd/crun-lite/trace_output.h"

extern char **environ;

/* clang-format off */
const struct command *const commands[] = {
    &check_command,
    &checkpoint_command,
    &completion_command,
    &create_command,
    &delete_command,
    &events_command,
    &exec_command,
    &features_command,
    &kill_command,
    &list_command,
    &mounts_command,
    &pause_command,
    &ps_command,
    &restore_command,
    &resume_command,
    &run_command,
    &spec_command,
    &start_command,
    &state_command,
    &trace_command,
    &update_command,
    &wait_command,
};
/* clang-format on */
const size_t command_count = count_of(commands);

/* Engines parse this line by line and look for the name they called: installed as runc, it begins
 * with "runc version". */
static const char *called_as(const char *program)
{
    static const char *const names[] = {"runc", "crun"};
    const char *slash = program == NULL ? NULL : strrchr(program, '/');
    const char *name = slash != NULL ? slash + 1 : program;

    for (size_t i = 0; name != NULL && i < count_of(names); i++) {
        if (strcmp(name, names[i]) == 0)
            return names[i];
    }
    return "crun-lite";
}

static void print_version(const char *program)
{
    printf("%s version %s\n", called_as(program), CRUN_LITE_VERSION);
    if (*CRUN_LITE_COMMIT != '\0')
        printf("commit: %s\n", CRUN_LITE_COMMIT);
    printf("spec: %s\n", SPEC_VERSION_MOST);
}

static void print_help(void)
{
    printf("crun-lite runs containers as the Open Container Initiative specifies them.\n\n"
           "Usage: crun-lite [options] COMMAND ...\n"
           "       crun-lite COMMAND --help\n\nCommands:\n");
    for (size_t i = 0; i < count_of(commands); i++)
        printf("   %-12s%s\n", commands[i]->name, commands[i]->summary);
    printf("\nOptions:\n");
    options_print_help(&global_option_set, stdout);
}

static void print_command_help(const struct command *command)
{
    printf("crun-lite %s: %s.\n\nUsage: crun-lite %s %s\n\nOptions:\n", command->name,
           command->summary, command->name, command->synopsis);
    options_print_help(&command->options, stdout);
}

/* A mistake in usage: runc's first line and help on standard output, the error as always. */
static int misused(const struct command *command, struct context *context, struct error *err)
{
    printf("Incorrect Usage.\n\n");
    if (command == NULL) {
        print_help();
    } else {
        print_command_help(command);
        within(err, "%s", command->name);
    }
    fflush(stdout);
    log_file_error(&context->log_file, err->text);
    return EXIT_FAILURE;
}

static int check_argument_count(const struct command *command, size_t count, struct error *err)
{
    if (count >= command->least_arguments && count <= command->most_arguments)
        return 0;
    if (command->least_arguments == command->most_arguments)
        return refuse(err, EINVAL, "requires exactly %zu argument(s)", command->least_arguments);
    if (count < command->least_arguments)
        return refuse(err, EINVAL, "requires at least %zu argument(s)", command->least_arguments);
    return refuse(err, EINVAL, "takes at most %zu argument(s)", command->most_arguments);
}

/* What was asked for on standard output is part of the work. */
static int finish_output(int status, struct error *err)
{
    if (fflush(stdout) == 0 && ferror(stdout) == 0)
        return status;
    /* All is done: now die as every program does whose reader has left (`list | head -1`). */
    if (errno == EPIPE) {
        signal(SIGPIPE, SIG_DFL);
        raise(SIGPIPE);
    }
    return fail(err, errno != 0 ? errno : EIO, "write standard output");
}

/* The exit status, or a negative errno. */
static int execute(const struct command *command, struct context *context, char *const argv[],
                   const void *options, const struct arguments *arguments, struct error *err)
{
    if (command->sealed && runtime_seal(argv, environ, err) < 0)
        return -err->code;
    startup_reset_signals();

    int status = command->run(context, options, arguments, err);

    /* A failure has its trace, too, and is told first. */
    if (context->trace_path != NULL) {
        struct error of_trace;

        if (trace_write_file(context->runtime.log.trace, context->trace_path, &of_trace) < 0)
            log_file_error(&context->log_file, of_trace.text);
    }
    return status < 0 ? status : finish_output(status, err);
}

static int carry_out(const struct command *command, struct context *context, char *const argv[],
                     const char *const command_argv[])
{
    void *options = arena_zero(context->arena, 1, command->options_size);
    struct arguments arguments = {0};
    struct error err = {0};
    char quoted[1040];
    int status = options == NULL ? no_memory(&err)
                                 : options_parse(&command->options, command_argv, context->arena,
                                                 options, &arguments, &err);

    if (status == OPTIONS_HELP) {
        print_command_help(command);
        return finish_output(0, &err) < 0;
    }
    if (status < 0 || check_argument_count(command, arguments.items.count, &err) < 0)
        return misused(command, context, &err);
    if (arguments.items.count > 0)
        context->subject = arguments.items.items[0];
    status = execute(command, context, argv, options, &arguments, &err);
    if (status >= 0)
        return status;
    if (context->subject != NULL)
        within(&err, "%s \"%s\"", command->name, quotable(quoted, context->subject));
    else
        within(&err, "%s", command->name);
    log_file_error(&context->log_file, err.text);
    return command->failure_status;
}

/* What urfave's programs say and exit with when there is no such command. */
enum { NO_SUCH_COMMAND = 3 };

static const struct command *find_command(const char *name, struct error *err)
{
    char quoted[1040];

    for (size_t i = 0; i < count_of(commands); i++) {
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    }
    refuse(err, ENOENT, "No help topic for '%s' (crun-lite --help lists the commands)",
           quotable(quoted, name));
    return NULL;
}

/* "help" and "help COMMAND", as urfave's programs have it. */
static int print_help_about(const char *name, struct error *err)
{
    const struct command *command = name != NULL ? find_command(name, err) : NULL;

    if (name != NULL && command == NULL)
        return -err->code;
    if (command != NULL)
        print_command_help(command);
    else
        print_help();
    return finish_output(0, err);
}

/* Everything behind the program's name. */
static int run_command_line(struct context *context, char *const argv[])
{
    struct global_options options = {0};
    struct arguments arguments = {0};
    struct error err = {0};
    int code = options_parse(&global_option_set, (const char *const *)argv + 1, context->arena,
                             &options, &arguments, &err);

    if (code < 0)
        return misused(NULL, context, &err);
    if (options.version) {
        print_version(argv[0]);
        return finish_output(0, &err) < 0;
    }
    if (code == OPTIONS_HELP || arguments.items.count == 0) {
        print_help();
        return finish_output(0, &err) < 0;
    }

    const struct command *command = NULL;
    const char *name = arguments.items.items[0];

    code = globals_apply(&options, context, &err);
    if (context->runtime.log.trace != NULL)
        trace_add_start(context->runtime.log.trace);
    if (code == 0 && (strcmp(name, "help") == 0 || strcmp(name, "h") == 0)) {
        if (print_help_about(arguments.items.items[1], &err) == 0)
            return EXIT_SUCCESS;
    } else if (code == 0) {
        command = find_command(name, &err);
    }
    if (command != NULL)
        return carry_out(command, context, argv, arguments.items.items + 1);
    log_file_error(&context->log_file, err.text);
    return code == 0 && err.code == ENOENT ? NO_SUCH_COMMAND : EXIT_FAILURE;
}

int main(int argc, char *argv[])
{
    char *no_arguments[] = {(char[]){"crun-lite"}, NULL};
    struct arena arena = {0};
    struct context context = {
        .log_file = {.fd = STDERR_FILENO, .format = LOG_FORMAT_PEOPLE},
        .arena = &arena,
    };
    struct error err = {0};

    if (startup(&err) < 0) {
        log_file_error(&context.log_file, err.text);
        return EXIT_FAILURE;
    }

    int status = run_command_line(&context, argc > 0 ? argv : no_arguments);

    /* Standard output has been written.  Neither this frame nor the arena may go. */
    if (context.has_lent_memory)
        _exit(status);
    arena_free(&arena);
    return status;
}
