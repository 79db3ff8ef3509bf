#include "namespaces/time.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>

#include "base/file.h"
#include "base/kernel.h"
#include "base/own.h"

/* The kernel counts nanoseconds in 64 bits: KTIME_SEC_MAX. */
static const int64_t seconds_most = INT64_MAX / 1000000000;
static const uint64_t nanoseconds_most = 999999999;

static int check_offset(const struct spec_time_offset *offset, const char *clock, struct error *err)
{
    if (offset == NULL)
        return 0;
    if (offset->secs.set &&
        (offset->secs.value > seconds_most || offset->secs.value < -seconds_most))
        return refuse(err, ERANGE,
                      "linux.timeOffsets.%s.secs: %" PRId64 " is out of range (%" PRId64
                      " to %" PRId64 ")",
                      clock, offset->secs.value, -seconds_most, seconds_most);
    if (offset->nanosecs.set && offset->nanosecs.value > nanoseconds_most)
        return refuse(err, ERANGE,
                      "linux.timeOffsets.%s.nanosecs: %" PRIu64 " is out of range (0 to %" PRIu64
                      ")",
                      clock, offset->nanosecs.value, nanoseconds_most);
    return 0;
}

static int check(const struct spec *spec, struct error *err)
{
    const struct spec_time_offsets *offsets = spec->linux_->time_offsets;
    const struct spec_namespace *namespace = spec_namespace_find(spec, SPEC_NAMESPACE_TIME);

    if (namespace == NULL) {
        refuse(err, EINVAL, "linux.timeOffsets: the container has no time namespace of its own");
        return hint(err, "add {\"type\": \"time\"} to linux.namespaces");
    }
    if (namespace->path != NULL && namespace->path[0] != '\0')
        return refuse(
            err, EINVAL,
            "linux.timeOffsets: the time namespace is joined by its path, and the offsets "
            "of one in use are fixed");

    int code = check_offset(offsets->monotonic, "monotonic", err);

    return code < 0 ? code : check_offset(offsets->boottime, "boottime", err);
}

/* "clock SECS NANOSECS\n", or nothing for a clock that is not shifted. */
static const char *line_of(const struct spec_time_offset *offset, const char *clock,
                           struct arena *arena)
{
    if (offset == NULL)
        return "";
    return arena_print(arena, "%s %" PRId64 " %" PRIu64 "\n", clock,
                       offset->secs.set ? offset->secs.value : 0,
                       offset->nanosecs.set ? offset->nanosecs.value : 0);
}

int time_plan_from_spec(struct time_plan *ret, const struct spec *spec, struct arena *arena,
                        struct error *err)
{
    *ret = (struct time_plan){0};
    if (spec->linux_ == NULL || spec->linux_->time_offsets == NULL)
        return 0;

    const struct spec_time_offsets *offsets = spec->linux_->time_offsets;

    if (offsets->monotonic == NULL && offsets->boottime == NULL)
        return 0;

    int code = check(spec, err);

    if (code < 0)
        return code;

    const char *monotonic = line_of(offsets->monotonic, "monotonic", arena);
    const char *boottime = line_of(offsets->boottime, "boottime", arena);

    if (monotonic == NULL || boottime == NULL)
        return no_memory(err);
    ret->offsets = arena_print(arena, "%s%s", monotonic, boottime);
    return ret->offsets == NULL ? no_memory(err) : 0;
}

int time_plan_apply(const struct time_plan *plan, struct error *err)
{
    if (plan->offsets == NULL)
        return 0;

    int code = write_pseudo_file(AT_FDCWD, "/proc/self/timens_offsets", plan->offsets);

    if (code == 0)
        return 0;
    fail(err, -code, "linux.timeOffsets: write /proc/self/timens_offsets");
    if (code == -ERANGE)
        hint(err, "no clock may become negative, nor more than 146 years");
    if (code == -ENOENT)
        hint(err, "the kernel has no time namespaces: CONFIG_TIME_NS");
    return code;
}

int time_enter_new(struct error *err)
{
    autoclose int fd = open("/proc/self/ns/time_for_children", O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return fail(err, errno, "open /proc/self/ns/time_for_children");
    if (setns(fd, CLONE_NEWTIME) < 0)
        return fail(err, errno, "enter the new time namespace");
    return 0;
}
