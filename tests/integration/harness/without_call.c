#include "tests/integration/harness/without_call.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/own.h"
#include "tests/integration/harness/scenario.h"

static const char name[] = "without-fsopen";

static _Noreturn void execute(char *const arguments[])
{
    struct sock_filter rules[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_fsopen, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = {count_of(rules), rules};

    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0)
        execvp(arguments[0], arguments);
    _exit(95);
}

/* Before Criterion's main(), which would run the tests. */
__attribute__((constructor)) static void be_somebody_else(int count, char *arguments[])
{
    if (strcmp(program_invocation_short_name, name) == 0 && count > 1)
        execute(arguments + 1);
}

/* Our own program under that name. */
const char *without_fsopen(void)
{
    const char *path = work_path(name);
    char target[512] = "";

    cr_assert(readlink("/proc/self/exe", target, sizeof target - 1) > 0);
    cr_assert(symlink(target, path) == 0 || errno == EEXIST, "%s: %s", path, strerror(errno));
    return path;
}
