/* `crun-lite exec`: one more process in a container. */

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/own.h"
#include "tests/integration/harness/bundle.h"
#include "tests/integration/harness/json.h"
#include "tests/integration/harness/scenario.h"

#define STATUS_LINE(name) "grep '^" name ":' /proc/self/status | tr -d '\\t'"

static bool has_status(struct bundle *bundle, const char *status)
{
    return strcmp(bundle_status(bundle), status) == 0;
}

/* What exec with these options prints. */
#define exec_output(bundle, ...) exec_said((bundle), (const char *[]){__VA_ARGS__, NULL})

static const char *exec_said(struct bundle *bundle, const char *const *arguments)
{
    const char *all[32] = {"exec"};
    size_t count = 1;
    struct outcome outcome;
    (void)bundle;

    while (*arguments != NULL)
        all[count++] = *arguments++;
    outcome = crun_run(PROGRAM(0), all);
    assert_ok(outcome);
    return outcome.out;
}

Scenario(exec, runs_beside_the_first_process)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_start(bundle);
    assert_text(inside_running(bundle, "hostname; pwd; tr '\\0' ' ' </proc/1/cmdline | cut -c 1-7"),
                "inside\n/\n/bin/sh");
    bundle_delete(bundle);
}

Scenario(exec, gives_the_exit_code)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_start(bundle);
    assert_code(crun("exec", bundle->id, "sh", "-c", "exit 42"), 42);
    assert_code(crun("exec", bundle->id, "sh", "-c", "kill -9 $$"), 128 + 9);
    assert_code(crun("exec", bundle->id, "sh", "-c", "kill -TERM $$"), 128 + 15);
    bundle_delete(bundle);
}

Scenario(exec, stops_parsing_at_the_command)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_start(bundle);
    assert_text(exec_output(bundle, bundle->id, "echo", "-e", "--tty", "-x"), "--tty -x\n");
    assert_text(exec_output(bundle, bundle->id, "--", "echo", "hi"), "hi\n");
    bundle_delete(bundle);
}

Scenario(exec, passes_standard_input_and_error)
{
    struct bundle *bundle = bundle_new();
    struct outcome outcome;

    need_root();
    bundle_start(bundle);
    outcome = crun_with(PROGRAM(.input = "some words"), "exec", bundle->id, "sh", "-c",
                        "cat >&2; echo out");
    assert_ok(outcome);
    assert_text(outcome.out, "out\n");
    assert_text(outcome.err, "some words");
    bundle_delete(bundle);
}

Scenario(exec, is_possible_before_start)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_script(bundle, "true");
    assert_ok(crun("create", "-b", bundle->path, bundle->id));
    assert_text(inside_running(bundle, "echo early"), "early");
    bundle_delete(bundle);
}

Scenario(exec, is_refused_in_a_stopped_container)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_start_as_is(bundle);
    cr_assert(eventually(has_status(bundle, "stopped")));
    assert_refused(crun("exec", bundle->id, "true"), 255, "cannot exec in a stopped container");
    assert_ok(crun("delete", bundle->id));
}

Scenario(exec, is_refused_in_a_paused_container)
{
    struct bundle *bundle = bundle_new();
    struct running waiting;

    need_root();
    bundle_start(bundle);
    assert_ok(crun("pause", bundle->id));
    assert_refused(crun("exec", bundle->id, "true"), 255,
                   "cannot exec in a paused container (use --ignore-paused to override)");
    waiting = crun_begin(PROGRAM(0), "exec", "--ignore-paused", bundle->id, "echo", "thawed");
    wait_ms(200);
    assert_ok(crun("resume", bundle->id));
    assert_text(program_wait(&waiting, DEADLINE_SECONDS).out, "thawed\n");
    bundle_delete(bundle);
}

Scenario(exec, a_missing_program_is_named)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_file(bundle, "etc/plain", "", 0644);
    bundle_start(bundle);
    assert_refused(crun("exec", bundle->id, "no-such-program"), 255,
                   "\"no-such-program\": executable file not found in $PATH");
    assert_refused(crun("exec", bundle->id, "/no/such"), 255, "/no/such");
    assert_refused(crun("exec", bundle->id, "/etc/plain"), 255, "ermission denied");
    bundle_delete(bundle);
}

