/* mounts add, mounts remove: what a live container sees of it, and what it can do about it. */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/kernel.h"
#include "base/own.h"
#include "tests/integration/harness/bundle.h"
#include "tests/integration/harness/fuse.h"
#include "tests/integration/harness/host_mounts.h"
#include "tests/integration/harness/scenario.h"

#ifndef RENAME_EXCHANGE
#define RENAME_EXCHANGE 2
#endif

/* The list on standard input. */
#define add(bundle, list)     change((bundle), "add", (list))
#define remove_(bundle, list) change((bundle), "remove", (list))

static struct outcome change(struct bundle *bundle, const char *action, const char *list)
{
    return crun_with(PROGRAM(.input = list), "mounts", action, bundle->id, "-");
}

/* One entry of the list; options as JSON without brackets. */
static char *entry(const char *destination, const char *type, const char *source,
                   const char *options)
{
    return text("{\"destination\":\"%s\",\"type\":\"%s\",\"source\":\"%s\",\"options\":[%s]}",
                destination, type, source, options);
}

static char *bind_of(const char *destination, const char *source, const char *more)
{
    return entry(destination, "none", source, text("\"bind\"%s", more));
}

static char *tmpfs_on(const char *destination)
{
    return entry(destination, "tmpfs", "tmpfs", "\"size=1m\"");
}

/* A directory of the host with a file in it. */
static const char *make_source(void)
{
    const char *source = host_directory("source");

    work_file("source/file", "from outside");
    return source;
}

static const char *mounts_inside(struct bundle *bundle)
{
    return inside_running(bundle, "sed 's/^[0-9]* [0-9]* //' /proc/self/mountinfo");
}

/* Field 6 of the topmost mount there: the options of the mount itself. */
static const char *options_inside(struct bundle *bundle, const char *point)
{
    return mounted_at(inside_running(bundle, "cat /proc/self/mountinfo"), point).options;
}

static bool is_mounted_inside(struct bundle *bundle, const char *point)
{
    return *options_inside(bundle, point) != '\0';
}

static const char *tree_of(const char *directory)
{
    return program_run(PROGRAM(.arguments = (const char *[]){"find", directory, "-printf",
                                                             "%p %y %m %U %s\\n", NULL}))
        .out;
}

/* --- what is added is there ---------------------------------------------------------------------
 */

Scenario(mounts, binds_and_a_tmpfs_are_added_and_removed)
{
    struct bundle *bundle = bundle_new();
    const char *source, *list, *before;

    need_root();
    source = make_source();
    bundle_start(bundle);
    before = mounts_inside(bundle);
    list = text("[%s,%s,%s,%s]", bind_of("/data", source, ""),
                bind_of("/mnt/read-only", source, ",\"ro\""),
                bind_of("/mnt/file", text("%s/file", source), ""),
                entry("/work", "tmpfs", "scratch", "\"size=2m\",\"mode=700\",\"nosuid\""));
    assert_ok(add(bundle, list));
    assert_text(inside_running(bundle, "cat /data/file; echo; cat /mnt/read-only/file /mnt/file"),
                "from outside\nfrom outsidefrom outside");
    assert_text(inside_running(bundle, "echo new >/data/new; touch /mnt/read-only/x 2>&1"
                                       " | sed 's/.*: //'; df -k /work | awk 'END { print $1, $2 "
                                       "}'; stat -c %a /work"),
                "Read-only file system\nscratch 2048\n700");
    assert_text(file_line(text("%s/new", source)), "new");
    assert_has(options_inside(bundle, "/mnt/read-only"), "ro");
    assert_has(options_inside(bundle, "/work"), "rw,nosuid");
    assert_ok(remove_(bundle, list));
    assert_text(mounts_inside(bundle), before);
    assert_text(inside_running(bundle, "ls /data; cat /mnt/file"), "");
    bundle_delete(bundle);
}

Scenario(mounts, a_tmpfs_has_the_mode_of_what_it_covers)
{
    struct bundle *bundle = bundle_new();

    need_root();
    cr_assert(chmod(text("%s/mnt", bundle->rootfs), 01750) == 0);
    bundle_start(bundle);
    assert_ok(add(bundle, text("[%s,%s,%s]", tmpfs_on("/mnt"), tmpfs_on("/missing"),
                               entry("/work", "tmpfs", "tmpfs", "\"mode=711\",\"ro\""))));
    assert_text(inside_running(bundle, "stat -c %a /mnt /missing /work"), "1750\n1777\n711");
    bundle_delete(bundle);
}

Scenario(mounts, the_list_comes_from_a_file_too)
{
    struct bundle *bundle = bundle_new();
    const char *file;

    need_root();
    file = work_file("mounts.json", text("[%s]", tmpfs_on("/work")));
    bundle_start(bundle);
    assert_ok(crun("mounts", "add", bundle->id, file));
    cr_assert(is_mounted_inside(bundle, "/work"));
    assert_ok(crun("mounts", "remove", bundle->id, file));
    cr_assert(!is_mounted_inside(bundle, "/work"));
    bundle_delete(bundle);
}

Scenario(mounts, options_are_in_force)
{
    static const struct {
        const char *options;
        const char *expected;
    } rows[] = {
        {"\"ro\"",                   ",ro,"          },
        {"\"rw\"",                   ",rw,"          },
        {"\"nosuid\",\"nodev\"",     ",nosuid,nodev,"},
        {"\"noexec\"",               ",noexec,"      },
        {"\"noatime\"",              ",noatime,"     },
        {"\"nosymfollow\"",          ",nosymfollow," },
        {"\"ro\",\"rw\",\"nosuid\"", ",rw,nosuid,"   },
    };
    struct bundle *bundle = bundle_new();
    const char *source;

    need_root();
    source = make_source();
    bundle_start(bundle);
    for (size_t i = 0; i < count_of(rows); i++) {
        const char *list = text("[%s,%s]", entry("/work", "tmpfs", "tmpfs", rows[i].options),
                                bind_of("/mnt", source, text(",%s", rows[i].options)));

        assert_ok(add(bundle, list));
        assert_has(text(",%s,", options_inside(bundle, "/work")), rows[i].expected);
        assert_has(text(",%s,", options_inside(bundle, "/mnt")), rows[i].expected);
        assert_ok(remove_(bundle, list));
    }
    bundle_delete(bundle);
}

