#pragma once

/*
 * Shares of the processor's caches and of the memory's bandwidth (linux.intelRdt; AMD's and Arm's
 * kinds alike), by the kernel's resctrl file system.
 *
 * A class of service is a directory at the mount point: its `schemata` says what it may use, its
 * `tasks` who is in it; the mount point itself is the default class.  A monitoring group, in the
 * class's mon_groups, counts for itself.  A new process is where its parent is.
 *
 * config-linux.md "IntelRdt"; Linux, Documentation/filesystems/resctrl.rst (its last part: locking
 * by flock(2) of the mount point, which every change here does).
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/error.h"
#include "spec/fields.h"
#include "spec/spec.h"

/* What exec and delete have to know; empty when the container has no class. */
struct resctrl_record {
    const char *mount_point; /* NULL: none */
    const char *class_name;  /* "": the default class */
    const char *monitor;     /* its monitoring group, or NULL */
    bool made; /* the class is ours: it goes with the container, unless others are in it */
};

/* JSON of it, a part of the state record. */
extern const struct fields resctrl_record_fields;

struct resctrl_plan {
    struct resctrl_record record;
    const char *schemata; /* lines, each with its newline; NULL: nothing is written */
    bool may_make;        /* else the class has to be there already */
};

/* Where resctrl is mounted, by `mountinfo` ("/proc/self/mountinfo"); *ret is NULL when nowhere. */
must_check int resctrl_find(const char *mountinfo, const char **ret, struct arena *arena,
                            struct error *err);

/* The class that `rdt` (not NULL) asks for; without a name it is the container's.  A mount_point of
 * NULL is refused: "Intel RDT is not enabled". */
must_check int resctrl_plan_from_spec(struct resctrl_plan *ret, const struct spec_intel_rdt *rdt,
                                      const char *id, const char *mount_point, struct arena *arena,
                                      struct error *err);

/* Before a class is made, with record->made set: the record must be on disk by then. */
struct resctrl_intent {
    int (*write)(void *context, struct error *err);
    void *context;
};

/* Who is to be put in, ascending.  Asked again until nobody new is there, for processes fork. */
struct resctrl_members {
    int (*list)(void *context, struct arena *arena, pid_t **ret, size_t *ret_count,
                struct error *err);
    void *context;
};

/* Make the class, or find that the one that is there allows just what is asked for, and the
 * monitoring group; put the members (or NULL: nobody yet) in.  Those that have ended do not matter.
 * `record` is plan->record, and learns whether the class was made.  On failure what was made is
 * gone and record->made false again; members may be in a class that was there before. */
must_check int resctrl_enter(const struct resctrl_plan *plan, struct resctrl_record *record,
                             const struct resctrl_members *members,
                             const struct resctrl_intent *intent, struct error *err);

/* Put processes into the record's class and group.  ENOENT: the class has gone. */
must_check int resctrl_join(const struct resctrl_record *record,
                            const struct resctrl_members *members, struct error *err);

/* Change what the class allows.  *ret_old is what it was, for the way back. */
must_check int resctrl_change(const struct resctrl_record *record, const char *schemata,
                              const char **ret_old, struct arena *arena, struct error *err);

/* Remove the group, and the class if it was made for the container and nobody is in it.  What has
 * gone is success. */
must_check int resctrl_leave(const struct resctrl_record *record, struct error *err);

/* Undo resctrl_enter() where it has made the class: whoever is in it goes back to the default one.
 */
must_check int resctrl_undo(const struct resctrl_record *record, struct error *err);

/* --- events ---------------------------------------------------------------------------------- */

struct resctrl_cache_info {
    const char *mask; /* all bits, hexadecimal */
    uint64_t least_bits;
    uint64_t classes;
};

struct resctrl_bandwidth_info {
    uint64_t granularity; /* per cent */
    uint64_t delay_linear;
    uint64_t least;
    uint64_t classes;
};

struct resctrl_bandwidth_use { /* bytes since the group was made */
    uint64_t total;
    uint64_t local;
};

struct resctrl_cache_use {
    uint64_t bytes;
};

/* Absent is NULL, or empty.  One item a domain (cache, node). */
struct resctrl_stats {
    struct resctrl_cache_info *cache;
    const char *cache_schema_root; /* "L3:0=fff" */
    const char *cache_schema;
    struct resctrl_bandwidth_info *bandwidth;
    const char *bandwidth_schema_root;
    const char *bandwidth_schema;
    struct string_list schemata;
    SPEC_LIST(struct resctrl_bandwidth_use) bandwidth_use;
    SPEC_LIST(struct resctrl_cache_use) cache_use;
};

/* JSON of it: `intel_rdt` of runc's events. */
extern const struct fields resctrl_stats_fields;

must_check int resctrl_stats_read(const struct resctrl_record *record, struct resctrl_stats *ret,
                                  struct arena *arena, struct error *err);
