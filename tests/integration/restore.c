/* restore: what a container has from outside is put in place anew: mounts, namespaces, labels,
 * hooks; and what it was allowed is what it is allowed. */

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/own.h"
#include "tests/integration/harness/checkpoint.h"
#include "tests/integration/harness/json.h"
#include "tests/integration/harness/scenario.h"

/* --- mounts ------------------------------------------------------------------------------------
 */

Scenario(restore, bind_mounts_come_from_the_host_again)
{
    need_criu();

    struct bundle *bundle = counting_bundle();
    const char *directory = work_path("shared"), *file = work_file("note", "first\n");

    cr_assert(mkdir(directory, 0755) == 0);
    bundle_mount(bundle, "/mnt/shared", "bind", directory, "\"rbind\",\"rw\"");
    bundle_mount(bundle, "/etc/note", "bind", file, "\"bind\",\"ro\"");
    start_counting(bundle);
    assert_text(inside_running(bundle, "cat /etc/note"), "first");
    assert_ok(checkpoint(bundle));
    /* Another file with the same name: what is there now is mounted. */
    cr_assert(unlink(file) == 0);
    work_file("note", "second\n");
    assert_ok(restore(bundle, bundle->id));
    assert_text(inside_running(bundle, "cat /etc/note; echo x >/mnt/shared/x"), "second");
    assert_text(file_line(text("%s/x", directory)), "x");
    assert_has(crun("exec", bundle->id, "sh", "-c", "echo x >/etc/note").err, "Read-only");
    bundle_delete(bundle);
}

Scenario(restore, paths_are_hidden_and_read_only_again)
{
    need_criu();

    struct bundle *bundle = counting_bundle();
    const char *script = "wc -c </proc/keys; ls /sys/firmware | wc -l; "
                         "echo 1 2>&1 >/proc/sys/kernel/hostname; grep -c . /proc/self/mounts";
    const char *before;

    start_counting(bundle);
    before = inside_running(bundle, script);
    assert_has(before, "Read-only");
    assert_ok(checkpoint(bundle));
    assert_ok(restore(bundle, bundle->id));
    assert_text(inside_running(bundle, script), before);
    bundle_delete(bundle);
}

/* A missing source is said before anything is made, and nothing stays. */
Scenario(restore, without_the_source_of_a_mount_nothing_is_made)
{
    need_criu();

    struct bundle *bundle = counting_bundle();
    const char *file = work_file("note", "first\n");

    bundle_mount(bundle, "/etc/note", "bind", file, "\"bind\",\"ro\"");
    start_counting(bundle);
    assert_ok(checkpoint(bundle));
    cr_assert(unlink(file) == 0);
    assert_refused(restore(bundle, bundle->id), 1, "note");
    assert_refused(crun("state", bundle->id), 1, "does not exist");
}

/* On v1 and hybrid hosts a tmpfs with a mount for each hierarchy. */
Scenario(restore, cgroup_mounts_show_the_new_cgroup)
{
    static const char script[] =
        "cd /sys/fs/cgroup; grep cgroup /proc/mounts | cut -d' ' -f2,3 | sort; "
        "find . -maxdepth 1 | sort; grep -hsx 1 cgroup.procs pids/cgroup.procs; "
        "mkdir no 2>&1 || mkdir pids/no 2>&1";

    need_criu();

    struct bundle *bundle = counting_bundle();
    const char *id = text("%s-again", bundle->id), *before;

    bundle_mount(bundle, "/sys/fs/cgroup", "cgroup", "cgroup",
                 "\"nosuid\",\"noexec\",\"nodev\",\"relatime\",\"ro\"");
    start_counting(bundle);
    before = crun("exec", bundle->id, "sh", "-c", script).out;
    assert_has(before, "/sys/fs/cgroup");
    assert_has(before, "\n1\n");
    assert_has(before, "Read-only");
    assert_ok(checkpoint(bundle));
    bundle->cgroup = text("/%s.other/%s", bundle->id, id);
    bundle_set(bundle, "linux.cgroupsPath", "\"%s\"", bundle->cgroup);
    assert_ok(restore(bundle, id));
    bundle->id = id;
    assert_text(crun("exec", bundle->id, "sh", "-c", script).out, before);
    bundle_delete(bundle);
}

/* --- namespaces --------------------------------------------------------------------------------
 */

