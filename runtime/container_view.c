#include "runtime/container_view.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/inroot.h"
#include "base/kernel.h"
#include "base/own.h"
#include "namespaces/mount/options.h"
#include "namespaces/mount/plan.h"

enum { LINKS_MOST = 40 }; /* as path_resolution(7) */

/* What of `path` is below `directory`: "" for itself, "/x/y", or NULL. */
static const char *part_below(const char *path, const char *directory)
{
    size_t length = strlen(directory);

    if (strncmp(path, directory, length) != 0)
        return NULL;
    return path[length] == '\0' || path[length] == '/' ? path + length : NULL;
}

/* A mount that leaves what is there to be seen. */
static bool is_transparent(const struct planned_mount *mount)
{
    return mount->kind == MOUNT_KIND_REMOUNT ||
           (mount->kind == MOUNT_KIND_TMPFS && (mount->extensions & MOUNT_COPY_UP));
}

/* Places of mounts are made, with all directories on the way: one of those from `first` on is below
 * `path`. */
static bool leads_to_a_mount(const struct container_view *view, size_t first, const char *path)
{
    for (size_t i = first; i < view->mount_count; i++) {
        if (part_below(view->mounts[i].place, path) != NULL)
            return true;
    }
    return false;
}

static int some_directory(int *ret)
{
    *ret = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    return *ret < 0 ? -errno : 0;
}

/* Where this process may not look, the container's own users may. */
static int hidden_or(int code)
{
    return code == -EACCES || code == -EPERM ? CONTAINER_VIEW_HIDDEN : code;
}

/* `path` has no links in it but perhaps the last component, which is opened itself. */
static int open_in(int layer, const char *path, int *ret)
{
    struct error ignored;
    int fd = inroot_open(layer, path, INROOT_NOFOLLOW, &ignored);

    if (fd < 0)
        return hidden_or(fd);
    *ret = fd;
    return 0;
}

static int open_below_bind(const struct planned_mount *mount, const char *below, int *ret)
{
    bool itself = mount->extensions & (MOUNT_SOURCE_NOFOLLOW | MOUNT_COPY_SYMLINK);
    autoclose int source = open(mount->source, O_PATH | O_CLOEXEC | (itself ? O_NOFOLLOW : 0));

    if (source < 0)
        return hidden_or(-errno);
    if (*below != '\0')
        return open_in(source, below, ret);
    *ret = take_fd(&source);
    return 0;
}

/* The last of the mounts that `path` is on, and what of the path is below it; NULL: the root. */
static const struct container_mount *mount_of(const struct container_view *view, const char *path,
                                              const char **ret_below)
{
    for (size_t i = view->mount_count; i > 0; i--) {
        const struct container_mount *mount = &view->mounts[i - 1];

        *ret_below = is_transparent(mount->mount) ? NULL : part_below(path, mount->place);
        if (*ret_below != NULL)
            return mount;
    }
    return NULL;
}

static int open_below_mount(const struct container_mount *at, const char *below, int *ret)
{
    if (at->is_hidden)
        return CONTAINER_VIEW_HIDDEN;
    if (at->mount->kind == MOUNT_KIND_BIND)
        return open_below_bind(at->mount, below, ret);
    if (*below == '\0')
        return some_directory(ret);
    return at->mount->kind == MOUNT_KIND_TMPFS ? -ENOENT : CONTAINER_VIEW_HIDDEN;
}

/* The last of the mounts that `path` is on has it; of those before, nothing is seen there. */
static int open_plain(const struct container_view *view, const char *path, int *ret)
{
    const char *below;
    const struct container_mount *mount = mount_of(view, path, &below);
    size_t later = mount == NULL ? 0 : (size_t)(mount - view->mounts) + 1;
    int code = mount == NULL ? open_in(view->root, path, ret) : open_below_mount(mount, below, ret);

    return code == -ENOENT && leads_to_a_mount(view, later, path) ? some_directory(ret) : code;
}

/* A walk along a path. */
struct walk {
    char at[PATH_MAX];   /* without links: where we are; "" for the root */
    char rest[PATH_MAX]; /* what is to come */
    int links;
};

/* Take the next component off the rest; false when there is none. */
static bool next_component(struct walk *walk, char name[static NAME_MAX + 1])
{
    size_t slashes = strspn(walk->rest, "/");
    size_t length = strcspn(walk->rest + slashes, "/");

    if (length == 0 || length > NAME_MAX)
        return false;
    memcpy(name, walk->rest + slashes, length);
    name[length] = '\0';
    memmove(walk->rest, walk->rest + slashes + length, strlen(walk->rest + slashes + length) + 1);
    return true;
}

