#pragma once

/*
 * Who the container's process is: user, groups, capabilities, umask, no_new_privs.
 *
 * The plan turns names into numbers in the parent; the child applies it without allocating, by raw
 * system calls of this one thread.  config.md "Linux Process" and "User"; capabilities(7).
 *
 * Capabilities the configuration asks for but that cannot be granted are warned about and left out,
 * as config.md asks (such a container should still run): those this kernel does not know, those
 * outside the rules between the sets, and those the runtime does not hold itself.  A word that is
 * no capability's name is refused.  process.capabilities absent is an empty object: no capability.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/log.h"
#include "spec/spec.h"

/* Bit N of a set is capability number N of <linux/capability.h>. */
struct credentials_plan {
    uid_t uid; /* as seen inside the container's user namespace */
    gid_t gid;
    const gid_t *groups; /* the spec's memory */
    size_t group_count;
    bool set_groups; /* false: the user namespace denies setgroups(2) */
    mode_t umask;    /* 0022 unless process.user.umask says otherwise */
    uint64_t bounding;
    uint64_t effective;
    uint64_t permitted;
    uint64_t inheritable;
    uint64_t ambient;
    unsigned last_capability; /* the highest number this kernel knows */
    bool no_new_privileges;
};

/* Pure.  Errors name the place: process.capabilities.bounding[2]: unknown capability "CAP_FOO".
 * `ret` points into `process`, which must outlive it. */
must_check int credentials_plan_from_spec(struct credentials_plan *ret,
                                          const struct spec_process *process, struct arena *arena,
                                          const struct log *log, struct error *err);

/* Leave out, with a warning each, the capabilities that this process does not hold.  For children
 * that stay in our user namespace: in a new one a process starts with all of them. */
must_check int credentials_plan_limit_to_own(struct credentials_plan *plan, const struct log *log,
                                             struct error *err);

/* The child's user namespace denies setgroups(2): leave the groups alone.  An error when the
 * configuration asks for additional groups. */
must_check int credentials_plan_deny_groups(struct credentials_plan *plan, struct error *err);

/* exec --cap: add a capability to bounding, effective and permitted; to ambient only when the
 * container's inheritable set has it; never to inheritable (CVE-2022-29162). */
must_check int credentials_plan_add_capability(struct credentials_plan *plan, const char *name,
                                               const struct log *log, struct error *err);

/* exec --user: "UID" or "UID:GID", decimal numbers below 4294967295 and nothing else
 * (CVE-2016-3697, CVE-2026-30892).  Leading zeros are decimal too: "01" is 1, as for runc.  Without
 * a GID the plan keeps its own. */
must_check int credentials_plan_set_user(struct credentials_plan *plan, const char *text,
                                         struct error *err);

/* --- in the child, in this order; credentials_apply() calls the first two itself ----------------
 */

/* Drop from the bounding set what the plan does not list.  Needs CAP_SETPCAP if there is any. */
must_check int credentials_drop_bounding(const struct credentials_plan *plan, struct error *err);

/* Keep the permitted set over the change of user: prctl PR_SET_KEEPCAPS, cleared by execve. */
must_check int credentials_keep_capabilities(struct error *err);

/* Everything: bounding set, keepcaps, groups, gid, uid, the three sets, ambient, umask,
 * no_new_privs.  Changes the calling thread alone: for a process of one thread. */
must_check int credentials_apply(const struct credentials_plan *plan, struct error *err);

/* --- for `features` ----------------------------------------------------------------------------
 */

/* "CAP_CHOWN" ... in the order of their numbers, up to the last this kernel knows; in the arena. */
must_check int credentials_known_capabilities(struct string_list *ret, struct arena *arena,
                                              struct error *err);
