#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>

#include "base/own.h"
#include "base/text.h"
#include "cmd/crun-lite/columns.h"
#include "cmd/crun-lite/command.h"
#include "spec/fields.h"

struct list_options {
    const char *format;
    bool quiet;
    bool watch;
};

static const struct option rows[] = {
    {"format", 'f', OPTION_ANY_STRING, offsetof(struct list_options, format), "FORMAT",
     "table (default) or json"                                                                     },
    {"quiet",  'q', OPTION_FLAG,       offsetof(struct list_options, quiet),  NULL,     "ids alone"},
    {"watch",  0,   OPTION_FLAG,       offsetof(struct list_options, watch),  NULL,
     "show the list again whenever it has changed, until SIGINT"                                   },
};

/* The last owner that was looked up: it is nearly always the same. */
struct owner {
    const char *uid;
    const char *name;
};

/* The user's name, or #UID; NULL without memory. */
static const char *owner_name(const char *uid, struct owner *last, struct arena *arena)
{
    const struct passwd *user;
    struct error ignored;
    int64_t number;

    if (last->uid != NULL && strcmp(last->uid, uid) == 0)
        return last->name;
    if (parse_int64(uid, 0, UINT32_MAX, &number, &ignored) < 0)
        return uid;
    user = getpwuid((uid_t)number);
    last->uid = uid;
    last->name = user != NULL ? arena_string(arena, user->pw_name) : arena_print(arena, "#%s", uid);
    return last->name;
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

static int print_ids(const struct container_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        puts(list->items[i].id);
    return 0;
}

static int take_list(struct context *context, struct arena *arena, struct container_list *ret,
                     struct error *err)
{
    struct owner last = {NULL, NULL};

    *ret = (struct container_list){0};
    if (container_list(&context->runtime, arena, ret, err) < 0) {
        /* Before the first container there is no root; one that was asked for should be there. */
        if (err->code != ENOENT || context->root_given)
            return -err->code;
        *ret = (struct container_list){0};
    }
    for (size_t i = 0; i < ret->count; i++) {
        ret->items[i].owner = owner_name(ret->items[i].owner, &last, arena);
        if (ret->items[i].owner == NULL)
            return no_memory(err);
    }
    return 0;
}

static int print_list(const struct list_options *options, const struct container_list *list,
                      struct arena *arena, struct error *err)
{
    if (options->quiet)
        return print_ids(list);
    if (options->format != NULL && strcmp(options->format, "json") == 0)
        return print_json(list, arena, err);
    return print_table(list, arena, err);
}

/* SIGINT and SIGTERM end a watch that has done all it was asked for. */
static int open_signals(struct error *err)
{
    sigset_t signals;
    int fd;

    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    fd = signalfd(-1, &signals, SFD_CLOEXEC);
    return fd < 0 ? fail(err, errno, "wait for signals") : fd;
}

/* What is not worth a new list: nothing of what it shows is different. */
static bool is_same(const struct container_list *one, const struct container_list *other)
{
    bool same = one->count == other->count;

    for (size_t i = 0; same && i < one->count; i++) {
        same = strcmp(one->items[i].id, other->items[i].id) == 0 &&
               strcmp(one->items[i].status, other->items[i].status) == 0 &&
               strcmp(one->items[i].created, other->items[i].created) == 0 &&
               one->items[i].pid == other->items[i].pid;
    }
    return same;
}

static int watch_list(struct context *context, const struct list_options *options,
                      struct container_watch *watch, int signals, struct error *err)
{
    struct arena arenas[2] = {{NULL}, {NULL}};
    struct container_list lists[2] = {{0}, {0}};
    bool first = true, ending = false;
    int code = 0;

    for (int now = 0;; now = !now) {
        struct pollfd fds[] = {
            {.fd = container_watch_fd(watch), .events = POLLIN},
            {.fd = signals,                   .events = POLLIN},
        };

        arena_free(&arenas[now]);
        code = container_watch_refresh(watch, err);
        if (code == 0)
            code = take_list(context, &arenas[now], &lists[now], err);
        if (code == 0 && (first || !is_same(&lists[0], &lists[1]))) {
            if (!first && options->format == NULL && !options->quiet)
                putchar('\n');
            code = print_list(options, &lists[now], &arenas[now], err);
        }
        first = false;
        if (code < 0 || fflush(stdout) != 0 || ending)
            break;
        if (poll(fds, count_of(fds), -1) < 0 && errno != EINTR)
            break;
        /* What has happened before the signal is shown, but nothing that comes later. */
        ending = fds[1].revents != 0;
        if (ending && fds[0].revents == 0)
            break;
    }
    arena_free(&arenas[0]);
    arena_free(&arenas[1]);
    return code;
}

static int watch(struct context *context, const struct list_options *options, struct error *err)
{
    struct container_watch *changes = NULL;
    autoclose int signals = open_signals(err);
    int code = signals < 0
                   ? signals
                   : container_watch_open(&context->runtime, !context->root_given, &changes, err);

    if (code == 0)
        code = watch_list(context, options, changes, signals, err);
    container_watch_free(changes);
    return code;
}

static int list(struct context *context, const void *command_options,
                const struct arguments *arguments, struct error *err)
{
    const struct list_options *options = command_options;
    struct container_list shown;

    (void)arguments;
    if (options->format != NULL && strcmp(options->format, "json") != 0 &&
        strcmp(options->format, "table") != 0)
        return refuse(err, EINVAL, "--format: invalid format option (table or json)");
    if (options->watch)
        return watch(context, options, err);
    if (take_list(context, context->arena, &shown, err) < 0)
        return -err->code;
    return print_list(options, &shown, context->arena, err);
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
