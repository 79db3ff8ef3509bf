#pragma once

/* Connecting to sockets that the caller names: console, pidfd, seccomp agent, service manager. */

#include <stddef.h>

#include "base/error.h"

/* Connect to the stream socket `path`, of any length (longer ones than sun_path go through an fd of
 * their directory).  Returns the fd, close-on-exec. */
must_check int unix_connect(const char *path, struct error *err);

/* The same for a datagram socket, whose address may also be "@" and an abstract name (unix(7)). The
 * fd does not block. */
must_check int unix_connect_datagram(const char *address, struct error *err);

/* Send `length` bytes with one fd in one message.  Never SIGPIPE. */
must_check int unix_send_fd(int socket, const void *bytes, size_t length, int fd,
                            struct error *err);
