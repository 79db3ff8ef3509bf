#pragma once

/*
 * Which process: a pid alone is reused; with what the kernel numbers only once in a boot it is not.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/error.h"
#include "spec/fields.h"

struct process_identity {
    int64_t pid;
    const char *boot_id; /* /proc/sys/kernel/random/boot_id */
    uint64_t serial;     /* inode number of its pidfd: pidfs, 6.9, counts them; 0 before */
    uint64_t start_time; /* where there is no serial: field 22 of /proc/PID/stat, clock ticks since
                            boot; proc_pid_stat(5) */
};

extern const struct fields process_identity_fields;

/* Which boot this is, read when somebody first asks.  Start from {""}. */
struct boot {
    char id[64];
};

/* Identify a living process, of which `pidfd` is. */
must_check int process_identify(int pidfd, pid_t pid, struct boot *boot, struct arena *arena,
                                struct process_identity *ret, struct error *err);

/* Open a pidfd if exactly that process is still alive (a zombie is not); -1 when it is gone. */
int process_open(const struct process_identity *identity, struct boot *boot);

/* The same also for a process that has ended, as long as nobody has collected it. */
int process_open_remains(const struct process_identity *identity, struct boot *boot);
