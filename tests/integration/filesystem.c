/* config.md "Root", "Mounts"; config-linux.md "Default Filesystems", "Devices", "Masked Paths", ...
 * : the files that a container sees, and the host's files that it must not. */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/kernel.h"
#include "base/own.h"
#include "tests/integration/harness/bundle.h"
#include "tests/integration/harness/json.h"
#include "tests/integration/harness/scenario.h"

/* The mount options of a mount point inside, and its optional fields and super block options. */
#define MOUNT_OPTIONS(point) \
    "awk '$5 == \"" point "\" { o = $6 } END { print o }' /proc/self/mountinfo"
#define MOUNT_LINE(point) \
    "awk '$5 == \"" point "\" { l = $0 } END { print l }' /proc/self/mountinfo"

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

/* --- mount options ---------------------------------------------------------------------------- */

static const struct option_row {
    const char *options;  /* of a tmpfs on /work */
    const char *expected; /* in the per-mount options of mountinfo */
    const char *absent;
} option_rows[] = {
    {"",                                       "rw",                     "nosuid"  },
    {"\"ro\"",                                 "ro",                     "rw"      },
    {"\"ro\",\"rw\"",                          "rw",                     "ro"      },
    {"\"rw\",\"ro\"",                          "ro",                     "rw"      },
    {"\"nosuid\"",                             "nosuid",                 "nodev"   },
    {"\"nodev\"",                              "nodev",                  "nosuid"  },
    {"\"noexec\"",                             "noexec",                 "nosuid"  },
    {"\"nosuid\",\"suid\"",                    "rw",                     "nosuid"  },
    {"\"nodev\",\"dev\"",                      "rw",                     "nodev"   },
    {"\"noexec\",\"exec\"",                    "rw",                     "noexec"  },
    {"\"noatime\"",                            "noatime",                "relatime"},
    {"\"strictatime\"",                        "rw",                     "relatime"},
    {"\"relatime\"",                           "relatime",               "noatime" },
    {"\"nodiratime\"",                         "nodiratime",             "noatime" },
    {"\"nosymfollow\"",                        "nosymfollow",            "nodev"   },
    {"\"nosuid\",\"noexec\",\"nodev\",\"ro\"", "ro,nosuid,nodev,noexec", "rw"      },
    {"\"defaults\"",                           "rw",                     "nosuid"  },
};

static bool has_option(const char *options, const char *option)
{
    return strstr(text(",%s,", options), text(",%s,", option)) != NULL;
}

Scenario(filesystem, mount_options_are_in_force)
{
    need_root();
    for (size_t i = 0; i < count_of(option_rows); i++) {
        struct bundle *bundle = bundle_new();
        const char *options;

        bundle_mount(bundle, "/work", "tmpfs", "tmpfs", option_rows[i].options);
        options = inside(bundle, MOUNT_OPTIONS("/work"));
        cr_assert(strstr(text(",%s,", options), text("%s,", option_rows[i].expected)) != NULL &&
                      !has_option(options, option_rows[i].absent),
                  "options [%s]: mountinfo says %s", option_rows[i].options, options);
    }
}

Scenario(filesystem, mount_options_hold_for_binds)
{
    need_root();
    for (size_t i = 0; i < count_of(option_rows); i++) {
        struct bundle *bundle = bundle_new();
        const char *comma = *option_rows[i].options == '\0' ? "" : ",";
        const char *options;

        /* A bind keeps the access-time flags of its source unless it is told otherwise. */
        if (strstr(option_rows[i].options, "atime") != NULL)
            continue;
        bundle_mount(bundle, "/work", "none", scenario_work(),
                     text("\"bind\"%s%s", comma, option_rows[i].options));
        options = inside(bundle, MOUNT_OPTIONS("/work"));
        cr_assert(strstr(text(",%s,", options), text("%s,", option_rows[i].expected)) != NULL &&
                      !has_option(options, option_rows[i].absent),
                  "bind, options [%s]: mountinfo says %s", option_rows[i].options, options);
    }
}

