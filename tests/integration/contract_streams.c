/*
 * What those who start a runtime rely on while it runs and after it has gone: its death signal is
 * its own, the pid file is whole, and the streams belong to whom they were given to.
 */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/own.h"
#include "tests/integration/harness/bundle.h"
#include "tests/integration/harness/scenario.h"

enum { USER = 1000, CALLERS_GROUP = 4321, ARGUMENTS_MOST = 20 };

#define WAITING "while :; do sleep 3600 & wait $!; done"

/* --- who starts a runtime --------------------------------------------------------------------- */

/* The program with its --root and these arguments, in the scenario's arena. */
static const char *const *command_line(const char *const *arguments)
{
    const char **all = arena_zero(scenario_arena(), ARGUMENTS_MOST, sizeof *all);
    size_t count = 3;

    all[0] = scenario_program();
    all[1] = "--root";
    all[2] = scenario_root();
    while (*arguments != NULL)
        all[count++] = *arguments++;
    return all;
}

/* A shim, or conmon: whatever the runtime leaves becomes its child, and the runtime dies with it.
 * Tells how the runtime ended, and stays until it is killed.  Asserts nothing. */
static _Noreturn void be_monitor(char *const *arguments, int log, int report)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    int status = -1;
    pid_t runtime;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    dup2(null, 0);
    dup2(null, 1);
    dup2(log, 2);
    runtime = fork();
    if (runtime == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        execve(arguments[0], arguments, (char *const *)scenario_environment());
        _exit(127);
    }
    waitpid(runtime, &status, 0);
    if (write(report, &status, sizeof status) != sizeof status)
        _exit(1);
    for (;;)
        pause();
}

#define monitor(...) monitor_of((const char *const[]){__VA_ARGS__, NULL})

/* A monitor whose runtime has done its work. */
static pid_t monitor_of(const char *const *arguments)
{
    const char *log = work_path("monitor.log");
    char *const *all = (char *const *)command_line(arguments);
    autoclose int fd = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    int report[2];
    int status = -1;
    pid_t pid;

    cr_assert(fd >= 0 && pipe2(report, O_CLOEXEC) == 0);
    pid = fork();
    if (pid == 0)
        be_monitor(all, fd, report[1]);
    close(report[1]);
    cr_assert(pid > 0 && read(report[0], &status, sizeof status) == sizeof status);
    close(report[0]);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %d: %s", status,
              file_text(log));
    return pid;
}

static void kill_monitor(pid_t pid)
{
    cr_assert(kill(pid, SIGKILL) == 0 && waitpid(pid, NULL, 0) == pid);
}

static const char *children_of(pid_t pid)
{
    return file_text(text("/proc/%d/task/%d/children", (int)pid, (int)pid));
}

static void assert_is_our_child(pid_t pid)
{
    assert_has(file_text(text("/proc/%d/status", (int)pid)), text("\nPPid:\t%d\n", (int)getpid()));
}

/* --- the death signal ------------------------------------------------------------------------- */

Scenario(death_signal, a_created_container_outlives_its_monitor)
{
    struct bundle *bundle = bundle_new();
    pid_t caller, first;

    need_root();
    bundle_script(bundle, WAITING);
    caller = monitor("create", "-b", bundle->path, bundle->id);
    first = bundle_pid(bundle);
    assert_text(children_of(caller), text("%d ", (int)first));
    kill_monitor(caller);
    assert_is_our_child(first);
    assert_text(bundle_status(bundle), "created");
    assert_ok(crun("start", bundle->id));
    assert_text(inside_running(bundle, "echo lives"), "lives");
    bundle_delete(bundle);
}

/* The signal would come when the runtime ends, when its monitor does, or both: start has no other
 * parent to lose than the monitor. */
