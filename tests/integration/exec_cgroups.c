/* Where exec runs: the container's cgroup, or where its first process has been moved to; and never
 * anywhere else than the caller has said. */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/own.h"
#include "tests/integration/harness/bundle.h"
#include "tests/integration/harness/scenario.h"

enum { HIERARCHIES_MOST = 16 };

/* The directories of a process's cgroup that are not the root, one of each hierarchy. */
struct places {
    const char *directories[HIERARCHIES_MOST];
    const char *hierarchies[HIERARCHIES_MOST];
    size_t count;
};

static const char *mount_point_of(const char *controllers)
{
    if (*controllers == '\0')
        return host_has_pure_cgroup2() ? "/sys/fs/cgroup" : "/sys/fs/cgroup/unified";
    return text("/sys/fs/cgroup/%s",
                controllers + (strncmp(controllers, "name=", 5) == 0 ? strlen("name=") : 0));
}

static const char *cgroups_of(pid_t pid)
{
    return file_text(text("/proc/%d/cgroup", (int)pid));
}

/* Below this process's namespace, whose paths are the directories': "4:memory:/web". */
static struct places places_of(struct bundle *bundle)
{
    struct places places = {.count = 0};
    char *rest = arena_string(scenario_arena(), cgroups_of(bundle_pid(bundle)));

    for (char *line; (line = strsep(&rest, "\n")) != NULL && *line != '\0';) {
        const char *controllers, *path;

        strsep(&line, ":");
        controllers = strsep(&line, ":");
        path = line;
        if (strcmp(path, bundle->cgroup) != 0)
            continue;
        cr_assert(places.count < HIERARCHIES_MOST);
        places.hierarchies[places.count] = mount_point_of(controllers);
        places.directories[places.count] = text("%s%s", places.hierarchies[places.count], path);
        cr_assert(file_exists(places.directories[places.count]));
        places.count++;
    }
    cr_assert(places.count > 0);
    return places;
}

static int put(const char *file, const char *what)
{
    autoclose int fd = open(file, O_WRONLY | O_CLOEXEC);

    return fd >= 0 && write(fd, what, strlen(what)) == (ssize_t)strlen(what) ? 0 : -errno;
}

static int copy(const char *from, const char *to, const char *file)
{
    const char *value = file_text(text("%s/%s", from, file));

    return value == NULL || *value == '\n' ? 0 : put(text("%s/%s", to, file), value);
}

static void move(const char *from, const char *to)
{
    char *rest = arena_string(scenario_arena(), file_text(text("%s/cgroup.procs", from)));

    for (const char *pid; (pid = strsep(&rest, "\n")) != NULL && *pid != '\0';) {
        int code = put(text("%s/cgroup.procs", to), pid);

        cr_assert(code == 0 || code == -ESRCH, "%s to %s: %s", pid, to, strerror(-code));
    }
}

/* A cgroup beside it or below it, and all its processes in there. */
static void move_to(const char *from, const char *to)
{
    cr_assert(mkdir(to, 0755) == 0, "%s: %s", to, strerror(errno));
    /* v1's cpusets begin empty, and then take nobody */
    if (!host_has_pure_cgroup2())
        cr_assert(copy(from, to, "cpuset.cpus") == 0 && copy(from, to, "cpuset.mems") == 0);
    move(from, to);
}

/* The container's cgroup is gone, and its processes are in another: where, of each hierarchy. */
static struct places move_away(struct bundle *bundle)
{
    struct places places = places_of(bundle);

    for (size_t i = 0; i < places.count; i++) {
        const char *from = places.directories[i];

        places.directories[i] = text("%s/%s-moved", places.hierarchies[i], bundle->id);
        move_to(from, places.directories[i]);
        cr_assert(eventually(rmdir(from) == 0), "%s: %s", from, strerror(errno));
    }
    return places;
}

static void assert_runs_beside_init(struct bundle *bundle)
{
    const char *file = work_path("pid");

    assert_ok(crun("exec", "-d", "--pid-file", file, bundle->id, "sleep", "3600"));
    assert_text(cgroups_of(atoi(file_line(file))), cgroups_of(bundle_pid(bundle)));
    cr_assert(unlink(file) == 0);
}

