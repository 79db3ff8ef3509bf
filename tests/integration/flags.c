/* The flags of the commands that have no chapter of their own: each is used once for what it is
 * for, and read back from the kernel, or refused in words that say why. */

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/kernel.h"
#include "base/own.h"
#include "tests/integration/harness/bundle.h"
#include "tests/integration/harness/json.h"
#include "tests/integration/harness/receive.h"
#include "tests/integration/harness/scenario.h"

/* --- the bundle's file ------------------------------------------------------------------------ */

Scenario(flags, another_file_takes_the_place_of_config_json)
{
    struct bundle *bundle = bundle_new();
    const char *config = text("%s/config.json", bundle->path);
    const char *file = work_path("other.json");
    struct outcome created;

    need_root();
    bundle_script(bundle, "echo from the other");
    cr_assert(rename(config, file) == 0);
    assert_text(crun("run", "--config", file, "-b", bundle->path, bundle->id).out,
                "from the other\n");
    /* Relative to where one stands, not to the bundle. */
    created = crun_with(PROGRAM(.directory = scenario_work()), "create", "-f", "other.json", "-b",
                        bundle->path, bundle->id);
    assert_ok(created);
    assert_ok(crun("start", bundle->id));
    cr_assert(program_said(&created.running, "from the other"));
    bundle_delete(bundle);
}

Scenario(flags, errors_name_the_file_that_was_given)
{
    struct bundle *bundle = geteuid() == 0 ? bundle_new() : bundle_new_rootless();
    const char *config = text("%s/config.json", bundle->path);
    const char *file = work_path("other.json");

    assert_refused(crun("run", "--config", file, "-b", bundle->path, bundle->id), 1, "other.json");
    bundle_set(bundle, "process.cwd", "\"relative\"");
    cr_assert(rename(config, file) == 0);
    assert_refused(crun("create", "--config", file, "-b", bundle->path, bundle->id), 1,
                   "other.json: process.cwd");
}

/* --- a pidfd for the caller ------------------------------------------------------------------- */

/* The process a pidfd stands for, as this pid namespace counts. */
static pid_t pid_of(int pidfd)
{
    const char *info = file_text(text("/proc/self/fdinfo/%d", pidfd));
    const char *line = info != NULL ? strstr(info, "Pid:\t") : NULL;

    return line != NULL ? (pid_t)atoi(line + strlen("Pid:\t")) : -1;
}

Scenario(flags, the_pidfd_socket_of_create_gets_the_first_process)
{
    struct bundle *bundle = bundle_new();
    const char *path = work_path("pidfd.sock");
    int server = listen_at(path), pidfd;
    struct running creating;
    char *message = NULL;

    need_root();
    creating = crun_begin(PROGRAM(0), "create", "--pidfd-socket", path, "-b", bundle->path,
                          bundle->id);
    pidfd = receive_fd(server, &message);
    assert_ok(program_wait(&creating, DEADLINE_SECONDS));
    assert_text(message, "standard");
    cr_assert(pid_of(pidfd) == bundle_pid(bundle), "pid %d instead of %d", (int)pid_of(pidfd),
              (int)bundle_pid(bundle));
    close(pidfd);
    close(server);
    bundle_delete(bundle);
}

Scenario(flags, the_pidfd_socket_of_exec_gets_the_new_process)
{
    struct bundle *bundle = bundle_new();
    const char *path = work_path("pidfd.sock"), *file = work_path("pid");
    int server = listen_at(path), pidfd;
    struct running executing;
    char *message = NULL;

    need_root();
    bundle_start(bundle);
    executing = crun_begin(PROGRAM(0), "exec", "-d", "--pidfd-socket", path, "--pid-file", file,
                           bundle->id, "sleep", "3600");
    pidfd = receive_fd(server, &message);
    assert_ok(program_wait(&executing, DEADLINE_SECONDS));
    assert_text(message, "setns");
    assert_text(file_text(file), text("%d", (int)pid_of(pidfd)));
    close(pidfd);
    close(server);
    bundle_delete(bundle);
}

Scenario(flags, a_pidfd_socket_nobody_listens_at_fails_and_leaves_nothing)
{
    struct bundle *bundle = bundle_new();

    need_root();
    assert_refused(
        crun("create", "--pidfd-socket", work_path("none.sock"), "-b", bundle->path, bundle->id), 1,
        "none.sock");
    bundle_start(bundle);
    assert_refused(
        crun("exec", "--pidfd-socket", work_path("none.sock"), bundle->id, "sleep", "3600"), 255,
        "none.sock");
    assert_lacks(crun("ps", bundle->id).out, "sleep 3600\nsleep 3600");
    bundle_delete(bundle);
}

/* --- how the process is set up ---------------------------------------------------------------- */

