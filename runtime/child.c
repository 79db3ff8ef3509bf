#include "runtime/child.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/file.h"
#include "base/inroot.h"
#include "base/kernel.h"
#include "base/own.h"
#include "namespaces/network.h"
#include "namespaces/user.h"
#include "namespaces/uts.h"
#include "runtime/deadline.h"
#include "runtime/descriptors.h"
#include "runtime/handshake.h"
#include "runtime/home.h"
#include "runtime/program.h"
#include "runtime/signals.h"
#include "runtime/timing.h"

/* --- questions to the parent
 * ----------------------------------------------------------------------- */

static int ask(struct child *child, enum handshake_kind kind, int32_t index, int fd,
               struct error *err)
{
    /* Once started, `start` stands in for the parent, which has gone. */
    int socket = child->starter >= 0 ? child->starter : child->socket;

    return handshake_ask(socket, kind, index, fd, NULL, NULL, err);
}

static int ask_for_mount_source(void *context, unsigned index, struct error *err)
{
    const struct child *child = context;
    int fd = -1;

    if (handshake_ask(child->socket, HANDSHAKE_WANT_MOUNT_SOURCE, (int32_t)index, -1, &fd, NULL,
                      err) < 0)
        return -err->code;
    return fd < 0 ? refuse(err, EPROTO, "the runtime sent no mount") : fd;
}

static struct mount_helper mount_helper_of(struct child *child)
{
    return (struct mount_helper){ask_for_mount_source, child, child->log};
}

/* --- conditions of steps
 * ------------------------------------------------------------------------------ */

static bool has_oom_score(const struct child *child)
{
    return child->process->oom_score_adj.set;
}

static bool creates(const struct child *child, uint64_t kind)
{
    return child->container != NULL && (child->container->namespaces.create & kind) != 0;
}

static bool sets_clocks(const struct child *child)
{
    return creates(child, CLONE_NEWTIME) && child->container->time.offsets != NULL &&
           !child->behind_doorman;
}

static bool has_initial_affinity(const struct child *child)
{
    return child->process->initial_affinity.set;
}

static bool has_final_affinity(const struct child *child)
{
    return child->process->final_affinity.set;
}

static bool makes_user_namespace(const struct child *child)
{
    return creates(child, CLONE_NEWUSER) && !child->behind_doorman;
}

static bool joins_namespaces(const struct child *child)
{
    if (child->occasion == CHILD_ON_EXEC)
        return child->target_namespaces != 0 && !child->behind_doorman;
    return child->container->namespaces.join_count > 0;
}

static bool makes_cgroup_namespace(const struct child *child)
{
    return creates(child, CLONE_NEWCGROUP);
}

static bool names_host(const struct child *child)
{
    return child->container->spec->hostname != NULL || child->container->spec->domainname != NULL;
}

static bool makes_network(const struct child *child)
{
    return creates(child, CLONE_NEWNET);
}

static bool moves_devices(const struct child *child)
{
    return child->container->network.count > 0;
}

static bool mounts(const struct child *child)
{
    return creates(child, CLONE_NEWNS);
}

static bool has_hooks_outside(const struct child *child)
{
    const struct spec_hooks *hooks = child->container->hooks;

    return hooks->prestart.count + hooks->create_runtime.count > 0;
}

static bool has_create_hooks(const struct child *child)
{
    return child->container->hooks->create_container.count > 0;
}

static bool has_start_hooks(const struct child *child)
{
    return child->container->hooks->start_container.count > 0;
}

static bool has_terminal(const struct child *child)
{
    return child->process->terminal;
}

static bool has_sysctls(const struct child *child)
{
    return child->container->sysctl.count > 0;
}

static bool has_process(const struct child *child)
{
    return child->process->args != NULL;
}

static bool wants_home(const struct child *child)
{
    return child->process->wants_home;
}

static bool hands_stdio_over(const struct child *child)
{
    return child->process->own_stdio && !child->process->terminal;
}

static bool outside_cwd(const struct child *child)
{
    return !child->in_cwd;
}

static bool filters_early(const struct child *child)
{
    return child->process->seccomp.wanted && !child->process->credentials.no_new_privileges;
}

