/*
 * What a killed runtime, a lying state record and a rude caller leave: nothing that `delete
 * --force` does not find, and never a signal to a stranger.
 */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/kernel.h"
#include "base/own.h"
#include "tests/integration/harness/bundle.h"
#include "tests/integration/harness/json.h"
#include "tests/integration/harness/scenario.h"

/* --- killed at a system call ------------------------------------------------------------------ */

/* The program's arguments, run so that it dies of SIGKILL when it enters its `last`th system call.
 * Its children live on, as after a kill by an impatient engine.  False: it ended before that. */
static bool killed_at(int last, const char *const *arguments)
{
    int status = 0, calls = 0;
    bool entering = true;
    pid_t pid = fork();

    cr_assert(pid >= 0);
    if (pid == 0) {
        int null = open("/dev/null", O_RDWR | O_CLOEXEC);

        for (int fd = 0; fd <= 2; fd++)
            dup2(null, fd);
        ptrace(PTRACE_TRACEME, 0, NULL, NULL);
        execve(arguments[0], (char **)arguments, (char **)scenario_environment());
        _exit(127);
    }
    while (waitpid(pid, &status, 0) == pid && WIFSTOPPED(status)) {
        bool at_call = WSTOPSIG(status) == (SIGTRAP | 0x80);
        int signal = at_call || WSTOPSIG(status) == SIGTRAP ? 0 : WSTOPSIG(status);

        ptrace(PTRACE_SETOPTIONS, pid, NULL, PTRACE_O_TRACESYSGOOD);
        calls += at_call && entering;
        entering = at_call ? !entering : entering;
        if (calls >= last) {
            kill(pid, SIGKILL);
            waitpid(pid, &status, 0);
            return true;
        }
        ptrace(PTRACE_SYSCALL, pid, NULL, signal);
    }
    return false;
}

/* How far apart the kills are: every call would take minutes.  KILL_STEP=1 does it. */
static int kill_step(void)
{
    const char *step = getenv("KILL_STEP");

    return step != NULL && atoi(step) > 0 ? atoi(step) : 17;
}

static const char *what_is_left(void)
{
    return leftovers(scenario_before(), scenario_scope(), 8000, scenario_arena());
}

#define OURS scenario_program(), "--root", scenario_root()

static struct bundle *bundle_waiting(void)
{
    struct bundle *bundle = bundle_new();

    bundle_script(bundle, "trap 'exit 3' TERM; while :; do sleep 3600 & wait $!; done");
    return bundle;
}

Scenario(faults, a_create_killed_anywhere_can_be_deleted)
{
    struct bundle *bundle = bundle_waiting();
    bool killed = true;

    need_root();
    for (int at = 1; killed; at += kill_step()) {
        struct outcome deleted;
        const char *left;

        killed = killed_at(at,
                           (const char *[]){OURS, "create", "-b", bundle->path, bundle->id, NULL});
        deleted = crun("delete", "--force", bundle->id);
        cr_assert(deleted.code == 0, "killed at call %d: delete: exit code %d: %s", at,
                  deleted.code, deleted.err);
        left = what_is_left();
        cr_assert(*left == '\0', "killed at call %d: left behind:\n%s", at, left);
    }
}

Scenario(faults, a_start_killed_anywhere_leaves_it_created_or_running)
{
    struct bundle *bundle = bundle_waiting();
    bool killed = true;

    need_root();
    for (int at = 1; killed; at += kill_step()) {
        struct outcome started = {.err = ""};
        const char *status;

        assert_ok(crun("create", "-b", bundle->path, bundle->id));
        killed = killed_at(at, (const char *[]){OURS, "start", bundle->id, NULL});
        /* Again, unless the word has been heard: which may be at this very moment. */
        cr_assert(eventually(strcmp(bundle_status(bundle), "running") == 0 ||
                             (started = crun("start", bundle->id)).code == 0),
                  "killed at call %d: start again: %s", at, started.err);
        status = bundle_status(bundle);
        cr_assert(strcmp(status, "running") == 0, "killed at call %d: %s", at, status);
        cr_assert(
            eventually(strcmp(inside_running(bundle, "tr '\\0' ' ' </proc/1/cmdline | cut -c 1-7"),
                              "/bin/sh") == 0));
        bundle_delete(bundle);
    }
}

