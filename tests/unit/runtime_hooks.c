/* Hooks: what they are given, in which order, how they fail, and what they cannot hold up. */

#include "runtime_help.h"

#include <signal.h>
#include <stdint.h>
#include <sys/wait.h>

#include "runtime/deadline.h"
#include "runtime/hooks.h"
#include "spec/fields.h"

/* Criterion's own runner loses 48 bytes now and then when tests of a second run side by side. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libcriterion.so";
}

static const struct hook_state small_state = {.head = "{\"pid\":", .tail = "}"};

/* A hook that is a shell script: arguments "sh -c SCRIPT". */
static struct spec_hook script(struct arena *arena, const char *text)
{
    const char **args = arena_zero(arena, 4, sizeof *args);

    args[0] = "sh";
    args[1] = "-c";
    args[2] = text;
    return (struct spec_hook){
        .path = "/bin/sh", .args = {args, 3}
    };
}

static int run_one(struct spec_hook *hook, struct error *err)
{
    struct spec_hook_list list = {hook, 1};

    return hooks_run(&list, "prestart", &small_state, 42, NULL, err);
}

/* --- the state -------------------------------------------------------------------------------- */

Test(hook_state, is_the_state_with_the_pid_in_its_place)
{
    autoarena struct arena arena = {NULL};
    struct string_pair pairs[] = {
        {"key", "\"pid\":1 is a trap"}
    };
    struct spec_state state = {
        .oci_version = "1.3.0",
        .id = "web",
        .status = "creating",
        .bundle = "/b",
        .annotations = {pairs, 1},
    };
    struct hook_state text;
    struct spec_state back;
    struct error err;
    char *json;

    must(hook_state_init(&text, &state, &arena, &err));
    json = arena_print(&arena, "%s%d%s", text.head, 4711, text.tail);
    cr_assert_eq(fields_decode(&spec_state_fields, json, strlen(json), &arena, &back, &err), 0,
                 "%s: %s", json, err.text);
    cr_expect_str_eq(back.oci_version, "1.3.0");
    cr_expect_str_eq(back.id, "web");
    cr_expect_str_eq(back.status, "creating");
    cr_expect_str_eq(back.bundle, "/b");
    cr_expect(back.pid.set && back.pid.value == 4711);
    cr_assert_eq(back.annotations.count, 1);
    cr_expect_str_eq(back.annotations.items[0].value, pairs[0].value);
}

/* --- what a hook is given --------------------------------------------------------------------- */

Test(hooks, read_the_state_from_standard_input_even_by_name, .timeout = 30)
{
    autoarena struct arena arena = {NULL};
    own_directory(directory);
    char *copy = path_in(&arena, directory, "copy");
    struct error err;
    char bytes[64];

    struct spec_hook hook = script(&arena, arena_print(&arena, "cat >%s", copy));

    cr_assert_eq(run_one(&hook, &err), 0, "%s", err.text);
    cr_expect_str_eq(get_file(copy, bytes, sizeof bytes), "{\"pid\":42}");

    hook = script(&arena, arena_print(&arena, "cat /dev/stdin >%s.2", copy));
    cr_assert_eq(run_one(&hook, &err), 0, "%s", err.text);
    cr_expect_str_eq(get_file(path_in(&arena, directory, "copy.2"), bytes, sizeof bytes),
                     "{\"pid\":42}");
}

Test(hooks, run_in_order_and_stop_at_the_first_that_fails, .timeout = 30)
{
    autoarena struct arena arena = {NULL};
    own_directory(directory);
    char *log = path_in(&arena, directory, "log");
    struct spec_hook hooks[] = {
        script(&arena, arena_print(&arena, "echo one >>%s", log)),
        script(&arena, arena_print(&arena, "echo two >>%s; exit 7", log)),
        script(&arena, arena_print(&arena, "echo three >>%s", log)),
    };
    struct spec_hook_list list = {hooks, 3};
    struct error err;
    char bytes[64];

    expect_refused(hooks_run(&list, "createRuntime", &small_state, 1, NULL, &err), ECANCELED,
                   "error running createRuntime hook #1: /bin/sh: exit status 7, output: ");
    cr_expect_str_eq(get_file(log, bytes, sizeof bytes), "one\ntwo\n");
}

