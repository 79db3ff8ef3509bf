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

bool device_rule_covers(const struct device_rule *outer, const struct device_rule *inner)
{
    return (outer->type == 0 || outer->type == inner->type) &&
           (outer->major < 0 || outer->major == inner->major) &&
           (outer->minor < 0 || outer->minor == inner->minor);
}

bool device_rules_overlap(const struct device_rule *a, const struct device_rule *b)
{
    return (a->type == 0 || b->type == 0 || a->type == b->type) &&
           (a->major < 0 || b->major < 0 || a->major == b->major) &&
           (a->minor < 0 || b->minor < 0 || a->minor == b->minor);
}

/* --- rules of an update
 * -----------------------------------------------------------------------------------------------
 */

/* A rule and what it is in numbers. */
struct merged_rule {
    const struct spec_device_rule *rule;
    struct device_rule numbers;
    bool is_hidden; /* it decides nothing any more */
};

/* Is rule `index` hidden by a later one?  Whatever stands between them, of all that it matches it
 * is not the last. */
static bool is_hidden(const struct merged_rule *rules, size_t count, size_t index)
{
    const struct device_rule *rule = &rules[index].numbers;

    for (size_t i = index + 1; i < count; i++) {
        const struct device_rule *later = &rules[i].numbers;

        if (device_rule_covers(later, rule) && (rule->access & ~later->access) == 0)
            return true;
    }
    return false;
}

static void find_hidden(struct merged_rule *rules, size_t count)
{
    for (size_t i = 0; i < count; i++)
        rules[i].is_hidden = is_hidden(rules, count, i);
}

static int add_rules(struct merged_rule *rules, const struct spec_device_rule_list *list,
                     struct error *err)
{
    for (size_t i = 0; i < list->count; i++) {
        char field[64];
        int code;

        snprintf(field, sizeof field, "linux.resources.devices[%zu]", i);
        rules[i].rule = &list->items[i];
        code = device_rule_from_spec(&rules[i].numbers, rules[i].rule, field, err);
        if (code < 0)
            return code;
    }
    return 0;
}

static bool is_same_rule(const struct device_rule *a, const struct device_rule *b)
{
    return a->allow == b->allow && a->access == b->access && device_rule_covers(a, b) &&
           device_rule_covers(b, a);
}

/* Do both say the same, but for what is hidden? */
static bool are_same(const struct merged_rule *a, size_t a_count, const struct merged_rule *b,
                     size_t b_count)
{
    for (;; a++, b++, a_count--, b_count--) {
        for (; a_count > 0 && a->is_hidden; a++)
            a_count--;
        for (; b_count > 0 && b->is_hidden; b++)
            b_count--;
        if (a_count == 0 || b_count == 0)
            return a_count == b_count;
        if (!is_same_rule(&a->numbers, &b->numbers))
            return false;
    }
}

/* Does the list `some` say what `all` says, but for devices that `all` allows besides?  Wrappers of
 * runtimes (NVIDIA's and others) allow devices behind their engine's back, which then sends its own
 * list with every change of a limit: it would take them away without meaning to. */
static bool is_part(const struct merged_rule *some, size_t some_count,
                    const struct merged_rule *all, size_t all_count)
{
    size_t at = 0;

    for (size_t i = 0; i < all_count; i++) {
        if (all[i].is_hidden)
            continue;
        while (at < some_count && some[at].is_hidden)
            at++;
        if (at < some_count && is_same_rule(&some[at].numbers, &all[i].numbers))
            at++;
        else if (!all[i].numbers.allow)
            return false;
    }
    while (at < some_count && some[at].is_hidden)
        at++;
    return at == some_count;
}

int cgroup_device_rules_add(struct cgroup_device_rules *ret,
                            const struct spec_device_rule_list *before,
                            const struct spec_device_rule_list *added, struct arena *arena,
                            struct error *err)
{
    size_t count = before->count + added->count;
    struct merged_rule *known = arena_zero(arena, before->count, sizeof *known);
    struct merged_rule *all = arena_zero(arena, count, sizeof *all);
    struct spec_device_rule *after = arena_zero(arena, count, sizeof *after);
    struct cgroup_device_rules rules = {
        .before = *before, .after = {after, 0}
    };

    if (known == NULL || all == NULL || after == NULL)
        return no_memory(err);
    if (add_rules(known, before, err) < 0)
        return within(err, "what the container has");
    memcpy(all, known, before->count * sizeof *all);
    if (add_rules(all + before->count, added, err) < 0)
        return -err->code;
    find_hidden(known, before->count);
    find_hidden(all, count);
    rules.is_same = are_same(known, before->count, all, count) ||
                    is_part(all + before->count, added->count, known, before->count);
    /* Those that are new have their places in messages. */
    for (size_t i = 0; i < count; i++) {
        if (i >= before->count || !all[i].is_hidden)
            after[rules.after.count++] = *all[i].rule;
        if (i + 1 == before->count)
            rules.kept = rules.after.count;
    }
    *ret = rules;
    return 0;
}

