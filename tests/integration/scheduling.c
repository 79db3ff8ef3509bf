/* config.md "Linux Process": scheduler, ioPriority, execCPUAffinity, rlimits; config-linux.md
 * "Offset for Time Namespace", "Memory policy": read from the kernel, by the container's pid. */

#include <fcntl.h>
#include <linux/ioprio.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/kernel.h"
#include "base/own.h"
#include "runtime/process_limits.h"
#include "tests/integration/harness/bundle.h"
#include "tests/integration/harness/scenario.h"

enum { CAPABILITY_SYS_RESOURCE = 24 };

/* --- cpus ------------------------------------------------------------------------------------- */

/* All that this machine and our cpuset give. */
static cpu_set_t available_cpus(void)
{
    cpu_set_t all;

    memset(&all, 0xff, sizeof all);
    cr_assert_eq(sched_setaffinity(0, sizeof all, &all), 0, "%s", strerror(errno));
    cr_assert_eq(sched_getaffinity(0, sizeof all, &all), 0, "%s", strerror(errno));
    return all;
}

static cpu_set_t every_cpu(void)
{
    cpu_set_t all = available_cpus();

    if (CPU_COUNT(&all) < 2)
        skip("needs two cpus");
    return all;
}

static int nth_cpu(const cpu_set_t *set, int n)
{
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET(cpu, set) && n-- == 0)
            return cpu;
    return -1;
}

/* As `taskset` does: the program inherits it. */
static void pin_ourselves(int cpu)
{
    cpu_set_t one;

    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    cr_assert_eq(sched_setaffinity(0, sizeof one, &one), 0, "%s", strerror(errno));
}

static void assert_cpus(pid_t pid, const cpu_set_t *expected)
{
    cpu_set_t actual;

    cr_assert_eq(sched_getaffinity(pid, sizeof actual, &actual), 0, "%s", strerror(errno));
    cr_assert(CPU_EQUAL(&actual, expected), "%d cpus instead of %d", CPU_COUNT(&actual),
              CPU_COUNT(expected));
}

/* A process of exec in the background: its pid as we see it. */
static pid_t begin_exec(struct bundle *bundle)
{
    const char *pid_file = work_path("exec.pid");

    assert_ok(crun("exec", "--detach", "--pid-file", pid_file, bundle->id, "sleep", "3600"));
    return (pid_t)atoi(file_line(pid_file));
}

Scenario(cpu_affinity, of_the_caller_is_not_the_containers)
{
    struct bundle *bundle = bundle_new();
    cpu_set_t all = every_cpu();

    need_root();
    pin_ourselves(nth_cpu(&all, 0));
    bundle_start(bundle);
    assert_cpus(bundle_pid(bundle), &all);
    assert_cpus(begin_exec(bundle), &all);
    bundle_delete(bundle);
}

/* Where a process in between makes the namespaces' own. */
Scenario(cpu_affinity, of_the_caller_is_not_that_of_a_container_in_a_joined_user_namespace)
{
    struct bundle *first = bundle_new(), *second = bundle_new();
    cpu_set_t all = every_cpu();

    need_root();
    bundle_map_users(first, 100000, 65536);
    bundle_start(first);
    bundle_map_users(second, 100000, 65536);
    bundle_remove(second, "linux.uidMappings");
    bundle_remove(second, "linux.gidMappings");
    bundle_join_namespace(second, "user", text("/proc/%d/ns/user", (int)bundle_pid(first)));
    pin_ourselves(nth_cpu(&all, 1));
    bundle_start(second);
    assert_cpus(bundle_pid(second), &all);
    bundle_delete(second);
    bundle_delete(first);
}

