#pragma once

/* A file system in user space, as a container may have one, that answers what it has to until a
 * process wants to leave. */

#include <sys/types.h>

/* Mount it on `place`, a directory of the host: empty, and a file can be made in it.  FLUSH, which
 * close(2) sends and no signal ends, is never answered.  Returns the server, which ends by itself
 * after 30 s, and all that wait for it with it; -1 with errno when there is no /dev/fuse. */
pid_t fuse_mount(const char *place);

/* Unmount it and end the server: whoever still waits for an answer gets an error. */
void fuse_end(pid_t server, const char *place);
