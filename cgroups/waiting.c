#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <time.h>

#include "base/own.h"
#include "cgroups/directories.h"

int64_t cgroup_clock(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

bool cgroup_back_off(unsigned attempt, int64_t deadline)
{
    int64_t pause = attempt < 6 ? 1 << attempt : 64;
    int64_t left = deadline - cgroup_clock();

    if (left <= 0)
        return false;
    if (pause > left)
        pause = left;
    nanosleep(&(struct timespec){.tv_nsec = pause * 1000000}, NULL);
    return true;
}

/* Read again what was opened: reading is also what arms the next POLLPRI. */
static bool says(int events, const char *wanted)
{
    char text[256];
    ssize_t length = pread(events, text, sizeof text - 1, 0);

    if (length < 0)
        return errno == ENODEV; /* the cgroup is gone: nobody is in it */
    text[length] = '\0';
    return strstr(text, wanted) != NULL;
}

bool cgroup_wait_for_event(int dir, const char *wanted, int64_t deadline)
{
    autoclose int events = openat(dir, "cgroup.events", O_RDONLY | O_CLOEXEC);

    if (events < 0)
        return false;
    while (!says(events, wanted)) {
        struct pollfd wait = {.fd = events, .events = POLLPRI};
        int64_t left = deadline - cgroup_clock();

        if (left <= 0)
            return false;
        if (poll(&wait, 1, left > INT32_MAX ? INT32_MAX : (int)left) < 0 && errno != EINTR)
            return false;
    }
    return true;
}
