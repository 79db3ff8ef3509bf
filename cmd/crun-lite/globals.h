#pragma once

/* The options in front of the command, and the struct runtime they make. */

#include "cmd/crun-lite/command.h"

struct global_options {
    const char *root;
    const char *log;
    const char *log_format;
    const char *log_level;
    const char *rootless;
    const char *trace;
    const char *cgroup_manager;
    bool systemd_cgroup;
    bool debug;
    bool version;
};

extern const struct option_set global_option_set;

/* Fill context->runtime and open the log.  Strings belong to context->arena. */
must_check int globals_apply(const struct global_options *options, struct context *context,
                             struct error *err);

/* `path` made absolute, without ".", ".." and doubled slashes, by its text alone (it need not
 * exist).  `current` is the directory a relative one starts from.  NULL when memory is short. */
char *path_clean(const char *path, const char *current, struct arena *arena);