Scenario(filesystem, file_system_options_reach_the_file_system)
{
    struct bundle *bundle = bundle_new();
    const char *line;

    need_root();
    bundle_mount(bundle, "/work", "tmpfs", "my-source",
                 "\"size=1m\",\"mode=1700\",\"nr_inodes=77\"");
    line = inside(bundle, MOUNT_LINE("/work") "; stat -c %a /work");
    assert_has(line, " - tmpfs my-source ");
    assert_has(line, "size=1024k");
    assert_has(line, "nr_inodes=77");
    assert_has(line, "\n1700");
}

/* ro on a recursive bind is for the top alone; rro is for all. */
Scenario(filesystem, recursive_options_reach_submounts)
{
    static const struct {
        const char *options, *top, *below;
    } rows[] = {
        {"\"rbind\"",                        "rw",           "rw"          },
        {"\"rbind\",\"ro\"",                 "ro",           "rw"          },
        {"\"rbind\",\"rro\"",                "ro",           "ro"          },
        {"\"rbind\",\"rnoexec\"",            "noexec",       "noexec"      },
        {"\"rbind\",\"rnosuid\",\"rnodev\"", "nosuid,nodev", "nosuid,nodev"},
    };
    const char *tree = work_path("tree");

    need_root();
    cr_assert(mkdir(tree, 0755) == 0 && mkdir(text("%s/below", tree), 0755) == 0);
    cr_assert(kernel_mount("none", text("%s/below", tree), "tmpfs", 0, NULL) == 0);
    for (size_t i = 0; i < count_of(rows); i++) {
        struct bundle *bundle = bundle_new();
        const char *both;

        bundle_mount(bundle, "/work", "none", tree, rows[i].options);
        both = inside(bundle, MOUNT_OPTIONS("/work") "; " MOUNT_OPTIONS("/work/below"));
        cr_assert(strncmp(both, rows[i].top, 2) == 0 || strstr(both, rows[i].top) != NULL);
        assert_has(strchr(both, '\n') + 1, rows[i].below);
    }
    cr_assert(kernel_umount(text("%s/below", tree), MNT_DETACH) == 0);
}

Scenario(filesystem, a_plain_bind_leaves_submounts_behind)
{
    const char *tree = work_path("tree");
    struct bundle *bundle = bundle_new();

    need_root();
    cr_assert(mkdir(tree, 0755) == 0 && mkdir(text("%s/below", tree), 0755) == 0);
    cr_assert(kernel_mount("none", text("%s/below", tree), "tmpfs", 0, NULL) == 0);
    work_file("tree/below/hidden", "");
    bundle_mount(bundle, "/work", "none", tree, "\"bind\"");
    assert_text(inside(bundle, "ls /work /work/below"), "/work:\nbelow\n\n/work/below:");
    cr_assert(kernel_umount(text("%s/below", tree), MNT_DETACH) == 0);
}