Scenario(death_signal, a_started_container_outlives_its_monitor)
{
    struct bundle *bundle = bundle_new();
    pid_t caller, starter, first;

    need_root();
    bundle_script(bundle, WAITING);
    caller = monitor("create", "-b", bundle->path, bundle->id);
    first = bundle_pid(bundle);
    starter = monitor("start", bundle->id);
    assert_text(children_of(caller), text("%d ", (int)first));
    assert_text(children_of(starter), "");
    kill_monitor(starter);
    kill_monitor(caller);
    assert_is_our_child(first);
    assert_text(inside_running(bundle, "echo lives"), "lives");
    bundle_delete(bundle);
}

Scenario(death_signal, a_detached_container_outlives_its_monitor)
{
    struct bundle *bundle = bundle_new();
    pid_t caller, first;

    need_root();
    bundle_script(bundle, WAITING);
    caller = monitor("run", "-d", "-b", bundle->path, bundle->id);
    first = bundle_pid(bundle);
    assert_text(children_of(caller), text("%d ", (int)first));
    kill_monitor(caller);
    assert_is_our_child(first);
    assert_text(inside_running(bundle, "echo lives"), "lives");
    bundle_delete(bundle);
}

/* With a pid namespace and without: there are two ways into a container. */
static void exec_outlives_its_monitor(struct bundle *bundle)
{
    const char *file = work_path("pid");
    pid_t caller, process;

    caller = monitor("exec", "-d", "--pid-file", file, bundle->id, "sh", "-c",
                     "while [ ! -e /dev/shm/go ]; do sleep 0.1; done; echo on >/dev/shm/went; "
                     "exec sleep 3600");
    process = atoi(file_line(file));
    assert_text(children_of(caller), text("%d ", (int)process));
    kill_monitor(caller);
    assert_is_our_child(process);
    inside_running(bundle, "touch /dev/shm/go");
    cr_assert(eventually(
        strcmp(inside_running(bundle, "cat /dev/shm/went 2>/dev/null || :"), "on") == 0));
}

Scenario(death_signal, a_detached_process_outlives_its_monitor)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_start(bundle);
    exec_outlives_its_monitor(bundle);
    bundle_delete(bundle);
}

Scenario(death_signal, a_detached_process_outlives_its_monitor_without_a_pid_namespace_too)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_without_namespace(bundle, "pid");
    bundle_start(bundle);
    exec_outlives_its_monitor(bundle);
    bundle_delete(bundle);
}

/* --- the pid file ----------------------------------------------------------------------------- */

enum { CHANGES = IN_CREATE | IN_MODIFY | IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE };

/* A directory that is watched, with somebody else's "pid" in it perhaps. */
struct watched {
    const char *directory;
    const char *file;
    int notify;
    int old; /* the file that was there before */
};

static struct watched watch(const char *name, bool with_old_file)
{
    struct watched watched = {.directory = work_path(name), .old = -1};

    watched.file = text("%s/pid", watched.directory);
    cr_assert(mkdir(watched.directory, 0755) == 0);
    if (with_old_file)
        watched.old = open(work_file(text("%s/pid", name), "old"), O_RDONLY | O_CLOEXEC);
    watched.notify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    cr_assert(watched.notify >= 0 &&
              inotify_add_watch(watched.notify, watched.directory, CHANGES) >= 0);
    return watched;
}

/* What happened to the name, as letters: C, M, W, T, F, D in the order of the flags above. */
static const char *changes_of_name(const struct watched *watched)
{
    static const struct {
        uint32_t event;
        char letter;
    } letters[] = {
        {IN_CREATE,      'C'},
        {IN_MODIFY,      'M'},
        {IN_CLOSE_WRITE, 'W'},
        {IN_MOVED_TO,    'T'},
        {IN_MOVED_FROM,  'F'},
        {IN_DELETE,      'D'},
    };
    _Alignas(struct inotify_event) char buffer[8192];
    ssize_t length = read(watched->notify, buffer, sizeof buffer);
    const char *seen = "";

    for (ssize_t at = 0; at < length;) {
        const struct inotify_event *event = (const struct inotify_event *)(buffer + at);

        for (size_t i = 0; i < count_of(letters); i++) {
            if ((event->mask & letters[i].event) != 0 && strcmp(event->name, "pid") == 0)
                seen = text("%s%c", seen, letters[i].letter);
        }
        at += (ssize_t)(sizeof *event + event->len);
    }
    return seen;
}

