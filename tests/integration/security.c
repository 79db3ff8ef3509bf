/* Attacks that have worked on container runtimes before, by their numbers. */

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
#include "tests/integration/harness/json.h"
#include "tests/integration/harness/scenario.h"
#include "tests/integration/harness/without_call.h"

#ifndef RENAME_EXCHANGE
#define RENAME_EXCHANGE 2
#endif

static void give_capabilities(struct bundle *bundle, const char *list)
{
    static const char *const sets[] = {"bounding", "effective", "permitted"};

    for (size_t i = 0; i < count_of(sets); i++)
        bundle_set(bundle, text("process.capabilities.%s", sets[i]), "[%s]", list);
}

static const char *checksum_of(const char *path)
{
    return program_run(PROGRAM(.arguments = (const char *[]){"sha256sum", path, NULL})).out;
}

static const char *tree_of(const char *directory)
{
    return program_run(PROGRAM(.arguments = (const char *[]){"find", directory, "-printf",
                                                             "%p %y %m %U %s %T@\\n", NULL}))
        .out;
}

/* --- our own executable ----------------------------------------------------------------------- */

/* Everything that is executed in sight is opened for writing, again and again. */
#define WRITE_TO_ALL_EXECUTABLES                                                         \
    "while :; do for p in /proc/[0-9]*; do [ -e $p/exe ] || continue; "                  \
    "case $(readlink $p/exe) in */busybox) ;; *) (echo broken >>$p/exe) 2>/dev/null && " \
    "echo BROKEN;; esac; done; done"

Scenario(cve_2019_5736, our_executable_cannot_be_written_from_inside)
{
    struct bundle *bundle = bundle_new();
    const char *before = checksum_of(scenario_program());
    struct outcome started;

    need_root();
    give_capabilities(bundle, "\"CAP_SYS_ADMIN\",\"CAP_SYS_PTRACE\",\"CAP_DAC_OVERRIDE\","
                              "\"CAP_DAC_READ_SEARCH\",\"CAP_KILL\"");
    bundle_script(bundle, WRITE_TO_ALL_EXECUTABLES);
    started = crun("run", "-d", "-b", bundle->path, bundle->id);
    assert_ok(started);
    for (int i = 0; i < 15; i++)
        crun("exec", bundle->id, "true");
    assert_lacks(program_output(&started.running), "BROKEN");
    bundle_delete(bundle);
    assert_text(checksum_of(scenario_program()), before);
}

/* An entry point that is the runtime itself, by link and by interpreter line. */
Scenario(cve_2019_5736, our_executable_as_the_program)
{
    struct bundle *bundle = bundle_new();
    const char *before = checksum_of(scenario_program());
    struct outcome outcome;

    need_root();
    cr_assert(symlink("/proc/self/exe", text("%s/bin/itself", bundle->rootfs)) == 0);
    bundle_file(bundle, "bin/script", "#!/proc/self/exe\n", 0755);
    bundle_set(bundle, "process.args", "[\"/bin/itself\",\"--version\"]");
    bundle_run(bundle);
    bundle_set(bundle, "process.args", "[\"/bin/script\"]");
    bundle_run(bundle);
    bundle_start(bundle);
    outcome = crun("exec", bundle->id, "/proc/self/exe", "--version");
    assert_lacks(outcome.out, "spec:");
    bundle_delete(bundle);
    assert_text(checksum_of(scenario_program()), before);
}

/* --- what a process on its way in shows ------------------------------------------------------- */

/* CVE-2016-9962, CVE-2024-21626: neither its descriptors nor its directories are the host's. */
/* Through a link to a directory of the host one would see the canary, which is not inside. */
static void watch_joining_processes(const char *capabilities)
{
    struct bundle *bundle = bundle_new();
    const char *canary = work_file("canary", "");
    struct outcome started;
    const char *seen;

    give_capabilities(bundle, capabilities);
    bundle_script(bundle,
                  text("while :; do for p in /proc/[0-9]*; do for l in $p/root $p/cwd $p/fd/*; do "
                       "for up in '' /.. /../.. /../../.. /../../../..; do "
                       "[ -e $l$up%s ] && echo HOST $l; done; done; done; done",
                       canary));
    started = crun("run", "-d", "-b", bundle->path, bundle->id);
    assert_ok(started);
    for (int i = 0; i < 15; i++)
        crun("exec", bundle->id, "true");
    seen = program_output(&started.running);
    cr_assert(strstr(seen, "HOST") == NULL, "%.1000s", seen);
    bundle_delete(bundle);
}

