/* mounts add, mounts remove: in a child, for the caller must stay where it is.  What may hang is
 * done by a child of that one, which can end it and undo its work. */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/kernel.h"
#include "base/own.h"
#include "base/timing.h"
#include "namespaces/mount/mount.h"
#include "namespaces/namespaces.h"
#include "namespaces/user.h"
#include "runtime/deadline.h"
#include "runtime/handle.h"

enum {
    /* Far beyond what moving mounts to their places takes; but a container may serve a file system
     * of its own (FUSE), on which a look-up hangs for as long as it likes. */
    MOST_SECONDS_INSIDE = 10,
    MOST_SECONDS_TO_DIE = 2, /* of SIGKILL: some waits for such a file system do not end of it */
    MOST_SECONDS_TO_UNDO = 5,
    MOST_SECONDS_IN_ALL = MOST_SECONDS_INSIDE + MOST_SECONDS_TO_DIE + MOST_SECONDS_TO_UNDO + 3
};

struct mounting {
    struct container *container;
    struct mount_live *live;
    uint64_t namespaces; /* of the container that are not ours */
    bool removing;
};

/* --- in the child
 * ------------------------------------------------------------------------------------------- */

/* By number, while the container's process is known to live: the namespace stays the right one when
 * the rights to look at that process are gone. */
static int open_mount_namespace(const struct container *container, struct error *err)
{
    char path[48];
    autoclose int fd = -1;

    snprintf(path, sizeof path, "/proc/%d/ns/mnt", container_pid(container));
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return fail(err, errno, "open %s", path);
    if (kernel_pidfd_send_signal(container->pidfd, 0) < 0 && errno == ESRCH)
        return refuse(err, ESRCH, "the container has stopped meanwhile");
    return take_fd(&fd);
}

/* The namespaces that file systems show, and the rights; neither its processes, which would see us,
 * nor its files yet. */
static int join_but_mounts(const struct mounting *mounting, struct error *err)
{
    const uint64_t shown = CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWIPC;

    if (namespace_join_process(mounting->container->pidfd, mounting->namespaces & shown, err) < 0)
        return -err->code;
    return (mounting->namespaces & CLONE_NEWUSER) != 0 ? user_become_root(err) : 0;
}

/* Root of a user namespace may mount only in a mount namespace that belongs to it: one with the
 * host's files, as on creation. */
static int make_all(const struct mounting *mounting, struct error *err)
{
    if ((mounting->namespaces & CLONE_NEWUSER) != 0 && unshare(CLONE_NEWNS) < 0)
        return fail(err, errno, "new mount namespace");
    return mount_live_make(mounting->live, err);
}

/* From here on a ^C must not end it half-way.  Nor does who reads our output have to wait for a
 * process that no signal ends. */
static int begin_change(const struct mounting *mounting, int report, struct error *err)
{
    static const struct error begun = {.code = 0};
    sigset_t blocked;

    sigfillset(&blocked);
    sigdelset(&blocked, SIGALRM);
    if (signal(SIGALRM, SIG_DFL) == SIG_ERR || sigprocmask(SIG_SETMASK, &blocked, NULL) < 0)
        return fail(err, errno, "block signals");
    for (int fd = 0; fd <= STDERR_FILENO; fd++)
        close(fd);
    if (write_all(report, &begun, sizeof begun) < 0)
        return fail(err, errno, "report");
    return mount_live_share(mounting->live, err);
}

static int prepare(const struct mounting *mounting, int report, int *mount_namespace,
                   struct error *err)
{
    if (prctl(PR_SET_DUMPABLE, 0) < 0)
        return fail(err, errno, "become undumpable");
    if (mount_live_prepare(mounting->live, container_pid(mounting->container), err) < 0 ||
        (*mount_namespace = open_mount_namespace(mounting->container, err)) < 0 ||
        join_but_mounts(mounting, err) < 0 || (!mounting->removing && make_all(mounting, err) < 0))
        return -err->code;
    return begin_change(mounting, report, err);
}

static int enter(const struct mounting *mounting, int mount_namespace, struct error *err)
{
    if (setns(mount_namespace, CLONE_NEWNS) < 0)
        return fail(err, errno, "join the container's mount namespace");
    return mount_live_enter(mounting->live, err);
}

/* --- in its child, the worker
 * ------------------------------------------------------------------------------------------- */

static int work(const struct mounting *mounting, int mount_namespace, struct error *err)
{
    struct mount_live *live = mounting->live;

    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
        return fail(err, errno, "set the signal of the parent's death");
    if (mount_live_reopen(live, err) < 0 || enter(mounting, mount_namespace, err) < 0)
        return -err->code;
    if (!mounting->removing)
        return mount_live_add(live, err);
    if (mount_live_rehearse(live, err) < 0 || enter(mounting, mount_namespace, err) < 0)
        return -err->code;
    return mount_live_remove(live, err);
}

