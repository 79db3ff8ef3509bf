#include "runtime/credentials.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/kernel.h"
#include "base/own.h"
#include "base/text.h"

enum { DEFAULT_UMASK = 0022 };

/* (uid_t)-1 means "leave it" to setresuid(2), so no user can have it. */
static const uint64_t highest_id = UINT32_MAX - 1;

static uint64_t bit(unsigned capability)
{
    return UINT64_C(1) << capability;
}

/* --- names --------------------------------------------------------------------------------------
 */

/* libcap reads lower case and bare numbers too; the specification does not. */
static bool looks_like_a_name(const char *name)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";

    return *name >= 'A' && *name <= 'Z' && name[strspn(name, letters)] == '\0';
}

/* libcap knows names without their CAP_ as well; the specification does not. */
static bool find_by_name(const char *name, cap_value_t *ret)
{
    return starts_with(name, "CAP_") && cap_from_name(name, ret) == 0;
}

/* Add the capability of that name to *set.  One that nobody knows is warned about and left out
 * (config.md, "capabilities"); what cannot be a name of any kernel is a mistake.  `place` goes in
 * front of the warning. */
static int add_by_name(uint64_t *set, const char *place, const char *name, unsigned last,
                       const struct log *log, struct error *err)
{
    char quoted[1040];
    cap_value_t value;

    quotable(quoted, name);
    if (!looks_like_a_name(name))
        return refuse(err, EINVAL, "unknown capability \"%s\"", quoted);
    if (!find_by_name(name, &value))
        log_ignored(log, LOG_LEVEL_WARNING, "%scapability %s is unknown, ignored", place, quoted);
    else if ((unsigned)value > last)
        log_ignored(log, LOG_LEVEL_WARNING, "%scapability %s is not known to this kernel, ignored",
                    place, quoted);
    else
        *set |= bit((unsigned)value);
    return 0;
}

static unsigned last_capability(void)
{
    return (unsigned)cap_max_bits() - 1;
}

int credentials_known_capabilities(struct string_list *ret, struct arena *arena, struct error *err)
{
    unsigned last = last_capability();
    const char **items = arena_zero(arena, last + 2, sizeof *items);

    if (items == NULL)
        return no_memory(err);
    for (unsigned i = 0; i <= last; i++) {
        char *name = cap_to_name((cap_value_t)i);
        char *copy = name != NULL ? arena_string(arena, name) : NULL;

        cap_free(name);
        if (copy == NULL)
            return no_memory(err);
        for (char *at = copy; *at != '\0'; at++)
            *at = *at >= 'a' && *at <= 'z' ? (char)(*at - 'a' + 'A') : *at;
        items[i] = copy;
    }
    *ret = (struct string_list){items, last + 1};
    return 0;
}

/* --- the plan -----------------------------------------------------------------------------------
 */

/* Take from *set what is not in `allowed`, with one warning for all of them. */
static void limit_set(uint64_t *set, uint64_t allowed, const char *which, const char *reason,
                      const struct log *log)
{
    char names[1024] = "";
    struct text text = TEXT_IN(names);

    for (unsigned i = 0; i < 64; i++) {
        if (!(*set & ~allowed & bit(i)))
            continue;

        char *name = cap_to_name((cap_value_t)i);

        text_print(&text, "%s%s", text.used > 0 ? ", " : "", name != NULL ? name : "?");
        cap_free(name);
    }
    if (text.used > 0)
        log_ignored(log, LOG_LEVEL_WARNING, "process.capabilities.%s: %s cannot be granted: %s",
                    which, names, reason);
    *set &= allowed;
}

/* capset(2) and PR_CAP_AMBIENT_RAISE refuse anything else. */
static void limit_to_kernel_rules(struct credentials_plan *plan, const struct log *log)
{
    limit_set(&plan->effective, plan->permitted, "effective", "not permitted", log);
    limit_set(&plan->inheritable, plan->bounding, "inheritable", "not in the bounding set", log);
    limit_set(&plan->ambient, plan->permitted, "ambient", "not permitted", log);
    limit_set(&plan->ambient, plan->inheritable, "ambient", "not inheritable", log);
}

