#include "namespaces/id_helper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/kernel.h"
#include "base/own.h"
#include "base/text.h"

enum {
    DEADLINE_SECONDS = 10,
    OUTPUT_MOST = 512 /* bytes of its complaint worth telling */
};

/* The set-uid helper by absolute path: PATH belongs to the caller. */
static const char *find_helper(const struct id_map_kind *kind, struct arena *arena)
{
    static const char *const directories[] = {"/usr/bin", "/bin"};

    for (size_t i = 0; i < count_of(directories); i++) {
        const char *path = arena_print(arena, "%s/%s", directories[i], kind->helper);

        if (path != NULL && access(path, X_OK) == 0)
            return path;
    }
    return NULL;
}

/* newuidmap PID INSIDE OUTSIDE SIZE ... */
static const char **helper_arguments(const char *path, pid_t pid,
                                     const struct spec_id_mappings *mappings, struct arena *arena)
{
    const char **arguments = arena_zero(arena, 2 + 3 * mappings->count + 1, sizeof *arguments);
    size_t count = 0;

    if (arguments == NULL)
        return NULL;
    arguments[count++] = path;
    arguments[count++] = arena_print(arena, "%d", (int)pid);
    for (size_t i = 0; i < mappings->count; i++) {
        arguments[count++] = arena_print(arena, "%u", mappings->items[i].container_id);
        arguments[count++] = arena_print(arena, "%u", mappings->items[i].host_id);
        arguments[count++] = arena_print(arena, "%u", mappings->items[i].size);
    }
    for (size_t i = 0; i < count; i++) {
        if (arguments[i] == NULL)
            return NULL;
    }
    return arguments;
}

/* In the forked child: only what is safe beside other threads. */
static _Noreturn void become_helper(const char *const *arguments, int output)
{
    static char *const nothing[] = {NULL};
    sigset_t none;
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(output, STDOUT_FILENO) < 0 ||
        dup2(output, STDERR_FILENO) < 0)
        _exit(126);
    kernel_close_range(3, ~0U, 0); /* before 5.9 there is none, and ours are close-on-exec */
    execve(arguments[0], (char *const *)arguments, nothing);
    _exit(127);
}

static int64_t now_milliseconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* What the helper says, as far as there is room; true at the end of its output. */
static bool drain(int pipe, char *output, size_t *used)
{
    char more[256];
    ssize_t length = read(pipe, more, sizeof more);

    if (length <= 0)
        return !(length < 0 && (errno == EINTR || errno == EAGAIN));
    for (ssize_t i = 0; i < length && *used < OUTPUT_MOST; i++)
        output[(*used)++] = more[i];
    return false;
}

/* Read the helper's output until it has ended; -ETIMEDOUT when it does not in time. */
static int listen_to_helper(int pidfd, int output_pipe, char *output, size_t *used)
{
    int64_t deadline = now_milliseconds() + DEADLINE_SECONDS * 1000;
    bool silent = false;
    bool over = false;

    while (!over) {
        struct pollfd fds[] = {
            {silent ? -1 : output_pipe, POLLIN, 0},
            {pidfd,                     POLLIN, 0}
        };
        int64_t left = deadline - now_milliseconds();

        if (left <= 0)
            return -ETIMEDOUT;
        if (poll(fds, count_of(fds), (int)left) < 0 && errno != EINTR)
            return -errno;
        if (fds[0].revents != 0)
            silent = drain(output_pipe, output, used);
        else
            over = fds[1].revents != 0;
        if (silent && pidfd < 0)
            over = true; /* before 5.3: the end of its output has to do */
    }
    return 0;
}

/* Its exit as a wait status.  A daemon that reaps everybody may have been faster. */
static int reap(pid_t helper)
{
    int status = 0;
    pid_t reaped;

    do
        reaped = waitpid(helper, &status, 0);
    while (reaped < 0 && errno == EINTR);
    return reaped < 0 ? -errno : status;
}

/* One line out of what it said. */
static void one_line(char *output, size_t used)
{
    while (used > 0 && (output[used - 1] == '\n' || output[used - 1] == ' '))
        used--;
    output[used] = '\0';
    for (size_t i = 0; i < used; i++) {
        if (output[i] == '\n')
            output[i] = ';';
    }
}

static int tell_helper(struct error *err, const struct id_map_kind *kind, int status,
                       const char *output)
{
    char shown[1040];

    quotable(shown, output);
    if (status < 0)
        return fail(err, -status, "wait for %s", kind->helper);
    if (WIFSIGNALED(status))
        return refuse(err, EPERM, "%s: killed by signal %d", kind->helper, WTERMSIG(status));
    if (WEXITSTATUS(status) == 127)
        return refuse(err, ENOEXEC, "%s: cannot be executed", kind->helper);
    refuse(err, EPERM, "%s: %s", kind->helper, shown[0] == '\0' ? "failed without a word" : shown);
    return hint(err,
                "%s must give user %u all these host ids (see subuid(5)), and %s must be set-uid "
                "root or have file capabilities",
                kind->ranges, (unsigned)getuid(), kind->helper);
}

/* Run the helper to its end: 0, or -errno with err filled. */
static int spawn_helper(const struct id_map_kind *kind, const char *const *arguments,
                        struct error *err)
{
    char output[OUTPUT_MOST + 1];
    size_t used = 0;
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) < 0)
        return fail(err, errno, "pipe to %s", kind->helper);

    autoclose int from_helper = ends[0];
    autoclose int to_us = ends[1];
    pid_t helper = fork();

    if (helper < 0)
        return fail(err, errno, "fork for %s", kind->helper);
    if (helper == 0)
        become_helper(arguments, to_us);
    close_fd(&to_us);

    autoclose int pidfd = kernel_pidfd_open(helper, 0);
    int code = listen_to_helper(pidfd, from_helper, output, &used);

    if (code < 0)
        kill(helper, SIGKILL);

    int status = reap(helper);

    one_line(output, used);
    if (code == -ETIMEDOUT)
        return refuse(err, ETIMEDOUT, "%s: not done after %d s, killed", kind->helper,
                      DEADLINE_SECONDS);
    if (code < 0)
        return fail(err, -code, "wait for %s", kind->helper);
    return status == 0 ? 0 : tell_helper(err, kind, status, output);
}

bool id_helpers_are_there(void)
{
    autoarena struct arena arena = {0};

    return find_helper(&id_map_uids, &arena) != NULL && find_helper(&id_map_gids, &arena) != NULL;
}

int id_helper_run(const struct id_map_kind *kind, pid_t pid,
                  const struct spec_id_mappings *mappings, struct error *err)
{
    autoarena struct arena arena = {0};
    const char *path = find_helper(kind, &arena);

    if (path == NULL) {
        refuse(err, ENOENT, "%s: not found in /usr/bin or /bin", kind->helper);
        return hint(err, "it maps ids for those who are not root; install the package uidmap "
                         "(Debian, Ubuntu), shadow-utils (Fedora, Alpine) or shadow (Arch)");
    }

    const char **arguments = helper_arguments(path, pid, mappings, &arena);

    return arguments == NULL ? no_memory(err) : spawn_helper(kind, arguments, err);
}
