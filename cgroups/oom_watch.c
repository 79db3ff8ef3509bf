/* Being told when memory runs out, without asking again and again. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/file.h"
#include "base/own.h"
#include "base/text.h"
#include "cgroups/controllers.h"
#include "cgroups/directories.h"

/* v2: the kernel says that memory.events has changed (cgroup-v2.rst); through /proc/self/fd,
 * because inotify takes paths alone. */
static int watch_v2(int dir, struct cgroup_oom_watch *ret, struct error *err)
{
    autoclose int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    char path[64];

    snprintf(path, sizeof path, "/proc/self/fd/%d/memory.events", dir);
    if (fd < 0 || inotify_add_watch(fd, path, IN_MODIFY) < 0)
        return errno == ENOENT ? -ENOENT : fail(err, errno, "watch memory.events");

    int64_t kills = cgroup_read_key(dir, "memory.events", "oom_kill");

    *ret = (struct cgroup_oom_watch){take_fd(&fd), dir, true, kills < 0 ? 0 : kills};
    return 0;
}

/* v1: "<eventfd> <fd of memory.oom_control>" in cgroup.event_control (cgroup-v1/memory.rst, 10). */
static int watch_v1(int dir, struct cgroup_oom_watch *ret, struct error *err)
{
    autoclose int control = openat(dir, "memory.oom_control", O_RDONLY | O_CLOEXEC);
    autoclose int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    char line[32];

    if (control < 0)
        return errno == ENOENT ? -ENOENT : fail(err, errno, "open memory.oom_control");
    if (fd < 0)
        return fail(err, errno, "make an eventfd");
    snprintf(line, sizeof line, "%d %d", fd, control);

    int code = write_pseudo_file(dir, "cgroup.event_control", line);

    if (code < 0)
        return fail(err, -code, "write cgroup.event_control");
    *ret = (struct cgroup_oom_watch){take_fd(&fd), dir, false, 0};
    return 0;
}

int cgroup_oom_watch(const struct cgroup *cgroup, struct cgroup_oom_watch *ret, struct error *err)
{
    int v2 = -1;

    for (size_t i = 0; i < cgroup->count; i++) {
        if (cgroup->directories[i].fd < 0)
            continue;
        if (cgroup->directories[i].is_v2)
            v2 = cgroup->directories[i].fd;
        else if (cgroup_list_has(cgroup->directories[i].name, "memory", ','))
            return watch_v1(cgroup->directories[i].fd, ret, err);
    }
    return v2 < 0 ? -ENOENT : watch_v2(v2, ret, err);
}

/* What lies in the inotify says only that something changed; the count says what. */
static int64_t read_v2(struct cgroup_oom_watch *watch)
{
    char ignored[4096];

    while (read(watch->fd, ignored, sizeof ignored) > 0)
        ;

    int64_t kills = cgroup_read_key(watch->dir, "memory.events", "oom_kill");
    int64_t more = kills - watch->seen;

    if (more <= 0)
        return 0;
    watch->seen = kills;
    return more;
}

/* The removal of the cgroup counts as one event too. */
static int64_t read_v1(const struct cgroup_oom_watch *watch)
{
    uint64_t count = 0;

    if (read(watch->fd, &count, sizeof count) != sizeof count || count == 0)
        return 0;
    return (int64_t)count - (faccessat(watch->dir, "memory.oom_control", F_OK, 0) < 0);
}

int64_t cgroup_oom_watch_read(struct cgroup_oom_watch *watch)
{
    if (watch->fd < 0)
        return 0;
    return watch->is_v2 ? read_v2(watch) : read_v1(watch);
}

void cgroup_oom_watch_done(struct cgroup_oom_watch *watch)
{
    close_fd(&watch->fd);
}