Scenario(cpu_affinity, is_the_cpuset_of_the_container)
{
    struct bundle *bundle = bundle_new();
    cpu_set_t all = every_cpu(), one;

    need_root();
    CPU_ZERO(&one);
    CPU_SET(nth_cpu(&all, 1), &one);
    pin_ourselves(nth_cpu(&all, 0));
    bundle_set(bundle, "linux.resources.cpu", "{\"cpus\":\"%d\"}", nth_cpu(&all, 1));
    bundle_start(bundle);
    assert_cpus(bundle_pid(bundle), &one);
    assert_cpus(begin_exec(bundle), &one);
    /* It was no narrower affinity: when the cpuset grows, so does the place of the processes. */
    assert_ok(crun("update", "--cpuset-cpus", text("%d,%d", nth_cpu(&all, 0), nth_cpu(&all, 1)),
                   bundle->id));
    CPU_SET(nth_cpu(&all, 0), &one);
    assert_cpus(bundle_pid(bundle), &one);
    bundle_delete(bundle);
}

/* config.md: "final ... if omitted or empty, container's default CPU affinity ... is used". */
Scenario(cpu_affinity, of_exec_at_first_ends_with_the_cgroup)
{
    struct bundle *bundle = bundle_new();
    cpu_set_t all = every_cpu();

    need_root();
    bundle_set(bundle, "process.execCPUAffinity", "{\"initial\":\"%d\"}", nth_cpu(&all, 0));
    bundle_start(bundle);
    assert_cpus(begin_exec(bundle), &all);
    bundle_delete(bundle);
    /* But it is asked of the kernel. */
    bundle_set(bundle, "process.execCPUAffinity", "{\"initial\":\"8191\"}");
    bundle_start(bundle);
    assert_refused(crun("exec", bundle->id, "true"), 255, "pin-initially");
    bundle_delete(bundle);
}

Scenario(cpu_affinity, of_exec_in_the_end_stays)
{
    struct bundle *bundle = bundle_new();
    cpu_set_t all = every_cpu(), one;

    need_root();
    CPU_ZERO(&one);
    CPU_SET(nth_cpu(&all, 1), &one);
    bundle_set(bundle, "process.execCPUAffinity", "{\"initial\":\"%d\",\"final\":\"%d\"}",
               nth_cpu(&all, 0), nth_cpu(&all, 1));
    bundle_start(bundle);
    assert_cpus(bundle_pid(bundle), &all); /* exec's alone */
    assert_cpus(begin_exec(bundle), &one);
    bundle_delete(bundle);
}

/* --- scheduler -------------------------------------------------------------------------------- */

static struct scheduler_attributes scheduler_of(pid_t pid)
{
    struct scheduler_attributes attributes = {0};

    cr_assert_eq(syscall(SYS_sched_getattr, pid, &attributes, sizeof attributes, 0), 0, "%s",
                 strerror(errno));
    return attributes;
}

/* On cgroup v1 with CONFIG_RT_GROUP_SCHED a cgroup has no real-time budget unless it is given one,
 * of its parent's: below the root there is one to give. */
static void give_realtime_budget(struct bundle *bundle)
{
    if (!file_exists("/sys/fs/cgroup/cpu/cpu.rt_runtime_us"))
        return;
    bundle_set(bundle, "linux.cgroupsPath", "\"/%s\"", bundle->id);
    bundle_set(bundle, "linux.resources.cpu", "{\"realtimeRuntime\":10000}");
}

struct policy {
    const char *config;
    struct scheduler_attributes expected;
};

/* The slice of the fair policies is told as a runtime since Linux 6.12. */
static bool has_times(const struct scheduler_attributes *actual,
                      const struct scheduler_attributes *expected)
{
    return expected->policy != 6 ||
           (actual->runtime == expected->runtime && actual->deadline == expected->deadline &&
            actual->period == expected->period);
}

/* The kernel sets it for these two; with another policy it stays the caller's. */
static bool has_nice(const struct scheduler_attributes *actual,
                     const struct scheduler_attributes *expected)
{
    return (expected->policy != 0 && expected->policy != 3) || actual->nice == expected->nice;
}

