#pragma once

/*
 * Making the first process (or one of exec) in the right namespaces and cgroup.
 *
 * One clone3(2) where that is enough: new namespaces by flag, a joined pid namespace by making it
 * the one for our children for a moment.  Two things need a process in between, the doorman:
 *  - a user namespace joined by path: the new namespaces must belong to it, so it is entered first;
 *  - exec: a process in the container's pid namespace can be seen from inside, so it is born only
 * when everything else of the container has been entered. The doorman enters, clones the real
 * process with CLONE_PARENT (so that it is our child) and ends.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "runtime/child.h"

struct spawn_request {
    struct child *child; /* what the new process runs; socket and listener are its own ends */
    uint64_t create;     /* CLONE_NEW* for clone; never CLONE_NEWCGROUP (see child.c) */
    int pid_namespace;   /* fd of the pid namespace to be born in; -1: ours, or a new one */
    int cgroup;          /* fd for CLONE_INTO_CGROUP; -1: none */
    const struct namespace_plan
        *join_first;              /* the doorman joins user and pid from here; NULL: none */
    const struct time_plan *time; /* NULL: no offsets */
    bool needs_doorman;
    bool lends_memory; /* the child works in our memory (lend.h), if it can be had */
};

struct spawned {
    pid_t pid; /* of the real process, or of the doorman until SPAWNED has come */
    int pidfd;
    bool is_doorman;
    bool has_our_memory; /* until its execve: what it uses has to stay */
};

/* Start it.  In the new process child_run() takes over and this does not return. */
must_check int spawn(const struct spawn_request *request, struct spawned *ret, struct error *err);