Scenario(mounts, recursive_options_reach_submounts_and_a_plain_bind_leaves_them)
{
    struct bundle *bundle = bundle_new();
    const char *source;

    need_root();
    source = make_source();
    host_tmpfs("source/below");
    bundle_start(bundle);
    assert_ok(add(bundle, text("[%s,%s,%s]", entry("/a", "none", source, "\"rbind\",\"rro\""),
                               entry("/b", "none", source, "\"rbind\",\"ro\""),
                               bind_of("/c", source, ""))));
    assert_has(options_inside(bundle, "/a/below"), "ro");
    assert_has(options_inside(bundle, "/b"), "ro");
    assert_has(options_inside(bundle, "/b/below"), "rw");
    cr_assert(!is_mounted_inside(bundle, "/c/below"));
    assert_ok(remove_(bundle, "[{\"destination\":\"/a\"},{\"destination\":\"/b\"}]"));
    cr_assert(!is_mounted_inside(bundle, "/a/below") && !is_mounted_inside(bundle, "/b"));
    bundle_delete(bundle);
}

Scenario(mounts, propagation_options)
{
    static const struct {
        const char *option;
        const char *fields;
    } rows[] = {
        {"shared",  "shared:"},
        {"slave",   "master:"},
        {"private", ""       },
    };
    struct bundle *bundle = bundle_new();
    const char *source;

    need_root();
    source = make_source();
    bundle_start(bundle);
    for (size_t i = 0; i < count_of(rows); i++) {
        const char *list = text("[%s]", bind_of("/data", source, text(",\"%s\"", rows[i].option)));
        const char *fields;

        assert_ok(add(bundle, list));
        fields = mounted_at(inside_running(bundle, "cat /proc/self/mountinfo"), "/data").fields;
        if (*rows[i].fields == '\0')
            assert_text(fields, "");
        else
            assert_has(fields, rows[i].fields);
        assert_ok(remove_(bundle, list));
    }
    bundle_delete(bundle);
}

/* The host's mounts are shared in a scenario, as they are under systemd. */
Scenario(mounts, what_is_mounted_inside_does_not_travel_out)
{
    struct bundle *bundle = bundle_new();
    const char *source, *before;

    need_root();
    source = make_source();
    bundle_allow(bundle, "CAP_SYS_ADMIN");
    cr_assert(mkdir(work_path("source/below"), 0755) == 0);
    bundle_start(bundle);
    before = file_text("/proc/self/mountinfo");
    assert_ok(add(bundle, text("[%s]", entry("/data", "none", source, "\"rbind\""))));
    inside_running(bundle, "mount -t tmpfs inner /data/below");
    cr_assert(is_mounted_inside(bundle, "/data/below"));
    assert_text(file_text("/proc/self/mountinfo"), before);
    assert_ok(remove_(bundle, "[{\"destination\":\"/data\"}]"));
    assert_text(file_text("/proc/self/mountinfo"), before);
    bundle_delete(bundle);
}

Scenario(mounts, sources_optional_relative_and_layered)
{
    struct bundle *bundle = bundle_new();
    const char *list;

    need_root();
    cr_assert(mkdir(text("%s/beside", bundle->path), 0755) == 0);
    cr_assert(mkdir(text("%s/upper", bundle->path), 0755) == 0);
    cr_assert(mkdir(text("%s/workdir", bundle->path), 0755) == 0);
    work_file("marker", "");
    bundle_start(bundle);
    list = text("[%s,%s,%s,%s]", bind_of("/gone", work_path("missing"), ",\"optional\""),
                bind_of("/beside", "beside", ""),
                bind_of("/made/on/the/way", work_path("marker"), ""),
                entry("/layers", "overlay", "overlay",
                      text("\"lowerdir=%s\",\"upperdir=%s/upper\",\"workdir=%s/workdir\"",
                           bundle->rootfs, bundle->path, bundle->path)));
    assert_ok(add(bundle, list));
    assert_text(inside_running(bundle, "ls -d /gone /layers/bin /beside 2>/dev/null; "
                                       "echo written >/layers/new; stat -c %F /made/on/the/way"),
                "/beside\n/layers/bin\nregular empty file");
    assert_text(file_line(text("%s/upper/new", bundle->path)), "written");
    bundle_delete(bundle);
}

Scenario(mounts, a_link_as_the_destination_is_covered_itself)
{
    struct bundle *bundle = bundle_new();
    const char *list;

    need_root();
    bundle_file(bundle, "work/real", "behind the link", 0644);
    cr_assert(symlink("real", text("%s/work/name", bundle->rootfs)) == 0);
    list = text("[%s]",
                bind_of("/work/name", text("%s/file", make_source()), ",\"dest-nofollow\""));
    bundle_start(bundle);
    assert_ok(add(bundle, list));
    assert_text(inside_running(bundle, "cat /work/name; echo; cat /work/real"),
                "from outside\nbehind the link");
    assert_ok(remove_(bundle, list));
    assert_text(inside_running(bundle, "readlink /work/name; cat /work/name"),
                "real\nbehind the link");
    bundle_delete(bundle);
}