static const char *link_text(const char *path)
{
    char target[256] = "";

    cr_assert(readlink(path, target, sizeof target - 1) > 0, "%s: %s", path, strerror(errno));
    return text("%s", target);
}

Scenario(restore, a_joined_network_is_joined_again)
{
    need_criu();

    struct bundle *bundle = counting_bundle();
    const char *network;
    struct running holder = hold_network(&network);

    bundle_join_namespace(bundle, "network", network);
    start_counting(bundle);
    assert_ok(checkpoint(bundle));
    assert_ok(restore(bundle, bundle->id));
    assert_text(link_text(text("/proc/%d/ns/net", bundle_pid(bundle))), link_text(network));
    bundle_delete(bundle);
    let_network_go(&holder);
}

Scenario(restore, another_network_may_be_joined)
{
    need_criu();

    struct bundle *bundle = counting_bundle();
    const char *first, *second;
    struct running holders[] = {hold_network(&first), hold_network(&second)};

    bundle_join_namespace(bundle, "network", first);
    start_counting(bundle);
    assert_ok(checkpoint(bundle));
    bundle_join_namespace(bundle, "network", second);
    assert_ok(restore(bundle, bundle->id));
    assert_text(link_text(text("/proc/%d/ns/net", bundle_pid(bundle))), link_text(second));
    bundle_delete(bundle);
    for (size_t i = 0; i < count_of(holders); i++)
        let_network_go(&holders[i]);
}

Scenario(restore, in_a_user_namespace)
{
    need_criu();

    struct bundle *bundle = counting_bundle();

    bundle_map_users(bundle, 100000, 65536);
    start_counting(bundle);

    struct counter before;

    assert_ok(checkpoint(bundle));
    before = counter_of(bundle);
    assert_ok(restore(bundle, bundle->id));
    assert_text(counter_beyond(bundle, before.count).cookie, before.cookie);
    assert_has(file_text(text("/proc/%d/uid_map", bundle_pid(bundle))), "100000");
    assert_text(inside_running(bundle, "id -u; echo x >/dev/null"), "0");
    bundle_delete(bundle);
}

/* The last number of that process that has come through, with its line; 0 when none has. */
static long heard_from(const char *path, const char *cookie)
{
    const char *whole = file_text(path);
    long last = 0;

    for (const char *at = whole; at != NULL && (at = strstr(at, cookie)) != NULL; at++) {
        const char *end = strchr(at, '\n');

        if (end != NULL)
            last = strtol(at + strlen(cookie), NULL, 10);
    }
    return last;
}

Scenario(restore, connections_inside_go_on)
{
    need_criu();
    need_tcp_sockets();

    struct bundle *bundle = bundle_new();

    bundle_script(bundle, "(tail -f /dev/null | nc -l -p 5000 >/work/heard) & "
                          "until grep -qs ':1388 .* 0A ' /proc/net/tcp /proc/net/tcp6; do "
                          "sleep 0.1; done; ({ " COUNTING "; } & "
                          "while :; do cat /work/count; sleep 1; done) | nc 127.0.0.1 5000");
    bundle_file(bundle, "work/count", "", 0644);
    start_counting(bundle);

    const char *heard = text("%s/work/heard", bundle->rootfs);

    /* Not every number: who shows them looks once a second, like who counts. */
    cr_assert(eventually(heard_from(heard, counter_of(bundle).cookie) > 0));
    assert_refused(checkpoint(bundle), 1, "onnected TCP");
    assert_ok(checkpoint(bundle, "--tcp-established"));

    struct counter before = counter_of(bundle);

    assert_ok(restore(bundle, bundle->id, "--tcp-established"));
    cr_assert(eventually(heard_from(heard, before.cookie) > before.count), "%s", file_text(heard));
    bundle_delete(bundle);
}

/* --- what a process may ------------------------------------------------------------------------
 */

/* The lines of /proc/PID/status that tell it, limits, and the score. */
static const char *rights_of(struct bundle *bundle)
{
    const char *script =
        "cd /proc/$1; grep -E '^(Uid|Gid|Groups|NoNewPrivs|Seccomp|Cap.*):' status;"
        "cat limits oom_score_adj";
    struct outcome outcome = program_run(
        PROGRAM(.arguments = (const char *[]){"sh", "-c", script, "sh",
                                              text("%d", bundle_pid(bundle)), NULL}));

    assert_ok(outcome);
    return outcome.out;
}

