#pragma once

/*
 * What a container has sent to notify.sock.  Its messages may bring descriptors, and who is the
 * last to close one waits for as long as its file likes: a FUSE mount's in close(2), a TCP socket
 * with SO_LINGER in whatever system call drops it.  So none comes into our table, and a message
 * that has any is taken off the queue by a process of its own.
 */

#include <stdbool.h>

#include "base/error.h"
#include "runtime/notify_message.h"

/* Look at the first message: 1; 0 when there is none; -errno.  What nobody could read is empty: a
 * flood of that must not hold us. */
must_check int notify_queue_look(int socket, struct notify_message *ret, bool *ret_has_fds);

/* Take it off, after a look at it.  0; -ETIMEDOUT when that takes too long, and no more should be
 * taken; -errno. */
must_check int notify_queue_drop(int socket, bool has_fds);

/* Close the socket, whatever is in the queue.  *socket becomes -1. */
void notify_queue_close(int *socket);
