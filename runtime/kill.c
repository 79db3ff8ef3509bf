#include <errno.h>
#include <signal.h>
#include <string.h>

#include "base/kernel.h"
#include "cgroups/cgroup.h"
#include "runtime/handle.h"
#include "runtime/timing.h"

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

static bool has_processes(const struct cgroup *cgroup)
{
    autoarena struct arena arena = {NULL};
    struct error ignored;
    pid_t *pids;
    size_t count;

    return cgroup_processes(cgroup, &arena, &pids, &count, &ignored) == 0 && count > 0;
}

/* Every process; without `all` there must be one. */
static int signal_everybody(const struct cgroup *cgroup, int signal, bool all, struct error *err)
{
    if (!all && !has_processes(cgroup))
        return refuse(err, ESRCH, "container not running");
    return cgroup_kill(cgroup, signal, err);
}

int container_kill(const struct runtime *runtime, struct container *container, int signal, bool all,
                   struct error *err)
{
    int64_t begun = timing_begin(&runtime->log);
    struct cgroup cgroup = CGROUP_EMPTY;
    int code;

    if (cgroup_open(&cgroup, &container->record.cgroup, err) < 0)
        return -err->code;
    /* Without a pid namespace of its own the others would outlive the first process. */
    if (cgroup.count > 0 && (all || (signal == SIGKILL && !container->record.own_pid_namespace)))
        code = signal_everybody(&cgroup, signal, all, err);
    else
        code = signal_init(container, signal, err);
    /* On v1 a frozen process gets its SIGKILL when it thaws. */
    if (code == 0 && signal == SIGKILL && cgroup_is_frozen(&cgroup))
        code = cgroup_freeze(&cgroup, false, 1000, err);
    cgroup_done(&cgroup);
    timing_end(&runtime->log, "kill", "send-signal", begun);
    return all && code == -ESRCH ? 0 : code;
}
