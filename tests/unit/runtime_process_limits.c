/* rlimits, scheduling and memory policy: from words to the kernel's numbers, and applied. */

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/own.h"
#include "runtime/process_limits.h"

static int plan_from(struct process_limits_plan *ret, const struct spec_process *process,
                     const struct spec_linux *linux_, struct error *err)
{
    autoarena struct arena arena = {0};

    return process_limits_plan_from_spec(ret, process, linux_, &arena, err);
}

static struct process_limits_plan plan_of(const struct spec_process *process,
                                          const struct spec_linux *linux_)
{
    struct process_limits_plan plan = {0};
    struct error err;

    cr_assert_eq(plan_from(&plan, process, linux_, &err), 0, "%s", err.text);
    return plan;
}

static void expect_refusal(const struct spec_process *process, const struct spec_linux *linux_,
                           const char *message)
{
    struct process_limits_plan plan = {.rlimit_count = 99};
    struct error err = {0};

    cr_expect_eq(plan_from(&plan, process, linux_, &err), -EINVAL, "expected: %s", message);
    cr_expect_str_eq(err.text, message);
    cr_expect_eq(plan.rlimit_count, 99, "the plan is untouched");
}

Test(process_limits, nothing_asked_is_nothing_planned)
{
    const struct spec_process process = {0};
    struct process_limits_plan plan = plan_of(&process, NULL);
    struct error err;

    cr_expect_eq(plan.rlimit_count, 0);
    cr_expect_not(plan.oom_score_adj.set || plan.has_scheduler || plan.has_io_priority ||
                  plan.has_personality || plan.has_memory_policy);
    cr_expect_eq(process_limits_apply(&plan, -1, &err), 0);
}

/* --- rlimits -------------------------------------------------------------------------------- */

struct resource_case {
    const char *name;
    int resource;
};

static const struct resource_case resource_cases[] = {
    {"RLIMIT_AS",         9 },
    {"RLIMIT_CORE",       4 },
    {"RLIMIT_CPU",        0 },
    {"RLIMIT_DATA",       2 },
    {"RLIMIT_FSIZE",      1 },
    {"RLIMIT_LOCKS",      10},
    {"RLIMIT_MEMLOCK",    8 },
    {"RLIMIT_MSGQUEUE",   12},
    {"RLIMIT_NICE",       13},
    {"RLIMIT_NOFILE",     7 },
    {"RLIMIT_NPROC",      6 },
    {"RLIMIT_RSS",        5 },
    {"RLIMIT_RTPRIO",     14},
    {"RLIMIT_RTTIME",     15},
    {"RLIMIT_SIGPENDING", 11},
    {"RLIMIT_STACK",      3 },
};

/* As on x86, arm and most others (asm-generic/resource.h). */
Test(process_limits, all_sixteen_resources_are_known_at_once)
{
    struct spec_rlimit limits[count_of(resource_cases)];
    struct spec_process process = {0};

    for (size_t i = 0; i < count_of(resource_cases); i++)
        limits[i] = (struct spec_rlimit){resource_cases[i].name, i, UINT64_MAX};
    process.rlimits.items = limits;
    process.rlimits.count = count_of(limits);

    struct process_limits_plan plan = plan_of(&process, NULL);

    cr_assert_eq(plan.rlimit_count, count_of(limits));
    for (size_t i = 0; i < count_of(limits); i++) {
#if !defined(__mips__) && !defined(__sparc__) && !defined(__alpha__)
        cr_expect_eq(plan.rlimits[i].resource, resource_cases[i].resource, "%s",
                     resource_cases[i].name);
#endif
        cr_expect_eq(plan.rlimits[i].limit.rlim_cur, i);
        cr_expect_eq(plan.rlimits[i].limit.rlim_max, RLIM_INFINITY);
    }
}

Test(process_limits, wrong_rlimits_are_refused_by_their_place)
{
    struct spec_rlimit limits[] = {
        {"RLIMIT_NOFILE", 1, 1},
        {"RLIMIT_FOO",    1, 1},
    };
    struct spec_process process = {0};

    process.rlimits.items = limits;
    process.rlimits.count = 2;
    expect_refusal(&process, NULL, "process.rlimits[1].type: unknown limit \"RLIMIT_FOO\"");
    limits[1].type = "RLIMIT_NOFILE";
    expect_refusal(&process, NULL, "process.rlimits[1].type: RLIMIT_NOFILE is given twice");
    limits[1] = (struct spec_rlimit){"RLIMIT_CORE", 6, 5};
    expect_refusal(&process, NULL, "process.rlimits[1].soft: 6 is above the hard limit 5");
}

/* --- scheduling ----------------------------------------------------------------------------- */

