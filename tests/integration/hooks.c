/* config.md "POSIX-platform Hooks": for each of the six kinds where it runs, in which directory,
 * with which environment and state; what becomes of its failure and its time; and of one that calls
 * us back.  What all kinds have in common, one example of each, is in process.c.
 */

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

enum place { HOST, CONTAINER, STARTED /* in the container, and its process is to follow */ };

static const struct kind {
    const char *name;
    enum place place;
    const char *status;
    const char *command; /* during which it runs */
} kinds[] = {
    {"prestart",        HOST,      "creating", "create"},
    {"createRuntime",   HOST,      "creating", "create"},
    {"createContainer", CONTAINER, "creating", "create"},
    {"startContainer",  STARTED,   "created",  "start" },
    {"poststart",       HOST,      "running",  "start" },
    {"poststop",        HOST,      "stopped",  "delete"},
};

static void add_hook(struct bundle *bundle, const char *kind, const char *path, const char *more)
{
    bundle_set(bundle, text("hooks.%s[+]", kind), "{\"path\":\"%s\"%s}", path, more);
}

/* With the test's own directory inside at the same path, for the kinds that run there. */
static struct bundle *bundle_with_work(void)
{
    struct bundle *bundle;

    need_root();
    bundle = bundle_new();
    bundle_mount(bundle, scenario_work(), "none", scenario_work(), "\"bind\"");
    bundle_set(bundle, "process.args", "[\"/bin/sleep\",\"3600\"]");
    return bundle;
}

/* create, start, delete, as engines do. */
static void live_a_life(struct bundle *bundle)
{
    assert_ok(crun("create", "-b", bundle->path, bundle->id));
    assert_ok(crun("start", bundle->id));
    bundle_delete(bundle);
}

/* The hook writes what SCRIPT prints to a file of its kind. */
static void report(struct bundle *bundle, const char *name, const char *script, const char *more)
{
    for (size_t i = 0; i < count_of(kinds); i++)
        add_hook(bundle, kinds[i].name,
                 work_script(text("%s-%s", name, kinds[i].name),
                             text("{ %s\n} >%s 2>&1", script,
                                  work_path(text("%s.%s", name, kinds[i].name)))),
                 more);
}

static const char *reported(const char *name, const struct kind *kind)
{
    const char *whole = file_text(work_path(text("%s.%s", name, kind->name)));

    cr_assert(whole != NULL, "%s did not run", kind->name);
    return whole;
}

/* --- where ------------------------------------------------------------------------------------ */

static const char *namespaces_of(const char *process)
{
    static const char *const names[] = {"mnt", "net", "pid", "uts"};
    const char *list = "";

    for (size_t i = 0; i < count_of(names); i++) {
        char link[64] = "";

        cr_assert(readlink(text("/proc/%s/ns/%s", process, names[i]), link, sizeof link - 1) > 0);
        list = text("%s%s\n", list, link);
    }
    return list;
}

Scenario(hooks_of_each_kind, run_in_the_namespaces_of_the_host_or_the_container)
{
    struct bundle *bundle = bundle_with_work();
    const char *ours = namespaces_of("self"), *its;

    report(bundle, "ns", "for n in mnt net pid uts; do readlink /proc/self/ns/$n; done", "");
    assert_ok(crun("create", "-b", bundle->path, bundle->id));
    assert_ok(crun("start", bundle->id));
    its = namespaces_of(text("%d", (int)bundle_pid(bundle)));
    cr_assert(strcmp(ours, its) != 0);
    bundle_delete(bundle);
    for (size_t i = 0; i < count_of(kinds); i++)
        assert_text(reported("ns", &kinds[i]), kinds[i].place == HOST ? ours : its);
}

/* As with runc: the bundle while a container is made, then where the caller is; the root file
 * system before the pivot, process.cwd after it. */
