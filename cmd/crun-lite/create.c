#include "cmd/crun-lite/create_options.h"

static int create(struct context *context, const void *options, const struct arguments *arguments,
                  struct error *err)
{
    struct string_list args;
    struct create_request request;
    struct container *container = NULL;

    if (arguments_behind_dashes(arguments, &args, err) < 0 ||
        create_request_from_options(options, args, &request, err) < 0)
        return -err->code;
    request.id = arguments->items.items[0];
    request.detach = true;
    request.lends_memory = context->has_lent_memory = true;
    if (container_create(&context->runtime, &request, &container, err) < 0)
        return -err->code;
    container_free(container);
    return 0;
}

const struct command create_command = {
    .name = "create",
    .synopsis = "[options] ID [-- ARGS...]",
    .summary = "make a container, its first process waiting for `start`",
    .options = {.tables = {OPTION_TABLE_OF(create_option_rows)}},
    .options_size = sizeof(struct create_options),
    .least_arguments = 1,
    .most_arguments = ANY_NUMBER,
    .failure_status = 1,
    .sealed = true,
    .run = create,
};
