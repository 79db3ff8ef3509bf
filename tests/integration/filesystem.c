/* config.md "Root", "Mounts"; config-linux.md "Default Filesystems", "Devices", "Masked Paths", ...
 * : the files that a container sees, and the host's files that it must not. */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/kernel.h"
#include "base/own.h"
#include "tests/integration/harness/bundle.h"
#include "tests/integration/harness/host_mounts.h"
#include "tests/integration/harness/json.h"
#include "tests/integration/harness/scenario.h"

/* The mount options of a mount point inside. */
#define MOUNT_OPTIONS(point) \
    "awk '$5 == \"" point "\" { o = $6 } END { print o }' /proc/self/mountinfo"

/* Of the host: must be as it was, whatever a container was told to do. */
static const char *make_canary(void)
{
    const char *directory = work_path("canary");

    cr_assert(mkdir(directory, 0755) == 0);
    work_file("canary/file", "alive\n");
    work_file("canary/ptmx", "alive\n");
    work_file("canary/null", "alive\n");
    work_file("canary/console", "alive\n");
    return directory;
}

static const char *listing_of(const char *directory)
{
    return program_run(
               PROGRAM(.arguments = (const char *[]){"sh", "-c",
                                                     text("cd %s && find . -printf '%%p %%y "
                                                          "%%m %%U %%s %%i\\n' | sort && "
                                                          "find . -type f -exec md5sum {} "
                                                          "+ | sort",
                                                          directory),
                                                     NULL}))
        .out;
}

/* The first line of `after` that `before` has not in that place; NULL when they are the same. */
static const char *first_difference(const char *before, const char *after)
{
    size_t line = 0;

    for (size_t i = 0;; i++) {
        if (before[i] != after[i])
            return text("was: %.*s, is: %.*s", (int)strcspn(before + line, "\n"), before + line,
                        (int)strcspn(after + line, "\n"), after + line);
        if (before[i] == '\0')
            return NULL;
        if (before[i] == '\n')
            line = i + 1;
    }
}

static void assert_unchanged(const char *before, const char *directory, const char *story)
{
    const char *difference = first_difference(before, listing_of(directory));

    cr_assert(difference == NULL, "%s: %s", story, difference);
}

Scenario(filesystem, mounts_are_made_in_order)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_mount(bundle, "/work", "tmpfs", "first", "");
    bundle_mount(bundle, "/work/a/b", "tmpfs", "second", "");
    bundle_mount(bundle, "/work/a/b", "tmpfs", "third", "");
    assert_text(
        inside(bundle, "grep ' /work' /proc/self/mountinfo | sed 's/.* - tmpfs //; s/ .*//'"),
        "first\nsecond\nthird");
}

/* --- binds ------------------------------------------------------------------------------------ */

Scenario(filesystem, a_directory_and_a_file_are_bound)
{
    struct bundle *bundle = bundle_new();

    need_root();
    work_file("file", "of the host");
    cr_assert(mkdir(work_path("directory"), 0755) == 0);
    work_file("directory/inner", "inner too");
    bundle_mount(bundle, "/mnt/new/directory", "bind", work_path("directory"), "\"rbind\"");
    bundle_mount(bundle, "/mnt/new/file", "bind", work_path("file"), "\"bind\",\"ro\"");
    assert_text(inside(bundle, "cat /mnt/new/file; echo; cat /mnt/new/directory/inner; "
                               "echo; echo x 2>/dev/null >/mnt/new/file || echo read-only"),
                "of the host\ninner too\nread-only");
    assert_text(file_text(work_path("file")), "of the host");
}

Scenario(filesystem, a_tmpfs_has_the_mode_of_what_it_covers)
{
    struct bundle *bundle = bundle_new();

    need_root();
    cr_assert(chmod(text("%s/mnt", bundle->rootfs), 01750) == 0);
    bundle_mount(bundle, "/mnt", "tmpfs", "tmpfs", "");
    bundle_mount(bundle, "/missing", "tmpfs", "tmpfs", "");
    bundle_mount(bundle, "/work", "tmpfs", "tmpfs", "\"mode=711\"");
    assert_text(inside(bundle, "stat -c %a /mnt /missing /work"), "1750\n1777\n711");
}

Scenario(filesystem, a_plain_bind_leaves_submounts_behind)
{
    struct bundle *bundle = bundle_new();
    const char *tree;

    need_root();
    tree = host_tmpfs("tree");
    host_tmpfs("tree/below");
    work_file("tree/below/hidden", "");
    bundle_mount(bundle, "/work", "none", tree, "\"bind\"");
    assert_text(inside(bundle, "ls /work /work/below"), "/work:\nbelow\n\n/work/below:");
}

