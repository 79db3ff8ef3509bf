/* Names of a container, set in a namespace of its own. */

#include <criterion/criterion.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "namespaces/uts.h"

enum { CANNOT_UNSHARE = 77 };

static void expect_in_child(int (*child)(void))
{
    int status = -1;
    pid_t pid = fork();

    cr_assert_geq(pid, 0);
    if (pid == 0)
        _exit(unshare(CLONE_NEWUTS | (geteuid() == 0 ? 0 : CLONE_NEWUSER)) < 0 ? CANNOT_UNSHARE
                                                                               : child());
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert(WIFEXITED(status));
    if (WEXITSTATUS(status) == CANNOT_UNSHARE)
        cr_skip_test("no uts namespaces for this process");
    cr_expect_eq(WEXITSTATUS(status), 0);
}

static int set_both(void)
{
    struct utsname names;
    struct error err;

    if (uts_apply("box", "example.org", &err) < 0 || uname(&names) < 0)
        return 1;
    return strcmp(names.nodename, "box") != 0 || strcmp(names.domainname, "example.org") != 0;
}

Test(uts, both_names_are_set)
{
    expect_in_child(set_both);
}

static int keep_both(void)
{
    struct utsname before;
    struct utsname after;
    struct error err;

    if (uname(&before) < 0 || uts_apply(NULL, NULL, &err) < 0 || uname(&after) < 0)
        return 1;
    return strcmp(before.nodename, after.nodename) != 0 ||
           strcmp(before.domainname, after.domainname) != 0;
}

Test(uts, names_that_are_not_given_stay)
{
    expect_in_child(keep_both);
}

static int too_long(void)
{
    char name[66];
    char text[256];
    struct error err;

    memset(name, 'n', sizeof name - 1);
    name[65] = '\0';
    snprintf(text, sizeof text,
             "domainname: set it to \"%s\": Invalid argument (the kernel takes at most 64 bytes)",
             name);
    if (uts_apply(NULL, name, &err) != -EINVAL || strcmp(err.text, text) != 0)
        return 1;
    name[64] = '\0';
    return uts_apply(name, NULL, &err) != 0;
}

Test(uts, a_name_that_is_too_long_is_explained)
{
    expect_in_child(too_long);
}
