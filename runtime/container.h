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

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/log.h"
#include "cgroups/stats.h"
#include "runtime/resctrl.h"
#include "spec/fields.h"
#include "spec/spec.h"

enum runtime_cgroup_manager { RUNTIME_CGROUPFS, RUNTIME_SYSTEMD, RUNTIME_NO_CGROUPS };

/* What every call needs.  The strings must outlive the call. */
struct runtime {
    const char *root; /* the state root, absolute; made when missing (0700) */
    enum runtime_cgroup_manager cgroup_manager;
    /* The caller has no rights on the host, and knows: where there is no cgroup to be had and no
     * limit was asked for, the container goes without.  False for such a caller: an error. */
    bool rootless;
    /* Of the user whose systemd makes the cgroups when rootless: "/run/user/1000". */
    const char *user_directory;
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
    unsigned preserve_fds;    /* this many fds from 3 (after listen_fds) reach the process */
    unsigned listen_fds;      /* from LISTEN_FDS */
    const char *listen_names; /* of those, from LISTEN_FDNAMES; or NULL */
    /* Where the caller's service manager listens: an absolute path, or "@" and an abstract name;
     * NULL: nowhere.  Then the container gets a socket of its own for sd_notify(3): see
     * container_start(). */
    const char *notify_socket;
    bool no_pivot;
    bool no_new_keyring;
    bool strict; /* parts of the bundle that would have no effect are an error */
    bool detach; /* nobody waits in the foreground: a terminal needs a console socket */
    /* The caller has one thread, and will end soon: until then the first process may use its memory
     * (lend.h), and what container_free() leaves is not missed. */
    bool lends_memory;
    bool will_start; /* the caller's next call is container_start(): until then no other command
                        gets at the container */
    int64_t time_limit_ns;       /* 0: none.  Detached: a watcher process ends the container */
    int64_t time_limit_grace_ns; /* from SIGTERM to SIGKILL */
};

/* Make the container: namespaces, mounts, limits, and its first process waiting for start.
 * Status afterwards is "created".  On failure nothing is left.  The caller must be able to wait for
 * the process (it is a child of the caller).  *ret is freed with container_free(). */
must_check int container_create(const struct runtime *runtime, const struct create_request *request,
                                struct container **ret, struct error *err);

/* --- before that -------------------------------------------------------------------------------
 */

/* One thing that a bundle needs of this host.  Both texts can be printed: whatever the bundle's
 * names have in them, there are no control bytes. */
struct container_finding {
    const char *check; /* what was looked at: "mounts", "program" */
    const char *place; /* in config.json: "mounts[3].source"; NULL where all of `check` is given */
    bool ok;
    const char *words; /* what is missing; NULL when nothing is */
};

struct container_findings {
    struct container_finding *items;
    size_t count;
    size_t missing; /* those that are not ok */
};

/* JSON of one, for fields_encode_array(). */
extern const struct fields container_finding_fields;

/* What this host cannot give to the container that container_create() would make of the request:
 * one finding at least for everything that applies to the bundle.  Nothing is made, mounted or
 * started, and the caller may be anybody.  Fails, as create does, when the bundle itself is no
 * good. */
must_check int container_check(const struct runtime *runtime, const struct create_request *request,
                               struct arena *arena, struct container_findings *ret,
                               struct error *err);

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

/* Wait until the first process has ended, at most `timeout_ms` (negative: for ever).  1 when it
 * has, 0 at the timeout. */
must_check int container_wait(const struct container *container, int64_t timeout_ms,
                              struct error *err);

/* The exit status of the first process, as a shell counts (128 + signal), once it has ended; we
 * need not be its parent.  ENODATA: its parent has collected it and this kernel tells it to nobody
 * else (Linux 6.15 does). */
must_check int container_exit_status(struct container *container, int *ret, struct error *err);

/* The ids below runtime->root, in order.  A missing root is ENOENT. */
must_check int container_ids(const struct runtime *runtime, struct arena *arena,
                             struct string_list *ret, struct error *err);

/* --- what happens
 * ---------------------------------------------------------------------------------- */

struct container_interface {
    const char *name;
    uint64_t rx_bytes, rx_packets, rx_errors, rx_dropped;
    uint64_t tx_bytes, tx_packets, tx_errors, tx_dropped;
};

struct container_stats {
    struct cgroup_stats cgroup;
    struct resctrl_stats intel_rdt; /* nothing in it without a class of its own */
    /* Of the container's own network namespace, as it sees them. */
    SPEC_LIST(struct container_interface) interfaces;
};

