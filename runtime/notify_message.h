#pragma once

/* The text of sd_notify(3): lines of NAME=value.  Nothing here touches a socket. */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* systemd takes no longer ones (PIPE_BUF). */
enum { NOTIFY_MESSAGE_MOST = 4096 };

struct notify_message {
    char bytes[NOTIFY_MESSAGE_MOST + 1]; /* with a NUL behind */
    size_t length;                       /* 0: none */
};

/* What has come is a message as systemd takes it: not empty, no NUL but one at the end, which goes.
 */
bool notify_message_tidy(struct notify_message *message);

/* The first line that begins with `start` ("READY="); NULL when there is none.  *ret_length is
 * without the newline. */
const char *notify_message_find(const struct notify_message *message, const char *start,
                                size_t *ret_length);

/* sd_notify_barrier(3): nothing but that. */
bool notify_message_is_barrier(const struct notify_message *message);

/* What a service manager may hear of it.  Left out is what would be about our service rather than
 * about what runs in the container: MAINPID (a pid of another namespace), NOTIFYACCESS, the store
 * of descriptors, BARRIER.  Behind READY= comes MAINPID=`main_pid`, unless that is 0 or has no
 * room.  Empty when nothing is left. */
void notify_message_translate(const struct notify_message *message, pid_t main_pid,
                              struct notify_message *ret);
