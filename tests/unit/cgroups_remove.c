/* What is removed of cgroups, and above all what is not. */

#include <errno.h>
#include <sys/stat.h>

#include "cgroups/cgroup.h"
#include "cgroups/directories.h"
#include "tests/unit/runtime_help.h"

/* A damaged or forged record names a directory of the host: it is not on a cgroup file system. */
Test(cgroups_remove, nothing_outside_of_cgroup_file_systems_is_removed)
{
    autoarena struct arena arena = {0};
    own_directory(directory);
    const char *path = path_in(&arena, directory, "web");
    struct stat status;

    cr_assert_eq(mkdir(path, 0755), 0);
    cr_expect_lt(cgroup_remove_levels(path, 1), 0);
    cr_expect_lt(cgroup_remove_levels(path, 5), 0);
    cr_expect_eq(stat(path, &status), 0);
}

Test(cgroups_remove, a_name_that_is_no_absolute_path_is_refused)
{
    cr_expect_eq(cgroup_remove_levels("web", 1), -EINVAL);
    cr_expect_eq(cgroup_remove_levels("/web", 1), -EINVAL);
    cr_expect_eq(cgroup_remove_levels("", 1), -EINVAL);
}

Test(cgroups_remove, what_is_gone_is_success)
{
    autoarena struct arena arena = {0};
    struct cgroup_host host;
    struct error err;

    cr_expect_eq(cgroup_remove_levels("/no/such/cgroup", 3), 0);
    cr_assert_eq(cgroup_host_probe(&host, &arena, &err), 0, "%s", err.text);
    for (size_t i = 0; i < host.count; i++)
        cr_expect_eq(cgroup_remove_levels(arena_print(&arena, "%s/crun-lite-unit-none/below",
                                                      host.hierarchies[i].mount_point),
                                          2),
                     0, "%s", host.hierarchies[i].mount_point);
}

/* It was there before the container: it is somebody else's. */
Test(cgroups_remove, a_cgroup_that_we_have_not_made_stays)
{
    autoarena struct arena arena = {0};
    own_directory(directory);
    struct cgroup cgroup = {.count = 1};
    struct error err;

    cr_assert_eq(mkdir(path_in(&arena, directory, "below"), 0755), 0);
    cgroup.directories[0].name = "memory";
    cgroup.directories[0].directory = directory;
    cgroup.directories[0].fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    cgroup.directories[0].made = 0;
    must(cgroup_remove(&cgroup, 100, &err));
    cr_expect_eq(count_entries(directory), 1);
    cgroup_done(&cgroup);
}

/* What a container has made below its own cgroup goes with it, however deep. */
Test(cgroups_remove, everything_below_goes_first)
{
    autoarena struct arena arena = {0};
    own_directory(directory);
    struct cgroup cgroup = {.count = 1};
    struct error err;
    const char *path = directory;

    for (int i = 0; i < 30; i++) {
        cr_assert_eq(mkdir(path_in(&arena, path, "side"), 0755), 0);
        path = path_in(&arena, path, "d");
        cr_assert_eq(mkdir(path, 0755), 0);
    }
    cgroup.directories[0].name = "memory";
    cgroup.directories[0].directory = directory;
    cgroup.directories[0].fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    cgroup.directories[0].made = 1;
    /* The directory itself is not on a cgroup file system, and so stays. */
    cr_expect_lt(cgroup_remove(&cgroup, 100, &err), 0);
    cr_expect_not_null(strstr(err.text, directory), "%s", err.text);
    cr_expect_eq(count_entries(directory), 0);
    cgroup_done(&cgroup);
}