/* Never there empty or half, and no second file is left: a whole one was moved to the name. */
static void assert_written_at_once(const struct watched *watched, pid_t pid)
{
    char was[8] = "";

    assert_text(file_text(watched->file), text("%d", (int)pid));
    assert_text(changes_of_name(watched), "T");
    assert_text(
        program_run(PROGRAM(.arguments = (const char *[]){"ls", "-A", watched->directory, NULL}))
            .out,
        "pid\n");
    if (watched->old >= 0) {
        cr_assert(pread(watched->old, was, sizeof was - 1, 0) >= 0);
        assert_text(was, "old");
        close(watched->old);
    }
    close(watched->notify);
}

Scenario(pid_file, of_create_is_written_at_once)
{
    need_root();
    for (int old = 0; old < 2; old++) {
        struct bundle *bundle = bundle_new();
        struct watched watched = watch(text("pids%d", old), old);

        bundle_script(bundle, WAITING);
        assert_ok(crun("create", "--pid-file", watched.file, "-b", bundle->path, bundle->id));
        assert_written_at_once(&watched, bundle_pid(bundle));
        bundle_delete(bundle);
    }
}

Scenario(pid_file, of_run_is_written_at_once)
{
    need_root();
    for (int old = 0; old < 2; old++) {
        struct bundle *bundle = bundle_new();
        struct watched watched = watch(text("pids%d", old), old);

        bundle_script(bundle, WAITING);
        assert_ok(crun("run", "-d", "--pid-file", watched.file, "-b", bundle->path, bundle->id));
        assert_written_at_once(&watched, bundle_pid(bundle));
        bundle_delete(bundle);
    }
}

/* The pid is the host's: the container's cgroup has it. */
Scenario(pid_file, of_exec_is_written_at_once)
{
    struct bundle *bundle = bundle_new();

    need_root();
    bundle_start(bundle);
    for (int old = 0; old < 2; old++) {
        struct watched watched = watch(text("pids%d", old), old);
        pid_t pid;

        assert_ok(crun("exec", "-d", "--pid-file", watched.file, bundle->id, "sleep", "3600"));
        pid = atoi(file_line(watched.file));
        assert_has(file_text(bundle_cgroup_file(bundle, "pids", "cgroup.procs")),
                   text("%d\n", (int)pid));
        assert_written_at_once(&watched, pid);
    }
    bundle_delete(bundle);
}

/* --- standard streams ------------------------------------------------------------------------- */

#define with_streams(streams, ...) \
    run_with_streams((streams), (const char *const[]){__VA_ARGS__, NULL})

/* The program with these as 0, 1 and 2. */
static struct outcome run_with_streams(const int streams[3], const char *const *arguments)
{
    const int inherit[] = {streams[0], streams[1], streams[2], -1};
    const char *const *all = command_line(arguments);
    const char *shell[ARGUMENTS_MOST + 5] = {"sh", "-c", "exec \"$@\" <&3 >&4 2>&5 3>&- 4>&- 5>&-",
                                             "sh"};

    for (size_t i = 0; all[i] != NULL; i++)
        shell[4 + i] = all[i];
    return program_run(PROGRAM(.arguments = shell, .inherit = inherit));
}

/* Three pipes of the caller's: what the container has of them, and our ends. */
struct pipes {
    int theirs[3];
    int ours[3];
};

static struct pipes pipes_of(uid_t user, gid_t group)
{
    struct pipes pipes;

    for (int i = 0; i < 3; i++) {
        int ends[2];

        cr_assert(pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0 && fchown(ends[0], user, group) == 0);
        pipes.theirs[i] = i == 0 ? ends[0] : ends[1];
        pipes.ours[i] = i == 0 ? ends[1] : ends[0];
        fcntl(pipes.theirs[i], F_SETFL, 0);
    }
    return pipes;
}

