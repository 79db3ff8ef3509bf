#include "seccomp/profile.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <string.h>

#include "seccomp/names.h"
#include "seccomp/seccomp.h"

uint32_t seccomp_rule_action(const struct spec_seccomp_syscall *rule)
{
    return seccomp_action_value(rule->action, &rule->errno_ret);
}

bool seccomp_rule_is_default(const struct profile *profile, const struct spec_seccomp_syscall *rule)
{
    return seccomp_rule_action(rule) == profile->default_action;
}

bool seccomp_rule_is_alternatives(const struct spec_seccomp_syscall *rule)
{
    unsigned seen = 0;

    for_each_item (arg, &rule->args) {
        if (seen & 1u << arg->index)
            return true;
        seen |= 1u << arg->index;
    }
    return false;
}

/* --- architectures ---------------------------------------------------------------------------- */

static void put_in_force(struct profile *profile, uint32_t token)
{
    for (size_t i = 0; i < profile->token_count; i++) {
        if (profile->tokens[i] == token)
            return;
    }
    profile->tokens[profile->token_count++] = token;
}

static int resolve_architecture(struct profile *profile, size_t index, struct error *err)
{
    int architecture = profile->spec->architectures.items[index];
    const char *name = names_of_value(&spec_seccomp_architecture_names, architecture);
    uint32_t token = seccomp_architecture_token(architecture);

    if (token == 0) {
        char version[32];

        seccomp_library_version(version, sizeof version);
        return refuse(err, EINVAL, ".architectures[%zu]: libseccomp %s does not know %s", index,
                      version, name);
    }
    if ((token ^ profile->tokens[0]) & __AUDIT_ARCH_LE)
        return refuse(err, EINVAL,
                      ".architectures[%zu]: %s has another byte order than this machine", index,
                      name);
    put_in_force(profile, token);
    return 0;
}

static int resolve_architectures(struct profile *profile, struct error *err)
{
    put_in_force(profile, seccomp_own_architecture());
    for (size_t i = 0; i < profile->spec->architectures.count; i++) {
        if (resolve_architecture(profile, i, err) < 0)
            return -err->code;
    }
    return 0;
}

/* --- names ------------------------------------------------------------------------------------ */

/* seccomp(2): the kernel's order of actions, the lowest wins.  Signed: KILL_PROCESS is below 0. */
static bool is_stricter(uint32_t action, uint32_t than)
{
    return (int32_t)(action & SECCOMP_RET_ACTION_FULL) < (int32_t)(than & SECCOMP_RET_ACTION_FULL);
}

/* A name that libseccomp does not know is one of a newer kernel's, or of another machine's.  The
 * default action, or ENOSYS, is what it gets: only where the rule would have been stricter is the
 * filter weaker than asked.  Every engine's profile allows calls newer than some libseccomp. */
static void tell_unknown(const struct profile *profile, size_t rule, size_t index,
                         const struct log *log)
{
    static const char format[] =
        "linux.seccomp.syscalls[%zu].names[%zu]: no system call \"%s\" in libseccomp, skipped";
    const struct spec_seccomp_syscall *syscall = &profile->spec->syscalls.items[rule];
    char quoted[1040];

    quotable(quoted, syscall->names.items[index]);
    if (is_stricter(seccomp_rule_action(syscall), profile->default_action))
        log_ignored(log, LOG_LEVEL_DEBUG, format, rule, index, quoted);
    else
        log_debug(log, format, rule, index, quoted);
}

static int check_conditions(const struct spec_seccomp_syscall *rule, struct error *err)
{
    for (size_t i = 0; i < rule->args.count; i++) {
        if (rule->args.items[i].index >= SYSCALL_ARGUMENTS)
            return refuse(err, EINVAL, ".args[%zu].index: %u is out of range (0 to %d)", i,
                          rule->args.items[i].index, SYSCALL_ARGUMENTS - 1);
    }
    return 0;
}

static int resolve_rule(struct profile *profile, size_t index, int16_t *rows, const struct log *log,
                        struct error *err)
{
    const struct spec_seccomp_syscall *rule = &profile->spec->syscalls.items[index];
    bool in_force = !seccomp_rule_is_default(profile, rule);
    bool notifies = in_force && rule->action == SPEC_SECCOMP_NOTIFY;

    if (in_force && check_conditions(rule, err) < 0)
        return prefix(err, ".syscalls[%zu]", index);
    for (size_t i = 0; i < rule->names.count; i++) {
        struct call call = seccomp_call(rule->names.items[i]);

        rows[i] = (int16_t)call.row;
        if (call.row == CALL_UNKNOWN && in_force)
            tell_unknown(profile, index, i, log);
        if (call.row == CALL_UNKNOWN || !notifies)
            continue;
        profile->notifies = true;
        profile->notifies_of_sendmsg |= strcmp(call.name, "sendmsg") == 0;
    }
    return 0;
}

static int resolve_rules(struct profile *profile, struct arena *arena, const struct log *log,
                         struct error *err)
{
    size_t names = 0, at = 0;
    int16_t *rows;

    for_each_item (rule, &profile->spec->syscalls)
        names += rule->names.count;
    rows = arena_zero(arena, names, sizeof *rows);
    if (rows == NULL)
        return no_memory(err);
    profile->rows = rows;
    for (size_t i = 0; i < profile->spec->syscalls.count; i++) {
        if (resolve_rule(profile, i, rows + at, log, err) < 0)
            return -err->code;
        at += profile->spec->syscalls.items[i].names.count;
    }
    return 0;
}

int seccomp_profile_resolve(struct profile *ret, const struct spec_seccomp *spec,
                            struct arena *arena, const struct log *log, struct error *err)
{
    struct profile profile = {
        .spec = spec,
        .default_action = seccomp_action_value(spec->default_action, &spec->default_errno_ret)};

    if (resolve_architectures(&profile, err) < 0 || resolve_rules(&profile, arena, log, err) < 0)
        return -err->code;
    *ret = profile;
    return 0;
}