Scenario(filesystem, a_relative_source_is_below_the_bundle)
{
    struct bundle *bundle = bundle_new();

    need_root();
    cr_assert(mkdir(text("%s/extra", bundle->path), 0755) == 0);
    cr_assert(mkdir(text("%s/extra/seen", bundle->path), 0755) == 0);
    bundle_mount(bundle, "/work", "none", "extra", "\"bind\"");
    assert_text(inside(bundle, "ls /work"), "seen");
}

/* --- the root --------------------------------------------------------------------------------- */

Scenario(filesystem, a_read_only_root_cannot_be_written)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_set(bundle, "root.readonly", "true");
    assert_text(
        inside(bundle, "touch /x 2>&1; touch /dev/shm/x && echo but mounts can; " MOUNT_OPTIONS(
                           "/") " | cut -c 1-2"),
        "touch: /x: Read-only file system\nbut mounts can\nro");
}

Scenario(filesystem, an_absolute_root_path)
{
    struct bundle *first = bundle_new();
    struct bundle *second = bundle_new();

    need_root();
    bundle_file(first, "etc/whose", "the first's", 0644);
    bundle_set(second, "root.path", "\"%s\"", first->rootfs);
    assert_text(inside(second, "cat /etc/whose"), "the first's");
}

Scenario(filesystem, the_hosts_tree_is_gone)
{
    struct bundle *bundle = bundle_new();

    need_root();
    assert_text(inside(bundle, text("cut -d' ' -f5 /proc/self/mountinfo | grep -c %s; "
                                    "ls / | tr '\\n' ' '; ls /../.. | wc -l",
                                    scenario_tag())),
                "0\nbin dev etc home mnt proc root sbin sys tmp usr var work 13");
}

/* --- what is hidden --------------------------------------------------------------------------- */

Scenario(filesystem, masked_paths_are_empty_and_stay_so)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_file(bundle, "etc/secret", "secret", 0644);
    bundle_file(bundle, "work/secret", "secret", 0644);
    bundle_set(bundle, "linux.maskedPaths[+]", "\"/etc/secret\"");
    bundle_set(bundle, "linux.maskedPaths[+]", "\"/work\"");
    bundle_set(bundle, "linux.maskedPaths[+]", "\"/no/such/path\"");
    assert_text(inside(bundle, "cat /etc/secret /proc/kcore /proc/keys /proc/timer_list; ls /work "
                               "/sys/firmware; touch /work/x 2>/dev/null || echo read-only"),
                "/sys/firmware:\n\n/work:\nread-only");
    assert_text(file_text(text("%s/etc/secret", bundle->rootfs)), "secret");
}

Scenario(filesystem, read_only_paths_cannot_be_written)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_file(bundle, "etc/file", "", 0644);
    bundle_set(bundle, "linux.readonlyPaths[+]", "\"/etc/file\"");
    bundle_set(bundle, "linux.readonlyPaths[+]", "\"/work\"");
    bundle_set(bundle, "linux.readonlyPaths[+]", "\"/no/such/path\"");
    assert_text(
        inside(bundle,
               "for f in /etc/file /work/x /proc/sys/kernel/core_pattern /proc/sysrq-trigger; "
               "do (echo x >$f) 2>/dev/null && echo $f was written; done; " MOUNT_OPTIONS(
                   "/proc/sys")),
        "ro,nosuid,nodev,noexec,relatime");
}

Scenario(filesystem, read_only_paths_are_so_with_all_that_is_mounted_below)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_mount(bundle, "/work/below", "tmpfs", "tmpfs", "");
    bundle_set(bundle, "linux.readonlyPaths[+]", "\"/work\"");
    assert_text(inside(bundle, "(echo x >/work/below/x) 2>/dev/null && echo written; true"), "");
}

