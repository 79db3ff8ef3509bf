#include "runtime/signals.h"

#include <signal.h>
#include <unistd.h>

#include "base/own.h"
#include "base/signals.h"

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

void signals_reset(uint64_t changed)
{
    sigset_t none;

    signals_set_default(changed);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}
