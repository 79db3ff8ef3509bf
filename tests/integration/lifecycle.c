/* runtime.md: the life of a container, its states, and what is refused in which. */

#include <ctype.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/own.h"
#include "tests/integration/harness/bundle.h"
#include "tests/integration/harness/json.h"
#include "tests/integration/harness/scenario.h"

static struct outcome create(struct bundle *bundle)
{
    return crun("create", "--bundle", bundle->path, bundle->id);
}

static bool has_status(struct bundle *bundle, const char *status)
{
    return strcmp(bundle_status(bundle), status) == 0;
}

/* A bundle whose container runs and ends with 3 when it is told to. */
static struct bundle *bundle_waiting(void)
{
    struct bundle *bundle = bundle_new();

    bundle_script(bundle, "trap 'exit 3' TERM; echo ready; while :; do sleep 3600 & wait $!; done");
    return bundle;
}

/* --- the straight way ------------------------------------------------------------------------- */

Scenario(lifecycle, create_start_kill_delete)
{
    struct bundle *bundle = bundle_waiting();
    struct outcome created;

    need_root();
    created = create(bundle);
    assert_ok(created);
    assert_text(created.out, "");
    assert_text(bundle_status(bundle), "created");
    cr_assert(bundle_pid(bundle) > 0);
    assert_text(program_output(&created.running), "");

    assert_ok(crun("start", bundle->id));
    assert_text(bundle_status(bundle), "running");
    cr_assert(program_said(&created.running, "ready"));

    assert_ok(crun("kill", bundle->id));
    cr_assert(eventually(has_status(bundle, "stopped")));
    assert_ok(crun("delete", bundle->id));
    assert_refused(crun("state", bundle->id), 1, "does not exist");
}

/* Who created it waits for it and sees how it ended: nobody stands between. */
Scenario(lifecycle, the_creator_inherits_the_first_process)
{
    struct bundle *bundle = bundle_waiting();
    struct outcome created;
    const char *parent;

    need_root();
    created = create(bundle);
    assert_ok(created);
    parent = file_text(text("/proc/%d/status", (int)bundle_pid(bundle)));
    assert_has(parent, text("\nPPid:\t%d\n", (int)getpid()));
    bundle_delete(bundle);
}

Scenario(lifecycle, state_is_the_specifications)
{
    struct bundle *bundle = bundle_waiting();
    struct arena *arena = scenario_arena();
    struct outcome state;
    const char *created;

    need_root();
    bundle_set(bundle, "annotations.'com.example.key'", "\"some value\"");
    assert_ok(create(bundle));
    state = crun("state", bundle->id);
    assert_ok(state);
    cr_assert(state.out[strlen(state.out) - 1] == '}', "a newline at the end, unlike runc");
    assert_has(state.out, "\n  \"id\": ");
    cr_assert(json_text(arena, state.out, "ociVersion") != NULL);
    assert_text(json_text(arena, state.out, "id"), bundle->id);
    assert_text(json_text(arena, state.out, "status"), "created");
    assert_text(json_text(arena, state.out, "bundle"), bundle->path);
    assert_text(json_text(arena, state.out, "rootfs"), bundle->rootfs);
    assert_text(json_text(arena, state.out, "annotations.'com.example.key'"), "some value");
    assert_text(json_text(arena, state.out, "owner"), "");
    created = json_text(arena, state.out, "created");
    cr_assert(created != NULL && created[4] == '-' && created[10] == 'T' &&
                  created[strlen(created) - 1] == 'Z',
              "created: %s", created);
    bundle_delete(bundle);
}

Scenario(lifecycle, state_of_a_stopped_container_has_no_process)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_script(bundle, "exit 0");
    assert_ok(create(bundle));
    assert_ok(crun("start", bundle->id));
    cr_assert(eventually(has_status(bundle, "stopped")));
    cr_assert(bundle_pid(bundle) == 0);
    assert_ok(crun("delete", bundle->id));
}

Scenario(lifecycle, a_relative_bundle_is_made_absolute)
{
    struct bundle *bundle = bundle_waiting();
    struct outcome state;

    need_root();
    assert_ok(
        crun_with(PROGRAM(.directory = scenario_work()), "create", "-b", bundle->id, bundle->id));
    state = crun("state", bundle->id);
    assert_text(json_text(scenario_arena(), state.out, "bundle"), bundle->path);
    bundle_delete(bundle);
}

