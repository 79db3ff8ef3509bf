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
    struct device_rule *exceptions; /* of one type each, all with allow == !default_allow */
    size_t *origin;                 /* index of the rule each came from */
    size_t count;
    const struct device_rule_list *rules;
};

static int number_text(char text[static 24], int64_t number)
{
    return number < 0 ? snprintf(text, 24, "*") : snprintf(text, 24, "%" PRId64, number);
}

/* "c 1:3 rwm" */
static void rule_text(struct text *text, const struct device_rule *rule)
{
    char major[24];
    char minor[24];

    number_text(major, rule->major);
    number_text(minor, rule->minor);
    text_print(text, "%c %s:%s %s%s%s",
               rule->type == 0                     ? 'a'
               : rule->type == BPF_DEVCG_DEV_BLOCK ? 'b'
                                                   : 'c',
               major, minor, rule->access & BPF_DEVCG_ACC_READ ? "r" : "",
               rule->access & BPF_DEVCG_ACC_WRITE ? "w" : "",
               rule->access & BPF_DEVCG_ACC_MKNOD ? "m" : "");
}

/* What a rule is called in messages: "devices[3]", "devices" for one of ours, "the container's rule
 * c 1:3 rwm". */
static const char *rule_name(char name[static 96], const struct device_rule_list *rules,
                             size_t index)
{
    struct text text = {.bytes = name, .size = 96};

    if (index == 0 || index > rules->kept + rules->asked)
        text_print(&text, "devices");
    else if (index > rules->kept)
        text_print(&text, "devices[%zu]", index - 1 - rules->kept);
    else {
        text_print(&text, "the container's rule ");
        rule_text(&text, &rules->items[index]);
    }
    return name;
}

static bool is_everything(const struct device_rule *rule)
{
    return rule->type == 0 && rule->major < 0 && rule->minor < 0 &&
           rule->access == DEVICE_ACCESS_ALL;
}

static int inexpressible(const struct settled *settled, const struct device_rule *rule,
                         size_t index, size_t earlier, struct error *err)
{
    const struct device_rule_list *rules = settled->rules;
    char name[96];
    char earlier_name[96];

    rule_name(name, rules, index);
    rule_name(earlier_name, rules, earlier);
    return refuse(err, EINVAL, "linux.resources.%s: cgroup v1 cannot %s a part of what %s %s%s",
                  name, rule->allow ? "allow" : "deny", earlier_name,
                  rule->allow ? "denies" : "allows",
                  index > rules->kept + rules->asked ? " (it holds default devices)" : "");
}

/* A rule that says what the default says: takes back exceptions. */
static int take_back(struct settled *settled, const struct device_rule *rule, size_t index,
                     struct error *err)
{
    for (size_t i = 0; i < settled->count; i++) {
        struct device_rule *exception = &settled->exceptions[i];

        if ((exception->access & rule->access) == 0 || !device_rules_overlap(rule, exception))
            continue;
        if (!device_rule_covers(rule, exception))
            return inexpressible(settled, rule, index, settled->origin[i], err);
        exception->access &= ~rule->access;
    }
    return 0;
}

static bool is_same_device(const struct device_rule *a, const struct device_rule *b)
{
    return device_rule_covers(a, b) && device_rule_covers(b, a);
}

/* Exceptions for the same devices are joined: the controller wants one that has all accesses. */
static void add_exception(struct settled *settled, const struct device_rule *rule, size_t index)
{
    for (size_t i = 0; i < settled->count; i++) {
        struct device_rule *exception = &settled->exceptions[i];

        if (is_same_device(rule, exception)) {
            exception->access |= rule->access;
            return;
        }
    }
    settled->exceptions[settled->count] = *rule;
    settled->origin[settled->count++] = index;
}

/* For both types are two. */
static void add_exceptions(struct settled *settled, const struct device_rule *rule, size_t index)
{
    static const int types[] = {BPF_DEVCG_DEV_CHAR, BPF_DEVCG_DEV_BLOCK};

    for (size_t i = 0; i < count_of(types); i++) {
        struct device_rule exception = *rule;

        exception.type = types[i];
        if (device_rules_overlap(rule, &exception))
            add_exception(settled, &exception, index);
    }
}

static int settle(struct settled *ret, const struct device_rule_list *rules, struct arena *arena,
                  struct error *err)
{
    struct settled settled = {
        .exceptions = arena_zero(arena, 2 * rules->count, sizeof *settled.exceptions),
        .origin = arena_zero(arena, 2 * rules->count, sizeof *settled.origin),
        .rules = rules,
    };