Scenario(filesystem, propagation_options)
{
    static const struct {
        const char *option, *field;
    } rows[] = {
        {"private",    " - tmpfs"  },
        {"rprivate",   " - tmpfs"  },
        {"shared",     " shared:"  },
        {"unbindable", "unbindable"},
    };

    need_root();
    for (size_t i = 0; i < count_of(rows); i++) {
        struct bundle *bundle = bundle_new();

        bundle_mount(bundle, "/work", "tmpfs", "tmpfs", text("\"%s\"", rows[i].option));
        assert_has(inside(bundle, MOUNT_LINE("/work")), rows[i].field);
    }
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

Scenario(filesystem, a_relative_source_is_below_the_bundle)
{
    struct bundle *bundle = bundle_new();

    need_root();
    cr_assert(mkdir(text("%s/extra", bundle->path), 0755) == 0);
    cr_assert(mkdir(text("%s/extra/seen", bundle->path), 0755) == 0);
    bundle_mount(bundle, "/work", "none", "extra", "\"bind\"");
    assert_text(inside(bundle, "ls /work"), "seen");
}

Scenario(filesystem, tmpcopyup_brings_what_was_there)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_file(bundle, "work/kept", "content", 0640);
    cr_assert(mkdir(text("%s/work/sub", bundle->rootfs), 0711) == 0);
    bundle_file(bundle, "work/sub/deep", "deeper", 0600);
    cr_assert(symlink("kept", text("%s/work/link", bundle->rootfs)) == 0);
    bundle_mount(bundle, "/work", "tmpfs", "tmpfs", "\"tmpcopyup\"");
    assert_text(inside(bundle, "cat /work/kept /work/sub/deep; echo; stat -c %a /work/kept "
                               "/work/sub; readlink /work/link; echo new >/work/kept"),
                "contentdeeper\n640\n711\nkept");
    assert_text(file_text(text("%s/work/kept", bundle->rootfs)), "content");
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

Scenario(filesystem, mounts_inside_do_not_travel_out)
{
    static const char *const propagations[] = {NULL, "private", "slave", "rprivate", "rslave"};

    need_root();
    for (size_t i = 0; i < count_of(propagations); i++) {
        struct bundle *bundle = bundle_new();

        if (propagations[i] != NULL)
            bundle_set(bundle, "linux.rootfsPropagation", "\"%s\"", propagations[i]);
        bundle_set(bundle, "process.capabilities.bounding[+]", "\"CAP_SYS_ADMIN\"");
        bundle_set(bundle, "process.capabilities.effective[+]", "\"CAP_SYS_ADMIN\"");
        bundle_set(bundle, "process.capabilities.permitted[+]", "\"CAP_SYS_ADMIN\"");
        bundle_mount(bundle, "/work", "none", scenario_work(), "\"rbind\"");
        inside(bundle, "mount -t tmpfs none /work && mount -t tmpfs none /mnt");
    }
}

/* With slave propagation, what the host mounts appears inside; without, it does not. */
Scenario(filesystem, host_mounts_arrive_as_propagation_says)
{
    static const struct {
        const char *propagation, *expected;
    } rows[] = {
        {"rslave",   "1"},
        {"rprivate", "0"},
    };

    need_root();
    for (size_t i = 0; i < count_of(rows); i++) {
        struct bundle *bundle = bundle_new();
        const char *point = work_path(text("point%zu", i));

        cr_assert(mkdir(point, 0755) == 0);
        bundle_set(bundle, "linux.rootfsPropagation", "\"%s\"", rows[i].propagation);
        bundle_mount(bundle, "/work", "none", scenario_work(),
                     text("\"rbind\",\"%s\"", rows[i].propagation));
        bundle_start(bundle);
        cr_assert(kernel_mount("late", point, "tmpfs", 0, NULL) == 0);
        assert_text(inside_running(bundle, "grep -c ' - tmpfs late ' /proc/self/mountinfo; true"),
                    rows[i].expected);
        bundle_delete(bundle);
        cr_assert(kernel_umount(point, MNT_DETACH) == 0);
    }
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

/* --- devices ---------------------------------------------------------------------------------- */

Scenario(filesystem, default_devices_are_there)
{
    struct bundle *bundle = bundle_new();

    need_root();
    assert_text(inside(bundle,
                       "cd /dev; stat -c '%n %t:%T %a %F' null zero full random urandom tty; "
                       "for l in fd stdin stdout stderr ptmx; do echo $l $(readlink $l); done"),
                "null 1:3 666 character special file\n"
                "zero 1:5 666 character special file\n"
                "full 1:7 666 character special file\n"
                "random 1:8 666 character special file\n"
                "urandom 1:9 666 character special file\n"
                "tty 5:0 666 character special file\n"
                "fd /proc/self/fd\n"
                "stdin /proc/self/fd/0\n"
                "stdout /proc/self/fd/1\n"
                "stderr /proc/self/fd/2\n"
                "ptmx pts/ptmx");
}

Scenario(filesystem, default_devices_work)
{
    struct bundle *bundle = bundle_new();

    need_root();
    assert_text(inside(bundle, "echo gone >/dev/null; head -c 4 /dev/zero | od -An -tx1; "
                               "head -c 4 /dev/urandom | wc -c; echo x 2>/dev/null >/dev/full || "
                               "echo full; echo out >>/dev/stdout"),
                " 00 00 00 00\n4\nfull\nout");
}

Scenario(filesystem, listed_devices_are_made_as_listed)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_set(bundle, "linux.devices",
               "[{\"path\":\"/dev/mine\",\"type\":\"c\",\"major\":1,\"minor\":5,\"fileMode\":8608,"
               "\"uid\":7,\"gid\":8},"
               "{\"path\":\"/dev/block/deep\",\"type\":\"b\",\"major\":7,\"minor\":0},"
               "{\"path\":\"/dev/fifo\",\"type\":\"p\",\"fileMode\":384}]");
    assert_text(inside(bundle, "cd /dev; stat -c '%n %t:%T %a %u:%g %F' mine block/deep; "
                               "stat -c '%n %a %F' fifo"),
                "mine 1:5 640 7:8 character special file\n"
                "block/deep 7:0 666 0:0 block special file\n"
                "fifo 600 fifo");
}

Scenario(filesystem, devices_in_a_user_namespace_are_the_hosts)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_map_users(bundle, 100000, 65536);
    bundle_set(bundle, "linux.devices",
               "[{\"path\":\"/dev/fuse\",\"type\":\"c\",\"major\":10,\"minor\":229}]");
    if (!file_exists("/dev/fuse"))
        bundle_remove(bundle, "linux.devices");
    assert_text(inside(bundle, "cd /dev; stat -c '%n %t:%T' null zero tty; echo x >null; "
                               "head -c 2 zero | od -An -tx1"),
                "null 1:3\nzero 1:5\ntty 5:0\n 00 00");
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

Scenario(filesystem, the_cgroup_mount_without_a_cgroup_namespace)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_without_namespace(bundle, "cgroup");
    bundle_mount(bundle, "/sys/fs/cgroup", "cgroup", "cgroup",
                 "\"nosuid\",\"noexec\",\"nodev\",\"ro\"");
    bundle_set(bundle, "linux.resources.pids.limit", "123");
    assert_text(inside(bundle, "cd /sys/fs/cgroup; cat pids.max pids/pids.max 2>/dev/null; "
                               "mkdir x pids/x 2>/dev/null || echo read-only"),
                "123\nread-only");
}