static void assert_policy(pid_t pid, const struct policy *policy)
{
    struct scheduler_attributes actual = scheduler_of(pid);
    const struct scheduler_attributes *expected = &policy->expected;

    cr_assert(actual.policy == expected->policy && has_nice(&actual, expected) &&
                  actual.priority == expected->priority && actual.flags == expected->flags &&
                  has_times(&actual, expected),
              "%s: policy %u, nice %d, priority %u, flags %#jx, %ju %ju %ju", policy->config,
              actual.policy, actual.nice, actual.priority, (uintmax_t)actual.flags,
              (uintmax_t)actual.runtime, (uintmax_t)actual.deadline, (uintmax_t)actual.period);
}

/* sched(7): what a deadline is asked for must span all cpus, so it also proves that the caller's
 * affinity has gone by then. */
static const struct policy policies[] = {
    {"{\"policy\":\"SCHED_OTHER\",\"nice\":-7}",                                                        {.policy = 0, .nice = -7}                                                              },
    {"{\"policy\":\"SCHED_OTHER\",\"nice\":7,\"flags\":[\"SCHED_FLAG_RESET_ON_FORK\"]}",
     {.policy = 0, .nice = 7, .flags = 1}                                                                                                                                                      },
    {"{\"policy\":\"SCHED_FIFO\",\"priority\":42}",                                                     {.policy = 1, .priority = 42}                                                          },
    {"{\"policy\":\"SCHED_RR\",\"priority\":99,\"flags\":[\"SCHED_FLAG_RESET_ON_FORK\"]}",
     {.policy = 2, .priority = 99, .flags = 1}                                                                                                                                                 },
    {"{\"policy\":\"SCHED_BATCH\",\"nice\":19}",                                                        {.policy = 3, .nice = 19}                                                              },
    {"{\"policy\":\"SCHED_IDLE\"}",                                                                     {.policy = 5}                                                                          },
    {"{\"policy\":\"SCHED_DEADLINE\",\"runtime\":1000000,\"deadline\":20000000,\"period\":40000000,"
     "\"flags\":[\"SCHED_FLAG_RESET_ON_FORK\",\"SCHED_FLAG_RECLAIM\",\"SCHED_FLAG_DL_OVERRUN\"]}", {.policy = 6, .flags = 7, .runtime = 1000000, .deadline = 20000000, .period = 40000000}},
};

Scenario(scheduler, has_the_policy_that_was_asked_for)
{
    cpu_set_t all = available_cpus();

    need_root();
    pin_ourselves(nth_cpu(&all, 0));
    for (size_t i = 0; i < count_of(policies); i++) {
        struct bundle *bundle = bundle_new();

        give_realtime_budget(bundle);
        bundle_set(bundle, "process.scheduler", "%s", policies[i].config);
        bundle_set(bundle, "process.args", "[\"/bin/sleep\",\"3600\"]");
        bundle_start_as_is(bundle);
        assert_policy(bundle_pid(bundle), &policies[i]);
        assert_policy(begin_exec(bundle), &policies[i]);
        bundle_delete(bundle);
    }
}

/* It takes rights that the process has no more when it runs. */
Scenario(scheduler, holds_for_a_user_without_rights)
{
    struct bundle *bundle = bundle_new();
    const struct policy fifo = {
        "FIFO", {.policy = 1, .priority = 3}
    };

    need_root();
    give_realtime_budget(bundle);
    bundle_set(bundle, "process.user", "{\"uid\":1000,\"gid\":1000}");
    bundle_set(bundle, "process.capabilities", "{}");
    bundle_set(bundle, "process.scheduler", "{\"policy\":\"SCHED_FIFO\",\"priority\":3}");
    bundle_set(bundle, "process.args", "[\"/bin/sleep\",\"3600\"]");
    bundle_start_as_is(bundle);
    assert_policy(bundle_pid(bundle), &fifo);
    bundle_delete(bundle);
}

Scenario(scheduler, that_the_kernel_has_not_is_named)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_set(bundle, "process.scheduler", "{\"policy\":\"SCHED_ISO\"}");
    bundle_script(bundle, "true");
    assert_refused(bundle_run(bundle), 1, "set the scheduler to policy 4");
}

#define DEADLINE(more)                                                                     \
    "{\"policy\":\"SCHED_DEADLINE\",\"runtime\":1000000,\"deadline\":20000000,\"period\":" \
    "40000000" more "}"

