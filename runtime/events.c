/* events: what a container uses, and what happens to it. */

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>

#include "base/own.h"
#include "cgroups/cgroup.h"
#include "runtime/deadline.h"
#include "runtime/handle.h"
#include "runtime/interfaces.h"
#include "spec/rows.h"

/* --- the JSON
 * --------------------------------------------------------------------------------------------- */

#define OWNER struct container_interface
static const struct field interface_rows[] = {
    ROW("Name", FIELD_STRING, name),
    ROW("RxBytes", FIELD_UINT64, rx_bytes, ALWAYS),
    ROW("RxPackets", FIELD_UINT64, rx_packets, ALWAYS),
    ROW("RxErrors", FIELD_UINT64, rx_errors, ALWAYS),
    ROW("RxDropped", FIELD_UINT64, rx_dropped, ALWAYS),
    ROW("TxBytes", FIELD_UINT64, tx_bytes, ALWAYS),
    ROW("TxPackets", FIELD_UINT64, tx_packets, ALWAYS),
    ROW("TxErrors", FIELD_UINT64, tx_errors, ALWAYS),
    ROW("TxDropped", FIELD_UINT64, tx_dropped, ALWAYS),
};
#undef OWNER
static const struct fields interface_fields = FIELDS_OF(struct container_interface, interface_rows);

#define OWNER struct container_stats
static const struct field stats_rows[] = {
    ROW("cpu", FIELD_INLINE, cgroup.cpu, OBJECT(cgroup_cpu_stats_fields)),
    ROW("cpuset", FIELD_INLINE, cgroup.cpuset, OBJECT(cgroup_cpuset_stats_fields)),
    ROW("memory", FIELD_INLINE, cgroup.memory, OBJECT(cgroup_memory_stats_fields)),
    ROW("pids", FIELD_INLINE, cgroup.pids, OBJECT(cgroup_pids_stats_fields)),
    ROW("blkio", FIELD_INLINE, cgroup.block, OBJECT(cgroup_block_stats_fields)),
    ROW("hugetlb", FIELD_KEYED_LIST, cgroup.hugetlb, OBJECT(cgroup_hugetlb_stats_fields)),
    ROW("intel_rdt", FIELD_INLINE, intel_rdt, OBJECT(resctrl_stats_fields)),
    ROW("network_interfaces", FIELD_LIST, interfaces, OBJECT(interface_fields)),
};
#undef OWNER
static const struct fields stats_fields = FIELDS_OF(struct container_stats, stats_rows);

#define OWNER struct container_event
static const struct field event_rows[] = {
    ROW("type", FIELD_STRING, type),
    ROW("id", FIELD_STRING, id),
    ROW("data", FIELD_OBJECT, stats, OBJECT(stats_fields)),
};
#undef OWNER
const struct fields container_event_fields = FIELDS_OF(struct container_event, event_rows);

/* --- one look
 * --------------------------------------------------------------------------------------------- */

static int refuse_stopped(const struct container *container, struct error *err)
{
    return refuse(err, EINVAL, "container with id %s is not running", container->id);
}

static bool is_running(struct container *container)
{
    enum container_status status = container_status(container);

    return status != CONTAINER_STOPPED && status != CONTAINER_CREATING;
}

static bool is_there(const struct cgroup *cgroup)
{
    for (size_t i = 0; i < cgroup->count; i++) {
        if (cgroup->directories[i].fd >= 0)
            return true;
    }
    return false;
}

static int refuse_without_cgroup(struct error *err)
{
    return refuse(err, ENOENT, "the container has no cgroup of its own to count in");
}

static int read_stats(struct container *container, const struct cgroup *cgroup, struct arena *arena,
                      struct container_stats *ret, struct error *err)
{
    *ret = (struct container_stats){0};
    if (!is_there(cgroup))
        return refuse_without_cgroup(err);
    if (cgroup_stats_read(cgroup, arena, &ret->cgroup, err) < 0 ||
        resctrl_stats_read(&container->record.resctrl, &ret->intel_rdt, arena, err) < 0)
        return -err->code;
    return interfaces_read(container_pid(container), arena, &ret->interfaces.items,
                           &ret->interfaces.count, err);
}

int container_stats(struct container *container, struct arena *arena, struct container_stats *ret,
                    struct error *err)
{
    struct cgroup cgroup = CGROUP_EMPTY;

    if (!is_running(container))
        return refuse_stopped(container, err);
    if (cgroup_open(&cgroup, &container->record.cgroup, err) < 0)
        return -err->code;

    int code = read_stats(container, &cgroup, arena, ret, err);

    cgroup_done(&cgroup);
    return code;
}

/* --- following
 * -------------------------------------------------------------------------------------------- */

