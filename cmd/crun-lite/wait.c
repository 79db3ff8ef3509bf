#include "base/own.h"
#include "cmd/crun-lite/command.h"

static int wait_for_container(struct context *context, const void *options,
                              const struct arguments *arguments, struct error *err)
{
    struct container *container = NULL;
    int status = 0;

    (void)options;
    if (container_open(&context->runtime, arguments->items.items[0], &container, err) < 0)
        return -err->code;

    int code = container_wait(container, -1, err);

    if (code > 0)
        code = container_exit_status(container, &status, err);
    container_free(container);
    return code < 0 ? code : status;
}

const struct command wait_command = {
    .name = "wait",
    .synopsis = "ID",
    .summary = "wait until a container has ended, and exit with its status",
    .options_size = 0,
    .least_arguments = 1,
    .most_arguments = 1,
    /* As exec: the container's own status must not be mistaken for it more often than needed. */
    .failure_status = 255,
    .run = wait_for_container,
};
