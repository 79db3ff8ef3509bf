#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

#include "base/timing.h"
#include "cmd/crun-lite/foreground.h"
#include "cmd/crun-lite/relay.h"
#include "cmd/crun-lite/run.h"
#include "cmd/crun-lite/run_target.h"

static const struct option rows[] = {
    {"detach", 'd', OPTION_FLAG, offsetof(struct run_options, detach), NULL,
     "return as soon as the process runs"           },
    {"keep",   0,   OPTION_FLAG, offsetof(struct run_options, keep),   NULL,
     "do not delete the container when it has ended"},
};

/* The ids that a container made from a bundle cannot have. */
struct taken_ids {
    const struct runtime *runtime;
    struct string_list lost; /* others had them first, though they have not described them yet */
};

static bool is_taken(void *context, const char *id)
{
    const struct taken_ids *taken = context;
    struct container *container = NULL;
    struct error err;

    for (size_t i = 0; i < taken->lost.count; i++) {
        if (strcmp(taken->lost.items[i], id) == 0)
            return true;
    }
    /* One that cannot be read is there all the same; where nothing can, create will say why. */
    if (container_open(taken->runtime, id, &container, &err) < 0)
        return err.code != ENOENT && err.code != EACCES && err.code != EPERM;
    container_free(container);
    return true;
}

/* `run BUNDLE`: others may start from the same bundle at the same moment and get the id first; then
 * the next one is tried. */
static int create_from_bundle(struct context *context, struct create_request *request,
                              struct container **ret, struct error *err)
{
    enum { MOST_TRIES = 200 };
    struct taken_ids taken = {.runtime = &context->runtime};
    char base[RUN_ID_SIZE], id[RUN_ID_SIZE];
    int code = -EEXIST;

    taken.lost.items = arena_zero(context->arena, MOST_TRIES, sizeof *taken.lost.items);
    if (taken.lost.items == NULL)
        return no_memory(err);
    if (run_id_from_bundle(request->bundle, base, err) < 0)
        return -err->code;
    while (code == -EEXIST && taken.lost.count < MOST_TRIES) {
        if (run_id_make_free(base, is_taken, &taken, id, err) < 0)
            return -err->code;
        request->id = context->subject = arena_string(context->arena, id);
        if (request->id == NULL)
            return no_memory(err);
        code = container_create(&context->runtime, request, ret, err);
        taken.lost.items[taken.lost.count++] = request->id;
    }
    return code;
}

static int create_container(struct context *context, const struct run_options *options,
                            const char *word, struct create_request *request,
                            struct container **ret, struct error *err)
{
    if (options->create.bundle == NULL && run_word_is_bundle(word)) {
        request->bundle = word;
        return create_from_bundle(context, request, ret, err);
    }
    request->id = word;
    if (container_create(&context->runtime, request, ret, err) == 0)
        return 0;
    if (options->create.bundle == NULL && options->create.config == NULL && !run_holds_config("."))
        hint(err, "name the bundle: crun-lite run DIR, or run -b DIR ID");
    return -err->code;
}

/* What a person at the terminal would wonder about, beside the status. */
static void explain_end(const struct foreground_end *end, const struct container *container,
                        const char *id)
{
    char text[256];

    if (end->timed_out) {
        snprintf(text, sizeof text, "run \"%s\": ended by its time limit", id);
        log_file_tell(text);
    } else if (end->signal == SIGKILL && container_oom_kills(container) > 0) {
        snprintf(text, sizeof text, "run \"%s\": container was OOM-killed (memory limit too low?)",
                 id);
        log_file_tell(text);
    }
}

static int start_and_wait(struct context *context, const struct create_request *request,
                          struct foreground *foreground, struct container *container,
                          struct error *err)
{
    struct foreground_process process = {
        .pid = container_pid(container),
        .pidfd = container_pidfd(container),
        .terminal = container_terminal(container),
        .time_limit_ns = request->time_limit_ns,
        .time_limit_grace_ns = request->time_limit_grace_ns,
        .notifying = container,
    };
    struct start_request start = {.notify_socket = request->notify_socket};
    struct foreground_end end;
    int64_t begun;

    if (container_start(&context->runtime, container, &start, err) < 0)
        return -err->code;
    if (request->detach)
        return container_notify_wait(&context->runtime, container, err);
    begun = timing_begin(&context->runtime.log);
    if (foreground_wait(foreground, &process, &end, err) < 0)
        return -err->code;
    timing_end(&context->runtime.log, "run", "wait-for-end", begun);
    explain_end(&end, container, request->id);
    return end.status;
}

/* Run it and leave nothing: a container whose start failed goes too. */
static int run_container(struct context *context, const struct run_options *options,
                         const char *word, struct create_request *request,
                         struct foreground *foreground, struct error *err)
{
    struct container *container = NULL;
    struct error of_delete;

    if (create_container(context, options, word, request, &container, err) < 0)
        return -err->code;

    int status = start_and_wait(context, request, foreground, container, err);

    if (status < 0) {
        if (container_delete_open(&context->runtime, container, true, &of_delete) < 0)
            log_file_write(&context->log_file, LOG_LEVEL_WARNING, of_delete.text);
    } else if (!request->detach && !options->keep &&
               container_delete_open(&context->runtime, container, true, err) < 0) {
        status = -err->code;
    }
    container_free(container);
    return status;
}

int run_from_options(struct context *context, const struct run_options *options,
                     const struct arguments *arguments, struct error *err)
{
    struct foreground foreground = {.signals = -1};
    struct create_request request;
    struct spec_console_size size;
    struct string_list args;

    if (arguments_behind_dashes(arguments, &args, err) < 0 ||
        create_request_from_options(&options->create, args, &request, err) < 0)
        return -err->code;
    request.detach = options->detach;
    request.will_start = true;
    request.lends_memory = context->has_lent_memory = true;
    if (!request.detach) {
        if (!options->create.no_subreaper && prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
            return fail(err, errno, "become the subreaper");
        if (foreground_open(&foreground, err) < 0)
            return -err->code;
        request.console_size = relay_terminal_size(&size);
    }

    int status = run_container(context, options, arguments->items.items[0], &request, &foreground,
                               err);

    foreground_close(&foreground);
    return status;
}

static int run(struct context *context, const void *options, const struct arguments *arguments,
               struct error *err)
{
    return run_from_options(context, options, arguments, err);
}

const struct command run_command = {
    .name = "run",
    .synopsis = "[options] ID|BUNDLE [-- ARGS...]",
    .summary = "create and start a container, wait for it, delete it",
    .options = {.tables = {OPTION_TABLE_OF(create_option_rows), OPTION_TABLE_OF(rows)}},
    .options_size = sizeof(struct run_options),
    .least_arguments = 1,
    .most_arguments = ANY_NUMBER,
    .failure_status = 1,
    .sealed = true,
    .run = run,
};