Scenario(mounts, a_sysfs_shows_the_containers_own_network)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_start(bundle);
    assert_ok(add(bundle, text("[%s]", entry("/mnt", "sysfs", "sysfs", "\"ro\""))));
    assert_text(inside_running(bundle, "ls /mnt/class/net"),
                inside_running(bundle, "ls /sys/class/net"));
    assert_has(options_inside(bundle, "/mnt"), "ro");
    bundle_delete(bundle);
}

Scenario(mounts, a_file_of_proc_that_may_be_replaced)
{
    struct bundle *bundle = bundle_new();
    const char *list;

    need_root();
    list = text("[%s]", bind_of("/proc/uptime", work_file("uptime", "for ever"), ",\"ro\""));
    bundle_start(bundle);
    assert_ok(add(bundle, list));
    assert_text(inside_running(bundle, "cat /proc/uptime"), "for ever");
    assert_ok(remove_(bundle, list));
    assert_lacks(inside_running(bundle, "cat /proc/uptime"), "for ever");
    bundle_delete(bundle);
}

/* Nothing overflows, and what was made on the way goes again. */
Scenario(mounts, the_longest_destination)
{
    struct bundle *bundle = bundle_new();
    char *place = text("/%04094d", 0);
    const char *tree;
    struct outcome outcome;

    need_root();
    for (size_t i = 0; place[i] != '\0'; i++)
        place[i] = i % 100 == 0 ? '/' : 'a';
    tree = tree_of(bundle->rootfs);
    bundle_start(bundle);
    outcome = add(bundle, text("[%s,%s]", tmpfs_on(place), tmpfs_on("/bin/busybox/x")));
    assert_refused(outcome, 1, "mounts[1] /bin/busybox/x");
    assert_text(tree_of(bundle->rootfs), tree);
    assert_ok(add(bundle, text("[%s]", tmpfs_on(place))));
    assert_has(inside_running(bundle, "cat /proc/self/mountinfo"), place);
    assert_ok(remove_(bundle, text("[%s]", tmpfs_on(place))));
    assert_lacks(inside_running(bundle, "cat /proc/self/mountinfo"), place);
    bundle_delete(bundle);
}

/* --- whenever it lives --------------------------------------------------------------------------
 */

Scenario(mounts, before_start_and_while_paused)
{
    struct bundle *bundle = bundle_new();
    const char *source;

    need_root();
    source = make_source();
    bundle_script(bundle, "cat /data/file >/out; trap 'exit 0' TERM; while :; do sleep 1; done");
    assert_ok(crun("create", "-b", bundle->path, bundle->id));
    assert_ok(add(bundle, text("[%s]", bind_of("/data", source, ""))));
    assert_ok(crun("start", bundle->id));
    cr_assert(eventually(file_exists(text("%s/out", bundle->rootfs))));
    cr_assert(eventually(strcmp(file_line(text("%s/out", bundle->rootfs)), "from outside") == 0));
    assert_ok(crun("pause", bundle->id));
    assert_ok(add(bundle, text("[%s]", tmpfs_on("/work"))));
    assert_ok(remove_(bundle, "[{\"destination\":\"/data\"}]"));
    assert_text(bundle_status(bundle), "paused");
    assert_ok(crun("resume", bundle->id));
    cr_assert(is_mounted_inside(bundle, "/work") && !is_mounted_inside(bundle, "/data"));
    bundle_delete(bundle);
}

Scenario(mounts, a_stopped_or_unknown_container_is_refused)
{
    struct bundle *bundle = bundle_new();

    need_root();
    assert_refused(add(bundle, "[]"), 1, "container does not exist");
    bundle_start(bundle);
    assert_ok(crun("kill", bundle->id, "KILL"));
    cr_assert(eventually(strcmp(bundle_status(bundle), "stopped") == 0));
    assert_refused(add(bundle, text("[%s]", tmpfs_on("/work"))), 1,
                   "cannot add mounts of a container that is stopped");
    assert_refused(remove_(bundle, "[]"), 1, "cannot remove mounts of a container that is stopped");
    bundle_delete(bundle);
}

Scenario(mounts, without_pivot_root_it_is_still_the_containers_root)
{
    struct bundle *bundle = bundle_new();
    const char *canary = work_path("canary");

    need_root();
    bundle_script(bundle, "trap 'exit 0' TERM; while :; do sleep 1; done");
    assert_ok(crun("create", "--no-pivot", "-b", bundle->path, bundle->id));
    assert_ok(crun("start", bundle->id));
    assert_ok(add(bundle, text("[%s]", tmpfs_on(canary))));
    cr_assert(!file_exists(canary));
    assert_has(inside_running(bundle, text("df -k %s", canary)), "1024");
    assert_ok(remove_(bundle, text("[%s]", tmpfs_on(canary))));
    assert_lacks(inside_running(bundle, text("df -k %s", canary)), " 1024 ");
    bundle_delete(bundle);
}

Scenario(mounts, without_a_mount_namespace_of_its_own_it_is_refused)
{
    struct bundle *bundle = bundle_new();
    const char *before;

    need_root();
    bundle_without_namespace(bundle, "mount");
    bundle_set(bundle, "mounts", "[]");
    bundle_set(bundle, "linux.maskedPaths", "[]");
    bundle_set(bundle, "linux.readonlyPaths", "[]");
    bundle_start(bundle);
    before = file_text("/proc/self/mountinfo");
    assert_refused(add(bundle, text("[%s]", tmpfs_on("/work"))), 1,
                   "the container has no mount namespace of its own");
    assert_refused(remove_(bundle, "[{\"destination\":\"/tmp\"}]"), 1,
                   "the container has no mount namespace of its own");
    assert_text(file_text("/proc/self/mountinfo"), before);
    bundle_delete(bundle);
}

