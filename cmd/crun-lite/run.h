#pragma once

/* `run`, for who does more than that: `trace`. */

#include "cmd/crun-lite/create_options.h"

struct run_options {
    struct create_options create; /* first: its table fills it */
    bool detach;
    bool keep;
};

/* As the command: the exit status, or a negative errno. */
must_check int run_from_options(struct context *context, const struct run_options *options,
                                const struct arguments *arguments, struct error *err);
