/* What a container uses, what happens to it, and how it ended: events, wait, kill --timeout,
 * --regex, list --watch. */

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/own.h"
#include "tests/integration/harness/bundle.h"
#include "tests/integration/harness/json.h"
#include "tests/integration/harness/scenario.h"

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static const char *at(const char *line, const char *path)
{
    return json_get(scenario_arena(), line, path);
}

static const char *stats_of(struct bundle *bundle)
{
    struct outcome outcome = crun("events", "--stats", bundle->id);

    assert_ok(outcome);
    cr_assert(is_one_line(outcome.out), "%s", outcome.out);
    return outcome.out;
}

/* A program in the background has come as far as to hold a descriptor of that kind. */
static bool holds(const struct running *program, const char *kind)
{
    const char *directory = text("/proc/%d/fd", (int)program->pid);
    DIR *fds = opendir(directory);
    bool found = false;

    if (fds == NULL)
        return false;
    for (struct dirent *entry; !found && (entry = readdir(fds)) != NULL;) {
        char target[64] = "";

        found = readlink(text("%s/%s", directory, entry->d_name), target, sizeof target - 1) > 0 &&
                strstr(target, kind) != NULL;
    }
    closedir(fds);
    return found;
}

/* `events` has seen that the container runs, and watches its memory: the clock comes last. */
static bool follows(const struct running *events)
{
    return holds(events, "[timerfd]");
}

/* --- events ----------------------------------------------------------------------------------- */

Scenario(events, statistics_are_what_the_cgroup_says)
{
    struct bundle *bundle = bundle_new();
    bool v2 = host_has_pure_cgroup2();
    const char *line;

    need_root();
    bundle_set(bundle, "linux.resources.memory", "{\"limit\":67108864}");
    bundle_set(bundle, "linux.resources.pids", "{\"limit\":77}");
    bundle_start(bundle);
    inside_running(bundle, "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done");
    /* The shell and its sleep: none that is still to come, none that nobody has waited for yet. */
    cr_assert(eventually(
        strcmp(file_line(bundle_cgroup_file(bundle, "pids", "pids.current")), "2") == 0));
    line = stats_of(bundle);
    assert_text(at(line, "type"), "\"stats\"");
    assert_text(at(line, "id"), text("\"%s\"", bundle->id));
    assert_text(at(line, "data.pids.limit"), "77");
    assert_text(at(line, "data.pids.current"),
                file_line(bundle_cgroup_file(bundle, "pids", "pids.current")));
    assert_text(at(line, "data.memory.usage.limit"),
                file_line(bundle_cgroup_file(bundle, "memory",
                                             v2 ? "memory.max" : "memory.limit_in_bytes")));
    cr_assert(atoll(at(line, "data.memory.usage.usage")) > 0);
    cr_assert(at(line, v2 ? "data.memory.raw.anon" : "data.memory.raw.rss") != NULL, "%s", line);
    cr_assert(atoll(at(line, "data.cpu.usage.total")) > 1000000, "nanoseconds: %s", line);
    bundle_delete(bundle);
}

Scenario(events, numbers_that_runc_always_writes_are_there)
{
    static const char *const always[] = {
        "cpu.usage.kernel",
        "cpu.usage.user",
        "cpu.throttling",
        "cpuset.cpu_exclusive",
        "cpuset.mem_hardwall",
        "cpuset.mem_exclusive",
        "cpuset.memory_migrate",
        "cpuset.memory_spread_page",
        "cpuset.memory_spread_slab",
        "cpuset.memory_pressure",
        "cpuset.sched_load_balance",
        "cpuset.sched_relax_domain_level",
        "memory.usage.limit",
        "memory.usage.failcnt",
        "memory.swap.limit",
        "memory.swap.failcnt",
        "memory.kernel.limit",
        "memory.kernel.failcnt",
        "memory.kernelTCP.limit",
        "memory.kernelTCP.failcnt",
        "pids",
        "blkio",
        "hugetlb",
        "intel_rdt",
        "network_interfaces",
    };
    struct bundle *bundle = bundle_new();
    const char *line;

    need_root();
    bundle_start(bundle);
    line = stats_of(bundle);
    for (size_t i = 0; i < count_of(always); i++)
        cr_assert(at(line, text("data.%s", always[i])) != NULL, "%s is not in %s", always[i], line);
    cr_assert(at(line, "data.memory.usage.nosuch") == NULL);
    bundle_delete(bundle);
}