Scenario(faults, a_delete_killed_anywhere_can_be_repeated)
{
    struct bundle *bundle = bundle_waiting();
    bool killed = true;

    need_root();
    for (int at = 1; killed; at += kill_step()) {
        struct outcome deleted;
        const char *left;

        bundle_start_as_is(bundle);
        killed = killed_at(at, (const char *[]){OURS, "delete", "--force", bundle->id, NULL});
        deleted = crun("delete", "--force", bundle->id);
        cr_assert(deleted.code == 0, "killed at call %d: delete again: %s", at, deleted.err);
        left = what_is_left();
        cr_assert(*left == '\0', "killed at call %d: left behind:\n%s", at, left);
    }
}

Scenario(faults, a_run_killed_anywhere_can_be_deleted)
{
    struct bundle *bundle = bundle_waiting();
    bool killed = true;

    need_root();
    for (int at = 1; killed; at += 3 * kill_step()) {
        const char *left;

        killed = killed_at(at, (const char *[]){OURS, "run", "-d", "--overlay", "--time-limit",
                                                "1h", "-b", bundle->path, bundle->id, NULL});
        assert_ok(crun("delete", "--force", bundle->id));
        left = what_is_left();
        cr_assert(*left == '\0', "killed at call %d: left behind:\n%s", at, left);
    }
}

Scenario(faults, an_exec_killed_anywhere_leaves_no_process_behind)
{
    struct bundle *bundle = bundle_waiting();
    bool killed = true;

    need_root();
    bundle_start_as_is(bundle);
    for (int at = 1; killed; at += kill_step()) {
        killed = killed_at(at, (const char *[]){OURS, "exec", bundle->id, "true", NULL});
        /* The first process and its sleep. */
        cr_assert(eventually(atoi(inside_running(bundle, "ls -d /proc/[0-9]* | wc -l")) <= 5),
                  "killed at call %d: %s", at, inside_running(bundle, "ps"));
    }
    bundle_delete(bundle);
}

Scenario(faults, an_update_or_pause_killed_anywhere_can_be_repeated)
{
    struct bundle *bundle = bundle_waiting();
    bool killed = true;

    need_root();
    bundle_start_as_is(bundle);
    for (int at = 1; killed; at += kill_step()) {
        killed = killed_at(at, (const char *[]){OURS, "pause", bundle->id, NULL});
        /* The kernel may still be about to freeze it. */
        cr_assert(eventually(strcmp(bundle_status(bundle), "paused") == 0 ||
                             crun("pause", bundle->id).code == 0),
                  "killed at call %d", at);
        assert_ok(crun("resume", bundle->id));
        assert_text(bundle_status(bundle), "running");
        killed_at(at, (const char *[]){OURS, "update", "--pids-limit", "100", bundle->id, NULL});
        assert_ok(crun("update", "--pids-limit", "200", bundle->id));
        assert_text(file_line(bundle_cgroup_file(bundle, "pids", "pids.max")), "200");
    }
    bundle_delete(bundle);
}

/* --- the first process killed at a system call ------------------------------------------------ */

/* `run` in the foreground, its first other process killed at that process's `last`th system call:
 * as the kernel does when memory is short.  The exit code; *ret_killed says whether it got there.
 */
static int run_with_child_killed_at(int last, const char *const *arguments, int err,
                                    bool *ret_killed)
{
    pid_t root = fork(), child = 0;
    int status = 0, calls = 0, code = -1;
    bool entering = true;

    *ret_killed = false;
    if (root == 0) {
        dup2(open("/dev/null", O_RDWR | O_CLOEXEC), 0);
        dup2(err, 1);
        dup2(err, 2);
        ptrace(PTRACE_TRACEME, 0, NULL, NULL);
        raise(SIGSTOP);
        execve(arguments[0], (char **)arguments, (char **)scenario_environment());
        _exit(127);
    }
    cr_assert(waitpid(root, &status, 0) == root && WIFSTOPPED(status));
    ptrace(PTRACE_SETOPTIONS, root, NULL,
           PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE |
               PTRACE_O_EXITKILL);
    ptrace(PTRACE_CONT, root, NULL, 0);
    /* Not until there is nobody: a container may be among our children. */
    for (pid_t pid; code < 0 && (pid = waitpid(-1, &status, __WALL)) > 0;) {
        bool at_call, counts;
        int signal;

        if (!WIFSTOPPED(status)) {
            if (pid == root)
                code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
            continue;
        }
        if (child == 0 && pid != root)
            child = pid;
        at_call = WSTOPSIG(status) == (SIGTRAP | 0x80);
        counts = at_call && pid == child;
        calls += counts && entering;
        entering = counts ? !entering : entering;
        if (counts && calls >= last && !*ret_killed) {
            kill(child, SIGKILL);
            *ret_killed = true;
            continue;
        }
        signal = at_call || WSTOPSIG(status) == SIGTRAP || WSTOPSIG(status) == SIGSTOP
                     ? 0
                     : WSTOPSIG(status);
        ptrace(pid == child && !*ret_killed ? PTRACE_SYSCALL : PTRACE_CONT, pid, NULL, signal);
    }
    return code;
}

