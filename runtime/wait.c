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
#include "base/text.h"
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

/* proc_pid_stat(5), field 52 of a process that has not been reaped yet.  False when it has: a pid
 * is nobody else's as long as its process can be signalled. */
static bool read_zombie(int pidfd, pid_t pid, int *ret)
{
    char path[48], text[1024];
    const char *at;

    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    if (read_pseudo_file(-1, path, text, sizeof text) < 0 ||
        (kernel_pidfd_send_signal(pidfd, 0) < 0 && errno == ESRCH) ||
        (at = strrchr(text, ')')) == NULL || !starts_with(at, ") Z"))
        return false;
    for (int field = 2; field < 52 && at != NULL; field++)
        at = strchr(at + 1, ' ');
    if (at == NULL)
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
    struct boot boot = {""};
    autoclose int remains = container->pidfd < 0
                                ? process_open_remains(&container->record.init, &boot)
                                : -1;
    int pidfd = container->pidfd < 0 ? remains : container->pidfd;
    int status;

    if (pidfd < 0)
        return refuse(err, ENODATA,
                      "the container has ended before: its exit status went to its "
                      "parent alone");
    for (;;) {
        if (read_zombie(pidfd, container_pid(container), &status) ||
            kernel_pidfd_exit_status(pidfd, &status) == 0) {
            *ret = shell_status(status);
            return 0;
        }
        /* Between the two, for a moment, neither knows. */
        if (errno != ENODATA || deadline_passed(&deadline))
            break;
        deadline_pause(&deadline, 1);
    }
    refuse(err, ENODATA, "the container has ended, but its exit status went to its parent alone");
    return hint(err, "Linux 6.15 tells it to others too");
}
