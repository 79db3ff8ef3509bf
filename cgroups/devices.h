#pragma once

/*
 * Inside cgroups/: which device files may be used.
 *
 * The rules of a plan are read like this: for each of read, write and mknod the last rule that
 * matches the device and names that access decides; a request passes when every access it asks for
 * passes.  v2 has no files for it, the rules become a program (BPF_PROG_TYPE_CGROUP_DEVICE, 4.15);
 * v1 has devices.allow and devices.deny.
 */

#include <linux/bpf.h>

#include "cgroups/controllers.h"

/* Accesses, as the program sees them. */
enum { DEVICE_ACCESS_ALL = BPF_DEVCG_ACC_MKNOD | BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE };

/* One rule in numbers. */
struct device_rule {
    bool allow;
    int type;      /* BPF_DEVCG_DEV_CHAR, BPF_DEVCG_DEV_BLOCK, or 0 for both */
    int64_t major; /* -1 is any */
    int64_t minor;
    unsigned access;
};

/* Rules in numbers, in order: one of ours, those that a container has already, those of the bundle
 * or of the update, and the defaults. */
struct device_rule_list {
    const struct device_rule *items;
    size_t count;
    size_t kept;
    size_t asked;
};

/* Does `outer` match every device that `inner` matches; is there one that both match? */
bool device_rule_covers(const struct device_rule *outer, const struct device_rule *inner);
bool device_rules_overlap(const struct device_rule *a, const struct device_rule *b);

/* How the rules of a live container change: the plan has the new ones. */
struct cgroup_device_change {
    struct spec_device_rule_list before; /* as cgroup_plan.device_rules */
    /* v1: what makes the new ones true, and what makes the old ones true again. */
    struct cgroup_write *writes;
    size_t write_count;
    struct cgroup_write *undo;
    size_t undo_count;
    /* v1: all is written anew, the default first, or systemd does so: nobody may run meanwhile. */
    bool starts_anew;
    bool has_unit;
};

/* Checked and turned into numbers; `field` names the rule in refusals. */
must_check int device_rule_from_spec(struct device_rule *ret, const struct spec_device_rule *rule,
                                     const char *field, struct error *err);

/* The program for `count` rules; pure.  Ends by refusing what no rule allows. */
must_check int device_program(const struct device_rule *rules, size_t count, struct arena *arena,
                              struct bpf_insn **ret, size_t *ret_length, struct error *err);

/* The same as writes to devices.deny and devices.allow.  Refuses rules that v1 cannot express: a
 * part taken out of what an earlier rule grants or forbids as a whole. */
must_check int device_plan_legacy(struct cgroup_planner *planner, struct cgroup_place place,
                                  const struct device_rule_list *rules, struct error *err);

/* The writes that lead from some rules to others, and back, with nothing open on the way that is in
 * neither and nothing refused that is in both.  Only another default takes all from the beginning,
 * or `ret->has_unit`, for systemd does that itself. */
must_check int device_plan_legacy_change(struct cgroup_planner *planner, struct cgroup_place place,
                                         const struct device_rule_list *before,
                                         const struct device_rule_list *after,
                                         struct cgroup_device_change *ret, struct error *err);

/* Load the program and attach it to the cgroup v2 directory `cgroup`, beside those of others. */
must_check int device_program_attach(int cgroup, const struct bpf_insn *program, size_t length,
                                     struct error *err);

/* Load it alone: *ret is its file descriptor, the caller's. */
must_check int device_program_load(const struct bpf_insn *program, size_t length, int *ret,
                                   struct error *err);

/* What device_program_attach() attached, the latest: a file descriptor, the caller's. */
must_check int device_program_find(int cgroup, int *ret, struct error *err);

/* Put the program `to` in the place of `from`.  In one step (BPF_F_REPLACE, 5.6); before there was
 * that, a device must pass both for a moment. */
must_check int device_program_replace(int cgroup, int from, int to, struct error *err);

/* Detach what device_program_attach() attached, now or in another process: for a directory that is
 * not ours to remove.  Best effort. */
void device_program_detach(int cgroup);

/* --- device_update.c: rules of a live cgroup */

/* Start from DEVICE_UPDATE_EMPTY; device_update_end() accepts it. */
struct device_update {
    const struct cgroup *cgroup;
    const struct cgroup_plan *plan;
    int from; /* v2: programs */
    int to;
    bool is_frozen;  /* by us */
    bool is_written; /* v1: at least in part */
};

#define DEVICE_UPDATE_EMPTY   \
    (struct device_update)    \
    {                         \
        .from = -1, .to = -1, \
    }

/* Get everything that is needed, and change nothing but that the cgroup is frozen where it must be.
 * Without a device_change in the plan this and the others do nothing. */
must_check int device_update_begin(struct device_update *ret, const struct cgroup *cgroup,
                                   const struct cgroup_plan *plan, struct error *err);
/* The last thing to be done: a program is replaced or not, and then nothing can fail any more. */
must_check int device_update_write(struct device_update *update, struct error *err);
/* Make the rules of v1 what they were when some have been written. */
must_check int device_update_undo(struct device_update *update, struct error *err);
/* Thaw, close. */
must_check int device_update_end(struct device_update *update, struct error *err);