static int follow_link(struct walk *walk, int link)
{
    char target[PATH_MAX];
    char rest[PATH_MAX];
    ssize_t length = readlinkat(link, "", target, sizeof target - 1);

    if (length < 0)
        return -errno;
    target[length] = '\0';
    if (++walk->links > LINKS_MOST)
        return -ELOOP;
    /* What is to come begins with a slash, if there is anything. */
    if (snprintf(rest, sizeof rest, "%s%s", target, walk->rest) >= (int)sizeof rest)
        return -ENAMETOOLONG;
    memcpy(walk->rest, rest, sizeof rest);
    if (*target == '/')
        walk->at[0] = '\0';
    return 0;
}

/* What was open is not where we are any more: should the path end here, it is some directory. */
static void step_up(struct walk *walk, int *fd)
{
    char *slash = strrchr(walk->at, '/');

    if (slash != NULL)
        *slash = '\0';
    close_fd(fd);
}

/* One component further: *ret is what is there, unless it was a link. */
static int step(const struct container_view *view, struct walk *walk, const char *name, int *ret)
{
    size_t length = strlen(walk->at);
    struct stat status;
    autoclose int fd = -1;

    if (length + 1 + strlen(name) >= sizeof walk->at)
        return -ENAMETOOLONG;
    snprintf(walk->at + length, sizeof walk->at - length, "/%s", name);

    int code = open_plain(view, walk->at, &fd);

    if (code != 0)
        return code;
    if (fstat(fd, &status) < 0)
        return -errno;
    if (S_ISLNK(status.st_mode)) {
        walk->at[length] = '\0';
        return follow_link(walk, fd);
    }
    if (!S_ISDIR(status.st_mode) && *walk->rest != '\0')
        return -ENOTDIR;
    close_fd(ret);
    *ret = take_fd(&fd);
    return 0;
}

/* To the end, or to where it does not go on: then walk->at is what could not be opened. */
static int walk_on(const struct container_view *view, struct walk *walk, int *fd)
{
    char name[NAME_MAX + 1];

    while (next_component(walk, name)) {
        int code = 0;

        if (strcmp(name, "..") == 0)
            step_up(walk, fd);
        else if (strcmp(name, ".") != 0)
            code = step(view, walk, name, fd);
        if (code != 0)
            return code;
    }
    return strspn(walk->rest, "/") == strlen(walk->rest) ? 0 : -ENAMETOOLONG;
}

static int walk_init(struct walk *walk, const char *path)
{
    *walk = (struct walk){.links = 0};
    return snprintf(walk->rest, sizeof walk->rest, "%s", path) < (int)sizeof walk->rest
               ? 0
               : -ENAMETOOLONG;
}

int container_view_open(const struct container_view *view, const char *path, int *ret, char *real)
{
    struct walk walk;
    autoclose int fd = -1;
    int code = walk_init(&walk, path);

    if (code == 0)
        code = walk_on(view, &walk, &fd);
    if (code != 0)
        return code;
    if (real != NULL)
        snprintf(real, PATH_MAX, "%s", *walk.at == '\0' ? "/" : walk.at);
    if (fd < 0)
        return some_directory(ret);
    *ret = take_fd(&fd);
    return 0;
}

