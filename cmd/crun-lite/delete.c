#include "base/own.h"
#include "cmd/crun-lite/command.h"
#include "cmd/crun-lite/matching.h"

struct delete_options {
    bool force;
    bool regex;
};

static const struct option rows[] = {
    {"force", 'f', OPTION_FLAG, offsetof(struct delete_options, force), NULL,
     "kill it first if it runs; an unknown ID is no error"  },
    {"regex", 'r', OPTION_FLAG, offsetof(struct delete_options, regex), NULL,
     "ID is a regular expression: all containers that match"},
};

static int delete_one(struct context *context, const char *id, const void *with, struct error *err)
{
    const struct delete_options *options = with;

    return container_delete(&context->runtime, id, options->force, err);
}

static int delete_container(struct context *context, const void *command_options,
                            const struct arguments *arguments, struct error *err)
{
    const struct delete_options *options = command_options;
    const char *id = arguments->items.items[0];

    if (options->regex)
        return for_each_matching(context, id, delete_one, options, err);
    return delete_one(context, id, options, err);
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
