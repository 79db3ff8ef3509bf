#pragma once

/* Signals as the kernel has them, by number, of which the C library keeps two or three to itself.
 */

#include <stdint.h>

/* Which have a handler or are ignored: bit 0 is signal 1.  All of them where proc(5) does not tell.
 * One read instead of 64 calls. */
uint64_t signals_changed(void);

/* The default action for each of these, by rt_sigaction(2); safe in a child that shares our memory.
 */
void signals_set_default(uint64_t which);