/* Not even for a moment: the program would have left something. */
static void assert_is_refused_in(struct bundle *bundle, const char *sub)
{
    assert_refused(crun("exec", "--cgroup", sub, bundle->id, "touch", "/dev/shm/ran"), 255,
                   "--cgroup");
    assert_text(inside_running(bundle, "ls /dev/shm"), "");
}

Scenario(exec_cgroups, where_the_containers_is_gone_the_first_processs_is_joined)
{
    struct bundle *bundle = bundle_new();
    struct places moved;

    need_root();
    bundle_start(bundle);
    moved = move_away(bundle);
    assert_lacks(cgroups_of(bundle_pid(bundle)), bundle->cgroup);
    assert_runs_beside_init(bundle);
    bundle_delete(bundle);
    for (size_t i = 0; i < moved.count; i++)
        cr_assert(eventually(rmdir(moved.directories[i]) == 0), "%s", moved.directories[i]);
}

/* The root of a hierarchy is a place like any other: the caller may be in quite another. */
Scenario(exec_cgroups, the_first_process_may_have_been_moved_to_the_root)
{
    struct bundle *bundle = bundle_new();
    struct places places;

    need_root();
    bundle_start(bundle);
    places = places_of(bundle);
    for (size_t i = 0; i < places.count; i++) {
        move(places.directories[i], places.hierarchies[i]);
        cr_assert(eventually(rmdir(places.directories[i]) == 0), "%s", strerror(errno));
    }
    assert_runs_beside_init(bundle);
    bundle_delete(bundle);
}

Scenario(exec_cgroups, where_the_containers_is_gone_there_is_nothing_below_it)
{
    struct bundle *bundle = bundle_new();
    struct places moved;

    need_root();
    bundle_start(bundle);
    moved = move_away(bundle);
    assert_is_refused_in(bundle, "sub");
    assert_is_refused_in(bundle, "/");
    bundle_delete(bundle);
    for (size_t i = 0; i < moved.count; i++)
        cr_assert(eventually(rmdir(moved.directories[i]) == 0), "%s", moved.directories[i]);
}

/* Who was started by exec is in the container's cgroup, the first process in another. */
Scenario(exec_cgroups, killing_all_reaches_the_first_process_where_it_has_been_moved)
{
    struct bundle *bundle = bundle_new();
    const char *file = work_path("pid"), *moved[HIERARCHIES_MOST];
    struct places places;

    need_root();
    bundle_start(bundle);
    assert_ok(crun("exec", "-d", "--pid-file", file, bundle->id, "sleep", "3600"));
    places = places_of(bundle);
    for (size_t i = 0; i < places.count; i++) {
        moved[i] = text("%s/%s-moved", places.hierarchies[i], bundle->id);
        move_to(places.directories[i], moved[i]);
        cr_assert(put(text("%s/cgroup.procs", places.directories[i]), file_line(file)) == 0);
    }
    cr_assert(bundle_catches(bundle, SIGTERM));
    assert_ok(crun("kill", "--all", bundle->id, "TERM"));
    cr_assert(eventually(strcmp(bundle_status(bundle), "stopped") == 0));
    assert_ok(crun("delete", bundle->id));
    for (size_t i = 0; i < places.count; i++)
        cr_assert(eventually(rmdir(moved[i]) == 0), "%s", moved[i]);
}

/* As systemd in a container has it: all processes are in cgroups below, and controllers are passed
 * on to these. */
static void make_busy(struct bundle *bundle)
{
    struct places places = places_of(bundle);

    cr_assert(places.count == 1);
    move_to(places.directories[0], text("%s/inner", places.directories[0]));
    cr_assert(put(text("%s/cgroup.subtree_control", places.directories[0]), "+pids") == 0, "%s",
              strerror(errno));
}

Scenario(exec_cgroups, where_the_containers_takes_nobody_the_first_processs_is_joined)
{
    struct bundle *bundle = bundle_new();

    need_root();
    if (!host_has_pure_cgroup2())
        skip("is about cgroup v2");
    bundle_start(bundle);
    make_busy(bundle);
    assert_has(cgroups_of(bundle_pid(bundle)), text("%s/inner\n", bundle->cgroup));
    assert_runs_beside_init(bundle);
    bundle_delete(bundle);
}