/* sched(7): it may not fork, so the hooks of its start could not run either. */
Scenario(scheduler, with_a_deadline_has_hooks_only_when_it_may_fork)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_set(bundle, "hooks.startContainer",
               "[{\"path\":\"/bin/touch\",\"args\":[\"touch\","
               "\"/work/hook\"]}]");
    bundle_set(bundle, "process.scheduler", "%s", DEADLINE(""));
    bundle_set(bundle, "process.args", "[\"/bin/true\"]");
    assert_refused(bundle_run(bundle), 1, "hooks.startContainer: a process with SCHED_DEADLINE");
    bundle_set(bundle, "process.scheduler", "%s",
               DEADLINE(",\"flags\":[\"SCHED_FLAG_RESET_ON_FORK\"]"));
    assert_ok(bundle_run(bundle));
    cr_assert(file_exists(text("%s/work/hook", bundle->rootfs)));
}

/* --- io priority, limits ---------------------------------------------------------------------- */

Scenario(io_priority, of_every_class)
{
    const struct {
        const char *config;
        int expected;
    } classes[] = {
        {"{\"class\":\"IOPRIO_CLASS_RT\",\"priority\":2}", IOPRIO_PRIO_VALUE(IOPRIO_CLASS_RT,   2)},
        {"{\"class\":\"IOPRIO_CLASS_RT\"}",                IOPRIO_PRIO_VALUE(IOPRIO_CLASS_RT,   0)},
        {"{\"class\":\"IOPRIO_CLASS_BE\",\"priority\":7}", IOPRIO_PRIO_VALUE(IOPRIO_CLASS_BE,   7)},
        {"{\"class\":\"IOPRIO_CLASS_IDLE\"}",              IOPRIO_PRIO_VALUE(IOPRIO_CLASS_IDLE, 0)},
    };

    need_root();
    for (size_t i = 0; i < count_of(classes); i++) {
        struct bundle *bundle = bundle_new();

        bundle_set(bundle, "process.ioPriority", "%s", classes[i].config);
        bundle_start(bundle);
        cr_assert_eq(syscall(SYS_ioprio_get, 1 /* IOPRIO_WHO_PROCESS */, bundle_pid(bundle)),
                     classes[i].expected, "%s", classes[i].config);
        cr_assert_eq(syscall(SYS_ioprio_get, 1, begin_exec(bundle)), classes[i].expected);
        bundle_delete(bundle);
    }
}

#define LIMIT(name) \
    {               \
#name, name \
    }

static const struct {
    const char *name;
    int resource;
} limits[] = {
    LIMIT(RLIMIT_AS),     LIMIT(RLIMIT_CORE),   LIMIT(RLIMIT_CPU),        LIMIT(RLIMIT_DATA),
    LIMIT(RLIMIT_FSIZE),  LIMIT(RLIMIT_LOCKS),  LIMIT(RLIMIT_MEMLOCK),    LIMIT(RLIMIT_MSGQUEUE),
    LIMIT(RLIMIT_NICE),   LIMIT(RLIMIT_NOFILE), LIMIT(RLIMIT_NPROC),      LIMIT(RLIMIT_RSS),
    LIMIT(RLIMIT_RTPRIO), LIMIT(RLIMIT_RTTIME), LIMIT(RLIMIT_SIGPENDING), LIMIT(RLIMIT_STACK),
};

/* Different for each, big enough to live with, and where we may not raise it within what we have.
 */
static struct rlimit limit_for_test(size_t index)
{
    bool is_memory = limits[index].resource == RLIMIT_AS || limits[index].resource == RLIMIT_DATA ||
                     limits[index].resource == RLIMIT_STACK;
    rlim_t wanted = is_memory ? (1ul << 32) + index * 4096 : 500 + index;
    struct rlimit now;