Scenario(faults, a_first_process_killed_anywhere_is_told_and_cleaned_up)
{
    struct bundle *bundle = bundle_new();
    bool killed = true;
    int told = 0;

    need_root();
    bundle_script(bundle, "exit 0");
    for (int at = 1; killed; at += kill_step()) {
        int err = memfd_create("err", MFD_CLOEXEC);
        char said[4096] = "";
        const char *left;
        int code = run_with_child_killed_at(
            at, (const char *[]){OURS, "run", "-b", bundle->path, bundle->id, NULL}, err, &killed);

        cr_assert(pread(err, said, sizeof said - 1, 0) >= 0);
        close(err);
        cr_assert(code == (killed ? 1 : 0) || (killed && code == 128 + SIGKILL),
                  "killed at call %d: exit code %d: %s", at, code, said);
        told += code == 1;
        if (code == 1)
            cr_assert(is_one_line(said), "killed at call %d: %s", at, said);
        left = what_is_left();
        cr_assert(*left == '\0', "killed at call %d: exit code %d: %s\nleft behind:\n%s", at, code,
                  said, left);
    }
    cr_assert(told > 5, "only %d kills hit the set-up", told);
}

Scenario(faults, an_exec_whose_process_is_killed_before_its_program_is_told)
{
    struct bundle *bundle = bundle_waiting();
    bool killed = true;
    int told = 0;

    need_root();
    /* Of the host's pid namespace, so that exec clones the process without a doorman. */
    bundle_without_namespace(bundle, "pid");
    bundle_start_as_is(bundle);
    for (int at = 1; killed; at += kill_step()) {
        int err = memfd_create("err", MFD_CLOEXEC);
        char said[4096] = "";
        int code = run_with_child_killed_at(
            at, (const char *[]){OURS, "exec", bundle->id, "true", NULL}, err, &killed);

        cr_assert(pread(err, said, sizeof said - 1, 0) >= 0);
        close(err);
        cr_assert(code == (killed ? 255 : 0) || (killed && code == 128 + SIGKILL),
                  "killed at call %d: exit code %d: %s", at, code, said);
        told += code == 255;
        if (code == 255)
            cr_assert(is_one_line(said), "killed at call %d: %s", at, said);
    }
    cr_assert(told > 5, "only %d kills hit the set-up", told);
    bundle_delete(bundle);
}

/* --- interrupted by who waits for it ---------------------------------------------------------- */

/* A child that is busy does not see its socket close. */
Scenario(faults, a_busy_first_process_ends_with_a_killed_create)
{
    struct bundle *bundle = bundle_new();
    const char *members;
    struct running creating;

    need_root();
    bundle_set(bundle, "hooks.createContainer", "[{\"path\":\"%s\"}]",
               work_script("hook", text("touch %s; exec sleep 1000", work_path("began"))));
    creating = crun_begin(PROGRAM(0), "create", "-b", bundle->path, bundle->id);
    cr_assert(eventually(file_exists(work_path("began"))));
    members = bundle_cgroup_file(bundle, "pids", "cgroup.procs");
    cr_assert(*file_text(members) != '\0');
    cr_assert(kill(creating.pid, SIGKILL) == 0);
    program_wait(&creating, DEADLINE_SECONDS);
    for (int i = 0; i < 500 && *file_text(members) != '\0'; i++)
        wait_ms(20);
    assert_text(file_text(members), "");
    assert_ok(crun("delete", "--force", bundle->id));
}

