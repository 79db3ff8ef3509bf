/*
 * What callers of runc compare: texts, exit codes, the shape of every output.  One test a text, so
 * that the table in docs/compatibility.md has something to point at.
 */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/own.h"
#include "tests/integration/harness/bundle.h"
#include "tests/integration/harness/fuse.h"
#include "tests/integration/harness/json.h"
#include "tests/integration/harness/scenario.h"

/* Without --root and without options of our own. */
#define bare(...) \
    program_run(PROGRAM(.arguments = (const char *const[]){scenario_program(), __VA_ARGS__, NULL}))

static struct outcome create(struct bundle *bundle)
{
    return crun("create", "--bundle", bundle->path, bundle->id);
}

static void start_and_stop(struct bundle *bundle)
{
    bundle_start(bundle);
    assert_ok(crun("kill", bundle->id, "KILL"));
    cr_assert(eventually(strcmp(bundle_status(bundle), "stopped") == 0));
}

/* --- texts: what there is not ----------------------------------------------------------------- */

Scenario(contract, text_container_does_not_exist)
{
    static const char *const commands[] = {"start", "state",  "delete",    "ps",
                                           "pause", "resume", "update",    "events",
                                           "kill",  "exec",   "checkpoint"};

    for (size_t i = 0; i < count_of(commands); i++) {
        bool exec = strcmp(commands[i], "exec") == 0;
        struct outcome outcome = exec ? crun("exec", "nosuch", "true")
                                      : crun(commands[i], "nosuch");

        assert_refused(outcome, exec ? 255 : 1, "container does not exist");
    }
}

Scenario(contract, text_container_not_running_of_kill)
{
    struct bundle *bundle = bundle_new();

    need_root();
    start_and_stop(bundle);
    assert_refused(crun("kill", bundle->id, "TERM"), 1, "container not running");
    assert_refused(crun("kill", bundle->id, "9"), 1, "container not running");
    assert_ok(crun("kill", "--all", bundle->id, "9"));
    assert_ok(crun("kill", "-a", bundle->id, "KILL"));
    bundle_delete(bundle);
}

Scenario(contract, text_container_not_running_of_pause)
{
    struct bundle *bundle = bundle_new();

    need_root();
    start_and_stop(bundle);
    assert_refused(crun("pause", bundle->id), 1, "container not running");
    bundle_delete(bundle);
}

Scenario(contract, text_container_not_running_of_update)
{
    struct bundle *bundle = bundle_new();

    need_root();
    start_and_stop(bundle);
    assert_refused(crun("update", "--pids-limit", "5", bundle->id), 1, "container not running");
    bundle_delete(bundle);
}

Scenario(contract, delete_force_of_an_unknown_id_is_success)
{
    assert_ok(crun("delete", "--force", "nosuch"));
}

/* --- texts: programs that cannot start, told by create ---------------------------------------- */

static const struct {
    const char *program, *message;
} programs[] = {
    {"foo",      "exec: \"foo\": executable file not found in $PATH" },
    {"",         "exec: \"\": executable file not found in $PATH"    },
    {"/x",       "exec: \"/x\": stat /x: no such file or directory"  },
    {"/data",    "exec: \"/data\": permission denied"                },
    {"/etc",     "exec: \"/etc\": is a directory"                    },
    {"/data/no", "exec: \"/data/no\": stat /data/no: not a directory"},
};

Scenario(contract, texts_of_programs_that_cannot_start)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_file(bundle, "data", "no program", 0644);
    for (size_t i = 0; i < count_of(programs); i++) {
        bundle_set(bundle, "process.args", "[\"%s\"]", programs[i].program);
        assert_refused(create(bundle), 1, programs[i].message);
        assert_refused(bundle_run(bundle), 1, programs[i].message);
    }
}

Scenario(contract, texts_of_programs_that_exec_cannot_start)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_file(bundle, "data", "no program", 0644);
    bundle_start(bundle);
    for (size_t i = 0; i < count_of(programs); i++)
        assert_refused(crun("exec", bundle->id, programs[i].program), 255, programs[i].message);
    bundle_delete(bundle);
}

