#include <stdio.h>

#include "base/own.h"
#include "cmd/crun-lite/command.h"
#include "spec/fields.h"

struct events_options {
    int64_t interval_ns;
    bool stats;
};

enum { DEFAULT_INTERVAL_S = 5 };

static const struct option rows[] = {
    {"interval", 0, OPTION_DURATION, offsetof(struct events_options, interval_ns), "TIME",
     "from one line of statistics to the next (default 5s)"},
    {"stats",    0, OPTION_FLAG,     offsetof(struct events_options, stats),       NULL,
     "show statistics once, and end"                       },
};

/* One line each, at once: whoever reads them waits for them. */
static int print_event(const struct container_event *event, struct arena *arena, struct error *err)
{
    static const struct json_layout compact = {.indent = NULL};
    const char *json;
    size_t length;

    if (fields_encode(&container_event_fields, event, &compact, arena, &json, &length, err) < 0)
        return -err->code;
    puts(json);
    fflush(stdout);
    return 0;
}

static int print_once(struct context *context, struct container *container, struct error *err)
{
    struct container_stats stats;
    struct container_event event = {
        .kind = CONTAINER_EVENT_STATS,
        .type = "stats",
        .id = context->subject,
        .stats = &stats,
    };

    if (container_stats(container, context->arena, &stats, err) < 0)
        return -err->code;
    return print_event(&event, context->arena, err);
}

static int follow(struct container_events *events, struct error *err)
{
    for (;;) {
        autoarena struct arena arena = {NULL};
        struct container_event event;
        int code = container_events_next(events, -1, &arena, &event, err);

        if (code < 0)
            return code;
        if (code == 0)
            continue;
        if (event.kind == CONTAINER_EVENT_END)
            return 0;
        code = print_event(&event, &arena, err);
        /* Nobody reads any more: main() tells about standard output. */
        if (code < 0 || ferror(stdout))
            return code;
    }
}

static int events(struct context *context, const void *command_options,
                  const struct arguments *arguments, struct error *err)
{
    const struct events_options *options = command_options;
    int64_t interval = options->interval_ns != 0 ? options->interval_ns
                                                 : DEFAULT_INTERVAL_S * INT64_C(1000000000);
    struct container_events *followed = NULL;
    struct container *container = NULL;
    int code;

    if (container_open(&context->runtime, arguments->items.items[0], &container, err) < 0)
        return -err->code;
    if (options->stats) {
        code = print_once(context, container, err);
    } else {
        code = container_events_open(container, interval, &followed, err);
        if (code == 0)
            code = follow(followed, err);
        container_events_free(followed);
    }
    container_free(container);
    return code;
}

const struct command events_command = {
    .name = "events",
    .synopsis = "[options] ID",
    .summary = "show what a container uses and when its memory runs out, as lines of JSON",
    .options = {.tables = {OPTION_TABLE_OF(rows)}},
    .options_size = sizeof(struct events_options),
    .least_arguments = 1,
    .most_arguments = 1,
    .failure_status = 1,
    .run = events,
};