    if (limits[index].resource == RLIMIT_NICE || limits[index].resource == RLIMIT_RTPRIO)
        wanted = 5 + index;
    cr_assert_eq(getrlimit((__rlimit_resource_t)limits[index].resource, &now), 0);
    if (wanted > now.rlim_max && prctl(PR_CAPBSET_READ, CAPABILITY_SYS_RESOURCE) != 1)
        wanted = now.rlim_max;
    return (struct rlimit){wanted - (wanted > 0), wanted};
}

Scenario(limits, of_all_sixteen_resources)
{
    struct bundle *bundle = bundle_new();
    const char *list = "";

    need_root();
    cr_assert_eq(count_of(limits), (size_t)RLIM_NLIMITS);
    for (size_t i = 0; i < count_of(limits); i++) {
        struct rlimit wanted = limit_for_test(i);

        list = text("%s%s{\"type\":\"%s\",\"soft\":%ju,\"hard\":%ju}", list, i > 0 ? "," : "",
                    limits[i].name, (uintmax_t)wanted.rlim_cur, (uintmax_t)wanted.rlim_max);
    }
    bundle_set(bundle, "process.rlimits", "[%s]", list);
    bundle_start(bundle);

    const pid_t pids[] = {bundle_pid(bundle), begin_exec(bundle)};

    for (size_t i = 0; i < 2 * count_of(limits); i++) {
        struct rlimit wanted = limit_for_test(i / 2), actual;

        cr_assert_eq(
            prlimit(pids[i % 2], (__rlimit_resource_t)limits[i / 2].resource, NULL, &actual), 0);
        cr_assert(actual.rlim_cur == wanted.rlim_cur && actual.rlim_max == wanted.rlim_max,
                  "%s: %ju %ju", limits[i / 2].name, (uintmax_t)actual.rlim_cur,
                  (uintmax_t)actual.rlim_max);
    }
    bundle_delete(bundle);
}

/* --- clocks ----------------------------------------------------------------------------------- */