Scenario(cve_2016_9962, a_joining_process_shows_nothing_of_the_host)
{
    need_root();
    watch_joining_processes("\"CAP_DAC_OVERRIDE\",\"CAP_DAC_READ_SEARCH\",\"CAP_KILL\"");
}

Scenario(cve_2016_9962, not_even_to_who_may_trace_it)
{
    need_root();
    watch_joining_processes("\"CAP_SYS_ADMIN\",\"CAP_SYS_PTRACE\",\"CAP_DAC_OVERRIDE\","
                            "\"CAP_DAC_READ_SEARCH\",\"CAP_KILL\"");
}

/* Root of a user namespace has every right over what is born in it, but not over what is ours. */
Scenario(cve_2016_9962, nor_to_the_root_of_a_user_namespace)
{
    struct bundle *bundle = bundle_new();
    struct outcome started;

    need_root();
    bundle_map_users(bundle, 100000, 65536);
    give_capabilities(bundle, "\"CAP_SYS_ADMIN\",\"CAP_SYS_PTRACE\",\"CAP_DAC_OVERRIDE\","
                              "\"CAP_DAC_READ_SEARCH\",\"CAP_KILL\"");
    bundle_script(bundle, "while :; do for p in /proc/[0-9]*; do case $(readlink $p/exe) in "
                          "'' | */busybox) ;; *) echo SEEN $p;; esac; done; done");
    started = crun("run", "-d", "-b", bundle->path, bundle->id);
    assert_ok(started);
    for (int i = 0; i < 30; i++)
        crun("exec", bundle->id, "true");
    assert_lacks(program_output(&started.running), "SEEN");
    bundle_delete(bundle);
}

/* --- races in a shared volume ----------------------------------------------------------------- */

/* Exchange a directory and a link to the canary for as long as the caller likes. */
static pid_t start_exchanging(const char *one, const char *other)
{
    pid_t pid = fork();

    if (pid == 0) {
        for (;;)
            syscall(SYS_renameat2, AT_FDCWD, one, AT_FDCWD, other, RENAME_EXCHANGE);
    }
    return pid;
}

