/* `crun-lite run` for people, its overrides, its terminal and its time limit. */

#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "base/own.h"
#include "tests/integration/harness/bundle.h"
#include "tests/integration/harness/json.h"
#include "tests/integration/harness/receive.h"
#include "tests/integration/harness/scenario.h"

/* `run` with options and then ARGS in place of process.args; what it prints. */
#define run_output(bundle, ...) run_said((bundle), (const char *[]){__VA_ARGS__, NULL})

static const char *run_said(struct bundle *bundle, const char *const *arguments)
{
    const char *all[32] = {"run", "-b", bundle->path, bundle->id};
    size_t count = 4;
    struct outcome outcome;

    while (*arguments != NULL)
        all[count++] = *arguments++;
    outcome = crun_run(PROGRAM(0), all);
    assert_ok(outcome);
    return outcome.out;
}

/* --- the bundle by its name ------------------------------------------------------------------- */

Scenario(run, a_word_that_is_a_bundle_is_the_bundle)
{
    struct bundle *bundle = bundle_new();
    struct outcome outcome;

    need_root();
    bundle_script(bundle, "hostname; cat /proc/self/cgroup >/dev/null; exit 4");
    outcome = crun_with(PROGRAM(.directory = scenario_work()), "run", bundle->id);
    assert_code(outcome, 4);
    assert_text(outcome.out, "inside\n");
    outcome = crun("run", bundle->path);
    assert_code(outcome, 4);
    outcome = crun_with(PROGRAM(.directory = scenario_work()), "run", text("%s/", bundle->id));
    assert_code(outcome, 4);
}

Scenario(run, its_id_is_the_last_name_made_free_by_a_suffix)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_remove(bundle, "linux.cgroupsPath");
    bundle_script(bundle, "sleep 3600");
    for (int i = 0; i < 3; i++)
        assert_ok(crun("run", "-d", bundle->path));
    assert_text(crun("list", "-q").out,
                text("%s\n%s-2\n%s-3\n", bundle->id, bundle->id, bundle->id));
    assert_ok(crun("delete", "-f", bundle->id));
    assert_ok(crun("delete", "-f", text("%s-2", bundle->id)));
    assert_ok(crun("delete", "-f", text("%s-3", bundle->id)));
}

/* `cd DIR && run ID` is runc's, whatever else lies around. */
Scenario(run, a_config_in_the_current_directory_comes_first)
{
    struct bundle *outer = bundle_new();
    struct bundle *inner = bundle_new();
    struct outcome outcome;

    need_root();
    bundle_script(outer, "echo outer");
    bundle_script(inner, "echo inner");
    cr_assert(rename(inner->path, text("%s/%s", outer->path, inner->id)) == 0);
    outcome = crun_with(PROGRAM(.directory = outer->path), "run", inner->id);
    assert_ok(outcome);
    assert_text(outcome.out, "outer\n");
}

Scenario(run, without_any_config_a_newcomer_is_helped)
{
    struct outcome outcome = crun_with(PROGRAM(.directory = scenario_work()), "run",
                                       "nothing-here");

    assert_refused(outcome, 1, "config.json");
    assert_has(outcome.err, "(");
}

Scenario(run, leaves_nothing_when_it_ends)
{
    struct bundle *bundle = bundle_new();

    need_root();
    assert_ok(bundle_run(bundle));
    assert_refused(crun("state", bundle->id), 1, "does not exist");
}

Scenario(run, keeps_what_it_is_told_to_keep)
{
    struct bundle *bundle = bundle_new();

    need_root();
    assert_ok(crun("run", "--keep", "-b", bundle->path, bundle->id));
    assert_text(bundle_status(bundle), "stopped");
    assert_ok(crun("delete", bundle->id));
}

/* --- overrides -------------------------------------------------------------------------------- */

