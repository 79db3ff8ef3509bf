#pragma once

/* What a new process must not inherit from us: signal handlers, ignored signals, a blocked mask. */

/* Every signal to its default, none blocked.  In a child only. */
void signals_reset(void);
