/* Filters in force: a child loads them and reports what the kernel answers. */

#include <sys/prctl.h>
#include <sys/wait.h>

#include "tests/unit/seccomp_simulator.h"

/* Run `body` in a child; its exit status. */
static int status_of(int (*body)(const struct seccomp_plan *plan), const struct seccomp_plan *plan)
{
    pid_t pid = fork();
    int status;

    cr_assert_geq(pid, 0);
    if (pid == 0)
        syscall(SYS_exit_group, body(plan)); /* _exit does more than that in a sanitized build */
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert(WIFEXITED(status), "killed by signal %d", WTERMSIG(status));
    return WEXITSTATUS(status);
}

/* 0 when the filter is in force and answers as the profile says; else the number of the step. */
static int denies_getppid(const struct seccomp_plan *plan)
{
    struct error err;

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return 1;
    if (seccomp_plan_apply(plan, &err) != 0)
        return 2;
    if (syscall(SYS_getppid) != -1 || errno != EPERM)
        return 3;
    if (syscall(SYS_getpid) <= 0)
        return 4;
    if (syscall(SYS_openat2 + 5) != -1 || errno != ENOSYS)
        return 5;
    return 0;
}

Test(seccomp_apply, the_kernel_enforces_the_profile)
{
    autoarena struct arena arena = {0};
    struct seccomp_plan plan = plan_of(
        "{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"syscalls\": [{\"names\": [\"getpid\","
        " \"exit_group\", \"exit\", \"openat2\"], \"action\": \"SCMP_ACT_ALLOW\"}]}",
        &arena);

    cr_expect_eq(status_of(denies_getppid, &plan), 0);
}

static int gives_listener(const struct seccomp_plan *plan)
{
    struct error err;
    int listener;

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return 1;
    listener = seccomp_plan_apply(plan, &err);
    if (listener <= 0)
        return 2;
    return fcntl(listener, F_GETFD) == FD_CLOEXEC ? 0 : 3;
}

Test(seccomp_apply, a_notifying_filter_yields_a_listener_that_closes_on_exec)
{
    autoarena struct arena arena = {0};
    struct seccomp_plan plan = plan_of(
        "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"listenerPath\": \"/run/agent\","
        " \"syscalls\": [{\"names\": [\"mkdirat\"], \"action\": \"SCMP_ACT_NOTIFY\"}]}",
        &arena);

    cr_expect_eq(status_of(gives_listener, &plan), 0);
}

static int refused_without_privileges(const struct seccomp_plan *plan)
{
    struct error err;

    if (geteuid() == 0 && setresuid(65534, 65534, 65534) < 0)
        return 1;
    if (seccomp_plan_apply(plan, &err) != -EACCES)
        return 2;
    return strstr(err.text, "CAP_SYS_ADMIN") != NULL ? 0 : 3;
}

Test(seccomp_apply, without_no_new_privs_the_missing_capability_is_named)
{
    autoarena struct arena arena = {0};
    struct seccomp_plan plan = plan_of("{\"defaultAction\": \"SCMP_ACT_ALLOW\"}", &arena);

    if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1)
        cr_skip_test("no_new_privs is set here already");
    cr_expect_eq(status_of(refused_without_privileges, &plan), 0);
}