Scenario(hooks_of_each_kind, begin_in_a_directory_that_one_can_rely_on)
{
    struct bundle *bundle = bundle_with_work();
    const char *const expected[] = {bundle->path, bundle->path, "mark-of-root\n",
                                    "/tmp\n",     bundle->path, "/\n"};

    bundle_file(bundle, "mark-of-root", "", 0644);
    bundle_set(bundle, "process.cwd", "\"/tmp\"");
    report(bundle, "cwd", "pwd -P; ls", "");
    cr_assert_eq(chdir("/"), 0);
    live_a_life(bundle);
    for (size_t i = 0; i < count_of(kinds); i++)
        assert_has(reported("cwd", &kinds[i]), expected[i]);
    assert_has(reported("cwd", &kinds[0]), "\nconfig.json\n");
}

/* --- with what -------------------------------------------------------------------------------- */

Scenario(hooks_of_each_kind, inherit_an_environment_when_they_have_none)
{
    struct bundle *bundle = bundle_with_work();

    bundle_set(bundle, "process.env", "[\"PATH=/bin\",\"OF_THE_PROCESS=yes\"]");
    report(bundle, "env", "tr '\\0' '\\n' </proc/self/environ", "");
    live_a_life(bundle);
    for (size_t i = 0; i < count_of(kinds); i++) {
        bool is_inside = kinds[i].place == STARTED;

        assert_has(reported("env", &kinds[i]), is_inside ? "OF_THE_PROCESS=yes\n" : "SECRET=");
        assert_lacks(reported("env", &kinds[i]), is_inside ? "SECRET=" : "OF_THE_PROCESS");
    }
}

Scenario(hooks_of_each_kind, have_the_environment_that_was_given)
{
    struct bundle *bundle = bundle_with_work();

    report(bundle, "env", "read -r all </proc/self/environ; echo \"<$all>\"",
           ",\"env\":[\"PATH=/bin:/usr/bin\",\"GIVEN=x\"]");
    live_a_life(bundle);
    for (size_t i = 0; i < count_of(kinds); i++) {
        assert_has(reported("env", &kinds[i]), "GIVEN=x");
        assert_lacks(reported("env", &kinds[i]), "SECRET");
        assert_lacks(reported("env", &kinds[i]), "TERM=");
    }
}

/* "env": [] is an empty one, not an absent one. */
Scenario(hooks_of_each_kind, have_an_empty_environment_when_it_is_given)
{
    struct bundle *bundle = bundle_with_work();

    for (size_t i = 0; i < count_of(kinds); i++)
        add_hook(bundle, kinds[i].name, kinds[i].place == STARTED ? "/bin/cp" : "/usr/bin/cp",
                 text(",\"args\":[\"cp\",\"/proc/self/environ\",\"%s\"],\"env\":[]",
                      work_path(text("env.%s", kinds[i].name))));
    live_a_life(bundle);
    for (size_t i = 0; i < count_of(kinds); i++)
        assert_text(reported("env", &kinds[i]), "");
}

/* runtime.md, State: the pid is that of the namespace in which the hook runs. */
Scenario(hooks_of_each_kind, read_the_state_with_the_pid_as_they_see_it)
{
    struct bundle *bundle = bundle_with_work();
    struct arena *arena = scenario_arena();
    const char *pid;

    bundle_set(bundle, "annotations.key", "\"of this test\"");
    report(bundle, "state", "cat", "");
    assert_ok(crun("create", "-b", bundle->path, bundle->id));
    assert_ok(crun("start", bundle->id));
    pid = text("%d", (int)bundle_pid(bundle));
    bundle_delete(bundle);
    for (size_t i = 0; i < count_of(kinds); i++) {
        const char *state = reported("state", &kinds[i]);
        bool is_gone = strcmp(kinds[i].status, "stopped") == 0;

        assert_text(json_text(arena, state, "status"), kinds[i].status);
        assert_text(json_text(arena, state, "id"), bundle->id);
        assert_text(json_text(arena, state, "bundle"), bundle->path);
        assert_text(json_text(arena, state, "annotations.key"), "of this test");
        cr_assert(json_text(arena, state, "ociVersion") != NULL);
        assert_text(json_text(arena, state, "pid"), is_gone                  ? "0"
                                                    : kinds[i].place == HOST ? pid
                                                                             : "1");
    }
}

