#pragma once

/*
 * A child that works in our memory instead of a copy, until it becomes its program: as with
 * vfork(2), but we go on beside it.  Copying costs more than a third of a container's start: the
 * page tables first, then an exception for each page that either of the two changes.
 *
 * A thread is made for it, which the kernel suspends (CLONE_VFORK) until the child calls execve(2)
 * or ends: the child runs on this thread's stack and with its thread-local storage, so that errno
 * is its own. All else is shared: what the child uses has to stay where it is, and neither may
 * change what the other reads.
 */

#include <linux/sched.h>
#include <stdbool.h>
#include <sys/types.h>

/* Whether this machine's architecture has the few instructions it takes. */
bool lend_is_possible(void);

/*
 * clone3(2) with `args` and CLONE_VM | CLONE_VFORK; the child calls begin(context), which must not
 * return.  The pid of the child, -1 with errno.  args->pidfd is written to before this returns.
 */
pid_t lend_clone(struct clone_args *args, void (*begin)(void *context), void *context);
