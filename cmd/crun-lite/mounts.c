#include <errno.h>
#include <string.h>

#include "base/own.h"
#include "cmd/crun-lite/command.h"
#include "cmd/crun-lite/input_file.h"

static const struct action {
    const char *name;
    int (*run)(const struct runtime *, struct container *, const struct spec_mounts *,
               struct error *);
} actions[] = {
    {"add",    container_add_mounts   },
    {"remove", container_remove_mounts},
};

static const struct action *find_action(const char *name, struct error *err)
{
    char quoted[1040];

    for (size_t i = 0; i < count_of(actions); i++) {
        if (strcmp(actions[i].name, name) == 0)
            return &actions[i];
    }
    refuse(err, EINVAL, "\"%s\" is not one of add, remove", quotable(quoted, name));
    return NULL;
}

static int mounts(struct context *context, const void *options, const struct arguments *arguments,
                  struct error *err)
{
    const char *path = arguments->items.items[2];
    const struct action *action = find_action(arguments->items.items[0], err);
    struct container *container = NULL;
    struct spec_mounts list;
    size_t length;
    char *text;

    (void)options;
    context->subject = arguments->items.items[1];
    if (action == NULL || input_file_read(path, context->arena, &text, &length, err) < 0 ||
        spec_parse_mounts(text, length, input_file_name(path), context->arena, &list, err) < 0 ||
        container_open(&context->runtime, context->subject, &container, err) < 0)
        return -err->code;

    int code = action->run(&context->runtime, container, &list, err);

    container_free(container);
    return code;
}

const struct command mounts_command = {
    .name = "mounts",
    .synopsis = "add|remove ID FILE",
    .summary = "mount and unmount in a container while it lives",
    .options_size = 0,
    .least_arguments = 3,
    .most_arguments = 3,
    .failure_status = 1,
    .sealed = true,
    .run = mounts,
};