Scenario(lifecycle, the_current_directory_is_the_default_bundle)
{
    struct bundle *bundle = bundle_new();
    struct outcome outcome;

    need_root();
    bundle_script(bundle, "echo here");
    outcome = crun_with(PROGRAM(.directory = bundle->path), "run", bundle->id);
    assert_ok(outcome);
    assert_text(outcome.out, "here\n");
}

Scenario(lifecycle, the_bundle_may_go_after_create)
{
    struct bundle *bundle = bundle_waiting();

    need_root();
    assert_ok(create(bundle));
    assert_ok(program_run(
        PROGRAM(.arguments = (const char *[]){"rm", text("%s/config.json", bundle->path), NULL})));
    cr_assert(rename(bundle->path, text("%s-moved", bundle->path)) == 0);
    assert_ok(crun("start", bundle->id));
    assert_text(inside_running(bundle, "echo still here"), "still here");
    assert_ok(crun("kill", bundle->id, "KILL"));
    cr_assert(eventually(has_status(bundle, "stopped")));
    assert_ok(crun("delete", bundle->id));
}

/* What the kernel gets is what create read, whatever happens to config.json afterwards. */
Scenario(lifecycle, a_changed_config_has_no_effect_after_create)
{
    struct bundle *bundle = bundle_new();
    struct outcome created;

    need_root();
    bundle_script(bundle, "echo before");
    created = create(bundle);
    assert_ok(created);
    bundle_script(bundle, "echo after");
    assert_ok(crun("start", bundle->id));
    cr_assert(program_said(&created.running, "before"));
    bundle_delete(bundle);
}

/* --- pid file --------------------------------------------------------------------------------- */

Scenario(lifecycle, the_pid_file_is_a_number_and_nothing_else)
{
    struct bundle *bundle = bundle_waiting();
    const char *file = work_path("pid");

    need_root();
    assert_ok(crun("create", "--pid-file", file, "--bundle", bundle->path, bundle->id));
    assert_text(file_text(file), text("%d", (int)bundle_pid(bundle)));
    bundle_delete(bundle);
}

Scenario(lifecycle, a_pid_file_that_cannot_be_written_stops_create_before_anything)
{
    struct bundle *bundle = bundle_waiting();
    const char *mark = work_path("mark");

    need_root();
    bundle_set(bundle, "hooks.createRuntime", "[{\"path\":\"%s\"}]",
               work_script("hook", text("touch %s", mark)));
    assert_refused(crun("create", "--pid-file", work_path("no/such/place"), "--bundle",
                        bundle->path, bundle->id),
                   1, "no/such/place");
    cr_assert(!file_exists(mark));
}

/* --- what does not exist ---------------------------------------------------------------------- */

Scenario(lifecycle, unknown_ids_do_not_exist)
{
    static const char *const commands[][4] = {
        {"state",  "nobody",       NULL,     NULL    },
        {"start",  "nobody",       NULL,     NULL    },
        {"kill",   "nobody",       "TERM",   NULL    },
        {"kill",   "-a",           "nobody", "9"     },
        {"delete", "nobody",       NULL,     NULL    },
        {"pause",  "nobody",       NULL,     NULL    },
        {"resume", "nobody",       NULL,     NULL    },
        {"ps",     "nobody",       NULL,     NULL    },
        {"update", "--pids-limit", "10",     "nobody"},
    };

    for (size_t i = 0; i < count_of(commands); i++)
        assert_refused(crun_run(PROGRAM(.input = "{}"),
                                (const char *[]){commands[i][0], commands[i][1], commands[i][2],
                                                 commands[i][3], NULL}),
                       1, "does not exist");
    assert_refused(crun("exec", "nobody", "true"), 255, "does not exist");
}

Scenario(lifecycle, deleting_an_unknown_id_by_force_is_no_error)
{
    struct outcome outcome = crun("delete", "--force", "nobody");

    assert_ok(outcome);
    assert_text(outcome.err, "");
}

