#pragma once

/* The other end of --console-socket, --pidfd-socket and listenerPath: a descriptor is received. */

/* A listening Unix stream socket at `path`; at most 107 bytes. */
int listen_at(const char *path);

/* Accept one connection (waiting at most DEADLINE_SECONDS), receive one message with one
 * descriptor. Returns the descriptor, or -1; *message is what came with it, in the scenario's
 * arena. */
int receive_fd(int server, char **message);