static void stop(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

/* CVE-2021-30465, CVE-2024-45310, GHSA-vp62-88p7-qqf5 */
Scenario(cve_2021_30465, mounts_through_an_exchanged_directory_stay_inside)
{
    const char *volume = work_path("volume"), *canary = work_path("canary");
    const char *mounts = file_text("/proc/self/mountinfo"), *before;
    pid_t attacker;
    int ran = 0;

    need_root();
    cr_assert(mkdir(volume, 0755) == 0 && mkdir(canary, 0755) == 0);
    cr_assert(mkdir(text("%s/real", volume), 0755) == 0);
    cr_assert(symlink(text("../../../../../../../..%s", canary), text("%s/link", volume)) == 0);
    work_file("source", "");
    before = tree_of(canary);
    attacker = start_exchanging(text("%s/real", volume), text("%s/link", volume));
    for (int i = 0; i < 15; i++) {
        struct bundle *bundle = bundle_new();
        struct outcome outcome;

        bundle_mount(bundle, "/work", "none", volume, "\"rbind\"");
        for (int j = 0; j < 4; j++) {
            bundle_mount(bundle, text("/work/real/d%d", j), "tmpfs", "tmpfs", "");
            bundle_mount(bundle, text("/work/real/f%d", j), "none", work_path("source"),
                         "\"bind\"");
        }
        bundle_set(bundle, "linux.devices[+]",
                   "{\"path\":\"/work/real/null\",\"type\":\"c\",\"major\":1,\"minor\":3}");
        outcome = bundle_run(bundle);
        ran += outcome.code == 0;
        cr_assert(outcome.code == 0 || outcome.code == 1, "%d: %s", outcome.code, outcome.err);
        if (strcmp(before, tree_of(canary)) != 0)
            break;
    }
    stop(attacker);
    assert_text(tree_of(canary), before);
    assert_text(file_text("/proc/self/mountinfo"), mounts);
    (void)ran;
}

/* CVE-2019-19921: procfs itself through an exchanged directory. */
Scenario(cve_2019_19921, proc_is_never_somewhere_else)
{
    const char *mounts = file_text("/proc/self/mountinfo");

    need_root();
    for (int i = 0; i < 6; i++) {
        struct bundle *bundle = bundle_new();
        struct outcome outcome;
        pid_t attacker;

        cr_assert(symlink("/tmp", text("%s/evil", bundle->rootfs)) == 0);
        attacker = start_exchanging(text("%s/proc", bundle->rootfs),
                                    text("%s/evil", bundle->rootfs));
        bundle_script(bundle, "[ -d /tmp/self ] && echo WRONG; true");
        outcome = bundle_run(bundle);
        stop(attacker);
        cr_assert(outcome.code >= 0 && outcome.code < 128, "%s", outcome.err);
        assert_lacks(outcome.out, "WRONG");
    }
    assert_text(file_text("/proc/self/mountinfo"), mounts);
}

/* CVE-2025-52881: where a procfs of our own cannot be had, the container's must be one. */
Scenario(cve_2025_52881, a_false_proc_is_not_believed)
{
    struct bundle *bundle = bundle_new();

    need_root();
    give_capabilities(bundle, "\"CAP_SYS_ADMIN\"");
    bundle_start(bundle);
    assert_text(inside_running(bundle,
                               "mount -t tmpfs none /proc && mkdir -p /proc/thread-self/fd && "
                               "echo covered"),
                "covered");
    assert_refused(crun_with(PROGRAM(.wrapper = without_fsopen()), "exec", bundle->id, "true"), 255,
                   "/proc: is not the root of a procfs");
    assert_ok(crun("exec", bundle->id, "true"));
    bundle_delete(bundle);
}

/* --- devices that lie ------------------------------------------------------------------------- */

/* CVE-2025-31133: what hides files must be a null device, whatever the image has at its place. */
Scenario(cve_2025_31133, a_false_null_device_hides_all_the_same)
{
    static const char *const lies[] = {
        "ln -s /etc/secret dev/null",
        "echo visible >dev/null",
        "mkfifo dev/null",
        "mkdir dev/null",
        "mknod dev/null c 1 5",
        "true",
        "ln -s /proc/sys/kernel/core_pattern dev/null",
    };
    const char *before = file_line("/proc/sys/kernel/core_pattern");

    need_root();
    for (size_t i = 0; i < count_of(lies); i++) {
        struct bundle *bundle = bundle_new();
        struct outcome outcome;

        for (int mounts = 0; mounts < 4; mounts++)
            bundle_remove(bundle, "mounts[1]"); /* /dev and what is below it */
        bundle_file(bundle, "etc/secret", "visible\n", 0644);
        bundle_file(bundle, "etc/hidden", "visible\n", 0644);
        bundle_set(bundle, "linux.maskedPaths[+]", "\"/etc/hidden\"");
        assert_ok(program_run(PROGRAM(.directory = bundle->rootfs,
                                      .arguments = (const char *[]){"sh", "-c", lies[i], NULL})));
        /* Without 2>/dev/null: it may be a FIFO. */
        bundle_script(bundle, "exec 2>&-; cat /etc/hidden; (echo pwned >/etc/hidden); "
                              "head -c 1 /proc/kcore | wc -c");
        outcome = bundle_run(bundle);
        if (outcome.code == 0)
            assert_text(outcome.out, "0\n");
        else
            cr_assert(outcome.code == 1 && is_one_line(outcome.err), "%s: %s", lies[i],
                      outcome.err);
        assert_text(file_line("/proc/sys/kernel/core_pattern"), before);
        assert_text(file_text(text("%s/etc/hidden", bundle->rootfs)), "visible\n");
    }
}

/* What hides files is the host's, and a host may be a container whose /dev somebody has changed. */
Scenario(cve_2025_31133, a_false_null_device_of_the_host_is_refused)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_file(bundle, "etc/hidden", "visible\n", 0644);
    bundle_set(bundle, "linux.maskedPaths[+]", "\"/etc/hidden\"");
    bundle_script(bundle, "cat /etc/hidden");
    cr_assert(kernel_mount(work_file("false", ""), "/dev/null", NULL, MS_BIND, NULL) == 0);
    assert_refused(bundle_run(bundle), 1, "/dev/null of the host: is not the null device");
    cr_assert(kernel_umount("/dev/null", MNT_DETACH) == 0);
}