/* From now on pivot_root(2) fails for this test and everything it runs, as on a ramdisk. */
static void forbid_pivot_root(void)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_pivot_root, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = count_of(filter), .filter = filter};

    cr_assert(kernel_seccomp(SECCOMP_SET_MODE_FILTER, 0, &program) == 0, "%s", strerror(errno));
}

Scenario(flags, no_pivot_does_without_pivot_root)
{
    struct bundle *bundle = bundle_new();
    struct outcome outcome;

    need_root();
    bundle_file(bundle, "etc/here", "the bundle's\n", 0644);
    bundle_script(bundle, "cat /etc/here; ls -d /work /boot 2>/dev/null; cat /../../etc/here");
    forbid_pivot_root();
    assert_refused(bundle_run(bundle), 1, "pivot");
    outcome = crun("run", "--no-pivot", "-b", bundle->path, bundle->id);
    assert_ok(outcome);
    assert_text(outcome.out, "the bundle's\n/work\nthe bundle's\n");
    bundle_script(bundle, "sleep 3600");
    assert_ok(crun("create", "--no-pivot", "-b", bundle->path, bundle->id));
    assert_ok(crun("start", bundle->id));
    assert_text(inside_running(bundle, "cat /../etc/here"), "the bundle's");
    bundle_delete(bundle);
}

static bool has_keyring_of(const struct bundle *bundle)
{
    return strstr(file_text("/proc/keys"), text("_ses.%s", bundle->id)) != NULL;
}

Scenario(flags, no_new_keyring_makes_none)
{
    struct bundle *with = bundle_new(), *without = bundle_new();

    need_root();
    if (!file_exists("/proc/keys"))
        skip("this kernel has no keyrings");
    bundle_start(with);
    cr_assert(has_keyring_of(with), "without the flag there is one:\n%s", file_text("/proc/keys"));
    bundle_delete(with);
    bundle_script(without, "sleep 3600");
    assert_ok(crun("run", "-d", "--no-new-keyring", "-b", without->path, without->id));
    cr_assert(!has_keyring_of(without), "%s", file_text("/proc/keys"));
    /* exec keeps to what create was told. */
    assert_ok(crun("exec", "-d", without->id, "sleep", "3600"));
    cr_assert(!has_keyring_of(without), "%s", file_text("/proc/keys"));
    bundle_delete(without);
}

/* As exec sees it: whoever may not find the container's keyring makes another of that name. */
Scenario(flags, exec_is_in_the_keyring_of_its_container)
{
    need_root();
    if (!file_exists("/proc/keys"))
        skip("this kernel has no keyrings");
    for (int in_user_namespace = 0; in_user_namespace < 2; in_user_namespace++) {
        struct bundle *bundle = bundle_new();
        const char *keys, *name, *first;

        if (in_user_namespace)
            bundle_map_users(bundle, 100000, 65536);
        bundle_set(bundle, "linux.maskedPaths", "[]");
        bundle_start(bundle);
        keys = inside_running(bundle, "cat /proc/keys");
        name = text("_ses.%s:", bundle->id);
        first = strstr(keys, name);
        cr_assert(first != NULL && strstr(first + 1, name) == NULL, "%s is not there once:\n%s",
                  name, keys);
        bundle_delete(bundle);
    }
}

/* Who the orphans of a container without a pid namespace of its own go to while `run` waits. */
static pid_t parent_of_orphan(struct bundle *bundle, const char *flag, pid_t *ret_run)
{
    struct running running = crun_begin(PROGRAM(0), "run", flag, "-b", bundle->path, bundle->id);
    pid_t parent;

    cr_assert(program_said(&running, "parent "), "%s", program_output(&running));
    parent = (pid_t)atoi(strstr(program_output(&running), "parent ") + strlen("parent "));
    *ret_run = running.pid;
    assert_ok(crun("kill", bundle->id, "KILL"));
    assert_code(program_wait(&running, DEADLINE_SECONDS), 128 + SIGKILL);
    return parent;
}

Scenario(flags, no_subreaper_leaves_orphans_to_those_above)
{
    struct bundle *bundle = bundle_new();
    pid_t run, parent;

    need_root();
    bundle_without_namespace(bundle, "pid");
    bundle_script(bundle, "orphan=$(sleep 3600 >/dev/null & echo $!); "
                          "echo parent $(cut -d ' ' -f 4 /proc/$orphan/stat); sleep 3600");
    parent = parent_of_orphan(bundle, "--no-subreaper=false", &run);
    cr_assert(parent == run, "the parent is %d, not run, %d", (int)parent, (int)run);
    parent = parent_of_orphan(bundle, "--no-subreaper", &run);
    cr_assert(parent == getpid(), "the parent is %d, not the test, %d", (int)parent, (int)getpid());
}

/* exec takes the flag as runc does, and has nothing to do for it. */
Scenario(flags, no_subreaper_of_exec_changes_nothing)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_start(bundle);
    assert_text(crun("exec", "--no-subreaper", bundle->id, "echo", "ran").out, "ran\n");
    bundle_delete(bundle);
}