/* Each of v1's hierarchies is a mount of its own. */
Scenario(filesystem, the_cgroup_mounts_propagate_as_they_are_told)
{
    static const char *const propagations[] = {"rslave", "rprivate"};

    need_root();
    for (size_t i = 0; i < count_of(propagations); i++) {
        struct bundle *bundle = bundle_new();
        const char *seen;

        bundle_without_namespace(bundle, "cgroup");
        bundle_mount(bundle, "/sys/fs/cgroup", "cgroup", "cgroup",
                     text("\"ro\",\"%s\"", propagations[i]));
        seen = inside(bundle, "grep ' /sys/fs/cgroup' /proc/self/mountinfo");
        cr_assert((strstr(seen, "master:") != NULL) == (i == 0), "%s: %s", propagations[i], seen);
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

/* lxcfs's places are allowed. */
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

/* --- id-mapped mounts ------------------------------------------------------------------------- */

/* A directory on a tmpfs of our own: not every file system of a host can be id-mapped. */
static const char *mappable_directory(void)
{
    const char *directory = work_path("mappable");

    cr_assert(mkdir(directory, 0755) == 0);
    cr_assert(kernel_mount("none", directory, "tmpfs", 0, "mode=755") == 0);
    return directory;
}

Scenario(filesystem, an_idmapped_mount_shows_its_own_owners)
{
    struct bundle *bundle = bundle_new();
    const char *directory;
    struct outcome outcome;

    need_root();
    directory = mappable_directory();
    work_file("mappable/file", "content");
    bundle_set(bundle, "mounts[+]",
               "{\"destination\":\"/work\",\"type\":\"none\",\"source\":\"%s\",\"options\":["
               "\"bind\",\"idmap\"],\"uidMappings\":[{\"containerID\":0,\"hostID\":5000,"
               "\"size\":10}],\"gidMappings\":[{\"containerID\":0,\"hostID\":6000,\"size\":10}]}",
               directory);
    bundle_script(bundle, "stat -c %u:%g /work/file; cat /work/file");
    outcome = bundle_run(bundle);
    cr_assert(kernel_umount(directory, MNT_DETACH) == 0);
    if (outcome.code == 1 && strstr(outcome.err, "Invalid argument") != NULL)
        skip("this kernel cannot id-map a tmpfs (6.3)");
    assert_ok(outcome);
    assert_text(outcome.out, "5000:6000\ncontent");
}

/* Files of the host's root are the container's root's, in a user namespace, without a chown. */
Scenario(filesystem, an_idmapped_mount_takes_the_containers_mappings)
{
    struct bundle *bundle = bundle_new();
    const char *directory;
    struct outcome outcome;

    need_root();
    directory = mappable_directory();
    work_file("mappable/file", "content");
    bundle_map_users(bundle, 100000, 65536);
    bundle_mount(bundle, "/work", "none", directory, "\"bind\",\"idmap\"");
    bundle_script(bundle, "stat -c %u:%g /work/file; echo new >/work/new");
    outcome = bundle_run(bundle);
    if (outcome.code == 0) {
        struct stat status;

        cr_assert(stat(text("%s/new", directory), &status) == 0);
        cr_assert(status.st_uid == 0, "uid %u", (unsigned)status.st_uid);
    }
    cr_assert(kernel_umount(directory, MNT_DETACH) == 0);
    if (outcome.code == 1 && strstr(outcome.err, "Invalid argument") != NULL)
        skip("this kernel cannot id-map a tmpfs (6.3)");
    assert_ok(outcome);
    assert_text(outcome.out, "0:0\n");
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
    const char *place = work_path("tmpfs");

    need_root();
    cr_assert(mkdir(place, 0755) == 0);
    cr_assert(kernel_mount("none", place, "tmpfs", MS_NOSUID | MS_NODEV, NULL) == 0);
    assert_ok(program_run(PROGRAM(.arguments = (const char *[]){"cp", "-a", moved->rootfs,
                                                                text("%s/root", place), NULL})));
    bundle_set(bundle, "root.path", "\"%s/root\"", place);
    assert_text(inside(bundle, "echo here; echo x >/dev/null; touch /new"), "here");
    bundle_set(bundle, "root.readonly", "true");
    assert_text(inside(bundle, MOUNT_OPTIONS("/")), "ro,nosuid,nodev,relatime");
    cr_assert(kernel_umount(place, MNT_DETACH) == 0);
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

/* Whoever is root in a user namespace does not get rid of what the host locked. */
Scenario(filesystem, a_bind_in_a_user_namespace_keeps_locked_flags)
{
    struct bundle *bundle = bundle_new();
    const char *place = work_path("locked");

    need_root();
    cr_assert(mkdir(place, 0755) == 0);
    cr_assert(kernel_mount("none", place, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) == 0);
    bundle_map_users(bundle, 100000, 65536);
    bundle_mount(bundle, "/work", "none", place, "\"rbind\",\"ro\"");
    assert_has(inside(bundle, MOUNT_OPTIONS("/work")), "ro,nosuid,nodev,noexec");
    cr_assert(kernel_umount(place, MNT_DETACH) == 0);
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

/* runc hands them to the kernel, where a file system that has ACLs has them anyway. */
Scenario(filesystem, acl_and_noacl_are_accepted)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_mount(bundle, "/one", "tmpfs", "tmpfs", "\"acl\",\"nosuid\"");
    bundle_mount(bundle, "/two", "tmpfs", "tmpfs", "\"noacl\"");
    bundle_mount(bundle, "/three", "none", scenario_work(), "\"bind\",\"acl\",\"ro\"");
    bundle_mount(bundle, "/four", "none", scenario_work(), "\"bind\",\"noacl\"");
    assert_has(inside(bundle, "cat /proc/self/mounts"), " /three ");
    assert_has(text(",%s,", inside(bundle, MOUNT_OPTIONS("/one"))), ",nosuid,");
    assert_has(text(",%s,", inside(bundle, MOUNT_OPTIONS("/three"))), ",ro,");
}