Test(process_limits, a_deadline_has_all_its_times_and_flags)
{
    int flags[] = {SPEC_SCHED_FLAG_RECLAIM, SPEC_SCHED_FLAG_RESET_ON_FORK};
    struct spec_scheduler scheduler = {
        .policy = SPEC_SCHED_DEADLINE,
        .runtime = {.value = 10, .set = true},
        .deadline = {.value = 20, .set = true},
        .period = {.value = 30, .set = true},
    };
    const struct spec_process process = {.scheduler = &scheduler};

    scheduler.flags.items = flags;
    scheduler.flags.count = 2;

    struct process_limits_plan plan = plan_of(&process, NULL);

    cr_expect(plan.has_scheduler);
    cr_expect_eq(plan.scheduler.size, 56, "SCHED_ATTR_SIZE_VER1");
    cr_expect_eq(plan.scheduler.policy, 6);
    cr_expect_eq(plan.scheduler.flags, 3);
    cr_expect_eq(plan.scheduler.runtime, 10);
    cr_expect_eq(plan.scheduler.deadline, 20);
    cr_expect_eq(plan.scheduler.period, 30);
}

Test(process_limits, policies_have_the_kernels_numbers)
{
    static const uint32_t numbers[] = {
        [SPEC_SCHED_OTHER] = 0,   [SPEC_SCHED_FIFO] = 1, [SPEC_SCHED_RR] = 2,
        [SPEC_SCHED_BATCH] = 3,   [SPEC_SCHED_ISO] = 4,  [SPEC_SCHED_IDLE] = 5,
        [SPEC_SCHED_DEADLINE] = 6};

    for (size_t i = 0; i < count_of(numbers); i++) {
        struct spec_scheduler scheduler = {
            .policy = (int)i, .nice = {.value = -3, .set = true}
        };
        const struct spec_process process = {.scheduler = &scheduler};
        struct process_limits_plan plan = plan_of(&process, NULL);

        cr_expect_eq(plan.scheduler.policy, numbers[i]);
        cr_expect_eq(plan.scheduler.nice, -3);
    }
}

Test(process_limits, utilization_flags_without_values_clamp_nothing)
{
    int flags[] = {SPEC_SCHED_FLAG_UTIL_CLAMP_MIN, SPEC_SCHED_FLAG_UTIL_CLAMP_MAX};
    struct spec_scheduler scheduler = {.policy = SPEC_SCHED_OTHER};
    const struct spec_process process = {.scheduler = &scheduler};

    scheduler.flags.items = flags;
    scheduler.flags.count = 2;

    struct process_limits_plan plan = plan_of(&process, NULL);

    cr_expect_eq(plan.scheduler.flags, 0x60);
    cr_expect_eq(plan.scheduler.utilization_least, 0);
    cr_expect_eq(plan.scheduler.utilization_most, 1024);
}

Test(process_limits, what_is_out_of_range_is_refused)
{
    struct spec_scheduler scheduler = {.policy = SPEC_SCHED_OTHER, .nice = {.value = 20}};
    struct spec_io_priority io = {.class = SPEC_IO_PRIORITY_IDLE, .priority = {.value = 8}};
    struct spec_process process = {.scheduler = &scheduler};

    expect_refusal(&process, NULL, "process.scheduler.nice: 20 is out of range (-20 to 19)");
    scheduler.nice.value = 0;
    scheduler.priority.value = 100;
    expect_refusal(&process, NULL, "process.scheduler.priority: 100 is out of range (0 to 99)");
    process.scheduler = NULL;
    process.io_priority = &io;
    expect_refusal(&process, NULL, "process.ioPriority.priority: 8 is out of range (0 to 7)");
    process.io_priority = NULL;
    process.oom_score_adj = (struct optional_int64){.value = -1001, .set = true};
    expect_refusal(&process, NULL, "process.oomScoreAdj: -1001 is out of range (-1000 to 1000)");
}

Test(process_limits, io_priority_is_class_and_priority_in_one_number)
{
    struct spec_io_priority io = {
        .class = SPEC_IO_PRIORITY_REALTIME, .priority = {.value = 5, .set = true}
    };
    const struct spec_process process = {.io_priority = &io};
    struct process_limits_plan plan = plan_of(&process, NULL);

    cr_expect(plan.has_io_priority);
    cr_expect_eq(plan.io_priority, 1 << 13 | 5);
    io.class = SPEC_IO_PRIORITY_BEST_EFFORT;
    cr_expect_eq(plan_of(&process, NULL).io_priority, 2 << 13 | 5);
    io.class = SPEC_IO_PRIORITY_IDLE;
    io.priority = (struct optional_int64){0};
    cr_expect_eq(plan_of(&process, NULL).io_priority, 3 << 13);
}

