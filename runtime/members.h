#pragma once

/* Which processes are in a container that has no cgroup to ask: those of its pid namespace. */

#include <stddef.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/error.h"

/* All processes that the caller can see and that are in the pid namespace of `pid`, ascending. */
must_check int members_of_pid_namespace(pid_t pid, struct arena *arena, pid_t **ret,
                                        size_t *ret_count, struct error *err);

/* Send a signal to each of them but `pid` itself, whose pidfd proves that it is still the one that
 * is meant: when it has ended, nothing is sent.  Namespaces below it are not entered.  One that may
 * not be signalled is an error, after the others have got theirs. */
must_check int members_signal(pid_t pid, int pidfd, int signal, struct error *err);