Scenario(faults, an_interrupted_create_cleans_up_and_dies)
{
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP};

    need_root();
    for (size_t i = 0; i < count_of(signals); i++) {
        struct bundle *bundle = bundle_new();
        struct running creating;
        struct outcome outcome;

        bundle_set(bundle, "hooks.createRuntime", "[{\"path\":\"%s\"}]",
                   work_script("hook", text("touch %s; exec sleep 1000", work_path("began"))));
        creating = crun_begin(PROGRAM(0), "create", "-b", bundle->path, bundle->id);
        cr_assert(eventually(file_exists(work_path("began"))));
        cr_assert(kill(creating.pid, signals[i]) == 0);
        outcome = program_wait(&creating, DEADLINE_SECONDS);
        cr_assert(outcome.code != 0 && outcome.code != -1, "signal %d: exit code %d", signals[i],
                  outcome.code);
        assert_ok(crun("delete", "--force", bundle->id));
        cr_assert(*what_is_left() == '\0', "signal %d: left behind:\n%s", signals[i],
                  what_is_left());
        cr_assert(unlink(work_path("began")) == 0);
    }
}

/* --- state records ---------------------------------------------------------------------------- */

/* The record of a container; the state directory holds one file with the id in it. */
static const char *record_of(struct bundle *bundle)
{
    struct outcome found = program_run(
        PROGRAM(.arguments = (const char *[]){
                    "sh", "-c", text("grep -l '\"id\"' %s/%s/*", scenario_root(), bundle->id),
                    NULL}));

    return text("%.*s", (int)strcspn(found.out, "\n"), found.out);
}

static void write_record(const char *path, const char *content)
{
    int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);

    cr_assert(fd >= 0 && write(fd, content, strlen(content)) == (ssize_t)strlen(content));
    close(fd);
}

/* A stranger whom a forged record names must live on. */
static struct running stranger(void)
{
    return program_begin(PROGRAM(.arguments = (const char *[]){"sleep", "3600", NULL}));
}

static void end(struct running *running)
{
    kernel_pidfd_send_signal(running->pidfd, SIGKILL);
    program_wait(running, DEADLINE_SECONDS);
}

Scenario(faults, a_record_that_names_a_stranger_harms_nobody)
{
    struct bundle *bundle = bundle_new();
    struct running innocent = stranger();
    const char *record, *good;
    const char *pids[] = {
        text("%d", (int)innocent.pid), "1", "-1", "0", "2147483648", text("%d", (int)getpid()),
        "9223372036854775807"};

    need_root();
    wait_ms(50); /* start times are told in ticks of 10 ms: the stranger's shall be another */
    bundle_script(bundle, "exit 0");
    bundle_start_as_is(bundle);
    cr_assert(eventually(strcmp(bundle_status(bundle), "stopped") == 0));
    record = record_of(bundle);
    good = file_text(record);
    for (size_t i = 0; i < count_of(pids); i++) {
        write_record(record, json_set(scenario_arena(), good, "init.pid", pids[i]));
        crun("kill", bundle->id, "KILL");
        crun("kill", "--all", bundle->id, "KILL");
        crun("pause", bundle->id);
        cr_assert(!program_has_ended(&innocent), "pid %s", pids[i]);
    }
    for (size_t i = 0; i < count_of(pids); i++) {
        write_record(record, json_set(scenario_arena(), good, "init.pid", pids[i]));
        crun("delete", "--force", bundle->id);
        cr_assert(!program_has_ended(&innocent), "delete --force, pid %s", pids[i]);
        if (!file_exists(record)) {
            bundle_start_as_is(bundle);
            cr_assert(eventually(strcmp(bundle_status(bundle), "stopped") == 0));
        }
    }
    write_record(record, good);
    bundle_delete(bundle);
    end(&innocent);
}

Scenario(faults, a_broken_record_is_told_and_never_taken_for_nothing)
{
    static const char *const broken[] = {
        "", "{", "[]", "null", "{}", "\177ELF", "{\"version\":99}", "{\"version\":1,\"id\":7}"};
    struct bundle *bundle = bundle_waiting();
    const char *record, *good;

    need_root();
    bundle_start_as_is(bundle);
    record = record_of(bundle);
    good = file_text(record);
    for (size_t i = 0; i < count_of(broken); i++) {
        write_record(record, broken[i]);
        assert_code(crun("state", bundle->id), 1);
        assert_code(crun("delete", bundle->id), 1);
        assert_code(crun("kill", bundle->id, "KILL"), 1);
        cr_assert(is_one_line(crun("state", bundle->id).err), "\"%s\": %s", broken[i],
                  crun("state", bundle->id).err);
        assert_ok(crun("list"));
    }
    write_record(record, good);
    assert_text(bundle_status(bundle), "running");
    bundle_delete(bundle);
}