/* CVE-2025-52565, CVE-2026-88264: the console is the terminal, wherever a link points. */
Scenario(cve_2025_52565, a_false_console_is_replaced_or_refused)
{
    const char *canary;

    need_root();
    canary = work_file("canary", "alive");
    for (int with_dev = 0; with_dev < 2; with_dev++) {
        struct bundle *bundle = bundle_new();

        if (!with_dev)
            for (int mounts = 0; mounts < 4; mounts++)
                bundle_remove(bundle, "mounts[1]");
        cr_assert(symlink(canary, text("%s/dev/console", bundle->rootfs)) == 0);
        cr_assert(symlink(canary, text("%s/dev/ptmx", bundle->rootfs)) == 0);
        bundle_set(bundle, "process.terminal", "true");
        bundle_script(bundle, "echo x >/dev/console");
        bundle_run(bundle);
        assert_text(file_text(canary), "alive");
    }
}

/* Nor is anything inside covered by it. */
Scenario(cve_2025_52565, a_console_that_is_a_link_inside_is_refused)
{
    struct bundle *bundle = bundle_new();

    need_root();
    for (int mounts = 0; mounts < 4; mounts++)
        bundle_remove(bundle, "mounts[1]");
    bundle_mount(bundle, "/dev/pts", "devpts", "devpts", "\"newinstance\",\"ptmxmode=0666\"");
    bundle_file(bundle, "etc/secret", "", 0644);
    cr_assert(symlink("/etc/secret", text("%s/dev/console", bundle->rootfs)) == 0);
    bundle_set(bundle, "process.terminal", "true");
    bundle_script(bundle, "true");
    assert_refused(bundle_run(bundle), 1, "/dev/console: is a symbolic link");
}

/* Whatever an image calls ptmx. */
Scenario(cve_2025_52565, a_terminal_comes_from_a_devpts_alone)
{
    struct bundle *bundle = bundle_new();

    need_root();
    for (int mounts = 0; mounts < 4; mounts++)
        bundle_remove(bundle, "mounts[1]");
    cr_assert(mkdir(text("%s/dev/pts", bundle->rootfs), 0755) == 0);
    bundle_file(bundle, "dev/pts/ptmx", "", 0666);
    bundle_set(bundle, "process.terminal", "true");
    bundle_script(bundle, "true");
    assert_refused(bundle_run(bundle), 1, "/dev/pts: is no devpts");
}

/* --- strings that are too long ---------------------------------------------------------------- */

/* CVE-2021-43784: lengths that no longer fit into 16 bits. */
Scenario(cve_2021_43784, long_strings_arrive_whole_or_not_at_all)
{
    static const int lengths[] = {4095, 4096, 65534, 65535, 65536, 65537, 100000};
    char *string = arena_zero(scenario_arena(), 100001, 1);

    need_root();
    for (size_t i = 0; i < count_of(lengths); i++) {
        struct bundle *bundle = bundle_new();

        memset(string, 'x', (size_t)lengths[i]);
        string[lengths[i]] = '\0';
        bundle_set(bundle, "process.env[+]", "\"LONG=%s\"", string);
        bundle_set(bundle, "annotations.long", "\"%s\"", string);
        assert_text(inside(bundle, "echo ${#LONG}"), text("%d", lengths[i]));
    }
}

/* --- what hooks inherit ----------------------------------------------------------------------- */

/* CVE-2025-23266: the image's environment is not the hook's. */
Scenario(cve_2025_23266, hooks_do_not_see_the_images_environment)
{
    struct bundle *bundle = bundle_new();
    const char *log = work_path("env");

    need_root();
    bundle_set(bundle, "process.env[+]", "\"LD_PRELOAD=/evil.so\"");
    bundle_set(bundle, "hooks.createRuntime", "[{\"path\":\"%s\"}]",
               work_script("hook", text("/usr/bin/env >>%s; ls -l /proc/self/fd >>%s", log, log)));
    bundle_set(bundle, "hooks.createContainer", "[{\"path\":\"%s\"}]", work_path("hook"));
    assert_ok(bundle_run(bundle));
    assert_lacks(file_text(log), "evil");
    /* Three, and the directory that ls reads. */
    assert_lacks(file_text(log), " 5 -> ");
    assert_lacks(file_text(log), "socket:");
}

