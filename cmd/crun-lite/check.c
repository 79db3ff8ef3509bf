#include <errno.h>
#include <stdio.h>

#include "cmd/crun-lite/command.h"
#include "cmd/crun-lite/run_target.h"
#include "spec/fields.h"

struct check_options {
    const char *bundle;
    const char *config;
    bool json;
};

static const struct option rows[] = {
    {"bundle", 'b', OPTION_STRING, offsetof(struct check_options, bundle), "DIR",
     "the bundle (default: the current directory)"  },
    {"config", 'f', OPTION_STRING, offsetof(struct check_options, config), "FILE",
     "read FILE instead of the bundle's config.json"},
    {"json",   0,   OPTION_FLAG,   offsetof(struct check_options, json),   NULL,
     "show all that was looked at, as JSON"         },
};

static int print_json(const struct container_findings *findings, struct arena *arena,
                      struct error *err)
{
    static const struct json_layout layout = {.indent = "  "};
    const char *json;
    size_t length;

    if (fields_encode_array(&container_finding_fields, findings->items, findings->count, &layout,
                            arena, &json, &length, err) < 0)
        return -err->code;
    puts(json);
    return 0;
}

static void print_lines(const struct container_findings *findings)
{
    for (size_t i = 0; i < findings->count; i++) {
        const struct container_finding *finding = &findings->items[i];

        if (!finding->ok)
            printf("%s: %s\n", finding->place, finding->words);
    }
    if (findings->missing == 0)
        puts("ok");
}

static int check(struct context *context, const void *command_options,
                 const struct arguments *arguments, struct error *err)
{
    const struct check_options *options = command_options;
    const char *word = arguments->items.count > 0 ? arguments->items.items[0] : NULL;
    struct create_request request = {.bundle = word, .config = options->config};
    struct container_findings findings;
    char id[RUN_ID_SIZE];

    if (word != NULL && options->bundle != NULL)
        return refuse(err, EINVAL, "the bundle is named twice: %s, and --bundle", word);
    if (word == NULL)
        request.bundle = options->bundle != NULL ? options->bundle : ".";
    context->subject = request.bundle;
    /* The name that `run BUNDLE` would take: cgroups are called after it. */
    if (run_id_from_bundle(request.bundle, id, err) < 0)
        return -err->code;
    request.id = id;
    if (container_check(&context->runtime, &request, context->arena, &findings, err) < 0)
        return -err->code;
    if (!options->json)
        print_lines(&findings);
    else if (print_json(&findings, context->arena, err) < 0)
        return -err->code;
    return findings.missing == 0 ? 0 : 1;
}

const struct command check_command = {
    .name = "check",
    .synopsis = "[options] [BUNDLE]",
    .summary = "tell what this host cannot give to a bundle, without running it",
    .options = {.tables = {OPTION_TABLE_OF(rows)}},
    .options_size = sizeof(struct check_options),
    .most_arguments = 1,
    .failure_status = 1,
    .run = check,
};