Scenario(exec, options_change_the_process)
{
    struct bundle *bundle = bundle_new();
    const char *id = bundle->id;

    need_root();
    bundle_file(bundle, "etc/passwd", "root:x:0:0::/root:/bin/sh\n7:x:9:9::/:/bin/sh\n", 0644);
    bundle_start(bundle);
    assert_text(exec_output(bundle, "--cwd", "/tmp", id, "pwd"), "/tmp\n");
    assert_text(exec_output(bundle, "--env", "A=b", "-e", "C=d e", id, "sh", "-c", "echo $A $C"),
                "b d e\n");
    assert_text(exec_output(bundle, "--user", "1000:1001", id, "sh", "-c", "id -u; id -g"),
                "1000\n1001\n");
    assert_text(exec_output(bundle, "-u", "1000", id, "id", "-u"), "1000\n");
    /* Numbers are ids, never names that the image could define (CVE-2016-3697). */
    assert_text(exec_output(bundle, "-u", "7", id, "id", "-u"), "7\n");
    assert_text(exec_output(bundle, "-g", "5", "-g", "6", id, "id", "-G"), "0 5 6\n");
    assert_text(exec_output(bundle, id, "sh", "-c", "echo $HOME"), "/root\n");
    bundle_delete(bundle);
}

/* CVE-2026-30892: a user that is not understood is an error, never root. */
Scenario(exec, a_user_that_is_no_number_is_refused)
{
    static const char *const wrong[] = {"-1",
                                        "1:",
                                        ":2",
                                        " 1",
                                        "+1",
                                        "0x1",
                                        "1a",
                                        ":1",
                                        "1:x",
                                        "1:1:1",
                                        "4294967295",
                                        "root",
                                        "18446744073709551616"};
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_start(bundle);
    for (size_t i = 0; i < count_of(wrong); i++) {
        struct outcome outcome = crun("exec", text("--user=%s", wrong[i]), bundle->id, "id", "-u");

        cr_assert(outcome.code == 255, "--user=%s: exit code %d, %s%s", wrong[i], outcome.code,
                  outcome.out, outcome.err);
        assert_text(outcome.out, "");
    }
    assert_text(exec_output(bundle, "--user=4294967294", bundle->id, "id", "-u"), "4294967294\n");
    bundle_delete(bundle);
}

/* CVE-2022-29162: nothing is inheritable that was not asked for. */
Scenario(exec, capabilities_are_added_but_never_inheritable)
{
    struct bundle *bundle = bundle_new();
    const char *id = bundle->id;
    const char *all = "grep '^Cap' /proc/self/status | tr -d '\\t'";

    need_root();
    bundle_set(bundle, "process.capabilities",
               "{\"bounding\":[\"CAP_CHOWN\"],"
               "\"effective\":[\"CAP_CHOWN\"],"
               "\"permitted\":[\"CAP_CHOWN\"]}");
    bundle_start(bundle);
    assert_text(exec_output(bundle, id, "sh", "-c", all),
                "CapInh:0000000000000000\nCapPrm:0000000000000001\nCapEff:0000000000000001\n"
                "CapBnd:0000000000000001\nCapAmb:0000000000000000\n");
    assert_text(exec_output(bundle, "--cap", "CAP_KILL", id, "sh", "-c", all),
                "CapInh:0000000000000000\nCapPrm:0000000000000021\nCapEff:0000000000000021\n"
                "CapBnd:0000000000000021\nCapAmb:0000000000000000\n");
    bundle_delete(bundle);
}

Scenario(exec, has_no_new_privileges_where_the_container_has_none)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_set(bundle, "process.noNewPrivileges", "true");
    bundle_start(bundle);
    assert_text(exec_output(bundle, bundle->id, "sh", "-c", STATUS_LINE("NoNewPrivs")),
                "NoNewPrivs:1\n");
    bundle_delete(bundle);
}