static int64_t nanoseconds_of(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* By how much that clock is shifted for process `pid`: a child of ours enters its time namespace
 * and has a child, which is in it. */
static int64_t shift_of(pid_t pid, clockid_t clock)
{
    volatile int64_t *there = mmap(NULL, sizeof *there, PROT_READ | PROT_WRITE,
                                   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    autoclose int namespace = open(text("/proc/%d/ns/time", (int)pid), O_RDONLY | O_CLOEXEC);
    int64_t before = nanoseconds_of(clock), shift;
    pid_t between = fork();
    int status = -1;

    cr_assert(there != MAP_FAILED && namespace >= 0 && between >= 0);
    if (between == 0) {
        pid_t inside = setns(namespace, CLONE_NEWTIME) == 0 ? fork() : -1;

        if (inside == 0) {
            *there = nanoseconds_of(clock);
            _exit(0);
        }
        _exit(inside > 0 && waitpid(inside, &status, 0) == inside ? status : 1);
    }
    cr_assert(waitpid(between, &status, 0) == between && status == 0, "status %#x", status);
    shift = *there - before;
    munmap((void *)there, sizeof *there);
    return shift;
}

/* What the test itself takes: seconds when a machine is emulated. */
static void assert_shifted(pid_t pid, clockid_t clock, double seconds)
{
    int64_t least = (int64_t)(seconds * 1e9), shift = shift_of(pid, clock);

    cr_assert(shift >= least && shift < least + 400 * (int64_t)1000000000,
              "shifted by %jd instead of %jd ns", (intmax_t)shift, (intmax_t)least);
}

Scenario(clocks, are_shifted_to_the_nanosecond_and_also_back)
{
    struct bundle *bundle = bundle_new();
    const char *offsets;

    need_root();
    if (nanoseconds_of(CLOCK_MONOTONIC) < (int64_t)20 * 1000000000)
        skip("needs a machine that has been up for 20 seconds");
    bundle_set(bundle, "linux.timeOffsets",
               "{\"monotonic\":{\"secs\":86400,\"nanosecs\":123456789},"
               "\"boottime\":{\"secs\":-7,\"nanosecs\":5}}");
    bundle_start(bundle);
    offsets = file_text(text("/proc/%d/timens_offsets", (int)bundle_pid(bundle)));
    assert_has(offsets, "86400 123456789\n");
    assert_has(offsets, "-7         5\n");
    assert_shifted(bundle_pid(bundle), CLOCK_MONOTONIC, 86400.123456789);
    assert_shifted(bundle_pid(bundle), CLOCK_BOOTTIME, -7);
    cr_assert_lt(shift_of(bundle_pid(bundle), CLOCK_BOOTTIME), 0);
    assert_shifted(begin_exec(bundle), CLOCK_MONOTONIC, 86400.123456789);
    bundle_delete(bundle);
}

Scenario(clocks, do_not_go_below_zero)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_set(bundle, "linux.timeOffsets", "{\"monotonic\":{\"secs\":-4000000000}}");
    assert_refused(bundle_run(bundle), 1, "set-clocks");
}

/* --- memory policy ---------------------------------------------------------------------------- */

/* Linux 6.9. */
static bool knows_weights(void)
{
    return file_exists("/sys/kernel/mm/mempolicy/weighted_interleave");
}

Scenario(memory_policy, every_mode_is_the_kernels)
{
    static const struct {
        const char *config;
        const char *shown; /* in numa_maps(5) */
        const char *as_well;
    } modes[] = {
        {"\"MPOL_DEFAULT\"",                                                          " default ",               NULL      },
        {"\"MPOL_PREFERRED\",\"nodes\":\"0\"",                                        " prefer:0 ",              NULL      },
        {"\"MPOL_BIND\",\"nodes\":\"0\"",                                             " bind:0 ",                NULL      },
        {"\"MPOL_INTERLEAVE\",\"nodes\":\"0\"",                                       " interleave:0 ",          NULL      },
        {"\"MPOL_LOCAL\"",                                                            " local ",                 NULL      },
        {"\"MPOL_PREFERRED_MANY\",\"nodes\":\"0\"",                                   " prefer (many):0 ",       NULL      },
        {"\"MPOL_WEIGHTED_INTERLEAVE\",\"nodes\":\"0\"",                              " weighted interleave:0 ", NULL      },
        {"\"MPOL_BIND\",\"nodes\":\"0\",\"flags\":[\"MPOL_F_STATIC_NODES\"]",         " bind=static:0 ",
         NULL                                                                                                              },
        {"\"MPOL_INTERLEAVE\",\"nodes\":\"0\",\"flags\":[\"MPOL_F_RELATIVE_NODES\"]",
         " interleave=relative:0 ",                                                                              NULL      },
        {"\"MPOL_BIND\",\"nodes\":\"0\",\"flags\":[\"MPOL_F_NUMA_BALANCING\"]",
         " bind=balancing:0 ",                                                                                   " bind:0 "},
    };
    need_root();
    if (!file_exists("/proc/self/numa_maps"))
        skip("this kernel knows no NUMA");
    for (size_t i = 0; i < count_of(modes); i++) {
        struct bundle *bundle;
        const char *maps;

        if (strstr(modes[i].config, "WEIGHTED") != NULL && !knows_weights())
            continue;
        bundle = bundle_new();
        bundle_set(bundle, "linux.memoryPolicy", "{\"mode\":%s}", modes[i].config);
        bundle_start(bundle);
        maps = file_text(text("/proc/%d/numa_maps", (int)bundle_pid(bundle)));
        cr_assert(strstr(maps, modes[i].shown) != NULL ||
                      (modes[i].as_well != NULL && strstr(maps, modes[i].as_well) != NULL),
                  "%s:\n%s", modes[i].config, maps);
        bundle_delete(bundle);
    }
}

Scenario(memory_policy, of_a_node_that_is_not_there_is_refused)
{
    struct bundle *bundle = bundle_new();

    need_root();
    if (!file_exists("/proc/self/numa_maps"))
        skip("this kernel knows no NUMA");
    bundle_set(bundle, "linux.memoryPolicy", "{\"mode\":\"MPOL_BIND\",\"nodes\":\"1000\"}");
    assert_refused(bundle_run(bundle), 1, "a node that is not there");
}