/* prlimit(2) of a process of somebody else. */
static void need_sys_resource(void)
{
    const char *at = strstr(file_text("/proc/self/status"), "CapEff:\t");

    if (at == NULL || (strtoull(at + strlen("CapEff:\t"), NULL, 16) >> CAP_SYS_RESOURCE & 1) == 0)
        skip("needs CAP_SYS_RESOURCE");
}

Scenario(restore, rights_and_limits_are_as_before)
{
    need_criu();
    need_sys_resource();

    struct bundle *bundle = counting_bundle();
    const char *before;

    bundle_set(bundle, "process.user",
               "{\"uid\":1000,\"gid\":1001,\"additionalGids\":[7,8],\"umask\":18}");
    bundle_set(bundle, "process.rlimits",
               "[{\"type\":\"RLIMIT_NOFILE\",\"soft\":100,\"hard\":200}]");
    bundle_set(bundle, "process.oomScoreAdj", "321");
    bundle_set(bundle, "linux.seccomp",
               "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"mkdir\"],"
               "\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":95}]}");
    cr_assert(chmod(text("%s/work", bundle->rootfs), 01777) == 0);
    start_counting(bundle);
    before = rights_of(bundle);
    assert_has(before, "Uid:\t1000");
    assert_has(before, "Seccomp:\t2");
    assert_ok(checkpoint(bundle));
    assert_ok(restore(bundle, bundle->id));
    assert_text(rights_of(bundle), before);
    bundle_delete(bundle);
}

/* --- labels ------------------------------------------------------------------------------------
 */

static void need_apparmor_profile(const char *name)
{
    const char *profiles = file_text("/sys/kernel/security/apparmor/profiles");

    if (profiles == NULL || strstr(profiles, text("%s (", name)) == NULL)
        skip("needs the AppArmor profile %s", name);
}

static const char *profile_of(struct bundle *bundle)
{
    return file_line(text("/proc/%d/attr/current", bundle_pid(bundle)));
}

Scenario(restore, an_apparmor_profile_is_kept_or_replaced)
{
    need_criu();
    need_apparmor_profile("runc");
    need_apparmor_profile("crun");

    struct bundle *bundle = counting_bundle();

    bundle_set(bundle, "process.apparmorProfile", "\"runc\"");
    start_counting(bundle);
    assert_has(profile_of(bundle), "runc");
    assert_ok(checkpoint(bundle, "--leave-running"));
    bundle_delete(bundle);
    assert_ok(restore(bundle, bundle->id));
    assert_has(profile_of(bundle), "runc");
    bundle_delete(bundle);
    assert_ok(restore(bundle, bundle->id, "--lsm-profile", "apparmor:crun"));
    assert_has(profile_of(bundle), "crun");
    bundle_delete(bundle);
}

/* --- hooks -------------------------------------------------------------------------------------
 */

static void add_hook(struct bundle *bundle, const char *kind, const char *command)
{
    const char *script = text("echo $(cat) >>%s; %s", work_path("hooks"), command);

    bundle_set(bundle, text("hooks.%s[+]", kind),
               "{\"path\":\"/bin/sh\",\"args\":[\"sh\",\"-c\",%s]}",
               json_quote(scenario_arena(),
                          text("printf '%%s ' %s >>%s; %s", kind, work_path("hooks"), script)));
}

Scenario(restore, hooks_of_the_host_run_again)
{
    static const char *const kinds[] = {"prestart", "createRuntime", "createContainer", "poststart",
                                        "poststop"};

    need_criu();

    struct bundle *bundle = counting_bundle();

    start_counting(bundle);
    assert_ok(checkpoint(bundle));
    for (size_t i = 0; i < count_of(kinds); i++)
        add_hook(bundle, kinds[i], ":");
    assert_ok(restore(bundle, bundle->id));

    const char *said = file_text(work_path("hooks"));
    const char *at = said;

    for (size_t i = 0; i < 4; i++) {
        const char *line = strstr(at, text("%s {", kinds[i]));

        cr_assert(line != NULL, "no %s after the others in:\n%s", kinds[i], said);
        assert_has(text("%.*s", (int)strcspn(line, "\n"), line),
                   text("\"pid\":%d", bundle_pid(bundle)));
        at = line;
    }
    assert_lacks(said, "poststop");
    bundle_delete(bundle);
    assert_has(file_text(work_path("hooks")), "poststop {");
}

