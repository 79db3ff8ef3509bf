#pragma once

/*
 * crun-lite as a library: containers and what one does with them.  The only header of runtime/ that
 * front ends include.
 *
 * Nothing here prints, exits, reads the environment or argv, or changes the caller's working
 * directory, umask or signal mask.  What a call needs comes in structs; what it has to say goes out
 * in struct error.  Calls on different containers may interleave freely; each call locks the
 * container's state directory for as long as it changes it.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/log.h"
#include "spec/spec.h"

enum runtime_cgroup_manager { RUNTIME_CGROUPFS, RUNTIME_SYSTEMD, RUNTIME_NO_CGROUPS };

/* What every call needs.  The strings must outlive the call. */
struct runtime {
    const char *root; /* the state root, absolute; made when missing (0700) */
    enum runtime_cgroup_manager cgroup_manager;
    bool
        rootless; /* the caller has no rights on the host: changes what is attempted, not allowed */
    /* The sink is also called from child processes after clone: it may format and write(2), nothing
     * else. */
    struct log log;
    char *const *environment; /* of the caller: inherited by hooks without an env of their own */
};

struct container; /* opaque; container_free() */

/* --- create ---------------------------------------------------------------------------------- */

/* Values that replace the bundle's own, in memory only.  Absent members change nothing. */
struct create_overrides {
    const char *cpus;   /* "0.25": CPUs' worth of time: quota and period */
    const char *memory; /* "512M" */
    const char *pids;   /* "100" */
    const char *hostname;
    struct string_list env;        /* "NAME=value", replacing entries of that name */
    struct string_list args;       /* replaces process.args */
    bool read_only;                /* the root file system */
    bool overlay;                  /* a writable layer over the root file system ... */
    const char *overlay_directory; /* ... kept in this directory; NULL: tmpfs, gone at delete */
};

struct create_request {
    const char *id;
    const char *bundle; /* directory; relative is from the caller's cwd */
    const char *config; /* file instead of BUNDLE/config.json, or NULL */
    struct create_overrides overrides;
    const char *console_socket; /* NULL, or where to send the terminal's master fd */
    const char *pidfd_socket;   /* NULL, or where to send a pidfd of init */
    const char *pid_file;       /* NULL, or written before create returns */
    /* Of the caller's terminal, in the place of process.consoleSize; or NULL.  Set before the
     * program can ask for it. */
    const struct spec_console_size *console_size;
    unsigned preserve_fds; /* this many fds from 3 (after listen_fds) reach the process */
    unsigned listen_fds;   /* from LISTEN_FDS */
    bool no_pivot;
    bool no_new_keyring;
    bool detach;           /* nobody waits in the foreground: a terminal needs a console socket */
    int64_t time_limit_ns; /* 0: none.  Detached: a watcher process ends the container */
    int64_t time_limit_grace_ns; /* from SIGTERM to SIGKILL */
};

/* Make the container: namespaces, mounts, limits, and its first process waiting for start.
 * Status afterwards is "created".  On failure nothing is left.  The caller must be able to wait for
 * the process (it is a child of the caller).  *ret is freed with container_free(). */
must_check int container_create(const struct runtime *runtime, const struct create_request *request,
                                struct container **ret, struct error *err);

/* --- what exists --------------------------------------------------------------------------------
 */

/* Open a container by id.  ENOENT: "container does not exist". */
must_check int container_open(const struct runtime *runtime, const char *id, struct container **ret,
                              struct error *err);
void container_free(struct container *container);

enum container_status {
    CONTAINER_CREATING,
    CONTAINER_CREATED,
    CONTAINER_RUNNING,
    CONTAINER_PAUSED,
    CONTAINER_STOPPED
};

/* "creating", "created", "running", "paused", "stopped". */
const char *container_status_name(enum container_status status);

/* What `state` and `list` show.  Strings live as long as the container (or the arena of a list). */
struct container_state {
    const char *oci_version;
    const char *id;
    int64_t pid; /* 0 when stopped */
    const char *status;
    const char *bundle;
    const char *rootfs;
    const char *created; /* RFC 3339 with nanoseconds, UTC */
    struct string_map annotations;
    const char *owner; /* user id as text; front ends may replace it by a name */
};

