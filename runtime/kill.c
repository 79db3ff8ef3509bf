#include <errno.h>
#include <signal.h>
#include <string.h>

#include "base/kernel.h"
#include "cgroups/cgroup.h"
#include "runtime/handle.h"

static int signal_init(struct container *container, int signal, struct error *err)
{
    if (container_status(container) == CONTAINER_STOPPED)
        return refuse(err, ESRCH, "container not running");
    if (kernel_pidfd_send_signal(container->pidfd, signal) == 0)
        return 0;
    if (errno == ESRCH)
        return refuse(err, ESRCH, "container not running");
    return fail(err, errno, "signal %d (%s) to process %d", signal, strsignal(signal),
                container_pid(container));
}

int container_kill(const struct runtime *runtime, struct container *container, int signal, bool all,
                   struct error *err)
{
    struct cgroup cgroup = CGROUP_EMPTY;
    int code;

    (void)runtime;
    if (cgroup_open(&cgroup, &container->record.cgroup, err) < 0)
        return -err->code;

    /* Without a pid namespace of its own the others would outlive the first process. */
    bool everybody = all || (signal == SIGKILL && !container->record.own_pid_namespace);

    if (everybody)
        code = cgroup_kill(&cgroup, signal, err);
    if (!everybody || (code == 0 && !all && cgroup.count == 0))
        code = signal_init(container, signal, err);
    /* On v1 a frozen process gets its SIGKILL when it thaws. */
    if (code == 0 && signal == SIGKILL && cgroup_is_frozen(&cgroup))
        code = cgroup_freeze(&cgroup, false, 1000, err);
    cgroup_done(&cgroup);
    return code;
}