Scenario(restore, a_hook_that_fails_undoes_all)
{
    need_criu();

    struct bundle *bundle = counting_bundle();
    struct outcome outcome;

    start_counting(bundle);
    assert_ok(checkpoint(bundle));
    add_hook(bundle, "createRuntime", "echo no reason >&2; exit 3");
    outcome = restore(bundle, bundle->id, "--pid-file", work_path("pid"));
    assert_refused(outcome, 1, "createRuntime hook #0");
    assert_has(outcome.err, "no reason");
    assert_refused(crun("state", bundle->id), 1, "does not exist");
    cr_assert(!file_exists(work_path("pid")));
    cr_assert(!file_exists(bundle_cgroup_file(bundle, "pids", "")));
}

/* The processes run by then. */
Scenario(restore, a_hook_that_fails_late_undoes_all_too)
{
    need_criu();

    struct bundle *bundle = counting_bundle();

    start_counting(bundle);
    assert_ok(checkpoint(bundle));
    add_hook(bundle, "poststart", "exit 3");
    assert_refused(restore(bundle, bundle->id, "--pid-file", work_path("pid")), 1,
                   "poststart hook #0");
    assert_refused(crun("state", bundle->id), 1, "does not exist");
    cr_assert(!file_exists(work_path("pid")));
    cr_assert(!file_exists(bundle_cgroup_file(bundle, "pids", "")));
}

Scenario(restore, an_id_in_use_or_images_that_are_not_there_are_refused)
{
    need_criu();

    struct bundle *bundle = counting_bundle();

    assert_refused(restore(bundle, bundle->id), 1, "--image-path");
    assert_refused(crun("state", bundle->id), 1, "does not exist");
    start_counting(bundle);
    assert_refused(restore(bundle, bundle->id), 1, "already exists");
    assert_text(bundle_status(bundle), "running");
    bundle_delete(bundle);
}

Scenario(restore, images_that_cannot_be_read_leave_nothing)
{
    need_criu();

    struct bundle *bundle = counting_bundle();

    start_counting(bundle);
    assert_ok(checkpoint(bundle));
    cr_assert(unlink(text("%s/pages-1.img", images())) == 0);
    assert_refused(restore(bundle, bundle->id), 1, "restore.log");
    assert_refused(crun("state", bundle->id), 1, "does not exist");
    cr_assert(!file_exists(bundle_cgroup_file(bundle, "pids", "")));
}

/* CRIU 4.1 would wait for ever for the rest of pages. */
Scenario(restore, images_that_are_cut_short_are_refused_at_once)
{
    static const struct {
        const char *name, *said;
    } rows[] = {
        {"pages-1.img",   "pages-1.img is cut short"},
        {"pagemap-1.img", "restore.log"             },
        {"core-1.img",    "restore.log"             },
        {"inventory.img", "restore.log"             },
    };

    need_criu();

    struct bundle *bundle = counting_bundle();
    struct counter before;

    start_counting(bundle);
    assert_ok(checkpoint(bundle));
    before = counter_of(bundle);
    for (size_t i = 0; i < count_of(rows); i++) {
        const char *path = text("%s/%s", images(), rows[i].name), *whole = text("%s.whole", path);
        struct stat status;

        assert_ok(program_run(PROGRAM(.arguments = (const char *[]){"cp", path, whole, NULL})));
        cr_assert(stat(path, &status) == 0 && truncate(path, status.st_size / 2) == 0);
        assert_refused(restore(bundle, bundle->id), 1, rows[i].said);
        assert_refused(crun("state", bundle->id), 1, "does not exist");
        cr_assert(!file_exists(bundle_cgroup_file(bundle, "pids", "")));
        cr_assert(rename(whole, path) == 0);
    }
    assert_ok(restore(bundle, bundle->id));
    assert_text(counter_beyond(bundle, before.count).cookie, before.cookie);
    bundle_delete(bundle);
}