Test(hooks, without_args_get_their_path_as_the_first, .timeout = 30)
{
    autoarena struct arena arena = {NULL};
    own_directory(directory);
    char *program = path_in(&arena, directory, "hook");
    struct spec_hook hook = {.path = program};
    struct error err;
    char bytes[PATH_MAX];

    put_file(program, "#!/bin/sh\necho \"$0 $#\" >\"$0.out\"\n", 0755);
    cr_assert_eq(run_one(&hook, &err), 0, "%s", err.text);
    cr_expect_str_eq(get_file(path_in(&arena, directory, "hook.out"), bytes, sizeof bytes),
                     arena_print(&arena, "%s 0\n", program));
}

Test(hooks, environment_absent_is_the_callers_and_empty_is_empty, .timeout = 30)
{
    static char *const callers[] = {(char *)"WHO=caller", NULL};
    static const char *own[] = {"WHO=hook", NULL};
    static const char *none[] = {NULL};
    static const struct {
        struct string_list env;
        const char *seen;
    } rows[] = {
        {{NULL, 0}, "caller\n"},
        {{none, 0}, "unset\n" },
        {{own, 1},  "hook\n"  },
    };
    autoarena struct arena arena = {NULL};
    own_directory(directory);
    char *file = path_in(&arena, directory, "who");

    for (size_t i = 0; i < count_of(rows); i++) {
        struct spec_hook hook = script(&arena,
                                       arena_print(&arena, "echo \"${WHO-unset}\" >%s", file));
        struct spec_hook_list list = {&hook, 1};
        struct error err;
        char bytes[64];

        hook.env = rows[i].env;
        cr_assert_eq(hooks_run(&list, "prestart", &small_state, 1, callers, &err), 0, "%s",
                     err.text);
        cr_expect_str_eq(get_file(file, bytes, sizeof bytes), rows[i].seen);
    }
}

Test(hooks, inherit_nothing_but_three_descriptors_and_default_signals, .timeout = 30)
{
    autoarena struct arena arena = {NULL};
    own_directory(directory);
    char *file = path_in(&arena, directory, "seen");
    /* Our own, not close-on-exec: still not theirs. */
    int leak = open("/dev/null", O_RDONLY);
    struct spec_hook hook = script(
        &arena, arena_print(&arena,
                            "test ! -e /proc/self/fd/%d && echo closed >%s; "
                            "grep -E '^Sig(Blk|Ign)' /proc/self/status | tr -d '\\n' >>%s",
                            leak, file, file));
    struct error err;
    char bytes[256];
    sigset_t blocked;

    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGTERM);
    sigprocmask(SIG_BLOCK, &blocked, NULL);
    cr_assert_eq(run_one(&hook, &err), 0, "%s", err.text);
    cr_expect_str_eq(get_file(file, bytes, sizeof bytes),
                     "closed\nSigBlk:\t0000000000000000SigIgn:\t0000000000000000");
}

/* --- how hooks fail --------------------------------------------------------------------------- */

Test(hooks, say_their_status_and_the_beginning_of_their_output, .timeout = 30)
{
    autoarena struct arena arena = {NULL};
    struct spec_hook hook = script(&arena, "echo first; echo second >&2; exit 3");
    struct error err;

    expect_refused(
        run_one(&hook, &err), ECANCELED,
        "error running prestart hook #0: /bin/sh: exit status 3, output: first\\x0asecond");
    hook = script(&arena, "kill -USR1 $$");
    expect_refused(run_one(&hook, &err), ECANCELED, "killed by signal 10, output: ");
}

