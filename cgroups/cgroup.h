#pragma once

/*
 * Control groups: what a container may use.
 *
 * In the order one calls it: probe the host, plan from the spec (pure), create the directories,
 * apply the limits, let the first process join, later freeze, kill, list, update, remove.  cgroup
 * v2 where it is the only hierarchy; on v1 and hybrid hosts one directory per hierarchy, at the
 * same path in each.  Kernel: Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/log.h"
#include "cgroups/stats.h"
#include "spec/fields.h"
#include "spec/spec.h"

enum { CGROUP_HIERARCHIES_MOST = 24 };

/* One mounted hierarchy of the host. */
struct cgroup_hierarchy {
    const char *name;        /* "" for v2; the controllers for v1: "cpu,cpuacct"; "name=systemd" */
    const char *mount_point; /* "/sys/fs/cgroup/cpu,cpuacct" */
    const char *mount_root;  /* the root of that mount inside the hierarchy, usually "/" */
    const char *own_path;    /* the caller's own cgroup there, from /proc/self/cgroup */
    bool is_v2;
};

/* What the host has.  Strings belong to the arena given to cgroup_host_probe(). */
struct cgroup_host {
    struct cgroup_hierarchy hierarchies[CGROUP_HIERARCHIES_MOST];
    size_t count;
    bool pure_v2;               /* v2 at /sys/fs/cgroup and nothing else */
    const char *v2_controllers; /* of the v2 root: "cpuset cpu io memory pids", or "" */
};

/* Find the hierarchies: statfs(2) of /sys/fs/cgroup tells pure v2; otherwise /proc/self/mountinfo.
 * A host without any cgroup mount gives count 0 and no error. */
must_check int cgroup_host_probe(struct cgroup_host *ret, struct arena *arena, struct error *err);

enum cgroup_manager {
    CGROUP_MANAGER_CGROUPFS,
    CGROUP_MANAGER_SYSTEMD, /* systemd makes it, as a transient unit */
    CGROUP_MANAGER_DISABLED /* the container stays in the caller's cgroup; limits are refused */
};

/* What is to be made, and everything that will be written there: numbers and file names. */
struct cgroup_write {
    uint8_t hierarchy;   /* index into host->hierarchies */
    const char *file;    /* "cpu.max" */
    const char *value;   /* "25000 100000" */
    const char *field;   /* where it comes from, for messages: "linux.resources.cpu.quota" */
    bool may_be_missing; /* ENOENT is no error: an optional knob of newer kernels */
    /* The rest is rare; zero means: nothing special. */
    const char *other_file; /* written instead when `file` does not exist: "io.weight" */
    const char *other_value;
    const char *reset;     /* what undoes a line for one device: "8:0 rbps=max" */
    bool keeps_first_word; /* the first word of `value` gives way to the one in the file now */
    bool order_unknown;    /* EINVAL may mean that a later write must come first: tried again */
};

struct cgroup_unit; /* systemd.h */

/* Device rules that change while a container lives: in force until now, and from now on. */
struct cgroup_device_rules {
    struct spec_device_rule_list before;
    struct spec_device_rule_list after; /* what still counts of `before`, then what was added */
    size_t kept;                        /* how many of `after` come from `before` */
    bool is_same;                       /* `before` stays: it allows all that is asked for */
};

/* Add the rules of an update to those that a container has; pure.  Rules that later ones hide
 * altogether are left out (all of them, before a rule for everything), so that the list does not
 * grow with a caller who sends his whole list again and again.  Lists are the arena's. */
must_check int cgroup_device_rules_add(struct cgroup_device_rules *ret,
                                       const struct spec_device_rule_list *before,
                                       const struct spec_device_rule_list *added,
                                       struct arena *arena, struct error *err);

struct cgroup_device_change; /* devices.h */

struct cgroup_plan {
    const struct cgroup_host *host;
    enum cgroup_manager manager;
    struct cgroup_unit *unit;    /* of systemd; NULL with the other managers */
    const char *path;            /* "/web" : below each hierarchy's root; NULL when disabled */
    struct cgroup_write *writes; /* in order */
    size_t write_count;
    /* Device rules in effect: ours (default deny first), the bundle's, the defaults nobody can
     * take. */
    struct spec_device_rule_list device_rules;
    struct bpf_insn *device_program; /* v2 only */
    size_t device_program_length;
    bool
        has_devices; /* false: leave device access alone (inside a user namespace without rights) */
    /* Absolute directory in each hierarchy of the host, by its index; NULL where there is to be
     * none. */
    const char *directories[CGROUP_HIERARCHIES_MOST];
    const struct cgroup_device_change *device_change; /* of an update; NULL: no rule changes */
    bool device_rules_asked; /* the bundle itself denies something: no host may skip that */
    bool unprivileged;
    bool is_required;
    uid_t owner; /* as in cgroup_request */
};

