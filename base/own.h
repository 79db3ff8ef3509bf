#pragma once

/*
 * Owned locals.  Declare with an initial value; leave by returning.
 *     autofree char *path = NULL;
 *     autoclose int fd = -1;
 *     autostream FILE *file = NULL;
 * Hand over with take(&path) / take_fd(&fd).
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define autofree   __attribute__((cleanup(autofree_)))
#define autoclose  __attribute__((cleanup(autoclose_)))
#define autostream __attribute__((cleanup(autostream_)))

#define count_of(array) (sizeof(array) / sizeof *(array))

static inline void autofree_(void *pointer)
{
    free(*(void **)pointer);
}

/* Close *fd if it is open and mark it closed; errno is kept. */
static inline void close_fd(int *fd)
{
    int saved = errno;

    if (*fd >= 0)
        close(*fd);
    *fd = -1;
    errno = saved;
}

static inline void autoclose_(int *fd)
{
    close_fd(fd);
}

static inline void autostream_(FILE **stream)
{
    if (*stream != NULL)
        fclose(*stream);
}

static inline int take_fd(int *fd)
{
    int taken = *fd;

    *fd = -1;
    return taken;
}

#define take(owner)                             \
    __extension__({                             \
        __typeof__(*(owner)) taken_ = *(owner); \
        *(owner) = NULL;                        \
        taken_;                                 \
    })