Scenario(run, arguments_behind_dashes_replace_the_program)
{
    struct bundle *bundle = bundle_new();

    need_root();
    assert_text(run_output(bundle, "--", "echo", "-n", "--hostname", "x"), "--hostname x");
}

Scenario(run, names_environment_and_root_are_overridden)
{
    struct bundle *bundle = bundle_new();
    const char *config = bundle->config;

    need_root();
    assert_text(run_output(bundle, "--hostname", "other", "--", "hostname"), "other\n");
    assert_text(
        run_output(bundle, "--env", "A=1", "-e", "PATH=/bin", "--", "sh", "-c", "echo $A $PATH"),
        "1 /bin\n");
    assert_text(run_output(bundle, "--read-only", "--", "sh", "-c", "touch /x 2>&1; true"),
                "touch: /x: Read-only file system\n");
    /* Never written down. */
    assert_text(file_text(text("%s/config.json", bundle->path)), config);
}

Scenario(run, limits_are_overridden)
{
    struct bundle *bundle = bundle_new();
    bool v2 = host_has_pure_cgroup2();

    need_root();
    bundle_set(bundle, "linux.resources.pids.limit", "10");
    bundle_set(bundle, "linux.resources.memory", "{\"limit\":16777216,\"swap\":16777216}");
    bundle_script(bundle, "sleep 3600");
    assert_ok(crun("run", "-d", "--cpus", "0.5", "--memory", "64M", "--pids", "20", "-b",
                   bundle->path, bundle->id));
    assert_text(file_line(bundle_cgroup_file(bundle, "pids", "pids.max")), "20");
    assert_text(file_line(bundle_cgroup_file(bundle, "memory",
                                             v2 ? "memory.max" : "memory.limit_in_bytes")),
                "67108864");
    assert_text(file_line(bundle_cgroup_file(bundle, "cpu", v2 ? "cpu.max" : "cpu.cfs_quota_us")),
                v2 ? "50000 100000" : "50000");
    bundle_delete(bundle);
}

Scenario(run, bad_overrides_are_named)
{
    static const char *const wrong[][2] = {
        {"--cpus",       "0"  },
        {"--cpus",       "x"  },
        {"--cpus",       "-1" },
        {"--memory",     "12Q"},
        {"--memory",     ""   },
        {"--pids",       "x"  },
        {"--env",        "X"  },
        {"--env",        "=X" },
        {"--time-limit", "3y" },
        {"--time-limit", "-1s"},
    };
    struct bundle *bundle = geteuid() == 0 ? bundle_new() : bundle_new_rootless();

    for (size_t i = 0; i < count_of(wrong); i++) {
        struct outcome outcome = crun("run", text("%s=%s", wrong[i][0], wrong[i][1]), "-b",
                                      bundle->path, bundle->id);

        cr_assert(outcome.code == 1 && strstr(outcome.err, wrong[i][0]) != NULL,
                  "%s=%s: exit code %d: %s", wrong[i][0], wrong[i][1], outcome.code, outcome.err);
    }
}

/* --- signals ---------------------------------------------------------------------------------- */

Scenario(run, passes_signals_on)
{
    struct bundle *bundle = bundle_new();
    struct running running;
    struct outcome outcome;

    need_root();
    bundle_script(bundle, "trap 'echo usr1' USR1; trap 'echo term; exit 9' TERM; echo ready; "
                          "while :; do sleep 0.1; done");
    running = crun_begin(PROGRAM(0), "run", "-b", bundle->path, bundle->id);
    cr_assert(program_said(&running, "ready"));
    cr_assert(kill(running.pid, SIGUSR1) == 0);
    cr_assert(program_said(&running, "usr1"));
    cr_assert(kill(running.pid, SIGTERM) == 0);
    outcome = program_wait(&running, DEADLINE_SECONDS);
    assert_code(outcome, 9);
    assert_text(outcome.out, "ready\nusr1\nterm\n");
}

