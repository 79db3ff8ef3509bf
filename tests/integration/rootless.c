/*
 * Containers of an ordinary user: a user namespace, and nothing that needs rights on the host.
 *
 * As root these tests let the program be a user of no rights; as that user they run as they are.
 */

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/kernel.h"
#include "base/own.h"
#include "tests/integration/harness/bundle.h"
#include "tests/integration/harness/host_mounts.h"
#include "tests/integration/harness/json.h"
#include "tests/integration/harness/scenario.h"

enum { STRANGER = 54321, SUB_IDS = 700000 };

static unsigned user(void)
{
    return geteuid() == 0 ? STRANGER : geteuid();
}

/* `run` and friends as that user, with a state root of its own. */
#define as_user(...) run_as_user(NULL, (const char *[]){__VA_ARGS__, NULL})

static const char *root_of_user(void)
{
    const char *root = work_path("state");

    if (!file_exists(root))
        cr_assert(mkdir(root, 0700) == 0 && lchown(root, user(), user()) == 0);
    return root;
}

static struct outcome run_as_user(const char *input, const char *const *arguments)
{
    const char *all[32] = {scenario_program(), "--root", root_of_user()};
    size_t count = 3;

    while (*arguments != NULL)
        all[count++] = *arguments++;
    return program_run(
        PROGRAM(.arguments = all, .input = input, .user = geteuid() == 0 ? STRANGER : 0));
}

static void need_reachable_program(void)
{
    if (program_run(PROGRAM(.arguments = (const char *[]){scenario_program(), "--version", NULL},
                            .user = geteuid() == 0 ? STRANGER : 0))
            .code != 0)
        skip("the program cannot be executed by an ordinary user where it lies");
}

/* A bundle that user can run, or a skip where the kernel gives it no user namespaces. */
static struct bundle *bundle_for_user(void)
{
    struct outcome can = program_run(
        PROGRAM(.arguments = (const char *[]){"unshare", "-Ur", "true", NULL},
                .user = geteuid() == 0 ? STRANGER : 0));
    struct bundle *bundle;

    if (can.code != 0)
        skip("this kernel gives ordinary users no user namespaces: %s", can.err);
    need_reachable_program();
    bundle = geteuid() == 0 ? bundle_new_for_user(STRANGER) : bundle_new_rootless();
    return bundle;
}

static const char *inside_as_user(struct bundle *bundle, const char *script)
{
    struct outcome outcome;

    bundle_script(bundle, script);
    outcome = as_user("run", "-b", bundle->path, bundle->id);
    assert_ok(outcome);
    return outcome.out;
}

Scenario(rootless, runs_as_root_inside)
{
    struct bundle *bundle = bundle_for_user();

    assert_text(inside_as_user(bundle, "id -u; id -g; hostname; echo $$; tr -s ' ' "
                                       "</proc/self/uid_map; cat /proc/self/setgroups"),
                text("0\n0\ninside\n1\n 0 %u 1\ndeny\n", user()));
}

Scenario(rootless, has_devices_network_and_mounts)
{
    struct bundle *bundle = bundle_for_user();

    assert_text(inside_as_user(bundle, "echo x >/dev/null && head -c 2 /dev/zero | wc -c; "
                                       "ls /sys/class/net; ip -o addr show lo | grep -c 127; "
                                       "touch /dev/shm/x && echo shm; mount -t tmpfs x /mnt 2>&1 | "
                                       "head -n 1; cat /proc/kcore | wc -c"),
                "2\nlo\n1\nshm\nmount: permission denied (are you root?)\n0\n");
}

/* Devices of the host give no rights that they are not meant to give. */
Scenario(rootless, devices_are_bound_nosuid_and_noexec)
{
    static const char *const names[] = {"null", "zero", "full", "random", "urandom", "tty"};
    struct bundle *bundle = bundle_for_user();
    const char *mounts = inside_as_user(bundle, "cat /proc/self/mountinfo");

    for (size_t i = 0; i < count_of(names); i++)
        assert_has(mounted_at(mounts, text("/dev/%s", names[i])).options, "rw,nosuid,noexec");
}