enum container_event_kind { CONTAINER_EVENT_STATS, CONTAINER_EVENT_OOM, CONTAINER_EVENT_END };

struct container_event {
    enum container_event_kind kind;
    const char *type; /* "stats", "oom"; NULL for the end */
    const char *id;
    struct container_stats *stats; /* or NULL */
};

/* JSON of it, as `runc events` prints it. */
extern const struct fields container_event_fields;

/* What the container has used until now.  EINVAL "container with id X is not running". */
must_check int container_stats(struct container *container, struct arena *arena,
                               struct container_stats *ret, struct error *err);

struct container_events; /* opaque; container_events_free() */

/* Follow a container, which must outlive this: statistics every `interval_ns`, the kernel's kills
 * for memory, the end.  Errors as container_stats(). */
must_check int container_events_open(struct container *container, int64_t interval_ns,
                                     struct container_events **ret, struct error *err);
/* For poll: readable when container_events_next() has something. */
int container_events_fd(const struct container_events *events);
/* 1 and the next event, whose memory is the arena's; 0 when nothing has happened within
 * `timeout_ms` (negative: wait for ever).  Behind CONTAINER_EVENT_END there is nothing. */
must_check int container_events_next(struct container_events *events, int timeout_ms,
                                     struct arena *arena, struct container_event *ret,
                                     struct error *err);
void container_events_free(struct container_events *events);

struct container_watch; /* opaque; container_watch_free() */

/* Be told when what container_list() says may have changed: containers that come and go, start,
 * end, pause and resume.  A root that is missing is made, or is ENOENT. */
must_check int container_watch_open(const struct runtime *runtime, bool makes_root,
                                    struct container_watch **ret, struct error *err);
/* For poll: readable when something may have changed. */
int container_watch_fd(const struct container_watch *watch);
/* Take note of what there is now: call it before container_list(), after each wake-up. */
must_check int container_watch_refresh(struct container_watch *watch, struct error *err);
void container_watch_free(struct container_watch *watch);

/* --- changing state
 * -------------------------------------------------------------------------------- */

struct start_request {
    /* As in struct create_request.  What the container says by sd_notify(3) goes there, from now
     * on, for who calls container_notify_wait() or _forward().  EINVAL, ENOENT, ECONNREFUSED:
     * nobody is there, and the container is not started.  Where it was not set at create it is
     * warned about and passed over. */
    const char *notify_socket;
};

/* Let the first process run: startContainer hooks, execve, then poststart hooks.  Reports a failed
 * execve.  Errors: "cannot start a container that has stopped", "cannot start an already running
 * container". */
must_check int container_start(const struct runtime *runtime, struct container *container,
                               const struct start_request *request, struct error *err);

/* For who does not stay: wait until a process of the container says READY=; pass that on, then
 * MAINPID=, the pid of the first process as the caller sees it, and stay until the service manager
 * has read them (at most 30 seconds).  Returns at once when there is no notify socket, and when the
 * first process has ended without a word. */
must_check int container_notify_wait(const struct runtime *runtime, struct container *container,
                                     struct error *err);

/* For a restored container, which goes on where it was and will not say so again: READY=1 in its
 * name, then MAINPID=`main_pid`, until the service manager has read them (at most 30 seconds). */
must_check int container_notify_ready(const struct runtime *runtime, struct container *container,
                                      pid_t main_pid, struct error *err);

/* For who stays beside the container.  What to wait for now; .fd is -1 when there is no notify
 * socket. */
void container_notify_watch(const struct container *container, struct pollfd *ret);
/* When that has come: pass one message on, with MAINPID=`main_pid` behind READY=.  1 when one has
 * been dealt with, 0 when there is none, or no room for it yet.  Never blocks.  An error is the end
 * of it: the service manager has gone. */
must_check int container_notify_forward(struct container *container, pid_t main_pid,
                                        struct error *err);

/* Send a signal to the first process; SIGKILL without a private pid namespace, or `all`: to every
 * process.  "container not running" (ESRCH) when it is stopped and not `all`. */
must_check int container_kill(const struct runtime *runtime, struct container *container,
                              int signal, bool all, struct error *err);

must_check int container_pause(const struct runtime *runtime, struct container *container,
                               struct error *err);
must_check int container_resume(const struct runtime *runtime, struct container *container,
                                struct error *err);

/* Change limits; what is absent stays.  All or nothing: on failure old values are restored.
 * `rdt` (or NULL) has schemata alone; a container without a class of service gets one. */
