#pragma once

/*
 * The leave-nothing check: what exists before a test and must not be more after it.
 *
 * Compared are the living descendants of this process (it is their subreaper, so nobody gets away),
 * cgroup directories in every hierarchy whose name holds the test's tag, the mounts of this mount
 * namespace, the state root, files under the test's base, /tmp and /run, device filters (BPF
 * programs of type cgroup_device) and keyrings with the tag.  Network and other namespaces have no
 * list of their own in the kernel: they live as long as a process, a mount or a file descriptor of
 * one of the processes holds them, and these are all compared.
 */

#include "base/arena.h"

enum { LEFTOVER_KINDS = 7 };

/* The name of our BPF programs in the kernel (cgroups/device_program.c): systemd loads and drops
 * others as it likes, and they are not compared. */
#define OUR_DEVICE_FILTERS "crun_lite_dev"

struct leftover_list {
    char **items; /* sorted */
    size_t count;
};

struct snapshot {
    struct arena arena;
    struct leftover_list kinds[LEFTOVER_KINDS];
};

/* Where to look: `tag` is part of every name that the test gives away, `base` its directory. */
struct leftover_scope {
    const char *tag;
    const char *base;
    const char *root;       /* --root of the program */
    const char *outside[3]; /* directories outside base to compare; NULL ends */
};

void snapshot_take(struct snapshot *ret, const struct leftover_scope *scope);
void snapshot_done(struct snapshot *snapshot);

/* What is there now and was not in `before` (for mounts also what has gone), one line each; "" when
 * all is as it was.  The kernel gives some things back late (a keyring, a dead process): looks
 * again until nothing is left, at most `patience_ms`.  Lives in the arena. */
const char *leftovers(const struct snapshot *before, const struct leftover_scope *scope,
                      int patience_ms, struct arena *arena);

/* After a failed test: end all descendants, remove the cgroups with the tag. */
void leftovers_remove(const struct leftover_scope *scope);