Scenario(rootless, lives_a_whole_life)
{
    struct bundle *bundle = bundle_for_user();
    struct outcome created, list;

    bundle_script(bundle, "trap 'exit 0' TERM; echo ready; while :; do sleep 3600 & wait $!; done");
    created = as_user("create", "-b", bundle->path, bundle->id);
    assert_ok(created);
    assert_ok(as_user("start", bundle->id));
    cr_assert(program_said(&created.running, "ready"));
    assert_text(as_user("exec", bundle->id, "sh", "-c", "id -u; hostname").out, "0\ninside\n");
    list = as_user("list", "-f", "json");
    assert_text(json_text(scenario_arena(), list.out, "[0].status"), "running");
    assert_has(as_user("ps", "-f", "json", bundle->id).out, "[");
    assert_refused(as_user("delete", bundle->id), 1, "not stopped");
    assert_ok(as_user("kill", bundle->id, "TERM"));
    cr_assert(
        eventually(strstr(as_user("state", bundle->id).out, "\"status\": \"stopped\"") != NULL));
    assert_ok(as_user("delete", bundle->id));
}

Scenario(rootless, deleting_by_force_ends_everything)
{
    struct bundle *bundle = bundle_for_user();

    bundle_script(bundle, "setsid sleep 3600 & setsid sleep 3600 & sleep 3600");
    assert_ok(as_user("run", "-d", "-b", bundle->path, bundle->id));
    assert_ok(as_user("delete", "--force", bundle->id));
}

Scenario(rootless, an_overlay_root)
{
    struct bundle *bundle = bundle_for_user();
    struct outcome outcome;

    bundle_script(bundle, "echo x >/new && rm /bin/ls && cat /new");
    outcome = as_user("run", "--overlay", "-b", bundle->path, bundle->id);
    assert_ok(outcome);
    assert_text(outcome.out, "x\n");
    cr_assert(!file_exists(text("%s/new", bundle->rootfs)));
    cr_assert(file_exists(text("%s/bin/ls", bundle->rootfs)));
}

Scenario(rootless, a_read_only_root)
{
    struct bundle *bundle = bundle_for_user();

    bundle_set(bundle, "root.readonly", "true");
    assert_text(inside_as_user(bundle, "touch /x 2>&1; true"),
                "touch: /x: Read-only file system\n");
}

/* A limit that was asked for and cannot be set is an error, never silence. */
Scenario(rootless, limits_without_rights_are_refused)
{
    struct bundle *bundle = bundle_for_user();
    struct outcome outcome;

    bundle_set(bundle, "linux.resources.memory.limit", "67108864");
    outcome = as_user("run", "-b", bundle->path, bundle->id);
    if (outcome.code == 0)
        skip("this user has a cgroup of its own");
    assert_refused(outcome, 1, "cgroup");
}

/* --- no cgroup at all: what is done without it --------------------------------------------------
 */

/* Running, of one process, with neither a cgroup nor a pid namespace. */
static struct bundle *started_without_cgroup(const char *script)
{
    struct bundle *bundle = bundle_for_user();
    const char *file = text("%s/pid", bundle->path);

    bundle_without_namespace(bundle, "pid");
    bundle_script(bundle, script);
    assert_ok(as_user("run", "-d", "--pid-file", file, "-b", bundle->path, bundle->id));
    if (strstr(file_text(text("/proc/%s/cgroup", file_line(file))), bundle->id) != NULL) {
        assert_ok(as_user("delete", "-f", bundle->id));
        skip("this user has a cgroup of its own");
    }
    return bundle;
}

static bool has_stopped(struct bundle *bundle)
{
    return strstr(as_user("state", bundle->id).out, "\"status\": \"stopped\"") != NULL;
}