/* --- personality and memory ----------------------------------------------------------------- */

Test(process_limits, personalities_are_the_kernels)
{
    const struct spec_process process = {0};
    struct spec_personality domain = {.domain = SPEC_PERSONALITY_LINUX32};
    const struct spec_linux linux_part = {.personality = &domain};

    cr_expect_eq(plan_of(&process, &linux_part).personality, 8);
    domain.domain = SPEC_PERSONALITY_LINUX;
    cr_expect_eq(plan_of(&process, &linux_part).personality, 0);
    cr_expect(plan_of(&process, &linux_part).has_personality);
    domain.domain = SPEC_PERSONALITY_ABSENT;
    expect_refusal(&process, &linux_part, "linux.personality.domain: missing");
}

struct memory_case {
    int mode;
    int number;
};

static const struct memory_case memory_cases[] = {
    {SPEC_MEMORY_POLICY_DEFAULT,             0},
    {SPEC_MEMORY_POLICY_PREFERRED,           1},
    {SPEC_MEMORY_POLICY_BIND,                2},
    {SPEC_MEMORY_POLICY_INTERLEAVE,          3},
    {SPEC_MEMORY_POLICY_LOCAL,               4},
    {SPEC_MEMORY_POLICY_PREFERRED_MANY,      5},
    {SPEC_MEMORY_POLICY_WEIGHTED_INTERLEAVE, 6},
};

Test(process_limits, memory_policies_have_the_kernels_numbers)
{
    const struct spec_process process = {0};
    struct spec_memory_policy policy = {0};
    const struct spec_linux linux_part = {.memory_policy = &policy};
    int flags[] = {SPEC_MEMORY_POLICY_STATIC_NODES, SPEC_MEMORY_POLICY_NUMA_BALANCING};

    for (size_t i = 0; i < count_of(memory_cases); i++) {
        policy.mode = memory_cases[i].mode;
        cr_expect_eq(plan_of(&process, &linux_part).memory_policy, memory_cases[i].number);
        cr_expect_not(plan_of(&process, &linux_part).has_nodes);
    }
    policy.flags.items = flags;
    policy.flags.count = 2;
    policy.mode = SPEC_MEMORY_POLICY_BIND;
    policy.nodes = "0,2-3,1023";

    struct process_limits_plan plan = plan_of(&process, &linux_part);

    cr_expect_eq(plan.memory_policy, 2 | 1 << 15 | 1 << 13);
    cr_expect(plan.has_nodes);
    cr_expect_eq(plan.nodes[0], 0xdul);
    cr_expect_eq(plan.nodes[count_of(plan.nodes) - 1], 1ul << (8 * sizeof(unsigned long) - 1));
}

/* --- lists of numbers ----------------------------------------------------------------------- */

static const char *const bad_lists[] = {
    "5-2", "0-99999", "8192", "a",    "1,",
    ",1",  "1-",      "-1",   "1--2", "1;2",
    "1 2", "x",       "0x1",  " ",    "99999999999999999999",
};

Test(process_limits, lists_that_make_no_sense_are_refused)
{
    for (size_t i = 0; i < count_of(bad_lists); i++) {
        const struct spec_exec_cpu_affinity spec = {.final = bad_lists[i]};
        struct cpu_affinity initial = {.set = true};
        struct cpu_affinity final;
        struct error err;

        cr_expect_eq(process_limits_affinity_from_spec(&initial, &final, &spec, &err), -EINVAL,
                     "\"%s\"", bad_lists[i]);
        cr_expect_eq(strncmp(err.text, "process.execCPUAffinity.final: ", 31), 0, "%s", err.text);
        cr_expect(initial.set, "untouched");
    }
}

Test(process_limits, lists_become_masks)
{
    const struct spec_exec_cpu_affinity spec = {.initial = "0-3,7", .final = " 8191 , 1 - 2"};
    struct cpu_affinity initial;
    struct cpu_affinity final;
    struct error err;

    cr_assert_eq(process_limits_affinity_from_spec(&initial, &final, &spec, &err), 0, "%s",
                 err.text);
    cr_expect(initial.set && final.set);
    cr_expect_eq(initial.cpus[0], 0x8ful);
    cr_expect_eq(initial.cpus[count_of(initial.cpus) - 1], 0);
    cr_expect_eq(final.cpus[0], 6ul);
    cr_expect_eq(final.cpus[count_of(final.cpus) - 1], 1ul << (8 * sizeof(unsigned long) - 1));
}