static bool filters_late(const struct child *child)
{
    return child->process->seccomp.wanted && child->process->credentials.no_new_privileges;
}

static bool has_hooks_inside(const struct child *child)
{
    return has_create_hooks(child) || has_start_hooks(child);
}

/* --- steps, in the order of the table
 * ------------------------------------------------------------------ */

/* While /proc/self is still ours to write, that is before we become undumpable or anybody else.
 * Going below what we have takes CAP_SYS_RESOURCE on the host, which the parent may have. */
static int set_oom_score(struct child *child, struct error *err)
{
    char value[16];

    snprintf(value, sizeof value, "%d", (int)child->process->oom_score_adj.value);

    int code = write_pseudo_file(AT_FDCWD, "/proc/self/oom_score_adj", value);

    if (code == -EACCES || code == -EPERM)
        return ask(child, HANDSHAKE_WANT_OOM_SCORE, (int32_t)child->process->oom_score_adj.value,
                   -1, err);
    return code < 0 ? fail(err, -code, "process.oomScoreAdj: write %s", value) : 0;
}

/* A time namespace takes offsets until the first process enters: make it, set it, enter it. */
static int set_clocks(struct child *child, struct error *err)
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

static int settle(struct child *child, struct error *err)
{
    (void)child;
    signals_reset();
    return follow_parent(err);
}

/* The kernel forgets the death signal when a process changes its ids. */
static int become_root(struct error *err)
{
    return user_become_root(err) < 0 ? -err->code : follow_parent(err);
}

static int become_undumpable(struct child *child, struct error *err)
{
    (void)child;
    return prctl(PR_SET_DUMPABLE, 0) < 0 ? fail(err, errno, "become undumpable") : 0;
}

static int join_cgroup(struct child *child, struct error *err)
{
    int code = cgroup_join_self(child->cgroup, child->joined_v2, err);

    if (!child->may_stay_outside || (code != -EACCES && code != -EPERM))
        return code;
    log_debug(child->log, "%s: staying where we are", err->text);
    return 0;
}

static int pin_initially(struct child *child, struct error *err)
{
    return process_limits_apply_affinity(&child->process->initial_affinity, err);
}

static int pin_finally(struct child *child, struct error *err)
{
    return process_limits_apply_affinity(&child->process->final_affinity, err);
}

static int ask_pid(struct child *child, struct error *err)
{
    return handshake_ask(child->socket, HANDSHAKE_WANT_PID, 0, -1, NULL, &child->pid, err);
}

static int ask_id_maps(struct child *child, struct error *err)
{
    if (ask(child, HANDSHAKE_WANT_ID_MAPS, 0, -1, err) < 0)
        return -err->code;
    return become_root(err);
}

static int join_namespaces(struct child *child, struct error *err)
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