int container_view_open_file(const struct container_view *view, const char *path, int *ret,
                             char *real)
{
    char again[64];
    struct stat status;
    autoclose int fd = -1;
    int code = container_view_open(view, path, &fd, real);

    if (code != 0)
        return code;
    if (fstat(fd, &status) < 0)
        return -errno;
    if (!S_ISREG(status.st_mode))
        return S_ISDIR(status.st_mode) ? -EISDIR : -EACCES;
    snprintf(again, sizeof again, "/proc/self/fd/%d", fd);

    int file = open(again, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    if (file < 0)
        return hidden_or(-errno);
    *ret = file;
    return 0;
}

/* --- mounts that forbid execution ------------------------------------------------------------- */

static bool with_attributes(bool is_noexec, struct mount_attributes attributes)
{
    return (is_noexec && !(attributes.clear & MOUNT_ATTR_NOEXEC)) ||
           attributes.set & MOUNT_ATTR_NOEXEC;
}

/* Not on a mount further down in the source's tree, which only the r-options are for. */
static bool is_on_top(const struct planned_mount *mount, int fd)
{
    struct kernel_place source, file;

    return kernel_place_of_path(mount->source, &source) < 0 || kernel_place_of(fd, &file) < 0 ||
           source.mount_id == file.mount_id;
}

/* The last mount that a file comes with: one that only copies what was there is one, too. */
static const struct container_mount *carrier_of(const struct container_view *view, const char *path)
{
    for (size_t i = view->mount_count; i > 0; i--) {
        const struct container_mount *mount = &view->mounts[i - 1];

        if (mount->mount->kind != MOUNT_KIND_REMOUNT && part_below(path, mount->place) != NULL)
            return mount;
    }
    return NULL;
}

/* What a remount changes of the mount at `place`: of that very one, or of all below. */
static struct mount_attributes changes_of(const struct container_mount *remount, const char *place,
                                          bool on_top)
{
    const struct mount_attributes none = {0};

    if (strcmp(remount->place, place) == 0 && on_top)
        return mount_attributes_of_top(remount->mount);
    return part_below(place, remount->place) != NULL ? remount->mount->tree : none;
}

bool container_view_is_noexec(const struct container_view *view, const char *real, int fd)
{
    const struct container_mount *carrier = carrier_of(view, real);
    const char *place = carrier == NULL ? "" : carrier->place;
    bool is_copy = carrier != NULL && carrier->mount->kind != MOUNT_KIND_BIND;
    bool on_top = carrier == NULL || is_copy || is_on_top(carrier->mount, fd);
    struct statvfs status;
    bool is_noexec = !is_copy && !(carrier == NULL && view->is_overlaid) &&
                     fstatvfs(fd, &status) == 0 && status.f_flag & ST_NOEXEC;
    size_t from = carrier == NULL ? 0 : (size_t)(carrier - view->mounts) + 1;

    if (carrier != NULL)
        is_noexec = with_attributes(is_noexec, on_top ? mount_attributes_of_top(carrier->mount)
                                                      : carrier->mount->tree);
    for (size_t i = from; i < view->mount_count; i++) {
        if (view->mounts[i].mount->kind == MOUNT_KIND_REMOUNT)
            is_noexec = with_attributes(is_noexec, changes_of(&view->mounts[i], place, on_top));
    }
    return is_noexec;
}

/* --- places of mounts ------------------------------------------------------------------------- */

/* "optional": left out when its source is missing. */
static bool is_left_out(const struct planned_mount *mount)
{
    return mount->kind == MOUNT_KIND_BIND && mount->extensions & MOUNT_OPTIONAL &&
           faccessat(AT_FDCWD, mount->source, F_OK, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT;
}

/* A link at the end of the destination is covered, or left, and not gone through. */
static bool takes_the_place_of_links(const struct planned_mount *mount)
{
    struct stat status;

    if (mount->extensions & MOUNT_DESTINATION_NOFOLLOW)
        return true;
    return mount->extensions & (MOUNT_SOURCE_NOFOLLOW | MOUNT_COPY_SYMLINK) &&
           lstat(mount->source, &status) == 0 && S_ISLNK(status.st_mode);
}

/* Where a destination is; what of it is missing will be made where the path stands. */
static int find_place(const struct container_view *view, struct container_mount *mount,
                      struct arena *arena)
{
    const char *destination = mount->mount->destination;
    size_t length = takes_the_place_of_links(mount->mount)
                        ? (size_t)(strrchr(destination, '/') - destination)
                        : strlen(destination);
    struct walk walk = {.links = 0};
    autoclose int fd = -1;
    int code;

    snprintf(walk.rest, sizeof walk.rest, "%.*s", (int)length, destination);
    code = walk_on(view, &walk, &fd);
    mount->is_hidden = code != 0 && code != -ENOENT;
    mount->place = mount->is_hidden
                       ? arena_string(arena, walk.at)
                       : arena_print(arena, "%s%s%s", walk.at, walk.rest, destination + length);
    return mount->place == NULL ? -ENOMEM : 0;
}

int container_view_add_mounts(struct container_view *view, const struct mount_plan *plan,
                              struct arena *arena, struct error *err)
{
    struct container_mount *mounts = arena_zero(arena, plan->mount_count, sizeof *mounts);

    if (mounts == NULL)
        return no_memory(err);
    view->mounts = mounts;
    view->mount_count = 0;
    for (size_t i = 0; i < plan->mount_count; i++) {
        struct container_mount *mount = &mounts[view->mount_count];

        if (is_left_out(&plan->mounts[i]))
            continue;
        mount->mount = &plan->mounts[i];
        if (find_place(view, mount, arena) < 0)
            return no_memory(err);
        view->mount_count++;
    }
    return 0;
}