Test(hooks, that_are_missing_or_not_executable_say_so, .timeout = 30)
{
    autoarena struct arena arena = {NULL};
    own_directory(directory);
    char *file = path_in(&arena, directory, "hook");
    struct spec_hook hook = {.path = "/nonexistent/hook"};
    struct error err;

    expect_refused(run_one(&hook, &err), ECANCELED,
                   "execute /nonexistent/hook: No such file or directory");
    put_file(file, "#!/bin/sh\n", 0644);
    hook.path = file;
    expect_refused(run_one(&hook, &err), ECANCELED, "Permission denied");
}

/* --- what hooks cannot do to us --------------------------------------------------------------- */

static double seconds_since(int64_t begun)
{
    return (double)(monotonic_ns() - begun) / 1e9;
}

static bool is_gone(pid_t pid)
{
    /* Orphans are reaped by whoever is our init: give it time. */
    for (int round = 0; round < 200; round++) {
        char path[64], stat[512];
        const char *name_end;

        snprintf(path, sizeof path, "/proc/%d/stat", pid);
        name_end = strrchr(get_file(path, stat, sizeof stat), ')');
        if (name_end == NULL || name_end[2] == 'Z')
            return true;
        usleep(10000);
    }
    return false;
}

Test(hooks, past_their_timeout_are_killed_with_their_whole_group, .timeout = 30)
{
    autoarena struct arena arena = {NULL};
    own_directory(directory);
    char *pids = path_in(&arena, directory, "pids");
    struct spec_hook hook = script(
        &arena, arena_print(&arena, "sleep 600 & echo $! $$ >%s; trap '' TERM; wait", pids));
    struct error err;
    int64_t begun = monotonic_ns();
    char bytes[64];
    int helper = 0, shell = 0;

    hook.timeout = (struct optional_int64){1, true};
    expect_refused(
        run_one(&hook, &err), ETIMEDOUT,
        "error running prestart hook #0: /bin/sh: hook ran past specified timeout of 1.0s");
    cr_expect(seconds_since(begun) >= 0.9 && seconds_since(begun) < 10);
    cr_assert_eq(sscanf(get_file(pids, bytes, sizeof bytes), "%d %d", &helper, &shell), 2);
    cr_expect(is_gone(helper), "its child runs on");
    cr_expect(is_gone(shell));
}

/* By the hook itself, which so has come far enough. */
Test(hooks, that_are_given_up_are_killed_with_their_whole_group, .timeout = 30)
{
    autoarena struct arena arena = {NULL};
    own_directory(directory);
    char *pids = path_in(&arena, directory, "pids");
    char *fifo = path_in(&arena, directory, "give-up");
    struct spec_hook hooks[] = {
        script(&arena,
               arena_print(&arena, "sleep 600 & echo $! $$ >%s; trap '' TERM; echo >%s; wait", pids,
                           fifo)),
        script(&arena, "exit 7"),
    };
    struct spec_hook_list list = {hooks, 2};
    struct error err;
    char bytes[64];
    int helper = 0, shell = 0;

    cr_assert_eq(mkfifo(fifo, 0600), 0);

    autoclose int give_up = open(fifo, O_RDWR | O_CLOEXEC);

    expect_refused(hooks_run_until(&list, "poststart", &small_state, 42, NULL, give_up, &err),
                   EINTR, "error running poststart hook #0: /bin/sh: interrupted");
    cr_assert_eq(sscanf(get_file(pids, bytes, sizeof bytes), "%d %d", &helper, &shell), 2);
    cr_expect(is_gone(helper), "its child runs on");
    cr_expect(is_gone(shell));
}

Test(hooks, a_timeout_of_centuries_is_none, .timeout = 30)
{
    autoarena struct arena arena = {NULL};
    struct spec_hook hook = script(&arena, "sleep 0.1");
    struct error err;

    hook.timeout = (struct optional_int64){INT64_MAX, true};
    cr_expect_eq(run_one(&hook, &err), 0, "%s", err.text);
    hook.timeout.value = INT64_MAX / 1000;
    cr_expect_eq(run_one(&hook, &err), 0, "%s", err.text);
}

static char *much(struct arena *arena, size_t length)
{
    char *text = arena_zero(arena, length + 1, 1);

    memset(text, ' ', length);
    text[length - 1] = '}';
    return text;
}

