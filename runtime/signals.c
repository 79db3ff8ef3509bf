#include "runtime/signals.h"

#include <signal.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { KERNEL_SIGNALS = 64, KERNEL_MASK_BYTES = KERNEL_SIGNALS / 8 };

void signals_reset(void)
{
    /* The kernel's struct sigaction has another layout on every architecture; all zeros is SIG_DFL
     * without flags on each.  Not through the C library: it keeps 32 and 33 to itself, and its
     * posix_spawn() leaves them ignored. */
    static const unsigned long standard[8];
    sigset_t none;

    for (int signal = 1; signal <= KERNEL_SIGNALS; signal++)
        syscall(SYS_rt_sigaction, signal, standard, NULL, KERNEL_MASK_BYTES);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}
