#include "tests/integration/harness/fuse.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/kernel.h"
#include "tests/integration/harness/program.h"

enum { FILE_NODE = 2 };

void fuse_answer(int fuse, const struct fuse_question *question, int error, const void *body,
                 size_t length)
{
    struct fuse_out_header header = {
        .len = (uint32_t)(sizeof header + length),
        .error = -error,
        .unique = question->header.unique,
    };
    struct iovec parts[] = {
        {&header,      sizeof header},
        {(void *)body, length       },
    };

    if (writev(fuse, parts, 2) < 0 && errno != ENOENT) /* who asked has gone */
        _exit(1);
}

static struct fuse_attr attributes_of(uint64_t node)
{
    return (struct fuse_attr){
        .ino = node,
        .mode = node == FILE_NODE ? S_IFREG | 0644 : S_IFDIR | 0755,
        .nlink = 1,
    };
}

static void answer_file(int fuse, const struct fuse_question *question, bool opened)
{
    struct {
        struct fuse_entry_out entry;
        struct fuse_open_out open;
    } body = {
        .entry = {.nodeid = FILE_NODE, .attr = attributes_of(FILE_NODE)}
    };

    fuse_answer(fuse, question, 0, &body, opened ? sizeof body : sizeof body.entry);
}

static void answer_attributes(int fuse, const struct fuse_question *question)
{
    struct fuse_attr_out out = {.attr = attributes_of(question->header.nodeid)};

    fuse_answer(fuse, question, 0, &out, sizeof out);
}

static void serve_stubborn(int fuse, const struct fuse_question *question, void *context)
{
    bool *made = context;

    switch (question->header.opcode) {
    case FUSE_GETATTR:
        answer_attributes(fuse, question);
        return;
    case FUSE_MKNOD:
    case FUSE_CREATE:
        *made = true;
        answer_file(fuse, question, question->header.opcode == FUSE_CREATE);
        return;
    case FUSE_LOOKUP:
        if (*made)
            answer_file(fuse, question, false);
        else
            fuse_answer(fuse, question, ENOENT, NULL, 0);
        return;
    case FUSE_FORGET:
    case FUSE_BATCH_FORGET:
    case FUSE_INTERRUPT:
    case FUSE_FLUSH:
        return;
    default:
        fuse_answer(fuse, question, ENOSYS, NULL, 0);
    }
}

/* --- any file system
 * --------------------------------------------------------------------------------------------- */

static void answer_init(int fuse, const struct fuse_question *question)
{
    struct fuse_init_out out = {
        .major = FUSE_KERNEL_VERSION,
        .minor = 31,
        .max_write = 4096,
    };

    fuse_answer(fuse, question, 0, &out, sizeof out);
}

static _Noreturn void serve(int fuse, fuse_server *answer, void *context)
{
    static struct fuse_question question;

    alarm(DEADLINE_SECONDS);
    for (;;) {
        ssize_t length = read(fuse, &question, sizeof question);

        if (length > 0 && question.header.opcode == FUSE_INIT)
            answer_init(fuse, &question);
        else if (length > 0)
            answer(fuse, &question, context);
        else if (errno != EINTR && errno != ENOENT)
            _exit(0); /* unmounted */
    }
}

pid_t fuse_serve(const char *place, fuse_server *answer, void *context)
{
    int fuse = open("/dev/fuse", O_RDWR | O_CLOEXEC);
    char options[96];
    pid_t server;

    if (fuse < 0)
        return -1;
    snprintf(options, sizeof options, "fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other",
             fuse);
    cr_assert(kernel_mount("tests", place, "fuse", 0, options) == 0, "%s", strerror(errno));
    server = fork();
    cr_assert(server >= 0);
    if (server == 0)
        serve(fuse, answer, context);
    close(fuse); /* the connection ends with the server */
    return server;
}

pid_t fuse_mount(const char *place)
{
    bool made = false;

    return fuse_serve(place, serve_stubborn, &made);
}

void fuse_end(pid_t server, const char *place)
{
    cr_assert(kernel_umount(place, MNT_DETACH) == 0, "%s", strerror(errno));
    kill(server, SIGKILL);
    cr_assert(waitpid(server, NULL, 0) == server);
}
