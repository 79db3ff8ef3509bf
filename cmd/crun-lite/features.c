#include <stdio.h>

#include "cmd/crun-lite/command.h"
#include "spec/fields.h"

static int features(struct context *context, const void *options, const struct arguments *arguments,
                    struct error *err)
{
    static const struct json_layout layout = {.indent = "    "};
    struct spec_features known = {0};
    const char *json;
    size_t length;

    (void)options;
    (void)arguments;
    if (runtime_features(context->runtime.environment, &known, context->arena, err) < 0 ||
        fields_encode(&spec_features_fields, &known, &layout, context->arena, &json, &length, err) <
            0)
        return -err->code;
    puts(json);
    return 0;
}

const struct command features_command = {
    .name = "features",
    .synopsis = "",
    .summary = "show what this program can do, as JSON",
    .options_size = 0,
    .failure_status = 1,
    .run = features,
};
