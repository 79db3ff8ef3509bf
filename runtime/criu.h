#pragma once

/*
 * The program criu, at work for one request: started as `criu swrk FD`, asked over a socket
 * (criu_message.h), answered when it notifies, and listened to until it has done.  criu.org/RPC
 */

#include <stdbool.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/error.h"
#include "cgroups/cgroup.h"
#include "runtime/criu_message.h"

/* Older ones cannot restore into namespaces that are there already. */
enum { CRIU_LEAST_MAJOR = 3, CRIU_LEAST_MINOR = 15 };

/* How criu starts. */
struct criu_job {
    const char *program; /* absolute, from criu_find() */
    char *const *environment;
    const struct criu_options *options;
    enum criu_request_type type;
    /* The path of options->work_dir, where criu mounts things on the way: opened anew by criu's own
     * process, as a directory of our mount namespace is none of its own.  NULL: no work_dir */
    const char *work_path;
    const struct cgroup_host *host; /* criu mounts its cgroup file systems; NULL: it does not */
    /* restore: the cgroup in which criu makes the processes; NULL: it stays outside */
    const struct cgroup *cgroup;
    /* restore: a directory to be made a mount of its own, in a mount namespace of criu's own, so
     * that there is nothing to unmount afterwards; NULL: none */
    const char *mount_root;
    /* Called for each notification; an error makes criu give up.  `fd` came along, or is -1.  May
     * be NULL. */
    int (*notified)(void *context, const char *script, pid_t pid, int fd, struct error *err);
    void *context;
    int give_up;    /* readable when the caller does not want it any more; -1: never */
    int deadline_s; /* for the whole; 0: none */
};

/* The program in $PATH of `environment`: -ENOENT when there is none. */
must_check int criu_look_up(char *const *environment, struct arena *arena, const char **ret,
                            struct error *err);

/* The same, and that it is new enough.  It is asked, for some seconds at most; `give_up` as above.
 */
must_check int criu_find(char *const *environment, int give_up, struct arena *arena,
                         const char **ret, struct error *err);

/* Do it.  How long it takes to write out memory, nobody knows, so dump and restore go without a
 * deadline: criu has its own for each wait, and its end is noticed.  On failure err holds the first
 * error of the log, or what criu answered, and where the log is (`log_path`; an older one there is
 * removed first).  -EINTR: given up.  criu is told so when it next asks, at the latest before it
 * would end the processes, and takes everything back; it is killed when it does not ask for long,
 * which is much longer once a dump has locked the network: that would stay locked, and err says so.
 * `ret_pid` (may be NULL): what was restored, a child of ours. */
must_check int criu_run(const struct criu_job *job, const char *log_path, pid_t *ret_pid,
                        struct error *err);

/* The configuration file of CRIU for containers: annotation org.criu.config, else
 * /etc/criu/crun.conf, else /etc/criu/runc.conf, else NULL. */
const char *criu_config_file(const struct string_map *annotations);
