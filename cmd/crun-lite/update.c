#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "cmd/crun-lite/command.h"
#include "cmd/crun-lite/update_options.h"

enum { MOST_BYTES = 16 << 20 };

/* Standard input to its end. */
static int read_input(struct arena *arena, char **ret, size_t *ret_length, struct error *err)
{
    size_t size = 64 << 10, used = 0;
    char *bytes = arena_zero(arena, size, 1);

    while (bytes != NULL) {
        ssize_t got = read(STDIN_FILENO, bytes + used, size - used);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return fail(err, errno, "read standard input");
        used += (size_t)got;
        if (got == 0) {
            *ret = bytes;
            *ret_length = used;
            return 0;
        }
        if (used < size)
            continue;
        if (size >= MOST_BYTES)
            return refuse(err, EFBIG, "standard input: larger than %d bytes", MOST_BYTES);

        char *larger = arena_zero(arena, 2 * size, 1);

        if (larger != NULL)
            memcpy(larger, bytes, used);
        bytes = larger;
        size *= 2;
    }
    return no_memory(err);
}

static int read_resources(const char *path, struct arena *arena, struct spec_resources **ret,
                          struct error *err)
{
    bool input = strcmp(path, "-") == 0;
    size_t length;
    char *text;
    int code = input ? read_input(arena, &text, &length, err)
                     : read_file(AT_FDCWD, path, MOST_BYTES, arena, &text, &length, err);

    if (code < 0)
        return within(err, "--resources");
    return spec_parse_resources(text, length, input ? "standard input" : path, arena, ret, err);
}

static int update(struct context *context, const void *command_options,
                  const struct arguments *arguments, struct error *err)
{
    const struct update_options *options = command_options;
    struct spec_resources none = {0}, *resources = &none;
    struct container *container = NULL;

    if (options->resources != NULL &&
        read_resources(options->resources, context->arena, &resources, err) < 0)
        return -err->code;
    if (update_options_apply(options, resources, context->arena, err) < 0 ||
        spec_validate_resources(resources, err) < 0 ||
        container_open(&context->runtime, arguments->items.items[0], &container, err) < 0)
        return -err->code;

    int code = container_update(&context->runtime, container, resources, err);

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
