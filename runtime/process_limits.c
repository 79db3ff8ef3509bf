#include "runtime/process_limits.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/ioprio.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/personality.h>

#include "base/file.h"
#include "base/kernel.h"
#include "base/own.h"
#include "base/text.h"

/* --- tables -------------------------------------------------------------------------------------
 */

static const struct name resources[] = {
    {"RLIMIT_AS",         RLIMIT_AS        },
    {"RLIMIT_CORE",       RLIMIT_CORE      },
    {"RLIMIT_CPU",        RLIMIT_CPU       },
    {"RLIMIT_DATA",       RLIMIT_DATA      },
    {"RLIMIT_FSIZE",      RLIMIT_FSIZE     },
    {"RLIMIT_LOCKS",      RLIMIT_LOCKS     },
    {"RLIMIT_MEMLOCK",    RLIMIT_MEMLOCK   },
    {"RLIMIT_MSGQUEUE",   RLIMIT_MSGQUEUE  },
    {"RLIMIT_NICE",       RLIMIT_NICE      },
    {"RLIMIT_NOFILE",     RLIMIT_NOFILE    },
    {"RLIMIT_NPROC",      RLIMIT_NPROC     },
    {"RLIMIT_RSS",        RLIMIT_RSS       },
    {"RLIMIT_RTPRIO",     RLIMIT_RTPRIO    },
    {"RLIMIT_RTTIME",     RLIMIT_RTTIME    },
    {"RLIMIT_SIGPENDING", RLIMIT_SIGPENDING},
    {"RLIMIT_STACK",      RLIMIT_STACK     },
};
static const struct names resource_names = NAMES_OF(resources);

_Static_assert(count_of(resources) == PROCESS_LIMITS_RESOURCES, "one slot for each resource");

/* sched(7), sched_setattr(2): by number, for not every libc names them all. */
static const uint32_t policies[] = {
    [SPEC_SCHED_OTHER] = 0,    [SPEC_SCHED_FIFO] = 1, [SPEC_SCHED_RR] = 2,
    [SPEC_SCHED_BATCH] = 3,    [SPEC_SCHED_ISO] = 4,  [SPEC_SCHED_IDLE] = 5,
    [SPEC_SCHED_DEADLINE] = 6,
};

static const uint64_t scheduler_flags[] = {
    [SPEC_SCHED_FLAG_RESET_ON_FORK] = 0x01,  [SPEC_SCHED_FLAG_RECLAIM] = 0x02,
    [SPEC_SCHED_FLAG_DL_OVERRUN] = 0x04,     [SPEC_SCHED_FLAG_KEEP_POLICY] = 0x08,
    [SPEC_SCHED_FLAG_KEEP_PARAMS] = 0x10,    [SPEC_SCHED_FLAG_UTIL_CLAMP_MIN] = 0x20,
    [SPEC_SCHED_FLAG_UTIL_CLAMP_MAX] = 0x40,
};

/* A task that uses all of a processor: SCHED_CAPACITY_SCALE. */
enum { WHOLE_UTILIZATION = 1024 };

static const int io_classes[] = {
    [SPEC_IO_PRIORITY_REALTIME] = IOPRIO_CLASS_RT,
    [SPEC_IO_PRIORITY_BEST_EFFORT] = IOPRIO_CLASS_BE,
    [SPEC_IO_PRIORITY_IDLE] = IOPRIO_CLASS_IDLE,
};

static const unsigned long personalities[] = {
    [SPEC_PERSONALITY_LINUX] = PER_LINUX,
    [SPEC_PERSONALITY_LINUX32] = PER_LINUX32,
};

/* set_mempolicy(2): by number, for weighted interleave is newer (6.9) than many headers. */
static const int memory_modes[] = {
    [SPEC_MEMORY_POLICY_DEFAULT] = 0,
    [SPEC_MEMORY_POLICY_PREFERRED] = 1,
    [SPEC_MEMORY_POLICY_BIND] = 2,
    [SPEC_MEMORY_POLICY_INTERLEAVE] = 3,
    [SPEC_MEMORY_POLICY_LOCAL] = 4,
    [SPEC_MEMORY_POLICY_PREFERRED_MANY] = 5,
    [SPEC_MEMORY_POLICY_WEIGHTED_INTERLEAVE] = 6,
};

static const int memory_flags[] = {
    [SPEC_MEMORY_POLICY_NUMA_BALANCING] = 1 << 13,
    [SPEC_MEMORY_POLICY_RELATIVE_NODES] = 1 << 14,
    [SPEC_MEMORY_POLICY_STATIC_NODES] = 1 << 15,
};

/* --- lists of numbers ---------------------------------------------------------------------------
 */