/* --- the program itself ----------------------------------------------------------------------- */

/* CVE-2019-5736: keep the executable of a process of ours until nobody runs it any more, when the
 * kernel no longer says "text file busy": it cannot be written to even then.  It ends when the
 * container finds the file `end`. */
static void check_is_sealed(struct running *running, struct bundle *bundle, const char *end,
                            int expected_code)
{
    autoclose int exe = open(text("/proc/%d/exe", (int)running->pid), O_PATH | O_CLOEXEC);
    int error = 0;

    cr_assert(exe >= 0, "%s", strerror(errno));
    bundle_file(bundle, end, "", 0644);
    assert_code(program_wait(running, DEADLINE_SECONDS), expected_code);
    for (int tries = 0; tries < DEADLINE_SECONDS * 50; tries++) {
        autoclose int writable = open(text("/proc/self/fd/%d", exe), O_WRONLY | O_CLOEXEC);

        /* Root may open a sealed copy, but not change it.  The byte is what is there already. */
        error = writable < 0 || pwrite(writable, "\x7f", 1, 0) < 0 ? errno : 0;
        if (error != ETXTBSY) /* the container still runs from it */
            break;
        wait_ms(20);
    }
    /* The bind mount, or the sealed copy. */
    cr_assert(error == EROFS || error == EPERM || error == EACCES,
              "our executable could be written to: %s", strerror(error));
}

Scenario(sealed, run_and_exec_run_from_what_nobody_can_write_to)
{
    struct bundle *bundle = geteuid() == 0 ? bundle_new() : bundle_new_rootless();
    struct running running;

    bundle_script(bundle, "echo here; while [ ! -e /work/go ]; do sleep 0.05; done; exit 7");
    running = crun_begin(PROGRAM(0), "run", "-b", bundle->path, bundle->id);
    cr_assert(program_said(&running, "here"), "%s", program_wait(&running, 1).err);
    check_is_sealed(&running, bundle, "work/go", 7);
    if (geteuid() != 0)
        return;
    bundle_start(bundle);
    running = crun_begin(PROGRAM(0), "exec", bundle->id, "sh", "-c",
                         "echo here; while [ ! -e /work/stop ]; do sleep 0.05; done; exit 8");
    cr_assert(program_said(&running, "here"));
    check_is_sealed(&running, bundle, "work/stop", 8);
    bundle_delete(bundle);
}

/* --- the watcher of a time limit -------------------------------------------------------------- */

/* The watcher of a detached container, who is nobody's child and so has become ours. */
static pid_t find_watcher(void)
{
    const char *children = file_text("/proc/thread-self/children");

    for (char *end; children != NULL; children = end) {
        pid_t pid = (pid_t)strtol(children, &end, 10);
        const char *name = file_text(text("/proc/%d/comm", (int)pid));

        if (end == children)
            return -1;
        if (name != NULL && strcmp(name, "time-limit\n") == 0)
            return pid;
    }
    return -1;
}

/* In KiB, what is its own alone; -1 where nobody can tell. */
static long private_memory_of(pid_t pid)
{
    const char *numbers = file_text(text("/proc/%d/smaps_rollup", (int)pid));
    const char *dirty = numbers != NULL ? strstr(numbers, "Private_Dirty:") : NULL;

    return dirty != NULL ? atol(dirty + strlen("Private_Dirty:")) : -1;
}

/* It lives as long as the container: whatever it keeps of the one who made it is kept for hours. */
Scenario(time_limit, the_watcher_is_small_and_goes_with_the_container)
{
    enum { MOST_KIB = 600 };
    struct bundle *bundle = bundle_new();
    pid_t watcher;

    need_root();
    bundle_script(bundle, "sleep 3600");
    assert_ok(crun("run", "-d", "--time-limit", "1h", "-b", bundle->path, bundle->id));
    cr_assert(eventually((watcher = find_watcher()) > 0), "no watcher");
    /* It has its name a moment before it has given back what it does not need. */
    if (strstr(file_text(text("/proc/%d/maps", (int)watcher)), "asan") == NULL)
        cr_assert(eventually(private_memory_of(watcher) < MOST_KIB), "%ld KiB",
                  private_memory_of(watcher));
    /* Of the caller it keeps no file open. */
    assert_text(program_run(PROGRAM(.arguments =
                                        (const char *[]){
                                            "sh", "-c",
                                            text("ls -l /proc/%d/fd | grep -vc -e ' /dev/null$' "
                                                 "-e 'anon_inode:' -e pidfd: -e ^total",
                                                 (int)watcher),
                                            NULL}))
                    .out,
                "0\n");
    bundle_delete(bundle);
    cr_assert(eventually(find_watcher() < 0), "it outlives the container");
}

/* --- cgroup managers -------------------------------------------------------------------------- */

