/* Being told when the list of containers may have changed. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>

#include "base/own.h"
#include "runtime/handle.h"
#include "runtime/state.h"

/* In the root: containers that come and go.  In a container's directory: its record is replaced,
 * and pause and resume touch it.  Opening and reading, which we do ourselves, is not among them. */
enum { CHANGES = IN_CREATE | IN_DELETE | IN_MOVED_TO | IN_ATTRIB | IN_ONLYDIR };

struct container_watch {
    const struct runtime *runtime;
    int poll;   /* epoll of the rest */
    int notify; /* inotify */
    int *ends;  /* pidfds of the first processes; each is told once and then dropped */
    size_t end_count;
};

int container_watch_fd(const struct container_watch *watch)
{
    return watch->poll;
}

static void forget_ends(struct container_watch *watch)
{
    for (size_t i = 0; i < watch->end_count; i++)
        close_fd(&watch->ends[i]); /* the last copy: it leaves the epoll too */
    free(watch->ends);
    watch->ends = NULL;
    watch->end_count = 0;
}

void container_watch_free(struct container_watch *watch)
{
    if (watch == NULL)
        return;
    forget_ends(watch);
    close_fd(&watch->notify);
    close_fd(&watch->poll);
    free(watch);
}

static int add(const struct container_watch *watch, int fd, struct error *err)
{
    struct epoll_event wanted = {.events = EPOLLIN};

    if (epoll_ctl(watch->poll, EPOLL_CTL_ADD, fd, &wanted) < 0)
        return fail(err, errno, "watch %s", watch->runtime->root);
    return 0;
}

/* A watch that is there already is renewed; one on a directory that is gone is dropped by the
 * kernel. */
static int watch_directory(const struct container_watch *watch, const char *path, struct error *err)
{
    if (inotify_add_watch(watch->notify, path, CHANGES) < 0 && errno != ENOENT)
        return fail(err, errno, "watch %s", path);
    return 0;
}

static int watch_container(struct container_watch *watch, const char *id, struct error *err)
{
    struct container *container;
    struct error gone;

    if (container_open(watch->runtime, id, &container, &gone) < 0)
        return 0; /* being made or deleted: its directory tells */

    int code = watch_directory(watch, container->state_path, err);

    if (code == 0 && container->pidfd >= 0) {
        watch->ends[watch->end_count] = take_fd(&container->pidfd);
        code = add(watch, watch->ends[watch->end_count++], err);
    }
    container_free(container);
    return code;
}

static void drain(const struct container_watch *watch)
{
    char ignored[4096];

    while (read(watch->notify, ignored, sizeof ignored) > 0)
        ;
}

int container_watch_refresh(struct container_watch *watch, struct error *err)
{
    autoarena struct arena arena = {NULL};
    struct string_list ids = {NULL, 0};
    int code = 0;

    drain(watch);
    forget_ends(watch);
    if (container_ids(watch->runtime, &arena, &ids, err) < 0)
        return -err->code;
    watch->ends = calloc(ids.count + 1, sizeof *watch->ends);
    if (watch->ends == NULL)
        return no_memory(err);
    for (size_t i = 0; i < ids.count && code == 0; i++) {
        char path[4096];

        /* Before it is described: its record is about to come. */
        snprintf(path, sizeof path, "%s/%s", watch->runtime->root, ids.items[i]);
        code = watch_directory(watch, path, err);
        if (code == 0)
            code = watch_container(watch, ids.items[i], err);
    }
    return code;
}

int container_watch_open(const struct runtime *runtime, bool makes_root,
                         struct container_watch **ret, struct error *err)
{
    /* What is not there cannot be watched. */
    autoclose int root = makes_root ? state_make_root(runtime->root, err)
                                    : state_open_root(runtime->root, err);
    struct container_watch *watch;
    int code = 0;

    if (root < 0)
        return -err->code;
    watch = calloc(1, sizeof *watch);
    if (watch == NULL)
        return no_memory(err);
    *watch = (struct container_watch){
        .runtime = runtime,
        .poll = epoll_create1(EPOLL_CLOEXEC),
        .notify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK),
    };
    if (watch->poll < 0 || watch->notify < 0)
        code = fail(err, errno, "watch %s", runtime->root);
    if (code == 0 && inotify_add_watch(watch->notify, runtime->root, CHANGES) < 0)
        code = fail(err, errno, "watch %s", runtime->root);
    if (code == 0)
        code = add(watch, watch->notify, err);
    if (code < 0) {
        container_watch_free(watch);
        return code;
    }
    *ret = watch;
    return 0;
}