Scenario(exec_cgroups, where_the_containers_takes_nobody_it_is_refused_by_name)
{
    struct bundle *bundle = bundle_new();
    const char *file = work_path("pid");

    need_root();
    if (!host_has_pure_cgroup2())
        skip("is about cgroup v2");
    bundle_start(bundle);
    make_busy(bundle);
    assert_code(crun("exec", "--cgroup", "/", bundle->id, "touch", "/dev/shm/ran"), 255);
    assert_text(inside_running(bundle, "ls /dev/shm"), "");
    assert_ok(
        crun("exec", "-d", "--cgroup", "inner", "--pid-file", file, bundle->id, "sleep", "3600"));
    assert_has(cgroups_of(atoi(file_line(file))), text("%s/inner\n", bundle->cgroup));
    bundle_delete(bundle);
}

/* --- by somebody who has but a part of the cgroups -------------------------------------------- */

enum { STRANGER = 54321 };

static void give(const char *directory)
{
    static const char *const files[] = {".", "cgroup.procs", "cgroup.subtree_control", "tasks"};

    cr_assert(mkdir(directory, 0755) == 0, "%s: %s", directory, strerror(errno));
    for (size_t i = 0; i < count_of(files); i++) {
        const char *file = text("%s/%s", directory, files[i]);

        cr_assert(!file_exists(file) || chown(file, STRANGER, STRANGER) == 0);
    }
}

/* As that user, in those two cgroups. */
static struct outcome as_stranger_in(const char *first, const char *second, const char *command)
{
    const char *script = text(
        "echo $$ >%s/cgroup.procs && echo $$ >%s/cgroup.procs && exec setpriv --reuid %d --regid "
        "%d --clear-groups %s --root %s %s",
        first, second, STRANGER, STRANGER, scenario_program(), work_path("state"), command);

    return program_run(PROGRAM(.arguments = (const char *const[]){"sh", "-c", script, NULL}));
}

/* In a cgroup below the one that is his: only there may he move processes. */
static struct outcome as_stranger(const char *mine, const char *command)
{
    const char *caller = text("%s/caller", mine);

    return as_stranger_in(caller, caller, command);
}

static struct bundle *bundle_of_stranger(void)
{
    struct bundle *bundle = bundle_new_for_user(STRANGER);

    cr_assert(mkdir(work_path("state"), 0700) == 0 &&
              chown(work_path("state"), STRANGER, STRANGER) == 0 &&
              chmod(scenario_work(), 0777) == 0);
    return bundle;
}

Scenario(exec_cgroups, where_an_ordinary_users_takes_nobody_the_first_processs_is_joined)
{
    need_root();
    need_command("setpriv");
    if (!host_has_pure_cgroup2())
        skip("is about cgroup v2");

    struct bundle *bundle = bundle_of_stranger();
    const char *name = text("%s-mine", bundle->id), *mine = text("/sys/fs/cgroup/%s", name);
    const char *its = text("%s/%s", mine, bundle->id), *inner = text("%s/inner", its);
    const char *file = work_path("pid"), *init;

    give(mine);
    give(text("%s/caller", mine));
    cr_assert(put("/sys/fs/cgroup/cgroup.subtree_control", "+pids") == 0 &&
              put(text("%s/cgroup.subtree_control", mine), "+pids") == 0);
    bundle_set(bundle, "linux.cgroupsPath", "\"/%s/%s\"", name, bundle->id);
    bundle_script(bundle, "exec sleep 3600");
    assert_ok(
        as_stranger(mine, text("run -d --pid-file %s -b %s %s", file, bundle->path, bundle->id)));
    init = arena_string(scenario_arena(), file_line(file));
    assert_has(cgroups_of(atoi(init)), text("/%s/%s\n", name, bundle->id));

    give(inner);
    move(its, inner);
    cr_assert(put(text("%s/cgroup.subtree_control", its), "+pids") == 0, "%s", strerror(errno));
    assert_ok(as_stranger(mine, text("exec -d --pid-file %s %s sleep 3600", file, bundle->id)));
    assert_has(cgroups_of(atoi(file_line(file))), text("/%s/%s/inner\n", name, bundle->id));

    assert_ok(as_stranger(mine, text("delete --force %s", bundle->id)));
    cr_assert(eventually(rmdir(text("%s/caller", mine)) == 0), "%s", strerror(errno));
    cr_assert(eventually(rmdir(mine) == 0), "%s", strerror(errno));
}

/* What somebody has given to that user: a cgroup of v2, and where v2 has no pids controller one of
 * v1 that has; no other hierarchy. */