/* JSON of it, in runc's order; use with fields_encode(). */
struct fields;
extern const struct fields container_state_fields;

must_check int container_state(struct container *container, struct container_state *ret,
                               struct error *err);
enum container_status container_status(struct container *container);

struct container_list {
    struct container_state *items;
    size_t count;
};

/* All containers below runtime->root, by id.  Entries that cannot be read are warned about in the
 * log and left out.  A missing root is ENOENT. */
must_check int container_list(const struct runtime *runtime, struct arena *arena,
                              struct container_list *ret, struct error *err);

/* Host pids of all processes inside, ascending. */
must_check int container_processes(struct container *container, struct arena *arena, pid_t **ret,
                                   size_t *ret_count, struct error *err);

/* The first process: pid, a pidfd (owned by the container), and the terminal's master when the
 * request was not detached and process.terminal is set (else -1; owned by the container). */
pid_t container_pid(const struct container *container);
int container_pidfd(const struct container *container);
int container_terminal(const struct container *container);

/* How often the kernel killed for memory inside; -1 unknown. */
int64_t container_oom_kills(const struct container *container);

/* --- changing state
 * -------------------------------------------------------------------------------- */

/* Let the first process run: startContainer hooks, execve, then poststart hooks.  Reports a failed
 * execve.  Errors: "cannot start a container that has stopped", "cannot start an already running
 * container". */
must_check int container_start(const struct runtime *runtime, struct container *container,
                               struct error *err);

/* Send a signal to the first process; SIGKILL without a private pid namespace, or `all`: to every
 * process.  "container not running" (ESRCH) when it is stopped and not `all`. */
must_check int container_kill(const struct runtime *runtime, struct container *container,
                              int signal, bool all, struct error *err);

must_check int container_pause(const struct runtime *runtime, struct container *container,
                               struct error *err);
must_check int container_resume(const struct runtime *runtime, struct container *container,
                                struct error *err);

/* Change limits; what is absent stays.  All or nothing: on failure old values are restored. */
must_check int container_update(const struct runtime *runtime, struct container *container,
                                const struct spec_resources *resources, struct error *err);

/* Undo create: processes, cgroup, state, then poststop hooks.  Without `force` a running container
 * is an error ("cannot delete container X that is not stopped: running"); with it an unknown id is
 * success.  Works from the state record alone and may be repeated after a failure. */
must_check int container_delete(const struct runtime *runtime, const char *id, bool force,
                                struct error *err);

/* --- exec
 * -------------------------------------------------------------------------------------------- */

struct exec_request {
    const struct spec_process
        *process; /* whole, from a file; NULL: the container's own, changed by: */
    struct string_list args;
    struct string_list env; /* added */
    const char *cwd;
    const char *user; /* "UID[:GID]" */
    struct uint32_list additional_gids;
    struct string_list capabilities; /* added */
    const char *apparmor_profile;
    const char *process_label;
    bool no_new_privileges;
    bool terminal;
    /* for both forms: */
    const struct spec_console_size *console_size; /* as in struct create_request */
    const char *cgroup;                           /* sub-cgroup "[controller:]PATH" or NULL */
    const char *console_socket;
    const char *pidfd_socket;
    const char *pid_file;
    unsigned preserve_fds;
    unsigned listen_fds;
    bool ignore_paused;
    bool detach;
};

struct container_process {
    pid_t pid;
    int pidfd;    /* the caller's to close */
    int terminal; /* master, or -1; the caller's to close */
};

/* Run one more process in the container.  It is a child of the caller.  Errors: "cannot exec in a
 * stopped container", "cannot exec in a paused container (use --ignore-paused to override)". */
must_check int container_exec(const struct runtime *runtime, struct container *container,
                              const struct exec_request *request, struct container_process *ret,
                              struct error *err);

/* --- about ourselves
 * ----------------------------------------------------------------------------------- */

/* What this build can do on this kernel (features.md). */
must_check int runtime_features(struct spec_features *ret, struct arena *arena, struct error *err);

/* Make sure that the program cannot be changed from inside a container: continue from a sealed copy
 * of ourselves (CVE-2019-5736).  Executes argv again when that is needed and then does not return;
 * call it first thing in create, run and exec.  Failure to seal is an error. */
must_check int runtime_seal(char *const argv[], char *const environment[], struct error *err);
