#pragma once

/*
 * The labels of the security modules: AppArmor's profile and SELinux's context.
 *
 * A label asked for on a host without its module is an error, never a silently unconfined process.
 * Both take effect at the next execve.  config.md "apparmorProfile", "selinuxLabel"; proc(5)
 * "attr".
 */

#include <stdbool.h>

#include "base/arena.h"
#include "base/error.h"
#include "spec/spec.h"

/* What the running kernel enforces. */
struct security_modules {
    bool apparmor;
    bool selinux;
};

struct security_labels_plan {
    const char *apparmor_profile; /* NULL: not asked; the spec's memory */
    const char *apparmor_command; /* "exec PROFILE", as the kernel wants it written; the arena's */
    const char *selinux_label;
    const char *mount_label; /* linux.mountLabel, which namespaces/mount applies */
};

/* Ask sysfs: AppArmor enabled, selinuxfs mounted and writable. */
void security_modules_find(struct security_modules *ret);

/* Changes nothing; asks for the host's modules when a label is wanted.  An empty label is none;
 * `linux_` may be NULL.  Errors: "process.apparmorProfile: ...". */
must_check int security_labels_plan_from_spec(struct security_labels_plan *ret,
                                              const struct spec_process *process,
                                              const struct spec_linux *linux_, struct arena *arena,
                                              struct error *err);

/* The part of it that refuses labels of missing modules; pure. */
must_check int security_labels_check_modules(const struct security_labels_plan *plan,
                                             const struct security_modules *modules,
                                             struct error *err);

/* Whether the kernel has the plan's AppArmor profile; true as well where that cannot be known: a
 * profile of another policy namespace or a stack, a caller who may not read the list.  `plan` has a
 * profile. */
bool security_labels_apparmor_is_loaded(const struct security_labels_plan *plan);

/* The part of it that looks at a line of the list, "NAME (MODE)"; pure. */
bool security_labels_apparmor_is_listed(const char *profile, const char *line);

/* In the child.  `thread_self` is an fd of /proc/thread-self (or /proc/self, in a process of one
 * thread) of a trusted procfs.  Written and read back.  No allocation. */
must_check int security_labels_apply(const struct security_labels_plan *plan, int thread_self,
                                     struct error *err);

/* Around the joining of the session keyring, so that it carries the container's SELinux label:
 * set, join, clear.  Nothing happens without a label. */
must_check int security_labels_set_keyring(const struct security_labels_plan *plan, int thread_self,
                                           struct error *err);
must_check int security_labels_clear_keyring(const struct security_labels_plan *plan,
                                             int thread_self, struct error *err);

/* Whether what the kernel reports is what was asked for; pure. */
bool security_labels_apparmor_holds(const char *profile, const char *read_back);
bool security_labels_selinux_holds(const char *label, const char *read_back);
