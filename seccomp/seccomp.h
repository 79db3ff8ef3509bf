#pragma once

/*
 * seccomp: which system calls the container may make.
 *
 * The plan compiles linux.seccomp to BPF in the parent, before clone: a bad profile fails early and
 * its memory is not charged to the container.  The child only loads it.  What most profiles say we
 * compile ourselves, a thousand times faster; libseccomp does the rest, and its tables give the
 * numbers. config-linux.md "Seccomp"; seccomp(2).
 */

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/log.h"
#include "spec/spec.h"

struct seccomp_plan {
    bool wanted;
    struct sock_filter *filter;
    unsigned short length; /* instructions */
    unsigned flags;        /* SECCOMP_FILTER_FLAG_* for seccomp(2) */
    bool has_listener;     /* an action is NOTIFY: loading yields an fd for listener_path */
    bool sendmsg_waits;    /* for the agent, too, which must be brought to life by another call */
    const char *listener_path;
    const char *listener_metadata;
};

/* Pure (libseccomp makes no system call that changes anything).  `profile` NULL: wanted is false.
 * Unknown system call names are skipped with a debug line, as runc does; errors name the place:
 * "linux.seccomp.syscalls[3].args[0]: ...". */
must_check int seccomp_plan_from_spec(struct seccomp_plan *ret, const struct spec_seccomp *profile,
                                      struct arena *arena, const struct log *log,
                                      struct error *err);

/* Load the filter into the calling thread; in the child.  Returns the listener fd (O_CLOEXEC) when
 * plan->has_listener, else 0.  Without no_new_privs the caller needs CAP_SYS_ADMIN.  Flags the
 * kernel does not know (SPEC_ALLOW, WAIT_KILLABLE_RECV) are an error that names the flag. */
must_check int seccomp_plan_apply(const struct seccomp_plan *plan, struct error *err);

/* Whether the running kernel knows an enum spec_seccomp_action (seccomp(2),
 * SECCOMP_GET_ACTION_AVAIL, 4.14). */
bool seccomp_action_supported(int action);

/* What this build and kernel offer, for `features`: names in SCMP_* form, sorted, in the arena. */
must_check int seccomp_features(struct spec_features_seccomp *ret, struct arena *arena,
                                struct error *err);

/* "2.5.4": the version of the libseccomp in use.  `buffer` takes at least 32 bytes. */
void seccomp_library_version(char *buffer, size_t size);
