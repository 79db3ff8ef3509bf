#include <linux/seccomp.h>
#include <stdint.h>

#include "base/kernel.h"
#include "seccomp/seccomp.h"

static const uint32_t kernel_actions[] = {
    [SPEC_SECCOMP_KILL] = SECCOMP_RET_KILL_THREAD,
    [SPEC_SECCOMP_KILL_PROCESS] = SECCOMP_RET_KILL_PROCESS,
    [SPEC_SECCOMP_KILL_THREAD] = SECCOMP_RET_KILL_THREAD,
    [SPEC_SECCOMP_TRAP] = SECCOMP_RET_TRAP,
    [SPEC_SECCOMP_ERRNO] = SECCOMP_RET_ERRNO,
    [SPEC_SECCOMP_TRACE] = SECCOMP_RET_TRACE,
    [SPEC_SECCOMP_ALLOW] = SECCOMP_RET_ALLOW,
    [SPEC_SECCOMP_LOG] = SECCOMP_RET_LOG,
    [SPEC_SECCOMP_NOTIFY] = SECCOMP_RET_USER_NOTIF,
};

bool seccomp_action_supported(int action)
{
    uint32_t asked = kernel_actions[action];

    return kernel_seccomp(SECCOMP_GET_ACTION_AVAIL, 0, &asked) == 0;
}