Scenario(contract, text_process_args_cannot_be_empty)
{
    struct bundle *bundle = bundle_new();
    const char *process = work_file("process.json", "{\"cwd\":\"/\",\"args\":[]}");

    need_root();
    bundle_start(bundle);
    assert_refused(crun("exec", bundle->id), 255, "process args cannot be empty");
    assert_refused(crun("exec", "--process", "", bundle->id), 255, "process args cannot be empty");
    assert_code(crun("exec", "--process", process, bundle->id), 255);
    bundle_delete(bundle);
}

/* --- texts: the wrong moment ------------------------------------------------------------------ */

Scenario(contract, text_cannot_start_a_container_that_has_stopped)
{
    struct bundle *bundle = bundle_new();

    need_root();
    start_and_stop(bundle);
    assert_refused(crun("start", bundle->id), 1, "cannot start a container that has stopped");
    bundle_delete(bundle);
}

Scenario(contract, text_cannot_start_an_already_running_container)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_start(bundle);
    assert_refused(crun("start", bundle->id), 1, "cannot start an already running container");
    bundle_delete(bundle);
}

Scenario(contract, text_cannot_exec_in_a_stopped_container)
{
    struct bundle *bundle = bundle_new();

    need_root();
    start_and_stop(bundle);
    assert_refused(crun("exec", bundle->id, "true"), 255, "cannot exec in a stopped container");
    bundle_delete(bundle);
}

Scenario(contract, text_cannot_exec_in_a_paused_container)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_start(bundle);
    assert_ok(crun("pause", bundle->id));
    assert_refused(crun("exec", bundle->id, "true"), 255,
                   "cannot exec in a paused container (use --ignore-paused to override)");
    assert_ok(crun("resume", bundle->id));
    bundle_delete(bundle);
}

Scenario(contract, text_cannot_delete_container_that_is_not_stopped)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_start(bundle);
    assert_refused(crun("delete", bundle->id), 1,
                   text("cannot delete container %s that is not stopped: running", bundle->id));
    bundle_delete(bundle);
}

Scenario(contract, text_container_paused_and_container_not_paused)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_start(bundle);
    assert_refused(crun("resume", bundle->id), 1, "container not paused");
    assert_ok(crun("pause", bundle->id));
    assert_refused(crun("pause", bundle->id), 1, "container paused");
    assert_ok(crun("resume", bundle->id));
    bundle_delete(bundle);
}

/* A file that cannot be closed holds whoever has it open, however dead. */
Scenario(contract, text_container_init_still_running)
{
    struct bundle *bundle = bundle_new();
    const char *place = text("%s/work/fuse", bundle->rootfs);
    struct outcome outcome;
    pid_t server;

    need_root();
    cr_assert(mkdir(place, 0755) == 0);
    server = fuse_mount(place);
    if (server < 0)
        skip("no /dev/fuse here");
    bundle_script(bundle, "exec 3>/work/fuse/file; echo open; exec sleep 3600");
    outcome = crun("run", "-d", "-b", bundle->path, bundle->id);
    cr_assert(outcome.code != 0 || program_said(&outcome.running, "open"));
    if (outcome.code == 0)
        outcome = crun("delete", "--force", bundle->id);
    fuse_end(server, place);
    assert_refused(outcome, 1, "container init still running");
    assert_ok(crun("delete", "--force", bundle->id));
}

/* --- texts: mistakes of the caller ------------------------------------------------------------ */

Scenario(contract, text_unknown_signal)
{
    assert_refused(crun("kill", "x", "NOSUCH"), 1, "unknown signal \"NOSUCH\"");
}

Scenario(contract, text_config_json_not_found)
{
    assert_refused(crun("create", "--bundle", scenario_work(), "x"), 1,
                   "JSON specification file config.json not found");
}

Scenario(contract, text_container_id_cannot_be_empty)
{
    struct bundle *bundle = bundle_new();

    assert_refused(crun("create", "--bundle", bundle->path, ""), 1, "container id cannot be empty");
}

Scenario(contract, text_invalid_container_id_format)
{
    struct bundle *bundle = bundle_new();

    assert_refused(crun("create", "--bundle", bundle->path, "a b"), 1,
                   "invalid container ID format");
}

Scenario(contract, text_container_with_given_id_already_exists)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_start(bundle);
    assert_refused(create(bundle), 1, "container with given ID already exists");
    bundle_delete(bundle);
}

Scenario(contract, text_cannot_allocate_tty)
{
    struct bundle *bundle = bundle_new();

    bundle_set(bundle, "process.terminal", "true");
    assert_refused(create(bundle), 1,
                   "cannot allocate tty if runc will detach without setting console socket");
}

