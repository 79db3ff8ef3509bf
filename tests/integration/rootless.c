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

Scenario(rootless, lives_a_whole_life)
{
    struct bundle *bundle = bundle_for_user();
    struct outcome list;

    bundle_script(bundle, "trap 'exit 0' TERM; while :; do sleep 3600 & wait $!; done");
    assert_ok(as_user("create", "-b", bundle->path, bundle->id));
    assert_ok(as_user("start", bundle->id));
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

Scenario(rootless, a_user_namespace_is_asked_for)
{
    struct bundle *bundle = bundle_for_user();

    bundle_without_namespace(bundle, "user");
    bundle_remove(bundle, "linux.uidMappings");
    bundle_remove(bundle, "linux.gidMappings");
    bundle_remove(bundle, "process.capabilities"); /* they are warned about first */
    assert_refused(as_user("run", "-b", bundle->path, bundle->id), 1, "user namespace");
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

/* subuid(5): ranges that newuidmap and newgidmap may give away, both set-user-ID programs. */
Scenario(rootless, sub_ids_are_mapped_by_the_helpers)
{
    struct bundle *bundle;
    const char *range = text("tester:%d:65536\n", SUB_IDS);
    struct outcome outcome;

    need_root();
    need_command("newuidmap");
    bundle = bundle_for_user();
    /* In our own mount namespace: the host's files stay as they are. */
    cr_assert(kernel_mount(work_file("subuid", range), "/etc/subuid", NULL, MS_BIND, NULL) == 0);
    cr_assert(kernel_mount(work_file("subgid", range), "/etc/subgid", NULL, MS_BIND, NULL) == 0);
    cr_assert(kernel_mount(work_file("passwd", text("root:x:0:0::/:/bin/sh\n"
                                                    "tester:x:%d:%d::/:/bin/sh\n",
                                                    STRANGER, STRANGER)),
                           "/etc/passwd", NULL, MS_BIND, NULL) == 0);
    bundle_set(bundle, "linux.uidMappings[+]", "{\"containerID\":1,\"hostID\":%d,\"size\":1000}",
               SUB_IDS);
    bundle_set(bundle, "linux.gidMappings[+]", "{\"containerID\":1,\"hostID\":%d,\"size\":1000}",
               SUB_IDS);
    bundle_set(bundle, "process.user", "{\"uid\":7,\"gid\":8,\"additionalGids\":[9]}");
    bundle_script(bundle, "id -u; id -G; tr -s ' ' </proc/self/uid_map");
    outcome = as_user("run", "-b", bundle->path, bundle->id);
    kernel_umount("/etc/passwd", MNT_DETACH);
    kernel_umount("/etc/subgid", MNT_DETACH);
    kernel_umount("/etc/subuid", MNT_DETACH);
    assert_ok(outcome);
    assert_text(outcome.out, text("7\n8 9\n 0 %d 1\n 1 %d 1000\n", STRANGER, SUB_IDS));
}

Scenario(rootless, without_sub_ids_the_way_is_shown)
{
    struct bundle *bundle;
    struct outcome outcome;

    need_root();
    bundle = bundle_for_user();
    bundle_set(bundle, "linux.uidMappings[+]", "{\"containerID\":1,\"hostID\":%d,\"size\":1000}",
               SUB_IDS);
    bundle_script(bundle, "true");
    outcome = as_user("run", "-b", bundle->path, bundle->id);
    assert_refused(outcome, 1, "sub");
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
