/* --strict: what a bundle says and nobody would heed is an error, with its path; without the option
 * the same bundle runs. */

#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/own.h"
#include "tests/integration/harness/bundle.h"
#include "tests/integration/harness/scenario.h"

static struct outcome run_strictly(struct bundle *bundle)
{
    return crun("run", "--strict", "-b", bundle->path, bundle->id);
}

static struct bundle *true_bundle(void)
{
    struct bundle *bundle = bundle_new();

    bundle_script(bundle, "true");
    return bundle;
}

/* Runs as it is, and not under --strict, which says `words`. */
static void assert_told(struct bundle *bundle, const char *words)
{
    assert_ok(bundle_run(bundle));
    assert_refused(run_strictly(bundle), 1, words);
    assert_has(run_strictly(bundle).err, "config.json: --strict: ");
}

Scenario(strict, a_bundle_that_is_heeded_in_all_runs)
{
    need_root();
    struct bundle *bundle = bundle_new();

    bundle_script(bundle, "echo here");

    const struct outcome outcome = run_strictly(bundle);

    assert_ok(outcome);
    assert_text(outcome.out, "here\n");
    assert_text(outcome.err, "");
}

Scenario(strict, a_member_without_effect_is_refused_with_its_path)
{
    static const struct {
        const char *path;
        const char *value;
        const char *words;
    } cases[] = {
        {"colour",                        "1",                                           "colour: unknown member"                                             },
        {"process.user.colour",           "{}",                                          "process.user.colour: unknown member"                                },
        {"mounts[0].colour",              "[]",                                          "mounts[0].colour: unknown member"                                   },
        {"linux.namespaces[1].colour",    "\"red\"",                                     "linux.namespaces[1].colour: unknown member"                         },
        {"linux.resources.memory.colour", "true",                                        "linux.resources.memory.colour: unknown member"                      },
        {"hooks",                         "{\"prestop\": []}",                           "hooks.prestop: unknown member"                                      },
        {"windows",                       "{}",                                          "windows: another platform"                                          },
        {"solaris",                       "{}",                                          "solaris: another platform"                                          },
        {"freebsd",                       "{}",                                          "freebsd: another platform"                                          },
        {"zos",                           "{}",                                          "zos: another platform"                                              },
        {"vm",                            "{}",                                          "vm: containers in virtual machines have runtimes of their"          },
        {"process.commandLine",           "\"x\"",                                       "process.commandLine: Windows only"                                  },
        {"process.user.username",         "\"x\"",                                       "process.user.username: Windows only"                                },
        {"process.consoleSize",           "{\"height\":9,\"width\":9}",
         "process.consoleSize: process.terminal is not set"                                                                                                   },
        {"process.capabilities.bounding", "[\"CAP_KILL\", \"CAP_OF_TOMORROW\"]",
         "process.capabilities.bounding[1]: capability CAP_OF_TOMORROW is unknown"                                                                            },
        {"process.capabilities.ambient",  "[\"CAP_SYS_ADMIN\"]",
         "process.capabilities.ambient: cap_sys_admin cannot be granted: not permitted"                                                                       },
        {"linux.personality",             "{\"domain\": \"LINUX\", \"flags\": [\"x\"]}",
         "linux.personality.flags: no flag is defined"                                                                                                        },
        {"linux.resources.memory.kernel", "1000000",                                     "linux.resources.memory.kernel: ignored"                             },
        {"linux.seccomp",
         "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [{\"names\": [\"mkdir\", "
         "\"no_such_call\"], "
         "\"action\": \"SCMP_ACT_LOG\"}]}",                                              "linux.seccomp.syscalls[0].names[1]: no system call \"no_such_call\""},
        {"linux.seccomp",
         "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"listenerPath\": \"/run/nobody\"}",   "linux.seccomp.listenerPath: no action is SCMP_ACT_NOTIFY"           },
        {"ociVersion",                    "\"1.99.0\"",                                  "ociVersion: \"1.99.0\" is newer than 1.3.0"                         },
    };

    need_root();
    for (size_t i = 0; i < count_of(cases); i++) {
        struct bundle *bundle = true_bundle();

        bundle_set(bundle, cases[i].path, "%s", cases[i].value);
        assert_told(bundle, cases[i].words);
    }
}

Scenario(strict, a_user_that_is_not_said_is_not_root)
{
    need_root();
    struct bundle *bundle = true_bundle();

    bundle_set(bundle, "process.user", "{\"gid\": 0}");
    assert_told(bundle, "process.user.uid: missing, taken as 0");
    assert_lacks(run_strictly(bundle).err, "process.user.gid");
    bundle_remove(bundle, "process.user");
    assert_told(bundle, "process.user.uid: missing, taken as 0; process.user.gid: missing");
}

Scenario(strict, an_option_of_a_file_system_that_is_there_already_is_refused)
{
    need_root();
    struct bundle *bundle = true_bundle();

    bundle_mount(bundle, "/mnt", "bind", scenario_work(), "\"bind\",\"sync\"");
    assert_ok(bundle_run(bundle));
    assert_refused(run_strictly(bundle), 1, ".options[1]: \"sync\" ignored");
}

