#pragma once

/* User namespaces: which ids inside are which ids outside.  user_namespaces(7). */

#include <stdbool.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/log.h"
#include "spec/spec.h"

struct id_map_plan {
    const char *uid_map; /* the text for /proc/PID/uid_map, one line a range; NULL: none */
    const char *gid_map;
    struct spec_id_mappings uids; /* the same as numbers, for newuidmap and look-ups */
    struct spec_id_mappings gids;
    bool direct;         /* write the files ourselves; false: newuidmap/newgidmap */
    bool deny_setgroups; /* must write "deny" before gid_map: single unprivileged mapping */
};

/* Pure.  `caller_uid`/`caller_gid` and `privileged` (CAP_SETUID and CAP_SETGID in the
 * caller's own user namespace) decide how. */
must_check int id_map_plan_from_spec(struct id_map_plan *ret, const struct spec *spec,
                                     bool privileged, uid_t caller_uid, gid_t caller_gid,
                                     struct arena *arena, struct error *err);

/* In the parent: give process `pid` (in a new user namespace) its maps.  newuidmap/newgidmap run by
 * absolute path with an empty environment and a deadline of 10 s.  Errors explain subuid(5). */
must_check int id_map_plan_apply(const struct id_map_plan *plan, pid_t pid, struct error *err);

/* In the child: become root inside the user namespace (setresgid, setresuid 0), non-dumpable again.
 */
must_check int user_become_root(struct error *err);

/* After clone3, unshare or setns refused a user namespace: append to `err` what on this machine
 * forbids them (user.max_user_namespaces, Debian's and Ubuntu's switches), if anything does.
 * Returns -err->code. */
int user_namespace_hint(struct error *err);
int user_namespace_hint_in(int proc_sys, struct error *err); /* the same with another /proc/sys */

/* After a step in a new user namespace was refused (EPERM, EACCES) that root there may do: the same
 * when AppArmor takes the rights away from whoever has no profile. */
int user_namespace_rights_hint(struct error *err);

/* The host id of an id inside; -1 when it is not mapped. */
int64_t id_map_to_host(const struct spec_id_mappings *mappings, uint32_t inside);
