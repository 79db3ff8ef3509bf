#pragma once

/*
 * The least kernel work that runs a container: what the bench holds every runtime against.
 *
 * It does what tests/bench/configs.py asks of a runtime, no more and no less (the bench's
 * equivalence check compares what a process inside finds), but reads no configuration, checks
 * nothing and has no library.  It is no runtime: it knows these configurations only, needs a pure
 * cgroup v2 at /sys/fs/cgroup, and is not safe against anything in a root file system.
 *
 * Parent and child share their memory (CLONE_VM), so that nothing is copied: the child runs on
 * a stack of its own and reads struct container.
 */

#include <stdbool.h>

#include "tests/bench/floor/raw.h"

/* Where time goes: compiled in by -DTIMING, and printed at the end of `run`. */
struct marks {
    struct mark {
        const char *step;
        uint64_t time;
    } items[64];
    int count;
};

struct container {
    /* What was asked for. */
    const char *rootfs;
    const char *id;
    const char *program; /* what is executed inside                                             */
    const char *filter;  /* a file with a seccomp filter, an array of struct sock_filter, or NULL */
    const char *pod;     /* PID of a process whose network, ipc and uts are joined, or NULL       */
    const char *volumes; /* a folder whose files are bound into /etc and /dev, or NULL            */
    bool waits;          /* `create`: the child waits for `start`                                 */

    /* What was made. */
    char state_folder[128];
    char state_file[160];
    char fifo[160];
    char cgroup[160];
    int cgroup_fd;
    int filter_fd;
    int fifo_fd;
    int pidfd;
    int pod_fds[3];
    int may_go;   /* a futex: the parent's part is done, the child may execute the payload */
    int is_ready; /* a futex: with `create`, nothing is left to be done but that              */

    struct marks parent;
    struct marks child;
};

#ifdef TIMING
#define mark(marks, name) add_mark(&(marks), name)
void add_mark(struct marks *marks, const char *step);
void print_marks(const struct container *container);
#else
#define mark(marks, name) ((void)&(marks))
#endif

enum { STACK_SIZE = 16384 };

/* clone3 with CLONE_VM; the child calls run(container) on the stack and ends with its result. */
long clone_container(struct container *container, uint64_t flags,
                     int (*run)(struct container *container));

/* The first process, from clone to execve.  Does not return. */
int run_child(struct container *container);

/* Bounds, capabilities, no_new_privs, seccomp, execve: the part that `exec` has, too. */
int drop_privileges_and_execute(struct container *container);

/* The device program of the container's cgroup: the default devices, and nothing else. */
void limit_devices(struct container *container);

void wait_for_flag(int *flag);
void set_flag(int *flag);