Scenario(lifecycle, options_may_follow_the_id)
{
    assert_ok(crun("delete", "nobody", "--force"));
    assert_ok(crun("delete", "nobody", "-f"));
    assert_ok(crun("delete", "-force", "nobody"));
}

/* --- what is refused in which state ----------------------------------------------------------- */

Scenario(lifecycle, an_id_is_taken_once)
{
    struct bundle *bundle = bundle_waiting();

    need_root();
    assert_ok(create(bundle));
    assert_refused(create(bundle), 1, "already exists");
    assert_text(bundle_status(bundle), "created");
    assert_ok(crun("start", bundle->id));
    assert_refused(create(bundle), 1, "already exists");
    assert_text(bundle_status(bundle), "running");
    bundle_delete(bundle);
}

Scenario(lifecycle, start_works_once)
{
    struct bundle *bundle = bundle_waiting();

    need_root();
    assert_ok(create(bundle));
    assert_ok(crun("start", bundle->id));
    assert_refused(crun("start", bundle->id), 1, "cannot start an already running container");
    assert_ok(crun("kill", bundle->id, "9"));
    cr_assert(eventually(has_status(bundle, "stopped")));
    assert_refused(crun("start", bundle->id), 1, "cannot start a container that has stopped");
    bundle_delete(bundle);
}

Scenario(lifecycle, start_after_the_first_process_died_waiting)
{
    struct bundle *bundle = bundle_waiting();

    need_root();
    assert_ok(create(bundle));
    cr_assert(kill(bundle_pid(bundle), SIGKILL) == 0);
    cr_assert(eventually(has_status(bundle, "stopped")));
    assert_refused(crun("start", bundle->id), 1, "cannot start a container that has stopped");
    assert_ok(crun("delete", bundle->id));
}

Scenario(lifecycle, a_stopped_container_cannot_be_killed)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_start_as_is(bundle);
    cr_assert(eventually(has_status(bundle, "stopped")));
    assert_refused(crun("kill", bundle->id, "9"), 1, "container not running");
    assert_ok(crun("kill", "--all", bundle->id, "9"));
    assert_ok(crun("delete", bundle->id));
}

Scenario(lifecycle, a_running_container_is_deleted_by_force_only)
{
    struct bundle *bundle = bundle_waiting();

    need_root();
    bundle_start_as_is(bundle);
    assert_refused(crun("delete", bundle->id), 1,
                   text("cannot delete container %s that is not stopped: running", bundle->id));
    assert_text(bundle_status(bundle), "running");
    assert_ok(crun("delete", "--force", bundle->id));
    assert_ok(crun("delete", "--force", bundle->id));
}

Scenario(lifecycle, a_created_container_may_be_deleted)
{
    struct bundle *bundle = bundle_waiting();

    need_root();
    assert_ok(create(bundle));
    assert_ok(crun("delete", bundle->id));
}

Scenario(lifecycle, a_paused_container_is_deleted_by_force)
{
    struct bundle *bundle = bundle_waiting();

    need_root();
    bundle_start_as_is(bundle);
    assert_ok(crun("pause", bundle->id));
    assert_refused(crun("delete", bundle->id), 1, "that is not stopped: paused");
    assert_ok(crun("delete", "--force", bundle->id));
}

Scenario(lifecycle, deleting_ends_everything_inside)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_script(bundle, "for i in 1 2 3 4 5 6 7 8; do setsid sleep 3600 & done; wait");
    bundle_start_as_is(bundle);
    assert_ok(crun("delete", "--force", bundle->id));
}

Scenario(lifecycle, deleting_ends_everything_also_without_a_pid_namespace)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_without_namespace(bundle, "pid");
    bundle_remove(bundle, "mounts[0]"); /* procfs of the host's pid namespace is not to be had */
    bundle_script(bundle, "for i in 1 2 3; do setsid sleep 3600 & done; exit 0");
    bundle_start_as_is(bundle);
    cr_assert(eventually(has_status(bundle, "stopped")));
    assert_ok(crun("delete", "--force", bundle->id));
}