Scenario(contract, text_cannot_use_console_socket)
{
    struct bundle *bundle = bundle_new();

    bundle_set(bundle, "process.terminal", "false");
    assert_refused(
        crun("create", "--bundle", bundle->path, "--console-socket", work_path("s"), bundle->id), 1,
        "cannot use console socket if runc will not detach or allocate tty");
}

Scenario(contract, text_unable_to_set_hostname)
{
    struct bundle *bundle = bundle_new();

    bundle_set(bundle, "hostname", "\"x\"");
    bundle_without_namespace(bundle, "uts");
    assert_refused(create(bundle), 1, "unable to set hostname without a private UTS namespace");
}

/* --- texts: cgroups that are in use ----------------------------------------------------------- */

Scenario(contract, text_cgroup_is_not_empty)
{
    struct bundle *first = bundle_new(), *second = bundle_new();

    need_root();
    bundle_script(first, "exec sleep 3600");
    bundle_start_as_is(first);
    bundle_set(second, "linux.cgroupsPath", "\"%s\"", first->cgroup);
    assert_refused(create(second), 1, "container's cgroup is not empty: 1 process(es) found");
    bundle_delete(first);
}

Scenario(contract, text_cgroup_unexpectedly_frozen)
{
    struct bundle *bundle = bundle_new();
    const char *file, *directory, *parent;
    bool v2 = host_has_pure_cgroup2();
    int fd;

    need_root();
    bundle_start(bundle);
    file = bundle_cgroup_file(bundle, "freezer", v2 ? "cgroup.freeze" : "freezer.state");
    bundle_delete(bundle);
    directory = text("%.*s", (int)(strrchr(file, '/') - file), file);
    parent = text("%.*s", (int)(strrchr(directory, '/') - directory), directory);
    cr_assert((mkdir(parent, 0755) == 0 || errno == EEXIST) && mkdir(directory, 0755) == 0);
    fd = open(file, O_WRONLY | O_CLOEXEC);
    cr_assert(fd >= 0 && write(fd, v2 ? "1" : "FROZEN", v2 ? 1 : 6) > 0);
    close(fd);
    assert_refused(create(bundle), 1, "container's cgroup unexpectedly frozen");
    cr_assert(rmdir(directory) == 0);
    rmdir(parent); /* shared by the bundles of a test */
}

Scenario(contract, text_oom_killed)
{
    struct bundle *bundle = bundle_new();
    struct outcome outcome;

    need_root();
    if (strchr(file_text("/proc/swaps"), '\n')[1] != '\0')
        skip("with swap memory does not run out");
    bundle_set(bundle, "linux.resources.memory", "{\"limit\":16777216}");
    bundle_script(bundle, "exec dd if=/dev/zero of=/dev/null bs=100M count=1");
    outcome = bundle_run(bundle);
    assert_code(outcome, 137);
    assert_has(outcome.err, "OOM-killed (memory limit too low?)");
}

/* One page is too little for the runtime's own child, which cannot say so. */
Scenario(contract, text_container_init_was_oom_killed)
{
    struct bundle *bundle = bundle_new();

    need_root();
    if (strchr(file_text("/proc/swaps"), '\n')[1] != '\0')
        skip("with swap memory does not run out");
    bundle_set(bundle, "linux.resources.memory", "{\"limit\":4096}");
    assert_refused(crun("run", "-d", "-b", bundle->path, bundle->id), 1,
                   "container init was OOM-killed (memory limit too low?)");
    assert_refused(crun("state", bundle->id), 1, "container does not exist");
}

static void write_number(const char *file, long number)
{
    int fd = open(file, O_WRONLY | O_CLOEXEC);

    cr_assert(fd >= 0, "%s", file);
    (void)!dprintf(fd, "%ld", number);
    close(fd);
}

/* The container's memory becomes ever less, and whoever comes next is the first to be killed for
 * it: sooner or later before it has become its program. */
