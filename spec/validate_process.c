/* config.md, "Process": the rules that a table row cannot tell. */

#include <inttypes.h>
#include <string.h>

#include "base/own.h"
#include "base/text.h"
#include "spec/place.h"
#include "spec/validate.h"

/* The most CPUs that Linux can be built for, less one. */
enum { MOST_CPU = 8191 };

/* "cwd ... This value MUST be an absolute path." */
static int check_cwd(const struct spec_process *process, struct error *err)
{
    if (validate_absolute(process->cwd, err) < 0)
        return in_member(err, "cwd");
    return 0;
}

/* "At least one entry is REQUIRED": asked for only when the member is there, as it may come later,
 * by the command line.  "" is a program like any other that does not exist, and engines know the
 * words for that: it is looked for. */
static int check_args(const struct spec_process *process, struct error *err)
{
    if (process->args.items == NULL || process->args.count > 0)
        return 0;
    wrong(err, "is empty: there is no program to run");
    return in_member(err, "args");
}

/* "with the same semantics as IEEE Std 1003.1-2008's environ": name=value.  What is not would reach
 * the program as it is, and runc refuses it too. */
static int check_env(const struct spec_process *process, struct error *err)
{
    char quoted[1040];

    for (size_t i = 0; i < process->env.count; i++) {
        const char *entry = process->env.items[i];

        if (entry[0] != '=' && strchr(entry, '=') != NULL)
            continue;
        wrong(err, "\"%s\" is not NAME=VALUE", quotable(quoted, entry));
        in_item(err, i);
        return in_member(err, "env");
    }
    return 0;
}

static int check_rlimit(const struct spec_process *process, size_t index, struct error *err)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    const struct spec_rlimit *limit = &process->rlimits.items[index];
    const char *name = limit->type + strlen("RLIMIT_");
    char quoted[1040];

    quotable(quoted, limit->type);
    if (!starts_with(limit->type, "RLIMIT_") || *name == '\0' ||
        name[strspn(name, letters)] != '\0') {
        wrong(err, "\"%s\" is not the name of a limit (such as RLIMIT_NOFILE)", quoted);
        return in_member(err, "type");
    }
    for (size_t i = 0; i < index; i++) {
        if (strcmp(process->rlimits.items[i].type, limit->type) != 0)
            continue;
        wrong(err, "\"%s\" is given twice, first in rlimits[%zu]", quoted, i);
        return in_member(err, "type");
    }
    if (limit->soft > limit->hard) {
        wrong(err, "%" PRIu64 " is above the hard limit %" PRIu64, limit->soft, limit->hard);
        return in_member(err, "soft");
    }
    return 0;
}

/* "If rlimits contains duplicated entries with same type, the runtime MUST generate an error." */
static int check_rlimits(const struct spec_process *process, struct error *err)
{
    for (size_t i = 0; i < process->rlimits.count; i++) {
        if (check_rlimit(process, i, err) < 0) {
            in_item(err, i);
            return in_member(err, "rlimits");
        }
    }
    return 0;
}

/* sched(7): static priorities are 1 to 99 for the real-time policies, and 0 for the others. */
static int check_scheduler_priority(const struct spec_scheduler *scheduler, struct error *err)
{
    bool realtime = scheduler->policy == SPEC_SCHED_FIFO || scheduler->policy == SPEC_SCHED_RR;
    int64_t least = realtime ? 1 : 0;
    int64_t most = realtime ? 99 : 0;
    int64_t priority = scheduler->priority.value;

    if (priority >= least && priority <= most)
        return 0;
    wrong(err, "%" PRId64 " is out of range for %s (%" PRId64 " to %" PRId64 ")", priority,
          names_of_value(&spec_scheduler_policy_names, scheduler->policy), least, most);
    return in_member(err, "priority");
}

/* sched(7): SCHED_DEADLINE wants runtime <= deadline <= period. */
static int check_scheduler_deadline(const struct spec_scheduler *scheduler, struct error *err)
{
    uint64_t runtime = scheduler->runtime.value;
    uint64_t deadline = scheduler->deadline.value;
    uint64_t period = scheduler->period.value;

    if (scheduler->policy != SPEC_SCHED_DEADLINE) {
        if (runtime == 0 && deadline == 0 && period == 0)
            return 0;
        return wrong(err, "runtime, deadline and period are for SCHED_DEADLINE, not %s",
                     names_of_value(&spec_scheduler_policy_names, scheduler->policy));
    }
    if (runtime == 0 || runtime > deadline || (period != 0 && deadline > period))
        return wrong(err,
                     "runtime %" PRIu64 ", deadline %" PRIu64 ", period %" PRIu64
                     ": SCHED_DEADLINE needs 0 < runtime <= deadline <= period",
                     runtime, deadline, period);
    return 0;
}

static int check_scheduler(const struct spec_process *process, struct error *err)
{
    const struct spec_scheduler *scheduler = process->scheduler;

    if (scheduler == NULL)
        return 0;
    if (check_scheduler_priority(scheduler, err) < 0 ||
        check_scheduler_deadline(scheduler, err) < 0)
        return in_member(err, "scheduler");
    return 0;
}

static int check_exec_cpu_affinity(const struct spec_process *process, struct error *err)
{
    const struct spec_exec_cpu_affinity *affinity = process->exec_cpu_affinity;

    if (affinity == NULL)
        return 0;
    if (affinity->initial != NULL && validate_number_list(affinity->initial, MOST_CPU, err) < 0)
        in_member(err, "initial");
    else if (affinity->final != NULL && validate_number_list(affinity->final, MOST_CPU, err) < 0)
        in_member(err, "final");
    else
        return 0;
    return in_member(err, "execCPUAffinity");
}

static int (*const rules[])(const struct spec_process *, struct error *) = {
    check_cwd, check_args, check_env, check_rlimits, check_scheduler, check_exec_cpu_affinity,
};

int validate_process(const struct spec_process *process, struct error *err)
{
    for (size_t i = 0; i < count_of(rules); i++) {
        if (rules[i](process, err) < 0)
            return -err->code;
    }
    return 0;
}
