#pragma once

/*
 * Hooks: programs of the caller's that run at named points of a container's life.
 * config.md "POSIX-platform Hooks".
 */

#include <sys/types.h>

#include "base/arena.h"
#include "base/error.h"
#include "spec/spec.h"

/* The state a hook reads on its standard input, with room for what is known only later: the text is
 * `head`, a pid, `tail`.  Made before clone, because the child must not allocate. */
struct hook_state {
    const char *head;
    const char *tail;
    const char *directory; /* where hooks that read it begin; NULL, as at first: where we are */
};

must_check int hook_state_init(struct hook_state *ret, const struct spec_state *state,
                               struct arena *arena, struct error *err);

/* Run the hooks one after another in the caller's namespaces, each with the state on standard
 * input, its output kept back (the beginning of it goes into the error).  A hook without "env"
 * inherits `environment`. A timeout ends the hook's whole process group; a hook that leaves a
 * daemon behind which holds its output does not hold us.  Stops at the first that fails: "error
 * running createRuntime hook #0: /bin/x: exit status 7, output: ...". Does not allocate; may run in
 * the child. */
must_check int hooks_run(const struct spec_hook_list *hooks, const char *kind,
                         const struct hook_state *state, pid_t pid, char *const *environment,
                         struct error *err);

/* The same until `give_up` is readable (-1: never), which ends a hook as a timeout does: EINTR,
 * "error running createRuntime hook #0: /bin/x: interrupted". */
must_check int hooks_run_until(const struct spec_hook_list *hooks, const char *kind,
                               const struct hook_state *state, pid_t pid, char *const *environment,
                               int give_up, struct error *err);