Scenario(contract, text_possibly_oom_killed)
{
    struct bundle *bundle = bundle_new();
    bool v2 = host_has_pure_cgroup2();
    struct outcome outcome = {0};
    const char *process, *usage, *limit;
    bool told = false;

    need_root();
    if (strchr(file_text("/proc/swaps"), '\n')[1] != '\0')
        skip("with swap memory does not run out");
    bundle_set(bundle, "linux.resources.memory", "{\"limit\":67108864}");
    bundle_script(bundle, "dd if=/dev/zero of=/dev/shm/full bs=4k count=2000; echo full; "
                          "exec sleep 3600");
    outcome = crun("run", "-d", "-b", bundle->path, bundle->id);
    assert_ok(outcome);
    process = work_file("process.json",
                        "{\"cwd\":\"/\",\"args\":[\"/bin/true\"],\"oomScoreAdj\":1000,"
                        "\"user\":{\"uid\":0,\"gid\":0}}");
    cr_assert(program_said(&outcome.running, "full\n"));
    usage = bundle_cgroup_file(bundle, "memory", v2 ? "memory.current" : "memory.usage_in_bytes");
    limit = bundle_cgroup_file(bundle, "memory", v2 ? "memory.max" : "memory.limit_in_bytes");
    /* Memory is charged in larger pieces a CPU, so at the end it takes luck a few times more. */
    for (int i = 0; i < 80 && !told; i++) {
        long spare = i < 16 ? (16 - i) * 65536L : 16384;

        /* v1 refuses less than is in use by the time it is looked at; then the last one stays. */
        write_number(limit, atol(file_line(usage)) + spare);
        outcome = crun("exec", "-p", process, bundle->id);
        told = outcome.code == 255 && strstr(outcome.err, "(possibly OOM-killed)") != NULL;
    }
    cr_assert(told, "%d: %s", outcome.code, outcome.err);
    bundle_delete(bundle);
}

Scenario(contract, text_of_a_failed_hook)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_set(bundle, "hooks.createRuntime",
               "[{\"path\":\"/bin/sh\",\"args\":[\"sh\",\"-c\",\"echo why; exit 1\"]}]");
    assert_refused(create(bundle), 1, "error running createRuntime hook #0");
    bundle_set(bundle, "hooks.createRuntime",
               "[{\"path\":\"/bin/sleep\",\"args\":[\"sleep\",\"60\"],\"timeout\":1}]");
    assert_refused(create(bundle), 1, "hook ran past specified timeout of 1.0s");
}

/* --- exit codes ------------------------------------------------------------------------------- */

Scenario(contract, exit_codes)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_script(bundle, "exit 42");
    assert_code(bundle_run(bundle), 42);
    bundle_start(bundle);
    assert_code(crun("exec", bundle->id, "sh", "-c", "exit 43"), 43);
    assert_code(crun("exec", bundle->id, "sh", "-c", "kill -9 $$"), 137);
    assert_code(crun("exec", bundle->id, "/nosuch"), 255);
    bundle_delete(bundle);
}

/* --- shapes ----------------------------------------------------------------------------------- */

/* The keys of an object, in order, as "a,b,c". */
static const char *keys_of(const char *object)
{
    const char *keys = "";
    int depth = 0;

    for (const char *at = object; *at != '\0'; at++) {
        if (*at == '"') {
            const char *end = at + 1;

            while (*end != '"')
                end += *end == '\\' ? 2 : 1;
            if (depth == 1 && end[1 + strspn(end + 1, " ")] == ':')
                keys = text("%s%s%.*s", keys, *keys != '\0' ? "," : "", (int)(end - at - 1),
                            at + 1);
            at = end;
        } else if (*at == '{' || *at == '[') {
            depth++;
        } else if (*at == '}' || *at == ']') {
            depth--;
        }
    }
    return keys;
}

Scenario(contract, state_is_indented_by_two_and_has_no_newline_behind)
{
    struct bundle *bundle = bundle_new();
    struct outcome outcome;

    need_root();
    bundle_set(bundle, "annotations.'a.b'", "\"c\"");
    bundle_start(bundle);
    outcome = crun("state", bundle->id);
    assert_ok(outcome);
    assert_has(outcome.out, "{\n  \"ociVersion\": \"");
    cr_assert(outcome.out[strlen(outcome.out) - 1] == '}', "%s", outcome.out);
    assert_text(keys_of(outcome.out),
                "ociVersion,id,pid,status,bundle,rootfs,created,annotations,owner");
    assert_text(json_text(scenario_arena(), outcome.out, "owner"), "");
    bundle_delete(bundle);
}