Scenario(exec, no_new_privileges_can_be_asked_for)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_set(bundle, "process.noNewPrivileges", "false");
    bundle_start(bundle);
    assert_text(exec_output(bundle, bundle->id, "sh", "-c", STATUS_LINE("NoNewPrivs")),
                "NoNewPrivs:0\n");
    assert_text(
        exec_output(bundle, "--no-new-privs", bundle->id, "sh", "-c", STATUS_LINE("NoNewPrivs")),
        "NoNewPrivs:1\n");
    bundle_delete(bundle);
}

Scenario(exec, a_process_file_is_the_whole_truth)
{
    struct bundle *bundle = bundle_new();
    const char *file;
    struct outcome outcome;

    need_root();
    bundle_start(bundle);
    file = work_file("process.json",
                     "{\"args\":[\"sh\",\"-c\",\"echo $A; pwd; id -u; umask\"],\"cwd\":\"/tmp\","
                     "\"env\":[\"PATH=/bin\",\"A=from file\"],"
                     "\"user\":{\"uid\":12,\"gid\":13,\"umask\":63}}");
    outcome = crun("exec", "--process", file, bundle->id);
    assert_ok(outcome);
    assert_text(outcome.out, "from file\n/tmp\n12\n0077\n");
    bundle_delete(bundle);
}

Scenario(exec, a_bad_process_file_is_named)
{
    static const struct {
        const char *content, *message;
    } bad[] = {
        {"",                                                                    "empty"       },
        {"{",                                                                   "process.json"},
        {"[]",                                                                  "process.json"},
        {"{\"cwd\":\"/\"}",                                                     "args"        },
        {"{\"args\":[],\"cwd\":\"/\"}",                                         "args"        },
        {"{\"args\":[\"true\"],\"cwd\":\"tmp\"}",                               "cwd"         },
        {"{\"args\":[\"true\"],\"cwd\":\"/\",\"user\":{\"uid\":-1,\"gid\":0}}", "uid"         },
    };
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_start(bundle);
    for (size_t i = 0; i < count_of(bad); i++)
        assert_refused(crun("exec", "-p", work_file("process.json", bad[i].content), bundle->id),
                       255, bad[i].message);
    assert_refused(crun("exec", "-p", work_path("missing.json"), bundle->id), 255, "missing.json");
    assert_refused(crun("exec", "-p", scenario_work(), bundle->id), 255, scenario_work());
    bundle_delete(bundle);
}

Scenario(exec, detached_with_a_pid_file)
{
    struct bundle *bundle = bundle_new();
    const char *file = work_path("pid");
    struct outcome outcome;

    need_root();
    bundle_start(bundle);
    outcome = crun("exec", "--detach", "--pid-file", file, bundle->id, "sh", "-c",
                   "echo started; sleep 3600");
    assert_ok(outcome);
    cr_assert(program_said(&outcome.running, "started"));
    cr_assert(file_text(file)[strlen(file_text(file)) - 1] != '\n');
    assert_has(crun("ps", "-f", "json", bundle->id).out, file_text(file));
    bundle_delete(bundle);
}

/* conmon tells a failure of exec by the missing pid file. */
Scenario(exec, a_failure_leaves_no_pid_file)
{
    struct bundle *bundle = bundle_new();
    const char *file = work_path("pid");

    need_root();
    bundle_start(bundle);
    assert_code(crun("exec", "--pid-file", file, bundle->id, "no-such-program"), 255);
    cr_assert(!file_exists(file));
    bundle_delete(bundle);
}

Scenario(exec, joins_the_containers_cgroup)
{
    struct bundle *bundle = bundle_new();
    const char *procs;
    struct outcome outcome;

    need_root();
    bundle_start(bundle);
    outcome = crun("exec", "-d", "--pid-file", work_path("pid"), bundle->id, "sleep", "3600");
    assert_ok(outcome);
    procs = file_text(bundle_cgroup_file(bundle, "pids", "cgroup.procs"));
    assert_has(procs, text("%s\n", file_text(work_path("pid"))));
    procs = file_text(bundle_cgroup_file(bundle, "memory", "cgroup.procs"));
    assert_has(procs, text("%s\n", file_text(work_path("pid"))));
    bundle_delete(bundle);
}

Scenario(exec, a_sub_cgroup_may_not_leave_the_containers)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_start(bundle);
    assert_code(crun("exec", "--cgroup", "../..", bundle->id, "true"), 255);
    assert_code(crun("exec", "--cgroup", "/../x", bundle->id, "true"), 255);
    bundle_delete(bundle);
}