Scenario(run, reports_death_by_signal)
{
    struct bundle *bundle = bundle_new();
    struct running running;

    need_root();
    bundle_script(bundle, "echo ready; while :; do sleep 0.1; done");
    running = crun_begin(PROGRAM(0), "run", "-b", bundle->path, bundle->id);
    cr_assert(program_said(&running, "ready"));
    assert_ok(crun("kill", bundle->id, "KILL"));
    assert_code(program_wait(&running, DEADLINE_SECONDS), 128 + 9);
}

/* --- time limit ------------------------------------------------------------------------------- */

Scenario(run, a_time_limit_ends_the_container)
{
    struct bundle *bundle = bundle_new();
    struct outcome outcome;

    need_root();
    bundle_script(bundle, "trap 'echo asked; exit 0' TERM; while :; do sleep 0.1; done");
    /* Where the shell has not come to its `trap` by then, with more time. */
    for (int seconds = 3; seconds < DEADLINE_SECONDS; seconds *= 4) {
        outcome = crun("run", "--time-limit", text("%ds", seconds), "-b", bundle->path, bundle->id);
        assert_code(outcome, 124);
        if (*outcome.out != '\0')
            break;
    }
    assert_text(outcome.out, "asked\n");
    assert_has(outcome.err, "time limit");
}

Scenario(run, a_time_limit_is_not_felt_by_who_is_faster)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_script(bundle, "exit 3");
    assert_code(crun("run", "--time-limit", "1h", "-b", bundle->path, bundle->id), 3);
}

Scenario(run, a_time_limit_kills_who_does_not_listen)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_script(bundle, "trap '' TERM; while :; do sleep 1; done");
    assert_code(crun("run", "--time-limit", "500ms", "-b", bundle->path, bundle->id), 124);
}

Scenario(run, a_time_limit_holds_detached_too)
{
    struct bundle *bundle = bundle_new();
    struct outcome outcome;

    need_root();
    bundle_script(bundle, "trap 'echo asked; exit 0' TERM; while :; do sleep 0.1; done");
    for (int seconds = 1; seconds < DEADLINE_SECONDS; seconds *= 4) { /* as above */
        outcome = crun("run", "-d", "--time-limit", text("%ds", seconds), "-b", bundle->path,
                       bundle->id);
        assert_ok(outcome);
        cr_assert(eventually(strcmp(bundle_status(bundle), "stopped") == 0));
        assert_ok(crun("delete", bundle->id));
        if (*program_output(&outcome.running) != '\0')
            break;
    }
    assert_text(program_output(&outcome.running), "asked\n");
}

/* The watcher goes with the container, not with its time. */
Scenario(run, the_watcher_of_a_time_limit_does_not_stay)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_script(bundle, "sleep 3600");
    assert_ok(crun("run", "-d", "--time-limit", "1h", "-b", bundle->path, bundle->id));
    bundle_delete(bundle);
}

/* --- terminals -------------------------------------------------------------------------------- */

/* What can be read from a terminal until `what` has been seen, everybody has hung up for a while,
 * or the deadline passed. */
static const char *read_until(int master, const char *what)
{
    enum { SIZE = 65536, HUNG_UP = 100, TRIES = DEADLINE_SECONDS * 50 };
    char *seen = arena_zero(scenario_arena(), SIZE, 1);
    size_t used = 0;
    int hung_up = 0;

    fcntl(master, F_SETFL, O_NONBLOCK);
    for (int tries = 0; tries < TRIES && hung_up < HUNG_UP; tries++) {
        ssize_t got = read(master, seen + used, SIZE - 1 - used);

        if (got > 0)
            used += (size_t)got;
        if (strstr(seen, what) != NULL)
            return seen;
        hung_up = got < 0 && errno == EIO ? hung_up + 1 : 0;
        wait_ms(20);
    }
    cr_expect(false, "\"%s\" did not come, only: %s", what, seen);
    return seen;
}

