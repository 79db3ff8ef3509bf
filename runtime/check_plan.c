/* check: what the modules' own plans refuse, each on its own, so that one does not hide another. */

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/own.h"
#include "runtime/check.h"

/* Failures of several parts, kept until they can be told. */
struct failures {
    struct check *check;
    struct error *err;
    int code;
};

static void take_failure(void *context, const struct error *failure)
{
    struct failures *failures = context;

    if (failures->code == 0)
        failures->code = check_failed(failures->check, failure, failures->err);
}

int check_plan(struct check *check, struct error *err)
{
    struct failures failures = {check, err, 0};

    container_plan_try(&check->plan, check->spec, check->plan.bundle, check->runtime,
                       check->request, check->arena, take_failure, &failures);
    return failures.code;
}

int check_labels(struct check *check, struct error *err)
{
    struct security_labels_plan plan;
    struct error failure;

    if (security_labels_plan_from_spec(&plan, check->spec->process, check->spec->linux_,
                                       check->arena, &failure) < 0)
        return check_failed(check, &failure, err);
    if (plan.apparmor_profile == NULL || security_labels_apparmor_is_loaded(&plan))
        return 0;
    return check_missing(check, err, "process.apparmorProfile", "%s is not loaded",
                         plan.apparmor_profile);
}

static int check_action(struct check *check, int action, const char *place, struct error *err)
{
    if (action == SPEC_SECCOMP_ACTION_ABSENT || seccomp_action_supported(action))
        return 0;
    return check_missing(check, err, place, "this kernel does not know %s",
                         names_of_value(&spec_seccomp_action_names, action));
}

static int check_actions(struct check *check, const struct spec_seccomp *profile, struct error *err)
{
    if (check_action(check, profile->default_action, "linux.seccomp.defaultAction", err) < 0)
        return -err->code;
    for (size_t i = 0; i < profile->syscalls.count; i++) {
        const char *place = arena_print(check->arena, "linux.seccomp.syscalls[%zu].action", i);

        if (place == NULL)
            return no_memory(err);
        if (check_action(check, profile->syscalls.items[i].action, place, err) < 0)
            return -err->code;
    }
    return 0;
}

/* The agent has to be there when the filter is. */
static int check_agent(struct check *check, const struct seccomp_plan *plan, struct error *err)
{
    static const char place[] = "linux.seccomp.listenerPath";
    struct stat status;

    if (!plan->has_listener)
        return 0;
    if (stat(plan->listener_path, &status) < 0)
        return check_missing(check, err, place, "%s: %s", plan->listener_path, strerror(errno));
    return S_ISSOCK(status.st_mode)
               ? 0
               : check_missing(check, err, place, "%s is no socket", plan->listener_path);
}

int check_seccomp(struct check *check, struct error *err)
{
    const struct spec_seccomp *profile = check->spec->linux_->seccomp;
    struct seccomp_plan plan = {0};
    struct error failure;

    if (seccomp_plan_from_spec(&plan, profile, check->arena, NULL, &failure) < 0 &&
        check_failed(check, &failure, err) < 0)
        return -err->code;
    return check_actions(check, profile, err) < 0 ? -err->code : check_agent(check, &plan, err);
}