Scenario(lifecycle, sigkill_without_a_pid_namespace_reaches_everyone)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_without_namespace(bundle, "pid");
    bundle_script(bundle, "sleep 3600 & sleep 3600 & wait");
    bundle_start_as_is(bundle);
    assert_ok(crun("kill", bundle->id, "KILL"));
    cr_assert(eventually(has_status(bundle, "stopped")));
    cr_assert(eventually(*file_text(bundle_cgroup_file(bundle, "pids", "cgroup.procs")) == '\0'));
    assert_ok(crun("delete", bundle->id));
}

/* --- kill ------------------------------------------------------------------------------------- */

Scenario(lifecycle, signals_have_many_spellings)
{
    static const char *const spellings[] = {"USR1", "SIGUSR1", "usr1", "sigusr1", "10"};
    struct bundle *bundle = bundle_new();
    struct outcome created;

    need_root();
    bundle_script(bundle,
                  "trap 'echo got USR1' USR1; echo ready; while :; do sleep 1 & wait; done");
    created = crun("run", "-d", "-b", bundle->path, bundle->id);
    assert_ok(created);
    cr_assert(program_said(&created.running, "ready"));
    for (size_t i = 0; i < count_of(spellings); i++) {
        char *expected = arena_string(scenario_arena(), "ready\n");

        assert_ok(crun("kill", bundle->id, spellings[i]));
        for (size_t j = 0; j <= i; j++)
            expected = text("%sgot USR1\n", expected);
        cr_assert(program_said(&created.running, expected), "%s", spellings[i]);
    }
    bundle_delete(bundle);
}

Scenario(lifecycle, unknown_signals_are_refused)
{
    static const char *const wrong[] = {"FOO", "SIGKILLX", "65", "SIGRTMIN+40", "-9"};
    struct bundle *bundle = bundle_waiting();

    need_root();
    bundle_start_as_is(bundle);
    for (size_t i = 0; i < count_of(wrong); i++) {
        struct outcome outcome = crun("kill", bundle->id, wrong[i]);

        assert_code(outcome, 1);
        if (wrong[i][0] != '-')
            assert_has(outcome.err, text("unknown signal \"%s\"", wrong[i]));
    }
    assert_text(bundle_status(bundle), "running");
    bundle_delete(bundle);
}

Scenario(lifecycle, signal_0_asks_whether_it_lives)
{
    struct bundle *bundle = bundle_waiting();

    need_root();
    bundle_start_as_is(bundle);
    assert_ok(crun("kill", bundle->id, "0"));
    assert_text(bundle_status(bundle), "running");
    assert_ok(crun("kill", bundle->id, "KILL"));
    cr_assert(eventually(strcmp(bundle_status(bundle), "stopped") == 0));
    assert_refused(crun("kill", bundle->id, "0"), 1, "container not running");
    bundle_delete(bundle);
}

/* Catches SIGTERM, says so, and goes on. */
#define SAYING(word) "trap 'echo " word "' TERM; echo ready; while :; do sleep 1 & wait $!; done"

/* Without a cgroup: processes of the pid namespace are signalled one by one. */
static struct outcome start_without_cgroup(struct bundle *bundle)
{
    struct outcome run;

    bundle_remove(bundle, "linux.resources");
    bundle_remove(bundle, "linux.cgroupsPath");
    bundle_script(bundle, SAYING("first"));
    run = crun("--cgroup-manager", "disabled", "run", "-d", "-b", bundle->path, bundle->id);
    assert_ok(run);
    cr_assert(program_said(&run.running, "ready"));
    return run;
}

/* Root without CAP_KILL, among processes of root and of somebody else. */
Scenario(lifecycle, one_that_may_not_be_signalled_spares_no_other)
{
    struct bundle *bundle = bundle_new();
    struct outcome run, other, killed;

    need_root();
    need_command("setpriv");
    run = start_without_cgroup(bundle);
    assert_ok(crun("exec", "-d", "--user", "12345", bundle->id, "sleep", "3600"));
    other = crun("exec", "-d", bundle->id, "sh", "-c", SAYING("other"));
    assert_ok(other);
    cr_assert(program_said(&other.running, "ready"));
    killed = program_run(
        PROGRAM(.arguments = (const char *[]){"setpriv", "--bounding-set=-kill", "--inh-caps=-kill",
                                              scenario_program(), "--root", scenario_root(), "kill",
                                              "--all", bundle->id, "TERM", NULL}));
    assert_code(killed, 1);
    assert_has(killed.err, "Operation not permitted");
    cr_assert(program_said(&other.running, "other"));
    cr_assert(program_said(&run.running, "first"));
    bundle_delete(bundle);
}