/* Places are found in what is to be seen there, not in what we have mounted before. */
Scenario(filesystem, what_covers_a_mount_is_where_the_next_one_goes)
{
    struct bundle *bundle = bundle_new();

    need_root();
    cr_assert(mkdir(work_path("cover"), 0755) == 0 && mkdir(work_path("cover/sub"), 0755) == 0);
    work_file("cover/sub/host", "");
    bundle_mount(bundle, "/work", "tmpfs", "tmpfs", "");
    bundle_mount(bundle, "/work", "none", work_path("cover"), "\"bind\"");
    bundle_mount(bundle, "/work/sub", "tmpfs", "tmpfs", "");
    assert_text(inside(bundle, "ls /work/sub"), "");
    bundle_mount(bundle, "/work/sub", "none", work_path("cover"), "\"bind\"");
    bundle_set(bundle, "linux.maskedPaths[+]", "\"/work/sub/sub\"");
    assert_text(inside(bundle, "ls /work/sub; ls /work/sub/sub"), "sub");
}

/* A mount by way of a link is where the link leads, and what comes over it there hides it. */
Scenario(filesystem, a_mount_by_way_of_a_link_is_not_found_by_its_name)
{
    struct bundle *bundle = bundle_new();

    need_root();
    cr_assert(mkdir(work_path("cover"), 0755) == 0 && mkdir(work_path("cover/sub"), 0755) == 0);
    work_file("cover/sub/host", "");
    cr_assert(mkdir(text("%s/real", bundle->rootfs), 0755) == 0 &&
              symlink("real", text("%s/link", bundle->rootfs)) == 0);
    bundle_mount(bundle, "/link", "tmpfs", "tmpfs", "");
    bundle_mount(bundle, "/real", "none", work_path("cover"), "\"bind\"");
    bundle_mount(bundle, "/link/sub", "tmpfs", "tmpfs", "");
    assert_text(inside(bundle, "ls /real/sub"), "");
}

/* A read-only path is a mount of its own, over what is there. */
Scenario(filesystem, what_is_masked_is_masked_in_read_only_paths_too)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_mount(bundle, "/sys", "sysfs", "sysfs", "\"ro\"");
    bundle_mount(bundle, "/work", "tmpfs", "tmpfs", "");
    bundle_mount(bundle, "/work/a", "tmpfs", "tmpfs", "");
    bundle_mount(bundle, "/work/a/b", "tmpfs", "tmpfs", "\"nosymfollow\"");
    bundle_mount(bundle, "/work/a/b/file", "none", work_file("secret", "secret"), "\"bind\"");
    bundle_set(bundle, "linux.readonlyPaths", "[\"/proc\", \"/sys\", \"/work/./a/\", \"/work\"]");
    bundle_set(bundle, "linux.maskedPaths",
               "[\"/proc/timer_list\", \"/sys/kernel\", \"/work/a/b/file\"]");
    assert_text(inside(bundle, "cat /proc/timer_list /work/a/b/file; ls /sys/kernel"), "");
}

/* "silent" is known to mount(2) alone. */
Scenario(filesystem, a_mount_of_one_call_covers_what_was_there)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_mount(bundle, "/work", "tmpfs", "tmpfs", "");
    bundle_mount(bundle, "/work", "tmpfs", "tmpfs", "\"silent\"");
    bundle_mount(bundle, "/work/file", "none", work_file("file", "seen"), "\"bind\"");
    assert_text(inside(bundle, "cat /work/file"), "seen");
}

/* As /var/run is to /run in most images. */
Scenario(filesystem, a_mount_by_way_of_a_link_covers_what_was_there)
{
    struct bundle *bundle = bundle_new();

    need_root();
    cr_assert(mkdir(text("%s/real", bundle->rootfs), 0755) == 0 &&
              symlink("real", text("%s/link", bundle->rootfs)) == 0 &&
              symlink("dev", text("%s/linked-dev", bundle->rootfs)) == 0);
    bundle_mount(bundle, "/real", "tmpfs", "tmpfs", "");
    bundle_mount(bundle, "/link", "tmpfs", "tmpfs", "");
    bundle_mount(bundle, "/real/file", "none", work_file("file", "seen"), "\"bind\"");
    bundle_mount(bundle, "/linked-dev", "tmpfs", "tmpfs", "");
    assert_text(inside(bundle, "cat /real/file; test -c /dev/null && echo ' null'"), "seen null");
}

/* Hooks of a GPU's toolkit do such things. */
Scenario(filesystem, what_a_hook_has_mounted_over_is_hidden_too)
{
    struct bundle *bundle = bundle_new();
    const char *fake = host_directory("fake");
    const char *script = work_script("hook",
                                     text("#!/bin/sh\nexec mount -n --bind %s proc\n", fake));

    need_root();
    need_command("mount");
    work_file("fake/timer_list", "secret");
    work_file("fake/other", "shown");
    bundle_set(bundle, "hooks.createContainer", "[{\"path\":\"%s\"}]", script);
    bundle_set(bundle, "linux.maskedPaths", "[\"/proc/timer_list\"]");
    bundle_set(bundle, "linux.readonlyPaths", "[]");
    assert_text(inside(bundle, "cat /proc/other /proc/timer_list"), "shown");
}

