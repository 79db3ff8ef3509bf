#pragma once

/*
 * The kernel's resctrl file system, played by a process: for machines whose processor has nothing
 * to share out.  Two domains of an L3 cache with twelve bits, of memory bandwidth in steps of ten
 * per cent; four classes of service.  Linux, Documentation/filesystems/resctrl.rst
 */

#include <sys/types.h>

struct resctrl {
    const char *place;   /* the mount point */
    const char *wrapper; /* see struct program: who is run by it sees resctrl mounted there */
    pid_t server;
};

/* Skips the test where there is no /dev/fuse. */
struct resctrl resctrl_mount(void);
void resctrl_unmount(struct resctrl *resctrl);

/* A file below the mount point; NULL when it is not there. */
const char *resctrl_file(const struct resctrl *resctrl, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