/* --- in the child: the worker's end
 * ------------------------------------------------------------------------------------------- */

/* Wait for its end.  False when it takes longer. */
static bool has_ended(int pidfd, int seconds)
{
    struct deadline deadline = deadline_in_ms((int64_t)seconds * 1000);

    return deadline_wait(&deadline, pidfd, POLLIN) > 0;
}

/* The story of a change that took too long. */
static int give_up(const struct mounting *mounting, struct error *err)
{
    size_t removed = mounting->removing ? mount_live_count_removed(mounting->live) : 0;

    refuse(err, ETIMEDOUT,
           "gave up after %d s: does the container serve a file system of its own there?",
           MOST_SECONDS_INSIDE);
    return removed > 0 ? hint(err, "the last %zu of the list are unmounted", removed) : -err->code;
}

/* In this order, for a file system that hangs is looked at only when something was made: mounts,
 * the report, what was made. */
static void undo(const struct mounting *mounting, int mount_namespace, int report,
                 const struct error *story)
{
    struct error err = {0};
    bool inside;

    alarm(MOST_SECONDS_TO_UNDO);
    inside = !mounting->removing && enter(mounting, mount_namespace, &err) == 0;
    if (inside)
        mount_live_take_back(mounting->live);
    (void)!write_all(report, story, sizeof *story);
    if (inside)
        mount_live_remove_made(mounting->live);
}

/* Files are shared with the worker, so that what it has opened can be used to undo its work.  Its
 * story comes by a pipe: it may be gone in the middle of it. */
static int run_worker(const struct mounting *mounting, int mount_namespace, struct error *err)
{
    siginfo_t info = {0};
    int ends[2], pidfd = -1;
    pid_t pid;

    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
        return fail(err, errno, "make a pipe");
    pid = kernel_clone_pidfd(CLONE_FILES, &pidfd);
    if (pid < 0)
        return fail(err, errno, "clone");
    if (pid == 0) {
        if (work(mounting, mount_namespace, err) == 0)
            _exit(0);
        _exit(write_all(ends[1], err, sizeof *err) < 0 ? 2 : 1);
    }
    if (!has_ended(pidfd, MOST_SECONDS_INSIDE)) {
        (void)!kernel_pidfd_send_signal(pidfd, SIGKILL);
        (void)!has_ended(pidfd, MOST_SECONDS_TO_DIE);
        return give_up(mounting, err);
    }
    if (waitid((idtype_t)P_PIDFD, (id_t)pidfd, &info, WEXITED | __WALL) == 0 &&
        info.si_code == CLD_EXITED && info.si_status == 0)
        return 0;
    if (read(ends[0], err, sizeof *err) == (ssize_t)sizeof *err)
        return -err->code;
    return refuse(err, EIO, "the process in the container's mount namespace has died");
}

static _Noreturn void be_child(const struct mounting *mounting, int report)
{
    struct error err = {0};
    int mount_namespace = -1;

    /* The lock goes with it: should this process not end, the next command need not wait for it. */
    close(mounting->container->directory.fd);
    if (prepare(mounting, report, &mount_namespace, &err) < 0)
        _exit(write_all(report, &err, sizeof err) < 0 ? 2 : 1);
    if (run_worker(mounting, mount_namespace, &err) == 0)
        _exit(0);
    undo(mounting, mount_namespace, report, &err);
    _exit(1);
}

/* --- in the caller
 * ------------------------------------------------------------------------------------------- */

static bool read_story(int report, int timeout, struct error *ret)
{
    struct pollfd ready = {.fd = report, .events = POLLIN};

    while (poll(&ready, 1, timeout) < 0 && errno == EINTR)
        continue;
    return ready.revents & POLLIN && read(report, ret, sizeof *ret) == (ssize_t)sizeof *ret;
}

/* 0 when it ended well; the story of the child otherwise.  Until it has begun the change it may
 * take its time, and a ^C ends us. */
