#pragma once

/* What a new process must not inherit from us: signal handlers, ignored signals, a blocked mask. */

#include <stdint.h>

/* Every signal to its default, none blocked.  In a child only.  `changed` is what signals_changed()
 * (base/signals.h) has said of its parent, where /proc was the host's; UINT64_MAX is always right.
 */
void signals_reset(uint64_t changed);

/* From here until execve the signals that usually end a process end us, status 128 + signal: also
 * when we are process 1 of a pid namespace, which default actions pass by (pid_namespaces(7)). */
void signals_end_us(void);
