#include "cmd/crun-lite/command.h"
#include "cmd/crun-lite/service_manager.h"

static int start(struct context *context, const void *options, const struct arguments *arguments,
                 struct error *err)
{
    struct start_request request = {.notify_socket = notify_socket_from_environment()};
    struct container *container = NULL;

    (void)options;
    if (container_open(&context->runtime, arguments->items.items[0], &container, err) < 0)
        return -err->code;

    int code = container_start(&context->runtime, container, &request, err);

    if (code == 0)
        code = container_notify_wait(&context->runtime, container, err);
    container_free(container);
    return code;
}

const struct command start_command = {
    .name = "start",
    .synopsis = "ID",
    .summary = "let a created container's first process run",
    .options_size = 0,
    .least_arguments = 1,
    .most_arguments = 1,
    .failure_status = 1,
    .run = start,
};