static int hear(int pidfd, int report, struct error *err)
{
    siginfo_t info = {0};
    struct error story = {0};
    bool begun = read_story(report, -1, &story) && story.code == 0;

    if (!has_ended(pidfd, MOST_SECONDS_IN_ALL)) {
        (void)!kernel_pidfd_send_signal(pidfd, SIGKILL);
        return refuse(err, ETIMEDOUT,
                      "the process in the container's mount namespace hangs and is left there; "
                      "some of the mounts may be in place");
    }
    while (waitid((idtype_t)P_PIDFD, (id_t)pidfd, &info, WEXITED | __WALL) < 0 && errno == EINTR)
        continue;
    if (info.si_code == CLD_EXITED && info.si_status == 0)
        return 0;
    if (story.code != 0 || (begun && read_story(report, 0, &story))) {
        *err = story;
        return -err->code;
    }
    if (info.si_code == CLD_KILLED && info.si_status == SIGALRM)
        return refuse(err, ETIMEDOUT,
                      "gave up after %d s, and could not undo it: some of the mounts may be in "
                      "place",
                      MOST_SECONDS_INSIDE + MOST_SECONDS_TO_UNDO);
    return refuse(err, EIO, "the process in the container's mount namespace has died");
}

static int run_child(const struct mounting *mounting, struct error *err)
{
    int ends[2];
    int pidfd = -1;

    if (pipe2(ends, O_CLOEXEC) < 0)
        return fail(err, errno, "make a pipe");

    autoclose int ours = ends[0];
    autoclose int theirs = ends[1];
    /* No exit signal: the caller's SIGCHLD is none of our business. */
    pid_t pid = kernel_clone_pidfd(0, &pidfd);

    if (pid == 0)
        be_child(mounting, theirs);
    if (pid < 0)
        return fail(err, errno, "clone");
    close_fd(&theirs);

    int code = hear(pidfd, ours, err);

    close_fd(&pidfd);
    return code;
}

static int check_status(struct container *container, const char *verb, struct error *err)
{
    enum container_status status = container_status(container);

    if (status != CONTAINER_STOPPED && status != CONTAINER_CREATING)
        return 0;
    return refuse(err, EINVAL, "cannot %s mounts of a container that is %s", verb,
                  container_status_name(status));
}

/* Until its program runs, the first process is not to be looked at, not even by its owner. */
static int find_namespaces(struct container *container, uint64_t *ret, struct error *err)
{
    int code = namespace_differences(container_pid(container), 0, ret, err);

    if (code == -EACCES && container_status(container) == CONTAINER_CREATED)
        return hint(err, "only root can do it before the container is started");
    return code;
}

static int plan(struct mounting *mounting, const struct runtime *runtime,
                const struct spec_mounts *mounts, struct arena *arena, struct error *err)
{
    struct container *container = mounting->container;
    struct namespace_plan namespaces;
    struct spec *spec;

    if (state_read_config(&container->directory, arena, &spec, err) < 0 ||
        namespace_plan_from_spec(&namespaces, spec, err) < 0 ||
        find_namespaces(container, &mounting->namespaces, err) < 0)
        return -err->code;
    spec->mounts = *mounts;

    uint64_t own = namespaces.create | namespaces.join;
    struct mount_request request = {
        .spec = spec,
        .bundle = container->record.bundle,
        .new_user_namespace = (own & CLONE_NEWUSER) != 0,
        .new_mount_namespace = (namespaces.create & mounting->namespaces & CLONE_NEWNS) != 0,
        .new_network_namespace = (own & CLONE_NEWNET) != 0,
        .new_pid_namespace = (own & CLONE_NEWPID) != 0,
        .new_ipc_namespace = (own & CLONE_NEWIPC) != 0,
        .new_cgroup_namespace = (own & CLONE_NEWCGROUP) != 0,
    };

    return mounting->removing
               ? mount_live_plan_remove(&mounting->live, &request, arena, &runtime->log, err)
               : mount_live_plan_add(&mounting->live, &request, arena, &runtime->log, err);
}

static int change(const struct runtime *runtime, struct container *container,
                  const struct spec_mounts *mounts, bool removing, struct error *err)
{
    autoarena struct arena arena = {NULL};
    struct mounting mounting = {.container = container, .removing = removing};
    const char *verb = removing ? "remove" : "add";
    int64_t begun = timing_begin(&runtime->log);

    if (container_lock(container, err) < 0)
        return -err->code;

    int code = check_status(container, verb, err);

    if (code == 0)
        code = plan(&mounting, runtime, mounts, &arena, err);
    if (code == 0)
        code = run_child(&mounting, err);
    container_unlock(container);
    timing_end(&runtime->log, "mounts", verb, begun);
    return code;
}

int container_add_mounts(const struct runtime *runtime, struct container *container,
                         const struct spec_mounts *mounts, struct error *err)
{
    return change(runtime, container, mounts, false, err);
}

int container_remove_mounts(const struct runtime *runtime, struct container *container,
                            const struct spec_mounts *mounts, struct error *err)
{
    return change(runtime, container, mounts, true, err);
}
