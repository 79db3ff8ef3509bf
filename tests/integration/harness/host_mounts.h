#pragma once

/*
 * Mounts of the host that a test makes as sources for a container, and what mountinfo says of them.
 *
 * They are made below scenario_work(), in the scenario's own mount namespace, and go with it.
 */

#include <stdbool.h>

/* Make a directory there (mode 0755) and return its path. */
const char *host_directory(const char *name);

/* The same, with a tmpfs of that name mounted on it. */
const char *host_tmpfs(const char *name);

/* Give the mount on `path` these flags, MS_* of mount(2), and no others: of the mount, not of its
 * file system. */
void host_set_mount_flags(const char *path, unsigned long flags);

/* On a hybrid host, show the v2 hierarchy alone in the place of all, with the options that it has;
 * false where there is none.  Undone as the others are. */
bool host_see_v2_alone(void);
void host_see_all_again(void);

/* Take off what is on `path` now, or at the end of the scenario all that the others have made. */
void host_unmount(const char *path);
void host_unmount_all(void);

/* The fields of /proc/PID/mountinfo (proc_pid_mountinfo(5)) for what is on top at a mount point;
 * all are "" when nothing is mounted there. */
struct mounted {
    const char *options; /* of the mount: "rw,nosuid,relatime" */
    const char *fields;  /* the optional ones: "shared:7 master:3", or "" */
    const char *type;
    const char *source;
    const char *super_options; /* of the file system */
};

struct mounted mounted_at(const char *mountinfo, const char *point);