Scenario(terminal, in_the_foreground_is_ours)
{
    struct bundle *bundle = bundle_new();
    struct winsize size = {.ws_row = 33, .ws_col = 77};
    struct running running;
    int master, slave;

    need_root();
    cr_assert(openpty(&master, &slave, NULL, NULL, &size) == 0);
    fcntl(master, F_SETFD, FD_CLOEXEC);
    bundle_set(bundle, "process.terminal", "true");
    bundle_script(bundle, "tty; stty size; stat -c '%t' /dev/console; read line; echo got $line; "
                          "[ -t 0 ] && [ -t 1 ] && [ -t 2 ] && echo three; echo end; exit 6");
    running = crun_begin(PROGRAM(.terminal = slave), "run", "-b", bundle->path, bundle->id);
    close(slave);
    read_until(master, "33 77");
    cr_assert(write(master, "hello\r", 6) == 6);
    assert_has(read_until(master, "end"), "three");
    assert_code(program_wait(&running, DEADLINE_SECONDS), 6);
    close(master);
}

/* Also for a program that asks before anything else. */
Scenario(terminal, has_its_size_from_the_first_moment)
{
    struct bundle *bundle = bundle_new();
    struct winsize size = {.ws_row = 33, .ws_col = 77};

    need_root();
    bundle_set(bundle, "process.terminal", "true");
    bundle_set(bundle, "process.args", "[\"stty\",\"size\"]");
    for (int i = 0; i < 10; i++) {
        struct running running;
        int master, slave;

        cr_assert(openpty(&master, &slave, NULL, NULL, &size) == 0);
        fcntl(master, F_SETFD, FD_CLOEXEC);
        running = crun_begin(PROGRAM(.terminal = slave), "run", "-b", bundle->path, bundle->id);
        close(slave);
        assert_ok(program_wait(&running, DEADLINE_SECONDS));
        assert_has(read_until(master, "33 77"), "33 77");
        close(master);
    }
}

Scenario(terminal, belongs_to_the_user_of_the_process)
{
    struct bundle *bundle = bundle_new();
    struct running running;
    int master, slave;

    need_root();
    cr_assert(openpty(&master, &slave, NULL, NULL, NULL) == 0);
    fcntl(master, F_SETFD, FD_CLOEXEC);
    bundle_set(bundle, "process.terminal", "true");
    bundle_set(bundle, "process.user", "{\"uid\":1000,\"gid\":1000}");
    bundle_script(bundle, "echo owner $(stat -c %u $(tty)) end");
    running = crun_begin(PROGRAM(.terminal = slave), "run", "-b", bundle->path, bundle->id);
    close(slave);
    assert_has(read_until(master, "end"), "owner 1000 end");
    assert_ok(program_wait(&running, DEADLINE_SECONDS));
    close(master);
}

Scenario(terminal, the_callers_is_as_it_was_afterwards)
{
    struct bundle *bundle = bundle_new();
    struct termios before, after;
    struct running running;
    int master, slave;

    need_root();
    cr_assert(openpty(&master, &slave, NULL, NULL, NULL) == 0);
    fcntl(slave, F_SETFD, FD_CLOEXEC);
    cr_assert(tcgetattr(slave, &before) == 0);
    bundle_set(bundle, "process.terminal", "true");
    bundle_script(bundle, "true");
    running = crun_begin(PROGRAM(.terminal = slave), "run", "-b", bundle->path, bundle->id);
    assert_ok(program_wait(&running, DEADLINE_SECONDS));
    cr_assert(tcgetattr(slave, &after) == 0);
    cr_assert(before.c_lflag == after.c_lflag && before.c_iflag == after.c_iflag &&
              before.c_oflag == after.c_oflag);
    close(slave);
    close(master);
}

