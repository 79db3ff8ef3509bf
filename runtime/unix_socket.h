#pragma once

/* Connecting to sockets that the caller names: console, pidfd, seccomp agent. */

#include <stddef.h>

#include "base/error.h"

/* Connect to the stream socket `path`, of any length (longer ones than sun_path go through an fd of
 * their directory).  Returns the fd, close-on-exec. */
must_check int unix_connect(const char *path, struct error *err);

/* Send `length` bytes with one fd in one message.  Never SIGPIPE. */
must_check int unix_send_fd(int socket, const void *bytes, size_t length, int fd,
                            struct error *err);
