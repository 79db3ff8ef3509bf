#include "cmd/crun-lite/command.h"
#include "cmd/crun-lite/input_file.h"
#include "cmd/crun-lite/update_options.h"

static int read_resources(const char *path, struct arena *arena, struct spec_resources **ret,
                          struct error *err)
{
    size_t length;
    char *text;

    if (input_file_read(path, arena, &text, &length, err) < 0)
        return within(err, "--resources");
    return spec_parse_resources(text, length, input_file_name(path), arena, ret, err);
}

/* A file is all there is: runc ignores the limits beside it, too, right or wrong. */
static int choose_resources(const struct update_options *options, struct arena *arena,
                            struct spec_resources **ret, struct error *err)
{
    if (options->resources != NULL)
        return read_resources(options->resources, arena, ret, err);
    return update_options_apply(options, *ret, arena, err);
}

static int update(struct context *context, const void *command_options,
                  const struct arguments *arguments, struct error *err)
{
    const struct update_options *options = command_options;
    struct spec_resources none = {0}, *resources = &none;
    struct container *container = NULL;
    const struct spec_intel_rdt rdt = {
        .l3_cache_schema = options->l3_cache_schema,
        .mem_bw_schema = options->memory_bandwidth_schema,
    };
    bool has_rdt = rdt.l3_cache_schema != NULL || rdt.mem_bw_schema != NULL;

    if (choose_resources(options, context->arena, &resources, err) < 0 ||
        spec_validate_resources(resources, err) < 0 ||
        container_open(&context->runtime, arguments->items.items[0], &container, err) < 0)
        return -err->code;

    int code = container_update(&context->runtime, container, resources, has_rdt ? &rdt : NULL,
                                err);

    container_free(container);
    return code;
}

const struct command update_command = {
    .name = "update",
    .synopsis = "[options] ID",
    .summary = "change a container's limits while it lives",
    .options = {.tables = {OPTION_TABLE_OF(update_option_rows)}},
    .options_size = sizeof(struct update_options),
    .least_arguments = 1,
    .most_arguments = 1,
    .failure_status = 1,
    .run = update,
};