/* What every spelling of it does first is to read linux.cgroupsPath its own way. */
Scenario(flags, the_systemd_manager_wants_a_path_of_three_parts)
{
    static const char *const spellings[][2] = {
        {"--systemd-cgroup",      NULL     },
        {"--cgroup-manager",      "systemd"},
        {"--systemd-cgroup=true", NULL     },
    };
    struct bundle *bundle = geteuid() == 0 ? bundle_new() : bundle_new_rootless();

    bundle_set(bundle, "linux.cgroupsPath", "\"/not/three/parts\"");
    for (size_t i = 0; i < count_of(spellings); i++) {
        const char *rest[] = {"run", "-b", bundle->path, bundle->id, NULL};
        const char *all[8] = {spellings[i][0], spellings[i][1]};

        memcpy(all + (all[1] != NULL ? 2 : 1), rest, sizeof rest);
        assert_refused(
            crun_run(PROGRAM(0), all), 1,
            "linux.cgroupsPath: \"/not/three/parts\" is not of the form slice:prefix:name");
    }
}

Scenario(flags, an_unknown_manager_is_refused_with_those_there_are)
{
    assert_refused(crun("--cgroup-manager", "nobody", "list"), 1,
                   "\"nobody\" is not one of cgroupfs, systemd, disabled");
}

Scenario(flags, the_cgroupfs_manager_is_the_one_without_a_flag)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_set(bundle, "linux.resources.pids.limit", "33");
    bundle_script(bundle, "sleep 3600");
    assert_ok(crun("--cgroup-manager", "cgroupfs", "--systemd-cgroup", "run", "-d", "-b",
                   bundle->path, bundle->id));
    assert_text(file_line(bundle_cgroup_file(bundle, "pids", "pids.max")), "33");
    bundle_delete(bundle);
}

Scenario(flags, a_disabled_manager_leaves_the_container_in_our_cgroup)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_remove(bundle, "linux.resources");
    bundle_remove(bundle, "linux.cgroupsPath");
    bundle_script(bundle, "sleep 3600");
    assert_ok(crun("--cgroup-manager", "disabled", "run", "-d", "-b", bundle->path, bundle->id));
    assert_text(file_text(text("/proc/%d/cgroup", (int)bundle_pid(bundle))),
                file_text("/proc/self/cgroup"));
    assert_text(inside_running(bundle, "echo in"), "in");
    assert_refused(crun("pause", bundle->id), 1, "freezer");
    assert_refused(crun("update", "--pids-limit", "10", bundle->id), 1, "cgroup");
    bundle_delete(bundle);
    bundle_set(bundle, "linux.resources.pids.limit", "33");
    assert_code(crun("--cgroup-manager", "disabled", "run", "-b", bundle->path, bundle->id), 1);
    assert_has(crun("--cgroup-manager", "disabled", "run", "-b", bundle->path, bundle->id).err,
               "linux.resources.pids.limit: no limits without cgroups");
}

/* --- labels and groups of exec ---------------------------------------------------------------- */

/* Never without the confinement that was asked for, whether this host has the module or not. */
Scenario(flags, exec_is_never_less_confined_than_asked)
{
    const char *enabled = file_text("/sys/module/apparmor/parameters/enabled");
    struct bundle *bundle = bundle_new();
    struct outcome outcome;

    need_root();
    bundle_start(bundle);
    outcome = crun("exec", "--apparmor", "no-such-profile", bundle->id, "echo", "unconfined");
    assert_refused(outcome, 255, "AppArmor");
    assert_text(outcome.out, "");
    outcome = crun("exec", "--process-label", "system_u:system_r:no_such_t:s0", bundle->id, "echo",
                   "unlabelled");
    assert_refused(outcome, 255, "SELinux");
    assert_text(outcome.out, "");
    if (enabled != NULL && *enabled == 'Y')
        assert_text(crun("exec", "--apparmor", "unconfined", bundle->id, "cat",
                         "/proc/self/attr/apparmor/current")
                        .out,
                    "unconfined\n");
    bundle_delete(bundle);
}

Scenario(flags, additional_groups_of_exec_add_up)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_start(bundle);
    assert_text(
        crun("exec", "--additional-gids", "5,6", "--additional-gids=7", bundle->id, "id", "-G").out,
        "0 5 6 7\n");
    assert_refused(crun("exec", "--additional-gids", "wheel", bundle->id, "id"), 255,
                   "--additional-gids");
    assert_refused(crun("exec", "--additional-gids", "4294967295", bundle->id, "id"), 255,
                   "--additional-gids");
    bundle_delete(bundle);
}

/* --- descriptors handed over ------------------------------------------------------------------ */

/* Lists the descriptors of the shell that runs it, "... 3 -> /some/file", and nothing of its own.
 */
static const char look[] = "ls -l /proc/$$/fd; true";

/* `crun-lite BEFORE VERB OPTION ... ` with what is said of descriptors 3 to 9 by a shell, which is
 * the only one between us and the program: "3<file" opens, nothing closes. */