/* --- cgroup ----------------------------------------------------------------------------------- */

Scenario(filesystem, the_cgroup_mount_shows_the_containers_own)
{
    struct bundle *bundle = bundle_new();
    const char *seen;

    need_root();
    bundle_mount(bundle, "/sys/fs/cgroup", "cgroup", "cgroup",
                 "\"nosuid\",\"noexec\",\"nodev\",\"ro\"");
    bundle_set(bundle, "linux.resources.pids.limit", "123");
    seen = inside(bundle, "cd /sys/fs/cgroup; cat pids.max pids/pids.max 2>/dev/null; "
                          "find . -type d -name 'clt*' | wc -l; "
                          "mkdir x pids/x 2>/dev/null || echo read-only");
    assert_text(seen, "123\n0\nread-only");
}

/* Nor does a user namespace make a difference. */
Scenario(filesystem, the_cgroup_mount_without_a_cgroup_namespace)
{
    need_root();
    for (int with_users = 0; with_users < 2; with_users++) {
        struct bundle *bundle = bundle_new();

        if (with_users)
            bundle_map_users(bundle, 100000, 1000);
        bundle_without_namespace(bundle, "cgroup");
        bundle_mount(bundle, "/sys/fs/cgroup", "cgroup", "cgroup",
                     "\"nosuid\",\"noexec\",\"nodev\",\"ro\"");
        bundle_set(bundle, "linux.resources.pids.limit", "123");
        /* On v2 all is there, and the path of one's own leads to it. */
        assert_text(inside(bundle, "cd /sys/fs/cgroup; test ! -e cgroup.controllers || "
                                   "cd .$(sed -n s/^0:://p /proc/self/cgroup); "
                                   "cat pids.max pids/pids.max 2>/dev/null; "
                                   "mkdir x pids/x 2>/dev/null || echo read-only"),
                    "123\nread-only");
    }
}

/* Each of v1's hierarchies is a bind of the host's; what shows v2 is nobody's peer, as a new mount.
 */
Scenario(filesystem, the_cgroup_mounts_propagate_as_they_are_told)
{
    static const char *const propagations[] = {"rslave", "rprivate"};
    bool v1 = !host_has_pure_cgroup2();

    need_root();
    for (size_t i = 0; i < count_of(propagations); i++) {
        struct bundle *bundle = bundle_new();
        const char *seen;

        bundle_without_namespace(bundle, "cgroup");
        bundle_mount(bundle, "/sys/fs/cgroup", "cgroup", "cgroup",
                     text("\"ro\",\"%s\"", propagations[i]));
        seen = inside(bundle, "grep ' /sys/fs/cgroup' /proc/self/mountinfo");
        cr_assert((strstr(seen, "master:") != NULL) == (v1 && i == 0), "%s: %s", propagations[i],
                  seen);
    }
}

/* A writable cgroup mount lets root of a user namespace do nothing about the limits. */
Scenario(filesystem, limits_cannot_be_raised_from_inside)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_map_users(bundle, 100000, 65536);
    bundle_mount(bundle, "/sys/fs/cgroup", "cgroup", "cgroup", "\"nosuid\",\"noexec\",\"nodev\"");
    bundle_set(bundle, "linux.resources.pids.limit", "123");
    assert_text(inside(bundle,
                       "cd /sys/fs/cgroup; "
                       "for f in pids.max pids/pids.max memory.max cpu/cpu.cfs_quota_us; do "
                       "[ ! -e $f ] || (echo max >$f) 2>/dev/null && [ -e $f ] && "
                       "echo $f was written; done; cat pids.max pids/pids.max 2>/dev/null; "
                       "true"),
                "123");
}

/* --- working directory ------------------------------------------------------------------------ */

/* CVE-2023-25809: with the host's sysfs come its cgroups, which its owner could write. */
Scenario(filesystem, the_hosts_sysfs_is_read_only_with_all_that_is_mounted_below)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_map_users(bundle, 100000, 65536);
    bundle_without_namespace(bundle, "network");
    bundle_mount(bundle, "/work", "sysfs", "sysfs", "");
    assert_text(inside(bundle,
                       "grep -c ' /work' /proc/self/mountinfo >/dev/null && "
                       "grep ' /work' /proc/self/mountinfo | grep -v ' /work[^ ]* ro,'; true"),
                "");
}

