#pragma once

/* The options that `create` and `run` have in common, and the request they make. */

#include "cmd/crun-lite/command.h"

struct create_options {
    /* runc's */
    const char *bundle;
    const char *config;
    const char *console_socket;
    const char *pidfd_socket;
    const char *pid_file;
    unsigned preserve_fds;
    bool no_pivot;
    bool no_new_keyring;
    bool no_subreaper;
    /* ours: all but `strict` replace what the bundle says, for this container */
    const char *cpus;
    const char *memory;
    const char *pids;
    const char *hostname;
    struct string_list env;
    bool read_only;
    bool strict;
    struct optional_string overlay;
    int64_t time_limit_ns;
};

/* Rows over struct create_options, which is the first member of the options of its users. */
#define CREATE_OPTION_COUNT 18
extern const struct option create_option_rows[CREATE_OPTION_COUNT];

/* From SIGTERM to SIGKILL when the time limit is over. */
#define TIME_LIMIT_GRACE_NS INT64_C(10000000000)

/* Everything but id and detach.  `args` replaces process.args unless empty. */
must_check int create_request_from_options(const struct create_options *options,
                                           struct string_list args, struct create_request *ret,
                                           struct error *err);

/* `name` is the option's: every entry must read NAME=value. */
must_check int check_environment(const char *name, const struct string_list *env,
                                 struct error *err);

/* ID [-- ARGS...]: the arguments behind the first one, which must stand behind "--". */
must_check int arguments_behind_dashes(const struct arguments *arguments, struct string_list *ret,
                                       struct error *err);
