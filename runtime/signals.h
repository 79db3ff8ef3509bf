#pragma once

/* What a new process must not inherit from us: signal handlers, ignored signals, a blocked mask. */

/* Every signal to its default, none blocked.  In a child only, while the host's /proc is in sight.
 */
void signals_reset(void);

/* From here until execve the signals that usually end a process end us, status 128 + signal: also
 * when we are process 1 of a pid namespace, which default actions pass by (pid_namespaces(7)). */
void signals_end_us(void);