struct hand_over {
    const char *verb; /* "run", "create", "exec" */
    const char *open; /* redirections */
    unsigned listen, preserve;
    bool log;
};

static const char *hand_over_command(const struct bundle *bundle, const struct hand_over *how)
{
    const char *listen = how->listen > 0
                             ? text("LISTEN_PID=$$ LISTEN_FDS=%u; export LISTEN_PID LISTEN_FDS; ",
                                    how->listen)
                             : "";
    const char *log = how->log ? text("--log %s", work_path("log")) : "";
    const char *preserve = how->preserve > 0 ? text("--preserve-fds %u", how->preserve) : "";
    bool exec = strcmp(how->verb, "exec") == 0;
    const char *target = exec ? text("%s sh -c '%s'", bundle->id, look)
                              : text("-b %s %s", bundle->path, bundle->id);

    return text("exec 3<&- 4<&- 5<&- 6<&- 7<&- 8<&- 9<&- %s; %sexec %s --root %s %s %s %s %s",
                how->open, listen, scenario_program(), scenario_root(), log, how->verb, preserve,
                target);
}

static struct outcome hand_over(const struct bundle *bundle, const struct hand_over *how)
{
    return program_run(
        PROGRAM(.arguments = (const char *[]){"sh", "-c", hand_over_command(bundle, how), NULL}));
}

/* A container that looks, or for exec one that runs. */
static struct bundle *bundle_that_looks(const char *verb)
{
    struct bundle *bundle = bundle_new();

    if (strcmp(verb, "exec") == 0)
        bundle_start(bundle);
    else
        bundle_script(bundle, look);
    return bundle;
}

static const char *const hand_over_verbs[] = {"run", "create", "exec"};

/* CVE-2024-21626: what the caller has not opened is one of ours or nothing, and ours lead to the
 * host: the log, the state directory, a pidfd, the signals. */
Scenario(flags, descriptors_that_the_caller_has_not_opened_are_refused)
{
    static const struct {
        const char *open;
        unsigned listen, preserve;
    } rows[] = {
        {"",                         0, 1 },
        {"",                         0, 2 },
        {"",                         0, 7 },
        {"",                         1, 0 },
        {"",                         2, 0 },
        {"",                         1, 1 },
        {"3</dev/null",              0, 2 },
        {"3</dev/null",              1, 1 },
        {"3</dev/null",              2, 0 },
        {"3</dev/null 5</dev/null",  0, 3 },
        {"3</dev/null 4</dev/null",  2, 3 },
        {"3</dev/null 4</dev/null ", 0, 99},
    };

    need_root();
    for (size_t verb = 0; verb < count_of(hand_over_verbs); verb++) {
        struct bundle *bundle = bundle_that_looks(hand_over_verbs[verb]);
        bool exec = strcmp(hand_over_verbs[verb], "exec") == 0;

        for (size_t i = 0; i < 2 * count_of(rows); i++) {
            const struct hand_over how = {.verb = hand_over_verbs[verb],
                                          .open = rows[i / 2].open,
                                          .listen = rows[i / 2].listen,
                                          .preserve = rows[i / 2].preserve,
                                          .log = i % 2 == 1};
            struct outcome outcome = hand_over(bundle, &how);

            cr_assert(outcome.code == (exec ? 255 : 1) && is_one_line(outcome.err) &&
                          strstr(outcome.err, "is not open") != NULL && *outcome.out == '\0',
                      "%s\n  exit code %d\n  out: %s\n  err: %s", hand_over_command(bundle, &how),
                      outcome.code, outcome.out, outcome.err);
        }
        if (exec)
            bundle_delete(bundle);
    }
}

/* What `look` printed: all that got in. */
static void check_descriptors(const char *seen, const char *file, unsigned count)
{
    unsigned links = 0;

    for (const char *at = seen; (at = strstr(at, " -> ")) != NULL; at++)
        links++;
    cr_assert(links == 3 + count, "%u descriptors instead of %u:\n%s", links, 3 + count, seen);
    for (unsigned fd = 3; fd < 3 + count; fd++)
        assert_has(seen, text(" %u -> %s\n", fd, file));
}

/* Of those that are open exactly the asked ones go in, with all doors open that open files: the
 * log, the pid file, the foreground. */
