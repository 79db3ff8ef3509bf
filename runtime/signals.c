#include "runtime/signals.h"

#include <signal.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/own.h"

enum { KERNEL_SIGNALS = 64, KERNEL_MASK_BYTES = KERNEL_SIGNALS / 8 };

/* In a signal handler. */
static _Noreturn void end_by(int signal)
{
    _exit(128 + signal);
}

void signals_end_us(void)
{
    static const int usual[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM};
    struct sigaction action = {.sa_handler = end_by};

    for (size_t i = 0; i < count_of(usual); i++)
        sigaction(usual[i], &action, NULL);
}

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