/* As runc, which warns too: the first process is what can be found. */
Scenario(rootless, killing_without_cgroup_and_pid_namespace_ends_the_first_process)
{
    struct bundle *bundle = started_without_cgroup("exec sleep 3600");
    struct outcome outcome = as_user("kill", bundle->id, "KILL");

    assert_ok(outcome);
    assert_has(outcome.err, "neither a cgroup nor a pid namespace of its own");
    cr_assert(eventually(has_stopped(bundle)));
    assert_refused(as_user("kill", bundle->id, "KILL"), 1, "container not running");
    assert_ok(as_user("kill", "--all", bundle->id, "KILL"));
    assert_ok(as_user("delete", bundle->id));
}

Scenario(rootless, killing_all_without_cgroup_and_pid_namespace_ends_the_first_process)
{
    struct bundle *bundle = started_without_cgroup("exec sleep 3600");
    struct outcome outcome = as_user("kill", "--all", bundle->id, "TERM");

    assert_ok(outcome);
    assert_has(outcome.err, "neither a cgroup nor a pid namespace of its own");
    cr_assert(eventually(has_stopped(bundle)));
    assert_ok(as_user("delete", bundle->id));
}

Scenario(rootless, a_timeout_is_kept_without_cgroup_and_pid_namespace)
{
    struct bundle *bundle = started_without_cgroup("trap '' TERM; exec sleep 3600");

    assert_ok(as_user("kill", "--timeout", "100ms", bundle->id));
    cr_assert(has_stopped(bundle));
    assert_ok(as_user("delete", bundle->id));
}

Scenario(rootless, deleting_by_force_without_cgroup_and_pid_namespace_ends_the_first_process)
{
    struct bundle *bundle = started_without_cgroup("exec sleep 3600");
    struct outcome outcome;

    assert_refused(as_user("delete", bundle->id), 1, "not stopped");
    outcome = as_user("delete", "--force", bundle->id);
    assert_ok(outcome);
    assert_has(outcome.err, "neither a cgroup nor a pid namespace of its own");
    assert_refused(as_user("state", bundle->id), 1, "does not exist");
}

Scenario(rootless, killing_all_without_a_cgroup_reaches_the_pid_namespace)
{
    struct bundle *bundle = bundle_for_user();
    struct outcome run;

    bundle_script(bundle,
                  "(trap 'echo other; exit 0' TERM; sleep 3600 & echo ready; wait) & "
                  "trap 'echo first' TERM; wait; wait; while :; do sleep 3600 & wait $!; done");
    run = as_user("run", "-d", "-b", bundle->path, bundle->id);
    assert_ok(run);
    cr_assert(program_said(&run.running, "ready"));
    assert_ok(as_user("kill", "--all", bundle->id, "TERM"));
    cr_assert(program_said(&run.running, "first"));
    cr_assert(program_said(&run.running, "other"));
    assert_ok(as_user("kill", "--all", bundle->id, "KILL"));
    cr_assert(eventually(has_stopped(bundle)));
    assert_ok(as_user("delete", bundle->id));
}

Scenario(rootless, what_takes_a_cgroup_says_that_there_is_none)
{
    struct bundle *bundle = started_without_cgroup("exec sleep 3600");
    const char *pid = file_line(text("%s/pid", bundle->path));

    assert_text(as_user("ps", "-f", "json", bundle->id).out, text("[%s]\n", pid));
    assert_refused(as_user("pause", bundle->id), 1, "the container has no cgroup of its own");
    assert_refused(as_user("events", "--stats", bundle->id), 1,
                   "the container has no cgroup of its own");
    assert_refused(as_user("events", "--interval", "1000s", bundle->id), 1,
                   "the container has no cgroup of its own");
    assert_refused(as_user("update", "--pids-limit", "9", bundle->id), 1,
                   "linux.resources.pids.limit: the container has no cgroup");
    assert_has(as_user("state", bundle->id).out, "\"status\": \"running\"");
    assert_has(as_user("list").out, "running");
    assert_text(as_user("exec", bundle->id, "echo", "in").out, "in\n");
    assert_ok(as_user("delete", "--force", bundle->id));
}