Scenario(events, pressure_is_told_where_the_kernel_measures_it)
{
    struct bundle *bundle = bundle_new();
    const char *line;

    need_root();
    if (!host_has_pure_cgroup2())
        skip("is about cgroup v2");
    bundle_start(bundle);
    if (file_text(bundle_cgroup_file(bundle, "", "cpu.pressure")) == NULL)
        skip("this kernel measures no pressure");
    line = stats_of(bundle);
    cr_assert(at(line, "data.cpu.psi.some.avg10") != NULL, "%s", line);
    cr_assert(at(line, "data.memory.psi.full.total") != NULL, "%s", line);
    cr_assert(at(line, "data.blkio.psi.some.avg300") != NULL, "%s", line);
    bundle_delete(bundle);
}

Scenario(events, interfaces_are_those_of_the_container)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_start(bundle);
    assert_text(at(stats_of(bundle), "data.network_interfaces[0].Name"), "\"lo\"");
    assert_text(at(stats_of(bundle), "data.network_interfaces[0].RxBytes"), "0");
    bundle_delete(bundle);
}

Scenario(events, the_host_s_interfaces_are_not_the_container_s)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_without_namespace(bundle, "network");
    bundle_start(bundle);
    assert_text(at(stats_of(bundle), "data.network_interfaces"), "[]");
    bundle_delete(bundle);
}

Scenario(events, lines_come_at_the_interval_and_end_with_the_container_at_once)
{
    struct bundle *bundle = bundle_new();
    struct running events;
    struct outcome outcome;
    double killed;

    need_root();
    bundle_start(bundle);
    events = crun_begin(PROGRAM(0), "events", "--interval", "200ms", bundle->id);
    cr_assert(program_said(&events, "}}\n"));
    cr_assert(!program_has_ended(&events));
    cr_assert(eventually(strchr(strstr(program_output(&events), "\n") + 1, '\n') != NULL),
              "one line alone");
    program_wait(&events, 0);
    /* Again with an interval that never comes: nothing but the end can end it. */
    events = crun_begin(PROGRAM(0), "events", "--interval", "1h", bundle->id);
    cr_assert(eventually(follows(&events)));
    wait_ms(300);
    cr_assert(!program_has_ended(&events));
    killed = now();
    assert_ok(crun("kill", bundle->id, "KILL"));
    outcome = program_wait(&events, DEADLINE_SECONDS);
    assert_ok(outcome);
    assert_text(outcome.out, "");
    cr_assert(now() - killed < 20, "%f seconds", now() - killed);
    bundle_delete(bundle);
}

Scenario(events, running_out_of_memory_is_told)
{
    struct bundle *bundle = bundle_new();
    struct running events;
    struct outcome outcome;

    need_root();
    bundle_set(bundle, "linux.resources.memory", "{\"limit\":33554432,\"swap\":33554432}");
    if (!file_exists("/proc/swaps") || strchr(file_text("/proc/swaps"), '\n')[1] != '\0')
        skip("with swap memory does not run out");
    if (!host_has_pure_cgroup2())
        bundle_set(bundle, "linux.resources.memory", "{\"limit\":33554432}");
    bundle_start(bundle);
    events = crun_begin(PROGRAM(0), "events", "--interval", "1h", bundle->id);
    cr_assert(eventually(follows(&events)));
    cr_assert(
        crun("exec", bundle->id, "sh", "-c", "dd if=/dev/zero of=/dev/null bs=100M count=1").code !=
        0);
    cr_assert(program_said(&events, text("{\"type\":\"oom\",\"id\":\"%s\"}\n", bundle->id)), "%s",
              program_output(&events));
    assert_ok(crun("kill", bundle->id, "KILL"));
    outcome = program_wait(&events, DEADLINE_SECONDS);
    assert_ok(outcome);
    cr_assert(is_one_line(outcome.out), "told more than once: %s", outcome.out);
    bundle_delete(bundle);
}