/* --- user namespaces ----------------------------------------------------------------------------
 */

Scenario(mounts, in_a_user_namespace_places_and_file_systems_are_its_roots)
{
    struct bundle *bundle = bundle_new();
    const char *source, *list;
    struct stat status;

    need_root();
    source = make_source();
    bundle_map_users(bundle, 100000, 65536);
    bundle_start(bundle);
    list = text("[%s,%s,%s]", bind_of("/new/data", source, ",\"ro\""), tmpfs_on("/new/tmpfs"),
                tmpfs_on("/work"));
    assert_ok(add(bundle, list));
    cr_assert(stat(text("%s/new/tmpfs", bundle->rootfs), &status) == 0);
    cr_assert(status.st_uid == 100000, "%u", (unsigned)status.st_uid);
    assert_text(inside_running(bundle, "cat /new/data/file; echo; stat -c %u /new/tmpfs /work; "
                                       "touch /new/tmpfs/x && ls /new/tmpfs; "
                                       "touch /new/data/x 2>/dev/null || echo read-only"),
                "from outside\n0\n0\nx\nread-only");
    assert_ok(remove_(bundle, list));
    cr_assert(!is_mounted_inside(bundle, "/new/data") && !is_mounted_inside(bundle, "/work"));
    bundle_delete(bundle);
}

/* Nobody in the namespace may pass through the directory on the way: the caller opens it. */
Scenario(mounts, in_a_user_namespace_a_source_out_of_reach_is_bound)
{
    struct bundle *bundle = bundle_new();
    const char *closed = work_path("closed");

    need_root();
    cr_assert(mkdir(closed, 0700) == 0 && mkdir(text("%s/open", closed), 0755) == 0);
    work_file("closed/open/file", "reached");
    bundle_map_users(bundle, 100000, 65536);
    bundle_start(bundle);
    assert_ok(add(bundle, text("[%s]", bind_of("/data", text("%s/open", closed), ""))));
    assert_text(inside_running(bundle, "cat /data/file"), "reached");
    bundle_delete(bundle);
}

Scenario(mounts, in_a_user_namespace_the_hosts_flags_stay)
{
    struct bundle *bundle = bundle_new();
    const char *place;

    need_root();
    place = host_tmpfs("locked");
    host_set_mount_flags(place, MS_NOSUID | MS_NODEV | MS_RDONLY);
    bundle_map_users(bundle, 100000, 65536);
    bundle_allow(bundle, "CAP_SYS_ADMIN");
    bundle_start(bundle);
    assert_ok(add(bundle, text("[%s]", bind_of("/data", place, ""))));
    assert_has(options_inside(bundle, "/data"), "ro,nosuid,nodev");
    inside_running(bundle, "mount -o remount,bind,rw /data 2>/dev/null; true");
    assert_has(options_inside(bundle, "/data"), "ro,nosuid,nodev");
    bundle_delete(bundle);
}

Scenario(mounts, ids_are_mapped_as_asked)
{
    struct bundle *bundle = bundle_new();
    const char *directory;
    struct outcome outcome;

    need_root();
    directory = host_tmpfs("mappable");
    work_file("mappable/file", "");
    bundle_map_users(bundle, 100000, 65536);
    bundle_start(bundle);
    outcome = add(bundle, text("[%s]", bind_of("/data", directory, ",\"idmap\"")));
    if (outcome.code == 0)
        assert_text(inside_running(bundle, "stat -c %u:%g /data/file"), "0:0");
    bundle_delete(bundle);
    if (outcome.code == 1 && strstr(outcome.err, "Invalid argument") != NULL)
        skip("this kernel cannot id-map a tmpfs (6.3)");
    assert_ok(outcome);
}

/* --- all or nothing -----------------------------------------------------------------------------
 */

Scenario(mounts, when_one_cannot_be_added_the_others_are_undone)
{
    struct bundle *bundle = bundle_new();
    const char *source, *before, *tree;

    need_root();
    source = make_source();

    const struct {
        const char *bad;
        const char *message;
    } rows[] = {
        {bind_of("/x",            work_path("missing"), ""), "mounts[2] /x: source"},
        {bind_of("/etc/hostname", source,                     ""),
         "mounts[2] /etc/hostname: cannot mount a directory on a file"},
        {bind_of("/mnt",                 text("%s/file",              source), ""),
         "mounts[2] /mnt: cannot mount a file on a directory"},
        {tmpfs_on("/etc/hostname/below"),                       "mounts[2] /etc/hostname/below"                             },
        {entry("/y/z",                "tmpfs",                    "tmpfs", "\"size=nonsense\""), "mounts[2] /y/z"},
        {entry("/y/z",                       "nonsense",             "x", ""), "mounts[2] /y/z"},
        {tmpfs_on("/lie"),                       "mounts[2] /lie"  },
    };

    bundle_file(bundle, "etc/hostname", "inside", 0644);
    cr_assert(symlink("/proc/1", text("%s/lie", bundle->rootfs)) == 0);
    bundle_start(bundle);
    before = mounts_inside(bundle);
    tree = tree_of(bundle->rootfs);
    for (size_t i = 0; i < count_of(rows); i++) {
        assert_refused(
            add(bundle, text("[%s,%s,%s]", bind_of("/made/for/data", source, ""),
                             bind_of("/made/file", text("%s/file", source), ""), rows[i].bad)),
            1, rows[i].message);
        assert_text(mounts_inside(bundle), before);
        assert_text(tree_of(bundle->rootfs), tree);
    }
    bundle_delete(bundle);
}