Scenario(flags, exactly_the_descriptors_that_were_handed_over_arrive)
{
    static const struct {
        unsigned listen, preserve, count;
    } rows[] = {
        {0, 0, 0},
        {0, 1, 1},
        {0, 2, 2},
        {1, 0, 1},
        {1, 1, 2},
        {2, 1, 3},
    };

    need_root();
    for (size_t verb = 0; verb < count_of(hand_over_verbs); verb++) {
        const char *name = hand_over_verbs[verb];
        struct bundle *bundle = bundle_that_looks(name);

        for (size_t i = 0; i < 2 * count_of(rows); i++) {
            const char *file = work_file("file", "");
            const struct hand_over how = {
                .verb = name,
                .open = text("3<%s 4<%s 5<%s 7</", file, file, file),
                .listen = rows[i / 2].listen,
                .preserve = rows[i / 2].preserve,
                .log = i % 2 == 1,
            };
            struct outcome outcome = hand_over(bundle, &how);

            assert_ok(outcome);
            if (strcmp(name, "create") == 0) {
                assert_ok(crun("start", bundle->id));
                cr_assert(eventually(strcmp(bundle_status(bundle), "stopped") == 0));
                outcome.out = program_output(&outcome.running);
                assert_ok(crun("delete", bundle->id));
            }
            check_descriptors(outcome.out, file, rows[i / 2].count);
        }
        if (strcmp(name, "exec") == 0)
            bundle_delete(bundle);
    }
}

/* --- the log, step by step -------------------------------------------------------------------- */

/* The names of the steps in a log of either kind, in the order of the lines, one a line. */
static const char *steps_in(const char *log)
{
    char *steps = text("%s", "");

    for (const char *at = log; (at = strstr(at, "child ")) != NULL; at++) {
        size_t length = strcspn(at, ":\n");

        if (strncmp(at + length + strspn(at + length, ": 0123456789"), "ns", 2) == 0)
            steps = text("%s%.*s\n", steps, (int)length, at);
    }
    return steps;
}

static void check_is_json_of_debug(const char *log)
{
    for (const char *at = log; *at != '\0'; at = strchr(at, '\n') + 1) {
        char *line = text("%.*s", (int)strcspn(at, "\n"), at);

        cr_assert(at[strlen(line)] == '\n' && line[strlen(line) - 1] == '}', "cut: %s", line);
        assert_text(json_text(scenario_arena(), line, "level"), "debug");
        cr_assert(json_text(scenario_arena(), line, "msg") != NULL &&
                      json_text(scenario_arena(), line, "time") != NULL,
                  "%s", line);
    }
}

/* Steps up to the last one before execve, whose log is kept open for them. */
static void check_steps(const char *log, const char *expected)
{
    check_is_json_of_debug(log);
    assert_text(steps_in(log), expected);
    assert_has(expected, "child seccomp-late\n");
}

static struct bundle *bundle_with_a_filter(void)
{
    struct bundle *bundle = bundle_new();

    bundle_set(bundle, "linux.seccomp",
               "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"acct\"],"
               "\"action\":\"SCMP_ACT_ERRNO\"}]}");
    return bundle;
}

Scenario(log, of_run_holds_every_step_that_standard_error_would)
{
    struct bundle *bundle = bundle_with_a_filter();
    const char *file = work_path("log");
    struct outcome outcome;
    const char *expected;

    need_root();
    outcome = crun("--debug", "run", "-b", bundle->path, bundle->id);
    assert_ok(outcome);
    expected = steps_in(outcome.err);
    outcome = crun("--log", file, "--log-format", "json", "--debug", "run", "-b", bundle->path,
                   bundle->id);
    assert_ok(outcome);
    check_steps(file_text(file), expected);
}

Scenario(log, of_create_goes_on_until_the_program_runs)
{
    struct bundle *bundle = bundle_with_a_filter();
    const char *file = work_path("log");
    struct outcome outcome;
    const char *steps;

    need_root();
    bundle_script(bundle, "echo runs");
    outcome = crun("--log", file, "--log-format", "json", "--debug", "create", "-b", bundle->path,
                   bundle->id);
    assert_ok(outcome);
    assert_ok(crun("--log", work_path("start.log"), "--debug", "start", bundle->id));
    cr_assert(program_said(&outcome.running, "runs"));
    check_is_json_of_debug(file_text(file));
    steps = steps_in(file_text(file));
    assert_has(steps, "child mount-all\n");
    assert_has(steps, "child wait-for-start\n");
    assert_has(steps, "child seccomp-late\n");
    bundle_delete(bundle);
}

Scenario(log, of_exec_holds_every_step_that_standard_error_would)
{
    struct bundle *bundle = bundle_with_a_filter();
    const char *file = work_path("log");
    struct outcome outcome;
    const char *expected;

    need_root();
    bundle_start(bundle);
    outcome = crun("--debug", "exec", bundle->id, "true");
    assert_ok(outcome);
    expected = steps_in(outcome.err);
    assert_ok(crun("--log", file, "--log-format", "json", "--debug", "exec", bundle->id, "true"));
    check_steps(file_text(file), expected);
    bundle_delete(bundle);
}

/* --- update, flag by flag --------------------------------------------------------------------- */

/* One flag and where the kernel shows it.  Where this kernel has no such file, the flag is either
 * refused naming `field` or, where there is none to name, without effect. */
struct update_row {
    const char *flag, *value;
    const char *controller; /* of v1 */
    const char *v1_file, *v1_value;
    const char *v2_file, *v2_value; /* NULL: has no effect there */
    const char *field;
};