/* Without a pid namespace of its own the container sees the host's. */
Scenario(hooks_of_each_kind, inside_read_the_hosts_pid_where_there_is_no_other)
{
    struct bundle *bundle = bundle_with_work();
    const char *pid;

    bundle_without_namespace(bundle, "pid");
    report(bundle, "state", "cat", "");
    assert_ok(crun("create", "-b", bundle->path, bundle->id));
    assert_ok(crun("start", bundle->id));
    pid = text("%d", (int)bundle_pid(bundle));
    bundle_delete(bundle);
    for (size_t i = 0; i < count_of(kinds) - 1; i++)
        assert_text(json_text(scenario_arena(), reported("state", &kinds[i]), "pid"), pid);
}

/* --- failure and time ------------------------------------------------------------------------- */

/* runtime.md, Lifecycle: before the process runs a failure ends the container, a failing poststart
 * hook does too, and one of poststop is only told. */
static void assert_failure(const struct kind *kind, const char *script, const char *more,
                           const char *complaint)
{
    struct bundle *bundle = bundle_with_work();
    const char *verbs[] = {"create", "start", "delete"};

    add_hook(bundle, kind->name, work_script(text("fails-%s", kind->name), script), more);
    for (size_t i = 0; i < count_of(verbs); i++) {
        bool is_its = strcmp(verbs[i], kind->command) == 0;
        struct outcome outcome = i == 0   ? crun("create", "-b", bundle->path, bundle->id)
                                 : i == 1 ? crun("start", bundle->id)
                                          : crun("delete", "--force", bundle->id);

        assert_code(outcome, is_its && i < 2 ? 1 : 0);
        if (!is_its)
            continue;
        assert_has(outcome.err, text("error running %s hook #0", kind->name));
        assert_has(outcome.err, complaint);
        break;
    }
    if (strcmp(kind->command, "start") == 0)
        bundle_delete(bundle);
    assert_refused(crun("state", bundle->id), 1, "does not exist");
}

Scenario(hooks_of_each_kind, fail_with_their_status_and_words)
{
    for (size_t i = 0; i < count_of(kinds); i++)
        assert_failure(&kinds[i], "echo because of the moon; exit 23", "",
                       "exit status 23, output: because of the moon");
}

Scenario(hooks_of_each_kind, have_their_time_and_no_more)
{
    for (size_t i = 0; i < count_of(kinds); i++)
        assert_failure(&kinds[i], "trap '' TERM; sleep 3600 & wait", ",\"timeout\":1",
                       "hook ran past specified timeout of 1.0s");
}

/* --- what goes on ----------------------------------------------------------------------------- */

/* A daemon that a hook leaves behind holds what was its output, and nobody waits for that. */
Scenario(hooks_of_each_kind, may_leave_a_daemon_behind_that_holds_their_output)
{
    struct bundle *bundle = bundle_with_work();
    const struct kind *create = &kinds[1];
    pid_t pid;

    add_hook(bundle, create->name,
             work_script("daemon", text("sleep 3600 & echo $! >%s", work_path("pid"))), "");
    live_a_life(bundle);
    pid = (pid_t)atoi(file_line(work_path("pid")));
    cr_assert(pid > 1 && kill(pid, 0) == 0, "the daemon %d is gone", (int)pid);
    cr_assert_eq(kill(pid, SIGKILL), 0);
}

/* --- calling us back -------------------------------------------------------------------------- */

static const char *const calls[] = {"state", "exec", "kill", "delete"};

/* A hook asks for each of them, on its own container, and writes down how that ended. */
static struct bundle *bundle_that_calls_back(const struct kind *kind)
{
    struct bundle *bundle = bundle_with_work();
    const char *us = text("%s --root %s", scenario_program(), scenario_root()), *script = "";

    for (size_t i = 0; i < count_of(calls); i++)
        script = text("%s%s %s %s %s %s >%s.%s 2>&1 </dev/null; echo \"status $?\" >>%s.%s\n",
                      script, us, calls[i], strcmp(calls[i], "delete") == 0 ? "--force" : "",
                      bundle->id,
                      strcmp(calls[i], "exec") == 0   ? "true"
                      : strcmp(calls[i], "kill") == 0 ? "URG" /* does nothing to it */
                                                      : "",
                      work_path(kind->name), calls[i], work_path(kind->name), calls[i]);
    add_hook(bundle, kind->name, work_script(text("calls-%s", kind->name), script), "");
    return bundle;
}

