#include <errno.h>
#include <sys/stat.h>

#include "base/timing.h"
#include "cgroups/cgroup.h"
#include "runtime/handle.h"

enum { FREEZE_DEADLINE_MS = 10000 };

static int freeze(struct container *container, bool frozen, struct error *err)
{
    struct cgroup cgroup = CGROUP_EMPTY;

    if (cgroup_open(&cgroup, &container->record.cgroup, err) < 0)
        return -err->code;

    int code = cgroup_freeze(&cgroup, frozen, FREEZE_DEADLINE_MS, err);

    cgroup_done(&cgroup);
    /* v1 tells nobody: whoever watches the state directory (watch.c) sees this. */
    if (code == 0)
        (void)!futimens(container->directory.fd, NULL);
    return code;
}

static int pause_locked(struct container *container, struct error *err)
{
    switch (container_status(container)) {
    case CONTAINER_RUNNING:
    case CONTAINER_CREATED:
        return freeze(container, true, err);
    case CONTAINER_PAUSED:
        return refuse(err, EINVAL, "container paused");
    default:
        return refuse(err, EINVAL, "container not running");
    }
}

int container_pause(const struct runtime *runtime, struct container *container, struct error *err)
{
    int64_t begun = timing_begin(&runtime->log);

    if (container_lock(container, err) < 0)
        return -err->code;

    int code = pause_locked(container, err);

    container_unlock(container);
    timing_end(&runtime->log, "pause", "freeze", begun);
    return code;
}

int container_resume(const struct runtime *runtime, struct container *container, struct error *err)
{
    int64_t begun = timing_begin(&runtime->log);
    int code;

    if (container_lock(container, err) < 0)
        return -err->code;
    if (container_status(container) == CONTAINER_PAUSED)
        code = freeze(container, false, err);
    else
        code = refuse(err, EINVAL, "container not paused");
    container_unlock(container);
    timing_end(&runtime->log, "resume", "thaw", begun);
    return code;
}