Scenario(strict, everything_is_told_in_one_line)
{
    need_root();
    struct bundle *bundle = true_bundle();

    bundle_set(bundle, "a member", "1");
    bundle_set(bundle, "windows", "{}");
    bundle_set(bundle, "process.capabilities.bounding", "[\"CAP_OF_TOMORROW\"]");
    bundle_set(bundle, "linux.seccomp",
               "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [{\"names\": "
               "[\"no_such_call\"], \"action\": \"SCMP_ACT_LOG\"}]}");

    const struct outcome outcome = run_strictly(bundle);

    assert_refused(outcome, 1, "config.json: --strict: ");
    assert_has(outcome.err, "windows: another platform; ");
    assert_has(outcome.err, "[\"a member\"]: unknown member; ");
    assert_has(outcome.err, "; process.capabilities.bounding[0]: capability CAP_OF_TOMORROW is ");
    assert_has(outcome.err,
               "; linux.seccomp.syscalls[0].names[0]: no system call \"no_such_call\"");
}

/* More than a line holds are counted. */
Scenario(strict, what_does_not_fit_is_counted)
{
    need_root();
    struct bundle *bundle = true_bundle();

    for (int i = 0; i < 100; i++)
        bundle_set(bundle, text("member%d", i), "1");

    const struct outcome outcome = run_strictly(bundle);

    assert_refused(outcome, 1, "--strict: member0: unknown member; member1: ");
    assert_has(outcome.err, "; and ");
    assert_has(outcome.err, " more");
}

Scenario(strict, create_has_it_too)
{
    need_root();
    struct bundle *bundle = true_bundle();

    bundle_set(bundle, "colour", "1");
    assert_refused(crun("create", "--strict", "-b", bundle->path, bundle->id), 1,
                   "colour: unknown member");
    assert_refused(crun("state", bundle->id), 1, "does not exist");
}

/* The name is the file's that was read. */
Scenario(strict, a_config_of_another_name_is_named)
{
    need_root();
    struct bundle *bundle = true_bundle();
    const char *other = text("%s/other.json", bundle->path);

    bundle_set(bundle, "colour", "1");
    cr_assert_eq(rename(text("%s/config.json", bundle->path), other), 0);
    assert_refused(crun("run", "--strict", "-f", other, "-b", bundle->path, bundle->id), 1,
                   text("%s: --strict: colour: unknown member", other));
}

/* The host has made the hierarchies. */
Scenario(strict, an_option_of_the_hosts_cgroups_is_refused)
{
    need_root();
    struct bundle *bundle = true_bundle();

    bundle_mount(bundle, "/mnt", "cgroup", "cgroup", "\"ro\",\"xattr\"");
    assert_told(bundle, ".options[1]: \"xattr\" changes nothing");
}

/* In a user namespace, without another of its own, the container gets what the host has mounted. */
Scenario(strict, an_option_of_a_file_system_that_cannot_be_made_is_refused)
{
    need_root();
    struct bundle *bundle = true_bundle();

    bundle_map_users(bundle, 100000, 1000);
    bundle_without_namespace(bundle, "pid");
    bundle_mount(bundle, "/other", "proc", "proc", "\"nosuid\",\"hidepid=2\"");
    assert_ok(bundle_run(bundle));
    assert_refused(run_strictly(bundle), 1, "options[1]: \"hidepid\" has no effect without a pid");
}

/* What an image has in a directory does not come whole. */
Scenario(strict, a_device_that_cannot_be_copied_up_is_refused)
{
    need_root();
    struct bundle *bundle = true_bundle();
    const char *directory = text("%s/work/sub", bundle->rootfs);

    bundle_map_users(bundle, 100000, 1000);
    cr_assert(mkdir(directory, 0755) == 0 && lchown(directory, 100000, 100000) == 0);
    cr_assert_eq(mknod(text("%s/null", directory), S_IFCHR | 0666, makedev(1, 3)), 0);
    bundle_mount(bundle, "/work", "tmpfs", "tmpfs", "\"tmpcopyup\"");
    assert_ok(bundle_run(bundle));
    assert_refused(run_strictly(bundle), 1, "mknod");
}

/* Terminals belong to the group tty, if there is one in the container's user namespace. */
Scenario(strict, a_group_of_terminals_that_is_not_mapped_is_refused)
{
    need_root();
    struct bundle *bundle = true_bundle();

    bundle_map_users(bundle, 100000, 5);
    bundle_mount(bundle, "/dev/pts", "devpts", "devpts", "\"newinstance\",\"gid=5\"");
    assert_ok(bundle_run(bundle));
    assert_refused(run_strictly(bundle), 1, "/dev/pts: ");
    bundle_map_users(bundle, 100000, 6);
    assert_ok(run_strictly(bundle));
}
