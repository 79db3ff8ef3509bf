/* Offsets of clocks: the text, what is refused, and what a clock says then. */

#include <criterion/criterion.h>
#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/kernel.h"
#include "base/own.h"
#include "namespaces/time.h"

static int plan_of(struct time_plan *ret, struct spec_time_offsets *offsets,
                   struct spec_namespace namespace, struct arena *arena, struct error *err)
{
    struct spec_linux linux_part = {
        .namespaces = {&namespace, 1},
          .time_offsets = offsets
    };
    const struct spec spec = {.linux_ = &linux_part};

    return time_plan_from_spec(ret, &spec, arena, err);
}

static const struct spec_namespace new_time = {SPEC_NAMESPACE_TIME, NULL};

Test(time_offsets, become_the_kernels_lines)
{
    autoarena struct arena arena = {0};
    struct spec_time_offset monotonic = {
        {-7,        true},
        {999999999, true}
    };
    struct spec_time_offset boottime = {
        {0, false},
        {5, true }
    };
    struct spec_time_offsets offsets = {&boottime, &monotonic};
    struct time_plan plan;
    struct error err = {0};

    cr_assert_eq(plan_of(&plan, &offsets, new_time, &arena, &err), 0, "%s", err.text);
    cr_expect_str_eq(plan.offsets, "monotonic -7 999999999\nboottime 0 5\n");
    offsets.monotonic = NULL;
    cr_assert_eq(plan_of(&plan, &offsets, new_time, &arena, &err), 0, "%s", err.text);
    cr_expect_str_eq(plan.offsets, "boottime 0 5\n");
}

Test(time_offsets, none_need_no_time_namespace)
{
    autoarena struct arena arena = {0};
    struct spec_time_offsets offsets = {NULL, NULL};
    const struct spec empty = {0};
    struct time_plan plan;
    struct error err = {0};

    cr_expect_eq(
        plan_of(&plan, &offsets, (struct spec_namespace){SPEC_NAMESPACE_PID, NULL}, &arena, &err),
        0);
    cr_expect_null(plan.offsets);
    cr_expect_eq(time_plan_from_spec(&plan, &empty, &arena, &err), 0);
    cr_expect_null(plan.offsets);
    cr_expect_eq(time_plan_apply(&plan, &err), 0);
}

Test(time_offsets, need_a_time_namespace_of_the_containers_own)
{
    autoarena struct arena arena = {0};
    struct spec_time_offset one = {
        {1, true },
        {0, false}
    };
    struct spec_time_offsets offsets = {&one, NULL};
    struct time_plan plan;
    struct error err = {0};

    cr_expect_eq(
        plan_of(&plan, &offsets, (struct spec_namespace){SPEC_NAMESPACE_PID, NULL}, &arena, &err),
        -EINVAL);
    cr_expect_str_eq(err.text, "linux.timeOffsets: the container has no time namespace of its own "
                               "(add {\"type\": \"time\"} to linux.namespaces)");
    cr_expect_eq(plan_of(&plan, &offsets,
                         (struct spec_namespace){SPEC_NAMESPACE_TIME, "/proc/1/ns/time"}, &arena,
                         &err),
                 -EINVAL);
    cr_expect_str_eq(err.text, "linux.timeOffsets: the time namespace is joined by its path, and "
                               "the offsets of one in use are fixed");
}

Test(time_offsets, out_of_range_are_refused)
{
    autoarena struct arena arena = {0};
    struct spec_time_offset nanoseconds = {
        {0,          false},
        {1000000000, true }
    };
    struct spec_time_offset seconds = {
        {INT64_MIN, true },
        {0,         false}
    };
    struct spec_time_offsets offsets = {&nanoseconds, NULL};
    struct time_plan plan;
    struct error err = {0};

    cr_expect_eq(plan_of(&plan, &offsets, new_time, &arena, &err), -ERANGE);
    cr_expect_str_eq(err.text, "linux.timeOffsets.boottime.nanosecs: 1000000000 is out of range (0 "
                               "to 999999999)");
    offsets = (struct spec_time_offsets){NULL, &seconds};
    cr_expect_eq(plan_of(&plan, &offsets, new_time, &arena, &err), -ERANGE);
    cr_expect_str_eq(err.text, "linux.timeOffsets.monotonic.secs: -9223372036854775808 is out of "
                               "range (-9223372036 to 9223372036)");
}

/* --- in the kernel -------------------------------------------------------------------------- */

enum { CANNOT_UNSHARE = 1, CANNOT_WRITE, CANNOT_ENTER, WRONG_CLOCK, WRONG_ERROR };

static int in_child(int (*child)(void))
{
    int status = -1;
    pid_t pid = fork();

    cr_assert_geq(pid, 0);
    if (pid == 0)
        _exit(child());
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert(WIFEXITED(status));
    if (WEXITSTATUS(status) == CANNOT_UNSHARE)
        cr_skip_test("no time namespaces for this process");
    return WEXITSTATUS(status);
}

static int unshare_time(void)
{
    return unshare(CLONE_NEWTIME | (geteuid() == 0 ? 0 : CLONE_NEWUSER));
}

static int a_day_later(void)
{
    const struct time_plan plan = {"monotonic 86400 0\nboottime 172800 0\n"};
    struct error err;
    struct timespec before;
    struct timespec after;
    struct timespec boot_before;
    struct timespec boot_after;

    if (unshare_time() < 0)
        return CANNOT_UNSHARE;
    clock_gettime(CLOCK_MONOTONIC, &before);
    clock_gettime(CLOCK_BOOTTIME, &boot_before);
    if (time_plan_apply(&plan, &err) < 0)
        return CANNOT_WRITE;
    if (time_enter_new(&err) < 0)
        return CANNOT_ENTER;
    clock_gettime(CLOCK_MONOTONIC, &after);
    clock_gettime(CLOCK_BOOTTIME, &boot_after);

    long monotonic = (long)(after.tv_sec - before.tv_sec);
    long boottime = (long)(boot_after.tv_sec - boot_before.tv_sec);

    return monotonic >= 86400 && monotonic < 86400 + 60 && boottime >= 172800 &&
                   boottime < 172800 + 60
               ? 0
               : WRONG_CLOCK;
}

Test(time_offsets, shift_the_clocks_of_who_enters)
{
    cr_expect_eq(in_child(a_day_later), 0);
}

static int before_the_boot(void)
{
    const struct time_plan plan = {"monotonic -9000000000 0\n"};
    struct error err;

    if (unshare_time() < 0)
        return CANNOT_UNSHARE;
    if (time_plan_apply(&plan, &err) != -ERANGE ||
        strcmp(err.text, "linux.timeOffsets: write /proc/self/timens_offsets: Numerical result out "
                         "of range (no clock may become negative, nor more than 146 years)") != 0)
        return WRONG_ERROR;
    return 0;
}

Test(time_offsets, a_negative_clock_is_explained)
{
    cr_expect_eq(in_child(before_the_boot), 0);
}