/* As runc: no rights and --rootless=false is an error, not a container without a cgroup. */
Scenario(rootless, said_to_have_rights_a_cgroup_is_required)
{
    struct bundle *bundle = bundle_for_user();
    struct outcome outcome;

    bundle_script(bundle, "true");
    assert_ok(as_user("--rootless", "true", "run", "-b", bundle->path, bundle->id));
    outcome = as_user("--rootless", "false", "run", "-b", bundle->path, bundle->id);
    if (outcome.code == 0)
        skip("this user has a cgroup of its own");
    assert_refused(outcome, 1, "--rootless=false, and this user has no rights to the cgroup above");
}

Scenario(rootless, groups_cannot_be_had)
{
    struct bundle *bundle = bundle_for_user();

    bundle_set(bundle, "process.user.additionalGids", "[5]");
    assert_refused(as_user("run", "-b", bundle->path, bundle->id), 1, "additionalGids");
}

Scenario(rootless, somebody_elses_ids_are_refused)
{
    struct bundle *bundle = bundle_for_user();

    bundle_set(bundle, "linux.uidMappings[0].hostID", "%u", user() + 1);
    assert_refused(as_user("run", "-b", bundle->path, bundle->id), 1, "uid");
}

static void without_user_namespace(struct bundle *bundle)
{
    bundle_without_namespace(bundle, "user");
    bundle_remove(bundle, "linux.uidMappings");
    bundle_remove(bundle, "linux.gidMappings");
}

Scenario(rootless, a_user_namespace_is_added)
{
    struct bundle *bundle = bundle_for_user();

    without_user_namespace(bundle);
    assert_has(inside_as_user(bundle, "id -u; tr -s ' ' </proc/self/uid_map"),
               text("0\n 0 %u 1\n", user()));
}

Scenario(rootless, ids_that_the_added_namespace_has_not_are_refused)
{
    struct bundle *bundle = bundle_for_user();

    without_user_namespace(bundle);
    bundle_set(bundle, "process.user.uid", "4000000000");
    assert_refused(as_user("run", "-b", bundle->path, bundle->id), 1,
                   "process.user.uid: 4000000000: an ordinary user has no such id to give");
}

/* Our own network, pid and ipc namespace are the right to a sysfs, procfs and mqueue of ours. */
Scenario(rootless, without_own_namespaces_the_hosts_views_are_bound)
{
    struct bundle *bundle = bundle_for_user();

    bundle_without_namespace(bundle, "network");
    bundle_without_namespace(bundle, "pid");
    bundle_without_namespace(bundle, "ipc");
    if (!file_exists("/dev/mqueue"))
        bundle_remove(bundle, "mounts[4]");
    assert_text(inside_as_user(bundle,
                               "test -d /sys/class/net && echo sys; "
                               "test -e /proc/self/status && echo proc; "
                               "grep -c '^[^ ]* [^ ]* [^ ]* [^ ]* /sys ro,' /proc/self/mountinfo; "
                               "find /sys/fs/cgroup -maxdepth 2 -type d -exec "
                               "mkdir {}/x-crun-lite ';' 2>/dev/null; "
                               "find /sys/fs/cgroup -maxdepth 3 -name x-crun-lite"),
                "sys\nproc\n1\n");
}

/* Group 5, tty, is not mapped: the terminals' devpts does without. */
Scenario(rootless, devpts_does_without_a_group_that_is_not_mapped)
{
    struct bundle *bundle = bundle_for_user();

    bundle_mount(bundle, "/dev/pts", "devpts", "devpts",
                 "\"nosuid\",\"noexec\",\"newinstance\",\"ptmxmode=0666\",\"mode=0620\","
                 "\"gid=5\"");
    assert_text(inside_as_user(bundle, "grep -o ' - devpts .*' /proc/self/mountinfo | tail -n 1 | "
                                       "grep -c gid=; test -e /dev/pts/ptmx && echo yes"),
                "0\nyes\n");
}