struct delegation {
    const char *name;
    const char *v2, *caller;
    const char *pids; /* where containers' pids are limited */
};

static struct delegation delegate(struct bundle *bundle)
{
    const char *name = text("%s-mine", bundle->id);
    bool pure = host_has_pure_cgroup2();
    const char *v2 = text("%s/%s", mount_point_of(""), name);
    struct delegation given = {name, v2, text("%s/caller", v2),
                               pure ? v2 : text("%s/%s", mount_point_of("pids"), name)};

    give(given.v2);
    give(given.caller);
    if (!pure)
        give(given.pids);
    else
        cr_assert(put("/sys/fs/cgroup/cgroup.subtree_control", "+pids") == 0 &&
                  put(text("%s/cgroup.subtree_control", v2), "+pids") == 0);
    return given;
}

static void take_back(const struct delegation *given)
{
    cr_assert(eventually(rmdir(given->caller) == 0), "%s", strerror(errno));
    cr_assert(eventually(rmdir(given->v2) == 0), "%s", strerror(errno));
    cr_assert(given->pids == given->v2 || eventually(rmdir(given->pids) == 0), "%s",
              strerror(errno));
}

static struct outcome as_delegate(const struct delegation *given, const char *command)
{
    return as_stranger_in(given->caller, given->pids == given->v2 ? given->caller : given->pids,
                          command);
}

static void start_delegated(const struct delegation *given, struct bundle *bundle,
                            const char *pid_file)
{
    bundle_set(bundle, "linux.resources.pids.limit", "8");
    bundle_script(bundle, "exec sleep 3600");
    assert_ok(as_delegate(
        given, text("run -d --pid-file %s -b %s %s", pid_file, bundle->path, bundle->id)));
}

static void need_what_delegates_need(void)
{
    need_root();
    need_command("setpriv");
    if (!file_exists(text("%s/cgroup.procs", mount_point_of(""))) ||
        (!host_has_pure_cgroup2() && !file_exists(mount_point_of("pids"))))
        skip("this host has no cgroup v2, or no pids controller");
}

/* Where the other hierarchies are out of reach, too: what is the user's own is not given up for
 * them. */
Scenario(exec_cgroups, an_ordinary_users_exec_is_in_the_containers_cgroup)
{
    need_what_delegates_need();

    struct bundle *bundle = bundle_of_stranger();
    struct delegation given = delegate(bundle);
    const char *file = work_path("pid"), *init;

    start_delegated(&given, bundle, file);
    init = arena_string(scenario_arena(), cgroups_of(atoi(file_line(file))));
    assert_has(init, text("0::/%s/%s\n", given.name, bundle->id));
    assert_ok(as_delegate(&given, text("exec -d --pid-file %s %s sleep 3600", file, bundle->id)));
    assert_text(cgroups_of(atoi(file_line(file))), init);
    assert_ok(as_delegate(&given, text("pause %s", bundle->id)));
    assert_has(as_delegate(&given, text("state %s", bundle->id)).out, "\"paused\"");
    assert_ok(as_delegate(&given, text("resume %s", bundle->id)));
    assert_ok(as_delegate(&given, text("kill --all %s KILL", bundle->id)));
    assert_ok(as_delegate(&given, text("delete --force %s", bundle->id)));
    take_back(&given);
}

Scenario(exec_cgroups, a_limit_in_a_delegated_cgroup_takes_effect)
{
    need_what_delegates_need();

    struct bundle *bundle = bundle_of_stranger();
    struct delegation given = delegate(bundle);
    const char *limit = text("%s/%s/pids.max", given.pids, bundle->id);
    const char *work = work_script("fork", "for i in 1 2 3 4 5 6 7 8; do sleep 3600 & done");

    start_delegated(&given, bundle, work_path("pid"));
    assert_text(file_line(limit), "8");
    assert_has(as_delegate(&given, text("exec %s sh -c \"$(cat %s)\"", bundle->id, work)).err,
               "can't fork");
    assert_ok(as_delegate(&given, text("update --pids-limit 50 %s", bundle->id)));
    assert_text(file_line(limit), "50");
    assert_has(as_delegate(&given, text("exec %s echo enough", bundle->id)).out, "enough");
    assert_ok(as_delegate(&given, text("delete --force %s", bundle->id)));
    cr_assert(!file_exists(limit));
    take_back(&given);
}