must_check int container_update(const struct runtime *runtime, struct container *container,
                                const struct spec_resources *resources,
                                const struct spec_intel_rdt *rdt, struct error *err);

/* Mount in a container that is created, running or paused.  Sources are the caller's files
 * (relative ones are below the bundle), destinations the container's; missing ones are made.  All
 * or nothing. Errors name the place as "mounts[1].destination: ...". */
must_check int container_add_mounts(const struct runtime *runtime, struct container *container,
                                    const struct spec_mounts *mounts, struct error *err);

/* Take the mounts on those destinations off, the last one first, all or nothing; the rest of each
 * entry is not read.  Files that processes have open there stay open until they close them. */
must_check int container_remove_mounts(const struct runtime *runtime, struct container *container,
                                       const struct spec_mounts *mounts, struct error *err);

/* Undo create: processes, cgroup, state, then poststop hooks.  Without `force` a running container
 * is an error ("cannot delete container X that is not stopped: running"); with it an unknown id is
 * success.  Works from the state record alone and may be repeated after a failure. */
must_check int container_delete(const struct runtime *runtime, const char *id, bool force,
                                struct error *err);
/* The same for a container in hand, which is of no more use then than to be freed. */
must_check int container_delete_open(const struct runtime *runtime, struct container *container,
                                     bool force, struct error *err);

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
    struct string_list cgroups; /* below the container's: as for cgroup_open_sub() */
    const char *console_socket;
    const char *pidfd_socket;
    const char *pid_file;
    unsigned preserve_fds;
    unsigned listen_fds;
    const char *listen_names;
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

/* --- checkpoint, restore
 * ------------------------------------------------------------------------------- */

/* What both need to be told, and how CRIU understands it: see criu(8) under the same names. */
struct criu_choices {
    const char *image_path; /* the directory of the images; made by checkpoint */
    const char *work_path;  /* of CRIU's log (dump.log, restore.log); NULL: image_path */
    bool tcp_established;
    bool tcp_close;
    bool tcp_skip_in_flight;
    bool external_unix_sockets;
    bool shell_job;
    bool file_locks;
    bool link_remap;
    bool lazy_pages;
    bool auto_dedup;
    const char *manage_cgroups_mode;     /* soft (also NULL), full, strict, ignore */
    const char *network_lock;            /* iptables, nftables, skip; NULL: CRIU's default */
    struct string_list empty_namespaces; /* "network" */
};

struct checkpoint_request {
    struct criu_choices choices;
    const char *parent_path; /* of earlier images, relative to image_path; or NULL */
    bool leave_running;
    bool pre_dump;           /* memory alone; the container goes on */
    const char *page_server; /* "ADDRESS:PORT": memory goes there; or NULL */
    int status_fd;           /* gets a NUL byte when lazy pages can be served; -1: none */
    int give_up;             /* readable when the dump is to be given up; -1: never */
};

/* Write the processes of a running or paused container to images.  When that fails, or is given up
 * (EINTR), it runs on as before; but CRIU locks its network meanwhile, and when CRIU has died or
 * had to be killed that may stay so, which the error then says.  When it succeeds and nothing was
 * to go on, the container is for the caller to delete, by force. */
must_check int container_checkpoint(const struct runtime *runtime, const char *id,
                                    const struct checkpoint_request *request, struct error *err);

struct restore_request {
    struct create_request create; /* id, bundle, console socket, pid file, detach, no_pivot */
    struct criu_choices choices;
    const char *lsm_profile;       /* "apparmor:NAME", "selinux:LABEL"; NULL: as it was */
    const char *lsm_mount_context; /* SELinux; or NULL */
    int give_up;                   /* readable when it is to be given up; -1: never */
};

/* Make a container whose processes come from images.  It is running afterwards, its first process a
 * child of the caller.  On failure, and when it is given up (EINTR), nothing is left. */
must_check int container_restore(const struct runtime *runtime,
                                 const struct restore_request *request, struct container **ret,
                                 struct error *err);

/* --- about ourselves
 * ----------------------------------------------------------------------------------- */

/* What this build can do on this kernel (features.md), with the programs in $PATH of `environment`.
 */
must_check int runtime_features(char *const *environment, struct spec_features *ret,
                                struct arena *arena, struct error *err);

/* Make sure that the program cannot be changed from inside a container: continue from a sealed copy
 * of ourselves (CVE-2019-5736).  Executes argv again when that is needed and then does not return;
 * call it first thing in create, run and exec.  Failure to seal is an error. */
must_check int runtime_seal(char *const argv[], char *const environment[], struct error *err);
