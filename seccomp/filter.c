/* The plan: a profile to BPF. */

#include <errno.h>
#include <string.h>

#include "seccomp/compile.h"
#include "seccomp/flags.h"
#include "seccomp/library.h"
#include "seccomp/profile.h"
#include "seccomp/seccomp.h"

/* The agent has to answer, and gets the listener only once the filter is in force; runc tells of it
 * with write(2). */
static int check_notify(const struct spec_seccomp *profile, struct error *err)
{
    if (profile->default_action == SPEC_SECCOMP_NOTIFY)
        return refuse(err, EINVAL, ".defaultAction: SCMP_ACT_NOTIFY cannot be the default action");
    for (size_t i = 0; i < profile->syscalls.count; i++) {
        const struct spec_seccomp_syscall *syscall = &profile->syscalls.items[i];

        for (size_t j = 0; syscall->action == SPEC_SECCOMP_NOTIFY && j < syscall->names.count;
             j++) {
            if (strcmp(syscall->names.items[j], "write") == 0)
                return refuse(err, EINVAL,
                              ".syscalls[%zu].names[%zu]: SCMP_ACT_NOTIFY cannot be used for write",
                              i, j);
        }
    }
    return 0;
}

/* By our own hand, or by libseccomp's: doubts.c says which. */
static int compile(struct program *ret, const struct profile *profile, struct arena *arena,
                   const struct log *log, struct error *err)
{
    const char *doubt = NULL;
    int code = seccomp_compile(ret, &doubt, profile, arena, err);

    if (code <= 0)
        return code;
    log_debug(log, "linux.seccomp: libseccomp makes the filter: %s", doubt);
    return seccomp_compile_by_library(ret, profile, arena, err);
}

static int make_filter(struct seccomp_plan *plan, struct profile *profile,
                       const struct spec_seccomp *spec, struct arena *arena, const struct log *log,
                       struct error *err)
{
    struct program program;

    if (check_notify(spec, err) < 0 ||
        seccomp_profile_resolve(profile, spec, arena, log, err) < 0 ||
        compile(&program, profile, arena, log, err) < 0)
        return prefix(err, "linux.seccomp");
    plan->filter = program.instructions;
    plan->length = (unsigned short)program.count;
    return 0;
}

int seccomp_plan_from_spec(struct seccomp_plan *ret, const struct spec_seccomp *profile,
                           struct arena *arena, const struct log *log, struct error *err)
{
    struct seccomp_plan plan = {0};

    if (profile != NULL) {
        struct profile resolved;

        if (make_filter(&plan, &resolved, profile, arena, log, err) < 0)
            return -err->code;
        if (resolved.notifies && profile->listener_path == NULL)
            return refuse(err, EINVAL,
                          "linux.seccomp.listenerPath: missing, and SCMP_ACT_NOTIFY needs it");
        if (seccomp_flags_from_profile(&plan.flags, profile, resolved.notifies, log, err) < 0)
            return -err->code;
        plan.wanted = true;
        plan.has_listener = resolved.notifies;
        plan.sendmsg_waits = resolved.notifies_of_sendmsg;
        plan.listener_path = profile->listener_path;
        plan.listener_metadata = profile->listener_metadata;
    }
    *ret = plan;
    return 0;
}
