#pragma once

/* The network interfaces of a container, and what went through them. */

#include "runtime/container.h"

/* Those that process `pid` sees, when its network namespace is not the caller's: then they are the
 * container's, whoever made them.  A process that has just ended has none. */
must_check int interfaces_read(pid_t pid, struct arena *arena, struct container_interface **ret,
                               size_t *ret_count, struct error *err);