static void set_bits(unsigned long *words, unsigned first, unsigned last)
{
    const unsigned width = 8 * sizeof *words;

    for (unsigned i = first; i <= last; i++)
        words[i / width] |= 1ul << i % width;
}

/* The decimal number at *at, which moves behind it.  Returns false when there is none below
 * `limit`. */
static bool take_number(const char **at, unsigned limit, unsigned *ret)
{
    unsigned value = 0;
    const char *digit = *at;

    while (*digit == ' ')
        digit++;
    if (*digit < '0' || *digit > '9')
        return false;
    for (; *digit >= '0' && *digit <= '9' && value < limit; digit++)
        value = value * 10 + (unsigned)(*digit - '0');
    while (*digit == ' ')
        digit++;
    *at = digit;
    *ret = value;
    return value < limit;
}

/* "0-3,7" into a mask of `limit` bits. */
static int parse_numbers(unsigned long *words, unsigned limit, const char *list, struct error *err)
{
    const char *at = list;
    char quoted[1040];

    quotable(quoted, list);
    for (;; at++) {
        unsigned first;
        unsigned last;

        if (!take_number(&at, limit, &first))
            break;
        last = first;
        if (*at == '-') {
            at++;
            if (!take_number(&at, limit, &last))
                break;
        }
        if (last < first)
            return refuse(err, EINVAL, "\"%s\": %u-%u runs backwards", quoted, first, last);
        set_bits(words, first, last);
        if (*at == '\0')
            return 0;
        if (*at != ',')
            break;
    }
    return refuse(err, EINVAL, "\"%s\" is not a list of numbers up to %u, such as 0-3,7", quoted,
                  limit - 1);
}

/* --- the plan -----------------------------------------------------------------------------------
 */

static int plan_rlimit(struct process_limits_plan *plan, const struct spec_rlimit *spec,
                       struct error *err)
{
    const struct name *resource = names_find(&resource_names, spec->type);
    char quoted[1040];

    if (resource == NULL)
        return refuse(err, EINVAL, ".type: unknown limit \"%s\"", quotable(quoted, spec->type));
    for (size_t i = 0; i < plan->rlimit_count; i++) {
        if (plan->rlimits[i].resource == resource->value)
            return refuse(err, EINVAL, ".type: %s is given twice", resource->name);
    }
    if (spec->soft > spec->hard)
        return refuse(err, EINVAL, ".soft: %" PRIu64 " is above the hard limit %" PRIu64,
                      spec->soft, spec->hard);
    plan->rlimits[plan->rlimit_count++] = (struct process_limit){
        .resource = (int)resource->value,
        .name = resource->name,
        .limit = {.rlim_cur = (rlim_t)spec->soft, .rlim_max = (rlim_t)spec->hard},
    };
    return 0;
}

static int plan_rlimits(struct process_limits_plan *plan, const struct spec_process *process,
                        struct error *err)
{
    for (size_t i = 0; i < process->rlimits.count; i++) {
        if (plan_rlimit(plan, &process->rlimits.items[i], err) < 0)
            return prefix(err, "process.rlimits[%zu]", i);
    }
    return 0;
}

static int plan_oom_score(struct process_limits_plan *plan, const struct spec_process *process,
                          struct error *err)
{
    struct optional_int64 score = process->oom_score_adj;

    if (score.set && (score.value < -1000 || score.value > 1000))
        return refuse(err, EINVAL,
                      "process.oomScoreAdj: %" PRId64 " is out of range (-1000 to 1000)",
                      score.value);
    plan->oom_score_adj = score;
    return 0;
}

static int plan_scheduler(struct process_limits_plan *plan, const struct spec_process *process,
                          struct error *err)
{
    const struct spec_scheduler *spec = process->scheduler;

    if (spec == NULL)
        return 0;
    if (spec->nice.value < -20 || spec->nice.value > 19)
        return refuse(err, EINVAL,
                      "process.scheduler.nice: %" PRId64 " is out of range (-20 to 19)",
                      spec->nice.value);
    if (spec->priority.value < 0 || spec->priority.value > 99)
        return refuse(err, EINVAL,
                      "process.scheduler.priority: %" PRId64 " is out of range (0 to 99)",
                      spec->priority.value);
    plan->has_scheduler = true;
    plan->scheduler = (struct scheduler_attributes){
        .size = sizeof plan->scheduler,
        .policy = policies[spec->policy],
        .nice = (int32_t)spec->nice.value,
        .priority = (uint32_t)spec->priority.value,
        .runtime = spec->runtime.value,
        .deadline = spec->deadline.value,
        .period = spec->period.value,

        /* The specification has the clamping flags and no values for them: the widest. */
        .utilization_least = 0,
        .utilization_most = WHOLE_UTILIZATION,
    };
    for (size_t i = 0; i < spec->flags.count; i++)
        plan->scheduler.flags |= scheduler_flags[spec->flags.items[i]];
    return 0;
}

