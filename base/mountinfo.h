#pragma once

/* The mounts that a process sees: /proc/PID/mountinfo (proc_pid_mountinfo(5)), a line each. */

#include <stdbool.h>

#include "base/error.h"

struct mount_line {
    int id;
    const char *root;        /* the directory of the file system that is mounted: "/", mostly */
    const char *mount_point; /* below the reader's root */
    const char *type;        /* "cgroup2" */
    const char *options;     /* of the super block */
};

/* Show every mount to `see` until it returns false; the strings are gone when it has.  A mount may
 * lie hidden under a later one.  `path` is "/proc/self/mountinfo", or another process's. */
must_check int mountinfo_read(const char *path,
                              bool (*see)(const struct mount_line *mount, void *context),
                              void *context, struct error *err);