/* The keyring carries the label that is set while it is made. */
static int join_keyring(struct child *child, struct error *err)
{
    const struct security_labels_plan *labels = &child->process->labels;
    autoclose int thread_self = -1;

    if (labels->selinux_label != NULL) {
        autoclose int proc = mount_private_proc(err); /* on exec /proc is the container's already */

        if (proc < 0)
            return -err->code;
        thread_self = openat(proc, "thread-self", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (thread_self < 0)
            return fail(err, errno, "open thread-self in a private procfs");
        if (security_labels_set_keyring(labels, thread_self, err) < 0)
            return -err->code;
    }
    /* Keys are a luxury: old kernels, containers around us and full quotas go without. */
    if (kernel_keyctl(KEYCTL_JOIN_SESSION_KEYRING, (unsigned long)child->process->keyring, 0, 0,
                      0) < 0)
        log_warning(child->log, "no session keyring: %s", strerror(errno));
    return labels->selinux_label != NULL ? security_labels_clear_keyring(labels, thread_self, err)
                                         : 0;
}

static int new_session(struct child *child, struct error *err)
{
    if (setsid() < 0 && errno != EPERM) /* EPERM: we lead a session already */
        return fail(err, errno, "setsid");
    if (child->process->keyring == NULL)
        return 0;
    return join_keyring(child, err);
}

static int unshare_cgroup(struct child *child, struct error *err)
{
    (void)child;
    if (unshare(CLONE_NEWCGROUP) < 0)
        return fail(err, errno, "new cgroup namespace");
    return 0;
}

static int name_host(struct child *child, struct error *err)
{
    return uts_apply(child->container->spec->hostname, child->container->spec->domainname, err);
}

static int bring_up_network(struct child *child, struct error *err)
{
    (void)child;
    return network_loopback_up(err);
}

static int ask_net_devices(struct child *child, struct error *err)
{
    return ask(child, HANDSHAKE_WANT_NET_DEVICES, 0, -1, err);
}

static int private_root(struct child *child, struct error *err)
{
    struct mount_helper helper = mount_helper_of(child);

    return mount_private_root(child->container->mounts, &child->mounts, &helper, err);
}

static int mount_everything(struct child *child, struct error *err)
{
    struct mount_helper helper = mount_helper_of(child);

    return mount_all(child->container->mounts, &child->mounts, &helper, err);
}

static int make_devices(struct child *child, struct error *err)
{
    struct mount_helper helper = mount_helper_of(child);

    return mount_make_devices(child->container->mounts, &child->mounts, &helper, err);
}

static int ask_hooks(struct child *child, struct error *err)
{
    return ask(child, HANDSHAKE_WANT_HOOKS, 0, -1, err);
}

static int create_hooks(struct child *child, struct error *err)
{
    return hooks_run(&child->container->hooks->create_container, "createContainer",
                     &child->container->creating, child->pid, child->environment, err);
}

static int pivot(struct child *child, struct error *err)
{
    return mount_pivot(child->container->mounts, &child->mounts, err);
}

/* Without a mount namespace of its own, and on exec, the root is what "/" is now. */
static int find_root(struct child *child, struct error *err)
{
    if (child->mounts.root >= 0)
        return 0;
    child->mounts.root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (child->mounts.root < 0)
        return fail(err, errno, "open /");
    return 0;
}

static int find_proc(struct child *child, struct error *err)
{
    if (child->mounts.proc >= 0)
        return 0;
    child->mounts.proc = mount_private_proc(err);
    return child->mounts.proc < 0 ? -err->code : 0;
}

static int open_terminal(struct child *child, struct error *err)
{
    const struct spec_console_size *size = child->process->console_size;
    const struct mount_plan *mounts = child->container != NULL ? child->container->mounts : NULL;
    autoclose int master = -1;
    autoclose int peer = -1;

    if (mount_open_terminal(mounts, &child->mounts, &master, &peer, err) < 0)
        return -err->code;
    if (size != NULL) {
        struct winsize cells = {.ws_row = (unsigned short)size->height,
                                .ws_col = (unsigned short)size->width};

        if (ioctl(master, TIOCSWINSZ, &cells) < 0)
            return fail(err, errno, "set the terminal's size");
    }
    if (ask(child, HANDSHAKE_TAKE_TERMINAL, 0, master, err) < 0)
        return -err->code;
    if (ioctl(peer, TIOCSCTTY, 0) < 0)
        return fail(err, errno, "make the terminal ours");
    if (dup2(peer, 0) < 0 || dup2(peer, 1) < 0 || dup2(peer, 2) < 0)
        return fail(err, errno, "put the terminal on stdin, stdout and stderr");
    if (fchown(0, child->process->credentials.uid, (gid_t)-1) < 0 && errno != EPERM &&
        errno != EROFS)
        return fail(err, errno, "give the terminal to its user");
    return 0;
}

/* A detached process keeps the caller's pipes: its user must be able to reopen /dev/stdout. */
static int give_stdio(struct child *child, struct error *err)
{
    for (int fd = 0; fd <= 2; fd++) {
        struct stat status;

        if (fstat(fd, &status) < 0)
            return fail(err, errno, "stat fd %d", fd);
        if (status.st_uid == child->process->credentials.uid ||
            (S_ISCHR(status.st_mode) && status.st_rdev == makedev(1, 3)))
            continue;
        /* Not ours to give: a read-only file system, a user namespace without that id. */
        if (fchown(fd, child->process->credentials.uid, (gid_t)-1) < 0 && errno != EPERM &&
            errno != EROFS && errno != EINVAL)
            return fail(err, errno, "give fd %d to uid %u", fd, child->process->credentials.uid);
    }
    return 0;
}

static int write_sysctls(struct child *child, struct error *err)
{
    autoclose int proc_sys = mount_private_proc_sys(err);

    if (proc_sys < 0)
        return -err->code;
    return sysctl_plan_apply(&child->container->sysctl, proc_sys, err);
}

static int hide_paths(struct child *child, struct error *err)
{
    return mount_hide_paths(child->container->mounts, &child->mounts, err);
}

static int open_proc_self(const struct child *child, struct error *err)
{
    int fd = openat(child->mounts.proc, "thread-self", O_PATH | O_DIRECTORY | O_CLOEXEC);

    return fd >= 0 ? fd : fail(err, errno, "open thread-self in a private procfs");
}

static int set_process_limits(struct child *child, struct error *err)
{
    autoclose int proc_self = open_proc_self(child, err);

    if (proc_self < 0)
        return -err->code;
    return process_limits_apply(&child->process->limits, proc_self, err);
}

static int set_labels(struct child *child, struct error *err)
{
    autoclose int proc_self = open_proc_self(child, err);

    if (proc_self < 0)
        return -err->code;
    return security_labels_apply(&child->process->labels, proc_self, err);
}

/* From here on nothing of the host's is open but what the process is given and the two sockets:
 * CVE-2024-21626 began with a forgotten directory. */
static int close_files(struct child *child, struct error *err)
{
    mount_child_done(&child->mounts);
    child->mounts.root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (child->mounts.root < 0)
        return fail(err, errno, "open /");

    int kept[] = {child->socket, child->listener, child->mounts.root, child->log->fd};

    if (descriptors_close_all_but(3 + child->process->preserved_fds, kept, count_of(kept)) < 0)
        return fail(err, errno, "close files");
    return 0;
}

static int find_home(struct child *child, struct error *err)
{
    (void)err;
    home_find(child->mounts.root, child->process->credentials.uid, child->home, sizeof child->home);
    child->process->env[child->process->env_count] = child->home;
    child->process->env[child->process->env_count + 1] = NULL;
    return 0;
}

/* Enter process.cwd and prove that it lies inside the root: a directory that cannot be reached from
 * "/" has no path. */
static int enter_cwd_now(struct child *child, struct error *err)
{
    char path[PATH_MAX];
    char quoted[1040];
    autoclose int fd = inroot_open(child->mounts.root, child->process->cwd, INROOT_FOLLOW, err);

    if (fd < 0)
        return prefix(err, "process.cwd: ");
    if (fchdir(fd) < 0)
        return fail(err, errno, "process.cwd: %s", quotable(quoted, child->process->cwd));
    if (getcwd(path, sizeof path) == NULL || path[0] != '/')
        return refuse(err, EPERM, "process.cwd: %s: is outside of the container's root",
                      quotable(quoted, child->process->cwd));
    child->in_cwd = true;
    return 0;
}

static int enter_cwd(struct child *child, struct error *err)
{
    const struct credentials_plan *who = &child->process->credentials;

    if (child->occasion == CHILD_ON_CREATE &&
        mount_make_cwd(&child->mounts, child->process->cwd, who->uid, who->gid, err) < 0)
        return -err->code;
    /* Root squashed on NFS may not enter what the user may: try again after the drop. */
    if (enter_cwd_now(child, err) < 0 && err->code != EACCES && err->code != EPERM)
        return -err->code;
    return 0;
}

static int load_seccomp(struct child *child, struct error *err)
{
    int listener = seccomp_plan_apply(&child->process->seccomp, err);

    if (listener < 0 || !child->process->seccomp.has_listener)
        return listener < 0 ? listener : 0;

    int code = ask(child, HANDSHAKE_TAKE_SECCOMP, 0, listener, err);

    close_fd(&listener);
    return code;
}

static int drop_privileges(struct child *child, struct error *err)
{
    return credentials_apply(&child->process->credentials, err);
}

static int find_program(struct child *child, struct error *err)
{
    return program_find(child->process->args[0], child->process->path, child->program,
                        sizeof child->program, err);
}

/* Whoever listens first is who SO_PEERCRED names to `start`. */
static int listen_for_start(struct child *child, struct error *err)
{
    return listen(child->listener, 16) < 0 ? fail(err, errno, "listen for start") : 0;
}

static int report_ready(struct child *child, struct error *err)
{
    /* The answer comes when the state is on disk, and the parent may end at once: the death signal
     * goes first.  A parent that dies before its answer shows as a closed socket. */
    if (prctl(PR_SET_PDEATHSIG, 0) < 0)
        return fail(err, errno, "outlive the runtime");
    if (ask(child, HANDSHAKE_READY, 0, -1, err) < 0)
        return -err->code;
    close_fd(&child->socket);
    return 0;
}

/* Wait for `start` as long as it takes; a caller that goes away again is no start. */
static int wait_for_start(struct child *child, struct error *err)
{
    for (;;) {
        struct handshake_message message;
        int fd = -1;
        autoclose int starter = accept4(child->listener, NULL, NULL, SOCK_CLOEXEC);

        if (starter < 0 && errno != EINTR && errno != ECONNABORTED)
            return fail(err, errno, "wait for start");
        if (starter < 0)
            continue;
        if (handshake_receive(starter, &message, &fd) <= 0 || message.kind != HANDSHAKE_GO) {
            close_fd(&fd);
            continue;
        }
        close_fd(&fd);
        if (handshake_send(starter, HANDSHAKE_STARTED, 0, -1) < 0)
            continue;
        child->starter = take_fd(&starter);
        close_fd(&child->listener);
        return 0;
    }
}

static int need_process(struct child *child, struct error *err)
{
    if (child->process->args == NULL)
        return refuse(err, EINVAL, "process.args: missing, there is nothing to start");
    return 0;
}

static int start_hooks(struct child *child, struct error *err)
{
    return hooks_run(&child->container->hooks->start_container, "startContainer",
                     &child->container->created, child->pid, child->process->env, err);
}

static int seal_files(struct child *child, struct error *err)
{
    if (descriptors_pass(3, child->process->preserved_fds) < 0)
        return fail(err, errno, "hand over files");
    if (prctl(PR_SET_PDEATHSIG, 0) < 0)
        return fail(err, errno, "outlive the runtime");
    return 0;
}

static int execute(struct child *child, struct error *err)
{
    execve(child->program, child->process->args, child->process->env);

    int code = errno;

    fail(err, code, "exec: \"%s\"", child->program);
    return program_explain(child->mounts.root, child->program, code, err);
}

/* --- the table
 * ----------------------------------------------------------------------------------------- */

struct child_step {
    const char *name;
    int when; /* enum child_occasion, ored */
    bool (*applies)(const struct child *child);
    must_check int (*run)(struct child *child, struct error *err);
};

enum {
    C = CHILD_ON_CREATE,
    E = CHILD_ON_EXEC,
    EARLY = 4 /* by the doorman, where there is one */
};

/* The order is the specification's (runtime.md "Lifecycle") and the kernel's. */
/* clang-format off */
static const struct child_step child_steps[] = {
    /* While /proc/self is still ours to write. */
    {"set-oom-score",      C | E | EARLY, has_oom_score,          set_oom_score     },
    {"pin-initially",          E | EARLY, has_initial_affinity,   pin_initially     },
    /* As the host's root still: a user namespace has no rights to the tasks files. */
    {"join-cgroup",        C | E | EARLY, NULL,                   join_cgroup       },
    {"pin-finally",            E | EARLY, has_final_affinity,     pin_finally       },
    /* The same file ownership; and before anything reads a clock. */
    {"set-clocks",         C,             sets_clocks,            set_clocks        },
    {"settle",             C | E,         NULL,                   settle            },
    {"ask-pid",            C,             has_hooks_inside,       ask_pid           },
    /* Everything below needs capabilities in the namespace that owns the others. */
    {"ask-id-maps",        C,             makes_user_namespace,   ask_id_maps       },
    /* Nobody inside may trace us or look through /proc/PID/fd while we still hold host things.  Not
     * before the id maps: whoever is not root may write those only of a dumpable process. */
    {"become-undumpable",  C | E,         NULL,                   become_undumpable },
    {"join-namespaces",    C | E,         joins_namespaces,       join_namespaces   },
    {"new-session",        C | E,         NULL,                   new_session       },
    /* Only now is our cgroup the root to be seen. */
    {"unshare-cgroup",     C,             makes_cgroup_namespace, unshare_cgroup    },
    {"name-host",          C,             names_host,             name_host         },
    {"bring-up-network",   C,             makes_network,          bring_up_network  },
    {"ask-net-devices",    C,             moves_devices,          ask_net_devices   },
    {"private-root",       C,             mounts,                 private_root      },
    {"mount-all",          C,             mounts,                 mount_everything  },
    {"make-devices",       C,             mounts,                 make_devices      },
    /* Mounts are done, the host's files still reachable: where these hooks must run. */
    {"ask-hooks",          C,             has_hooks_outside,      ask_hooks         },
    {"create-hooks",       C,             has_create_hooks,       create_hooks      },
    {"pivot",              C,             mounts,                 pivot             },
    {"find-root",          C | E,         NULL,                   find_root         },
    {"find-proc",          C | E,         NULL,                   find_proc         },
    /* After pivot: the terminal comes from the container's own devpts. */
    {"open-terminal",      C | E,         has_terminal,           open_terminal     },
    {"give-stdio",         C | E,         hands_stdio_over,       give_stdio        },
    /* Before /proc/sys turns read-only. */
    {"write-sysctls",      C,             has_sysctls,            write_sysctls     },
    {"hide-paths",         C,             mounts,                 hide_paths        },
    /* With privileges still, before seccomp may forbid the calls. */
    {"set-process-limits", C | E,         NULL,                   set_process_limits},
    {"set-labels",         C | E,         NULL,                   set_labels        },
    {"close-files",        C | E,         NULL,                   close_files       },
    {"find-home",          C | E,         wants_home,             find_home         },
    {"enter-cwd",          C | E,         has_process,            enter_cwd         },
    /* Loading a filter without no_new_privs takes CAP_SYS_ADMIN, which goes next. */
    {"seccomp-early",      C | E,         filters_early,          load_seccomp      },
    {"drop-privileges",    C | E,         NULL,                   drop_privileges   },
    {"retry-cwd",          C | E,         outside_cwd,            enter_cwd_now     },
    /* As the user who will run it, and while create can still say that it is not there. */
    {"find-program",       C | E,         has_process,            find_program      },
    {"listen-for-start",   C,             NULL,                   listen_for_start  },
    {"report-ready",       C,             NULL,                   report_ready      },
    {"wait-for-start",     C,             NULL,                   wait_for_start    },
    {"need-process",       C,             NULL,                   need_process      },
    {"start-hooks",        C,             has_start_hooks,        start_hooks       },
    {"seal-files",         C | E,         NULL,                   seal_files        },
    /* Last, so that the filter need not allow the above. */
    {"seccomp-late",       C | E,         filters_late,           load_seccomp      },
    {"execve",             C | E,         NULL,                   execute           },
};
/* clang-format on */

static int run_step(const struct child_step *step, struct child *child, struct error *err)
{
    int64_t begun = timing_begin(child->log);
    int code = step->run(child, err);

    timing_end(child->log, "child", step->name, begun);
    return code < 0 ? within(err, "%s", step->name) : 0;
}

static bool is_wanted(const struct child_step *step, const struct child *child)
{
    return (step->when & child->occasion) != 0 && (step->applies == NULL || step->applies(child));
}

int child_run_early(struct child *child, struct error *err)
{
    close_fd(&child->parents_end);
    for (size_t i = 0; i < count_of(child_steps); i++) {
        if ((child_steps[i].when & EARLY) != 0 && is_wanted(&child_steps[i], child) &&
            run_step(&child_steps[i], child, err) < 0)
            return -err->code;
    }
    return 0;
}

_Noreturn void child_run(struct child *child)
{
    int done = child->behind_doorman ? EARLY : 0;
    struct error err;

    close_fd(&child->parents_end);
    for (size_t i = 0; i < count_of(child_steps); i++) {
        if ((child_steps[i].when & done) == 0 && is_wanted(&child_steps[i], child) &&
            run_step(&child_steps[i], child, &err) < 0)
            break;
    }
    handshake_send_failure(child->starter >= 0 ? child->starter : child->socket, &err);
    _exit(1);
}
