#include "cmd/crun-lite/startup.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/signals.h"

/* Not O_CLOEXEC: the container's process inherits its standard streams. */
static int open_standard_streams(struct error *err)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) >= 0)
            continue;
        /* The lowest free descriptor is this one: those below it are open by now. */
        if (open("/dev/null", O_RDWR | O_NOCTTY) < 0)
            return fail(err, errno, "open /dev/null in place of the closed descriptor %d", fd);
    }
    return 0;
}

static uint64_t bit_of(int number)
{
    return (uint64_t)1 << (number - 1);
}

/* A caller may hand down anything.  An ignored SIGCHLD would make the kernel reap our children
 * before we have seen their status. */
void startup_reset_signals(void)
{
    sigset_t none;

    signals_set_default(signals_changed() & ~(bit_of(SIGPIPE) | bit_of(SIGXFSZ)));
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* AT_SECURE alone says too much: it is also set when root's shell changes the SELinux domain. */
static int refuse_borrowed_rights(struct error *err)
{
    if (getauxval(AT_SECURE) == 0)
        return 0;
    if (getuid() == 0 && geteuid() == 0 && getgid() == getegid())
        return 0;
    return refuse(err, EPERM,
                  "refusing to run setuid, setgid or with file capabilities: whoever may start "
                  "containers with them owns the machine");
}

int startup(struct error *err)
{
    if (open_standard_streams(err) < 0)
        return -err->code;
    /* Writing to a closed pipe or past the limit on a file's size is an error to report, not a
     * reason to die half way through. */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    /* What we make has the mode that we say: a cgroup under umask 0777 is of no use to anybody. */
    umask(S_IWGRP | S_IWOTH);
    return refuse_borrowed_rights(err);
}
