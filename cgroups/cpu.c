#include <errno.h>
#include <inttypes.h>

#include "base/own.h"
#include "cgroups/controllers.h"

/* The base 2 logarithm of a number of at least 1, good to 2^-50: bit by bit, by squaring, so that
 * one formula does not cost us the mathematics library. */
static double logarithm(double number)
{
    double result = 0;
    double bit = 1;

    for (; number >= 2; number /= 2)
        result += 1;
    for (int i = 0; i < 50; i++) {
        number *= number;
        bit /= 2;
        if (number >= 2) {
            number /= 2;
            result += bit;
        }
    }
    return result;
}

/* Shares run from 2 to 262144 with 1024 as the default, weights from 1 to 10000 with 100.  The
 * curve through these three points that the runtimes have agreed on (runc 1.3.2 and later): weight
 * = ceil(10 ^ ((l^2 + 125 l) / 612 - 7 / 34)),  l = log2(shares) As weights are whole: the least
 * one whose logarithm is not below that exponent. */
static unsigned weight_of_shares(uint64_t shares)
{
    static const double forgiven = 1e-12; /* 1024 must give 100, not 101 */
    unsigned least = 1;
    unsigned most = 10000;

    if (shares <= 2)
        return least;
    if (shares >= 262144)
        return most;

    double l = logarithm((double)shares);
    double exponent = ((l * l + 125 * l) / 612 - 7.0 / 34) * logarithm(10);

    while (least < most) {
        unsigned middle = (least + most) / 2;

        if (logarithm(middle) >= exponent - forgiven)
            most = middle;
        else
            least = middle + 1;
    }
    return least;
}

static int format_shares(const struct cgroup_value *value, struct text *text, struct error *err)
{
    const struct spec_cpu *cpu = value->object;

    /* An idle group has no weight; the kernel refuses to set one (EINVAL). */
    if (cpu->idle.set && cpu->idle.value == 1)
        return 0;
    if (!value->is_v2)
        return cgroup_format_nonzero(value, text, err);
    if (!cpu->shares.set || cpu->shares.value == 0)
        return 0;
    text_print(text, "%u", weight_of_shares(cpu->shares.value));
    return 1;
}

static int format_idle(const struct cgroup_value *value, struct text *text, struct error *err)
{
    const struct spec_cpu *cpu = value->object;

    if (cpu->idle.set && cpu->idle.value != 0 && cpu->idle.value != 1)
        return refuse(err, EINVAL, "%" PRId64 " is neither 0 nor 1", cpu->idle.value);
    return cgroup_format_int64(value, text, err);
}

/* v2 has one file for quota and period.  A period alone keeps the quota that is in force: the
 * word "max" gives way to it. */
static int format_period(const struct cgroup_value *value, struct text *text, struct error *err)
{
    const struct spec_cpu *cpu = value->object;

    if (!value->is_v2)
        return cgroup_format_nonzero(value, text, err);
    if (cpu->quota.set || !cpu->period.set || cpu->period.value == 0)
        return 0;
    text_print(text, "max %" PRIu64, cpu->period.value);
    return 1;
}

/* A quota alone keeps the period: the kernel does that by itself when one word is written. */
static int format_quota(const struct cgroup_value *value, struct text *text, struct error *err)
{
    const struct spec_cpu *cpu = value->object;

    (void)err;
    if (!cpu->quota.set)
        return 0;
    if (cpu->quota.value > 0)
        text_print(text, "%" PRId64, cpu->quota.value);
    else
        text_print(text, "%s", value->is_v2 ? "max" : "-1");
    if (value->is_v2 && cpu->period.set && cpu->period.value != 0)
        text_print(text, " %" PRIu64, cpu->period.value);
    return 1;
}

/* 0 is "not set" here: kernels without realtime groups lack the file. */
static int format_realtime(const struct cgroup_value *value, struct text *text, struct error *err)
{
    const struct spec_cpu *cpu = value->object;

    return cpu->realtime_runtime.value == 0 ? 0 : cgroup_format_int64(value, text, err);
}

/* Idle before the weight, which depends on it.  Burst, period and quota limit one another: which
 * has to come first depends on the old values. */
#define OWNER struct spec_cpu
static const struct cgroup_file files[] = {
    CGROUP_FILE("cpu.idle", idle, "cpu.idle", "cpu.idle", format_idle, CGROUP_FILE_MISSING_IS_FREE),
    CGROUP_FILE("cpu.shares", shares, "cpu.weight", "cpu.shares", format_shares, CGROUP_FILE_PLAIN),
    CGROUP_FILE("cpu.burst", burst, "cpu.max.burst", "cpu.cfs_burst_us", cgroup_format_uint64,
                CGROUP_FILE_ORDER_UNKNOWN | CGROUP_FILE_MISSING_IS_FREE),
    CGROUP_FILE("cpu.period", period, "cpu.max", "cpu.cfs_period_us", format_period,
                CGROUP_FILE_ORDER_UNKNOWN | CGROUP_FILE_KEEPS_FIRST_WORD),
    CGROUP_FILE("cpu.quota", quota, "cpu.max", "cpu.cfs_quota_us", format_quota, CGROUP_FILE_PLAIN),
    CGROUP_FILE("cpu.realtimePeriod", realtime_period, NULL, "cpu.rt_period_us",
                cgroup_format_nonzero, CGROUP_FILE_ORDER_UNKNOWN),
    CGROUP_FILE("cpu.realtimeRuntime", realtime_runtime, NULL, "cpu.rt_runtime_us", format_realtime,
                CGROUP_FILE_PLAIN),
};
#undef OWNER

static int plan_cpu(struct cgroup_planner *planner, const struct cgroup_controller *self,
                    const struct spec_resources *resources, struct error *err)
{
    if (resources->cpu == NULL)
        return 0;
    return cgroup_plan_files(planner, self, resources->cpu, files, count_of(files), err);
}

const struct cgroup_controller cgroup_cpu = {"cpu", "cpu", plan_cpu, cgroup_stats_cpu};
