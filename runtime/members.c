#include "runtime/members.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/kernel.h"
#include "base/own.h"
#include "base/text.h"

/* The inode of its pid namespace; 0 when it is gone or out of reach. */
static ino_t pid_namespace_of(pid_t pid)
{
    char path[64];
    struct stat status;

    snprintf(path, sizeof path, "/proc/%d/ns/pid", pid);
    return stat(path, &status) == 0 ? status.st_ino : 0;
}

static int by_number(const void *left, const void *right)
{
    pid_t a = *(const pid_t *)left, b = *(const pid_t *)right;

    return (a > b) - (a < b);
}

static int grow(pid_t **pids, size_t *room, size_t count, struct arena *arena)
{
    pid_t *more = arena_zero(arena, *room * 2 + 16, sizeof *more);

    if (more == NULL)
        return -ENOMEM;
    if (count > 0)
        memcpy(more, *pids, count * sizeof *more);
    *pids = more;
    *room = *room * 2 + 16;
    return 0;
}

/* One entry of /proc: its pid, or 0. */
static pid_t pid_of_entry(const char *name)
{
    struct error ignored;
    int64_t pid;

    return parse_int64(name, 1, INT32_MAX, &pid, &ignored) < 0 ? 0 : (pid_t)pid;
}

static int members_of(ino_t wanted, struct arena *arena, pid_t **ret, size_t *ret_count,
                      struct error *err)
{
    DIR *proc = wanted == 0 ? NULL : opendir("/proc");
    pid_t *pids = NULL;
    size_t room = 0, count = 0;
    int code = 0;

    *ret_count = 0;
    if (wanted == 0)
        return 0;
    if (proc == NULL)
        return fail(err, errno, "open /proc");
    for (struct dirent *entry; code == 0 && (entry = readdir(proc)) != NULL;) {
        pid_t member = pid_of_entry(entry->d_name);

        if (member == 0 || pid_namespace_of(member) != wanted)
            continue;
        if (count == room)
            code = grow(&pids, &room, count, arena);
        if (code == 0)
            pids[count++] = member;
    }
    closedir(proc);
    if (code < 0)
        return no_memory(err);
    if (count > 0)
        qsort(pids, count, sizeof *pids, by_number);
    *ret = pids;
    *ret_count = count;
    return 0;
}

int members_of_pid_namespace(pid_t pid, struct arena *arena, pid_t **ret, size_t *ret_count,
                             struct error *err)
{
    return members_of(pid_namespace_of(pid), arena, ret, ret_count, err);
}

/* One that we may not signal does. */
static bool lives(int pidfd)
{
    return kernel_pidfd_send_signal(pidfd, 0) == 0 || errno == EPERM;
}

/* /proc goes by number, and numbers are used again: what it says of `pid` is about the process that
 * the pidfd holds when that lives afterwards. */
static bool is_in(int pidfd, pid_t pid, ino_t namespace)
{
    return pid_namespace_of(pid) == namespace && lives(pidfd);
}

static int signal_member(pid_t pid, ino_t namespace, int signal, struct error *err)
{
    autoclose int pidfd = kernel_pidfd_open(pid, 0);

    if (pidfd < 0)
        return errno == ESRCH ? 0 : fail(err, errno, "open process %d", (int)pid);
    if (!is_in(pidfd, pid, namespace) || kernel_pidfd_send_signal(pidfd, signal) == 0 ||
        errno == ESRCH)
        return 0;
    return fail(err, errno, "signal %d (%s) to process %d", signal, strsignal(signal), (int)pid);
}

int members_signal(pid_t pid, int pidfd, int signal, struct error *err)
{
    autoarena struct arena arena = {NULL};
    ino_t namespace = pid_namespace_of(pid);
    struct error of_member;
    pid_t *pids;
    size_t count;
    int code = 0;

    if (namespace == 0 || pidfd < 0 || !is_in(pidfd, pid, namespace))
        return 0;
    if (members_of(namespace, &arena, &pids, &count, err) < 0)
        return -err->code;
    for (size_t i = 0; i < count; i++) {
        /* The first error is told, when all have been tried. */
        if (pids[i] != pid &&
            signal_member(pids[i], namespace, signal, code == 0 ? err : &of_member) < 0)
            code = -err->code;
    }
    return code;
}
