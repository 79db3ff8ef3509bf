#include <stdio.h>

#include "cmd/crun-lite/command.h"
#include "spec/fields.h"

static int print_state(struct context *context, const void *options,
                       const struct arguments *arguments, struct error *err)
{
    static const struct json_layout layout = {.indent = "  "};
    struct container *container = NULL;
    struct container_state state;
    const char *json = NULL;
    size_t length;

    (void)options;
    if (container_open(&context->runtime, arguments->items.items[0], &container, err) < 0)
        return -err->code;

    int code = container_state(container, &state, err);

    /* runc names the owner in `list` alone. */
    state.owner = "";
    if (code == 0)
        code = fields_encode(&container_state_fields, &state, &layout, context->arena, &json,
                             &length, err);
    /* No newline behind it: so does runc. */
    if (code == 0)
        fputs(json, stdout);
    container_free(container);
    return code;
}

const struct command state_command = {
    .name = "state",
    .synopsis = "ID",
    .summary = "show the state of a container as JSON",
    .options_size = 0,
    .least_arguments = 1,
    .most_arguments = 1,
    .failure_status = 1,
    .run = print_state,
};
