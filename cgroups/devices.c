#include "cgroups/devices.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/own.h"

#define NUMBER(number)                 \
    {                                  \
        .value = (number), .set = true \
    }
#define ANY          \
    {                \
        .set = false \
    }
#define CHARACTER NUMBER(SPEC_DEVICE_CHARACTER)
#define BLOCK     NUMBER(SPEC_DEVICE_BLOCK)

/* First of all: nothing.  config-linux.md, "Allowed Device list", leaves the start to us. */
static const struct spec_device_rule first = {.allow = false, .access = "rwm"};

/* Last of all, and not to be taken away: making nodes does no harm where opening them is refused,
 * and the devices that every container has ("Default Devices"). */
static const struct spec_device_rule defaults[] = {
    {true, CHARACTER, ANY,         ANY,         "m"  },
    {true, BLOCK,     ANY,         ANY,         "m"  },
    {true, CHARACTER, NUMBER(1),   NUMBER(3),   "rwm"}, /* null */
    {true, CHARACTER, NUMBER(1),   NUMBER(8),   "rwm"}, /* random */
    {true, CHARACTER, NUMBER(1),   NUMBER(7),   "rwm"}, /* full */
    {true, CHARACTER, NUMBER(5),   NUMBER(0),   "rwm"}, /* tty */
    {true, CHARACTER, NUMBER(1),   NUMBER(5),   "rwm"}, /* zero */
    {true, CHARACTER, NUMBER(1),   NUMBER(9),   "rwm"}, /* urandom */
    {true, CHARACTER, NUMBER(136), ANY,         "rwm"}, /* pts */
    {true, CHARACTER, NUMBER(5),   NUMBER(2),   "rwm"}, /* ptmx */
    {true, CHARACTER, NUMBER(10),  NUMBER(200), "rwm"}, /* net/tun */
};

static int access_bits(const char *access, const char *field, unsigned *ret, struct error *err)
{
    static const struct name letters[] = {
        {"r", BPF_DEVCG_ACC_READ },
        {"w", BPF_DEVCG_ACC_WRITE},
        {"m", BPF_DEVCG_ACC_MKNOD},
    };
    static const struct names names = NAMES_OF(letters);
    char quoted[1040];
    unsigned bits = 0;

    /* Absent is all.  Empty is not made of any letter, and refused as runc does. */
    if (access == NULL) {
        *ret = DEVICE_ACCESS_ALL;
        return 0;
    }
    if (*access == '\0')
        return refuse(err, EINVAL, "%s.access: \"\" is not made of r, w and m", field);
    for (const char *at = access; *at != '\0'; at++) {
        const struct name *letter = names_find(&names, (const char[]){*at, '\0'});

        if (letter == NULL)
            return refuse(err, EINVAL, "%s.access: \"%s\" is not made of r, w and m", field,
                          quotable(quoted, access));
        bits |= (unsigned)letter->value;
    }
    *ret = bits;
    return 0;
}

static int device_number(const struct optional_int64 *number, const char *field, const char *name,
                         int64_t *ret, struct error *err)
{
    *ret = !number->set || number->value < 0 ? -1 : number->value;
    if (*ret > INT32_MAX)
        return refuse(err, ERANGE, "%s.%s: %" PRId64 " is out of range (-1 to %d)", field, name,
                      *ret, INT32_MAX);
    return 0;
}

int device_rule_from_spec(struct device_rule *ret, const struct spec_device_rule *rule,
                          const char *field, struct error *err)
{
    struct device_rule made = {.allow = rule->allow};
    int code;

    if (rule->type.set && rule->type.value == SPEC_DEVICE_FIFO)
        return refuse(err, EINVAL, "%s.type: p is not c, b or a: no rules for named pipes", field);
    if (rule->type.set && rule->type.value == SPEC_DEVICE_CHARACTER)
        made.type = BPF_DEVCG_DEV_CHAR;
    if (rule->type.set && rule->type.value == SPEC_DEVICE_BLOCK)
        made.type = BPF_DEVCG_DEV_BLOCK;
    code = device_number(&rule->major, field, "major", &made.major, err);
    if (code == 0)
        code = device_number(&rule->minor, field, "minor", &made.minor, err);
    if (code == 0)
        code = access_bits(rule->access, field, &made.access, err);
    if (code == 0)
        *ret = made;
    return code;
}

/* Put the rules in effect into the plan: ours, the bundle's in order, ours. */
static int collect(struct cgroup_planner *planner, const struct spec_resources *resources,
                   struct error *err)
{
    struct cgroup_plan *plan = planner->plan;
    size_t asked = resources == NULL ? 0 : resources->devices.count;
    size_t count = 1 + asked + count_of(defaults);
    struct spec_device_rule *rules = arena_zero(planner->arena, count, sizeof *rules);

    if (rules == NULL)
        return no_memory(err);
    rules[0] = first;
    for (size_t i = 0; i < asked; i++) {
        rules[1 + i] = resources->devices.items[i];
        plan->device_rules_asked |= !rules[1 + i].allow;
    }
    memcpy(rules + 1 + asked, defaults, sizeof defaults);
    plan->device_rules = rules;
    plan->device_rule_count = count;
    return 0;
}

static int to_numbers(struct cgroup_planner *planner, struct device_rule **ret, struct error *err)
{
    const struct cgroup_plan *plan = planner->plan;
    struct device_rule *rules = arena_zero(planner->arena, plan->device_rule_count, sizeof *rules);

    if (rules == NULL)
        return no_memory(err);
    for (size_t i = 0; i < plan->device_rule_count; i++) {
        char field[64];
        int code;

        /* Rule 0 is ours, so those of the bundle start at 1. */
        snprintf(field, sizeof field, "linux.resources.devices[%zu]", i - 1);
        code = device_rule_from_spec(&rules[i], &plan->device_rules[i], field, err);
        if (code < 0)
            return code;
    }
    *ret = rules;
    return 0;
}

/* A host that cannot filter devices: an error only when the bundle denies something by itself. */
static int without_filter(struct cgroup_planner *planner, struct error *err)
{
    planner->plan->has_devices = false;
    if (planner->plan->device_rules_asked && planner->plan->manager != CGROUP_MANAGER_DISABLED) {
        refuse(err, EOPNOTSUPP,
               "linux.resources.devices: this host has neither cgroup v2 nor the v1 devices "
               "controller");
        return hint(err, "mount -t cgroup2 none /sys/fs/cgroup");
    }
    log_warning(planner->log, "no cgroup to filter devices: the container may use any device");
    return 0;
}

int cgroup_plan_devices(struct cgroup_planner *planner, const struct spec_resources *resources,
                        struct error *err)
{
    static const struct cgroup_controller legacy = {NULL, "devices", NULL, NULL};
    struct cgroup_plan *plan = planner->plan;
    struct cgroup_place place = cgroup_place_of(plan->host, &legacy);
    struct device_rule *rules = NULL;
    bool v2 = false;
    int code = collect(planner, resources, err);

    if (code == 0)
        code = to_numbers(planner, &rules, err);
    if (code < 0)
        return code;
    for (size_t i = 0; i < plan->host->count; i++)
        v2 |= plan->host->hierarchies[i].is_v2;
    if (plan->manager == CGROUP_MANAGER_DISABLED || (!place.found && !v2))
        return without_filter(planner, err);
    plan->has_devices = true;
    if (place.found)
        return device_plan_legacy(planner, place, rules, plan->device_rule_count,
                                  plan->device_rule_count - 1 - count_of(defaults), err);
    return device_program(rules, plan->device_rule_count, planner->arena, &plan->device_program,
                          &plan->device_program_length, err);
}
