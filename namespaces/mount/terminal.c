#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <termios.h>
#include <unistd.h>

#include "base/own.h"
#include "namespaces/mount/mount.h"
#include "namespaces/mount/plan.h"
#include "namespaces/mount/tree.h"

#ifndef TIOCGPTPEER
#define TIOCGPTPEER _IO('T', 0x41)
#endif

/* From a directory that the kernel says is a devpts, so that no image can put its own node there.
 */
static int open_master(int root, struct error *err)
{
    autoclose int pts = inroot_open(root, "/dev/pts", INROOT_FOLLOW, err);
    autoclose int master = -1;
    int unlock = 0;

    if (pts < 0)
        return pts;
    if (!tree_is_filesystem(pts, DEVPTS_SUPER_MAGIC)) {
        refuse(err, ENODEV, "/dev/pts: is no devpts");
        return hint(err, "a terminal needs a mount of type devpts there");
    }
    master = openat(pts, "ptmx", O_RDWR | O_NOCTTY | O_NOFOLLOW | O_CLOEXEC);
    if (master < 0)
        return fail(err, errno, "open /dev/pts/ptmx");
    if (ioctl(master, TIOCSPTLCK, &unlock) < 0)
        return fail(err, errno, "unlock the terminal");
    return take_fd(&master);
}

/* The place of the console: a file of ours, or what is there, but no link. */
static int open_console(int root, struct error *err)
{
    char name[256];
    autoclose int dev = inroot_open_parent(root, "/dev/console", name, err);
    autoclose int console = -1;
    struct stat status;

    if (dev < 0)
        return dev;
    console = openat(dev, name, O_RDONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0620);
    if (console < 0 && errno == EEXIST)
        console = openat(dev, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (console < 0)
        return fail(err, errno, "/dev/console");
    if (fstat(console, &status) < 0)
        return fail(err, errno, "/dev/console: stat");
    if (S_ISLNK(status.st_mode) || S_ISDIR(status.st_mode))
        return refuse(err, ELOOP, "/dev/console: is %s in the root file system",
                      tree_type_name(status.st_mode));
    return take_fd(&console);
}

static int bind_console(int root, int peer, struct error *err)
{
    autoclose int tree = tree_clone(peer, "", false, err);
    autoclose int console = -1;
    int error;

    if (tree < 0)
        return within(err, "/dev/console");
    console = open_console(root, err);
    if (console < 0)
        return console;
    error = tree_attach_at(tree, console, root, "/dev/console", INROOT_NOFOLLOW, err);
    return error < 0 ? within(err, "/dev/console") : 0;
}

int mount_open_terminal(const struct mount_plan *plan, struct mount_child *child, int *ret_master,
                        int *ret_peer, struct error *err)
{
    autoclose int master = open_master(child->root, err);
    autoclose int peer = -1;
    int error = 0;

    if (master < 0)
        return within(err, "process.terminal");
    peer = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (peer < 0)
        return fail(err, errno, "process.terminal: open its other end");
    if (plan != NULL && plan->new_mount_namespace)
        error = bind_console(child->root, peer, err);
    if (error < 0)
        return within(err, "process.terminal");
    *ret_master = take_fd(&master);
    *ret_peer = take_fd(&peer);
    return 0;
}
