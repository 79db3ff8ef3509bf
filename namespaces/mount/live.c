#include "namespaces/mount/live.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/inroot.h"
#include "base/kernel.h"
#include "base/own.h"
#include "namespaces/mount/options.h"
#include "namespaces/mount/steps.h"
#include "namespaces/mount/tree.h"

/* --- outside: the host's files
 * ------------------------------------------------------------------------------------------- */

static int open_root(struct mount_live *live, pid_t pid, struct error *err)
{
    char path[32];

    snprintf(path, sizeof path, "/proc/%d/root", pid);
    live->child.root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (live->child.root < 0)
        return fail(err, errno, "open %s", path);
    return mount_live_reopen(live, err);
}

/* No process may read the names of another's fds that is not to be looked at, even if they are the
 * same. */
int mount_live_reopen(struct mount_live *live, struct error *err)
{
    live->fds = open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC);
    return live->fds < 0 ? fail(err, errno, "open /proc/self/fd") : 0;
}

/* As on creation: what is bound in a user namespace is cloned in it, so that the flags of the
 * host's mount are locked; there the source may be out of reach, and then the host's clone is used.
 * Ids are always mapped from outside. */
static bool is_cloned_inside(const struct mount_live *live, const struct live_place *place)
{
    return live->plan->new_user_namespace && place->mount->id_map == NULL;
}

static int open_host_tree(const struct mount_live *live, struct live_place *place,
                          struct error *err)
{
    const struct planned_mount *mount = place->mount;

    place->host_tree = mount_open_source(live->plan, mount_source_of_mount(mount), live->log, err);
    if (place->host_tree >= 0 || is_cloned_inside(live, place))
        return 0;
    if (place->host_tree == -ENOENT && mount->extensions & MOUNT_OPTIONAL) {
        place->is_left_out = true;
        return 0;
    }
    within(err, "source %s", mount->source);
    return mount_name_place(err, place->index, place->destination);
}

int mount_live_prepare(struct mount_live *live, pid_t pid, struct error *err)
{
    if (open_root(live, pid, err) < 0)
        return -err->code;
    for (size_t i = 0; i < live->count; i++) {
        struct live_place *place = &live->places[i];

        if (place->mount != NULL && place->mount->kind == MOUNT_KIND_BIND &&
            open_host_tree(live, place, err) < 0)
            return -err->code;
    }
    return 0;
}

static int give_host_tree(void *context, unsigned index, struct error *err)
{
    const struct mount_live *live = context;
    struct live_place *place = &live->places[index - MOUNT_SOURCE_ROOT - 1];

    if (place->host_tree < 0)
        return fail(err, -place->host_tree, "open_tree");
    return take_fd(&place->host_tree);
}

static int make(struct mount_live *live, struct live_place *place, struct error *err)
{
    const struct mount_helper helper = {give_host_tree, live, live->log};
    const struct planned_mount *mount = place->mount;
    const struct mount_step step = {live->plan, mount, &live->child, &helper, NULL};

    if (mount->kind == MOUNT_KIND_BIND && !is_cloned_inside(live, place)) {
        place->tree = take_fd(&place->host_tree);
        return 0;
    }
    place->tree = mount_make_tree(&step, err);
    place->is_left_out = place->tree == -ENOENT && mount->extensions & MOUNT_OPTIONAL;
    close_fd(&place->host_tree);
    return place->tree >= 0 || place->is_left_out ? 0 : -err->code;
}

int mount_live_make(struct mount_live *live, struct error *err)
{
    for (size_t i = 0; i < live->count; i++) {
        struct live_place *place = &live->places[i];

        if (make(live, place, err) < 0)
            return mount_name_place(err, i, place->destination);
    }
    return 0;
}

struct shared {
    struct inroot_made made;
    struct live_place places[];
};

int mount_live_share(struct mount_live *live, struct error *err)
{
    size_t size = live->count * sizeof *live->places;
    struct shared *shared = mmap(NULL, sizeof *shared + size, PROT_READ | PROT_WRITE,
                                 MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (shared == MAP_FAILED)
        return fail(err, errno, "map shared memory");
    memcpy(shared->places, live->places, size);
    live->places = shared->places;
    live->made = &shared->made;
    return 0;
}

/* --- inside
 * ------------------------------------------------------------------------------------------- */

/* A first process that may chroot could name its own files, even protected ones, as the caller
 * names the container's.  Without pivot_root(2), too, the container's root covers that of its
 * namespace, and setns(2) leads to what is on top. */
static int check_root(const struct mount_live *live, struct error *err)
{
    autoclose int top = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    struct stat ours, theirs;

    if (top < 0 || fstat(top, &ours) < 0 || fstat(live->child.root, &theirs) < 0)
        return fail(err, errno, "look at the container's root");
    if (ours.st_dev == theirs.st_dev && ours.st_ino == theirs.st_ino &&
        tree_is_same_mount(top, live->child.root))
        return 0;
    return refuse(err, EPERM,
                  "the container's first process has another root than its mount namespace");
}

int mount_live_enter(struct mount_live *live, struct error *err)
{
    if (check_root(live, err) < 0)
        return -err->code;
    if (fchdir(live->child.root) < 0 || chroot(".") < 0)
        return fail(err, errno, "enter the container's root");
    return 0;
}

int live_path_of(const struct mount_live *live, int fd, char path[static LIVE_PATH_SIZE],
                 struct error *err)
{
    char name[16];
    ssize_t length;

    snprintf(name, sizeof name, "%d", fd);
    length = readlinkat(live->fds, name, path, LIVE_PATH_SIZE - 1);
    if (length < 0)
        return fail(err, errno, "read /proc/self/fd/%s", name);
    path[length] = '\0';
    return path[0] == '/' ? 0 : refuse(err, EAGAIN, "the destination is not in the container now");
}

/* Where a masked or read-only path of config.json leads may be anywhere, too. */
static int check_hidden_path(const struct mount_live *live, const char *path,
                             const struct live_hidden *hidden, struct error *err)
{
    struct error missing;
    char hidden_path[LIVE_PATH_SIZE];
    autoclose int fd = inroot_open(live->child.root, hidden->path, INROOT_FOLLOW, &missing);

    if (fd < 0)
        return 0;
    if (live_path_of(live, fd, hidden_path, err) < 0)
        return -err->code;
    return live_check_hidden(path, hidden, hidden_path, err);
}

int live_check_place(const struct mount_live *live, int fd, struct error *err)
{
    char path[LIVE_PATH_SIZE];

    if (live_path_of(live, fd, path, err) < 0)
        return -err->code;
    if (path[1] == '\0')
        return refuse(err, EINVAL, "the destination leads to the root itself");
    if (live_check_proc(path, err) < 0)
        return -err->code;
    for (size_t i = 0; i < live_hidden_count(live->plan); i++) {
        const struct live_hidden hidden = live_hidden_at(live->plan, i);

        if (check_hidden_path(live, path, &hidden, err) < 0)
            return -err->code;
    }
    return 0;
}

/* umount2(2) knows paths only, and /proc of the container is not to be trusted: so the path is a
 * single name in a directory of ours. */
int live_take_off(const struct mount_live *live, int fd)
{
    char name[16];

    snprintf(name, sizeof name, "%d", fd);
    if (fchdir(live->fds) < 0 || kernel_umount(name, MNT_DETACH) < 0)
        return -errno;
    return 0;
}
