/* check: controllers, their files, and the right to make cgroups. */

#include "runtime/check.h"

struct telling {
    struct check *check;
    struct error *err;
    int code;
};

static void tell(void *context, const struct error *failure)
{
    struct telling *telling = context;

    if (telling->code == 0)
        telling->code = check_failed(telling->check, failure, telling->err);
}

/* By itself: the plan stops at the first. */
int check_controllers(struct check *check, struct error *err)
{
    struct telling telling = {check, err, 0};
    const struct cgroup_told told = {tell, &telling};
    const struct cgroup_plan plan = {
        .host = &check->plan.cgroup_host,
        .manager = check->plan.cgroup.manager,
    };

    cgroup_look_for_controllers(&plan, check->spec->linux_->resources, check->arena, &told);
    return telling.code;
}

int check_cgroup_directories(struct check *check, struct error *err)
{
    struct telling telling = {check, err, 0};
    const struct cgroup_told told = {tell, &telling};

    cgroup_look_for_systemd(&check->plan.cgroup, &told);
    cgroup_look_for_directories(&check->plan.cgroup, &told);
    return telling.code;
}
