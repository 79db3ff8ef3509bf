/* Where mounts go: one spelling for each place, and which files of /proc may be covered. */

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "base/arena.h"
#include "base/own.h"
#include "namespaces/mount/plan.h"

Test(mount_destination, every_spelling_of_a_place_becomes_one)
{
    static const struct {
        const char *path, *clean;
        bool relative;
    } rows[] = {
        {"/a",            "/a",            false},
        {"a",             "/a",            true },
        {"/a/b/",         "/a/b",          false},
        {"//a///b//",     "/a/b",          false},
        {"/./a/./b",      "/a/b",          false},
        {"./a",           "/a",            true },
        {"/...",          "/...",          false},
        {"/a/..b",        "/a/..b",        false},
        {"/.a/b.",        "/.a/b.",        false},
        {"/with a space", "/with a space", false},
    };

    for (size_t i = 0; i < count_of(rows); i++) {
        autoarena struct arena arena = {0};
        const char *clean = NULL;
        bool relative = !rows[i].relative;
        struct error err;

        cr_assert_eq(mount_destination_clean(rows[i].path, &arena, &clean, &relative, &err), 0,
                     "%s", err.text);
        cr_expect_str_eq(clean, rows[i].clean);
        cr_expect_eq(relative, rows[i].relative, "%s", rows[i].path);
    }
}

/* Clean once is clean for ever: what is compared later has been through it. */
Test(mount_destination, what_is_clean_stays_as_it_is)
{
    autoarena struct arena arena = {0};
    const char *once, *twice;
    struct error err;

    cr_assert_eq(mount_destination_clean("x//./y/", &arena, &once, NULL, &err), 0);
    cr_assert_eq(mount_destination_clean(once, &arena, &twice, NULL, &err), 0);
    cr_expect_str_eq(once, twice);
}

Test(mount_destination, a_refused_one_changes_nothing)
{
    static const char *const wrong[] = {"", "/", "/..", "a/..", "/a/../b", "/a/.", "/a\177"};

    for (size_t i = 0; i < count_of(wrong); i++) {
        autoarena struct arena arena = {0};
        const char *clean = "untouched";
        bool relative = true;
        struct error err;

        cr_expect_eq(mount_destination_clean(wrong[i], &arena, &clean, &relative, &err), -EINVAL,
                     "%s", wrong[i]);
        cr_expect_str_eq(clean, "untouched");
        cr_expect(relative);
    }
}

/* CVE-2019-16884: whole names only, nothing below, nothing beside. */
Test(mount_destination, only_files_that_inform_may_cover_those_of_proc)
{
    static const char *const may[] = {"/proc/meminfo", "/proc/uptime",
                                      "/proc/sys/kernel/ns_last_pid"};
    static const char *const may_not[] = {"/proc/meminfo/x",  "/proc/meminf",   "/proc/meminfos",
                                          "/proc/self",       "/proc/self/exe", "/proc/sys",
                                          "/proc/sys/kernel", "/proc/kcore",    "/proc/1/meminfo"};

    for (size_t i = 0; i < count_of(may); i++)
        cr_expect(mount_destination_is_in_proc(may[i]) && mount_destination_may_cover_proc(may[i]),
                  "%s", may[i]);
    for (size_t i = 0; i < count_of(may_not); i++)
        cr_expect(mount_destination_is_in_proc(may_not[i]) &&
                      !mount_destination_may_cover_proc(may_not[i]),
                  "%s", may_not[i]);
    cr_expect_not(mount_destination_is_in_proc("/proc"));
    cr_expect_not(mount_destination_is_in_proc("/process/x"));
    cr_expect_not(mount_destination_is_in_proc("/a/proc/x"));
}
