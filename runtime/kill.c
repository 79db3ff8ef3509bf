#include <errno.h>
#include <signal.h>
#include <string.h>

#include "base/kernel.h"
#include "base/timing.h"
#include "cgroups/cgroup.h"
#include "runtime/handle.h"
#include "runtime/members.h"

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

/* Who is in the cgroup.  A record has directories that could not be made, or have gone; and the
 * first process may have been moved elsewhere.  One that cannot be read may hold anybody. */
struct population {
    bool anybody;
    bool first_process;
};

static struct population population_of(const struct container *container,
                                       const struct cgroup *cgroup)
{
    autoarena struct arena arena = {NULL};
    struct population found = {.anybody = true};
    struct error ignored;
    pid_t *pids;
    size_t count;

    if (cgroup_processes(cgroup, &arena, &pids, &count, &ignored) < 0)
        return found;
    found.anybody = count > 0;
    for (size_t i = 0; i < count; i++)
        found.first_process |= pids[i] == container_pid(container);
    return found;
}

void container_warn_of_others(const struct log *log, struct container *container,
                              const struct cgroup *cgroup)
{
    enum container_status status = container_status(container);

    if (status != CONTAINER_RUNNING || container->record.own_pid_namespace ||
        population_of(container, cgroup).anybody)
        return;
    log_warning(log,
                "container %s has neither a cgroup nor a pid namespace of its own: processes other "
                "than its first cannot be found and are left alone (delegate a cgroup to its user)",
                container->id);
}

/* Without a cgroup: whoever can be found, the first process also when one of the others may not be
 * signalled.  SIGKILL for the first one ends its pid namespace. */
static int signal_found(struct container *container, int signal, struct error *err)
{
    bool others = container->record.own_pid_namespace && signal != SIGKILL;
    int code = others ? members_signal(container_pid(container), container->pidfd, signal, err) : 0;
    struct error of_init;
    int last = signal_init(container, signal, code < 0 ? &of_init : err);

    return code < 0 ? code : last;
}

static int signal_everybody(const struct log *log, struct container *container,
                            const struct cgroup *cgroup, int signal, struct error *err)
{
    struct population population = population_of(container, cgroup);

    if (!population.anybody) {
        container_warn_of_others(log, container, cgroup);
        return signal_found(container, signal, err);
    }

    int code = cgroup_kill(cgroup, signal, err);

    if (population.first_process)
        return code;

    /* Elsewhere, it is not spared for an error here; or it has ended, and those were all. */
    struct error refusal;
    int last = signal_init(container, signal, &refusal);

    if (code < 0 || last == 0 || last == -ESRCH)
        return code;
    *err = refusal;
    return last;
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
    if (all || (signal == SIGKILL && !container->record.own_pid_namespace))
        code = signal_everybody(&runtime->log, container, &cgroup, signal, err);
    else
        code = signal_init(container, signal, err);
    /* On v1 a frozen process gets its SIGKILL when it thaws. */
    if (code == 0 && signal == SIGKILL && cgroup_is_frozen(&cgroup))
        code = cgroup_freeze(&cgroup, false, 1000, err);
    cgroup_done(&cgroup);
    timing_end(&runtime->log, "kill", "send-signal", begun);
    return all && code == -ESRCH ? 0 : code;
}
