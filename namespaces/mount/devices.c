#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/kernel.h"
#include "base/own.h"
#include "base/text.h"
#include "namespaces/mount/mount.h"
#include "namespaces/mount/ours.h"
#include "namespaces/mount/root.h"
#include "namespaces/mount/tree.h"

static bool is_null(const struct stat *status)
{
    return S_ISCHR(status->st_mode) && status->st_rdev == makedev(1, 3);
}

bool mount_is_null_device(int fd)
{
    struct stat status;

    return fstat(fd, &status) == 0 && is_null(&status);
}

static bool is_that_device(const struct planned_device *device, const struct stat *status)
{
    return (status->st_mode & S_IFMT) == (device->mode & S_IFMT) &&
           (S_ISFIFO(device->mode) || status->st_rdev == device->device);
}

/* As Docker has it for the device of a link of the host: the link's path, the device's numbers. */
static bool leads_to_it(const struct planned_device *device, int root)
{
    struct error unused;
    struct stat status;
    autoclose int found = inroot_open(root, device->path, INROOT_FOLLOW, &unused);

    return found >= 0 && fstat(found, &status) == 0 && is_that_device(device, &status);
}

enum place { PLACE_IS_FREE, PLACE_HAS_IT, PLACE_STAYS };

/* What is there already stays; we never trust it.  config-linux.md "Devices": "if a file already
 * exists at path that does not match the requested device, the runtime MUST generate an error".
 * Nobody has asked for the defaults, though, and what mounts[] brings is asked for as well: that is
 * how one of many devices is hidden. */
