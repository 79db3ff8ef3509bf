#pragma once

/* Which files a process keeps: close_range(2), with /proc/self/fd where the kernel lacks it. */

#include <stddef.h>

/* Close every fd from `first` up except those kept (-1 entries are ignored).  0 or -errno. */
int descriptors_close_all_but(unsigned first, const int *kept, size_t count);

/* Let `count` fds from `first` pass execve and mark all above them close-on-exec.  0 or -errno. */
int descriptors_pass(unsigned first, unsigned count);

/* How many of the fds first ... first + count - 1 are open, counted from the start. */
unsigned descriptors_open_from(unsigned first, unsigned count);