Scenario(rootless, a_device_that_the_host_has_not_is_named)
{
    struct bundle *bundle = bundle_for_user();

    bundle_set(bundle, "linux.devices",
               "[{\"path\":\"/dev/x-crun-lite\",\"type\":\"c\",\"major\":1,\"minor\":3}]");
    assert_refused(as_user("run", "-b", bundle->path, bundle->id), 1,
                   "linux.devices[0] /dev/x-crun-lite");
}

static struct outcome run_in_nested_namespace(struct bundle *bundle, const char *before)
{
    const char *script = text("%s exec \"$0\" \"$@\"", before);

    return program_run(
        PROGRAM(.arguments = (const char *[]){"unshare", "-Ur", "sh", "-c", script,
                                              scenario_program(), "--root", root_of_user(), "run",
                                              "-b", bundle->path, bundle->id, NULL},
                .user = geteuid() == 0 ? STRANGER : 0));
}

Scenario(rootless, user_namespaces_switched_off_are_explained)
{
    struct bundle *bundle = bundle_for_user();

    bundle_set(bundle, "linux.uidMappings[0].hostID", "0");
    bundle_set(bundle, "linux.gidMappings[0].hostID", "0");
    assert_refused(
        run_in_nested_namespace(bundle, "echo 0 >/proc/sys/user/max_user_namespaces || exit 99;"),
        1, "sysctl user.max_user_namespaces is 0");
}

Scenario(rootless, without_a_runtime_directory_the_way_is_shown)
{
    struct outcome outcome;
    struct bundle *bundle = bundle_for_user();

    if (geteuid() == 0)
        cr_assert(mkdir("/run/crun-lite", 0700) == 0);
    outcome = program_run(
        PROGRAM(.arguments = (const char *[]){"env", "-u", "XDG_RUNTIME_DIR", scenario_program(),
                                              "run", "-b", bundle->path, bundle->id, NULL},
                .user = geteuid() == 0 ? STRANGER : 0));
    if (geteuid() == 0)
        cr_assert(rmdir("/run/crun-lite") == 0);
    assert_refused(outcome, 1, "set XDG_RUNTIME_DIR");
}

Scenario(rootless, the_runtime_directory_holds_the_state)
{
    struct bundle *bundle = bundle_for_user();
    struct outcome outcome;

    bundle_script(bundle, "id -u");
    outcome = program_run(
        PROGRAM(.arguments = (const char *[]){"env", text("XDG_RUNTIME_DIR=%s", root_of_user()),
                                              scenario_program(), "run", "-b", bundle->path,
                                              bundle->id, NULL},
                .user = geteuid() == 0 ? STRANGER : 0));
    assert_ok(outcome);
    assert_text(outcome.out, "0\n");
    cr_assert(file_exists(text("%s/crun-lite", root_of_user())));
}

Scenario(rootless, somebody_elses_container_is_out_of_reach)
{
    struct bundle *bundle = bundle_new();

    need_root();
    need_reachable_program();
    bundle_start(bundle);
    assert_code(program_run(PROGRAM(.arguments = (const char *[]){scenario_program(), "--root",
                                                                  scenario_root(), "kill",
                                                                  bundle->id, "9", NULL},
                                    .user = STRANGER)),
                1);
    assert_code(program_run(PROGRAM(.arguments = (const char *[]){scenario_program(), "--root",
                                                                  scenario_root(), "delete", "-f",
                                                                  bundle->id, NULL},
                                    .user = STRANGER)),
                1);
    assert_text(bundle_status(bundle), "running");
    bundle_delete(bundle);
}

Scenario(rootless, what_spec_makes_runs)
{
    struct bundle *bundle = bundle_for_user();
    const char *config = text("%s/config.json", bundle->path);
    struct outcome outcome;

    cr_assert(unlink(config) == 0);
    assert_ok(as_user("spec", "--rootless", "-b", bundle->path));
    bundle->config = (char *)file_text(config);
    bundle_set(bundle, "process.terminal", "false");
    bundle_script(bundle, "id -u");
    outcome = as_user("run", "-b", bundle->path, bundle->id);
    assert_ok(outcome);
    assert_text(outcome.out, "0\n");
}

