#include "runtime/descriptors.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/kernel.h"

/* Without close_range (5.9; an old seccomp filter around us may hide it): every number there can
 * be. */
static void close_one_by_one(unsigned first, unsigned last, bool only_mark)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_max <= 1u << 20 &&
        last >= limit.rlim_max)
        last = (unsigned)limit.rlim_max - 1;
    else if (last > 1u << 20)
        last = 1u << 20;
    for (unsigned fd = first; fd <= last; fd++) {
        if (!only_mark)
            close((int)fd);
        else if (fcntl((int)fd, F_GETFD) >= 0)
            fcntl((int)fd, F_SETFD, FD_CLOEXEC);
    }
}

static int close_between(unsigned first, unsigned last, bool only_mark)
{
    if (first > last)
        return 0;
    if (kernel_close_range(first, last, only_mark ? CLOSE_RANGE_CLOEXEC : 0) == 0)
        return 0;
    /* EINVAL: CLOSE_RANGE_CLOEXEC came later, with 5.11. */
    if (errno != ENOSYS && errno != EPERM && errno != EINVAL)
        return -errno;
    close_one_by_one(first, last, only_mark);
    return 0;
}

/* The smallest kept fd that is at least `from`; -1 when there is none. */
static int next_kept(unsigned from, const int *kept, size_t count)
{
    int next = -1;

    for (size_t i = 0; i < count; i++) {
        if (kept[i] >= 0 && (unsigned)kept[i] >= from && (next < 0 || kept[i] < next))
            next = kept[i];
    }
    return next;
}

int descriptors_close_all_but(unsigned first, const int *kept, size_t count)
{
    for (;;) {
        int next = next_kept(first, kept, count);
        int code = next < 0 ? close_between(first, ~0u, false)
                            : close_between(first, (unsigned)next - 1, false);

        if (code < 0 || next < 0)
            return code;
        first = (unsigned)next + 1;
    }
}

int descriptors_pass(unsigned first, unsigned count)
{
    for (unsigned fd = first; fd < first + count; fd++) {
        int flags = fcntl((int)fd, F_GETFD);

        if (flags < 0 ||
            ((flags & FD_CLOEXEC) != 0 && fcntl((int)fd, F_SETFD, flags & ~FD_CLOEXEC) < 0))
            return -errno;
    }
    return close_between(first + count, ~0u, true);
}

int descriptors_check_preserved(unsigned count, struct error *err)
{
    for (unsigned i = 0; i < count; i++) { /* ends at INT_MAX at the latest */
        int flags = fcntl((int)(3 + i), F_GETFD);

        /* What a caller hands over does not close on exec, or we would not have it; everything that
         * we open does, and must never go in: a directory of ours leads back to the host. */
        if (flags < 0 || (flags & FD_CLOEXEC) != 0)
            return refuse(err, EBADF, "cannot preserve %u descriptors from 3: fd %u is not open",
                          count, 3 + i);
    }
    return 0;
}
