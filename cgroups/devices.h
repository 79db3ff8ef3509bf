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

/* Checked and turned into numbers; `field` names the rule in refusals. */
must_check int device_rule_from_spec(struct device_rule *ret, const struct spec_device_rule *rule,
                                     const char *field, struct error *err);

/* The program for `count` rules; pure.  Ends by refusing what no rule allows. */
must_check int device_program(const struct device_rule *rules, size_t count, struct arena *arena,
                              struct bpf_insn **ret, size_t *ret_length, struct error *err);

/* The same as writes to devices.deny and devices.allow.  Refuses rules that v1 cannot express: a
 * part taken out of what an earlier rule grants or forbids as a whole.  Rule 0 is ours, the next
 * `asked` are the bundle's, the others the defaults. */
must_check int device_plan_legacy(struct cgroup_planner *planner, struct cgroup_place place,
                                  const struct device_rule *rules, size_t count, size_t asked,
                                  struct error *err);

/* Load the program and attach it to the cgroup v2 directory `cgroup`, beside those of others. */
must_check int device_program_attach(int cgroup, const struct bpf_insn *program, size_t length,
                                     struct error *err);

/* Detach what device_program_attach() attached, now or in another process: for a directory that is
 * not ours to remove.  Best effort. */
void device_program_detach(int cgroup);