Scenario(events, a_stopped_container_has_none)
{
    struct bundle *bundle = bundle_new();
    const char *message = text("container with id %s is not running", bundle->id);

    need_root();
    bundle_start(bundle);
    assert_ok(crun("kill", bundle->id, "KILL"));
    cr_assert(eventually(strcmp(bundle_status(bundle), "stopped") == 0));
    assert_refused(crun("events", bundle->id), 1, message);
    assert_refused(crun("events", "--stats", bundle->id), 1, message);
    assert_refused(crun("events", "nosuch"), 1, "does not exist");
    bundle_delete(bundle);
}

Scenario(events, the_interval_is_a_duration)
{
    assert_code(crun("events", "--interval", "5", "x"), 1);
    assert_code(crun("events", "--interval", "-5s", "x"), 1);
    assert_code(crun("events", "--interval", "0", "x"), 1);
}

/* --- wait ------------------------------------------------------------------------------------- */

/* Whether somebody who is not the parent is told the exit status: PIDFD_GET_INFO, Linux 6.15. */
static bool kernel_tells_status(void)
{
    int major = 0, minor = 0;

    sscanf(file_text("/proc/sys/kernel/osrelease"), "%d.%d", &major, &minor);
    return major > 6 || (major == 6 && minor >= 15);
}

static struct outcome wait_while(struct bundle *bundle, const char *signal)
{
    struct running waiting = crun_begin(PROGRAM(0), "wait", bundle->id);

    /* Of one that has ended before, nobody could tell it. */
    cr_assert(eventually(holds(&waiting, "pidfd")));
    wait_ms(500);
    cr_assert(!program_has_ended(&waiting), "%s", program_output(&waiting));
    assert_ok(crun("kill", bundle->id, signal));
    return program_wait(&waiting, DEADLINE_SECONDS);
}

Scenario(wait, tells_how_a_detached_container_ended)
{
    struct bundle *bundle = bundle_new();
    struct outcome outcome;

    need_root();
    bundle_script(bundle, "trap 'exit 7' USR1; while :; do sleep 0.1; done");
    bundle_start_as_is(bundle);
    cr_assert(eventually(bundle_catches(bundle, SIGUSR1)));
    outcome = wait_while(bundle, "USR1");
    if (!kernel_tells_status() && outcome.code != 7)
        assert_refused(outcome, 255, "exit status went to its parent alone");
    else
        assert_code(outcome, 7);
    bundle_delete(bundle);
}

Scenario(wait, a_signal_is_128_and_its_number)
{
    struct bundle *bundle = bundle_new();
    struct outcome outcome;

    need_root();
    bundle_start(bundle);
    outcome = wait_while(bundle, "KILL");
    if (!kernel_tells_status() && outcome.code != 137)
        assert_refused(outcome, 255, "exit status went to its parent alone");
    else
        assert_code(outcome, 137);
    bundle_delete(bundle);
}

Scenario(wait, an_unknown_container_is_an_error)
{
    assert_refused(crun("wait", "nosuch"), 255, "does not exist");
}

/* --- kill --timeout --------------------------------------------------------------------------- */

Scenario(kill_timeout, ends_what_does_not_end_by_itself)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_script(bundle, "trap '' TERM; while :; do sleep 0.1; done");
    bundle_start_as_is(bundle);
    assert_ok(crun("kill", bundle->id));
    wait_ms(200);
    assert_text(bundle_status(bundle), "running");
    assert_ok(crun("kill", "--timeout", "300ms", bundle->id));
    assert_text(bundle_status(bundle), "stopped");
    bundle_delete(bundle);
}

Scenario(kill_timeout, does_not_wait_longer_than_needed)
{
    struct bundle *bundle = bundle_new();
    double begun;

    need_root();
    bundle_start(bundle);
    cr_assert(eventually(bundle_catches(bundle, SIGTERM)));
    begun = now();
    assert_ok(crun("kill", "-timeout=100s", bundle->id));
    assert_text(bundle_status(bundle), "stopped");
    cr_assert(now() - begun < 60, "%f seconds", now() - begun);
    bundle_delete(bundle);
}