static int read_set(uint64_t *ret, const char *which, const struct string_list *names,
                    unsigned last, const struct log *log, struct error *err)
{
    for (size_t i = 0; i < names->count; i++) {
        char place[64];

        snprintf(place, sizeof place, "process.capabilities.%s[%zu]: ", which, i);
        if (add_by_name(ret, place, names->items[i], last, log, err) < 0)
            return within(err, "process.capabilities.%s[%zu]", which, i);
    }
    return 0;
}

static int plan_capabilities(struct credentials_plan *plan, const struct spec_capabilities *spec,
                             const struct log *log, struct error *err)
{
    unsigned last = plan->last_capability;

    if (read_set(&plan->bounding, "bounding", &spec->bounding, last, log, err) < 0 ||
        read_set(&plan->effective, "effective", &spec->effective, last, log, err) < 0 ||
        read_set(&plan->permitted, "permitted", &spec->permitted, last, log, err) < 0 ||
        read_set(&plan->inheritable, "inheritable", &spec->inheritable, last, log, err) < 0 ||
        read_set(&plan->ambient, "ambient", &spec->ambient, last, log, err) < 0)
        return -err->code;
    limit_to_kernel_rules(plan, log);
    return 0;
}

static int check_id(uint64_t id, const char *place, struct error *err)
{
    if (id > highest_id)
        return refuse(err, EINVAL, "%s: %" PRIu64 " is out of range (0 to %" PRIu64 ")", place, id,
                      highest_id);
    return 0;
}

static int plan_user(struct credentials_plan *plan, const struct spec_user *user,
                     struct arena *arena, struct error *err)
{
    gid_t *groups = arena_zero(arena, user->additional_gids.count, sizeof *groups);

    if (groups == NULL)
        return no_memory(err);
    if (check_id(user->uid, "process.user.uid", err) < 0 ||
        check_id(user->gid, "process.user.gid", err) < 0)
        return -err->code;
    for (size_t i = 0; i < user->additional_gids.count; i++) {
        groups[i] = user->additional_gids.items[i];
        if (groups[i] > highest_id)
            return refuse(err, EINVAL,
                          "process.user.additionalGids[%zu]: %u is out of range (0 to %" PRIu64 ")",
                          i, groups[i], highest_id);
    }
    if (user->additional_gids.count > NGROUPS_MAX)
        return refuse(err, EINVAL,
                      "process.user.additionalGids: %zu groups, and the kernel takes %d",
                      user->additional_gids.count, NGROUPS_MAX);
    if (user->umask.set && user->umask.value > 0777)
        return refuse(err, EINVAL, "process.user.umask: %" PRIu64 " is out of range (0 to 511)",
                      user->umask.value);
    plan->uid = user->uid;
    plan->gid = user->gid;
    plan->groups = groups;
    plan->group_count = user->additional_gids.count;
    plan->set_groups = true;
    plan->umask = user->umask.set ? (mode_t)user->umask.value : DEFAULT_UMASK;
    return 0;
}

int credentials_plan_from_spec(struct credentials_plan *ret, const struct spec_process *process,
                               struct arena *arena, const struct log *log, struct error *err)
{
    struct credentials_plan plan = {
        .last_capability = last_capability(),
        .no_new_privileges = process->no_new_privileges,
    };

    if (plan_user(&plan, &process->user, arena, err) < 0)
        return -err->code;
    if (process->capabilities != NULL &&
        plan_capabilities(&plan, process->capabilities, log, err) < 0)
        return -err->code;
    *ret = plan;
    return 0;
}

/* --- the plan, changed by what the caller knows -------------------------------------------------
 */

struct capability_sets {
    uint64_t effective;
    uint64_t permitted;
    uint64_t inheritable;
};