/* A link that leads nowhere is made: more, and elsewhere, than the names of the destination say. */
Scenario(mounts, what_a_dangling_link_made_is_undone)
{
    struct bundle *bundle = bundle_new();
    const char *before, *tree;

    need_root();
    cr_assert(symlink("t/..", text("%s/d", bundle->rootfs)) == 0);
    bundle_file(bundle, "etc/hostname", "inside", 0644);
    bundle_start(bundle);
    before = mounts_inside(bundle);
    tree = tree_of(bundle->rootfs);
    assert_refused(add(bundle, text("[%s,%s,%s]", tmpfs_on("/first"), tmpfs_on("/d/x/y"),
                                    tmpfs_on("/etc/hostname"))),
                   1, "mounts[2] /etc/hostname: cannot mount a directory on a file");
    assert_text(mounts_inside(bundle), before);
    assert_text(tree_of(bundle->rootfs), tree);
    bundle_delete(bundle);
}

Scenario(mounts, when_one_is_no_mount_none_is_removed)
{
    static const struct {
        const char *bad;
        const char *message;
    } rows[] = {
        {"/mnt",           "mounts[2].destination: /mnt: nothing is mounted there"       },
        {"/work/below",    "mounts[2].destination: /work/below: nothing is mounted there"},
        {"/missing/place", "mounts[2].destination: /missing/place: No such file"         },
    };
    struct bundle *bundle = bundle_new();
    const char *before;

    need_root();
    bundle_start(bundle);
    assert_ok(add(bundle, text("[%s,%s]", tmpfs_on("/work"), tmpfs_on("/data"))));
    inside_running(bundle, "mkdir /work/below");
    before = mounts_inside(bundle);
    for (size_t i = 0; i < count_of(rows); i++) {
        assert_refused(remove_(bundle, text("[%s,%s,{\"destination\":\"%s\"}]", tmpfs_on("/work"),
                                            tmpfs_on("/data"), rows[i].bad)),
                       1, rows[i].message);
        assert_text(mounts_inside(bundle), before);
    }
    bundle_delete(bundle);
}

/* Twice the same place in the list, and only one mount there: found out before it is touched, for
 * who was in it would not be in what is mounted again. */
Scenario(mounts, what_is_listed_twice_must_be_there_twice)
{
    struct bundle *bundle = bundle_new();
    const char *list, *ids;

    need_root();
    bundle_start(bundle);
    assert_ok(add(bundle, text("[%s]", tmpfs_on("/work"))));
    ids = inside_running(bundle, "cat /proc/self/mountinfo");
    list = "[{\"destination\":\"/work\"},{\"destination\":\"/work\"}]";
    assert_refused(remove_(bundle, list), 1,
                   "mounts[0].destination: /work: nothing is mounted there");
    assert_text(inside_running(bundle, "cat /proc/self/mountinfo"), ids);
    assert_ok(add(bundle, text("[%s]", tmpfs_on("/work"))));
    assert_ok(remove_(bundle, list));
    cr_assert(!is_mounted_inside(bundle, "/work"));
    bundle_delete(bundle);
}

/* The copy in which it is found out must not share what is done in it. */
Scenario(mounts, what_is_shared_is_not_touched_either_when_a_removal_fails)
{
    struct bundle *bundle = bundle_new();
    const char *ids;

    need_root();
    bundle_set(bundle, "linux.rootfsPropagation", "\"rshared\"");
    bundle_start(bundle);
    assert_ok(add(bundle, text("[%s,%s]", tmpfs_on("/work"), tmpfs_on("/work/below"))));
    ids = inside_running(bundle, "cat /proc/self/mountinfo");
    assert_has(ids, "shared:");
    assert_refused(remove_(bundle, "[{\"destination\":\"/mnt\"},{\"destination\":\"/work\"}]"), 1,
                   "mounts[0].destination: /mnt: nothing is mounted there");
    assert_text(inside_running(bundle, "cat /proc/self/mountinfo"), ids);
    assert_ok(remove_(bundle, "[{\"destination\":\"/work\"}]"));
    cr_assert(!is_mounted_inside(bundle, "/work"));
    bundle_delete(bundle);
}

Scenario(mounts, the_last_one_is_removed_first)
{
    struct bundle *bundle = bundle_new();
    const char *list = text("[%s,%s]", tmpfs_on("/work"), tmpfs_on("/work/deeper/still"));

    need_root();
    bundle_start(bundle);
    assert_ok(add(bundle, list));
    cr_assert(is_mounted_inside(bundle, "/work/deeper/still"));
    assert_ok(remove_(bundle, list));
    cr_assert(!is_mounted_inside(bundle, "/work/deeper/still"));
    assert_text(inside_running(bundle, "ls -A /work"), "");
    bundle_delete(bundle);
}

/* A mount in use is taken out of sight; who has a file open keeps it. */
Scenario(mounts, files_that_are_open_stay_open)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_script(bundle, "while [ ! -e /work/file ]; do sleep 0.05; done; exec 3</work/file; "
                          "cd /work; touch /opened; while [ -e /work/file ]; do sleep 0.05; done; "
                          "cat <&3 >/out; trap 'exit 0' TERM; while :; do sleep 1; done");
    bundle_start_as_is(bundle);
    assert_ok(add(bundle, text("[%s]", tmpfs_on("/work"))));
    inside_running(bundle, "echo kept >/work/.file; mv /work/.file /work/file");
    cr_assert(eventually(file_exists(text("%s/opened", bundle->rootfs))));
    assert_ok(remove_(bundle, "[{\"destination\":\"/work\"}]"));
    cr_assert(!is_mounted_inside(bundle, "/work"));
    cr_assert(eventually(file_exists(text("%s/out", bundle->rootfs)) &&
                         strcmp(file_line(text("%s/out", bundle->rootfs)), "kept") == 0));
    bundle_delete(bundle);
}