struct container_events {
    struct container *container;
    struct cgroup cgroup;
    struct cgroup_oom_watch oom;
    int poll;  /* epoll of the three */
    int timer; /* timerfd of the interval */
    int64_t oom_pending;
    bool ended;
};

static int start_timer(struct container_events *events, int64_t interval_ns, struct error *err)
{
    struct timespec interval = {interval_ns / 1000000000, interval_ns % 1000000000};
    struct itimerspec times = {interval, interval};

    events->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (events->timer < 0 || timerfd_settime(events->timer, 0, &times, NULL) < 0)
        return fail(err, errno, "start a timer");
    return 0;
}

static int gather(struct container_events *events, struct error *err)
{
    const int fds[] = {events->timer, events->oom.fd, events->container->pidfd};

    events->poll = epoll_create1(EPOLL_CLOEXEC);
    for (size_t i = 0; i < count_of(fds); i++) {
        struct epoll_event wanted = {.events = EPOLLIN};

        if (fds[i] >= 0 && epoll_ctl(events->poll, EPOLL_CTL_ADD, fds[i], &wanted) < 0)
            return fail(err, errno, "follow the container");
    }
    return 0;
}

/* That there is nothing to count in is said now, and not when the first interval is over; a cgroup
 * that went with the container's end is no error. */
static int watch_cgroup(struct container_events *events, struct error *err)
{
    if (cgroup_open(&events->cgroup, &events->container->record.cgroup, err) < 0)
        return -err->code;
    if (!is_there(&events->cgroup) && is_running(events->container))
        return refuse_without_cgroup(err);

    int code = cgroup_oom_watch(&events->cgroup, &events->oom, err);

    /* Without a memory controller nobody is killed for it. */
    return code == -ENOENT ? 0 : code;
}

int container_events_open(struct container *container, int64_t interval_ns,
                          struct container_events **ret, struct error *err)
{
    struct container_events *events;
    int code;

    if (!is_running(container))
        return refuse_stopped(container, err);
    events = calloc(1, sizeof *events);
    if (events == NULL)
        return no_memory(err);
    *events = (struct container_events){.container = container, .poll = -1, .timer = -1};
    events->oom.fd = -1;
    code = watch_cgroup(events, err);
    if (code == 0)
        code = start_timer(events, interval_ns, err);
    if (code == 0)
        code = gather(events, err);
    if (code < 0) {
        container_events_free(events);
        return code;
    }
    *ret = events;
    return 0;
}

void container_events_free(struct container_events *events)
{
    if (events == NULL)
        return;
    close_fd(&events->poll);
    close_fd(&events->timer);
    cgroup_oom_watch_done(&events->oom);
    cgroup_done(&events->cgroup);
    free(events);
}

int container_events_fd(const struct container_events *events)
{
    return events->poll;
}

static bool has_ended(const struct container *container)
{
    struct pollfd end = {.fd = container->pidfd, .events = POLLIN};

    return container->pidfd < 0 || poll(&end, 1, 0) > 0;
}

static bool timer_has_fired(const struct container_events *events)
{
    uint64_t times;

    return read(events->timer, &times, sizeof times) == sizeof times;
}

/* What is there now, without waiting.  The end is looked at first and told last: a kill for memory
 * that was the end's reason is counted by then. */
static int next_now(struct container_events *events, struct arena *arena,
                    struct container_event *ret, struct error *err)
{
    bool ended = events->ended || has_ended(events->container);

    *ret = (struct container_event){.id = events->container->id};
    events->oom_pending += cgroup_oom_watch_read(&events->oom);
    if (events->oom_pending > 0) {
        events->oom_pending--;
        ret->kind = CONTAINER_EVENT_OOM;
        ret->type = "oom";
        return 1;
    }
    if (ended) {
        events->ended = true;
        ret->kind = CONTAINER_EVENT_END;
        return 1;
    }
    if (!timer_has_fired(events))
        return 0;
    ret->kind = CONTAINER_EVENT_STATS;
    ret->type = "stats";
    ret->stats = arena_zero(arena, 1, sizeof *ret->stats);
    if (ret->stats == NULL)
        return no_memory(err);
    return read_stats(events->container, &events->cgroup, arena, ret->stats, err) < 0 ? -err->code
                                                                                      : 1;
}

int container_events_next(struct container_events *events, int timeout_ms, struct arena *arena,
                          struct container_event *ret, struct error *err)
{
    struct deadline deadline = deadline_in_ms(timeout_ms);

    for (;;) {
        int code = next_now(events, arena, ret, err);

        if (code != 0)
            return code;
        if (timeout_ms >= 0 && deadline_passed(&deadline))
            return 0;
        code = deadline_wait(&deadline, events->poll, POLLIN);
        if (code < 0)
            return fail(err, -code, "wait for the container");
    }
}