/* What the calling thread has now. */
static int read_own_sets(struct capability_sets *ret, struct error *err)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {0};

    if (capget(&header, data) < 0)
        return fail(err, errno, "read our own capabilities");
    *ret = (struct capability_sets){
        .effective = data[0].effective | (uint64_t)data[1].effective << 32,
        .permitted = data[0].permitted | (uint64_t)data[1].permitted << 32,
        .inheritable = data[0].inheritable | (uint64_t)data[1].inheritable << 32,
    };
    return 0;
}

int credentials_plan_limit_to_own(struct credentials_plan *plan, const struct log *log,
                                  struct error *err)
{
    static const char reason[] = "the runtime does not have it";
    struct capability_sets own;

    if (read_own_sets(&own, err) < 0)
        return -err->code;
    limit_set(&plan->permitted, own.permitted, "permitted", reason, log);
    limit_set(&plan->effective, plan->permitted, "effective", reason, log);
    limit_set(&plan->inheritable, own.permitted | own.inheritable, "inheritable", reason, log);
    limit_set(&plan->ambient, plan->permitted & plan->inheritable, "ambient", reason, log);
    return 0;
}

int credentials_plan_deny_groups(struct credentials_plan *plan, struct error *err)
{
    if (plan->group_count > 0)
        return refuse(err, EPERM,
                      "process.user.additionalGids: the user namespace denies setgroups (without "
                      "newgidmap, an ordinary user may map one group only by denying it)");
    plan->set_groups = false;
    return 0;
}

int credentials_plan_add_capability(struct credentials_plan *plan, const char *name,
                                    const struct log *log, struct error *err)
{
    uint64_t added = 0;

    if (add_by_name(&added, "", name, plan->last_capability, log, err) < 0)
        return -err->code;
    plan->bounding |= added;
    plan->effective |= added;
    plan->permitted |= added;
    plan->ambient |= added & plan->inheritable;
    return 0;
}

/* The id that is the first `length` bytes of `text`. */
static int parse_id(const char *text, size_t length, uint32_t *ret, struct error *err)
{
    char digits[32];
    uint64_t id;

    if (length >= sizeof digits)
        return refuse(err, EINVAL, "the id is out of range (0 to %" PRIu64 ")", highest_id);
    memcpy(digits, text, length);
    digits[length] = '\0';
    if (parse_uint64(digits, highest_id, &id, err) < 0)
        return -err->code;
    *ret = (uint32_t)id;
    return 0;
}

int credentials_plan_set_user(struct credentials_plan *plan, const char *text, struct error *err)
{
    size_t length = strcspn(text, ":");
    const char *group = text[length] == ':' ? text + length + 1 : NULL;
    uint32_t uid;
    uint32_t gid = plan->gid;
    char quoted[1040];

    quotable(quoted, text);
    if (parse_id(text, length, &uid, err) < 0)
        return within(err, "user \"%s\": UID", quoted);
    if (group != NULL && parse_id(group, strlen(group), &gid, err) < 0)
        return within(err, "user \"%s\": GID", quoted);
    plan->uid = uid;
    plan->gid = gid;
    return 0;
}

/* --- in the child: system calls only ------------------------------------------------------------
 */

int credentials_drop_bounding(const struct credentials_plan *plan, struct error *err)
{
    for (unsigned i = 0; i <= plan->last_capability; i++) {
        if (plan->bounding & bit(i) || prctl(PR_CAPBSET_DROP, i, 0, 0, 0) == 0)
            continue;
        fail(err, errno, "drop capability %u from the bounding set", i);
        /* Without the right to drop there may be nothing to drop. */
        if (err->code == EPERM && prctl(PR_CAPBSET_READ, i, 0, 0, 0) == 0)
            continue;
        return err->code == EPERM ? hint(err, "this needs CAP_SETPCAP") : -err->code;
    }
    return 0;
}

int credentials_keep_capabilities(struct error *err)
{
    if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
        return fail(err, errno, "prctl PR_SET_KEEPCAPS");
    return 0;
}

