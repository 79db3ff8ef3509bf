#include <errno.h>
#include <fcntl.h>

#include "base/text.h"
#include "cmd/crun-lite/criu_options.h"
#include "cmd/crun-lite/interruption.h"

struct checkpoint_options {
    struct criu_command_options criu; /* first: its table fills it */
    const char *parent_path;
    const char *status_fd;
    const char *page_server;
    bool leave_running;
    bool pre_dump;
    bool link_remap;
    bool tcp_skip_in_flight;
};

#define AT(member) offsetof(struct checkpoint_options, member)

/* clang-format off */
static const struct option rows[] = {
    {"leave-running",      0, OPTION_FLAG,       AT(leave_running),      NULL,
     "the container goes on afterwards"},
    {"pre-dump",           0, OPTION_FLAG,       AT(pre_dump),           NULL,
     "memory alone, in advance; the container goes on"},
    {"parent-path",        0, OPTION_STRING,     AT(parent_path),        "DIR",
     "earlier images, relative to --image-path: only what has changed\n"
     "since is written"},
    {"link-remap",         0, OPTION_FLAG,       AT(link_remap),         NULL,
     "allow open files that have been unlinked, by a new link"},
    {"tcp-skip-in-flight", 0, OPTION_FLAG,       AT(tcp_skip_in_flight), NULL,
     "leave out TCP connections that are being opened"},
    {"page-server",        0, OPTION_STRING,     AT(page_server),        "ADDRESS:PORT",
     "send memory to criu page-server there"},
    {"status-fd",          0, OPTION_ANY_STRING, AT(status_fd),          "FD",
     "gets a NUL byte when lazy pages can be had"},
};
/* clang-format on */

static int read_status_fd(const char *text, int *ret, struct error *err)
{
    int64_t fd;

    *ret = -1;
    if (text == NULL)
        return 0;
    if (parse_int64(text, 0, 1 << 20, &fd, err) < 0)
        return within(err, "--status-fd");
    if (fcntl((int)fd, F_GETFD) < 0)
        return fail(err, errno, "--status-fd: %s", text);
    *ret = (int)fd;
    return 0;
}

static int write_images(const struct context *context, const char *id,
                        struct checkpoint_request *request, struct error *err)
{
    struct interruption interruption;

    if (interruption_open(&interruption, err) < 0)
        return -err->code;
    request->give_up = interruption.fd;
    return interruption_close(&interruption,
                              container_checkpoint(&context->runtime, id, request, err), err);
}

static int checkpoint(struct context *context, const void *command_options,
                      const struct arguments *arguments, struct error *err)
{
    const struct checkpoint_options *options = command_options;
    const char *id = arguments->items.items[0];
    struct checkpoint_request request = {
        .parent_path = options->parent_path,
        .leave_running = options->leave_running,
        .pre_dump = options->pre_dump,
        .page_server = options->page_server,
    };

    if (read_status_fd(options->status_fd, &request.status_fd, err) < 0 ||
        criu_choices_from_options(&options->criu, context->arena, &request.choices, err) < 0)
        return -err->code;
    request.choices.link_remap = options->link_remap;
    request.choices.tcp_skip_in_flight = options->tcp_skip_in_flight;

    if (write_images(context, id, &request, err) < 0)
        return -err->code;
    /* There is nothing to give up any more: signals end us as they end `delete`, a poststop hook
     * that hangs with us. */
    return request.leave_running || request.pre_dump
               ? 0
               : container_delete(&context->runtime, id, true, err);
}

const struct command checkpoint_command = {
    .name = "checkpoint",
    .synopsis = "[options] ID",
    .summary = "write a running container to images, with CRIU",
    .options = {.tables = {OPTION_TABLE_OF(criu_option_rows), OPTION_TABLE_OF(rows)}},
    .options_size = sizeof(struct checkpoint_options),
    .least_arguments = 1,
    .most_arguments = 1,
    .failure_status = 1,
    .run = checkpoint,
};