/* --- --regex ---------------------------------------------------------------------------------- */

Scenario(regex, kill_and_delete_all_that_match)
{
    struct bundle *one = bundle_new(), *two = bundle_new();

    need_root();
    bundle_start(one);
    bundle_start(two);
    assert_ok(crun("kill", "--regex", text("^%s$|^nosuch$", one->id), "KILL"));
    cr_assert(eventually(strcmp(bundle_status(one), "stopped") == 0));
    assert_text(bundle_status(two), "running");
    assert_ok(crun("kill", "-r", text("^(%s|%s)$", two->id, "x+"), "9"));
    cr_assert(eventually(strcmp(bundle_status(two), "stopped") == 0));
    assert_ok(crun("delete", "-r", "^nothing-is-called-so$"));
    assert_ok(crun("delete", "--regex", text("^(%s|%s)$", one->id, two->id)));
    assert_text(crun("list", "-q").out, "");
}

Scenario(regex, delete_force_ends_them_first)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_start(bundle);
    assert_refused(crun("delete", "--regex", bundle->id), 1, "is not stopped: running");
    assert_ok(crun("delete", "--force", "--regex", bundle->id));
    assert_text(crun("list", "-q").out, "");
}

Scenario(regex, a_broken_one_is_an_error)
{
    assert_refused(crun("kill", "--regex", "(", "KILL"), 1, "--regex: \"(\": ");
    assert_refused(crun("delete", "--regex", "*(", "--force"), 1, "--regex: \"*(\": ");
}

/* --- list --watch ----------------------------------------------------------------------------- */

Scenario(list_watch, says_what_changes_and_ends_on_sigint)
{
    struct bundle *bundle = bundle_new(), *first = bundle_new();
    struct running watch;
    struct outcome outcome;

    need_root();
    bundle_start(first); /* makes the root */
    watch = crun_begin(PROGRAM(0), "list", "--watch", "--format", "json");
    cr_assert(program_said(&watch, first->id));
    bundle_start(bundle);
    cr_assert(program_said(&watch, text("\"id\":\"%s\",\"pid\":%d,\"status\":\"running\"",
                                        bundle->id, bundle_pid(bundle))));
    assert_ok(crun("pause", bundle->id));
    cr_assert(program_said(&watch, "\"paused\""));
    assert_ok(crun("resume", bundle->id));
    assert_ok(crun("kill", bundle->id, "KILL"));
    cr_assert(program_said(&watch, "\"stopped\""));
    assert_ok(crun("delete", bundle->id));
    cr_assert(eventually(strstr(strrchr(text("%.*s", (int)strlen(program_output(&watch)) - 1,
                                             program_output(&watch)),
                                        '\n'),
                                bundle->id) == NULL),
              "%s", program_output(&watch));
    cr_assert(syscall(SYS_pidfd_send_signal, watch.pidfd, SIGINT, NULL, 0) == 0);
    outcome = program_wait(&watch, DEADLINE_SECONDS);
    assert_ok(outcome);
    for (const char *line = outcome.out; *line != '\0'; line = strchr(line, '\n') + 1)
        cr_assert(*line == '[', "%s", line);
    bundle_delete(first);
}

/* The last table that a watch has shown. */
static const char *last_table(const char *tables)
{
    const char *last = tables;

    for (const char *next; (next = strstr(last, "\n\n")) != NULL;)
        last = next + 2;
    return last;
}

/* Both have come by the time it looks, as on a busy machine. */
Scenario(list_watch, what_was_done_before_the_signal_is_shown)
{
    static const int signals[] = {SIGINT, SIGCONT};
    struct bundle *bundle = bundle_new();
    struct running watch;
    struct outcome outcome;

    need_root();
    bundle_start(bundle);
    watch = crun_begin(PROGRAM(0), "list", "--watch");
    cr_assert(program_said(&watch, bundle->id));
    cr_assert(kill(watch.pid, SIGSTOP) == 0);
    assert_ok(crun("delete", "-f", bundle->id));
    for (size_t i = 0; i < count_of(signals); i++)
        cr_assert(kill(watch.pid, signals[i]) == 0);
    outcome = program_wait(&watch, DEADLINE_SECONDS);
    assert_ok(outcome);
    assert_has(last_table(outcome.out), "ID ");
    assert_lacks(last_table(outcome.out), bundle->id);
}