/* In our own mount namespace: the host's files stay as they are. */
static void give_sub_uids_and_gids(const char *uids, const char *gids)
{
    cr_assert(kernel_mount(work_file("subuid", uids), "/etc/subuid", NULL, MS_BIND, NULL) == 0);
    cr_assert(kernel_mount(work_file("subgid", gids), "/etc/subgid", NULL, MS_BIND, NULL) == 0);
    cr_assert(kernel_mount(work_file("passwd", text("root:x:0:0::/:/bin/sh\n"
                                                    "tester:x:%d:%d::/:/bin/sh\n",
                                                    STRANGER, STRANGER)),
                           "/etc/passwd", NULL, MS_BIND, NULL) == 0);
}

static void give_sub_ids(const char *range)
{
    give_sub_uids_and_gids(range, range);
}

static void take_sub_ids(void)
{
    kernel_umount("/etc/passwd", MNT_DETACH);
    kernel_umount("/etc/subgid", MNT_DETACH);
    kernel_umount("/etc/subuid", MNT_DETACH);
}

/* subuid(5): ranges that newuidmap and newgidmap may give away, both set-user-ID programs. */
Scenario(rootless, sub_ids_are_mapped_by_the_helpers)
{
    struct bundle *bundle;
    const char *range = text("tester:%d:65536\n", SUB_IDS);
    struct outcome outcome;

    need_root();
    need_command("newuidmap");
    bundle = bundle_for_user();
    give_sub_ids(range);
    bundle_set(bundle, "linux.uidMappings[+]", "{\"containerID\":1,\"hostID\":%d,\"size\":1000}",
               SUB_IDS);
    bundle_set(bundle, "linux.gidMappings[+]", "{\"containerID\":1,\"hostID\":%d,\"size\":1000}",
               SUB_IDS);
    bundle_set(bundle, "process.user", "{\"uid\":7,\"gid\":8,\"additionalGids\":[9]}");
    bundle_script(bundle, "id -u; id -G; tr -s ' ' </proc/self/uid_map");
    outcome = as_user("run", "-b", bundle->path, bundle->id);
    take_sub_ids();
    assert_ok(outcome);
    assert_text(outcome.out, text("7\n8 9\n 0 %d 1\n 1 %d 1000\n", STRANGER, SUB_IDS));
}

Scenario(rootless, the_missing_line_is_shown)
{
    struct bundle *bundle;
    struct outcome outcome;

    need_root();
    need_command("newuidmap");
    bundle = bundle_for_user();
    give_sub_ids(text("tester:%d:999\n", SUB_IDS));
    bundle_set(bundle, "linux.uidMappings[+]", "{\"containerID\":1,\"hostID\":%d,\"size\":1000}",
               SUB_IDS);
    bundle_set(bundle, "linux.gidMappings[+]", "{\"containerID\":1,\"hostID\":%d,\"size\":999}",
               SUB_IDS);
    bundle_script(bundle, "true");
    outcome = as_user("run", "-b", bundle->path, bundle->id);
    take_sub_ids();
    assert_refused(outcome, 1,
                   text("linux.uidMappings[1]: %d..%d is not yours: /etc/subuid has no line "
                        "\"tester:%d:1000\"",
                        SUB_IDS, SUB_IDS + 999, SUB_IDS));
}

Scenario(rootless, the_added_namespace_has_the_sub_ids)
{
    struct bundle *bundle;
    struct outcome outcome;

    need_root();
    need_command("newuidmap");
    bundle = bundle_for_user();
    without_user_namespace(bundle);
    give_sub_ids(text("tester:%d:1000\n", SUB_IDS));
    bundle_set(bundle, "process.user", "{\"uid\":7,\"gid\":8,\"additionalGids\":[9]}");
    bundle_script(bundle, "id -u; id -G; tr -s ' ' </proc/self/gid_map; cat /proc/self/setgroups");
    outcome = as_user("run", "-b", bundle->path, bundle->id);
    take_sub_ids();
    assert_ok(outcome);
    assert_text(outcome.out, text("7\n8 9\n 0 %d 1\n 1 %d 1000\nallow\n", STRANGER, SUB_IDS));
}

