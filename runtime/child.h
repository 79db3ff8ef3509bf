#pragma once

/*
 * The first process of a container, from clone to execve, as a table of named steps; exec walks the
 * same table with other rows switched on.  Nothing here allocates or parses JSON.
 */

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/kernel.h"
#include "base/log.h"
#include "cgroups/cgroup.h"
#include "namespaces/mount/mount.h"
#include "runtime/plan.h"

enum child_occasion { CHILD_ON_CREATE = 1, CHILD_ON_EXEC = 2 };

struct child {
    enum child_occasion occasion;
    const struct process_plan *process;
    const struct container_plan *container; /* NULL on exec */
    const struct log *log;
    char *const *environment; /* of the runtime, for hooks without one */
    const struct cgroup *cgroup;
    /* exec: where the first process is, for when `cgroup` takes no processes; NULL: nowhere else.
     */
    const struct cgroup *other_cgroup;
    bool has_class;           /* of service: see resctrl.h */
    bool joined_v2;           /* clone3 has put us into the v2 cgroup */
    bool may_stay_outside;    /* exec without rights on the host: the cgroup may be out of reach */
    uint64_t changed_signals; /* of the runtime: spawn() fills it in, */
    struct kernel_place own_program; /* and where its executable is */
    bool behind_doorman;        /* user, pid and time namespaces are ours already: see spawn.h */
    int socket;                 /* to the parent: handshake.h */
    int parents_end;            /* of that socket: while we hold it too, we never see it close */
    int listener;               /* start.sock; -1 on exec */
    int target;                 /* exec: a pidfd of the container's first process */
    uint64_t target_namespaces; /* exec: CLONE_NEW* to enter there */

    /* found on the way */
    struct mount_child mounts;
    int terminal; /* our side of it; -1 */
    bool in_cwd;
    int starter;         /* connection of `start`; -1 */
    bool starts_at_once; /* by word of our parent, who is `start`, too: nobody else is waited for */
    char program[PATH_MAX];
    char home[PATH_MAX];
};

/* The first rows of the table, which the doorman walks in the place of the process it will clone.
 */
must_check int child_run_early(struct child *child, struct error *err);

/* Walk the table; does not return.  A failure goes to the parent (or to `start`) and ends the
 * process. */
_Noreturn void child_run(struct child *child);