static void assert_owner(int fd, uid_t user, gid_t group)
{
    struct stat status;

    cr_assert(fstat(fd, &status) == 0);
    cr_assert(status.st_uid == user && status.st_gid == group, "%u:%u instead of %u:%u",
              status.st_uid, status.st_gid, user, group);
}

static void assert_pipes_owned(struct pipes *pipes, uid_t user, gid_t group)
{
    for (int i = 0; i < 3; i++) {
        assert_owner(pipes->ours[i], user, group);
        close(pipes->theirs[i]);
        close(pipes->ours[i]);
    }
}

static void assert_done(struct outcome outcome, const struct pipes *pipes)
{
    char said[2048] = "";

    if (outcome.code != 0)
        (void)!read(pipes->ours[2], said, sizeof said - 1);
    cr_assert(outcome.code == 0, "exit code %d: %s%s", outcome.code, outcome.err, said);
}

static struct bundle *bundle_of_user(void)
{
    struct bundle *bundle = bundle_new();

    bundle_set(bundle, "process.user", "{\"uid\":%d,\"gid\":%d}", USER, USER);
    bundle_script(bundle, WAITING);
    return bundle;
}

Scenario(streams, of_create_become_the_users_and_keep_their_group)
{
    struct bundle *bundle = bundle_of_user();
    struct pipes pipes;

    need_root();
    pipes = pipes_of(0, CALLERS_GROUP);
    assert_done(with_streams(pipes.theirs, "create", "-b", bundle->path, bundle->id), &pipes);
    assert_pipes_owned(&pipes, USER, CALLERS_GROUP);
    bundle_delete(bundle);
}

Scenario(streams, of_run_become_the_users_and_keep_their_group)
{
    struct bundle *bundle = bundle_of_user();
    struct pipes pipes;

    need_root();
    pipes = pipes_of(0, CALLERS_GROUP);
    assert_done(with_streams(pipes.theirs, "run", "-d", "-b", bundle->path, bundle->id), &pipes);
    assert_pipes_owned(&pipes, USER, CALLERS_GROUP);
    bundle_delete(bundle);
}

/* The user is who exec runs as, not the container's. */
Scenario(streams, of_exec_become_the_users_and_keep_their_group)
{
    struct bundle *bundle = bundle_new();
    struct pipes pipes;

    need_root();
    bundle_start(bundle);
    pipes = pipes_of(0, CALLERS_GROUP);
    assert_done(with_streams(pipes.theirs, "exec", "-d", "--user", text("%d:%d", USER, USER),
                             bundle->id, "sleep", "3600"),
                &pipes);
    assert_pipes_owned(&pipes, USER, CALLERS_GROUP);
    bundle_delete(bundle);
}

/* A place of its own to make strange files in. */
static const char *tmpfs(void)
{
    const char *path = work_path("tmpfs");

    cr_assert(mkdir(path, 0755) == 0);
    cr_assert(mount("tmpfs", path, "tmpfs", 0, "mode=0755") == 0, "%s", strerror(errno));
    return path;
}

static void remove_tmpfs(const char *path)
{
    /* Containers that have ended are gone with their mounts a moment later. */
    cr_assert(eventually(umount(path) == 0) && rmdir(path) == 0);
}

/* create, run -d and exec -d of the user with these streams: none fails, and none takes them. */
static void assert_left_alone(const int streams[3])
{
    struct bundle *created = bundle_of_user(), *run = bundle_of_user();

    assert_ok(with_streams(streams, "create", "-b", created->path, created->id));
    assert_ok(with_streams(streams, "run", "-d", "-b", run->path, run->id));
    assert_ok(with_streams(streams, "exec", "-d", run->id, "sleep", "3600"));
    for (int i = 0; i < 3; i++)
        assert_owner(streams[i], 0, CALLERS_GROUP);
    bundle_delete(created);
    bundle_delete(run);
}