/* Lines for the number and for the name, one around the user's own id, which is mapped already. */
Scenario(rootless, the_added_namespace_has_the_sub_ids_of_all_lines_and_the_own_id_once)
{
    struct bundle *bundle;
    struct outcome outcome;

    need_root();
    need_command("newuidmap");
    bundle = bundle_for_user();
    without_user_namespace(bundle);
    give_sub_ids(text("%d:%d:10\ntester:%d:3\n", STRANGER, SUB_IDS, STRANGER - 1));
    bundle_set(bundle, "process.user", "{\"uid\":11,\"gid\":12}");
    bundle_script(bundle, "id -u; id -G; cat /proc/self/uid_map /proc/self/gid_map | tr -s ' '");
    outcome = as_user("run", "-b", bundle->path, bundle->id);
    take_sub_ids();
    assert_ok(outcome);

    const char *map = text(" 0 %d 1\n 1 %d 10\n 11 %d 1\n 12 %d 1\n", STRANGER, SUB_IDS,
                           STRANGER - 1, STRANGER + 1);

    assert_text(outcome.out, text("11\n12\n%s%s", map, map));
}

Scenario(rootless, the_file_that_lacks_a_line_is_named)
{
    struct bundle *bundle;
    struct outcome own, other;

    need_root();
    need_command("newuidmap");
    bundle = bundle_for_user();
    without_user_namespace(bundle);
    give_sub_uids_and_gids(text("tester:%d:1000\n", SUB_IDS), "");
    bundle_script(bundle, "tr -s ' ' </proc/self/uid_map");
    own = as_user("run", "-b", bundle->path, bundle->id);
    bundle_set(bundle, "process.user.uid", "7");
    other = as_user("run", "-b", bundle->path, bundle->id);
    take_sub_ids();
    assert_ok(own);
    assert_text(own.out, text(" 0 %d 1\n", STRANGER));
    assert_has(own.err, "/etc/subgid has no usable line for tester");
    assert_refused(other, 1,
                   "process.user.uid: 7: an ordinary user has no such id to give (the "
                   "user namespace added for you has 0 only: /etc/subgid has no usable line for "
                   "tester");
}

/* Root of a user namespace may write whole maps there: no helper, no /etc/subuid. */
Scenario(rootless, root_of_a_user_namespace_maps_its_ids_itself)
{
    struct bundle *bundle;
    struct outcome outcome;

    need_root();
    bundle = bundle_for_user();
    bundle_set(bundle, "linux.uidMappings",
               "[{\"containerID\":0,\"hostID\":0,\"size\":1},"
               "{\"containerID\":5,\"hostID\":1,\"size\":9}]");
    bundle_set(bundle, "linux.gidMappings",
               "[{\"containerID\":0,\"hostID\":0,\"size\":1},"
               "{\"containerID\":5,\"hostID\":1,\"size\":9}]");
    bundle_script(bundle, "tr -s ' ' </proc/self/uid_map");
    give_sub_ids(text("tester:%d:1000\n", SUB_IDS));
    outcome = program_run(
        PROGRAM(.arguments = (const char *[]){"unshare", "--map-root-user", "--map-auto", "-m",
                                              scenario_program(), "--root", root_of_user(), "run",
                                              "-b", bundle->path, bundle->id, NULL},
                .user = STRANGER));
    take_sub_ids();
    assert_ok(outcome);
    assert_text(outcome.out, " 0 0 1\n 5 1 9\n");
}

/* The user namespace of a container is joined by its owner, who repeats its mappings as engines do.
 */
