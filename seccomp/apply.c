#include <errno.h>
#include <linux/seccomp.h>

#include "base/kernel.h"
#include "seccomp/seccomp.h"

int seccomp_plan_apply(const struct seccomp_plan *plan, struct error *err)
{
    struct sock_fprog program = {.len = plan->length, .filter = plan->filter};
    int listener = kernel_seccomp(SECCOMP_SET_MODE_FILTER, plan->flags, &program);

    /* The listener is close-on-exec from birth. */
    if (listener >= 0)
        return plan->has_listener ? listener : 0;
    fail(err, errno, "load the seccomp filter of %u instructions", plan->length);
    if (err->code == EACCES)
        hint(err, "without process.noNewPrivileges this needs CAP_SYS_ADMIN");
    else if (err->code == EBUSY)
        hint(err, "a seccomp filter around us has a listener already");
    else if (err->code == ENOSYS || (err->code == EINVAL && plan->flags == 0))
        hint(err, "this kernel is built without CONFIG_SECCOMP_FILTER");
    return -err->code;
}
