#include "base/own.h"
#include "cmd/crun-lite/command.h"

struct delete_options {
    bool force;
};

static const struct option rows[] = {
    {"force", 'f', OPTION_FLAG, offsetof(struct delete_options, force), NULL,
     "kill it first if it runs; an unknown ID is no error"},
};

static int delete_container(struct context *context, const void *command_options,
                            const struct arguments *arguments, struct error *err)
{
    const struct delete_options *options = command_options;

    return container_delete(&context->runtime, arguments->items.items[0], options->force, err);
}

const struct command delete_command = {
    .name = "delete",
    .synopsis = "[options] ID",
    .summary = "remove what is left of a container",
    .options = {.tables = {OPTION_TABLE_OF(rows)}},
    .options_size = sizeof(struct delete_options),
    .least_arguments = 1,
    .most_arguments = 1,
    .failure_status = 1,
    .run = delete_container,
};
