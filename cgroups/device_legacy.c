#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/own.h"
#include "cgroups/devices.h"

/*
 * The v1 controller knows one default and exceptions to it.  It takes an exception back only when
 * it is named exactly as it was given, and ignores anything else without a word.  So the rules are
 * settled here, and what is written is the default and the exceptions that remain.
 */
struct settled {
    bool default_allow;
    struct device_rule *exceptions; /* all of them with allow == !default_allow */
    size_t *origin;                 /* index of the rule each came from */
    size_t count;
    size_t asked; /* rules 1 to `asked` are the bundle's */
};

/* What a rule is called in messages: "devices[3]", or "devices" for one of ours. */
static const char *rule_name(char name[static 32], const struct settled *settled, size_t index)
{
    if (index == 0 || index > settled->asked)
        snprintf(name, 32, "devices");
    else
        snprintf(name, 32, "devices[%zu]", index - 1);
    return name;
}

static bool is_everything(const struct device_rule *rule)
{
    return rule->type == 0 && rule->major < 0 && rule->minor < 0 &&
           rule->access == DEVICE_ACCESS_ALL;
}

/* Does `outer` match every device that `inner` matches? */
static bool covers(const struct device_rule *outer, const struct device_rule *inner)
{
    return (outer->type == 0 || outer->type == inner->type) &&
           (outer->major < 0 || outer->major == inner->major) &&
           (outer->minor < 0 || outer->minor == inner->minor);
}

/* Is there a device that both match? */
static bool overlap(const struct device_rule *a, const struct device_rule *b)
{
    return (a->type == 0 || b->type == 0 || a->type == b->type) &&
           (a->major < 0 || b->major < 0 || a->major == b->major) &&
           (a->minor < 0 || b->minor < 0 || a->minor == b->minor);
}

static int inexpressible(const struct settled *settled, const struct device_rule *rule,
                         size_t index, size_t earlier, struct error *err)
{
    char name[32];
    char earlier_name[32];

    rule_name(name, settled, index);
    rule_name(earlier_name, settled, earlier);
    return refuse(err, EINVAL, "linux.resources.%s: cgroup v1 cannot %s a part of what %s %s%s",
                  name, rule->allow ? "allow" : "deny", earlier_name,
                  rule->allow ? "denies" : "allows",
                  index > settled->asked ? " (it holds default devices)" : "");
}

/* A rule that says what the default says: takes back exceptions. */
static int take_back(struct settled *settled, const struct device_rule *rule, size_t index,
                     struct error *err)
{
    for (size_t i = 0; i < settled->count; i++) {
        struct device_rule *exception = &settled->exceptions[i];

        if ((exception->access & rule->access) == 0 || !overlap(rule, exception))
            continue;
        if (!covers(rule, exception))
            return inexpressible(settled, rule, index, settled->origin[i], err);
        exception->access &= ~rule->access;
    }
    return 0;
}

/* Exceptions for the same devices are joined: the controller wants one that has all accesses. */
static void add_exception(struct settled *settled, const struct device_rule *rule, size_t index)
{
    for (size_t i = 0; i < settled->count; i++) {
        struct device_rule *exception = &settled->exceptions[i];

        if (covers(rule, exception) && covers(exception, rule)) {
            exception->access |= rule->access;
            return;
        }
    }
    settled->exceptions[settled->count] = *rule;
    settled->origin[settled->count++] = index;
}

static int settle(struct settled *settled, const struct device_rule *rules, size_t count,
                  struct error *err)
{
    for (size_t i = 0; i < count; i++) {
        int code = 0;

        if (is_everything(&rules[i])) {
            settled->default_allow = rules[i].allow;
            settled->count = 0;
        } else if (rules[i].allow == settled->default_allow) {
            code = take_back(settled, &rules[i], i, err);
        } else {
            add_exception(settled, &rules[i], i);
        }
        if (code < 0)
            return code;
    }
    return 0;
}

static int number_text(char text[static 24], int64_t number)
{
    return number < 0 ? snprintf(text, 24, "*") : snprintf(text, 24, "%" PRId64, number);
}

/* "c 1:3 rwm" */
static void rule_text(struct text *text, char type, const struct device_rule *rule)
{
    char major[24];
    char minor[24];

    number_text(major, rule->major);
    number_text(minor, rule->minor);
    text_print(text, "%c %s:%s %s%s%s", type, major, minor,
               rule->access & BPF_DEVCG_ACC_READ ? "r" : "",
               rule->access & BPF_DEVCG_ACC_WRITE ? "w" : "",
               rule->access & BPF_DEVCG_ACC_MKNOD ? "m" : "");
}

static int plan_exception(struct cgroup_planner *planner, const struct cgroup_place *place,
                          const struct device_rule *rule, const char *field, struct error *err)
{
    static const struct {
        int type;
        char letter;
    } types[] = {
        {BPF_DEVCG_DEV_CHAR,  'c'},
        {BPF_DEVCG_DEV_BLOCK, 'b'}
    };

    if (rule->access == 0)
        return 0;
    for (size_t i = 0; i < count_of(types); i++) {
        char value[48];
        struct text text = TEXT_IN(value);
        struct cgroup_write write = {
            .file = rule->allow ? "devices.allow" : "devices.deny",
            .value = value,
            .field = field,
        };
        int code;

        if (rule->type != 0 && rule->type != types[i].type)
            continue;
        rule_text(&text, types[i].letter, rule);
        code = cgroup_plan_write(planner, NULL, place, &write, err);
        if (code < 0)
            return code;
    }
    return 0;
}

static int plan_settled(struct cgroup_planner *planner, const struct cgroup_place *place,
                        const struct settled *settled, struct error *err)
{
    struct cgroup_write all = {
        .file = settled->default_allow ? "devices.allow" : "devices.deny",
        .value = "a",
        .field = "devices",
    };
    int code = cgroup_plan_write(planner, NULL, place, &all, err);

    for (size_t i = 0; code == 0 && i < settled->count; i++) {
        char field[32];

        rule_name(field, settled, settled->origin[i]);
        code = plan_exception(planner, place, &settled->exceptions[i], field, err);
    }
    return code;
}

int device_plan_legacy(struct cgroup_planner *planner, struct cgroup_place place,
                       const struct device_rule *rules, size_t count, size_t asked,
                       struct error *err)
{
    struct settled settled = {
        .exceptions = arena_zero(planner->arena, count, sizeof *rules),
        .origin = arena_zero(planner->arena, count, sizeof(size_t)),
        .asked = asked,
    };
    int code;

    if (settled.exceptions == NULL || settled.origin == NULL)
        return no_memory(err);
    code = settle(&settled, rules, count, err);
    if (code < 0)
        return code;
    return plan_settled(planner, &place, &settled, err);
}
