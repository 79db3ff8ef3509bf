#include "cmd/crun-lite/interruption.h"

#include <errno.h>
#include <sys/signalfd.h>

#include "base/own.h"

static const int asking[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM};

int interruption_open(struct interruption *ret, struct error *err)
{
    sigset_t set;

    sigemptyset(&set);
    for (size_t i = 0; i < count_of(asking); i++)
        sigaddset(&set, asking[i]);
    ret->fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (ret->fd < 0)
        return fail(err, errno, "open a descriptor for signals");
    sigprocmask(SIG_BLOCK, &set, &ret->mask_before);
    return 0;
}

/* All that have come: none may end us before we have said what happened. */
static void take_signals(const struct interruption *interruption, struct error *err)
{
    struct signalfd_siginfo info;

    while (read(interruption->fd, &info, sizeof info) == sizeof info)
        hint(err, "signal %u", info.ssi_signo);
}

/* But for those that the caller had kept back already: he has a use for them. */
static void drop_signals(const struct interruption *interruption)
{
    static const struct timespec now = {0};
    sigset_t late;

    sigemptyset(&late);
    for (size_t i = 0; i < count_of(asking); i++) {
        if (sigismember(&interruption->mask_before, asking[i]) == 0)
            sigaddset(&late, asking[i]);
    }
    while (sigtimedwait(&late, NULL, &now) > 0)
        continue;
}

int interruption_close(struct interruption *interruption, int code, struct error *err)
{
    if (code == -EINTR)
        take_signals(interruption, err);
    else
        drop_signals(interruption);
    close_fd(&interruption->fd);
    sigprocmask(SIG_SETMASK, &interruption->mask_before, NULL);
    return code;
}