static int plan_io_priority(struct process_limits_plan *plan, const struct spec_process *process,
                            struct error *err)
{
    const struct spec_io_priority *spec = process->io_priority;

    if (spec == NULL)
        return 0;
    if (spec->priority.value < 0 || spec->priority.value > 7)
        return refuse(err, EINVAL,
                      "process.ioPriority.priority: %" PRId64 " is out of range (0 to 7)",
                      spec->priority.value);
    plan->has_io_priority = true;
    plan->io_priority = IOPRIO_PRIO_VALUE(io_classes[spec->class], (int)spec->priority.value);
    return 0;
}

/* config-linux.md has no flags so far: spec_remark() tells of those that are there. */
static int plan_personality(struct process_limits_plan *plan, const struct spec_linux *linux_,
                            struct error *err)
{
    const struct spec_personality *spec = linux_ != NULL ? linux_->personality : NULL;

    if (spec == NULL)
        return 0;
    if (spec->domain == SPEC_PERSONALITY_ABSENT)
        return refuse(err, EINVAL, "linux.personality.domain: missing");
    plan->has_personality = true;
    plan->personality = personalities[spec->domain];
    return 0;
}

static int plan_memory_policy(struct process_limits_plan *plan, const struct spec_linux *linux_,
                              struct error *err)
{
    const struct spec_memory_policy *spec = linux_ != NULL ? linux_->memory_policy : NULL;

    if (spec == NULL)
        return 0;
    if (spec->mode == SPEC_MEMORY_POLICY_ABSENT)
        return refuse(err, EINVAL, "linux.memoryPolicy.mode: missing");
    plan->has_memory_policy = true;
    plan->memory_policy = memory_modes[spec->mode];
    for (size_t i = 0; i < spec->flags.count; i++)
        plan->memory_policy |= memory_flags[spec->flags.items[i]];
    if (spec->nodes == NULL)
        return 0;
    plan->has_nodes = true;
    if (parse_numbers(plan->nodes, PROCESS_LIMITS_NODES, spec->nodes, err) < 0)
        return within(err, "linux.memoryPolicy.nodes");
    return 0;
}

int process_limits_plan_from_spec(struct process_limits_plan *ret,
                                  const struct spec_process *process,
                                  const struct spec_linux *linux_, struct arena *arena,
                                  struct error *err)
{
    struct process_limits_plan plan = {0};

    (void)arena; /* everything fits into the plan; the argument is every plan's */
    if (plan_rlimits(&plan, process, err) < 0 || plan_oom_score(&plan, process, err) < 0 ||
        plan_scheduler(&plan, process, err) < 0 || plan_io_priority(&plan, process, err) < 0 ||
        plan_personality(&plan, linux_, err) < 0 || plan_memory_policy(&plan, linux_, err) < 0)
        return -err->code;
    *ret = plan;
    return 0;
}

/* --- in the child: system calls only ------------------------------------------------------------
 */

int process_limits_set_rlimits(const struct process_limits_plan *plan, pid_t pid, struct error *err)
{
    for (size_t i = 0; i < plan->rlimit_count; i++) {
        const struct process_limit *row = &plan->rlimits[i];

        if (prlimit(pid, row->resource, &row->limit, NULL) == 0)
            continue;
        fail(err, errno, "set %s to %ju (hard %ju)", row->name, (uintmax_t)row->limit.rlim_cur,
             (uintmax_t)row->limit.rlim_max);
        if (err->code != EPERM)
            return -err->code;
        if (row->resource == RLIMIT_NOFILE)
            return hint(err, "above the hard limit of now this needs CAP_SYS_RESOURCE, and nothing "
                             "goes above fs.nr_open");
        return hint(err, "above the hard limit of now this needs CAP_SYS_RESOURCE");
    }
    return 0;
}

static int apply_oom_score(const struct process_limits_plan *plan, int proc_self, struct error *err)
{
    char score[16];
    int code;

    if (!plan->oom_score_adj.set)
        return 0;
    snprintf(score, sizeof score, "%d", (int)plan->oom_score_adj.value);
    code = write_pseudo_file(proc_self, "oom_score_adj", score);
    if (code == 0)
        return 0;
    fail(err, -code, "set oom_score_adj to %s", score);
    return code == -EACCES ? hint(err, "lowering it needs CAP_SYS_RESOURCE") : code;
}

