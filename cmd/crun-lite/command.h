#pragma once

/* One command of the command line: a row of the table in main.c, defined in the file of its name.
 */

#include "base/arena.h"
#include "base/error.h"
#include "cmd/crun-lite/log_file.h"
#include "cmd/crun-lite/options.h"
#include "runtime/container.h"

/* What a command gets beside its own options. */
struct context {
    struct runtime runtime;
    struct log_file log_file; /* where runtime.log goes */
    bool root_given;          /* --root was on the command line */
    const char *trace_path;   /* of --trace; NULL: none */
    struct arena *arena;      /* freed when the program ends */
    bool has_lent_memory;     /* create_request.lends_memory: the program has to end as it stands */
    /* What an error is about: `run "web": ...`.  The first argument, unless the command knows
     * better. */
    const char *subject;
};

struct command {
    const char *name;
    const char *synopsis; /* what follows the name in --help's usage line */
    const char *summary;
    struct option_set options;
    size_t options_size; /* of the struct the options are read into */
    size_t least_arguments;
    size_t most_arguments;
    int failure_status; /* the exit status when run() fails */
    /* It starts processes inside a container, so the program must be out of their reach first. */
    bool sealed;
    /* Returns the exit status, or a negative errno with err filled. */
    int (*run)(struct context *context, const void *options, const struct arguments *arguments,
               struct error *err);
};

#define ANY_NUMBER ((size_t)-1)

/* All of them. */
extern const struct command check_command;
extern const struct command checkpoint_command;
extern const struct command create_command;
extern const struct command completion_command;
extern const struct command delete_command;
extern const struct command events_command;
extern const struct command exec_command;
extern const struct command features_command;
extern const struct command kill_command;
extern const struct command list_command;
extern const struct command mounts_command;
extern const struct command pause_command;
extern const struct command ps_command;
extern const struct command restore_command;
extern const struct command resume_command;
extern const struct command run_command;
extern const struct command spec_command;
extern const struct command start_command;
extern const struct command state_command;
extern const struct command trace_command;
extern const struct command update_command;
extern const struct command wait_command;

/* The table itself, in main.c. */
extern const struct command *const commands[];
extern const size_t command_count;
