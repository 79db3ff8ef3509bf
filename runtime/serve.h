#pragma once

/*
 * The parent's side of the handshake: answer the child until it is ready (create) or has become its
 * program (exec).  Which request is legal, and how often, is the table in serve.c.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "runtime/resctrl.h"
#include "runtime/spawn.h"

struct server {
    int socket; /* our end */
    struct spawned *spawned;
    const struct cgroup *cgroup;               /* where the child belongs */
    const struct cgroup *other_cgroup;         /* as in struct child */
    struct resctrl_record *class;              /* the container's, with or without anything in it */
    const struct resctrl_intent *class_intent; /* on create */
    const struct container_plan *container;    /* NULL on exec */
    const struct seccomp_plan *seccomp;
    struct network_move *net_devices; /* on create: those that have been moved in */
    const struct process_limits_plan *limits;
    const struct spec_state *state; /* for a seccomp agent */
    char *const *environment;
    const struct log *log;
    bool privileged; /* caller_is_privileged() */
    int console;     /* connection to the console socket; -1: keep the terminal's master */
    int *terminal;   /* where to keep it */
    uint32_t asked;  /* which kinds have come, a bit each */
};

enum server_end {
    SERVER_READY = 1, /* the child waits for DONE */
    SERVER_CLOSED     /* execve has closed the child's socket */
};

/* Answer until the child says READY or closes; that is the return value.  A child that fails or
 * dies is an error: what it said, or how it ended. */
must_check int serve_child(struct server *server, struct error *err);

/* Hand the seccomp listener over to the agent at plan->listener_path (config-linux.md, "The
 * container process state").  `pid` is the process that the filter is in. */
must_check int serve_seccomp_listener(const struct seccomp_plan *plan,
                                      const struct spec_state *state, pid_t pid, int listener,
                                      struct error *err);