Scenario(filesystem, a_missing_cwd_is_made)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_set(bundle, "process.cwd", "\"/work/deep/down\"");
    assert_text(inside(bundle, "pwd"), "/work/deep/down");
}

Scenario(filesystem, a_cwd_in_a_mount)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_mount(bundle, "/work", "tmpfs", "tmpfs", "");
    bundle_set(bundle, "process.cwd", "\"/work\"");
    assert_text(inside(bundle, "pwd; stat -f -c %T ."), "/work\ntmpfs");
}

/* CVE-2024-21626: no descriptor of the host may become the working directory. */
Scenario(filesystem, cwd_cannot_be_a_leaked_directory)
{
    int host = open("/", O_PATH | O_DIRECTORY); /* inherited by the program, deliberately */

    need_root();
    for (int fd = 0; fd < 24; fd++) {
        struct bundle *bundle = bundle_new();
        struct outcome outcome;

        bundle_set(bundle, "process.cwd", "\"/proc/self/fd/%d\"", fd);
        bundle_script(bundle, "pwd; ls");
        outcome = crun_with(PROGRAM(.inherit = (const int[]){host, host, host, host, -1}), "run",
                            "-b", bundle->path, bundle->id);
        cr_assert(outcome.code == 1, "fd %d: exit code %d\n%s%s", fd, outcome.code, outcome.out,
                  outcome.err);
        assert_has(outcome.err, "cwd");
    }
    close(host);
}

/* --- images that lie -------------------------------------------------------------------------- */

/* Replace a directory or file of the rootfs by a link. */
static void lie(struct bundle *bundle, const char *path, const char *target)
{
    const char *place = text("%s/%s", bundle->rootfs, path);

    if (file_exists(place))
        cr_assert(rename(place, text("%s.was", place)) == 0);
    cr_assert(symlink(target, place) == 0);
}

/* The bundle may run or be refused; the canary must be as it was. */
static void canary_survives(struct bundle *bundle, const char *canary, const char *story)
{
    const char *before = listing_of(canary);
    struct outcome outcome;

    bundle_script(bundle, "touch /dev/x /work/x /etc/x 2>/dev/null; true");
    outcome = bundle_run(bundle);
    cr_assert(outcome.code == 0 || outcome.code == 1, "%s: exit code %d: %s", story, outcome.code,
              outcome.err);
    assert_unchanged(before, canary, story);
}

/* CVE-2026-41579, CVE-2026-47766, CVE-2025-31133, CVE-2025-52565, CVE-2026-88264 */
Scenario(filesystem, links_in_an_image_do_not_lead_out)
{
    static const char *const lies[] = {"dev",     "etc",      "work",        "mnt",      "dev/pts",
                                       "dev/shm", "dev/null", "dev/console", "dev/ptmx", "tmp"};
    const char *canary = make_canary();

    need_root();
    for (int with_dev = 0; with_dev < 2; with_dev++) {
        for (size_t i = 0; i < count_of(lies); i++) {
            struct bundle *bundle = bundle_new();

            if (!with_dev)
                for (int mounts = 0; mounts < 4; mounts++)
                    bundle_remove(bundle, "mounts[1]"); /* /dev and what is below it */
            lie(bundle, lies[i], strchr(lies[i], '/') ? text("%s/file", canary) : canary);
            work_file("extra", "");
            bundle_mount(bundle, "/work/a/b", "tmpfs", "tmpfs", "");
            bundle_mount(bundle, "/mnt/file", "none", work_path("extra"), "\"bind\"");
            bundle_mount(bundle, "/etc/resolv.conf", "none", work_path("extra"), "\"bind\"");
            bundle_set(bundle, "linux.maskedPaths[+]", "\"/etc/file\"");
            bundle_set(bundle, "linux.readonlyPaths[+]", "\"/work\"");
            canary_survives(bundle, canary,
                            text("%s is a link, %s /dev mount", lies[i], with_dev ? "with" : "no"));
        }
    }
}

Scenario(filesystem, relative_links_stay_inside)
{
    struct bundle *bundle = bundle_new();

    need_root();
    work_file("extra", "found");
    lie(bundle, "work", "../../../../../../../../mnt");
    bundle_mount(bundle, "/work/file", "none", work_path("extra"), "\"bind\"");
    assert_text(inside(bundle, "cat /mnt/file"), "found");
}