Scenario(contract, state_of_a_stopped_container_has_pid_0)
{
    struct bundle *bundle = bundle_new();

    need_root();
    start_and_stop(bundle);
    assert_has(crun("state", bundle->id).out, "\"pid\": 0,\n  \"status\": \"stopped\"");
    bundle_delete(bundle);
}

Scenario(contract, list_is_a_line_of_json_or_a_table)
{
    struct bundle *bundle = bundle_new();
    struct outcome outcome;

    need_root();
    assert_text(crun("list", "-f", "json").out, "null\n");
    bundle_start(bundle);
    outcome = crun("list", "--format=json");
    cr_assert(is_one_line(outcome.out), "%s", outcome.out);
    assert_text(keys_of(json_get(scenario_arena(), outcome.out, "[0]")),
                "ociVersion,id,pid,status,bundle,rootfs,created,owner");
    assert_text(json_text(scenario_arena(), outcome.out, "[0].owner"), "root");
    assert_has(crun("list").out, " PID         STATUS      BUNDLE ");
    assert_text(crun("list", "-q").out, text("%s\n", bundle->id));
    bundle_delete(bundle);
}

Scenario(contract, ps_is_an_array_of_pids_or_the_host_s_table)
{
    struct bundle *bundle = bundle_new();
    struct outcome outcome;

    need_root();
    bundle_start(bundle);
    outcome = crun("ps", "--format", "json", bundle->id);
    assert_has(outcome.out, text("[%d", (int)bundle_pid(bundle)));
    cr_assert(outcome.out[strspn(outcome.out, "[0123456789,]")] == '\n', "%s", outcome.out);
    need_command("ps");
    outcome = crun("ps", bundle->id, "-o", "pid,comm");
    assert_has(outcome.out, "PID");
    assert_has(outcome.out, text("%d", (int)bundle_pid(bundle)));
    assert_refused(crun("ps", bundle->id, "-o", "comm"), 1, "PID");
    bundle_delete(bundle);
}

Scenario(contract, pid_file_has_no_newline)
{
    struct bundle *bundle = bundle_new();
    const char *file = work_path("pid");

    need_root();
    assert_ok(crun("create", "-b", bundle->path, "--pid-file", file, bundle->id));
    assert_text(file_text(file), text("%d", (int)bundle_pid(bundle)));
    bundle_delete(bundle);
}

Scenario(contract, features_takes_no_argument_and_is_indented_by_four)
{
    struct outcome outcome = bare("features");

    assert_has(outcome.out, "{\n    \"ociVersionMin\": \"1.0.0\",\n");
    assert_text(keys_of(outcome.out), "ociVersionMin,ociVersionMax,hooks,mountOptions,linux,"
                                      "annotations,potentiallyUnsafeConfigAnnotations");
    assert_text(keys_of(json_get(scenario_arena(), outcome.out, "linux")),
                "namespaces,capabilities,cgroup,seccomp,apparmor,selinux,intelRdt,memoryPolicy,"
                "mountExtensions,netDevices");
    assert_text(keys_of(json_get(scenario_arena(), outcome.out, "linux.cgroup")),
                "v1,v2,systemd,systemdUser,rdma");
    assert_code(bare("features", "x"), 1);
}

Scenario(contract, version_is_asked_for_by_the_name_of_the_program)
{
    static const char *const names[][2] = {
        {"runc",  "runc version "     },
        {"crun",  "crun version "     },
        {"other", "crun-lite version "}
    };

    for (size_t i = 0; i < count_of(names); i++) {
        const char *link = work_path(names[i][0]);
        struct outcome outcome;

        cr_assert(symlink(scenario_program(), link) == 0);
        outcome = program_run(PROGRAM(.arguments = (const char *const[]){link, "--version", NULL}));
        assert_ok(outcome);
        assert_text(program_run(PROGRAM(.arguments = (const char *const[]){link, "-V", NULL})).out,
                    outcome.out);
        cr_assert(strncmp(outcome.out, names[i][1], strlen(names[i][1])) == 0, "%s", outcome.out);
        assert_has(outcome.out, "\nspec: 1.");
    }
}

/* --- the command line ------------------------------------------------------------------------- */

