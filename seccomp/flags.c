#include "seccomp/flags.h"

#include <errno.h>
#include <linux/seccomp.h>

#include "base/kernel.h"

static const unsigned kernel_flags[] = {
    [SPEC_SECCOMP_FLAG_TSYNC] = SECCOMP_FILTER_FLAG_TSYNC,
    [SPEC_SECCOMP_FLAG_LOG] = SECCOMP_FILTER_FLAG_LOG,
    [SPEC_SECCOMP_FLAG_SPEC_ALLOW] = SECCOMP_FILTER_FLAG_SPEC_ALLOW,
    [SPEC_SECCOMP_FLAG_WAIT_KILLABLE_RECV] = SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV,
};

/* seccomp(2) looks at the flags before it reads the filter: a filter at NULL is EFAULT when they
 * are known, EINVAL when not, and nothing is loaded. */
bool seccomp_flag_supported(int flag)
{
    unsigned flags = kernel_flags[flag];

    if (flag == SPEC_SECCOMP_FLAG_WAIT_KILLABLE_RECV)
        flags |= SECCOMP_FILTER_FLAG_NEW_LISTENER; /* it means nothing alone */
    return kernel_seccomp(SECCOMP_SET_MODE_FILTER, flags, NULL) < 0 && errno == EFAULT;
}

/* What a listed flag adds; 0 for one that has nothing to do here. */
static unsigned flag_value(int flag, bool has_listener, const struct log *log)
{
    /* The child is one thread when it loads the filter, so all threads have it already; and the
     * kernel refuses TSYNC together with a listener. */
    if (flag == SPEC_SECCOMP_FLAG_TSYNC)
        return 0;
    if (flag == SPEC_SECCOMP_FLAG_WAIT_KILLABLE_RECV && !has_listener) {
        log_ignored(log, LOG_LEVEL_DEBUG,
                    "linux.seccomp.flags: SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV ignored: no "
                    "listener");
        return 0;
    }
    return kernel_flags[flag];
}

int seccomp_flags_from_profile(unsigned *ret, const struct spec_seccomp *profile, bool has_listener,
                               const struct log *log, struct error *err)
{
    unsigned flags = has_listener ? SECCOMP_FILTER_FLAG_NEW_LISTENER : 0;

    /* Without the member, speculation stays as fast as outside, as runc has it; "flags": [] is the
     * way to ask for the mitigation. */
    if (profile->flags.items == NULL && seccomp_flag_supported(SPEC_SECCOMP_FLAG_SPEC_ALLOW))
        flags |= SECCOMP_FILTER_FLAG_SPEC_ALLOW;
    for (size_t i = 0; i < profile->flags.count; i++) {
        int flag = profile->flags.items[i];
        unsigned value = flag_value(flag, has_listener, log);

        if (value != 0 && !seccomp_flag_supported(flag))
            return refuse(err, EINVAL, "linux.seccomp.flags[%zu]: this kernel does not know %s", i,
                          names_of_value(&spec_seccomp_flag_names, flag));
        flags |= value;
    }
    *ret = flags;
    return 0;
}