/* As process 1 of its namespace it would ignore them. */
Scenario(lifecycle, a_created_container_ends_by_the_usual_signals)
{
    static const char *const signals[] = {"", "TERM", "INT", "HUP", "QUIT"};

    need_root();
    for (size_t i = 0; i < count_of(signals); i++) {
        struct bundle *bundle = bundle_waiting();

        assert_ok(crun("create", "-b", bundle->path, bundle->id));
        assert_ok(crun("kill", bundle->id, signals[i]));
        cr_assert(eventually(strcmp(bundle_status(bundle), "stopped") == 0), "%s", signals[i]);
        assert_refused(crun("start", bundle->id), 1, "cannot start a container that has stopped");
        assert_ok(crun("delete", bundle->id));
    }
}

/* --- pause ------------------------------------------------------------------------------------ */

Scenario(lifecycle, paused_and_resumed)
{
    struct bundle *bundle = bundle_waiting();

    need_root();
    bundle_start_as_is(bundle);
    assert_ok(crun("pause", bundle->id));
    assert_text(bundle_status(bundle), "paused");
    assert_code(crun("pause", bundle->id), 1);
    assert_text(bundle_status(bundle), "paused");
    assert_ok(crun("resume", bundle->id));
    assert_text(bundle_status(bundle), "running");
    assert_refused(crun("resume", bundle->id), 1, "not paused");
    bundle_delete(bundle);
}

Scenario(lifecycle, a_stopped_container_is_neither_paused_nor_resumed)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_start_as_is(bundle);
    cr_assert(eventually(has_status(bundle, "stopped")));
    assert_code(crun("pause", bundle->id), 1);
    assert_code(crun("resume", bundle->id), 1);
    assert_ok(crun("delete", bundle->id));
}

Scenario(lifecycle, a_paused_container_dies_of_sigkill)
{
    struct bundle *bundle = bundle_waiting();

    need_root();
    bundle_start_as_is(bundle);
    assert_ok(crun("pause", bundle->id));
    assert_ok(crun("kill", bundle->id, "KILL"));
    cr_assert(eventually(has_status(bundle, "stopped")));
    assert_ok(crun("delete", bundle->id));
}

/* --- list and ps ------------------------------------------------------------------------------ */

Scenario(lifecycle, an_empty_list_is_null)
{
    struct outcome table = crun("list");

    assert_text(crun("list", "-f", "json").out, "null\n");
    assert_text(crun("list", "-q").out, "");
    assert_ok(table);
    assert_text(table.out, "ID          PID         STATUS      BUNDLE      CREATED     OWNER\n");
}

Scenario(lifecycle, a_list_shows_all_containers)
{
    struct bundle *first = bundle_waiting();
    struct bundle *second = bundle_waiting();
    struct arena *arena = scenario_arena();
    struct outcome json, table;

    need_root();
    assert_ok(create(first));
    bundle_start_as_is(second);
    assert_text(crun("list", "-q").out, text("%s\n%s\n", first->id, second->id));
    json = crun("list", "--format=json");
    assert_ok(json);
    assert_lacks(json.out, "\n ");
    assert_text(json_text(arena, json.out, "[0].id"), first->id);
    assert_text(json_text(arena, json.out, "[0].status"), "created");
    assert_text(json_text(arena, json.out, "[1].id"), second->id);
    assert_text(json_text(arena, json.out, "[1].status"), "running");
    assert_text(json_text(arena, json.out, "[1].owner"), "root");
    table = crun("list");
    assert_has(table.out, "STATUS");
    assert_has(table.out, second->id);
    bundle_delete(first);
    bundle_delete(second);
}