static int look_at_place(const struct planned_device *device, int root, int parent,
                         const char *name, const struct log *log, struct error *err)
{
    char owner[32] = "the root file system";
    struct stat status;

    if (fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? PLACE_IS_FREE : fail(err, errno, "stat");
    if (is_that_device(device, &status) || (S_ISLNK(status.st_mode) && leads_to_it(device, root)))
        return PLACE_HAS_IT;
    if (device->mount == NULL && device->is_listed)
        return refuse(err, EEXIST, "the root file system has %s there that is not this device",
                      tree_type_name(status.st_mode));
    if (device->mount != NULL)
        snprintf(owner, sizeof owner, "mounts[%zu]", device->mount->index);
    log_warning(log, "%s %s: %s has %s there, which stays", device->field, device->path, owner,
                tree_type_name(status.st_mode));
    return PLACE_STAYS;
}

/* An empty file is what we leave ourselves where a node is bound, unless it is a mount. */
static bool is_left_by_us(const struct planned_device *device, int parent, const char *name)
{
    struct stat status;

    return (device->mount == NULL || strcmp(device->mount->destination, device->path) != 0) &&
           fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(status.st_mode) &&
           status.st_size == 0;
}

/* The same before a node is bound over it, which a default one is over all that an image has. */
static int look_before_binding(const struct planned_device *device, int root, int parent,
                               const char *name, const struct log *log, struct error *err)
{
    if ((!device->is_listed && device->mount == NULL) || is_left_by_us(device, parent, name))
        return PLACE_IS_FREE;
    return look_at_place(device, root, parent, name, log, err);
}

/* 0; 1 when nodes may not be made here. */
static int make_node(const struct planned_device *device, int root, int parent, const char *name,
                     const struct log *log, struct error *err)
{
    int found;

    if (mknodat(parent, name, device->mode, device->device) < 0) {
        if (errno == EPERM)
            return 1;
        if (errno != EEXIST)
            return fail(err, errno, "mknod");
        found = look_at_place(device, root, parent, name, log, err);
        return found < 0 ? found : 0;
    }
    if ((device->uid != 0 || device->gid != 0) &&
        fchownat(parent, name, device->uid, device->gid, AT_SYMLINK_NOFOLLOW) < 0)
        return fail(err, errno, "chown");
    return 0;
}

/* The host's node of that path, checked to be the one that is meant. */
static int clone_host_node(const struct mount_plan *plan, size_t index,
                           const struct mount_helper *helper, struct error *err)
{
    static const struct mount_attributes attributes = {.set = MOUNT_ATTR_NOSUID |
                                                              MOUNT_ATTR_NOEXEC};
    const struct planned_device *device = &plan->devices[index];
    autoclose int tree = tree_clone(AT_FDCWD, device->path, false, err);
    struct stat status;
    int error;

    if (tree < 0 && tree != -ENOENT && helper != NULL)
        tree = helper->open_source(helper->context, mount_source_of_device(plan, index), err);
    if (tree < 0)
        return within(err, "the host's device");
    if (fstat(tree, &status) < 0)
        return fail(err, errno, "stat the host's device");
    if (!is_that_device(device, &status))
        return refuse(err, ENODEV, "the host has %s %u:%u there, not %s %u:%u",
                      tree_type_name(status.st_mode), major(status.st_rdev), minor(status.st_rdev),
                      tree_type_name(device->mode), major(device->device), minor(device->device));
    error = tree_set(tree, false, &attributes, err);
    return error < 0 ? error : take_fd(&tree);
}

static int bind_node(const struct mount_plan *plan, size_t index, struct mount_child *child,
                     const struct mount_helper *helper, struct error *err)
{
    const char *path = plan->devices[index].path;
    autoclose int tree = clone_host_node(plan, index, helper, err);
    autoclose int target = -1;
    struct stat status;

    if (tree < 0)
        return tree;
    target = inroot_make_file(child->root, path, err);
    if (target < 0)
        return target;
    if (fstat(target, &status) < 0)
        return fail(err, errno, "stat");
    if (S_ISDIR(status.st_mode))
        return refuse(err, EISDIR, "is a directory in the root file system");
    return tree_attach_at(tree, target, child->root, path, INROOT_FOLLOW, err);
}

/* The directory and name of a device.  Nearly all are in /dev, which is open: `ret_own` is only for
 * others. */
static int find_parent(struct mount_child *child, const char *path, int dev, int *ret_own,
                       char name[static 256], struct error *err)
{
    static const char dev_slash[] = "/dev/";
    const char *last = path + sizeof dev_slash - 1;

    if (starts_with(path, dev_slash) && strchr(last, '/') == NULL) {
        snprintf(name, 256, "%s", last);
        return dev;
    }
    *ret_own = inroot_open_parent(child->root, path, name, err);
    return *ret_own;
}

static int make_device(const struct mount_plan *plan, size_t index, struct mount_child *child,
                       int dev, const struct mount_helper *helper, struct error *err)
{
    const struct planned_device *device = &plan->devices[index];
    const struct log *log = helper == NULL ? NULL : helper->log;
    char name[256];
    autoclose int own = -1;
    int parent = find_parent(child, device->path, dev, &own, name, err);
    int made = parent < 0 ? parent : 1;
    int found;

    /* mknod(2) of a device needs the host's rights; a FIFO anyone may make. */
    if (made == 1 && (!plan->new_user_namespace || S_ISFIFO(device->mode)))
        made = make_node(device, child->root, parent, name, log, err);
    if (made != 1)
        return made;
    found = look_before_binding(device, child->root, parent, name, log, err);
    if (found < 0 || found == PLACE_STAYS)
        return found < 0 ? found : 0;
    return bind_node(plan, index, child, helper, err);
}

static const struct {
    const char *name;
    const char *to;
    const char *only_if; /* this exists on the host */
    bool replaces;       /* what the image has there goes */
} links[] = {
    {"fd",     "/proc/self/fd",   NULL,          false},
    {"stdin",  "/proc/self/fd/0", NULL,          false},
    {"stdout", "/proc/self/fd/1", NULL,          false},
    {"stderr", "/proc/self/fd/2", NULL,          false},
    {"core",   "/proc/kcore",     "/proc/kcore", false},
    {"ptmx",   "pts/ptmx",        NULL,          true },
};

static int make_links(int dev, struct error *err)
{
    for (size_t i = 0; i < count_of(links); i++) {
        if (links[i].only_if != NULL && faccessat(AT_FDCWD, links[i].only_if, F_OK, 0) < 0)
            continue;
        if (links[i].replaces && unlinkat(dev, links[i].name, 0) < 0 && errno != ENOENT)
            return fail(err, errno, "/dev/%s: remove", links[i].name);
        if (symlinkat(links[i].to, dev, links[i].name) < 0 && errno != EEXIST)
            return fail(err, errno, "/dev/%s: make the link", links[i].name);
    }
    return 0;
}

int mount_make_devices(const struct mount_plan *plan, struct mount_child *child,
                       const struct mount_helper *helper, struct error *err)
{
    autoclose int opened = -1;
    int dev = mount_find_our_root(child, "/dev");
    mode_t umask_before;
    int error = 0;

    if (!plan->make_devices)
        return 0;
    if (dev < 0)
        dev = opened = inroot_make_directory(child->root, "/dev", 0755, NULL, err);
    if (dev < 0)
        return dev;
    /* Modes are meant as they are written.  The umask is this process's own; it is put back. */
    umask_before = umask(0);
    for (size_t i = 0; error == 0 && i < plan->device_count; i++) {
        error = make_device(plan, i, child, dev, helper, err);
        if (error < 0)
            within(err, "%s %s", plan->devices[i].field, plan->devices[i].path);
    }
    umask(umask_before);
    return error < 0 ? error : make_links(dev, err);
}

int mount_open_our_null(const struct mount_child *child)
{
    const char *below;
    int dev = mount_find_ours(child, "/dev/null", &below);
    struct stat status;

    if (dev < 0 || fstatat(dev, below, &status, AT_SYMLINK_NOFOLLOW) < 0 || !is_null(&status))
        return -1;
    return openat(dev, below, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
}
