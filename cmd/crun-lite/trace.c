#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/timing.h"
#include "cmd/crun-lite/run.h"
#include "cmd/crun-lite/trace_output.h"

struct trace_options {
    struct run_options run; /* first, as its first member is */
};

/* Of the terminal that the chart goes to. */
static unsigned columns_of_output(void)
{
    enum { USUAL = 120 };
    struct winsize size;

    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : USUAL;
}

static int trace(struct context *context, const void *command_options,
                 const struct arguments *arguments, struct error *err)
{
    const struct trace_options *options = command_options;
    struct log *log = &context->runtime.log;
    int status;

    if (log->trace == NULL) {
        if (trace_open(&log->trace, err) < 0)
            return -err->code;
        trace_add_start(log->trace);
    }
    status = run_from_options(context, &options->run, arguments, err);
    if (status >= 0)
        trace_print_chart(log->trace, columns_of_output(), stdout);
    return status;
}

const struct command trace_command = {
    .name = "trace",
    .synopsis = "[options] ID|BUNDLE [-- ARGS...]",
    .summary = "run a container and show how long every step took",
    .options = {.tables = {OPTION_TABLE_OF(create_option_rows)}},
    .options_size = sizeof(struct trace_options),
    .least_arguments = 1,
    .most_arguments = ANY_NUMBER,
    .failure_status = 1,
    .sealed = true,
    .run = trace,
};