/* Of the caller's groups the process would keep none but its own. */
static bool has_no_other_groups(gid_t gid)
{
    gid_t held[16];
    int count = getgroups((int)count_of(held), held);

    for (int i = 0; i < count; i++) {
        if (held[i] != gid)
            return false;
    }
    return count >= 0;
}

/* A user namespace that is joined may deny setgroups(2), which only a process inside can see: EPERM
 * in spite of the right to. */
static int set_groups(const struct credentials_plan *plan, struct error *err)
{
    struct capability_sets own;
    struct error ignored;

    if (!plan->set_groups || kernel_setgroups(plan->group_count, plan->groups) == 0)
        return 0;

    int code = errno;

    if (code == EPERM && plan->group_count == 0 && has_no_other_groups(plan->gid))
        return 0;
    fail(err, code, "process.user.additionalGids: set %zu groups", plan->group_count);
    if (code == EPERM && read_own_sets(&own, &ignored) == 0 && own.effective & bit(CAP_SETGID))
        return hint(err, "the user namespace denies setgroups: see /proc/PID/setgroups");
    return -code;
}

static int become_user(const struct credentials_plan *plan, struct error *err)
{
    if (set_groups(plan, err) < 0)
        return -err->code;
    if (kernel_setresgid(plan->gid) < 0) {
        fail(err, errno, "become group %u", plan->gid);
        return err->code == EINVAL ? hint(err, "no such gid in the user namespace's gidMappings")
                                   : -err->code;
    }
    if (kernel_setresuid(plan->uid) < 0) {
        fail(err, errno, "become user %u", plan->uid);
        return err->code == EINVAL ? hint(err, "no such uid in the user namespace's uidMappings")
                                   : -err->code;
    }
    return 0;
}

/* What the plan asks for and we can give: a runtime with fewer capabilities than the configuration
 * lists must not fail. */
static int set_capabilities(const struct credentials_plan *plan, uint64_t *ret_ambient,
                            struct error *err)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
    struct capability_sets own;
    uint64_t permitted;
    uint64_t inheritable;

    if (read_own_sets(&own, err) < 0)
        return -err->code;
    permitted = plan->permitted & own.permitted;
    inheritable = plan->inheritable & plan->bounding & (own.permitted | own.inheritable);
    for (unsigned i = 0; i < _LINUX_CAPABILITY_U32S_3; i++)
        data[i] = (struct __user_cap_data_struct){
            .effective = (uint32_t)((plan->effective & permitted) >> 32 * i),
            .permitted = (uint32_t)(permitted >> 32 * i),
            .inheritable = (uint32_t)(inheritable >> 32 * i),
        };
    if (kernel_capset(&header, data) < 0)
        return fail(err, errno, "set the capabilities");
    *ret_ambient = plan->ambient & permitted & inheritable;
    return 0;
}

static int set_ambient(uint64_t ambient, unsigned last, struct error *err)
{
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
        return fail(err, errno, "clear the ambient capabilities");
    for (unsigned i = 0; i <= last; i++) {
        if (ambient & bit(i) && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, i, 0, 0) < 0)
            return fail(err, errno, "raise the ambient capability %u", i);
    }
    return 0;
}

int credentials_apply(const struct credentials_plan *plan, struct error *err)
{
    uint64_t ambient = 0;

    /* The order is the kernel's: dropping from the bounding set and changing groups take the
     * privileges that the change of user would lose; ambient comes last, because a change of user
     * or of the other sets clears it. */
    if (credentials_drop_bounding(plan, err) < 0 || credentials_keep_capabilities(err) < 0 ||
        become_user(plan, err) < 0 || set_capabilities(plan, &ambient, err) < 0 ||
        set_ambient(ambient, plan->last_capability, err) < 0)
        return -err->code;
    if (prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) < 0)
        return fail(err, errno, "prctl PR_SET_KEEPCAPS");
    umask(plan->umask);
    if (plan->no_new_privileges && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return fail(err, errno, "prctl PR_SET_NO_NEW_PRIVS");
    return 0;
}