Scenario(terminal, follows_the_size_of_the_callers)
{
    struct bundle *bundle = bundle_new();
    struct winsize size = {.ws_row = 10, .ws_col = 20};
    struct running running;
    int master, slave;

    need_root();
    cr_assert(openpty(&master, &slave, NULL, NULL, &size) == 0);
    fcntl(master, F_SETFD, FD_CLOEXEC);
    bundle_set(bundle, "process.terminal", "true");
    bundle_script(bundle, "trap 'stty size' WINCH; echo ready; while :; do sleep 0.1; done");
    running = crun_begin(PROGRAM(.terminal = slave), "run", "-b", bundle->path, bundle->id);
    close(slave);
    read_until(master, "ready");
    size.ws_row = 44;
    cr_assert(ioctl(master, TIOCSWINSZ, &size) == 0);
    cr_assert(kill(running.pid, SIGWINCH) == 0);
    read_until(master, "44 20");
    assert_ok(crun("kill", bundle->id, "KILL"));
    assert_code(program_wait(&running, DEADLINE_SECONDS), 128 + 9);
    close(master);
}

/* As at a shell: `run &` is stopped, `fg` brings it back. */
Scenario(terminal, a_job_that_was_in_the_background_is_typed_to_again)
{
    struct bundle *bundle = bundle_new();
    const char *script;
    struct running shell;
    int master, slave;

    need_root();
    cr_assert(openpty(&master, &slave, NULL, NULL, NULL) == 0);
    fcntl(master, F_SETFD, FD_CLOEXEC);
    bundle_set(bundle, "process.terminal", "true");
    bundle_script(bundle, "echo ready; read line; echo got $line; exit 6");
    script = text("set -m; %s --root %s run -b %s %s & sleep 0.1; echo behind; "
                  "until grep -q ') T' /proc/$!/stat; do sleep 0.1; done; echo stopped; fg",
                  scenario_program(), scenario_root(), bundle->path, bundle->id);
    shell = program_begin(
        PROGRAM(.arguments = (const char *[]){"sh", "-c", script, NULL}, .terminal = slave));
    close(slave);
    read_until(master, "ready"); /* passed on by then, so it is back */
    cr_assert(write(master, "hello\r", 6) == 6);
    read_until(master, "got hello");
    assert_code(program_wait(&shell, DEADLINE_SECONDS), 6);
    close(master);
}

Scenario(terminal, goes_over_the_console_socket)
{
    struct bundle *bundle = bundle_new();
    const char *path = work_path("console.sock");
    int server = listen_at(path), master;
    struct winsize size = {0};
    struct running creating;
    char *message = NULL;

    need_root();
    bundle_set(bundle, "process.terminal", "true");
    bundle_set(bundle, "process.consoleSize", "{\"height\":31,\"width\":91}");
    bundle_script(bundle, "echo ready; read line; echo got $line; tty; stat -c %t /dev/console");
    creating = crun_begin(PROGRAM(0), "create", "--console-socket", path, "-b", bundle->path,
                          bundle->id);
    master = receive_fd(server, &message);
    cr_assert(master >= 0, "no descriptor: %s", program_wait(&creating, 2).err);
    cr_assert(strlen(message) < 4096);
    assert_ok(program_wait(&creating, DEADLINE_SECONDS));
    cr_assert(isatty(master));
    cr_assert(ioctl(master, TIOCGWINSZ, &size) == 0 && size.ws_row == 31 && size.ws_col == 91,
              "%d x %d", size.ws_row, size.ws_col);
    assert_ok(crun("start", bundle->id));
    read_until(master, "ready");
    cr_assert(write(master, "abc\n", 4) == 4);
    assert_has(read_until(master, "/dev/"), "got abc");
    close(master);
    close(server);
    bundle_delete(bundle);
}

Scenario(terminal, goes_over_the_console_socket_for_exec_too)
{
    struct bundle *bundle = bundle_new();
    const char *path = work_path("console.sock");
    int server = listen_at(path), master;
    struct running executing;
    char *message = NULL;

    need_root();
    bundle_start(bundle);
    executing = crun_begin(PROGRAM(0), "exec", "-d", "-t", "--console-socket", path, bundle->id,
                           "sh", "-c", "tty && echo is a tty; sleep 3600");
    master = receive_fd(server, &message);
    cr_assert(master >= 0, "no descriptor: %s", program_wait(&executing, 2).err);
    assert_ok(program_wait(&executing, DEADLINE_SECONDS));
    read_until(master, "is a tty");
    close(master);
    close(server);
    bundle_delete(bundle);
}

