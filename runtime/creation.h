#pragma once

/*
 * What `create` and `restore` have in common: a new container on its way into being.  Each of the
 * two has a table of steps; this is the state the steps share, the steps that both have, and the
 * walk along a table.
 */

#include <stdbool.h>

#include "runtime/handle.h"
#include "runtime/plan.h"
#include "runtime/spawn.h"
#include "runtime/strict.h"

enum { CREATION_SPARE_FDS = 5, CREATION_REMOVE_DEADLINE_MS = 5000 };

/* What is alive between the first step and the last. */
struct creation {
    const struct runtime *runtime;
    struct runtime strict_runtime; /* what `runtime` points to for a request that is strict */
    struct strict strict;
    const struct create_request *request;
    struct container *container; /* the handle that the caller gets */
    struct spec *spec;
    struct container_plan plan;
    struct spec_state state; /* for a seccomp agent */
    struct cgroup cgroup;
    int console;                   /* connection; -1 */
    int listener;                  /* start.sock; the child's */
    int socket;                    /* our end of the handshake */
    int spare[CREATION_SPARE_FDS]; /* given up before the undo, which needs some: see EMFILE in
                                      open(2) */
    struct child child;
    struct spawned spawned;
    struct network_move net_devices; /* that have been moved in */
    struct replacement record_file;  /* the record with the first process in it ... */
    bool has_record_file;            /* ... written and not in its place yet */
    struct restoration *restoration; /* restore's own; NULL on create */
};

/* Nothing made, nothing open: the members of an initializer. */
/* clang-format off */
#define CREATION_EMPTY                                                            \
    .cgroup = CGROUP_EMPTY, .net_devices = NETWORK_MOVE_EMPTY,                    \
    .console = -1, .listener = -1, .socket = -1,                                  \
    .spawned = {.pidfd = -1}, .spare = {-1, -1, -1, -1, -1}
/* clang-format on */

struct create_step {
    const char *name;
    must_check int (*run)(struct creation *creation, struct error *err);
    void (*undo)(struct creation *creation);
    bool is_silent; /* its errors say where they come from: the bundle's member, the child's step */
};

/* Check the id, read the bundle, go along the table, close everything.  A step that fails has
 * undone itself; those before it are undone, last first.  *ret is the container, unlocked unless
 * the caller will start it. */
must_check int creation_run(struct creation *creation, const char *verb,
                            const struct create_step *steps, size_t count, struct container **ret,
                            struct error *err);

const struct log *creation_log(const struct creation *creation);

/* The steps, and their undo. */
must_check int creation_claim_id(struct creation *creation, struct error *err);
void creation_release_id(struct creation *creation);

/* With the id in our hand, for the plan looks at the cgroup of that name. */
must_check int creation_make_plan(struct creation *creation, struct error *err);

/* The record says what will be made before any of it is. */
must_check int creation_write_intent(struct creation *creation, struct error *err);

/* The bundle's configuration as it was read, for those who come later (exec, update, restore). */
must_check int creation_write_config(struct creation *creation, struct error *err);

/* For sd_notify(3), when the caller has a service manager. */
must_check int creation_make_notify(struct creation *creation, struct error *err);

/* What is connected or opened before a process exists: the console socket, namespaces to join, the
 * place of the pid file. */
must_check int creation_open_doors(struct creation *creation, struct error *err);

must_check int creation_make_layer(struct creation *creation, struct error *err);
/* Upper and work stay: they are the caller's, to keep. */
void creation_release_layer(struct creation *creation);

must_check int creation_make_cgroup(struct creation *creation, struct error *err);
void creation_remove_cgroup(struct creation *creation);
must_check int creation_set_limits(struct creation *creation, struct error *err);
must_check int creation_filter_devices(struct creation *creation, struct error *err);

/* Cache and bandwidth.  The class is made before there is anybody to put in, and before the cgroup:
 * its undo comes when nobody is left.  The second puts members in that are there already. */
must_check int creation_make_class(struct creation *creation, struct error *err);
must_check int creation_enter_class(struct creation *creation,
                                    const struct resctrl_members *members, struct error *err);
void creation_remove_class(struct creation *creation);
struct resctrl_intent creation_class_intent(struct creation *creation);

/* The first process is there: write its identity and `phase`, for creation_write_state() to put in
 * place.  Where it is not known yet who that will be, nothing is done. */
must_check int creation_prepare_state(struct creation *creation, enum state_phase phase,
                                      struct error *err);
void creation_drop_state(struct creation *creation);

/* The first process is there: its identity and `phase` into the record, its pidfd and pid to who
 * asked. */
must_check int creation_write_state(struct creation *creation, enum state_phase phase,
                                    struct error *err);
void creation_forget_pid_file(struct creation *creation);

/* End the first process, and reap it. */
void creation_kill_child(struct creation *creation);
