/* What is taken from the environment that a service manager makes. */

#include <criterion/criterion.h>
#include <stdio.h>

#include "cmd/crun-lite/service_manager.c"

static const char *names;

static unsigned listen_fds(const char *pid, const char *fds)
{
    struct error err;
    unsigned count = 99;

    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    if (pid != NULL)
        setenv("LISTEN_PID", pid, 1);
    if (fds != NULL)
        setenv("LISTEN_FDS", fds, 1);
    return listen_fds_from_environment(&count, &names, &err) < 0 ? 77 : count;
}

Test(cmd_service_manager, listen_fds_count_when_they_are_meant_for_us)
{
    char ours[16];

    snprintf(ours, sizeof ours, "%d", getpid());
    cr_expect_eq(listen_fds(ours, "2"), 2);
    cr_expect_eq(listen_fds("1", "2"), 0);
    cr_expect_eq(listen_fds(NULL, "1000000"), 0);
    cr_expect_eq(listen_fds(ours, NULL), 0);
    cr_expect_eq(listen_fds("x", "2"), 0);
    cr_expect_eq(listen_fds(ours, "two"), 77);
    cr_expect_eq(listen_fds(ours, "-1"), 77);
}

Test(cmd_service_manager, an_empty_notify_socket_is_none)
{
    unsetenv("NOTIFY_SOCKET");
    cr_expect_null(notify_socket_from_environment());
    setenv("NOTIFY_SOCKET", "", 1);
    cr_expect_null(notify_socket_from_environment());
    setenv("NOTIFY_SOCKET", "@manager", 1);
    cr_expect_str_eq(notify_socket_from_environment(), "@manager");
}

Test(cmd_service_manager, names_come_with_the_descriptors_they_are_of)
{
    char ours[16];

    snprintf(ours, sizeof ours, "%d", getpid());
    setenv("LISTEN_FDNAMES", "http:https", 1);
    cr_expect_eq(listen_fds(ours, "2"), 2);
    cr_expect_str_eq(names, "http:https");
    cr_expect_eq(listen_fds("1", "2"), 0);
    cr_expect_null(names, "another process's names");
    unsetenv("LISTEN_FDNAMES");
    cr_expect_eq(listen_fds(ours, "2"), 2);
    cr_expect_null(names);
}
