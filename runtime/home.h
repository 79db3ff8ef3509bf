#pragma once

/* HOME of a user, as the container's own /etc/passwd says. */

#include <stddef.h>
#include <sys/types.h>

/* Write "HOME=<directory>" to `buffer`: the directory of the first line with that uid, or "/" when
 * there is none.  The file is the container's: read in place, at most 1 MiB, never trusted for
 * identity.  Does not allocate. */
void home_find(int root, uid_t uid, char *buffer, size_t size);