/* In an order in which each is possible: swap above memory, burst below the quota, idle last
 * because an idle cgroup has no weight. */
static const struct update_row update_rows[] = {
    {"--cpu-share",          "2",         "cpu",    "cpu.shares",                  "2",         "cpu.weight",    "1",            NULL},
    {"--cpu-period",         "50000",     "cpu",    "cpu.cfs_period_us",           "50000",     "cpu.max",       "20000 50000",  NULL},
    {"--cpu-quota",          "30000",     "cpu",    "cpu.cfs_quota_us",            "30000",     "cpu.max",       "30000 50000",  NULL},
    {"--cpu-burst",          "10000",     "cpu",    "cpu.cfs_burst_us",            "10000",     "cpu.max.burst", "10000",        NULL},
    {"--cpuset-cpus",        "0",         "cpuset", "cpuset.cpus",                 "0",         "cpuset.cpus",   "0",            NULL},
    {"--cpuset-mems",        "0",         "cpuset", "cpuset.mems",                 "0",         "cpuset.mems",   "0",            NULL},
    {"--memory",             "64M",       "memory", "memory.limit_in_bytes",       "67108864",  "memory.max",    "67108864",
     NULL                                                                                                                            },
    {"--memory-reservation", "32M",       "memory", "memory.soft_limit_in_bytes",  "33554432",
     "memory.low",                                                                                               "33554432",     NULL},
    {"--memory-swap",        "134217728", "memory", "memory.memsw.limit_in_bytes", "134217728",
     "memory.swap.max",                                                                                          "67108864",     NULL},
    {"--kernel-memory",      "1M",        "memory", "memory.limit_in_bytes",       "67108864",  "memory.max",
     "67108864",                                                                                                                 NULL},
    {"--kernel-memory-tcp",  "1M",        "memory", "memory.limit_in_bytes",       "67108864",  "memory.max",
     "67108864",                                                                                                                 NULL},
    {"--pids-limit",         "44",        "pids",   "pids.max",                    "44",        "pids.max",      "44",           NULL},
    {"--cpu-rt-period",      "900000",    "cpu",    "cpu.rt_period_us",            "900000",    NULL,            NULL,
     "cpu.realtimePeriod"                                                                                                            },
    {"--cpu-rt-runtime",     "4000",      "cpu",    "cpu.rt_runtime_us",           "4000",      NULL,            NULL,
     "cpu.realtimeRuntime"                                                                                                           },
    {"--blkio-weight",       "500",       "blkio",  "blkio.bfq.weight",            "500",       "io.bfq.weight", "default 500",
     "blockIO.weight"                                                                                                                },
    {"--blkio-weight",       "500",       "blkio",  "blkio.bfq.weight",            "500",       "io.weight",     "default 4950",
     "blockIO.weight"                                                                                                                },
    {"--cpu-idle",           "1",         "cpu",    "cpu.idle",                    "1",         "cpu.idle",      "1",            NULL},
    {"--cpu-idle",           "0",         "cpu",    "cpu.idle",                    "0",         "cpu.idle",      "0",            NULL},
};

/* A child's real-time share comes out of its parent's, and a parent made just now has none. */
static void give_realtime(struct bundle *bundle)
{
    char *above = text("%s", bundle_cgroup_file(bundle, "cpu", ""));
    autoclose int fd = -1;

    strrchr(above, '/')[0] = '\0';
    strrchr(above, '/')[0] = '\0';
    fd = open(text("%s/cpu.rt_runtime_us", above), O_WRONLY | O_CLOEXEC);
    if (fd >= 0 && write(fd, "100000", 6) < 0)
        cr_log_info("%s: %s", above, strerror(errno));
}

static void check_update(struct bundle *bundle, const struct update_row *row, bool v2)
{
    const char *file = v2 ? row->v2_file : row->v1_file;
    const char *expected = v2 ? row->v2_value : row->v1_value;
    const char *path = file != NULL ? bundle_cgroup_file(bundle, row->controller, file) : NULL;
    const bool is_second = file != NULL && strcmp(file, "io.weight") == 0 &&
                           file_exists(
                               bundle_cgroup_file(bundle, row->controller, "io.bfq.weight"));

    if (is_second) /* where BFQ is loaded its file takes it */
        return;

    struct outcome outcome = crun("update", row->flag, row->value, bundle->id);
    bool refused = outcome.code == 1 && row->field != NULL && is_one_line(outcome.err) &&
                   strstr(outcome.err, row->field) != NULL;

    if (path != NULL && file_exists(path)) {
        cr_assert(outcome.code == 0, "%s %s: exit code %d: %s", row->flag, row->value, outcome.code,
                  outcome.err);
        cr_assert(strcmp(file_line(path), expected) == 0, "%s %s: %s says \"%s\" instead of \"%s\"",
                  row->flag, row->value, file, file_line(path), expected);
    } else {
        cr_assert(refused || outcome.code == 0, "%s %s, without %s: exit code %d: %s", row->flag,
                  row->value, file != NULL ? file : "a file on v2", outcome.code, outcome.err);
        /* Of what has other files to go to, the row with the file has to succeed. */
        cr_log_info("%s: no %s here, %s", row->flag, file != NULL ? file : "such thing on v2",
                    refused ? "refused" : "no effect");
    }
}