struct cgroup_request {
    const char *id;
    /* linux.cgroupsPath, or NULL: then as runc, "<parent of the own cgroup>/<id>" on v2 and
     * "<own cgroup>/<id>" on v1. */
    const char *cgroups_path;
    const struct spec_resources *resources; /* may be NULL */
    enum cgroup_manager manager;
    /* For systemd: org.systemd.property.NAME among them; and whose systemd: the runtime directory
     * of a user ("/run/user/1000"), NULL for that of the machine. */
    struct string_map annotations;
    const char *user_directory;
    const char *user_path; /* from cgroup_ask_user_manager(); NULL: guessed from the directory */
    bool unprivileged;     /* the caller is not root: no devices, missing rights to the tree are
                          explained */
    uid_t owner;           /* on the host; whom the directory is to belong to, with the files in it
                              that may; 0: nobody but root */
    bool is_required;      /* never go without a cgroup, as is done where nothing was asked of it */
    bool is_update;        /* of a container that runs: what v1 alone has and this host has not is
                          warned about, as engines send all they know; resources->devices does not
                          count, but these rules do (NULL: none change), and whether its cgroup is a
                          unit of systemd */
    const struct cgroup_device_rules *device_rules;
    bool has_unit;
};

/* Ask the systemd of the user with that runtime directory where its cgroups are: *ret is
 * "/user.slice/user-1000.slice/user@1000.service", the arena's, or NULL when it does not say. */
must_check int cgroup_ask_user_manager(const char *user_directory, struct arena *arena,
                                       const char **ret, struct error *err);

/* Pure: pick the path, turn every resource into writes, refuse what this host cannot enforce naming
 * the missing controller ("linux.resources.memory.limit: this host has no memory controller ...").
 * Members that exist in v1 alone are ignored on v2 as runc does (swappiness, kernel, realtime). */
must_check int cgroup_plan_from_spec(struct cgroup_plan *ret, const struct cgroup_host *host,
                                     const struct cgroup_request *request, struct arena *arena,
                                     const struct log *log, struct error *err);

/* Who is told of what this host cannot give: errors like those of the plan. */
struct cgroup_told {
    void (*missing)(void *context, const struct error *err);
    void *context;
};

/* Without making anything.  Controllers and their members, each controller by itself, so that one
 * that is missing does not hide the next; `plan` need have no more than host and manager. */
void cgroup_look_for_controllers(const struct cgroup_plan *plan,
                                 const struct spec_resources *resources, struct arena *arena,
                                 const struct cgroup_told *told);

/* Rights to the directories of a whole plan, and files that this kernel lacks ("blkio.weight",
 * "memory.memsw.limit_in_bytes"), by the example of a cgroup that is there. */
void cgroup_look_for_directories(const struct cgroup_plan *plan, const struct cgroup_told *told);

/* Whether the systemd of a plan that has a unit answers, within seconds; it is asked for nothing.
 */
void cgroup_look_for_systemd(const struct cgroup_plan *plan, const struct cgroup_told *told);

/* One directory of a cgroup, as the state record remembers it. */
struct cgroup_directory_record {
    const char *hierarchy; /* as cgroup_hierarchy.name */
    const char *directory; /* "/sys/fs/cgroup/web" */
    int64_t made;          /* trailing components that did not exist before us */
};

/* What must be remembered to find and remove the cgroup again: a part of the state record. */
struct cgroup_record {
    const char *manager; /* "cgroupfs", "systemd", "disabled" */
    const char *path;
    /* For each hierarchy the absolute directory, and how many of its trailing components are ours
     * to remove.  Written before they are made (with the number that will be made). */
    SPEC_LIST(struct cgroup_directory_record) directories;
    const char *unit;           /* of systemd; NULL with the other managers */
    const char *user_directory; /* as in cgroup_request */
    bool unit_stays;            /* systemd does not end it by itself when it is empty */
    bool unit_is_shared;        /* a slice that was in use before us: not ours to stop */
};

extern const struct fields cgroup_record_fields;

/* What the record will be: looks at which directories exist, makes nothing.  Refuses a target
 * cgroup that exists and holds processes (naming the pids) or is frozen, as runc does. */
must_check int cgroup_record_from_plan(struct cgroup_record *ret, const struct cgroup_plan *plan,
                                       struct arena *arena, struct error *err);

