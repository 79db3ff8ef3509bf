#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/kernel.h"
#include "base/own.h"
#include "namespaces/mount/ours.h"
#include "namespaces/mount/steps.h"
#include "namespaces/mount/tree.h"

enum { PAGE = 4096 };

static bool has_long_value(const struct planned_mount *mount)
{
    for (size_t i = 0; i < mount->data_count; i++)
        if (mount->data[i].value != NULL && strlen(mount->data[i].value) > FILESYSTEM_LONGEST_VALUE)
            return true;
    return false;
}

bool mount_wants_one_call(const struct planned_mount *mount)
{
    return has_long_value(mount) || mount->legacy_flags & (MS_I_VERSION | MS_SILENT);
}

/* What mount(2) calls the attributes that it knows; the others are set afterwards. */
static const struct {
    uint64_t attribute;
    unsigned long flag;
} flags[] = {
    {MOUNT_ATTR_RDONLY,      MS_RDONLY     },
    {MOUNT_ATTR_NOSUID,      MS_NOSUID     },
    {MOUNT_ATTR_NODEV,       MS_NODEV      },
    {MOUNT_ATTR_NOEXEC,      MS_NOEXEC     },
    {MOUNT_ATTR_NODIRATIME,  MS_NODIRATIME },
    {MOUNT_ATTR_NOATIME,     MS_NOATIME    },
    {MOUNT_ATTR_STRICTATIME, MS_STRICTATIME},
};

static unsigned long flags_of(const struct planned_mount *mount)
{
    const struct mount_attributes top = mount_attributes_of_top(mount);
    unsigned long all = mount->legacy_flags;

    for (size_t i = 0; i < count_of(flags); i++)
        if (top.set & flags[i].attribute)
            all |= flags[i].flag;
    return all;
}

/* Find the mount that has just been made, and finish it: its fd. */
static int finish(const struct mount_step *step, int target, struct error *err)
{
    const struct planned_mount *mount = step->mount;
    const struct mount_attributes top = mount_attributes_of_top(mount);
    autoclose int made = inroot_open(step->child->root, mount->destination, mount_links_of(mount),
                                     err);
    int error;

    if (made < 0)
        return made;
    if (tree_is_same_mount(made, target))
        return refuse(err, EAGAIN, "the mount did not land there: somebody changes the path");
    mount_cover_ours(step->child, mount->destination, false);
    error = tree_set(made, false, &top, err);
    if (error == 0)
        error = mount_set_propagation(made, mount, err);
    return error < 0 ? error : take_fd(&made);
}

static int join_data(const struct planned_mount *mount, const struct mount_datum *more,
                     char data[static PAGE], struct error *err)
{
    int length = snprintf(data, PAGE, "%s%s%s%s%s", mount->data_text,
                          more == NULL || *mount->data_text == '\0' ? "" : ",",
                          more == NULL ? "" : more->key,
                          more == NULL || more->value == NULL ? "" : "=",
                          more == NULL || more->value == NULL ? "" : more->value);

    if (length < PAGE)
        return 0;
    return refuse(err, E2BIG, "the options are longer than the %d bytes that mount(2) takes",
                  PAGE - 1);
}

int mount_in_one_call(const struct mount_step *step, const char *type,
                      const struct mount_datum *more, int target, struct error *err)
{
    const struct planned_mount *mount = step->mount;
    char data[PAGE], path[32];

    if (join_data(mount, more, data, err) < 0)
        return -err->code;
    /* The target by its fd: the name of a magic link of ours, not a path of the container. */
    snprintf(path, sizeof path, "/proc/self/fd/%d", target);
    if (kernel_mount(mount->source, path, type, flags_of(mount), data) < 0)
        return fail(err, errno, "mount %s with \"%.200s\"", type, data);
    return finish(step, target, err);
}

static bool has_more_than_flags(const struct planned_mount *mount)
{
    const struct mount_attributes top = mount_attributes_of_top(mount);
    uint64_t known = 0;

    for (size_t i = 0; i < count_of(flags); i++)
        known |= flags[i].attribute;
    return (top.set & ~known) != 0 || mount->propagation[0] != 0 || mount->root_label != NULL;
}

/* What mount(2) takes apart at commas, each file system and each security module in its own way. */
static bool has_special(const struct planned_mount *mount)
{
    for (size_t i = 0; i < mount->data_count; i++) {
        if (mount->data[i].value != NULL && strpbrk(mount->data[i].value, ",\"\\") != NULL)
            return true;
    }
    return false;
}

/* Not through /proc/self/fd, which the kernel has to make for us first.  Where we are does not
 * change: sources of disks may be named from there. */
static bool mount_on(struct mount_child *child, int target, const struct planned_mount *mount,
                     const char *type, const char *data)
{
    bool done;

    if (child->cwd < 0)
        child->cwd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (child->cwd < 0 || fchdir(target) < 0)
        return false;
    done = kernel_mount(mount->source, ".", type, flags_of(mount), data) == 0;
    (void)!fchdir(child->cwd);
    return done;
}

/* MS_RDONLY would make the file system read-only, and not just this mount of it. */
bool mount_at_a_stroke(const struct mount_step *step, const char *type,
                       const struct mount_datum *more, const struct mount_target *target)
{
    const struct planned_mount *mount = step->mount;
    char data[PAGE];
    struct error ignored;

    if (!target->is_ours || has_more_than_flags(mount) || has_special(mount) ||
        flags_of(mount) & MS_RDONLY || join_data(mount, more, data, &ignored) < 0 ||
        !mount_on(step->child, target->fd, mount, type, data))
        return false;
    mount_cover_ours(step->child, mount->destination, true);
    return true;
}
