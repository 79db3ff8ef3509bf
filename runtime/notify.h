#pragma once

/*
 * sd_notify(3) out of a container: the messages of its processes go on to the service manager of
 * whoever starts it.
 *
 *     in the container                on the host                         the service manager
 *     /run/notify/notify.sock  =====  ROOT/ID/notify/notify.sock  ------>  its NOTIFY_SOCKET
 *       (the directory, mounted)        bound by `start`                     connected
 *
 * The directory is mounted and not the socket: that is there only while somebody listens.
 */

#include "base/arena.h"
#include "base/error.h"
#include "base/log.h"
#include "runtime/notify_message.h"
#include "spec/spec.h"

/* What the container's process is told. */
#define NOTIFY_VARIABLE "NOTIFY_SOCKET=/run/notify/notify.sock"

/* sd_notify_barrier(3) of the container: its message stays in the queue, with its descriptor, until
 * the service manager has closed a pipe of ours, or has taken too long. */
struct notify_barrier {
    int theirs; /* to be passed on; -1 when it has been */
    int ours;
    int timer;
    int over; /* epoll: readable when one of the two above is */
};

struct notify {
    int inner; /* the socket in the container's sight; -1: nobody listens */
    int host;  /* connected to the service manager's */
    struct notify_barrier barrier;
    struct notify_message waiting; /* translated, not yet taken by the host */
};

#define NOTIFY_CLOSED                                         \
    {                                                         \
        .inner = -1, .host = -1, .barrier = NOTIFY_NO_BARRIER \
    }
#define NOTIFY_NO_BARRIER                                 \
    {                                                     \
        .theirs = -1, .ours = -1, .timer = -1, .over = -1 \
    }

/* --- create -------------------------------------------------------------------------------------
 */

/* A mount more: STATE_PATH/notify on /run/notify, and nothing can be done there but connect.
 * Refuses what is no address, and a container that would share its mounts with the host. */
must_check int notify_add_mount(struct spec *spec, const char *address, const char *state_path,
                                struct arena *arena, struct error *err);

/* Make the directory in the state directory, for everybody in the container to enter. */
must_check int notify_make_directory(int state_directory, struct error *err);

/* --- start --------------------------------------------------------------------------------------
 */

/* Listen in the directory that create has made, and connect to the service manager at `address`: a
 * path or "@" and an abstract name.  What an earlier start has left there goes.  Where create has
 * made none, *ret stays closed, with a warning. */
must_check int notify_open(struct notify *ret, int state_directory, const char *address,
                           const struct log *log, struct error *err);
void notify_close(struct notify *notify);