Scenario(faults, a_truncated_record_at_any_length)
{
    struct bundle *bundle = bundle_waiting();
    const char *record, *good;

    need_root();
    bundle_start_as_is(bundle);
    record = record_of(bundle);
    good = file_text(record);
    for (size_t cut = 0; cut + 2 < strlen(good); cut += 61) {
        write_record(record, text("%.*s", (int)cut, good));
        assert_code(crun("delete", bundle->id), 1);
        assert_code(crun("state", bundle->id), 1);
    }
    write_record(record, good);
    bundle_delete(bundle);
}

Scenario(faults, a_record_whose_cgroup_lies_outside_removes_nothing)
{
    static const char *const places[] = {"../../../../tmp",  "/tmp", "/", "", "/sys/fs/cgroup",
                                         "/sys/fs/cgroup/.."};
    const char *canary = work_path("canary");
    struct bundle *bundle = bundle_new();
    const char *record, *good;

    need_root();
    cr_assert(mkdir(canary, 0755) == 0);
    bundle_script(bundle, "exit 0");
    bundle_start_as_is(bundle);
    cr_assert(eventually(strcmp(bundle_status(bundle), "stopped") == 0));
    record = record_of(bundle);
    good = file_text(record);
    for (size_t i = 0; i <= count_of(places) && file_exists(record); i++) {
        const char *place = i < count_of(places) ? places[i] : canary;
        const char *bad = json_set(scenario_arena(), good, "cgroup.directories[0].directory",
                                   text("\"%s\"", place));

        write_record(record, bad);
        crun("kill", "--all", bundle->id, "KILL");
        crun("delete", "--force", bundle->id);
        cr_assert(file_exists(canary) && file_exists("/tmp") && file_exists("/sys/fs/cgroup"));
    }
    if (file_exists(record)) {
        write_record(record, good);
        bundle_delete(bundle);
    }
    leftovers_remove(scenario_scope());
}

Scenario(faults, a_record_that_is_a_link_or_a_fifo)
{
    struct bundle *bundle = bundle_waiting();
    const char *record, *moved = work_path("record");

    need_root();
    bundle_start_as_is(bundle);
    record = record_of(bundle);
    cr_assert(rename(record, text("%s.was", record)) == 0);
    cr_assert(symlink("/etc/shadow", record) == 0);
    assert_code(crun("state", bundle->id), 1);
    assert_lacks(crun("state", bundle->id).err, "root:");
    assert_ok(crun("list"));
    cr_assert(unlink(record) == 0 && mkfifo(record, 0600) == 0);
    assert_code(crun("state", bundle->id), 1);
    assert_ok(crun("list"));
    cr_assert(unlink(record) == 0 && mkdir(record, 0700) == 0);
    assert_code(crun("state", bundle->id), 1);
    cr_assert(rmdir(record) == 0 && rename(text("%s.was", record), record) == 0);
    (void)moved;
    bundle_delete(bundle);
}

/* --force finds what is left by the id, also when the record says nothing any more. */
Scenario(faults, a_garbage_record_can_be_deleted_by_force)
{
    struct bundle *bundle = bundle_waiting();
    struct outcome deleted;
    const char *record, *good;

    need_root();
    bundle_start_as_is(bundle);
    record = record_of(bundle);
    good = file_text(record);
    write_record(record, "garbage");
    deleted = crun("delete", "--force", bundle->id);
    /* Either everything is gone, or it says that it could not and the record is still there. */
    if (deleted.code == 0) {
        cr_assert(*what_is_left() == '\0', "exit code 0, and left behind:\n%s", what_is_left());
        return;
    }
    cr_assert(deleted.code == 1 && is_one_line(deleted.err), "%s", deleted.err);
    write_record(record, good);
    bundle_delete(bundle);
}