/* --- containers that lie ------------------------------------------------------------------------
 */

static void lie(struct bundle *bundle, const char *path, const char *target)
{
    cr_assert(symlink(target, text("%s/%s", bundle->rootfs, path)) == 0);
}

Scenario(mounts, links_stay_inside_and_are_followed_there)
{
    struct bundle *bundle = bundle_new();
    const char *canary = work_path("canary"), *before, *host, *list;

    need_root();
    cr_assert(mkdir(canary, 0755) == 0);
    before = tree_of(canary);
    lie(bundle, "absolute", canary);
    lie(bundle, "relative", text("../../../../../../../..%s", canary));
    lie(bundle, "inner", "/mnt");
    bundle_start(bundle);
    host = file_text("/proc/self/mountinfo");
    list = text("[%s,%s,%s]", tmpfs_on("/absolute/x"), tmpfs_on("/relative"),
                tmpfs_on("/inner/place"));
    assert_ok(add(bundle, list));
    assert_text(tree_of(canary), before);
    assert_text(file_text("/proc/self/mountinfo"), host);
    cr_assert(is_mounted_inside(bundle, text("%s/x", canary)));
    cr_assert(is_mounted_inside(bundle, canary));
    cr_assert(is_mounted_inside(bundle, "/mnt/place"));
    assert_refused(remove_(bundle, list), 1,
                   "/inner/place: is not removed by way of symbolic links: it leads to /mnt/place");
    cr_assert(is_mounted_inside(bundle, "/mnt/place"));
    list = text("[%s,%s,%s]", tmpfs_on(text("%s/x", canary)), tmpfs_on(canary),
                tmpfs_on("/mnt/place"));
    assert_ok(remove_(bundle, list));
    cr_assert(!is_mounted_inside(bundle, "/mnt/place"));
    bundle_delete(bundle);
}

/* A destination of the caller's that the container turns into another. */
Scenario(mounts, what_is_protected_cannot_be_covered_or_laid_open)
{
    static const struct {
        const char *target;
        const char *message;
    } rows[] = {
        {"/",             "leads to the root itself"},
        {"/sys/firmware", "linux.maskedPaths[7]"    },
        {"/sys",          "linux.maskedPaths[7]"    },
        {"/secret/deep",  "linux.maskedPaths[8]"    },
        {"/fixed",        "linux.readonlyPaths[5]"  },
        {"/proc/kcore",   "proc"                    },
        {"/proc/acpi",    "proc"                    },
        {"/proc/sys",     "proc"                    },
        {"/proc",         "proc"                    },
        {"/proc/1/fd",    "proc"                    },
    };
    struct bundle *bundle = bundle_new();
    const char *before;

    need_root();
    bundle_set(bundle, "linux.maskedPaths[+]", "\"/alias/deep\"");
    bundle_set(bundle, "linux.readonlyPaths[+]", "\"/fixed\"");
    cr_assert(mkdir(text("%s/secret", bundle->rootfs), 0755) == 0);
    cr_assert(mkdir(text("%s/secret/deep", bundle->rootfs), 0755) == 0);
    cr_assert(mkdir(text("%s/fixed", bundle->rootfs), 0755) == 0);
    lie(bundle, "alias", "/secret");
    bundle_start(bundle);
    before = mounts_inside(bundle);
    for (size_t i = 0; i < count_of(rows); i++) {
        struct outcome outcome;
        const char *link = text("/lie%zu", i);

        if (strncmp(rows[i].target, "/proc", 5) == 0 &&
            strcmp(inside_running(bundle, text("ls -d %s 2>/dev/null || true", rows[i].target)),
                   "") == 0)
            continue; /* not every kernel has it */
        lie(bundle, link + 1, rows[i].target);
        outcome = add(bundle, text("[%s]", tmpfs_on(link)));
        cr_assert(outcome.code == 1, "%s was covered", rows[i].target);
        if (strcmp(rows[i].target, "/proc/kcore") != 0)
            assert_has(outcome.err, rows[i].message);
        outcome = remove_(bundle, text("[{\"destination\":\"%s\"}]", link));
        cr_assert(outcome.code == 1, "%s was laid open", rows[i].target);
        assert_has(outcome.err, text("mounts[0].destination: "));
        assert_text(mounts_inside(bundle), before);
    }
    bundle_delete(bundle);
}

/* A container cannot move a mount, but the directories around it. */
Scenario(mounts, what_protects_is_not_removed_whatever_its_name_is_now)
{
    static const struct {
        const char *script; /* turns /data/vol, where a tmpfs is, into the cover */
        const char *message;
    } rows[] = {
        {"mkdir /data; ln -s /kept/vol /data/vol", "it leads to /kept/vol"                     },
        {"mv /kept /data",                         "that mount covers a path of linux.masked"  },
        {"mv /data.masked /data",                  "that mount covers a path of linux.masked"  },
        {"mv /data.fixed /data",                   "that mount covers a path of linux.readonly"},
    };
    struct bundle *bundle = bundle_new();
    const char *before;

    need_root();
    bundle_set(bundle, "linux.maskedPaths[+]", "\"/etc/vol\"");
    bundle_set(bundle, "linux.maskedPaths[+]", "\"/srv/vol\"");
    bundle_set(bundle, "linux.readonlyPaths[+]", "\"/opt/vol\"");
    inside(bundle, "mkdir -p /etc /srv/vol /opt/vol; echo secret >/etc/vol");
    bundle_start(bundle);
    assert_ok(add(bundle, text("[%s]", tmpfs_on("/data/vol"))));
    before = inside_running(bundle, "wc -l </proc/self/mountinfo");
    inside_running(bundle, "mv /data /data.own; mv /etc /kept; mv /srv /data.masked; "
                           "mv /opt /data.fixed");
    for (size_t i = 0; i < count_of(rows); i++) {
        inside_running(bundle, rows[i].script);
        assert_refused(remove_(bundle, "[{\"destination\":\"/data/vol\"}]"), 1, rows[i].message);
        assert_text(inside_running(bundle, "wc -l </proc/self/mountinfo"), before);
        inside_running(bundle, text("mv /data /gone%zu", i));
    }
    inside_running(bundle, "mv /data.own /data");
    assert_ok(remove_(bundle, "[{\"destination\":\"/data/vol\"}]"));
    cr_assert(!is_mounted_inside(bundle, "/data/vol"));
    bundle_delete(bundle);
}