    if (settled.exceptions == NULL || settled.origin == NULL)
        return no_memory(err);
    for (size_t i = 0; i < rules->count; i++) {
        const struct device_rule *rule = &rules->items[i];
        int code = 0;

        if (is_everything(rule)) {
            settled.default_allow = rule->allow;
            settled.count = 0;
        } else if (rule->allow == settled.default_allow) {
            code = take_back(&settled, rule, i, err);
        } else {
            add_exceptions(&settled, rule, i);
        }
        if (code < 0)
            return code;
    }
    *ret = settled;
    return 0;
}

/* `allow` is the file's, and need not be the rule's. */
static int plan_line(struct cgroup_planner *planner, const struct cgroup_place *place, bool allow,
                     const struct device_rule *rule, const char *field, struct error *err)
{
    char value[64];
    struct text text = TEXT_IN(value);
    struct cgroup_write write = {
        .file = allow ? "devices.allow" : "devices.deny",
        .value = value,
        .field = field,
    };

    if (rule->access == 0)
        return 0;
    rule_text(&text, rule);
    return cgroup_plan_write(planner, NULL, place, &write, err);
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
        char field[96];

        rule_name(field, settled->rules, settled->origin[i]);
        code = plan_line(planner, place, !settled->default_allow, &settled->exceptions[i], field,
                         err);
    }
    return code;
}

int device_plan_legacy(struct cgroup_planner *planner, struct cgroup_place place,
                       const struct device_rule_list *rules, struct error *err)
{
    struct settled settled;
    int code = settle(&settled, rules, planner->arena, err);

    return code < 0 ? code : plan_settled(planner, &place, &settled, err);
}

/* --- from some rules to others
 * -----------------------------------------------------------------------------------------------
 */

/* A line for each exception of `has` with what `lacks` has not of it. */
static int plan_beyond(struct cgroup_planner *planner, const struct cgroup_place *place, bool allow,
                       const struct settled *has, const struct settled *lacks, struct error *err)
{
    int code = 0;

    for (size_t i = 0; code == 0 && i < has->count; i++) {
        struct device_rule rule = has->exceptions[i];

        for (size_t j = 0; j < lacks->count; j++) {
            if (is_same_device(&rule, &lacks->exceptions[j]))
                rule.access &= ~lacks->exceptions[j].access;
        }
        code = plan_line(planner, place, allow, &rule, "devices", err);
    }
    return code;
}

/* New exceptions come first, then the old ones are taken back: meanwhile what both lists allow
 * stays allowed, and what both deny, if by different exceptions, stays denied.  A line that takes
 * an exception back names the same devices as the one that gave it, for both lists are settled in
 * the same way. */
static int plan_difference(struct cgroup_planner *planner, const struct cgroup_place *place,
                           const struct settled *from, const struct settled *to, struct error *err)
{
    int code = plan_beyond(planner, place, !to->default_allow, to, from, err);

    return code < 0 ? code : plan_beyond(planner, place, to->default_allow, from, to, err);
}

static int plan_step(struct cgroup_planner *planner, const struct cgroup_place *place,
                     const struct settled *from, const struct settled *to, bool starts_anew,
                     struct cgroup_write **ret, size_t *ret_count, struct error *err)
{
    /* A list of their own: they are not written like those of limits. */
    struct cgroup_plan plan = {.host = planner->plan->host};
    struct cgroup_planner own = {.plan = &plan, .arena = planner->arena, .log = planner->log};
    int code = starts_anew ? plan_settled(&own, place, to, err)
                           : plan_difference(&own, place, from, to, err);

    *ret = plan.writes;
    *ret_count = plan.write_count;
    return code;
}

int device_plan_legacy_change(struct cgroup_planner *planner, struct cgroup_place place,
                              const struct device_rule_list *before,
                              const struct device_rule_list *after,
                              struct cgroup_device_change *ret, struct error *err)
{
    struct settled from, to;

    if (settle(&from, before, planner->arena, err) < 0 ||
        settle(&to, after, planner->arena, err) < 0)
        return -err->code;
    ret->starts_anew = ret->has_unit || from.default_allow != to.default_allow;
    if (plan_step(planner, &place, &from, &to, ret->starts_anew, &ret->writes, &ret->write_count,
                  err) < 0)
        return -err->code;
    return plan_step(planner, &place, &to, &from, ret->starts_anew, &ret->undo, &ret->undo_count,
                     err);
}