/* Neither the caller's nor the container's, which takes its place. */
Scenario(streams, that_are_dev_null_are_nobodys)
{
    const char *place, *file;
    struct bundle *bundle = bundle_of_user();
    int null;

    need_root();
    place = tmpfs();
    file = text("%s/null", place);
    cr_assert(mknod(file, S_IFCHR | 0666, makedev(1, 3)) == 0 &&
              chown(file, 0, CALLERS_GROUP) == 0);
    null = open(file, O_RDWR | O_CLOEXEC);
    cr_assert(null >= 0, "%s", strerror(errno));
    assert_left_alone((const int[]){null, null, null});
    assert_ok(with_streams(((const int[]){null, null, null}), "run", "-d", "-b", bundle->path,
                           bundle->id));
    assert_has(inside_running(bundle, "ls -ln /dev/null"), " 0        0 ");
    bundle_delete(bundle);
    close(null);
    remove_tmpfs(place);
}

Scenario(streams, on_a_read_only_mount_are_no_error)
{
    const char *place, *file;
    int in;

    need_root();
    place = tmpfs();
    file = text("%s/in", place);
    in = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    cr_assert(in >= 0 && fchown(in, 0, CALLERS_GROUP) == 0);
    close(in);
    cr_assert(mount(NULL, place, NULL, MS_REMOUNT | MS_RDONLY, NULL) == 0, "%s", strerror(errno));
    in = open(file, O_RDONLY | O_CLOEXEC);
    cr_assert(in >= 0 && fchown(in, USER, -1) < 0 && errno == EROFS);
    assert_left_alone((const int[]){in, in, in});
    close(in);
    remove_tmpfs(place);
}

/* An immutable file is refused to root too. */
Scenario(streams, that_may_not_be_changed_are_no_error)
{
    const char *place, *file;
    int in, flags = FS_IMMUTABLE_FL;

    need_root();
    place = tmpfs();
    file = text("%s/in", place);
    in = open(file, O_RDONLY | O_CREAT | O_CLOEXEC, 0644);
    cr_assert(in >= 0 && fchown(in, 0, CALLERS_GROUP) == 0);
    if (ioctl(in, FS_IOC_SETFLAGS, &flags) < 0) {
        close(in);
        remove_tmpfs(place);
        skip("a tmpfs of this kernel has no immutable files");
    }
    cr_assert(fchown(in, USER, -1) < 0 && errno == EPERM);
    assert_left_alone((const int[]){in, in, in});
    flags = 0;
    cr_assert(ioctl(in, FS_IOC_SETFLAGS, &flags) == 0);
    close(in);
    remove_tmpfs(place);
}

/* Root of a user namespace gives away what belongs to its own users, and nothing else. */
Scenario(streams, in_a_user_namespace_become_the_users_when_they_can)
{
    enum { FIRST = 100000 };

    static const struct {
        uid_t before, after;
        gid_t group;
    } rows[] = {
        {FIRST, FIRST + USER, FIRST        },
        {FIRST, FIRST,        CALLERS_GROUP}, /* a group that has no number inside */
        {0,     0,            CALLERS_GROUP},
    };

    need_root();
    for (size_t i = 0; i < count_of(rows); i++) {
        struct bundle *bundle = bundle_of_user();
        struct pipes pipes = pipes_of(rows[i].before, rows[i].group);

        bundle_map_users(bundle, FIRST, 65536);
        assert_done(with_streams(pipes.theirs, "run", "-d", "-b", bundle->path, bundle->id),
                    &pipes);
        assert_pipes_owned(&pipes, rows[i].after, rows[i].group);
        pipes = pipes_of(rows[i].before, rows[i].group);
        assert_done(with_streams(pipes.theirs, "exec", "-d", bundle->id, "sleep", "3600"), &pipes);
        assert_pipes_owned(&pipes, rows[i].after, rows[i].group);
        bundle_delete(bundle);
    }
}
