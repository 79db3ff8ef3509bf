#include <signal.h>

#include "base/own.h"
#include "cmd/crun-lite/command.h"
#include "cmd/crun-lite/signal_name.h"

struct kill_options {
    bool all;
};

static const struct option rows[] = {
    {"all", 'a', OPTION_FLAG, offsetof(struct kill_options, all), NULL, NULL},
};

static int send_signal(struct context *context, const void *command_options,
                       const struct arguments *arguments, struct error *err)
{
    const struct kill_options *options = command_options;
    struct container *container = NULL;
    int number = SIGTERM;

    if (arguments->items.count > 1 && signal_parse(arguments->items.items[1], &number, err) < 0)
        return -err->code;
    if (container_open(&context->runtime, arguments->items.items[0], &container, err) < 0)
        return -err->code;

    int code = container_kill(&context->runtime, container, number, options->all, err);

    container_free(container);
    return code;
}

const struct command kill_command = {
    .name = "kill",
    .synopsis = "ID [SIGNAL]",
    .summary = "send a signal to a container's first process (default TERM)",
    .options = {.tables = {OPTION_TABLE_OF(rows)}, .stop_at_first = true},
    .options_size = sizeof(struct kill_options),
    .least_arguments = 1,
    .most_arguments = 2,
    .failure_status = 1,
    .run = send_signal,
};