Scenario(mounts, a_first_process_with_a_root_of_its_own_is_refused)
{
    struct bundle *bundle = bundle_new();
    const char *before;

    need_root();
    bundle_allow(bundle, "CAP_SYS_CHROOT");
    bundle_set(bundle, "linux.maskedPaths[+]", "\"/jail/secret\"");
    inside(bundle, "mkdir -p /jail/bin /jail/secret; cp /bin/busybox /jail/bin/");
    bundle_script(bundle, "exec chroot /jail /bin/busybox sleep 1000");
    bundle_start_as_is(bundle);
    cr_assert(eventually(
        strcmp(file_line(text("/proc/%d/comm", (int)bundle_pid(bundle))), "busybox") == 0));
    before = file_text(text("/proc/%d/mountinfo", (int)bundle_pid(bundle)));
    assert_refused(remove_(bundle, "[{\"destination\":\"/secret\"}]"), 1,
                   "another root than its mount namespace");
    assert_refused(add(bundle, text("[%s]", tmpfs_on("/work"))), 1,
                   "another root than its mount namespace");
    assert_text(file_text(text("/proc/%d/mountinfo", (int)bundle_pid(bundle))), before);
    assert_ok(crun("kill", bundle->id, "KILL"));
    bundle_delete(bundle);
}

static pid_t start_exchanging(const char *one, const char *other)
{
    pid_t pid = fork();

    if (pid == 0) {
        for (;;)
            syscall(SYS_renameat2, AT_FDCWD, one, AT_FDCWD, other, RENAME_EXCHANGE);
    }
    return pid;
}

/* CVE-2021-30465 on a live container: each time it is there whole, or not at all, and never on the
 * host. */
Scenario(mounts, a_race_for_the_destination_is_won_or_lost_inside)
{
    struct bundle *bundle = bundle_new();
    const char *canary = work_path("canary"), *source, *before, *host;
    pid_t attacker;
    int added = 0;

    need_root();
    source = make_source();
    cr_assert(mkdir(canary, 0755) == 0);
    before = tree_of(canary);
    cr_assert(mkdir(text("%s/work/real", bundle->rootfs), 0755) == 0);
    lie(bundle, "work/link", text("../../../../../../../../..%s", canary));
    bundle_start(bundle);
    host = file_text("/proc/self/mountinfo");
    attacker = start_exchanging(text("%s/work/real", bundle->rootfs),
                                text("%s/work/link", bundle->rootfs));
    for (int i = 0; i < 60; i++) {
        struct outcome outcome = add(
            bundle, text("[%s,%s]", tmpfs_on(text("/work/real/d%d", i)),
                         bind_of(text("/work/real/f%d", i), text("%s/file", source), "")));

        cr_assert(outcome.code == 0 || outcome.code == 1, "%d: %s", outcome.code, outcome.err);
        added += outcome.code == 0;
    }
    kill(attacker, SIGKILL);
    waitpid(attacker, NULL, 0);
    assert_text(tree_of(canary), before);
    assert_text(file_text("/proc/self/mountinfo"), host);
    assert_text(inside_running(bundle, "grep -cE '/[df][0-9]+ ' /proc/self/mountinfo; true"),
                text("%d", 2 * added));
    bundle_delete(bundle);
}

/* A file system of the container's own (FUSE) that never answers, on the way to the destination. */
Scenario(mounts, a_file_system_that_does_not_answer_is_given_up)
{
    struct bundle *bundle = bundle_new();
    const char *place = text("%s/work/fuse", bundle->rootfs);
    const char *mounts, *after;
    struct outcome added, removed;
    int fuse, mounted;

    need_root();
    fuse = open("/dev/fuse", O_RDWR | O_CLOEXEC);
    if (fuse < 0)
        skip("no /dev/fuse here");
    cr_assert(mkdir(place, 0755) == 0);
    mounted = kernel_mount("hanging", place, "fuse", 0,
                           text("fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other", fuse));
    cr_assert(mounted == 0, "%s", strerror(errno));
    bundle_start(bundle);
    mounts = mounts_inside(bundle);
    added = add(bundle, text("[%s,%s,%s]", tmpfs_on("/first"), tmpfs_on("/made/on/the/way"),
                             tmpfs_on("/work/fuse/x")));
    removed = remove_(bundle, "[{\"destination\":\"/work/fuse/x\"}]");
    after = mounts_inside(bundle);
    cr_assert(kernel_umount(place, MNT_DETACH) == 0);
    close(fuse);
    assert_refused(added, 1, "gave up after 10 s: does the container serve a file system");
    assert_refused(removed, 1, "gave up after 10 s");
    assert_text(after, mounts);
    cr_assert(!file_exists(text("%s/first", bundle->rootfs)));
    cr_assert(!file_exists(text("%s/made", bundle->rootfs)));
    assert_text(bundle_status(bundle), "running");
    bundle_delete(bundle);
}