Test(process_limits, no_affinity_asked_changes_none)
{
    const struct spec_exec_cpu_affinity empty = {.initial = ""};
    struct cpu_affinity initial = {.set = true};
    struct cpu_affinity final = {.set = true};
    struct error err;

    cr_assert_eq(process_limits_affinity_from_spec(&initial, &final, &empty, &err), 0);
    cr_expect_not(initial.set || final.set);
    cr_assert_eq(process_limits_affinity_from_spec(&initial, &final, NULL, &err), 0);
    cr_expect_not(initial.set || final.set);
    cr_expect_eq(process_limits_apply_affinity(&initial, &err), 0);
}

/* --- applied, in a child -------------------------------------------------------------------- */

static int status_of(int (*body)(void))
{
    pid_t pid = fork();
    int status;

    cr_assert_geq(pid, 0);
    if (pid == 0)
        _exit(body());
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert(WIFEXITED(status), "killed by signal %d", WTERMSIG(status));
    return WEXITSTATUS(status);
}

static int apply_everything(void)
{
    struct process_limits_plan plan = {
        .rlimits = {{RLIMIT_CORE, "RLIMIT_CORE", {0, 0}}},
        .rlimit_count = 1,
        .oom_score_adj = { .value = 987,                                              .set = true},
        .has_scheduler = true,
        .scheduler = {        .size = sizeof plan.scheduler, .policy = SCHED_BATCH, .nice = 7},
        .has_io_priority = true,
        .io_priority = 3 << 13,
        .has_personality = true,
        .personality = PER_LINUX32,
    };
    autoclose int proc_self = open("/proc/self", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct rlimit core;
    struct error err;
    char score[16];

    if (process_limits_set_rlimits(&plan, 0, &err) < 0 ||
        process_limits_apply(&plan, proc_self, &err) < 0)
        return 1;
    if (getrlimit(RLIMIT_CORE, &core) < 0 || core.rlim_max != 0)
        return 2;
    if (read_pseudo_file(proc_self, "oom_score_adj", score, sizeof score) < 0 ||
        strcmp(score, "987") != 0)
        return 3;
    if (sched_getscheduler(0) != SCHED_BATCH || getpriority(PRIO_PROCESS, 0) != 7)
        return 4;
    return personality(0xffffffff) == PER_LINUX32 ? 0 : 5;
}

Test(process_limits, the_kernel_takes_over_what_is_planned)
{
    cr_expect_eq(status_of(apply_everything), 0);
}

static int raise_hard_limit(void)
{
    struct process_limits_plan plan = {
        .rlimits = {{RLIMIT_CORE, "RLIMIT_CORE", {0, 0}}},
        .rlimit_count = 1,
    };
    struct error err;

    if (process_limits_set_rlimits(&plan, 0, &err) < 0)
        return 1;
    if (geteuid() == 0 && setresuid(65534, 65534, 65534) < 0)
        return 2;
    plan.rlimits[0].limit = (struct rlimit){1, 1};
    if (process_limits_set_rlimits(&plan, 0, &err) != -EPERM)
        return 3;
    return strcmp(err.text, "set RLIMIT_CORE to 1 (hard 1): Operation not permitted (above the "
                            "hard limit of now this needs CAP_SYS_RESOURCE)") == 0
               ? 0
               : 4;
}

Test(process_limits, a_limit_that_cannot_be_raised_names_the_missing_capability)
{
    cr_expect_eq(status_of(raise_hard_limit), 0);
}

static int bind_to_one_cpu(void)
{
    struct cpu_affinity affinity = {.set = true};
    unsigned long before[NUMBER_SET_WORDS(PROCESS_LIMITS_CPUS)] = {0};
    unsigned first = 0;
    struct error err;

    if (sched_getaffinity(0, sizeof before, (cpu_set_t *)before) < 0)
        return 1;
    while (!(before[first / 64] >> first % 64 & 1))
        first++;
    affinity.cpus[first / 64] = 1ul << first % 64;
    if (process_limits_apply_affinity(&affinity, &err) < 0)
        return 2;
    if (sched_getaffinity(0, sizeof before, (cpu_set_t *)before) < 0)
        return 3;
    return before[first / 64] == 1ul << first % 64 ? 0 : 4;
}

Test(process_limits, an_affinity_binds_the_thread)
{
    if (sizeof(long) != 8)
        cr_skip_test("written for words of 64 bits");
    cr_expect_eq(status_of(bind_to_one_cpu), 0);
}

static int bind_to_missing_cpu(void)
{
    struct cpu_affinity affinity = {.set = true};
    struct error err;

    affinity.cpus[count_of(affinity.cpus) - 1] = 1;
    return process_limits_apply_affinity(&affinity, &err) == -EINVAL &&
                   strstr(err.text, "none of these cpus is there") != NULL
               ? 0
               : 1;
}

Test(process_limits, an_affinity_to_cpus_that_are_not_there_is_an_error)
{
    cr_expect_eq(status_of(bind_to_missing_cpu), 0);
}