Scenario(lifecycle, a_stray_file_in_the_state_root_does_not_hide_the_others)
{
    struct bundle *bundle = bundle_waiting();
    struct outcome list;

    need_root();
    assert_ok(create(bundle));
    cr_assert(mkdir(text("%s/broken", scenario_root()), 0700) == 0);
    close(open(text("%s/stray", scenario_root()), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    list = crun("list", "-q");
    assert_ok(list);
    assert_has(list.out, bundle->id);
    bundle_delete(bundle);
    cr_assert(unlink(text("%s/stray", scenario_root())) == 0);
    cr_assert(rmdir(text("%s/broken", scenario_root())) == 0);
}

Scenario(lifecycle, ps_knows_every_process)
{
    struct bundle *bundle = bundle_new();
    struct outcome created, json, table;
    const char *pid;

    need_root();
    bundle_script(bundle, "sleep 3601 & sleep 3602 & echo ready; wait");
    created = crun("run", "-d", "-b", bundle->path, bundle->id);
    assert_ok(created);
    cr_assert(program_said(&created.running, "ready"));
    pid = text("%d", (int)bundle_pid(bundle));
    cr_assert(eventually(strchr(crun("ps", "-f", "json", bundle->id).out, ',') !=
                         strrchr(crun("ps", "-f", "json", bundle->id).out, ',')));
    json = crun("ps", "--format", "json", bundle->id);
    assert_ok(json);
    assert_has(json.out, text("[%s,", pid));
    assert_lacks(json.out, " ");
    cr_assert(is_one_line(json.out));
    table = crun("ps", bundle->id);
    assert_ok(table);
    assert_has(table.out, "PID");
    assert_has(table.out, pid);
    assert_has(table.out, "sleep 3601");
    bundle_delete(bundle);
}

/* --- programs that cannot be executed --------------------------------------------------------- */

Scenario(lifecycle, a_missing_program_is_an_error_of_create)
{
    static const struct {
        const char *args, *message;
    } missing[] = {
        {"[\"no-such-program\"]",  "executable file not found"},
        {"[\"/no/such/program\"]", "no such file or directory"},
        {"[\"/etc/plain\"]",       "permission denied"        },
        {"[\"/etc\"]",             "is a directory"           },
        {"[\"/etc/plain/x\"]",     "not a directory"          },
    };
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_file(bundle, "etc/plain", "#!/bin/sh\n", 0644);
    for (size_t i = 0; i < count_of(missing); i++) {
        struct outcome outcome;
        char *lower;

        bundle_set(bundle, "process.args", "%s", missing[i].args);
        outcome = create(bundle);
        assert_code(outcome, 1);
        cr_assert(is_one_line(outcome.err), "%s", outcome.err);
        lower = arena_string(scenario_arena(), outcome.err);
        for (char *at = lower; *at != '\0'; at++)
            *at = (char)tolower((unsigned char)*at);
        assert_has(lower, missing[i].message);
        assert_refused(crun("state", bundle->id), 1, "does not exist");
    }
}

/* An execve that fails although the file is there and may be executed. */
Scenario(lifecycle, a_failed_execve_is_reported)
{
    static const struct {
        const char *content, *message;
    } broken[] = {
        {"#!/no/interpreter\n", "/no/interpreter" },
        {"",                    "xec format error"},
        {"\177ELF not really",  "xec format error"},
    };
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_set(bundle, "process.args", "[\"/bin/broken\"]");
    for (size_t i = 0; i < count_of(broken); i++) {
        struct outcome outcome;

        bundle_file(bundle, "bin/broken", broken[i].content, 0755);
        outcome = create(bundle);
        if (outcome.code == 0) {
            outcome = crun("start", bundle->id);
            bundle_delete(bundle);
        }
        assert_refused(outcome, 1, broken[i].message);
        assert_has(outcome.err, "/bin/broken");
        assert_refused(bundle_run(bundle), 1, broken[i].message);
    }
}

/* --- several at once -------------------------------------------------------------------------- */

Scenario(lifecycle, of_many_creates_with_one_id_one_wins)
{
    enum { MANY = 8 };
    struct bundle *bundle = bundle_waiting();
    struct running creating[MANY];
    int won = 0;

    need_root();
    for (int i = 0; i < MANY; i++)
        creating[i] = crun_begin(PROGRAM(0), "create", "-b", bundle->path, bundle->id);
    for (int i = 0; i < MANY; i++) {
        struct outcome outcome = program_wait(&creating[i], DEADLINE_SECONDS);

        won += outcome.code == 0;
        if (outcome.code != 0)
            assert_refused(outcome, 1, "already exists");
    }
    cr_assert(won == 1, "%d creates succeeded", won);
    assert_text(bundle_status(bundle), "created");
    bundle_delete(bundle);
}

/* Whoever listens in the first process's place would be told to start, and `start` would say yes.
 */
Scenario(lifecycle, start_speaks_with_the_first_process_alone)
{
    struct bundle *bundle = bundle_waiting();
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    need_root();
    assert_ok(create(bundle));

    autoclose int state = open(text("%s/%s", scenario_root(), bundle->id),
                               O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    autoclose int listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

    snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/start.sock", state);
    cr_assert(unlinkat(state, "start.sock", 0) == 0);
    cr_assert(bind(listener, (struct sockaddr *)&address, sizeof address) == 0);
    cr_assert(listen(listener, 1) == 0);
    assert_refused(crun("start", bundle->id), 1, "start.sock: belongs to process");
    bundle_delete(bundle);
}

Scenario(lifecycle, one_command_waits_for_another_on_its_container)
{
    struct bundle *bundle = bundle_waiting();
    struct running pausing;

    need_root();
    bundle_start_as_is(bundle);

    autoclose int other = open(text("%s/%s", scenario_root(), bundle->id),
                               O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    cr_assert(other >= 0 && flock(other, LOCK_EX | LOCK_NB) == 0);
    pausing = crun_begin(PROGRAM(0), "pause", bundle->id);
    wait_ms(500);
    cr_assert(!program_has_ended(&pausing));
    assert_text(bundle_status(bundle), "running");
    cr_assert(flock(other, LOCK_UN) == 0);
    assert_ok(program_wait(&pausing, DEADLINE_SECONDS));
    assert_text(bundle_status(bundle), "paused");
    bundle_delete(bundle);
}

Scenario(lifecycle, of_many_starts_one_wins)
{
    enum { MANY = 8 };
    struct bundle *bundle = bundle_waiting();
    struct running starting[MANY];
    int won = 0;

    need_root();
    assert_ok(create(bundle));
    for (int i = 0; i < MANY; i++)
        starting[i] = crun_begin(PROGRAM(0), "start", bundle->id);
    for (int i = 0; i < MANY; i++) {
        struct outcome outcome = program_wait(&starting[i], DEADLINE_SECONDS);

        won += outcome.code == 0;
        if (outcome.code != 0)
            assert_refused(outcome, 1, "cannot start");
    }
    cr_assert(won == 1, "%d starts succeeded", won);
    assert_text(bundle_status(bundle), "running");
    bundle_delete(bundle);
}

Scenario(lifecycle, of_many_deletes_none_fails_by_force)
{
    enum { MANY = 6 };
    struct bundle *bundle = bundle_waiting();
    struct running deleting[MANY];

    need_root();
    bundle_start_as_is(bundle);
    for (int i = 0; i < MANY; i++)
        deleting[i] = crun_begin(PROGRAM(0), "delete", "--force", bundle->id);
    for (int i = 0; i < MANY; i++)
        assert_ok(program_wait(&deleting[i], DEADLINE_SECONDS));
}

/* A runtime that is killed half way leaves nothing that delete --force cannot find. */
Scenario(lifecycle, a_killed_create_can_be_deleted)
{
    need_root();
    for (int delay_us = 0; delay_us < 24000; delay_us += 800) {
        struct bundle *bundle = bundle_waiting();
        struct running creating = crun_begin(PROGRAM(0), "create", "-b", bundle->path, bundle->id);

        usleep((useconds_t)delay_us);
        kill(creating.pid, SIGKILL);
        program_wait(&creating, DEADLINE_SECONDS);
        bundle_delete(bundle);
        cr_assert(*leftovers(scenario_before(), scenario_scope(), 4000, scenario_arena()) == '\0',
                  "killed after %d us:\n%s", delay_us,
                  leftovers(scenario_before(), scenario_scope(), 0, scenario_arena()));
    }
}

Scenario(lifecycle, a_container_that_ends_while_it_is_created_is_no_hang)
{
    need_root();
    for (int i = 0; i < 10; i++) {
        struct bundle *bundle = bundle_new();

        bundle_script(bundle, "exit 5");
        assert_code(bundle_run(bundle), 5);
    }
}