/* --- capabilities ----------------------------------------------------------------------------- */

/* CVE-2022-29162 */
Scenario(cve_2022_29162, nothing_is_inheritable_by_default)
{
    struct bundle *bundle = bundle_new();

    need_root();
    assert_text(inside(bundle, "grep ^CapInh /proc/self/status | cut -f2; "
                               "grep ^CapAmb /proc/self/status | cut -f2"),
                "0000000000000000\n0000000000000000");
}

/* --- the keyring ------------------------------------------------------------------------------ */

Scenario(keyring, the_containers_is_its_own)
{
    struct bundle *bundle = bundle_new();
    const char *keys;

    need_root();
    if (!file_exists("/proc/keys"))
        skip("no keyrings here");
    bundle_remove(bundle, "linux.maskedPaths");
    keys = inside(bundle, "cat /proc/keys");
    assert_has(keys, bundle->id);
}

/* --- a container that is hostile to delete ---------------------------------------------------- */

Scenario(hostile, a_fork_bomb_is_deleted)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_set(bundle, "linux.resources.pids.limit", "150");
    bundle_script(bundle, "bomb() { bomb & bomb & }; bomb 2>/dev/null; sleep 3600");
    bundle_start_as_is(bundle);
    wait_ms(200);
    bundle_delete(bundle);
}

Scenario(hostile, cgroups_made_inside_are_removed)
{
    struct bundle *bundle = bundle_new();
    struct outcome started;

    need_root();
    bundle_mount(bundle, "/sys/fs/cgroup", "cgroup", "cgroup", "\"nosuid\",\"noexec\",\"nodev\"");
    bundle_script(bundle, "cd /sys/fs/cgroup; for d in . *; do [ -f $d/cgroup.procs ] || continue; "
                          "mkdir -p $d/a/b $d/c; sleep 3600 & echo $! >$d/a/b/cgroup.procs; done "
                          "2>/dev/null; echo ready; wait");
    started = crun("run", "-d", "-b", bundle->path, bundle->id);
    assert_ok(started);
    cr_assert(program_said(&started.running, "ready"));
    assert_has(crun("ps", "-f", "json", bundle->id).out, ",");
    bundle_delete(bundle);
}

/* v2 allows no processes beside child cgroups that have controllers: exec goes where init is. */
Scenario(hostile, exec_follows_a_first_process_that_moved)
{
    struct bundle *bundle = bundle_new();
    struct outcome started;

    need_root();
    if (!host_has_pure_cgroup2())
        skip("is about cgroup v2");
    bundle_mount(bundle, "/sys/fs/cgroup", "cgroup", "cgroup", "\"nosuid\",\"noexec\",\"nodev\"");
    bundle_script(bundle, "cd /sys/fs/cgroup; mkdir init; echo $$ >init/cgroup.procs; "
                          "echo +pids >cgroup.subtree_control; echo ready; sleep 3600");
    started = crun("run", "-d", "-b", bundle->path, bundle->id);
    assert_ok(started);
    cr_assert(program_said(&started.running, "ready"));
    assert_text(inside_running(bundle, "echo joined"), "joined");
    bundle_delete(bundle);
}

Scenario(hostile, a_stopped_process_is_deleted)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_start(bundle);
    assert_ok(crun("kill", bundle->id, "STOP"));
    cr_assert(kill(bundle_pid(bundle), SIGSTOP) == 0);
    bundle_delete(bundle);
}

/* A container that signals everything it sees cannot reach beyond its namespace. */
Scenario(hostile, signals_stay_inside)
{
    struct bundle *bundle = bundle_new();
    struct running innocent = program_begin(
        PROGRAM(.arguments = (const char *[]){"sleep", "3600", NULL}));

    need_root();
    bundle_script(bundle, "kill -9 -1; kill -9 1; true");
    bundle_run(bundle);
    cr_assert(!program_has_ended(&innocent));
    kernel_pidfd_send_signal(innocent.pidfd, SIGKILL);
    program_wait(&innocent, DEADLINE_SECONDS);
}
