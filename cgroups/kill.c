#include <errno.h>
#include <signal.h>

#include "base/file.h"
#include "base/own.h"
#include "cgroups/directories.h"

/* How long a kill by hand waits for the freezer, in milliseconds. */
enum { FREEZE_PATIENCE = 500 };

/* One write kills all, forks in flight included.  False: no v2 directory, older than 5.14, or a
 * threaded cgroup (EOPNOTSUPP), or a slice whose other units would die, too. */
static bool kill_by_file(const struct cgroup *cgroup)
{
    if (cgroup->unit_is_shared)
        return false;
    for (size_t i = 0; i < cgroup->count; i++) {
        if (cgroup->directories[i].fd >= 0 && cgroup->directories[i].is_v2)
            return write_pseudo_file(cgroup->directories[i].fd, "cgroup.kill", "1") == 0;
    }
    return false;
}

/* Signal each process of the cgroup once; *ret_count tells how many there were. */
static int signal_each(const struct cgroup *cgroup, int signal, size_t *ret_count,
                       struct error *err)
{
    autoarena struct arena arena = {0};
    pid_t *pids;
    int code = cgroup_processes(cgroup, &arena, &pids, ret_count, err);

    for (size_t i = 0; code == 0 && i < *ret_count; i++) {
        if (kill(pids[i], signal) < 0 && errno != ESRCH)
            code = fail(err, errno, "send signal %d to process %d", signal, (int)pids[i]);
    }
    return code;
}

/* Without cgroup.kill a process may fork faster than it is found: freeze first, unless others would
 * be frozen, too.  v1 delivers SIGKILL only after the thaw. */
static int kill_by_hand(const struct cgroup *cgroup, struct error *err)
{
    struct error ignored;
    size_t count = 0;
    bool frozen = !cgroup->unit_is_shared &&
                  cgroup_freeze(cgroup, true, FREEZE_PATIENCE, &ignored) == 0;
    int code = signal_each(cgroup, SIGKILL, &count, err);

    if (frozen && cgroup_freeze(cgroup, false, FREEZE_PATIENCE, &ignored) < 0 && code == 0) {
        *err = ignored;
        return within(err, "thaw after kill");
    }
    /* Without a freezer: until nothing new appears, but not for ever against a fork bomb. */
    for (int round = 0; !frozen && code == 0 && count > 0 && round < 100; round++)
        code = signal_each(cgroup, SIGKILL, &count, err);
    return code;
}

int cgroup_kill(const struct cgroup *cgroup, int signal, struct error *err)
{
    size_t count = 0;

    if (signal != SIGKILL)
        return signal_each(cgroup, signal, &count, err);
    if (!kill_by_file(cgroup)) {
        int code = kill_by_hand(cgroup, err);

        if (code < 0)
            return code;
    }
    /* What v1's freezer holds dies only when it is thawed.  Gone meanwhile is as good. */
    if (!cgroup_is_frozen(cgroup))
        return 0;

    int code = cgroup_freeze(cgroup, false, FREEZE_PATIENCE, err);

    return code == -ENODEV ? 0 : code;
}