Scenario(update, every_flag_is_seen_in_the_kernel)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_set(bundle, "linux.resources.cpu", "{\"quota\":20000,\"period\":100000}");
    bundle_set(bundle, "linux.resources.memory", "{\"limit\":268435456}");
    bundle_start(bundle);
    if (!host_has_pure_cgroup2())
        give_realtime(bundle);
    for (size_t i = 0; i < count_of(update_rows); i++)
        check_update(bundle, &update_rows[i], host_has_pure_cgroup2());
    bundle_delete(bundle);
}

/* What takes another file's place must be one of the two, or refused. */
Scenario(update, a_weight_that_no_scheduler_takes_is_refused)
{
    static const char *const files[] = {"blkio.bfq.weight", "blkio.weight", "io.bfq.weight",
                                        "io.weight"};
    struct bundle *bundle = bundle_new();
    struct outcome outcome;
    bool possible = false;

    need_root();
    bundle_start(bundle);
    for (size_t i = 0; i < count_of(files); i++)
        possible |= file_exists(bundle_cgroup_file(bundle, "blkio", files[i]));
    outcome = crun("update", "--blkio-weight", "300", bundle->id);
    cr_assert(outcome.code == (possible ? 0 : 1), "exit code %d: %s", outcome.code, outcome.err);
    if (!possible)
        assert_has(outcome.err, "linux.resources.blockIO.weight");
    assert_refused(crun("update", "--blkio-weight", "9", bundle->id), 1, "10 to 1000");
    bundle_delete(bundle);
}

Scenario(update, values_that_are_none_name_their_flag)
{
    static const char *const numbers[] = {
        "--cpu-period",         "--cpu-quota",      "--cpu-burst",  "--cpu-share",
        "--cpu-rt-period",      "--cpu-rt-runtime", "--cpu-idle",   "--memory",
        "--memory-reservation", "--memory-swap",    "--pids-limit", "--blkio-weight"};

    for (size_t i = 0; i < count_of(numbers); i++) {
        assert_refused(crun("update", numbers[i], "many", "nobody"), 1, numbers[i]);
    }
}

Scenario(update, values_that_cannot_be_name_the_member)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_start(bundle);
    assert_refused(crun("update", "--cpuset-cpus", "a-b", bundle->id), 1,
                   "linux.resources.cpu.cpus");
    assert_refused(crun("update", "--cpuset-mems", "0-", bundle->id), 1,
                   "linux.resources.cpu.mems");
    assert_refused(crun("update", "--cpu-idle", "2", bundle->id), 1, "linux.resources.cpu.idle");
    assert_refused(crun("update", "--memory", "-2", bundle->id), 1, "--memory: \"-2\"");
    bundle_delete(bundle);
}

/* --- empty values ----------------------------------------------------------------------------- */

/* Scripts write --pid-file "$FILE" whether there is one or not. */
Scenario(flags, an_empty_value_is_as_good_as_none)
{
    struct bundle *bundle = bundle_new();
    struct outcome outcome;

    need_root();
    bundle_set(bundle, "process.args", "[\"sleep\",\"3600\"]");
    bundle_set(bundle, "process.cwd", "\"/etc\"");
    assert_ok(crun_with(PROGRAM(.directory = bundle->path), "--log", "", "--log-format", "",
                        "create", "--bundle", "", "--config", "", "--pid-file", "",
                        "--console-socket", "", "--pidfd-socket", "", bundle->id));
    assert_ok(crun("start", bundle->id));
    outcome = crun("exec", "--cwd", "", "--user", "", "--pid-file", "", "--console-socket", "",
                   "--pidfd-socket", "", "--process", "", "--apparmor", "", "--process-label", "",
                   bundle->id, "pwd");
    assert_ok(outcome);
    assert_text(outcome.out, "/etc\n");
    assert_ok(crun("kill", bundle->id, ""));
    bundle_delete(bundle);
}

/* As with runc, these are values, and wrong ones. */
Scenario(flags, an_empty_value_that_is_none)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_start(bundle);
    assert_refused(crun("list", "--format", ""), 1, "invalid format option");
    assert_refused(crun("ps", "--format", "", bundle->id), 1, "invalid format option");
    assert_refused(crun("exec", "--env", "", bundle->id, "true"), 255, "--env");
    assert_refused(crun("update", "--pids-limit", "", bundle->id), 1, "--pids-limit");
    assert_refused(crun("--root", "", "list"), 1, "--root");
    bundle_delete(bundle);
}