static const char *answer(const struct kind *kind, const char *call)
{
    const char *whole = file_text(work_path(text("%s.%s", kind->name, call)));

    cr_assert(whole != NULL, "%s: %s was not called", kind->name, call);
    return whole;
}

/* While a container is made, its maker holds it: whoever wants to change it waits for a while, and
 * is told then.  Nobody waits for ever. */
Scenario(hooks_that_call_back, are_answered_while_the_container_is_made)
{
    struct running running[3];
    struct bundle *bundles[3];

    for (size_t i = 0; i < count_of(running); i++) {
        bundles[i] = bundle_that_calls_back(&kinds[i]);
        running[i] = crun_begin(PROGRAM(0), "create", "-b", bundles[i]->path, bundles[i]->id);
    }
    for (size_t i = 0; i < count_of(running); i++) {
        assert_ok(program_wait(&running[i], DEADLINE_SECONDS));
        assert_has(answer(&kinds[i], "state"), "\"status\": \"creating\"");
        assert_has(answer(&kinds[i], "state"), "status 0\n");
        assert_has(answer(&kinds[i], "exec"),
                   "cannot exec in a container that is still being created");
        assert_has(answer(&kinds[i], "exec"), "status 255\n");
        assert_has(answer(&kinds[i], "kill"), "status 1\n");
        assert_has(answer(&kinds[i], "delete"),
                   text("another command is working on container \"%s\"", bundles[i]->id));
        assert_has(answer(&kinds[i], "delete"), "status 1\n");
        assert_text(bundle_status(bundles[i]), "created");
        bundle_delete(bundles[i]);
    }
}

/* Inside, where the pids of the record are nobody's, and `start` is at work. */
Scenario(hooks_that_call_back, are_answered_inside_while_the_container_starts)
{
    const struct kind *start = &kinds[3];
    struct bundle *bundle = bundle_that_calls_back(start);

    bundle_mount_libraries(bundle);
    bundle_mount_program(bundle, scenario_program(), scenario_program());
    bundle_mount(bundle, scenario_root(), "none", scenario_root(), "\"bind\"");
    assert_ok(crun("create", "-b", bundle->path, bundle->id));
    assert_ok(crun("start", bundle->id));
    assert_has(answer(start, "state"), "status 0\n");
    assert_has(answer(start, "exec"), "status 255\n");
    assert_has(answer(start, "kill"), "status 1\n");
    assert_has(answer(start, "delete"),
               text("another command is working on container \"%s\"", bundle->id));
    assert_text(bundle_status(bundle), "running");
    bundle_delete(bundle);
}

/* Its process runs, and the hook is one caller among others: it can even take it away. */
Scenario(hooks_that_call_back, are_served_once_the_container_runs)
{
    const struct kind *poststart = &kinds[4];
    struct bundle *bundle = bundle_that_calls_back(poststart);

    assert_ok(crun("create", "-b", bundle->path, bundle->id));
    assert_ok(crun("start", bundle->id));
    assert_has(answer(poststart, "state"), "\"status\": \"running\"");
    for (size_t i = 0; i < count_of(calls); i++)
        assert_has(answer(poststart, calls[i]), "status 0\n");
    assert_refused(crun("state", bundle->id), 1, "does not exist");
}

Scenario(hooks_that_call_back, find_nothing_once_the_container_is_gone)
{
    const struct kind *poststop = &kinds[5];
    struct bundle *bundle = bundle_that_calls_back(poststop);

    live_a_life(bundle);
    for (size_t i = 0; i < 3; i++) {
        assert_has(answer(poststop, calls[i]), "does not exist");
        assert_lacks(answer(poststop, calls[i]), "status 0\n");
    }
    assert_has(answer(poststop, "delete"), "status 0\n"); /* --force of nothing, as with runc */
}
