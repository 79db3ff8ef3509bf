#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>

#include "base/inroot.h"
#include "base/kernel.h"
#include "base/own.h"
#include "base/text.h"
#include "namespaces/mount/live.h"
#include "namespaces/mount/root.h"
#include "namespaces/mount/tree.h"

/* A mount of its own is on exactly that place when its root is what we find there. */
static bool is_mount(int fd)
{
    struct kernel_place place;

    return kernel_place_of(fd, &place) == 0 && place.is_mount_root;
}

static bool is_read_only(int fd)
{
    struct statvfs status;

    return fstatvfs(fd, &status) == 0 && status.f_flag & ST_RDONLY;
}

/* The tmpfs over a masked directory: read-only, and its root is all that fits in. */
static bool is_empty_cover(int fd)
{
    struct statfs status;

    return is_read_only(fd) && fstatfs(fd, &status) == 0 && status.f_type == TMPFS_MAGIC &&
           status.f_files == 1;
}

static int identify(int fd, struct live_file *ret, struct error *err)
{
    struct stat status;

    if (fstat(fd, &status) < 0)
        return fail(err, errno, "stat the destination");
    *ret = (struct live_file){status.st_dev, status.st_ino};
    return 0;
}

static bool is_same(const struct live_file *one, const struct live_file *other)
{
    return one->device == other->device && one->inode == other->inode;
}

/* --- what is to be taken off: nothing that the container has put in the way
 * ------------------------------------------------------------------------------------------- */

static int open_destination(const struct mount_live *live, const char *destination,
                            struct error *err)
{
    autoclose int fd = inroot_open(live->child.root, destination, INROOT_FOLLOW, err);
    char path[LIVE_PATH_SIZE];
    char quoted[1040];

    if (fd < 0)
        return fd;
    if (live_path_of(live, fd, path, err) < 0)
        return -err->code;
    if (strcmp(path, destination) != 0)
        return refuse(err, EINVAL, "%s: is not removed by way of symbolic links: it leads to %s",
                      destination, quotable(quoted, path));
    if (!is_mount(fd))
        return refuse(err, EINVAL, "%s: nothing is mounted there", destination);
    return live_check_place(live, fd, err) < 0 ? -err->code : take_fd(&fd);
}

/* What hides a path of config.json is known by itself: the container can rename the directories
 * around it, so that any name leads to it.  For read-only paths see check_uncovered(). */
static int check_cover(const struct mount_live *live, const char *destination, int fd,
                       struct error *err)
{
    if (live->plan->masked_count == 0 || (!mount_is_null_device(fd) && !is_empty_cover(fd)))
        return 0;
    return refuse(err, EPERM, "%s: that mount covers a path of linux.maskedPaths", destination);
}

/* A mount and the directory that has its name: no name on which something is mounted can be
 * renamed or removed, so that the two stay together. */
struct found {
    int parent;
    int top;
    const char *name;
};

static void found_done(struct found *found)
{
    close_fd(&found->parent);
    close_fd(&found->top);
}

static int find(const struct mount_live *live, const char *destination, struct found *ret,
                struct error *err)
{
    autoclose int fd = open_destination(live, destination, err);
    const char *name = strrchr(destination, '/') + 1;
    char directory[LIVE_PATH_SIZE];
    struct live_file named = {0}, top = {0};

