#pragma once

/* File systems in user space (fuse(4)). */

#include <linux/fuse.h>
#include <stddef.h>
#include <sys/types.h>

struct fuse_question {
    struct fuse_in_header header;
    char body[64 * 1024];
};

/* Answer one question, or say nothing. */
typedef void fuse_server(int fuse, const struct fuse_question *question, void *context);

/* Mount one on `place`; `answer` is called in a process of its own, the server, which ends by
 * itself after DEADLINE_SECONDS, and all that wait for it with it.  -1 with errno when there is no
 * /dev/fuse. */
pid_t fuse_serve(const char *place, fuse_server *answer, void *context);

/* `error` is an errno, or 0. */
void fuse_answer(int fuse, const struct fuse_question *question, int error, const void *body,
                 size_t length);

/* One as a container may have it, that answers what it has to until a process wants to leave: it is
 * empty, a file can be made in it, and FLUSH, which close(2) sends and no signal ends, is never
 * answered.  Returns as fuse_serve(). */
pid_t fuse_mount(const char *place);

/* Unmount it and end the server: whoever still waits for an answer gets an error. */
void fuse_end(pid_t server, const char *place);