Scenario(contract, options_may_follow_the_arguments)
{
    assert_ok(crun("delete", "nosuch", "--force"));
    assert_ok(crun("delete", "nosuch", "-force=true"));
    assert_refused(crun("delete", "nosuch", "-force=false"), 1, "does not exist");
    /* but not for these, whose arguments may look like options */
    assert_refused(crun("kill", "nosuch", "--all"), 1, "unknown signal \"--all\"");
    assert_refused(crun("exec", "nosuch", "--tty"), 255, "does not exist");
    assert_refused(crun("ps", "nosuch", "--format"), 1, "does not exist");
}

Scenario(contract, a_mistake_in_usage_is_told_on_standard_output)
{
    struct outcome outcome = crun("state");

    assert_code(outcome, 1);
    cr_assert(strncmp(outcome.out, "Incorrect Usage.", 16) == 0, "%s", outcome.out);
    assert_has(outcome.out, "Usage: ");
    outcome = crun("delete", "--nosuch", "x");
    assert_code(outcome, 1);
    assert_has(outcome.out, "Incorrect Usage.");
    assert_has(outcome.err, "flag provided but not defined: --nosuch");
}

Scenario(contract, obsolete_options_are_accepted)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_script(bundle, "sleep 1000");
    assert_ok(
        crun("create", "--no-subreaper", "--no-new-keyring", "--bundle", bundle->path, bundle->id));
    assert_ok(crun("start", bundle->id));
    assert_ok(crun("update", "--kernel-memory", "1g", "--kernel-memory-tcp=1g", "--pids-limit",
                   "50", bundle->id));
    assert_ok(crun("exec", "--no-subreaper", bundle->id, "true"));
    assert_ok(crun("kill", "--all", bundle->id, "KILL"));
    assert_ok(bare("--criu", "/x", "--root", scenario_root(), "list"));
    bundle_delete(bundle);
}

/* --- the log ---------------------------------------------------------------------------------- */

Scenario(contract, one_object_in_the_log_and_the_same_on_standard_error)
{
    const char *file = work_path("log.json");
    struct outcome outcome = bare("--root", scenario_root(), "--log", file, "--log-format", "json",
                                  "start", "nosuch");
    const char *line;

    assert_code(outcome, 1);
    line = file_text(file);
    cr_assert(is_one_line(line), "%s", line);
    assert_text(keys_of(line), "level,msg,time");
    assert_has(outcome.err, json_text(scenario_arena(), line, "msg"));
    assert_code(bare("--root", scenario_root(), "--log", text("file:%s.2", file), "start", "x"), 1);
    assert_has(file_text(text("%s.2", file)), "level=error");
}

Scenario(contract, the_log_may_be_the_journal)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "/run/systemd/journal/socket"};
    autoclose int journal = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    char got[2048] = "";

    need_root();
    /* This test's /run is its own and empty. */
    cr_assert(mkdir("/run/systemd", 0755) == 0 && mkdir("/run/systemd/journal", 0755) == 0);
    cr_assert(bind(journal, (struct sockaddr *)&address, sizeof address) == 0);
    assert_code(bare("--root", scenario_root(), "--log", "journald:web", "state", "nosuch"), 1);
    cr_assert(recv(journal, got, sizeof got - 1, MSG_DONTWAIT) > 0);
    assert_has(got, "PRIORITY=3\nSYSLOG_IDENTIFIER=web\nMESSAGE=state \"nosuch\": ");
    cr_assert(unlink(address.sun_path) == 0 && rmdir("/run/systemd/journal") == 0 &&
              rmdir("/run/systemd") == 0);
    assert_refused(bare("--log", "journald:web", "list"), 1, "connect to /run/systemd/journal");
}

/* --- spec ------------------------------------------------------------------------------------- */

Scenario(contract, spec_writes_a_file_once)
{
    const char *file = work_path("other.json");

    assert_ok(crun("spec", "--file", file));
    assert_has(file_text(file), "\"ociVersion\"");
    assert_refused(crun("spec", "-f", file), 1, "exists");
    assert_ok(crun("spec", "-b", scenario_work()));
    assert_refused(crun("spec", "--bundle", scenario_work()), 1, "config.json exists");
}

/* --- run --keep ------------------------------------------------------------------------------- */

Scenario(contract, run_keep_leaves_the_container)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_script(bundle, "exit 3");
    assert_code(crun("run", "--keep", "-b", bundle->path, bundle->id), 3);
    assert_text(bundle_status(bundle), "stopped");
    assert_ok(crun("delete", bundle->id));
}