Scenario(faults, a_full_state_root_leaves_nothing)
{
    struct bundle *bundle = bundle_waiting();
    const char *root = work_path("small");
    struct outcome outcome;

    need_root();
    cr_assert(mkdir(root, 0700) == 0);
    for (int inodes = 1; inodes < 8; inodes++) {
        cr_assert(kernel_mount("none", root, "tmpfs", 0, text("nr_inodes=%d,mode=700", inodes)) ==
                  0);
        outcome = program_run(
            PROGRAM(.arguments = (const char *[]){scenario_program(), "--root", root, "create",
                                                  "-b", bundle->path, bundle->id, NULL}));
        if (outcome.code != 0)
            cr_assert(outcome.code == 1 && is_one_line(outcome.err), "%d inodes: %s", inodes,
                      outcome.err);
        assert_ok(program_run(
            PROGRAM(.arguments = (const char *[]){scenario_program(), "--root", root, "delete",
                                                  "--force", bundle->id, NULL})));
        cr_assert(kernel_umount(root, MNT_DETACH) == 0);
        cr_assert(*what_is_left() == '\0', "%d inodes: left behind:\n%s", inodes, what_is_left());
    }
}

Scenario(faults, a_read_only_state_root_is_an_error)
{
    struct bundle *bundle = bundle_waiting();
    const char *root = work_path("fixed");

    need_root();
    cr_assert(mkdir(root, 0700) == 0);
    cr_assert(kernel_mount("none", root, "tmpfs", MS_RDONLY, "mode=700") == 0);
    assert_refused(
        program_run(
            PROGRAM(.arguments = (const char *[]){scenario_program(), "--root", root, "create",
                                                  "-b", bundle->path, bundle->id, NULL})),
        1, root);
    cr_assert(kernel_umount(root, MNT_DETACH) == 0);
}

Scenario(faults, a_state_root_anybody_can_write_is_refused)
{
    struct bundle *bundle = bundle_waiting();
    const char *root = work_path("open");

    need_root();
    cr_assert(mkdir(root, 0700) == 0 && chmod(root, 0777) == 0);
    assert_refused(
        program_run(
            PROGRAM(.arguments = (const char *[]){scenario_program(), "--root", root, "create",
                                                  "-b", bundle->path, bundle->id, NULL})),
        1, root);
}

/* --- few resources ---------------------------------------------------------------------------- */

/* Whatever the limit is: it works, or it fails with a line and leaves nothing. */
Scenario(faults, few_descriptors)
{
    need_root();
    for (int limit = 4; limit < 40; limit += 3) {
        struct bundle *bundle = bundle_new();
        struct outcome outcome = program_run(
            PROGRAM(.arguments = (const char *[]){
                        "sh", "-c",
                        text("ulimit -n %d; exec %s --root %s run -b %s %s", limit,
                             scenario_program(), scenario_root(), bundle->path, bundle->id),
                        NULL}));

        cr_assert(outcome.code == 0 || outcome.code == 1 || outcome.code == 127,
                  "limit %d: exit code %d: %s", limit, outcome.code, outcome.err);
        cr_assert(*what_is_left() == '\0', "limit %d: %s\nleft behind:\n%s", limit, outcome.err,
                  what_is_left());
    }
}

Scenario(faults, a_host_without_room_for_processes)
{
    struct bundle *bundle = bundle_new();
    struct outcome outcome;
    const char *pids = host_has_pure_cgroup2() ? "/sys/fs/cgroup" : "/sys/fs/cgroup/pids";
    const char *narrow = text("%s/%s.narrow", pids, scenario_tag());

    need_root();
    if (mkdir(narrow, 0755) != 0 || !file_exists(text("%s/pids.max", narrow)))
        skip("no pids controller here");
    for (int most = 1; most < 4; most++) {
        outcome = program_run(
            PROGRAM(.arguments = (const char *[]){"sh", "-c",
                                                  text("echo $$ >%s/cgroup.procs && echo %d "
                                                       ">%s/pids.max && exec %s --root %s run -b "
                                                       "%s %s",
                                                       narrow, most, narrow, scenario_program(),
                                                       scenario_root(), bundle->path, bundle->id),
                                                  NULL}));
        cr_assert(outcome.code >= 0 && outcome.code <= 1, "%d: exit code %d: %s", most,
                  outcome.code, outcome.err);
        cr_assert(eventually(rmdir(narrow) == 0));
        cr_assert(*what_is_left() == '\0', "%d: left behind:\n%s", most, what_is_left());
        cr_assert(mkdir(narrow, 0755) == 0);
    }
    cr_assert(rmdir(narrow) == 0);
}