Scenario(terminal, exec_in_the_foreground)
{
    struct bundle *bundle = bundle_new();
    struct running running;
    int master, slave;

    need_root();
    bundle_start(bundle);
    cr_assert(openpty(&master, &slave, NULL, NULL, NULL) == 0);
    fcntl(master, F_SETFD, FD_CLOEXEC);
    running = crun_begin(PROGRAM(.terminal = slave), "exec", "-t", bundle->id, "sh", "-c",
                         "tty; read line; echo got $line; exit 5");
    close(slave);
    read_until(master, "/dev/");
    cr_assert(write(master, "x\r", 2) == 2);
    read_until(master, "got x");
    assert_code(program_wait(&running, DEADLINE_SECONDS), 5);
    close(master);
    bundle_delete(bundle);
}

/* A peer that hangs up is an error, never a hang. */
Scenario(terminal, a_console_socket_nobody_reads)
{
    struct bundle *bundle = bundle_new();
    const char *path = work_path("console.sock");
    int server = listen_at(path);

    need_root();
    close(server);
    bundle_set(bundle, "process.terminal", "true");
    assert_refused(crun("create", "--console-socket", path, "-b", bundle->path, bundle->id), 1,
                   "console.sock");
}

/* Standard streams of an ordinary user's container can be opened again by it. */
Scenario(terminal, standard_streams_belong_to_the_user)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_set(bundle, "process.user", "{\"uid\":1000,\"gid\":1000}");
    assert_text(inside(bundle, "echo again >>/dev/stdout"), "again");
}

/* --- detached --------------------------------------------------------------------------------- */

Scenario(run, detached_gives_the_shell_back)
{
    struct bundle *bundle = bundle_new();
    struct outcome outcome;

    need_root();
    bundle_script(bundle, "echo on; sleep 3600");
    outcome = crun("run", "--detach", "--pid-file", work_path("pid"), "-b", bundle->path,
                   bundle->id);
    assert_ok(outcome);
    assert_text(bundle_status(bundle), "running");
    cr_assert(program_said(&outcome.running, "on"));
    assert_text(file_text(work_path("pid")), text("%d", (int)bundle_pid(bundle)));
    bundle_delete(bundle);
}

/* Whoever reads our output to its end does not wait for anything but the container. */
Scenario(run, create_holds_no_pipe_open)
{
    struct bundle *bundle = bundle_new();
    struct outcome outcome;

    need_root();
    bundle_script(bundle, "exec >/dev/null 2>&1 </dev/null; sleep 3600");
    outcome = program_run(PROGRAM(
            .arguments = (const char *[]){
                "sh", "-c",
                text("%s --root %s run -d --time-limit 1h -b %s %s | cat; echo the pipe is closed",
                     scenario_program(), scenario_root(), bundle->path, bundle->id),
                NULL}));
    assert_ok(outcome);
    assert_has(outcome.out, "the pipe is closed");
    bundle_delete(bundle);
}

Scenario(run, orphans_of_the_container_end_with_it)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_script(bundle, "setsid sleep 3600 & exit 0");
    assert_ok(bundle_run(bundle));
}

Scenario(run, orphans_end_without_a_pid_namespace_too)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_without_namespace(bundle, "pid");
    bundle_remove(bundle, "mounts[0]");
    bundle_remove(bundle, "linux.maskedPaths");
    bundle_remove(bundle, "linux.readonlyPaths");
    bundle_script(bundle, "setsid sleep 3600 & exit 0");
    assert_ok(bundle_run(bundle));
}
