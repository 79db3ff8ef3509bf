#pragma once

/* The options that `checkpoint` and `restore` have in common. */

#include "cmd/crun-lite/command.h"

struct criu_command_options {
    const char *image_path;
    const char *work_path;
    const char *manage_cgroups_mode;
    const char *network_lock;
    struct string_list empty_namespaces;
    bool tcp_established;
    bool tcp_close;
    bool external_unix_sockets;
    bool shell_job;
    bool file_locks;
    bool auto_dedup;
    bool lazy_pages;
};

/* Rows over struct criu_command_options, which is the first member of the options of its users. */
#define CRIU_OPTION_COUNT 12
extern const struct option criu_option_rows[CRIU_OPTION_COUNT];

/* Paths become absolute: the default of --image-path is "checkpoint" in the working directory. */
must_check int criu_choices_from_options(const struct criu_command_options *options,
                                         struct arena *arena, struct criu_choices *ret,
                                         struct error *err);
