#include "runtime/deadline.h"

#include <errno.h>
#include <time.h>

struct deadline deadline_in_ms(int64_t milliseconds)
{
    if (milliseconds < 0)
        return (struct deadline){.at_ns = -1};
    return (struct deadline){.at_ns = monotonic_ns() + milliseconds * 1000000};
}

bool deadline_passed(const struct deadline *deadline)
{
    return deadline->at_ns >= 0 && monotonic_ns() >= deadline->at_ns;
}

int deadline_poll_ms(const struct deadline *deadline)
{
    if (deadline->at_ns < 0)
        return -1;

    int64_t left = (deadline->at_ns - monotonic_ns() + 999999) / 1000000;

    return left < 0 ? 0 : left > 3600000 ? 3600000 : (int)left;
}

void deadline_pause(struct deadline *deadline, int first_ms)
{
    int wanted = first_ms << (deadline->pauses < 5 ? deadline->pauses : 5);
    int left = deadline_poll_ms(deadline);

    deadline->pauses++;
    if (wanted > 64)
        wanted = 64;
    if (left >= 0 && wanted > left)
        wanted = left;
    poll(NULL, 0, wanted);
}

int deadline_wait(const struct deadline *deadline, int fd, short events)
{
    struct pollfd poll_fd = {.fd = fd, .events = events};

    for (;;) {
        int ready = poll(&poll_fd, 1, deadline_poll_ms(deadline));

        if (ready >= 0)
            return ready;
        if (errno != EINTR)
            return -errno;
    }
}