Test(hooks, that_do_not_read_more_than_a_pipe_holds_are_no_obstacle, .timeout = 30)
{
    autoarena struct arena arena = {NULL};
    struct hook_state state = {.head = "{\"pid\":", .tail = much(&arena, 1024 * 1024)};
    struct spec_hook hook = script(&arena, "exec <&-; sleep 0.1; exit 0");
    struct spec_hook_list list = {&hook, 1};
    struct error err;
    int64_t begun = monotonic_ns();

    signal(SIGPIPE, SIG_DFL); /* the library may not rely on it being ignored */
    cr_expect_eq(hooks_run(&list, "prestart", &state, 1, NULL, &err), 0, "%s", err.text);
    hook = script(&arena, "exit 0");
    cr_expect_eq(hooks_run(&list, "prestart", &state, 1, NULL, &err), 0, "%s", err.text);
    hook = script(&arena, "sleep 600");
    hook.timeout = (struct optional_int64){1, true};
    expect_refused(hooks_run(&list, "prestart", &state, 1, NULL, &err), ETIMEDOUT, "timeout");
    cr_expect(seconds_since(begun) < 20);
}

Test(hooks, get_a_large_state_whole, .timeout = 30)
{
    autoarena struct arena arena = {NULL};
    own_directory(directory);
    char *file = path_in(&arena, directory, "size");
    struct hook_state state = {.head = "{\"pid\":", .tail = much(&arena, 300000)};
    struct spec_hook hook = script(&arena, arena_print(&arena, "wc -c >%s", file));
    struct spec_hook_list list = {&hook, 1};
    struct error err;
    char bytes[64];

    cr_assert_eq(hooks_run(&list, "prestart", &state, 4711, NULL, &err), 0, "%s", err.text);
    cr_expect_eq(atoi(get_file(file, bytes, sizeof bytes)), 7 + 4 + 300000);
}

Test(hooks, a_daemon_that_holds_their_output_does_not_hold_us, .timeout = 30)
{
    autoarena struct arena arena = {NULL};
    own_directory(directory);
    char *file = path_in(&arena, directory, "pid");
    struct spec_hook hook = script(&arena, arena_print(&arena, "sleep 600 & echo $! >%s", file));
    struct error err;
    int64_t begun = monotonic_ns();
    char bytes[64];
    int daemon = 0;

    cr_expect_eq(run_one(&hook, &err), 0, "%s", err.text);
    cr_expect(seconds_since(begun) < 10);
    cr_assert_eq(sscanf(get_file(file, bytes, sizeof bytes), "%d", &daemon), 1);
    cr_expect_eq(kill(daemon, 0), 0, "what a hook leaves behind in peace lives on");
    kill(daemon, SIGKILL);
}

Test(hooks, a_flood_of_output_is_taken_and_cut, .timeout = 60)
{
    autoarena struct arena arena = {NULL};
    struct spec_hook hook = script(&arena, "yes 0123456789 | head -c 4000000; exit 1");
    struct error err;

    expect_refused(run_one(&hook, &err), ECANCELED, "exit status 1, output: 0123456789");
    cr_expect(strlen(err.text) < 1200, "%zu", strlen(err.text));
}

Test(hooks, leave_no_descriptor_and_no_zombie, .timeout = 30)
{
    autoarena struct arena arena = {NULL};
    struct spec_hook hook = script(&arena, "exit 0");
    struct spec_hook failing = {.path = "/nonexistent/hook"};
    struct spec_hook hanging = script(&arena, "sleep 600");
    struct error err;
    size_t before = open_descriptors();

    hanging.timeout = (struct optional_int64){1, true};
    cr_expect_eq(run_one(&hook, &err), 0);
    cr_expect(run_one(&failing, &err) < 0);
    cr_expect(run_one(&hanging, &err) < 0);
    cr_expect_eq(open_descriptors(), before);
    cr_expect_eq(waitpid(-1, NULL, WNOHANG), -1);
}