/* A pagemap of a process that is gone since, whose pages have another owner now. */
Scenario(restore, what_a_failed_checkpoint_left_is_no_reason)
{
    need_criu();

    struct bundle *bundle = counting_bundle();
    const char *left = text("%s/pagemap-4000.img", images());
    struct counter before;

    start_counting(bundle);
    assert_ok(checkpoint(bundle));
    before = counter_of(bundle);
    assert_ok(program_run(PROGRAM(.arguments = (const char *[]){
                                      "cp", text("%s/pagemap-1.img", images()), left, NULL})));
    /* A thousand pages more in pages-1.img. */
    assert_ok(
        program_run(PROGRAM(.arguments = (const char *[]){
                                "sh", "-c", "printf '\\7\\0\\0\\0\\10\\1\\20\\350\\7\\40\\4' >>$1",
                                "sh", left, NULL})));
    assert_ok(restore(bundle, bundle->id));
    assert_text(counter_beyond(bundle, before.count).cookie, before.cookie);
    bundle_delete(bundle);
}

/* --- what its callers say too ------------------------------------------------------------------
 */

/* Of a hook's orphan: it goes to the nearest subreaper. */
static pid_t parent_of_orphan(void)
{
    const char *pid = file_line(work_path("orphan")), *status;

    cr_assert(eventually((status = file_text(text("/proc/%s/status", pid))) != NULL &&
                         strstr(status, "PPid:\t") != NULL));
    return (pid_t)strtol(strstr(status, "PPid:\t") + strlen("PPid:\t"), NULL, 10);
}

/* containerd's go-runc has one dash. */
Scenario(restore, no_subreaper_leaves_orphans_to_those_above)
{
    static const char *const options[] = {"--no-subreaper=false", "--no-subreaper",
                                          "-no-subreaper"};

    need_criu();

    struct bundle *bundle = counting_bundle();
    const char *orphan = work_path("orphan");

    bundle_set(bundle, "hooks.poststart[+]", "{\"path\":\"/bin/sh\",\"args\":[\"sh\",\"-c\",%s]}",
               json_quote(scenario_arena(),
                          text("sleep 3600 </dev/null >/dev/null 2>&1 & echo $! >%s.new", orphan)));
    bundle_set(bundle, "hooks.poststart[+]", "{\"path\":\"/bin/mv\",\"args\":[\"mv\",%s,%s]}",
               json_quote(scenario_arena(), text("%s.new", orphan)),
               json_quote(scenario_arena(), orphan));
    start_counting(bundle);
    cr_assert(kill((pid_t)strtol(file_line(orphan), NULL, 10), SIGKILL) == 0);
    assert_ok(checkpoint(bundle));
    for (size_t i = 0; i < count_of(options); i++) {
        struct running running;
        pid_t parent;

        cr_assert(unlink(orphan) == 0);
        running = crun_begin(PROGRAM(0), "restore", options[i], "-b", bundle->path, "--image-path",
                             images(), bundle->id);
        cr_assert(eventually(file_exists(orphan) || program_has_ended(&running)));
        parent = parent_of_orphan();
        cr_assert((parent == running.pid) == (i == 0), "%s: %d is the child of %d, we are %d",
                  options[i], running.pid, parent, getpid());
        cr_assert(kill((pid_t)strtol(file_line(orphan), NULL, 10), SIGKILL) == 0);
        assert_ok(crun("kill", bundle->id, "KILL"));
        assert_code(program_wait(&running, DEADLINE_SECONDS), 128 + SIGKILL);
    }
}

/* Arguments that go-runc shares between checkpoint and restore, of which nothing is to be done. */
Scenario(restore, arguments_of_others_change_nothing)
{
    static const char *const options[][2] = {
        {"--no-pivot",    "--no-pivot" },
        {"-no-pivot",     "-no-pivot"  },
        {"--parent-path", "../nowhere" },
        {"--page-server", "127.0.0.1:1"},
    };

    need_criu();

    struct bundle *bundle = counting_bundle();
    struct counter before;
    const char *root;

    start_counting(bundle);
    root = inside_running(bundle, "ls /; grep -c . /proc/1/mountinfo");
    assert_ok(checkpoint(bundle));
    before = counter_of(bundle);
    for (size_t i = 0; i < count_of(options); i++) {
        cr_assert(unlink(text("%s/work/count", bundle->rootfs)) == 0);
        assert_ok(restore(bundle, bundle->id, options[i][0], options[i][1]));
        assert_text(counter_beyond(bundle, before.count).cookie, before.cookie);
        assert_text(inside_running(bundle, "ls /; grep -c . /proc/1/mountinfo"), root);
        bundle_delete(bundle);
    }
}
