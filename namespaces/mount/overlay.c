#include "namespaces/mount/overlay.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/kernel.h"
#include "base/own.h"
#include "namespaces/mount/mount.h"
#include "namespaces/mount/steps.h"
#include "namespaces/mount/tree.h"

/* fsconfig(2) takes 255 bytes, and overlayfs reads "\" as an escape in some of its options and not
 * in others: what is longer or has one goes by a name that has neither. */
static int set_layer(int context, const struct mount_layer *layer, struct error *err)
{
    struct mount_datum datum = {.key = layer->key, .value = layer->path};
    autoclose int fd = -1;
    char name[32];

    if (strlen(layer->path) > FILESYSTEM_LONGEST_VALUE || strchr(layer->path, '\\') != NULL) {
        fd = open(layer->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
            return fail(err, errno, "%s %s", layer->key, layer->path);
        snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
        datum.value = name;
    }
    return filesystem_set(context, &datum, err);
}

/* Before 6.7 layers are not taken one by one: then the list as it was written. */
static bool is_too_old(const struct mount_overlay *overlay, size_t layer, int error)
{
    return error == -EINVAL && layer == 0 && overlay->lower_dir != NULL;
}

/* 0; 1 when the list is too long for anything but mount(2). */
static int set_layers(int context, const struct mount_overlay *overlay, struct error *err)
{
    const struct mount_datum list = {.key = "lowerdir", .value = overlay->lower_dir};
    bool has_list = false;

    for (size_t i = 0; i < overlay->layer_count; i++) {
        const struct mount_layer *layer = &overlay->layers[i];
        int error = 0;

        if (!has_list || strchr(layer->key, '+') == NULL)
            error = set_layer(context, layer, err);
        if (is_too_old(overlay, i, error)) {
            if (strlen(overlay->lower_dir) > FILESYSTEM_LONGEST_VALUE)
                return 1;
            has_list = true;
            error = filesystem_set(context, &list, err);
        }
        if (error < 0)
            return within(err, "options[%zu]", layer->option);
    }
    return 0;
}

/* The overlay of the step, detached; *ret_by_mount when only mount(2) can make it. */
static int make_overlay(const struct mount_step *step, bool *ret_by_mount, struct error *err)
{
    static const struct mount_datum source = {.key = "source", .value = "overlay"};
    const struct planned_mount *mount = step->mount;
    autoclose int context = filesystem_open("overlay", err);
    int error;

    if (context < 0)
        return context;
    error = filesystem_set(context, &source, err);
    if (error == 0)
        error = set_layers(context, mount->overlay, err);
    *ret_by_mount = error == 1;
    for (size_t i = 0; error == 0 && i < mount->data_count; i++)
        error = filesystem_set(context, &mount->data[i], err);
    if (error != 0)
        return error < 0 ? error : -E2BIG;
    return filesystem_finish(context, "overlay", mount_attributes_of_top(mount).set, err);
}

int mount_make_overlay(const struct mount_step *step, struct error *err)
{
    bool by_mount = false;
    int tree = make_overlay(step, &by_mount, err);

    return by_mount ? refuse(err, E2BIG, "the list of lower directories is too long for fsconfig")
                    : tree;
}

int mount_overlay(const struct mount_step *step, struct error *err)
{
    autotarget target = MOUNT_TARGET_EMPTY;
    autoclose int tree = -1;
    bool by_mount = false;

    if (mount_open_target(step, true, &target, err) < 0)
        return -err->code;
    tree = make_overlay(step, &by_mount, err);
    if (by_mount) {
        tree = mount_in_one_call(step, "overlay", NULL, target.fd, err);
        return tree < 0 ? tree : 0;
    }
    return tree < 0 ? tree : mount_place(step, tree, &target, err);
}

/* --- the root -------------------------------------------------------------------------------- */

static int make_directory(int dir, const char *name, mode_t mode, struct error *err)
{
    int fd;

    if (mkdirat(dir, name, mode) < 0 && errno != EEXIST)
        return fail(err, errno, "make the directory %s", name);
    fd = openat(dir, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? fail(err, errno, "open the directory %s", name) : fd;
}

/* The merged root shows owner and mode of the upper directory: those of the lower one at first. */
static int make_upper(int dir, int lower, struct error *err)
{
    struct stat like;

    if (mkdirat(dir, "upper", 0755) < 0)
        return errno == EEXIST ? 0 : fail(err, errno, "make the directory upper");
    if (fstat(lower, &like) < 0)
        return fail(err, errno, "stat the root file system");
    /* An owner that the user namespace cannot name stays away. */
    if (fchownat(dir, "upper", like.st_uid, like.st_gid, AT_SYMLINK_NOFOLLOW) < 0 &&
        errno != EINVAL && errno != EPERM)
        return fail(err, errno, "upper: change its owner");
    if (fchmodat(dir, "upper", like.st_mode & 07777, 0) < 0)
        return fail(err, errno, "upper: change its mode");
    return 0;
}

/* Where upper and work are kept: on the scaffold itself, or in the directory of the host that is
 * mounted into it. */
static int make_layers(const struct mount_plan *plan, int scaffold, int lower, struct error *err)
{
    autoclose int layer = make_directory(scaffold, "layer", 0700, err);
    autoclose int tree = -1;
    autoclose int work = -1;
    int error;

    if (layer < 0)
        return layer;
    if (plan->overlay_directory != NULL) {
        tree = tree_clone(AT_FDCWD, plan->overlay_directory, false, err);
        error = tree < 0 ? tree : tree_attach(tree, layer, err);
        if (error < 0)
            return error;
    }
    error = make_upper(tree < 0 ? layer : tree, lower, err);
    if (error < 0)
        return error;
    work = make_directory(tree < 0 ? layer : tree, "work", 0700, err);
    return work < 0 ? work : 0;
}

/* All layers have names relative to the scaffold, so that no path of the host is needed. */
static int make_root_overlay(const struct mount_plan *plan, struct error *err)
{
    static const struct mount_datum options[] = {
        {.key = "lowerdir", .value = "lower"      },
        {.key = "upperdir", .value = "layer/upper"},
        {.key = "workdir",  .value = "layer/work" },
    };
    static const struct mount_datum user = {.key = "userxattr"};
    const struct filesystem overlay = {
        .type = "overlay",
        .source = "overlay",
        .data = options,
        .data_count = count_of(options),
        .more = plan->new_user_namespace ? &user : NULL,
    };

    return filesystem_make(&overlay, err);
}

/* A tmpfs in this mount namespace holds the layers together, because overlayfs took none that are
 * mounted nowhere before 6.15. */
static int make_scaffold(int place, struct error *err)
{
    static const struct mount_datum mode = {.key = "mode", .value = "700"};
    const struct filesystem tmpfs = {
        .type = "tmpfs", .source = "tmpfs", .data = &mode, .data_count = 1};
    autoclose int scaffold = filesystem_make(&tmpfs, err);
    int error = scaffold < 0 ? scaffold : tree_attach(scaffold, place, err);

    return error < 0 ? error : take_fd(&scaffold);
}

/* With the scaffold as working directory; it is taken off again, the overlay keeps of it what it
 * needs.  (Left where it is, it would be what umount2(2) finds when the old root shall go.) */
static int build(const struct mount_plan *plan, int scaffold, int lower, struct error *err)
{
    autoclose int lower_place = make_directory(scaffold, "lower", 0700, err);
    autoclose int overlay = -1;
    int error;

    if (lower_place < 0)
        return lower_place;
    if ((error = tree_attach(lower, lower_place, err)) < 0 ||
        (error = make_layers(plan, scaffold, lower, err)) < 0)
        return error;
    if (fchdir(scaffold) < 0)
        return fail(err, errno, "enter the scaffold");
    overlay = make_root_overlay(plan, err);
    if (overlay >= 0 && kernel_umount(".", MNT_DETACH) < 0)
        return fail(err, errno, "take off the scaffold");
    return take_fd(&overlay);
}

int mount_overlay_root(const struct mount_plan *plan, int lower, int place, struct error *err)
{
    autoclose int tree = lower;
    autoclose int cwd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    autoclose int scaffold = make_scaffold(place, err);
    autoclose int overlay = -1;
    int error;

    if (scaffold < 0)
        return scaffold;
    overlay = build(plan, scaffold, tree, err);
    if (cwd >= 0 && fchdir(cwd) < 0)
        return fail(err, errno, "go back from the scaffold");
    if (overlay < 0)
        return overlay;
    error = tree_attach(overlay, place, err);
    return error < 0 ? error : take_fd(&overlay);
}
