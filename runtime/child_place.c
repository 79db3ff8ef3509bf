#include "runtime/child_steps.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/kernel.h"
#include "base/own.h"
#include "namespaces/network.h"
#include "namespaces/user.h"
#include "namespaces/uts.h"
#include "runtime/signals.h"

/* Steps of the first process that make its place: namespaces, cgroup, mounts.  Their order and its
 * reasons are in child.c. */

static int ask_for_mount_source(void *context, unsigned index, struct error *err)
{
    const struct child *child = context;
    int fd = -1;

    if (handshake_ask(child->socket, HANDSHAKE_WANT_MOUNT_SOURCE, (int32_t)index, -1, &fd, err) < 0)
        return -err->code;
    return fd < 0 ? refuse(err, EPROTO, "the runtime sent no mount") : fd;
}

static struct mount_helper mount_helper_of(struct child *child)
{
    return (struct mount_helper){ask_for_mount_source, child, child->log};
}

/* A time namespace takes offsets until the first process enters: make it, set it, enter it. */
int child_set_clocks(struct child *child, struct error *err)
{
    if (unshare(CLONE_NEWTIME) < 0)
        return fail(err, errno, "new time namespace");
    if (time_plan_apply(&child->container->time, err) < 0)
        return -err->code;
    return time_enter_new(err);
}

/* Whoever started us must not leave us half made; undone when we can live alone.  A parent that is
 * dead already shows as a closed socket at the next question. */
static int follow_parent(struct error *err)
{
    return prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 ? fail(err, errno, "follow the runtime into death")
                                                : 0;
}

int child_settle(struct child *child, struct error *err)
{
    signals_reset(child->changed_signals);
    if (child->occasion == CHILD_ON_CREATE)
        signals_end_us();
    return follow_parent(err);
}

/* The kernel forgets the death signal when a process changes its ids. */
static int become_root(struct error *err)
{
    return user_become_root(err) < 0 ? -err->code : follow_parent(err);
}

int child_become_undumpable(struct child *child, struct error *err)
{
    (void)child;
    return prctl(PR_SET_DUMPABLE, 0) < 0 ? fail(err, errno, "become undumpable") : 0;
}

static int join_cgroup(struct child *child, const struct cgroup *cgroup, struct error *err)
{
    bool asks = cgroup->needs_attaching;
    int code = asks ? 0 : cgroup_join_self(cgroup, child->joined_v2, err);

    asks |= cgroup->unit != NULL && cgroup_lacks_rights(code);
    if (asks)
        code = child_ask(child, HANDSHAKE_WANT_CGROUP, 0, -1, err);
    if (code == 0 || !child->may_stay_outside || (!asks && !cgroup_lacks_rights(code)))
        return code;
    log_debug(child->log, "%s: not in all of its cgroups", err->text);
    return 0;
}

int child_join_cgroup(struct child *child, struct error *err)
{
    int code = join_cgroup(child, child->cgroup, err);

    return code < 0 && child->other_cgroup != NULL && cgroup_takes_nobody(code)
               ? join_cgroup(child, child->other_cgroup, err)
               : code;
}

/* The tasks file takes the host's number of a process, which we do not know. */
int child_enter_class(struct child *child, struct error *err)
{
    return child_ask(child, HANDSHAKE_WANT_CLASS, 0, -1, err);
}

int child_ask_id_maps(struct child *child, struct error *err)
{
    if (child_ask(child, HANDSHAKE_WANT_ID_MAPS, 0, -1, err) < 0)
        return -err->code;
    return become_root(err);
}

int child_join_namespaces(struct child *child, struct error *err)
{
    uint64_t done = CLONE_NEWPID; /* by the clone itself: setns(2) would only move our children */

    if (child->behind_doorman)
        done |= CLONE_NEWUSER | CLONE_NEWTIME;
    if (child->occasion == CHILD_ON_CREATE)
        return namespace_join(&child->container->namespaces, ~done, err);
    if (namespace_join_process(child->target, child->target_namespaces & ~done, err) < 0)
        return -err->code;
    return (child->target_namespaces & CLONE_NEWUSER) != 0 ? become_root(err) : 0;
}

int child_unshare_cgroup(struct child *child, struct error *err)
{
    (void)child;
    if (unshare(CLONE_NEWCGROUP) < 0)
        return fail(err, errno, "new cgroup namespace");
    return 0;
}

int child_name_host(struct child *child, struct error *err)
{
    return uts_apply(child->container->spec->hostname, child->container->spec->domainname, err);
}

int child_bring_up_network(struct child *child, struct error *err)
{
    (void)child;
    return network_loopback_up(err);
}

int child_ask_net_devices(struct child *child, struct error *err)
{
    return child_ask(child, HANDSHAKE_WANT_NET_DEVICES, 0, -1, err);
}

int child_private_root(struct child *child, struct error *err)
{
    struct mount_helper helper = mount_helper_of(child);

    return mount_private_root(child->container->mounts, &child->mounts, &helper, err);
}

int child_mount_everything(struct child *child, struct error *err)
{
    struct mount_helper helper = mount_helper_of(child);

    return mount_all(child->container->mounts, &child->mounts, &helper, err);
}

int child_make_devices(struct child *child, struct error *err)
{
    struct mount_helper helper = mount_helper_of(child);

    return mount_make_devices(child->container->mounts, &child->mounts, &helper, err);
}

int child_ask_hooks(struct child *child, struct error *err)
{
    mount_forget_ours(&child->mounts);
    return child_ask(child, HANDSHAKE_WANT_HOOKS, 0, -1, err);
}

/* runtime.md, "State": "For hooks executed in the container namespace, it is the pid as seen by the
 * container." */
int child_create_hooks(struct child *child, struct error *err)
{
    struct hook_state state = child->container->creating;

    mount_forget_ours(&child->mounts);
    /* In the container's root, as with runc. */
    state.directory = NULL;
    if (child->mounts.root >= 0 && fchdir(child->mounts.root) < 0)
        return fail(err, errno, "enter the root file system");
    return hooks_run(&child->container->hooks->create_container, "createContainer", &state,
                     getpid(), child->environment, err);
}

int child_pivot(struct child *child, struct error *err)
{
    return mount_pivot(child->container->mounts, &child->mounts, err);
}

/* Without a mount namespace of its own, and on exec, the root is what "/" is now. */
int child_find_root(struct child *child, struct error *err)
{
    if (child->mounts.root >= 0)
        return 0;
    child->mounts.root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (child->mounts.root < 0)
        return fail(err, errno, "open /");
    return 0;
}

int child_find_proc(struct child *child, struct error *err)
{
    if (child->mounts.proc >= 0)
        return 0;
    child->mounts.proc = mount_private_proc(err);
    return child->mounts.proc < 0 ? -err->code : 0;
}

int child_write_sysctls(struct child *child, struct error *err)
{
    autoclose int proc_sys = mount_private_proc_sys(err);

    if (proc_sys < 0)
        return -err->code;
    return sysctl_plan_apply(&child->container->sysctl, proc_sys, err);
}

int child_hide_paths(struct child *child, struct error *err)
{
    return mount_hide_paths(child->container->mounts, &child->mounts, err);
}