/* /run is empty here: before the first container there is no root yet. */
Scenario(list_watch, begins_before_the_first_container)
{
    struct bundle *bundle = bundle_new();
    struct running watch;

    need_root();
    watch = program_begin(
        PROGRAM(.arguments = (const char *[]){scenario_program(), "list", "--watch", "-q", NULL}));
    cr_assert(eventually(file_exists("/run/crun-lite")));
    assert_ok(
        program_run(PROGRAM(.arguments = (const char *[]){scenario_program(), "run", "-d", "-b",
                                                          bundle->path, bundle->id, NULL})));
    cr_assert(program_said(&watch, bundle->id));
    assert_ok(program_run(PROGRAM(.arguments = (const char *[]){scenario_program(), "delete", "-f",
                                                                bundle->id, NULL})));
    cr_assert(syscall(SYS_pidfd_send_signal, watch.pidfd, SIGINT, NULL, 0) == 0);
    assert_ok(program_wait(&watch, DEADLINE_SECONDS));
    assert_refused(crun("--root", "/run/nowhere", "list", "--watch"), 1, "/run/nowhere");
    cr_assert_not(file_exists("/run/nowhere"));
    cr_assert_eq(rmdir("/run/crun-lite"), 0); /* the root itself stays, empty */
}

/* --- completion ------------------------------------------------------------------------------- */

/* What bash would suggest behind these words. */
static const char *suggestions(const char *words)
{
    const char *script = text("set -- %s\n"
                              "source <(%s completion bash)\n"
                              "COMP_WORDS=(%s --root %s \"$@\")\n"
                              "COMP_CWORD=$((${#COMP_WORDS[@]} - 1))\n"
                              "_crun_lite\n"
                              "printf '<%%s>' \"${COMPREPLY[@]}\"\n",
                              words, scenario_program(), scenario_program(), scenario_root());
    struct outcome outcome = program_run(
        PROGRAM(.arguments = (const char *const[]){"bash", "-c", script, NULL}));

    assert_ok(outcome);
    assert_text(outcome.err, "");
    return outcome.out;
}

Scenario(completion, bash_knows_commands_options_and_ids)
{
    struct bundle *bundle = bundle_new();

    need_root();
    need_command("bash");
    bundle_start(bundle);
    assert_has(suggestions("e"), "<events>");
    assert_has(suggestions("e"), "<exec>");
    assert_lacks(suggestions("e"), "<kill>");
    assert_has(suggestions("kill --t"), "<--timeout>");
    assert_has(suggestions("run --memo"), "<--memory>");
    assert_has(suggestions("--cgroup"), "<--cgroup-manager>");
    assert_has(suggestions("delete ''"), text("<%s>", bundle->id));
    assert_lacks(suggestions("kill --a"), "<--all>"); /* obsolete */
    assert_text(suggestions("mounts ''"), "<add><remove>");
    assert_has(suggestions("mounts add ''"), text("<%s>", bundle->id));
    assert_has(suggestions(text("mounts add %s /etc/passw", bundle->id)), "</etc/passwd>");
    assert_text(suggestions("completion f"), "<fish>");
    bundle_delete(bundle);
}

Scenario(completion, every_shell_is_told_every_command)
{
    static const char *const shells[] = {"bash", "zsh", "fish"};

    for (size_t i = 0; i < count_of(shells); i++) {
        struct outcome outcome = crun("completion", shells[i]);

        assert_ok(outcome);
        assert_has(outcome.out, "update");
        assert_has(outcome.out, "memory-swap");
        assert_has(outcome.out, "console-socket");
    }
    assert_refused(crun("completion", "tcsh"), 1, "not one of bash, zsh, fish");
}
