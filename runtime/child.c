#include "runtime/child.h"

#include <errno.h>
#include <unistd.h>

#include "base/kernel.h"
#include "base/own.h"
#include "base/timing.h"
#include "runtime/child_steps.h"

/* --- when a step applies ------------------------------------------------------------------------
 */

static bool has_class(const struct child *child)
{
    return child->has_class;
}

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

static bool is_started_by_others(const struct child *child)
{
    return !child->starts_at_once;
}

static bool wants_home(const struct child *child)
{
    return child->process->wants_home;
}

static bool keeps_stdio(const struct child *child)
{
    return !child->process->terminal;
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
    {"set-oom-score",      C | E | EARLY, has_oom_score,          child_set_oom_score     },
    {"pin-initially",          E | EARLY, has_initial_affinity,   child_pin_initially     },
    /* As the host's root still: a user namespace has no rights to the tasks files. */
    {"join-cgroup",        C | E | EARLY, NULL,                   child_join_cgroup       },
    /* What is in force from here on is the cgroup's cpuset, not the affinity of whoever called us. */
    {"free-cpus",          C | E | EARLY, NULL,                   child_free_cpus         },
    {"pin-finally",            E | EARLY, has_final_affinity,     child_pin_finally       },
    /* The same file ownership; and before anything reads a clock. */
    {"set-clocks",         C,             sets_clocks,            child_set_clocks        },
    {"settle",             C | E,         NULL,                   child_settle            },
    {"enter-class",        C | E,         has_class,              child_enter_class       },
    /* Everything below needs capabilities in the namespace that owns the others. */
    {"ask-id-maps",        C,             makes_user_namespace,   child_ask_id_maps       },
    /* Nobody inside may trace us or look through /proc/PID/fd while we still hold host things.  Not
     * before the id maps: whoever is not root may write those only of a dumpable process. */
    {"become-undumpable",  C | E,         NULL,                   child_become_undumpable },
    {"join-namespaces",    C | E,         joins_namespaces,       child_join_namespaces   },
    {"new-session",        C | E,         NULL,                   child_new_session       },
    /* Only now is our cgroup the root to be seen. */
    {"unshare-cgroup",     C,             makes_cgroup_namespace, child_unshare_cgroup    },
    {"name-host",          C,             names_host,             child_name_host         },
    {"bring-up-network",   C,             makes_network,          child_bring_up_network  },
    {"ask-net-devices",    C,             moves_devices,          child_ask_net_devices   },
    {"private-root",       C,             mounts,                 child_private_root      },
    {"mount-all",          C,             mounts,                 child_mount_everything  },
    {"make-devices",       C,             mounts,                 child_make_devices      },
    /* Mounts are done, the host's files still reachable: where these hooks must run. */
    {"ask-hooks",          C,             has_hooks_outside,      child_ask_hooks         },
    {"create-hooks",       C,             has_create_hooks,       child_create_hooks      },
    {"pivot",              C,             mounts,                 child_pivot             },
    {"find-root",          C | E,         NULL,                   child_find_root         },
    {"find-proc",          C | E,         NULL,                   child_find_proc         },
    /* After pivot: the terminal comes from the container's own devpts. */
    {"open-terminal",      C | E,         has_terminal,           child_open_terminal     },
    {"own-null",           C | E,         keeps_stdio,            child_own_null          },
    {"give-stdio",         C | E,         hands_stdio_over,       child_give_stdio        },
    /* Before /proc/sys turns read-only. */
    {"write-sysctls",      C,             has_sysctls,            child_write_sysctls     },
    {"hide-paths",         C,             mounts,                 child_hide_paths        },
    /* Before the limits: what closes one by one goes by the limit of files. */
    {"close-files",        C | E,         NULL,                   child_close_files       },
    /* With privileges still, before seccomp may forbid the calls. */
    {"set-process-limits", C | E,         NULL,                   child_set_process_limits},
    {"set-labels",         C | E,         NULL,                   child_set_labels        },
    {"find-home",          C | E,         wants_home,             child_find_home         },
    {"enter-cwd",          C | E,         has_process,            child_enter_cwd         },
    /* Loading a filter without no_new_privs takes CAP_SYS_ADMIN, which goes next. */
    {"seccomp-early",      C | E,         filters_early,          child_load_seccomp      },
    {"drop-privileges",    C | E,         NULL,                   child_drop_privileges   },
    {"retry-cwd",          C | E,         outside_cwd,            child_enter_cwd_now     },
    /* As the user who will run it, and while create can still say that it is not there. */
    {"find-program",       C | E,         has_process,            child_find_program      },
    {"listen-for-start",   C,             is_started_by_others,   child_listen_for_start  },
    {"report-ready",       C,             NULL,                   child_report_ready      },
    {"wait-for-start",     C,             is_started_by_others,   child_wait_for_start    },
    {"need-process",       C,             NULL,                   child_need_process      },
    {"start-hooks",        C,             has_start_hooks,        child_start_hooks       },
    {"seal-files",         C | E,         NULL,                   child_seal_files        },
    {"announce-program",       E,         NULL,                   child_announce_program  },
    /* Last, so that the filter need not allow the above. */
    {"seccomp-late",       C | E,         filters_late,           child_load_seccomp      },
    {"execve",             C | E,         NULL,                   child_execute           },
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