Scenario(exec, several_sub_cgroups_are_for_a_controller_each)
{
    struct bundle *bundle = bundle_new();
    const char *pids, *memory, *pid;
    struct outcome outcome;

    need_root();
    if (host_has_pure_cgroup2())
        skip("is about cgroup v1");
    bundle_start(bundle);
    pids = text("%s", bundle_cgroup_file(bundle, "pids", "inner"));
    memory = text("%s", bundle_cgroup_file(bundle, "memory", "deep"));
    cr_assert_eq(mkdir(pids, 0755), 0);
    cr_assert_eq(mkdir(memory, 0755), 0);
    outcome = crun("exec", "-d", "--pid-file", work_path("pid"), "--cgroup", "pids:inner",
                   "--cgroup", "memory:deep", bundle->id, "sleep", "3600");
    assert_ok(outcome);
    pid = text("%s\n", file_text(work_path("pid")));
    assert_text(file_text(text("%s/cgroup.procs", pids)), pid);
    assert_text(file_text(text("%s/cgroup.procs", memory)), pid);
    bundle_delete(bundle);
}

Scenario(exec, sees_what_the_container_hides)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_start(bundle);
    assert_text(inside_running(bundle, "cat /proc/kcore /proc/keys; "
                                       "echo 1 2>/dev/null >/proc/sys/kernel/core_pattern || "
                                       "echo read-only; ls /proc/self/fd | tr '\\n' ' '"),
                "read-only\n0 1 2 3 ");
    bundle_delete(bundle);
}

/* CVE-2024-21626 */
Scenario(exec, cwd_cannot_be_a_leaked_directory)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_start(bundle);
    for (int fd = 3; fd < 24; fd++) {
        struct outcome outcome = crun("exec", "--cwd", text("/proc/self/fd/%d", fd), bundle->id,
                                      "pwd");

        cr_assert(outcome.code == 255, "fd %d: %s", fd, outcome.out);
    }
    bundle_delete(bundle);
}

Scenario(exec, many_at_once)
{
    enum { MANY = 16 };
    struct bundle *bundle = bundle_new();
    struct running running[MANY];

    need_root();
    bundle_start(bundle);
    for (int i = 0; i < MANY; i++)
        running[i] = crun_begin(PROGRAM(0), "exec", bundle->id, "sh", "-c",
                                text("echo %d; exit %d", i, i));
    for (int i = 0; i < MANY; i++) {
        struct outcome outcome = program_wait(&running[i], DEADLINE_SECONDS);

        assert_code(outcome, i);
        assert_text(outcome.out, text("%d\n", i));
    }
    bundle_delete(bundle);
}

Scenario(exec, ends_with_the_container)
{
    struct bundle *bundle = bundle_new();
    struct running running;

    need_root();
    bundle_start(bundle);
    running = crun_begin(PROGRAM(0), "exec", bundle->id, "sh", "-c", "echo here; sleep 3600");
    cr_assert(program_said(&running, "here"));
    bundle_delete(bundle);
    assert_code(program_wait(&running, DEADLINE_SECONDS), 128 + 9);
}

Scenario(exec, in_the_foreground_signals_reach_the_process)
{
    struct bundle *bundle = bundle_new();
    struct running running;

    need_root();
    bundle_start(bundle);
    running = crun_begin(PROGRAM(0), "exec", bundle->id, "sh", "-c",
                         "trap 'echo term; exit 9' TERM; echo ready; while :; do sleep 0.1; done");
    cr_assert(program_said(&running, "ready"));
    cr_assert(kill(running.pid, SIGTERM) == 0);
    assert_code(program_wait(&running, DEADLINE_SECONDS), 9);
    assert_text(program_output(&running), "ready\nterm\n");

    running = crun_begin(PROGRAM(0), "exec", bundle->id, "sh", "-c", "echo ready; exec sleep 3600");
    cr_assert(program_said(&running, "ready"));
    cr_assert(kill(running.pid, SIGTERM) == 0);
    assert_code(program_wait(&running, DEADLINE_SECONDS), 128 + SIGTERM);
    bundle_delete(bundle);
}
