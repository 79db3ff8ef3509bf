/* wait: the end of a container whose parent we are not, and its exit status. */

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/kernel.h"
#include "base/own.h"
#include "runtime/deadline.h"
#include "runtime/handle.h"

/* Whoever should collect the dead process may be busy, but is not given for ever. */
enum { REAP_DEADLINE_MS = 2000 };

int container_wait(const struct container *container, int64_t timeout_ms, struct error *err)
{
    struct deadline deadline = deadline_in_ms(timeout_ms);
    int code = container->pidfd < 0 ? 1 : deadline_wait(&deadline, container->pidfd, POLLIN);

    return code < 0 ? fail(err, -code, "wait for process %d", container_pid(container)) : code;
}

/* proc_pid_stat(5), field 52 of a process that has not been reaped yet.  False when it has. */
static bool read_zombie(const struct process_identity *identity, int *ret)
{
    char path[48], text[1024];
    const char *at;
    char letter;
    unsigned long long start_time = 0;

    snprintf(path, sizeof path, "/proc/%d/stat", (int)identity->pid);
    if (read_pseudo_file(-1, path, text, sizeof text) < 0 || (at = strrchr(text, ')')) == NULL)
        return false;
    letter = at[1] != '\0' ? at[2] : '\0';
    for (int field = 2; field < 52 && at != NULL; field++) {
        at = strchr(at + 1, ' ');
        if (field + 1 == 22 && at != NULL)
            start_time = strtoull(at, NULL, 10);
    }
    if (at == NULL || letter != 'Z' || start_time != identity->start_time)
        return false;
    *ret = (int)strtol(at, NULL, 10);
    return true;
}

/* A wait status as a shell counts. */
static int shell_status(int status)
{
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int container_exit_status(struct container *container, int *ret, struct error *err)
{
    struct deadline deadline = deadline_in_ms(REAP_DEADLINE_MS);
    int status;

    for (;;) {
        if (read_zombie(&container->record.init, &status) ||
            (container->pidfd >= 0 && kernel_pidfd_exit_status(container->pidfd, &status) == 0)) {
            *ret = shell_status(status);
            return 0;
        }
        /* Between the two, for a moment, neither knows. */
        if (container->pidfd < 0 || errno != ENODATA || deadline_passed(&deadline))
            break;
        deadline_pause(&deadline, 1);
    }
    if (container->pidfd < 0)
        return refuse(err, ENODATA,
                      "the container has ended before: its exit status went to its "
                      "parent alone");
    refuse(err, ENODATA, "the container has ended, but its exit status went to its parent alone");
    return hint(err, "Linux 6.15 tells it to others too");
}