/* CVE-2019-19921 and its children: procfs and sysfs go where they say or nowhere. */
Scenario(filesystem, proc_and_sys_are_never_links)
{
    static const char *const names[] = {"proc", "sys"};
    const char *canary = make_canary();

    need_root();
    for (size_t i = 0; i < count_of(names); i++) {
        struct bundle *bundle = bundle_new();

        lie(bundle, names[i], "/tmp");
        bundle_script(bundle, "true");
        assert_refused(bundle_run(bundle), 1, text("/%s", names[i]));
        cr_assert(unlink(text("%s/%s", bundle->rootfs, names[i])) == 0);
        lie(bundle, names[i], canary);
        assert_refused(bundle_run(bundle), 1, text("/%s", names[i]));
    }
}

Scenario(filesystem, nothing_is_mounted_over_the_inside_of_proc)
{
    static const char *const places[] = {"/proc/self",   "/proc/self/attr", "/proc/sys",
                                         "/proc/1/root", "/proc/self/fd",   "/proc/kcore"};

    need_root();
    for (size_t i = 0; i < count_of(places); i++) {
        struct bundle *bundle = bundle_new();

        bundle_mount(bundle, places[i], "tmpfs", "tmpfs", "");
        bundle_script(bundle, "true");
        assert_refused(bundle_run(bundle), 1, places[i]);
    }
}

/* Nor of another procfs, whose inside may be read for what it says of a process. */
Scenario(filesystem, nothing_is_mounted_over_the_inside_of_another_procfs)
{
    static const char *const places[] = {"/work/proc/sys", "/work/proc/1/attr"};

    need_root();
    for (size_t i = 0; i < count_of(places); i++) {
        struct bundle *bundle = bundle_new();

        bundle_remove(bundle, "mounts[0]"); /* /proc */
        bundle_mount(bundle, "/work/proc", "proc", "proc", "");
        bundle_mount(bundle, places[i], "tmpfs", "tmpfs", "");
        bundle_script(bundle, "true");
        assert_refused(bundle_run(bundle), 1, "the destination leads into a procfs");
    }
}

/* lxcfs's places are allowed. */
Scenario(filesystem, no_link_leads_a_mount_into_proc)
{
    struct bundle *bundle = bundle_new();

    need_root();
    cr_assert(symlink("/proc/sys", text("%s/inner", bundle->rootfs)) == 0);
    bundle_mount(bundle, "/inner/kernel", "tmpfs", "tmpfs", "");
    assert_refused(bundle_run(bundle), 1, "/inner/kernel: the destination leads into a procfs");
}

Scenario(filesystem, files_of_proc_that_may_be_replaced)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_mount(bundle, "/proc/meminfo", "none", work_file("meminfo", "little"), "\"bind\"");
    assert_text(inside(bundle, "cat /proc/meminfo"), "little");
}

/* --- overlay ---------------------------------------------------------------------------------- */

static void make_layer(const char *name, const char *file, const char *content)
{
    cr_assert(mkdir(work_path(name), 0755) == 0);
    work_file(text("%s/%s", name, file), content);
}

Scenario(filesystem, an_overlay_mount_shows_all_layers)
{
    struct bundle *bundle = bundle_new();

    need_root();
    make_layer("lower1", "one", "1");
    make_layer("lower2", "two", "2");
    make_layer("upper", "three", "3");
    make_layer("scratch", "x", "");
    cr_assert(unlink(work_path("scratch/x")) == 0);
    bundle_mount(bundle, "/work", "overlay", "overlay",
                 text("\"lowerdir=%s:%s\",\"upperdir=%s\",\"workdir=%s\"", work_path("lower1"),
                      work_path("lower2"), work_path("upper"), work_path("scratch")));
    assert_text(inside(bundle, "cat /work/one /work/two /work/three; echo 4 >/work/four; rm "
                               "/work/one; ls /work"),
                "123four\nthree\ntwo");
    assert_text(file_text(work_path("upper/four")), "4\n");
    assert_text(file_text(work_path("lower1/one")), "1");
}

