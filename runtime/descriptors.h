#pragma once

/* Which files a process keeps: close_range(2), with /proc/self/fd where the kernel lacks it. */

#include <stddef.h>

#include "base/error.h"

/* Close every fd from `first` up except those kept (-1 entries are ignored).  0 or -errno. */
int descriptors_close_all_but(unsigned first, const int *kept, size_t count);

/* Let `count` fds from `first` pass execve and mark all above them close-on-exec.  0 or -errno. */
int descriptors_pass(unsigned first, unsigned count);

/* Refuse when one of the `count` fds from 3, which the caller wants handed over, is not open or
 * closes on exec (then it is one of ours).  A caller in the same process clears FD_CLOEXEC on what
 * it hands over. */
must_check int descriptors_check_preserved(unsigned count, struct error *err);