/* An open cgroup.  Start from CGROUP_EMPTY; cgroup_done() accepts it. */
struct cgroup {
    size_t count;
    struct {
        const char *name; /* of the hierarchy; borrowed from the record */
        const char *directory;
        int fd; /* O_DIRECTORY, O_CLOEXEC; -1 when it does not exist (any more) */
        int made;
        bool is_v2;
    } directories[CGROUP_HIERARCHIES_MOST];
    /* With systemd; borrowed from the record as above. */
    const char *unit;
    const char *manager;
    bool unit_stays;
    bool unit_is_shared;
    bool needs_attaching; /* we have no right to move a process there: cgroup_attach() */
    int placeholder;      /* pidfd of what holds a new unit until a process is in it; or -1 */
};

#define CGROUP_EMPTY                  \
    (struct cgroup)                   \
    {                                 \
        .count = 0, .placeholder = -1 \
    }

/* Make the directories of `record` (enabling controllers in subtree_control on the way down on v2,
 * copying cpuset.cpus/mems on v1) and open them.  On failure removes what it made. */
must_check int cgroup_create(struct cgroup *ret, const struct cgroup_record *record,
                             const struct cgroup_plan *plan, struct error *err);

/* Have systemd move `pid` into the cgroup, which must be a unit of its (AttachProcessesToUnit), or
 * into `below`, a cgroup below it on v2 (NULL: itself): for processes that have no right to move
 * themselves. */
must_check int cgroup_attach(const struct cgroup *cgroup, const struct cgroup *below, pid_t pid,
                             struct error *err);

/* End what holds the place of a new unit, now that somebody is there. */
void cgroup_settle(struct cgroup *cgroup);

/* Open what exists of a record; missing directories are not an error (their fd is -1).  Paths are
 * checked: absolute, without "..", on a cgroup file system. */
must_check int cgroup_open(struct cgroup *ret, const struct cgroup_record *record,
                           struct error *err);
void cgroup_done(struct cgroup *cgroup);

/* Write the limits; on pure v2 give it to its owner.  Errors name field, file, value and the
 * kernel's word. */
must_check int cgroup_apply(const struct cgroup *cgroup, const struct cgroup_plan *plan,
                            const struct log *log, struct error *err);

/* The device filter of cgroup v2 (v1's rules are limits like others): before anybody in the cgroup
 * runs what is not ours. */
must_check int cgroup_filter_devices(const struct cgroup *cgroup, const struct cgroup_plan *plan,
                                     const struct log *log, struct error *err);

/* The fd for clone3's CLONE_INTO_CGROUP (5.7), or -1 where there is no v2 directory. */
int cgroup_clone_fd(const struct cgroup *cgroup);

/* Called by the first process itself, single-threaded, after clone: join every hierarchy that
 * CLONE_INTO_CGROUP did not cover, v2 before the others.  v1: "0" to `tasks`, which skips the lock
 * that writing cgroup.procs waits for.  `joined_v2`: clone3 has done v2 already.  One that refuses
 * does not keep it from the others, some of which may be a user's own; of several errors the first
 * is told, one about rights only when there is no other.  Does not allocate. */
must_check int cgroup_join_self(const struct cgroup *cgroup, bool joined_v2, struct error *err);

/* Does -errno of joining, or of clone3, say that no process can be there, whoever asks?  EBUSY: it
 * passes controllers on; ENOENT, ENODEV: gone; EOPNOTSUPP: a threaded or an invalid domain. */
bool cgroup_takes_nobody(int code);
/* Or that it is the caller who may not? */
bool cgroup_lacks_rights(int code);

/* For a process that mounts cgroup file systems of its own: leave the caller's cgroup for the root,
 * and make a cgroup namespace there.  Paths stay what they are, but options of its mounts are not
 * taken for the host's: whoever mounts cgroup2 in the first namespace without "nsdelegate" takes
 * that away from all of the host (cgroup-v2.rst, "Mounting").  Where the root cannot be joined,
 * nothing is done. */
must_check int cgroup_step_aside(const struct cgroup_host *host, struct error *err);

/* Open the cgroup that process `pid` is in now (exec falls back to it), or what is below `cgroup`
 * at the paths of exec --cgroup: one "PATH", for all hierarchies, or any number of
 * "CONTROLLER[,...]:PATH", each for those of v1.  None may leave `cgroup`. */
must_check int cgroup_open_of_process(struct cgroup *ret, const struct cgroup_host *host, pid_t pid,
                                      struct arena *arena, struct error *err);