Scenario(filesystem, an_overlay_mount_in_a_user_namespace)
{
    struct bundle *bundle = bundle_new();

    need_root();
    make_layer("lower", "one", "1");
    make_layer("upper", "three", "3");
    make_layer("scratch", "x", "");
    cr_assert(unlink(work_path("scratch/x")) == 0);
    bundle_map_users(bundle, 100000, 65536);
    cr_assert(chown(work_path("upper"), 100000, 100000) == 0);
    cr_assert(chown(work_path("scratch"), 100000, 100000) == 0);
    bundle_mount(bundle, "/work", "overlay", "overlay",
                 text("\"lowerdir=%s\",\"upperdir=%s\",\"workdir=%s\"", work_path("lower"),
                      work_path("upper"), work_path("scratch")));
    assert_text(inside(bundle, "cat /work/one /work/three; echo 4 >/work/four; ls /work"),
                "13four\none\nthree");
}

/* Two containers may not write to one layer at the same time. */
Scenario(filesystem, an_overlay_directory_in_use_is_refused)
{
    struct bundle *bundle = bundle_new();
    const char *layer = work_path("layer");

    need_root();
    cr_assert(mkdir(layer, 0755) == 0);
    bundle_remove(bundle, "linux.cgroupsPath");
    bundle_script(bundle, "sleep 3600");
    assert_ok(crun("run", "-d", text("--overlay=%s", layer), "-b", bundle->path, bundle->id));
    assert_refused(
        crun("run", text("--overlay=%s", layer), "-b", bundle->path, text("%s-2", bundle->id)), 1,
        layer);
    bundle_delete(bundle);
    assert_ok(
        crun("run", text("--overlay=%s", layer), "-b", bundle->path, bundle->id, "--", "true"));
}

Scenario(filesystem, an_overlay_of_many_layers)
{
    enum { LAYERS = 100 };
    struct bundle *bundle = bundle_new();
    char *lower = arena_string(scenario_arena(), "");

    need_root();
    for (int i = 0; i < LAYERS; i++) {
        make_layer(text("a-layer-with-quite-a-long-name-%d", i), text("file%d", i), "");
        lower = text("%s%s%s", lower, i == 0 ? "" : ":",
                     work_path(text("a-layer-with-quite-a-long-name-%d", i)));
    }
    cr_assert(strlen(lower) > 4096);
    bundle_mount(bundle, "/work", "overlay", "overlay", text("\"lowerdir=%s\"", lower));
    assert_text(inside(bundle, "ls /work | wc -l"), text("%d", LAYERS));
}

Scenario(filesystem, a_bad_overlay_says_why)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_mount(bundle, "/work", "overlay", "overlay",
                 text("\"lowerdir=%s\"", work_path("not/there")));
    bundle_script(bundle, "true");
    assert_refused(bundle_run(bundle), 1, "mounts[6]");
    assert_has(bundle_run(bundle).err, "/work");
}

Scenario(filesystem, an_overlay_root_leaves_the_bundle_alone)
{
    struct bundle *bundle = bundle_new();
    const char *before;

    need_root();
    before = listing_of(bundle->rootfs);
    bundle_script(bundle, "echo x >/new; rm /bin/ls; echo changed >/etc/changed; cat /new");
    for (int i = 0; i < 2; i++) {
        struct outcome outcome = crun("run", "--overlay", "-b", bundle->path, bundle->id);

        assert_ok(outcome);
        assert_text(outcome.out, "x\n");
        assert_unchanged(before, bundle->rootfs, "the bundle");
    }
}

Scenario(filesystem, an_overlay_root_by_annotation)
{
    struct bundle *bundle = bundle_new();
    const char *before;

    need_root();
    bundle_set(bundle, "annotations.'run.crun-lite.overlay'", "\"true\"");
    before = listing_of(bundle->rootfs);
    inside(bundle, "echo x >/new");
    assert_unchanged(before, bundle->rootfs, "the bundle");
}

Scenario(filesystem, many_containers_share_one_bundle)
{
    enum { MANY = 6 };
    struct bundle *bundle = bundle_new();
    struct running running[MANY];
    const char *before;

    need_root();
    bundle_remove(bundle, "linux.cgroupsPath");
    bundle_script(bundle, "echo $$ >/mine; sleep 0.3; ls / | grep -c mine");
    before = listing_of(bundle->rootfs);
    for (int i = 0; i < MANY; i++)
        running[i] = crun_begin(PROGRAM(0), "run", "--overlay", "-b", bundle->path,
                                text("%s-%d", bundle->id, i));
    for (int i = 0; i < MANY; i++) {
        struct outcome outcome = program_wait(&running[i], DEADLINE_SECONDS);

        assert_ok(outcome);
        assert_text(outcome.out, "1\n");
    }
    assert_unchanged(before, bundle->rootfs, "the bundle");
}

