#include <errno.h>
#include <signal.h>

#include "base/own.h"
#include "cmd/crun-lite/command.h"
#include "cmd/crun-lite/matching.h"
#include "cmd/crun-lite/signal_name.h"

struct kill_options {
    int64_t timeout_ns;
    bool all;
    bool regex;
};

static const struct option rows[] = {
    {"all",     'a', OPTION_FLAG,     offsetof(struct kill_options, all),        NULL,   NULL},
    {"regex",   'r', OPTION_FLAG,     offsetof(struct kill_options, regex),      NULL,
     "ID is a regular expression: all containers that match"                                 },
    {"timeout", 0,   OPTION_DURATION, offsetof(struct kill_options, timeout_ns), "TIME",
     "wait for the end; after TIME (10s) send KILL"                                          },
};

/* What is sent to each container. */
struct killing {
    const struct kill_options *options;
    int signal;
};

/* From SIGKILL to the end there is only the kernel's work to do. */
enum { END_DEADLINE_MS = 10000 };

static int end_after_timeout(struct context *context, struct container *container,
                             const struct killing *killing, struct error *err)
{
    int64_t timeout_ms = (killing->options->timeout_ns + 999999) / 1000000;
    int code = container_wait(container, timeout_ms, err);

    if (code != 0)
        return code < 0 ? code : 0;
    code = container_kill(&context->runtime, container, SIGKILL, killing->options->all, err);
    /* It has ended at the last moment. */
    if (code == -ESRCH)
        return 0;
    if (code == 0)
        code = container_wait(container, END_DEADLINE_MS, err);
    if (code == 0)
        return refuse(err, EBUSY, "container init still running: process %d does not end",
                      (int)container_pid(container));
    return code < 0 ? code : 0;
}

static int kill_one(struct context *context, const char *id, const void *with, struct error *err)
{
    const struct killing *killing = with;
    struct container *container = NULL;

    if (container_open(&context->runtime, id, &container, err) < 0)
        return -err->code;

    int code = container_kill(&context->runtime, container, killing->signal, killing->options->all,
                              err);

    if (code == 0 && killing->options->timeout_ns > 0)
        code = end_after_timeout(context, container, killing, err);
    container_free(container);
    return code;
}

static int send_signal(struct context *context, const void *command_options,
                       const struct arguments *arguments, struct error *err)
{
    const struct string_list *items = &arguments->items;
    struct killing killing = {.options = command_options, .signal = SIGTERM};

    if (items->count > 1 && *items->items[1] != '\0' &&
        signal_parse(items->items[1], &killing.signal, err) < 0)
        return -err->code;
    if (killing.options->regex)
        return for_each_matching(context, items->items[0], kill_one, &killing, err);
    return kill_one(context, items->items[0], &killing, err);
}

const struct command kill_command = {
    .name = "kill",
    .synopsis = "[options] ID [SIGNAL]",
    .summary = "send a signal to a container's first process (default TERM)",
    .options = {.tables = {OPTION_TABLE_OF(rows)}, .stop_at_first = true},
    .options_size = sizeof(struct kill_options),
    .least_arguments = 1,
    .most_arguments = 2,
    .failure_status = 1,
    .run = send_signal,
};
