#pragma once

/*
 * Everything that will be done, as numbers, strings and file names: the modules' plans side by
 * side. Made in the parent without changing anything; const afterwards.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/error.h"
#include "cgroups/cgroup.h"
#include "namespaces/mount/mount.h"
#include "namespaces/namespaces.h"
#include "namespaces/network.h"
#include "namespaces/sysctl.h"
#include "namespaces/time.h"
#include "namespaces/user.h"
#include "runtime/container.h"
#include "runtime/credentials.h"
#include "runtime/hooks.h"
#include "runtime/layer.h"
#include "runtime/process_limits.h"
#include "runtime/resctrl.h"
#include "runtime/security_labels.h"
#include "seccomp/seccomp.h"
#include "spec/spec.h"

/* One process, whether the first or one of exec. */
struct process_plan {
    char **args;
    char **env;       /* the last slot before the NULL is free for HOME when wants_home */
    size_t env_count; /* without that slot */
    bool wants_home;  /* env has no HOME: take it from the container's /etc/passwd */
    const char *path; /* $PATH of env; "" without */
    const char *cwd;
    bool terminal;
    const struct spec_console_size *console_size; /* NULL: as it is */
    bool own_stdio;         /* stdio is handed over for good: give it to the container's user */
    unsigned preserved_fds; /* fds 3 ... that reach the process */
    const char *keyring;    /* name of the new session keyring; NULL: keep the caller's */
    struct credentials_plan credentials;
    struct process_limits_plan limits;
    struct optional_int64 oom_score_adj;  /* out of limits: set earlier, see child.c */
    struct cpu_affinity initial_affinity; /* exec: before and after the cgroup is joined */
    struct cpu_affinity final_affinity;
    struct security_labels_plan labels;
    struct seccomp_plan seccomp;
};

struct container_plan {
    const struct spec *spec;
    const char *id;
    const char *bundle; /* absolute */
    const char *source; /* of the spec, for errors: "config.json", or the file of --config */
    struct process_plan process;
    bool has_process;   /* the bundle says what to run: start needs it, create does not */
    bool is_privileged; /* caller_is_privileged() */
    struct namespace_plan namespaces;
    struct id_map_plan id_maps;
    struct time_plan time;
    struct network_plan network;
    struct sysctl_plan sysctl;
    struct layer_choice layer;
    struct mount_plan *mounts;
    struct cgroup_host cgroup_host;
    struct cgroup_plan cgroup;
    struct cgroup_record cgroup_record;
    struct resctrl_plan resctrl;
    const struct spec_hooks *hooks; /* never NULL */
    struct hook_state creating;     /* what hooks read, by status */
    struct hook_state created;
};

/* What the caller adds to the process of the spec. */
struct process_request {
    const char *source; /* what errors name: "config.json", "process" */
    const char *id;
    unsigned preserve_fds;
    unsigned listen_fds;
    const char *listen_names; /* LISTEN_FDNAMES, or NULL */
    bool notify;              /* there is a socket for sd_notify(3) at its place */
    bool detach;
    const struct spec_console_size *console_size; /* the caller's; NULL: process.consoleSize */
    bool new_keyring;
    bool new_user_namespace;           /* where a process starts with every capability */
    const struct id_map_plan *id_maps; /* to check that ids are mapped; NULL: all are */
};

must_check int process_plan_from_spec(struct process_plan *ret, const struct spec_process *process,
                                      const struct spec_linux *linux_,
                                      const struct process_request *request, struct arena *arena,
                                      const struct log *log, struct error *err);

must_check int container_plan_from_spec(struct container_plan *ret, const struct spec *spec,
                                        const char *bundle, const struct runtime *runtime,
                                        const struct create_request *request, struct arena *arena,
                                        struct error *err);

/* The same for who wants to know of all that is in the way: goes on behind a part that cannot be
 * planned, which stays empty in *ret, and tells of each. */
void container_plan_try(struct container_plan *ret, const struct spec *spec, const char *bundle,
                        const struct runtime *runtime, const struct create_request *request,
                        struct arena *arena, void (*failed)(void *context, const struct error *err),
                        void *context);

/* How mounts of type "cgroup" are filled: with the directories of the record. */
must_check int plan_cgroup_mounts(struct mount_request *request, const struct cgroup_host *host,
                                  const struct cgroup_record *record, struct arena *arena,
                                  struct error *err);

/* The caller has rights over the whole host, not just over a user namespace of its own. */
bool caller_is_privileged(void);