/* --- the plan
 * -----------------------------------------------------------------------------------------------
 */

/* The rules in effect: ours, the container's in order, ours. */
static int surround(const struct spec_device_rule_list *asked, struct arena *arena,
                    struct spec_device_rule_list *ret, struct error *err)
{
    size_t count = 1 + asked->count + count_of(defaults);
    struct spec_device_rule *rules = arena_zero(arena, count, sizeof *rules);

    if (rules == NULL)
        return no_memory(err);
    rules[0] = first;
    if (asked->count > 0)
        memcpy(rules + 1, asked->items, asked->count * sizeof *rules);
    memcpy(rules + 1 + asked->count, defaults, sizeof defaults);
    *ret = (struct spec_device_rule_list){rules, count};
    return 0;
}

/* Of the rules, which surround() has made, the first `kept` of the container are from before. */
static int to_numbers(const struct spec_device_rule_list *rules, size_t kept, struct arena *arena,
                      struct device_rule_list *ret, struct error *err)
{
    struct device_rule *numbers = arena_zero(arena, rules->count, sizeof *numbers);

    if (numbers == NULL)
        return no_memory(err);
    for (size_t i = 0; i < rules->count; i++) {
        char field[64];
        int code;

        /* Rule 0 is ours, so those that are new start behind it and the ones kept. */
        snprintf(field, sizeof field, "linux.resources.devices[%zu]", i - 1 - kept);
        code = device_rule_from_spec(&numbers[i], &rules->items[i], field, err);
        if (code < 0)
            return code;
    }
    *ret = (struct device_rule_list){
        .items = numbers,
        .count = rules->count,
        .kept = kept,
        .asked = rules->count - 1 - count_of(defaults) - kept,
    };
    return 0;
}

static int take_rules(struct cgroup_planner *planner, const struct spec_device_rule_list *asked,
                      size_t kept, struct device_rule_list *ret, struct error *err)
{
    struct cgroup_plan *plan = planner->plan;
    struct spec_device_rule_list rules;
    int code = surround(asked, planner->arena, &rules, err);

    if (code == 0)
        code = to_numbers(&rules, kept, planner->arena, ret, err);
    if (code < 0)
        return code;
    for (size_t i = 0; i < asked->count; i++)
        plan->device_rules_asked |= !asked->items[i].allow;
    plan->device_rules = rules;
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

/* Where v1's files for it are, if anywhere; false: this host has no filter at all. */
static bool find_filter(const struct cgroup_plan *plan, struct cgroup_place *ret)
{
    static const struct cgroup_controller legacy = {NULL, "devices", NULL, NULL};
    bool v2 = false;

    *ret = cgroup_place_of(plan->host, &legacy);
    for (size_t i = 0; i < plan->host->count; i++)
        v2 |= plan->host->hierarchies[i].is_v2;
    return plan->manager != CGROUP_MANAGER_DISABLED && (ret->found || v2);
}

static int plan_program(struct cgroup_planner *planner, const struct device_rule_list *rules,
                        struct error *err)
{
    struct cgroup_plan *plan = planner->plan;

    return device_program(rules->items, rules->count, planner->arena, &plan->device_program,
                          &plan->device_program_length, err);
}

int cgroup_plan_devices(struct cgroup_planner *planner, const struct spec_resources *resources,
                        struct error *err)
{
    static const struct spec_device_rule_list none = {NULL, 0};
    struct cgroup_place place;
    struct device_rule_list rules;
    int code = take_rules(planner, resources == NULL ? &none : &resources->devices, 0, &rules, err);

    if (code < 0)
        return code;
    if (!find_filter(planner->plan, &place))
        return without_filter(planner, err);
    planner->plan->has_devices = true;
    return place.found ? device_plan_legacy(planner, place, &rules, err)
                       : plan_program(planner, &rules, err);
}

int cgroup_plan_device_change(struct cgroup_planner *planner, const struct cgroup_request *request,
                              struct error *err)
{
    const struct cgroup_device_rules *change = request->device_rules;
    struct cgroup_device_change *ret = arena_zero(planner->arena, 1, sizeof *ret);
    struct cgroup_place place;
    struct device_rule_list before;
    struct device_rule_list after;
    int code;

    if (ret == NULL)
        return no_memory(err);
    if (change == NULL || change->is_same)
        return 0;
    code = surround(&change->before, planner->arena, &ret->before, err);
    if (code == 0)
        code = to_numbers(&ret->before, change->before.count, planner->arena, &before, err);
    if (code == 0)
        code = take_rules(planner, &change->after, change->kept, &after, err);
    if (code < 0)
        return code;
    if (!find_filter(planner->plan, &place))
        return without_filter(planner, err);
    planner->plan->has_devices = true;
    planner->plan->device_change = ret;
    ret->has_unit = request->has_unit;
    return place.found ? device_plan_legacy_change(planner, place, &before, &after, ret, err)
                       : plan_program(planner, &after, err);
}