static int apply_scheduler(const struct process_limits_plan *plan, struct error *err)
{
    if (!plan->has_scheduler || kernel_sched_setattr(0, &plan->scheduler, 0) == 0)
        return 0;
    fail(err, errno, "set the scheduler to policy %u, nice %d, priority %u", plan->scheduler.policy,
         plan->scheduler.nice, plan->scheduler.priority);
    if (err->code == EPERM)
        return hint(err, "this needs CAP_SYS_NICE; real-time policies also a share of "
                         "cpu.rt_runtime_us in cgroup v1, and SCHED_DEADLINE all the cpus");
    if (err->code == EBUSY)
        return hint(err, "the cpus have no bandwidth left for SCHED_DEADLINE");
    return -err->code;
}

static int apply_io_priority(const struct process_limits_plan *plan, struct error *err)
{
    if (!plan->has_io_priority || kernel_ioprio_set(IOPRIO_WHO_PROCESS, 0, plan->io_priority) == 0)
        return 0;
    fail(err, errno, "set the io priority to class %d, priority %d",
         plan->io_priority >> IOPRIO_CLASS_SHIFT, plan->io_priority & 7);
    return err->code == EPERM ? hint(err, "the real-time class needs CAP_SYS_ADMIN or CAP_SYS_NICE")
                              : -err->code;
}

static int apply_personality(const struct process_limits_plan *plan, struct error *err)
{
    if (!plan->has_personality || personality(plan->personality) >= 0)
        return 0;
    return fail(err, errno, "set the personality to %#lx", plan->personality);
}

static int apply_memory_policy(const struct process_limits_plan *plan, struct error *err)
{
    const unsigned long *nodes = plan->has_nodes ? plan->nodes : NULL;

    /* The kernel counts one more than it reads: set_mempolicy(2), "maxnode". */
    unsigned long bits = plan->has_nodes ? PROCESS_LIMITS_NODES + 1 : 0;

    if (!plan->has_memory_policy || kernel_set_mempolicy(plan->memory_policy, nodes, bits) == 0)
        return 0;
    fail(err, errno, "set the memory policy %#x", (unsigned)plan->memory_policy);
    if (err->code == ENOSYS)
        return hint(err, "this kernel is built without CONFIG_NUMA");
    if (err->code == EINVAL)
        return hint(err, "a node that is not there, or a mode or flag that this kernel lacks");
    return -err->code;
}

int process_limits_apply(const struct process_limits_plan *plan, int proc_self, struct error *err)
{
    if (apply_oom_score(plan, proc_self, err) < 0 || apply_scheduler(plan, err) < 0 ||
        apply_io_priority(plan, err) < 0 || apply_personality(plan, err) < 0 ||
        apply_memory_policy(plan, err) < 0)
        return -err->code;
    return 0;
}

/* --- cpu affinity -------------------------------------------------------------------------------
 */

static int plan_affinity(struct cpu_affinity *ret, const char *list, const char *member,
                         struct error *err)
{
    struct cpu_affinity affinity = {0};

    if (list != NULL && list[0] != '\0') {
        affinity.set = true;
        if (parse_numbers(affinity.cpus, PROCESS_LIMITS_CPUS, list, err) < 0)
            return within(err, "process.execCPUAffinity.%s", member);
    }
    *ret = affinity;
    return 0;
}

int process_limits_affinity_from_spec(struct cpu_affinity *ret_initial,
                                      struct cpu_affinity *ret_final,
                                      const struct spec_exec_cpu_affinity *affinity,
                                      struct error *err)
{
    struct cpu_affinity initial = {0};
    struct cpu_affinity final = {0};

    if (affinity != NULL && (plan_affinity(&initial, affinity->initial, "initial", err) < 0 ||
                             plan_affinity(&final, affinity->final, "final", err) < 0))
        return -err->code;
    *ret_initial = initial;
    *ret_final = final;
    return 0;
}

int process_limits_apply_affinity(const struct cpu_affinity *affinity, struct error *err)
{
    if (!affinity->set ||
        sched_setaffinity(0, sizeof affinity->cpus, (const cpu_set_t *)affinity->cpus) == 0)
        return 0;
    fail(err, errno, "set the cpu affinity of process.execCPUAffinity");
    return err->code == EINVAL ? hint(err, "none of these cpus is there for us to use")
                               : -err->code;
}

/* The kernel takes those that are there and ours of whatever it is given. */
int process_limits_free_cpus(struct error *err)
{
    unsigned long all[NUMBER_SET_WORDS(PROCESS_LIMITS_CPUS)];

    memset(all, 0xff, sizeof all);
    return sched_setaffinity(0, sizeof all, (const cpu_set_t *)all) < 0
               ? fail(err, errno, "let go of the inherited cpu affinity")
               : 0;
}
