#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/inroot.h"
#include "base/kernel.h"
#include "base/own.h"
#include "namespaces/mount/live.h"
#include "namespaces/mount/options.h"
#include "namespaces/mount/steps.h"
#include "namespaces/mount/tree.h"

/* --- what is made on the way goes again on failure
 * ------------------------------------------------------------------------------------------- */

/* Only this very one, and only empty as we made it.  Where it is now, the kernel tells: the way we
 * came may lead somewhere else meanwhile. */
static void remove_made(const struct mount_live *live, int made)
{
    char path[LIVE_PATH_SIZE];
    struct stat status, found;
    struct error ignored;
    char *name;

    if (fstat(made, &status) < 0 || live_path_of(live, made, path, &ignored) < 0 || path[1] == '\0')
        return;
    name = strrchr(path, '/');
    *name++ = '\0';

    autoclose int parent = inroot_open(live->child.root, path[0] == '\0' ? "/" : path,
                                       INROOT_NO_LINKS, &ignored);

    if (parent < 0 || fstatat(parent, name, &found, AT_SYMLINK_NOFOLLOW) < 0 ||
        found.st_dev != status.st_dev || found.st_ino != status.st_ino)
        return;
    if (S_ISDIR(found.st_mode))
        (void)!unlinkat(parent, name, AT_REMOVEDIR);
    else if (S_ISREG(found.st_mode) && found.st_size == 0)
        (void)!unlinkat(parent, name, 0);
}

void mount_live_take_back(struct mount_live *live)
{
    for (size_t i = live->count; i-- > 0;) {
        struct live_place *place = &live->places[i];

        /* EINVAL when it never came to its place. */
        if (place->is_tried)
            (void)!live_take_off(live, place->tree);
        close_fd(&place->tree);
    }
}

void mount_live_remove_made(struct mount_live *live)
{
    struct inroot_made *made = live->made;

    while (made->count > 0) {
        int fd = made->fds[--made->count];

        remove_made(live, fd);
        close_fd(&fd);
    }
}

/* --- one mount
 * ------------------------------------------------------------------------------------------- */

/* An empty tmpfs looks like the directory it covers, unless told otherwise. */
static int finish_tmpfs(const struct live_place *place, int target, bool made, struct error *err)
{
    static const struct mount_attributes read_only = {.set = MOUNT_ATTR_RDONLY};
    const struct planned_mount *mount = place->mount;
    autoclose int top = openat(place->tree, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct stat status;

    if (top < 0)
        return fail(err, errno, "open the tmpfs");
    if (!mount->has_mode && !made &&
        (fstat(target, &status) < 0 || fchmod(top, status.st_mode & 07777) < 0))
        return fail(err, errno, "set the mode of the tmpfs");
    return mount->read_only_late ? tree_set(place->tree, false, &read_only, err) : 0;
}

static int add(struct mount_live *live, struct live_place *place, struct error *err)
{
    const struct mount_step step = {live->plan, place->mount, &live->child, NULL, live->made};
    autotarget target = MOUNT_TARGET_EMPTY;
    struct stat status;

    if (place->is_left_out)
        return 0;
    if (fstat(place->tree, &status) < 0)
        return fail(err, errno, "stat the mount");
    if (mount_open_target(&step, S_ISDIR(status.st_mode), &target, err) < 0 ||
        live_check_place(live, target.fd, err) < 0)
        return -err->code;
    if (place->mount->kind == MOUNT_KIND_TMPFS &&
        finish_tmpfs(place, target.fd, target.is_made, err) < 0)
        return -err->code;
    /* Even when this fails: the mount may have landed, but somewhere else. */
    place->is_tried = true;
    return mount_place(&step, place->tree, &target, err);
}

int mount_live_add(struct mount_live *live, struct error *err)
{
    for (size_t i = 0; i < live->count; i++) {
        if (add(live, &live->places[i], err) < 0)
            return mount_name_place(err, i, live->places[i].destination);
    }
    return 0;
}