    if (fd < 0)
        return fd;
    memcpy(directory, destination, (size_t)(name - destination));
    directory[name - destination] = '\0';
    ret->name = name;
    ret->parent = inroot_open(live->child.root, directory, INROOT_FOLLOW, err);
    if (ret->parent < 0)
        return ret->parent;
    ret->top = openat(ret->parent, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (ret->top < 0)
        return fail(err, errno, "%s", destination);
    if (identify(fd, &named, err) < 0 || identify(ret->top, &top, err) < 0)
        return -err->code;
    if (!is_same(&named, &top) || !tree_is_same_mount(fd, ret->top))
        return refuse(err, EAGAIN, "%s: changes while it is being opened", destination);
    return check_cover(live, destination, ret->top, err);
}

/* --- taking it off
 * ------------------------------------------------------------------------------------------- */

/* In the copy, where nothing is lost by it: a read-only mount of a file over that same file is how
 * linux.readonlyPaths are protected. */
static int check_uncovered(const struct mount_live *live, const struct live_place *place,
                           const struct found *found, bool read_only, struct error *err)
{
    autoclose int below = openat(found->parent, found->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    struct live_file file = {0};

    if (below < 0)
        return fail(err, errno, "%s: look below the mount", place->destination);
    if (live->plan->readonly_count == 0 || !read_only)
        return 0;
    if (identify(below, &file, err) < 0)
        return -err->code;
    if (!is_same(&file, &place->top))
        return 0;
    return refuse(err, EPERM, "%s: that mount covers a path of linux.readonlyPaths",
                  place->destination);
}

static int take_off(const struct mount_live *live, const struct live_place *place, int fd,
                    struct error *err)
{
    int code = live_take_off(live, fd);

    if (code == 0)
        return 0;
    fail(err, -code, "%s", place->destination);
    return code == -EINVAL ? hint(err, "it came with the mount namespace and is locked there")
                           : -err->code;
}

static int rehearse_one(const struct mount_live *live, struct live_place *place,
                        const struct found *found, struct error *err)
{
    bool read_only = is_read_only(found->top);

    if (identify(found->parent, &place->parent, err) < 0 ||
        identify(found->top, &place->top, err) < 0 || take_off(live, place, found->top, err) < 0)
        return -err->code;
    return check_uncovered(live, place, found, read_only, err);
}

/* The same mount as in the copy, where it was found to be none of those that protect. */
static int remove_one(const struct mount_live *live, struct live_place *place,
                      const struct found *found, struct error *err)
{
    struct live_file parent = {0}, top = {0};

    if (identify(found->parent, &parent, err) < 0 || identify(found->top, &top, err) < 0)
        return -err->code;
    if (!is_same(&parent, &place->parent) || !is_same(&top, &place->top))
        return refuse(err, EAGAIN, "%s: changes all the time", place->destination);
    place->is_removed = take_off(live, place, found->top, err) == 0;
    return place->is_removed ? 0 : -err->code;
}

static int for_each(const struct mount_live *live,
                    int (*one)(const struct mount_live *, struct live_place *, const struct found *,
                               struct error *),
                    struct error *err)
{
    for (size_t i = live->count; i-- > 0;) {
        struct live_place *place = &live->places[i];
        struct found found = {.parent = -1, .top = -1};
        int code = find(live, place->destination, &found, err);

        if (code == 0)
            code = one(live, place, &found, err);
        found_done(&found);
        if (code < 0)
            return within(err, "mounts[%zu].destination", i);
    }
    return 0;
}

int mount_live_remove(struct mount_live *live, struct error *err)
{
    return for_each(live, remove_one, err);
}

size_t mount_live_count_removed(const struct mount_live *live)
{
    size_t removed = 0;

    for (size_t i = 0; i < live->count; i++)
        removed += live->places[i].is_removed;
    return removed;
}

/* The copy has the same mounts on the same places, locked or not as they are; only that nothing
 * done there travels back. */
int mount_live_rehearse(struct mount_live *live, struct error *err)
{
    if (unshare(CLONE_NEWNS) < 0)
        return fail(err, errno, "copy the container's mount namespace");

    struct mount_live copy = *live;
    autoclose int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

    if (root < 0)
        return fail(err, errno, "open /");
    copy.child.root = root;
    if (tree_set_propagation(root, MS_PRIVATE | MS_REC, err) < 0)
        return -err->code;
    return for_each(&copy, rehearse_one, err);
}
