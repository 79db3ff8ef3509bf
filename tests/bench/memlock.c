/*
 * setrlimit(2) that leaves RLIMIT_MEMLOCK alone, to be preloaded.
 *
 * Older crun raises that limit before it loads a BPF program, as kernels before 5.11 wanted, and
 * ends where it may not: in a sandbox without CAP_SYS_RESOURCE.  There, and only there, the bench
 * gives it this.
 */

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

int setrlimit(__rlimit_resource_t resource, const struct rlimit *limits)
{
    if (resource == RLIMIT_MEMLOCK)
        return 0;
    return (int)syscall(SYS_prlimit64, 0, resource, limits, NULL);
}