Scenario(filesystem, an_overlay_directory_survives)
{
    struct bundle *bundle = bundle_new();
    const char *layer = work_path("layer");
    struct outcome outcome;

    need_root();
    cr_assert(mkdir(layer, 0755) == 0);
    bundle_script(bundle, "cat /count 2>/dev/null; echo once >>/count");
    for (int i = 0; i < 3; i++) {
        outcome = crun("run", text("--overlay=%s", layer), "-b", bundle->path, bundle->id);
        assert_ok(outcome);
    }
    assert_text(outcome.out, "once\nonce\n");
    cr_assert(!file_exists(text("%s/count", bundle->rootfs)));
}

Scenario(filesystem, an_overlay_root_in_a_user_namespace)
{
    struct bundle *bundle = bundle_new();
    struct outcome outcome;

    need_root();
    bundle_map_users(bundle, 100000, 65536);
    bundle_script(bundle, "echo x >/new && cat /new");
    outcome = crun("run", "--overlay", "-b", bundle->path, bundle->id);
    assert_ok(outcome);
    assert_text(outcome.out, "x\n");
    cr_assert(!file_exists(text("%s/new", bundle->rootfs)));
}

/* --- other roots ------------------------------------------------------------------------------ */

Scenario(filesystem, without_pivot_root)
{
    struct bundle *bundle = bundle_new();
    struct outcome outcome;

    need_root();
    bundle_script(bundle, "ls / | wc -l; ls /../.. | wc -l; grep -c ' / ' /proc/self/mountinfo");
    outcome = crun("run", "--no-pivot", "-b", bundle->path, bundle->id);
    assert_ok(outcome);
    assert_has(outcome.out, "13\n13\n");
}

Scenario(filesystem, a_root_on_a_tmpfs_and_on_a_mount_with_options)
{
    struct bundle *bundle = bundle_new();
    struct bundle *moved = bundle_new();
    const char *place;

    need_root();
    place = host_tmpfs("tmpfs");
    host_set_mount_flags(place, MS_NOSUID | MS_NODEV);
    assert_ok(program_run(PROGRAM(.arguments = (const char *[]){"cp", "-a", moved->rootfs,
                                                                text("%s/root", place), NULL})));
    bundle_set(bundle, "root.path", "\"%s/root\"", place);
    assert_text(inside(bundle, "echo here; echo x >/dev/null; touch /new"), "here");
    bundle_set(bundle, "root.readonly", "true");
    assert_text(inside(bundle, MOUNT_OPTIONS("/")), "ro,nosuid,nodev,relatime");
}

Scenario(filesystem, usual_mounts_are_what_they_say)
{
    struct bundle *bundle = bundle_new();

    need_root();
    assert_text(inside(bundle, "sed 's/ [a-z]*:[0-9]* - / - /' /proc/self/mountinfo | awk '{ print "
                               "$5, $8 }' | grep -E "
                               "'^/(proc|sys|dev|dev/pts|dev/shm|dev/mqueue) '; "
                               "stat -c %a /dev/shm; ls /dev/pts; "
                               "(echo x >/sys/x) 2>/dev/null || echo sys is read-only"),
                "/proc proc\n/dev tmpfs\n/dev/pts devpts\n/dev/shm tmpfs\n/dev/mqueue mqueue\n"
                "/sys sysfs\n1777\nptmx\nsys is read-only");
}

/* --- many ------------------------------------------------------------------------------------- */

Scenario(filesystem, a_thousand_mounts)
{
    enum { MANY = 1000 };
    struct bundle *bundle = bundle_new();
    char *mounts = arena_zero(scenario_arena(), 200, MANY + 8);
    size_t used = 0;
    const char *old = json_get(scenario_arena(), bundle->config, "mounts");

    need_root();
    used += (size_t)sprintf(mounts, "%.*s", (int)strlen(old) - 1, old);
    for (int i = 0; i < MANY; i++)
        used += (size_t)sprintf(mounts + used,
                                ",{\"destination\":\"/work/%d\",\"type\":\"tmpfs\",\"source\":"
                                "\"tmpfs\",\"options\":[\"size=4k\"]}",
                                i);
    sprintf(mounts + used, "]");
    bundle_set(bundle, "mounts", "%s", mounts);
    assert_text(inside(bundle, "grep -c ' /work/' /proc/self/mountinfo"), text("%d", MANY));
}
