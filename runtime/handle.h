#pragma once

/* What is behind the opaque struct container: shared by the verbs, one file each. */

#include "runtime/container.h"
#include "runtime/notify.h"
#include "runtime/state.h"

struct container {
    struct arena arena;
    char *root; /* the state root */
    char *id;
    char *state_path; /* root/id */
    struct state_directory directory;
    struct state_record record;
    struct boot boot;
    int pidfd;    /* of the first process; -1 when it is gone */
    int terminal; /* master; -1 */
    int starter;  /* connection to a first process that we have made and will start; -1 */
    struct notify notify;
    bool is_lent; /* the first process works in this memory (lend.h): nothing of it may be freed */
    bool is_held; /* locked, and the record is what the file says: the next container_lock() is done
                   */
};

/* A container with nothing in it yet. */
must_check int container_new(const struct runtime *runtime, const char *id, struct container **ret,
                             struct error *err);

/* container_open() in a state root that is open, by who knows the boot already or wants to. */
must_check int container_open_in(const struct runtime *runtime, int root, struct boot *boot,
                                 const char *id, struct container **ret, struct error *err);

/* The first process has not ended. */
bool container_is_alive(const struct container *container);

/* Lock it and read the record again: what held before the lock need not hold now. */
must_check int container_lock(struct container *container, struct error *err);
void container_unlock(struct container *container);

must_check int container_write_record(struct container *container, struct error *err);

/* Say go on start.sock and see the first process through to execve (start.c). */
must_check int container_say_go(const struct runtime *runtime, struct container *container,
                                struct error *err);

/* True when the first process still listens on start.sock, that is, has not been started. */
bool container_awaits_start(const struct container *container);

/* Before all of its processes are signalled: say so when there is no way to find more than the
 * first one.  As runc, which goes on likewise. */
void container_warn_of_others(const struct log *log, struct container *container,
                              const struct cgroup *cgroup);

/* Write "<pid>" without a newline, atomically: go-runc and conmon parse the whole file. */
must_check int pid_file_write(const char *path, pid_t pid, struct error *err);

/* Send a pidfd to the socket a caller named; `word` is "standard" for init, "setns" for exec. */
must_check int pidfd_socket_send(const char *path, const char *word, int pidfd, struct error *err);

/* Start a process that ends the container after its time limit (time_limit.c). */
must_check int time_limit_watch(struct container *container, struct error *err);
