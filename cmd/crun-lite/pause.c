#include "cmd/crun-lite/command.h"

static int pause_container(struct context *context, const void *options,
                           const struct arguments *arguments, struct error *err)
{
    struct container *container = NULL;

    (void)options;
    if (container_open(&context->runtime, arguments->items.items[0], &container, err) < 0)
        return -err->code;

    int code = container_pause(&context->runtime, container, err);

    container_free(container);
    return code;
}

const struct command pause_command = {
    .name = "pause",
    .synopsis = "ID",
    .summary = "stop all processes of a container where they are",
    .options_size = 0,
    .least_arguments = 1,
    .most_arguments = 1,
    .failure_status = 1,
    .run = pause_container,
};