Scenario(rootless, a_container_of_ones_own_is_joined)
{
    struct bundle *first = bundle_for_user();
    struct bundle *second = bundle_for_user();
    const char *pid;

    bundle_script(first, "trap 'exit 0' TERM; while :; do sleep 3600 & wait $!; done");
    assert_ok(as_user("run", "-d", "-b", first->path, first->id));
    pid = json_text(scenario_arena(), as_user("state", first->id).out, "pid");
    bundle_join_namespace(second, "user", text("/proc/%s/ns/user", pid));
    bundle_join_namespace(second, "network", text("/proc/%s/ns/net", pid));
    bundle_join_namespace(second, "uts", text("/proc/%s/ns/uts", pid));
    bundle_remove(second, "hostname");
    assert_text(inside_as_user(second, "id -u; hostname"), "0\ninside\n");
    assert_ok(as_user("delete", "-f", first->id));
}

/* As runc: who has no right to it goes without, while the container runs. */
Scenario(rootless, an_oom_score_that_may_not_be_lowered_is_warned_about)
{
    struct bundle *bundle = bundle_for_user();
    struct outcome outcome;

    bundle_set(bundle, "process.oomScoreAdj", "-900");
    bundle_script(bundle, "id -u");
    outcome = as_user("run", "-b", bundle->path, bundle->id);
    assert_ok(outcome);
    assert_text(outcome.out, "0\n");
    assert_has(outcome.err, "oomScoreAdj");
}

Scenario(rootless, the_hosts_network_devices_are_out_of_reach)
{
    struct bundle *bundle = bundle_for_user();

    bundle_set(bundle, "linux.netDevices", "{\"lo\":{\"name\":\"eth9\"}}");
    assert_refused(as_user("run", "-b", bundle->path, bundle->id), 1, "linux.netDevices");
}

/* Who is root in a user namespace, as in a container in a container. */
Scenario(rootless, a_container_in_a_user_namespace_of_others)
{
    struct bundle *bundle = bundle_for_user();
    struct outcome outcome;

    bundle_set(bundle, "linux.uidMappings[0].hostID", "0");
    bundle_set(bundle, "linux.gidMappings[0].hostID", "0");
    bundle_script(bundle, "id -u");
    outcome = program_run(
        PROGRAM(.arguments = (const char *[]){"unshare", "-Urm", scenario_program(), "--root",
                                              root_of_user(), "run", "-b", bundle->path, bundle->id,
                                              NULL},
                .user = geteuid() == 0 ? STRANGER : 0));
    assert_ok(outcome);
    assert_text(outcome.out, "0\n");
}

Scenario(rootless, mounts_are_added_and_removed)
{
    struct bundle *bundle = bundle_for_user();
    const char *list = text("[{\"destination\":\"/data/here\",\"source\":\"shared\",\"options\":["
                            "\"bind\",\"ro\"]},{\"destination\":\"/work\",\"type\":\"tmpfs\"}]");
    const char *shared = text("%s/shared", bundle->path);

    cr_assert(mkdir(shared, 0700) == 0 && lchown(shared, user(), user()) == 0);
    bundle_script(bundle, "trap 'exit 0' TERM; while :; do sleep 3600 & wait $!; done");
    assert_ok(as_user("create", "-b", bundle->path, bundle->id));
    assert_refused(run_as_user(list, (const char *[]){"mounts", "add", bundle->id, "-", NULL}), 1,
                   "only root can do it before the container is started");
    assert_ok(as_user("start", bundle->id));
    assert_ok(run_as_user(list, (const char *[]){"mounts", "add", bundle->id, "-", NULL}));
    assert_text(as_user("exec", bundle->id, "sh", "-c",
                        "touch /work/x && ls /work; touch /data/here/x 2>/dev/null || echo ro")
                    .out,
                "x\nro\n");
    assert_ok(run_as_user(list, (const char *[]){"mounts", "remove", bundle->id, "-", NULL}));
    assert_ok(run_as_user(list, (const char *[]){"mounts", "add", bundle->id, "-", NULL}));
    assert_text(as_user("exec", bundle->id, "sh", "-c",
                        "ls -A /work; grep -c ' /data/here ' "
                        "/proc/self/mountinfo")
                    .out,
                "1\n");
    assert_ok(as_user("delete", "-f", bundle->id));
}