must_check int cgroup_open_sub(struct cgroup *ret, const struct cgroup *cgroup,
                               const struct string_list *texts, struct arena *arena,
                               struct error *err);

/* Freeze or thaw and wait until it is so, at most `deadline_ms`; a freeze that does not complete is
 * undone and is an error.  Errors name what is missing when the host has no freezer. */
must_check int cgroup_freeze(const struct cgroup *cgroup, bool freeze, int deadline_ms,
                             struct error *err);

/* True when frozen; false when not, or when there is no freezer. */
bool cgroup_is_frozen(const struct cgroup *cgroup);

/* The same of a record, of which only the directories that can be frozen are opened. */
bool cgroup_record_is_frozen(const struct cgroup_record *record);

/* All process ids in the cgroup and below, ascending, without duplicates; of a shared slice only
 * those in itself, for below it are other people's units.  Pids are those of the caller's pid
 * namespace. */
must_check int cgroup_processes(const struct cgroup *cgroup, struct arena *arena, pid_t **ret,
                                size_t *ret_count, struct error *err);

/* Send SIGKILL to everything inside, frozen or not: cgroup.kill (5.14), else freeze, kill, thaw.
 * Inside of a shared slice are those of cgroup_processes().  Other signals: to each process once.
 * Does not wait.  An empty or missing cgroup is success. */
must_check int cgroup_kill(const struct cgroup *cgroup, int signal, struct error *err);

/* Remove the directories that are ours, deepest first, with everything below them, waiting for the
 * last processes to go until `deadline_ms`.  An error names the processes that stay, their state,
 * and the directory.  Missing directories are success. */
must_check int cgroup_remove(const struct cgroup *cgroup, int deadline_ms, struct error *err);

/* At one stroke where that is possible: a directory of v2 that we have made, with nobody in it and
 * nothing below.  False when it takes more; nothing has been changed then. */
bool cgroup_remove_if_empty(struct cgroup *cgroup);

/* How many times the kernel killed for memory in it: memory.events oom_kill, or v1
 * memory.oom_control; -1 when unknown. */
int64_t cgroup_oom_kills(const struct cgroup *cgroup);

/* What it has used until now (stats.h); strings and lists are the arena's.  Whatever this kernel or
 * this cgroup does not count stays 0 or absent. */
must_check int cgroup_stats_read(const struct cgroup *cgroup, struct arena *arena,
                                 struct cgroup_stats *ret, struct error *err);

/* What this build can do with cgroups, for `features`. */
void cgroup_features(struct spec_features_cgroup *ret);

/* Something that becomes readable (POLLIN) when the kernel runs out of memory in the cgroup, and
 * what it says. */
struct cgroup_oom_watch {
    int fd;       /* for poll; -1: none */
    int dir;      /* of the cgroup, borrowed */
    bool is_v2;   /* an inotify of memory.events, else an eventfd behind memory.oom_control */
    int64_t seen; /* v2: kills that have been told */
};

/* -ENOENT without err when there is no memory controller to watch. */
must_check int cgroup_oom_watch(const struct cgroup *cgroup, struct cgroup_oom_watch *ret,
                                struct error *err);
/* How often it happened since it was last asked. */
int64_t cgroup_oom_watch_read(struct cgroup_oom_watch *watch);
void cgroup_oom_watch_done(struct cgroup_oom_watch *watch);

/* Write changed limits and device rules to a live cgroup: reads the old values of the files first
 * and writes them back when a later write fails.  `plan` comes from cgroup_plan_from_spec() for an
 * update, with only what changes.  Device rules are never out of force meanwhile, and what old and
 * new ones allow stays allowed.  memory.checkBeforeUpdate is honoured. */
must_check int cgroup_update(const struct cgroup *cgroup, const struct cgroup_plan *plan,
                             const struct spec_resources *resources, const struct log *log,
                             struct error *err);

/* What a mount of type "cgroup" needs to know, so that namespaces/ need not know this folder. */
struct cgroup_mount_source {
    const char *name;      /* directory name below the mount: "cpu,cpuacct"; "" when pure v2 */
    const char *options;   /* mount data for v1: "cpu,cpuacct", "none,name=systemd"; NULL for v2 */
    const char *directory; /* the container's own cgroup directory on the host, for bind mounts */
    bool is_v2;
};

/* Fill `sources` (room for CGROUP_HIERARCHIES_MOST); returns how many. */
size_t cgroup_mount_sources(const struct cgroup_host *host, const struct cgroup_record *record,
                            struct cgroup_mount_source *sources);
