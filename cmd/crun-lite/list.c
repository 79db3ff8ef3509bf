#include <errno.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>

#include "base/own.h"
#include "base/text.h"
#include "cmd/crun-lite/columns.h"
#include "cmd/crun-lite/command.h"
#include "spec/fields.h"

struct list_options {
    const char *format;
    bool quiet;
};

static const struct option rows[] = {
    {"format", 'f', OPTION_STRING, offsetof(struct list_options, format), "FORMAT",
     "table (default) or json"                                                                 },
    {"quiet",  'q', OPTION_FLAG,   offsetof(struct list_options, quiet),  NULL,     "ids alone"},
};

/* The user's name, or #UID. */
static const char *owner_name(const char *uid, struct arena *arena)
{
    const struct passwd *user;
    struct error ignored;
    int64_t number;

    if (parse_int64(uid, 0, UINT32_MAX, &number, &ignored) < 0)
        return uid;
    user = getpwuid((uid_t)number);
    return user != NULL ? arena_string(arena, user->pw_name) : arena_print(arena, "#%s", uid);
}

static int print_table(const struct container_list *list, struct arena *arena, struct error *err)
{
    static const char *const heading[] = {"ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"};
    enum { COLUMNS = count_of(heading) };
    const char **cells = arena_zero(arena, (list->count + 1) * COLUMNS, sizeof *cells);

    if (cells == NULL)
        return no_memory(err);
    memcpy(cells, heading, sizeof heading);
    for (size_t i = 0; i < list->count; i++) {
        const struct container_state *state = &list->items[i];
        const char *row[] = {state->id,      arena_print(arena, "%" PRId64, state->pid),
                             state->status,  state->bundle,
                             state->created, state->owner};

        if (row[1] == NULL)
            return no_memory(err);
        memcpy(cells + (i + 1) * COLUMNS, row, sizeof row);
    }
    columns_print(cells, list->count + 1, COLUMNS, stdout);
    return 0;
}

static int print_json(const struct container_list *list, struct arena *arena, struct error *err)
{
    static const struct json_layout compact = {.indent = NULL};
    const char *json = "null"; /* what runc prints for none */
    size_t length;

    if (list->count > 0 && fields_encode_array(&container_state_fields, list->items, list->count,
                                               &compact, arena, &json, &length, err) < 0)
        return -err->code;
    puts(json);
    return 0;
}

static int list(struct context *context, const void *command_options,
                const struct arguments *arguments, struct error *err)
{
    const struct list_options *options = command_options;
    bool json = options->format != NULL && strcmp(options->format, "json") == 0;
    struct container_list all = {0};

    (void)arguments;
    if (options->format != NULL && !json && strcmp(options->format, "table") != 0)
        return refuse(err, EINVAL, "--format: invalid format option (table or json)");
    if (container_list(&context->runtime, context->arena, &all, err) < 0) {
        /* Before the first container there is no root; one that was asked for should be there. */
        if (err->code != ENOENT || context->root_given)
            return -err->code;
        all = (struct container_list){0};
    }
    for (size_t i = 0; i < all.count; i++) {
        all.items[i].owner = owner_name(all.items[i].owner, context->arena);
        if (all.items[i].owner == NULL)
            return no_memory(err);
    }
    if (options->quiet) {
        for (size_t i = 0; i < all.count; i++)
            puts(all.items[i].id);
        return 0;
    }
    return json ? print_json(&all, context->arena, err) : print_table(&all, context->arena, err);
}

const struct command list_command = {
    .name = "list",
    .synopsis = "[options]",
    .summary = "list the containers below --root",
    .options = {.tables = {OPTION_TABLE_OF(rows)}},
    .options_size = sizeof(struct list_options),
    .failure_status = 1,
    .run = list,
};