/* What is made there must not be closed: that flushes it, and no signal ends the wait for it. */
Scenario(mounts, a_file_system_that_does_not_let_go_holds_nobody)
{
    struct bundle *bundle = bundle_new();
    const char *place = text("%s/work/fuse", bundle->rootfs);
    struct outcome added, removed;
    const char *content, *list;
    pid_t server;

    need_root();
    list = text("[%s]", bind_of("/work/fuse/file", work_file("marker", "reached"), ""));
    cr_assert(mkdir(place, 0755) == 0);
    server = fuse_mount(place);
    if (server < 0)
        skip("no /dev/fuse here");
    bundle_start(bundle);
    added = add(bundle, list);
    content = inside_running(bundle, "cat /work/fuse/file");
    removed = remove_(bundle, list);
    fuse_end(server, place);
    assert_ok(added);
    assert_text(content, "reached");
    assert_ok(removed);
    bundle_delete(bundle);
}

/* --- bad input ----------------------------------------------------------------------------------
 */

static const struct {
    const char *list;
    const char *message;
} bad_lists[] = {
    {"",                                                                                            "standard input: "                                            },
    {"{}",                                                                                          "standard input: expected array, found object"                },
    {"[",                                                                                           "standard input: line 1, column 2: unexpected end of the text"},
    {"[7]",                                                                                         "standard input: mounts[0]: expected object, found number"    },
    {"[{}]",                                                                                        "standard input: mounts[0]: missing \"destination\""          },
    {"[{\"destination\":\"\"}]",                                                                    "mounts[0].destination: is empty"                             },
    {"[{\"destination\":\"/\"}]",                                                                   "mounts[0].destination: \"/\" is the root itself"             },
    {"[{\"destination\":\"/a/../b\"}]",                                                             "mounts[0].destination: \"/a/../b\" has \"..\" in it"         },
    {"[{\"destination\":\"/proc\",\"type\":\"none\",\"source\":\"/proc\",\"options\":[\"bind\"]}]",
     "mounts[0].destination: /proc: /proc of a live container stays as it is"                                                                                     },
    {"[{\"destination\":\"/sys\",\"type\":\"tmpfs\"}]",
     "mounts[0].destination: /sys: linux.maskedPaths[7] (/sys/firmware) is protected"                                                                             },
};

/* What adding alone looks at. */
static const struct {
    const char *list;
    const char *message;
} bad_mounts[] = {
    {"[{\"destination\":\"/x\"}]",                                                             "mounts[0].type: is missing"                },
    {"[{\"destination\":\"/x\",\"options\":[\"bind\"]}]",                                      "mounts[0].source: is missing"              },
    {"[{\"destination\":\"/x\",\"type\":\"proc\"}]",
     "mounts[0].type: proc can only be mounted when a container is created"                                                                },
    {"[{\"destination\":\"/x\",\"type\":\"cgroup\"}]",
     "mounts[0].type: cgroup can only be mounted when"                                                                                     },
    {"[{\"destination\":\"/proc/sys\",\"type\":\"tmpfs\"}]",
     "mounts[0].destination: /proc/sys may not be covered by a mount"                                                                      },
    {"[{\"destination\":\"/x\",\"type\":\"tmpfs\",\"options\":[\"remount\"]}]",
     "mounts[0].options: \"remount\" changes a mount instead of adding one"                                                                },
    {"[{\"destination\":\"/x\",\"type\":\"tmpfs\",\"options\":[\"tmpcopyup\"]}]",
     "mounts[0].options: \"tmpcopyup\" is for the creation of a container"                                                                 },
    {"[{\"destination\":\"/x\",\"type\":\"tmpfs\",\"options\":[\"iversion\"]}]",
     "mounts[0].options: \"iversion\" is for the creation of a container"                                                                  },
    {"[{\"destination\":\"/x\",\"source\":\"/etc\",\"options\":[\"bind\",\"copy-symlink\"]}]",
     "mounts[0].options: \"copy-symlink\" is for the creation of a container"                                                              },
    {"[{\"destination\":\"/x\",\"source\":\"/etc\",\"options\":[\"bind\",\"src-nofollow\"]}]",
     "mounts[0].options: \"src-nofollow\" is for the creation of a container"                                                              },
    {"[{\"destination\":\"/x\",\"source\":\"/etc\",\"options\":[\"bind\",\"size=1m\"]}]",
     "mounts[0].options[1]: \"size\" is no option of a bind mount"                                                                         },
    {"[{\"destination\":\"/x\",\"source\":\"/etc\",\"options\":[\"bind\"],\"uidMappings\":[]},"
     "{\"destination\":\"/y\",\"source\":\"/etc\",\"options\":[\"bind\"],\"uidMappings\":"
     "[{\"containerID\":0,\"hostID\":0,\"size\":1}]}]",                                   "mounts[1]: uidMappings without gidMappings"},
};

Scenario(mounts, bad_lists_are_refused_by_their_place)
{
    struct bundle *bundle = bundle_new();
    const char *before;

    need_root();
    bundle_start(bundle);
    before = mounts_inside(bundle);
    for (size_t i = 0; i < count_of(bad_lists); i++) {
        assert_refused(add(bundle, bad_lists[i].list), 1, bad_lists[i].message);
        assert_refused(remove_(bundle, bad_lists[i].list), 1, bad_lists[i].message);
    }
    for (size_t i = 0; i < count_of(bad_mounts); i++)
        assert_refused(add(bundle, bad_mounts[i].list), 1, bad_mounts[i].message);
    assert_ok(add(bundle, "[]"));
    assert_ok(remove_(bundle, "[]"));
    assert_text(mounts_inside(bundle), before);
    assert_refused(crun("mounts", "change", bundle->id, "-"), 1,
                   "\"change\" is not one of add, remove");
    assert_refused(crun("mounts", "add", bundle->id, work_path("missing")), 1, "missing");
    bundle_delete(bundle);
}
