#pragma once

/* Inside cgroups/: the directories of one cgroup, and what is in them. */

#include "base/text.h"
#include "cgroups/cgroup.h"

/* Which of cgroup->directories is in hierarchy `index` of the host; -1 when none is. */
int cgroup_directory_in(const struct cgroup *cgroup, const struct cgroup_host *host, size_t index);

/* The open v2 directory, or else the first open one; -1 when nothing is open. */
int cgroup_any_directory(const struct cgroup *cgroup);

/* The path of the one in v2; NULL when there is none. */
const char *cgroup_v2_directory(const struct cgroup *cgroup);

/* Enable controllers in `dir` for the cgroups below it: all of `offered` that can be, and
 * every one that `plan` needs or else an error.  `directory` is for messages. */
must_check int cgroup_enable_controllers(int dir, const char *directory,
                                         const struct cgroup_plan *plan, struct error *err);

/* v1 cpuset: a new cgroup has no cpus and no memory nodes and lets nobody in; copy those of `above`
 * into what is empty in `dir`. */
must_check int cgroup_fill_cpuset(int above, int dir, const char *directory, struct error *err);

/* All processes below the directory `dir`, appended to a growing list in the arena. */
struct cgroup_pids {
    struct arena *arena;
    pid_t *items;
    size_t count;
    size_t room;
};
must_check int cgroup_read_pids(int dir, struct cgroup_pids *pids, struct error *err);
/* Those of the directory itself. */
must_check int cgroup_read_own_pids(int dir, struct cgroup_pids *pids, struct error *err);

/* "pids 12, 13 and 5 more", for messages. */
void cgroup_pids_text(const struct cgroup_pids *pids, struct text *text);

/* Wait until cgroup.events of the v2 directory says `wanted` ("populated 0") or `deadline`
 * (CLOCK_MONOTONIC, milliseconds) has passed.  True when it does. */
bool cgroup_wait_for_event(int dir, const char *wanted, int64_t deadline);

/* CLOCK_MONOTONIC in milliseconds, and a pause of the `attempt`th wait for something the kernel has
 * no event for: 1, 2, 4 ... 64 ms, never beyond the deadline.  False when that has passed. */
int64_t cgroup_clock(void);
bool cgroup_back_off(unsigned attempt, int64_t deadline);

/* The value of `key` in a file of "key number" lines; -1 when there is no such file or key. */
int64_t cgroup_read_key(int dir, const char *file, const char *key);

/* Must the container have a cgroup in hierarchy `index` of the host, for a limit or a device rule
 * that was asked for? */
bool cgroup_is_required(const struct cgroup_plan *plan, size_t index);

/* Let plan->owner make cgroups of its own below. */
must_check int cgroup_give(const struct cgroup *cgroup, const struct cgroup_plan *plan,
                           struct error *err);

/* A parent that a container needed and did not find: marked, so that whoever leaves it empty
 * removes it, in whatever order containers come and go.  Best effort: an extended attribute. */
void cgroup_mark_parent(int dir);

/* Remove `directory` and `made` - 1 directories above it, then marked parents, as far as they are
 * empty: only the first has to be.  -EBUSY while somebody is inside.  Missing is success. */
int cgroup_remove_levels(const char *directory, int64_t made);
