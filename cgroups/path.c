#include "cgroups/path.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "base/kernel.h"
#include "base/own.h"
#include "base/text.h"

static int check_component(const char *name, size_t length, struct error *err)
{
    if (length == 0)
        return refuse(err, EINVAL, "has an empty component");
    if (length > 255)
        return refuse(err, ENAMETOOLONG, "has a component of %zu bytes, 255 is the most", length);
    if ((length == 1 && name[0] == '.') || (length == 2 && name[0] == '.' && name[1] == '.'))
        return refuse(err, EINVAL, "has a \"%.*s\" in it", (int)length, name);
    for (size_t i = 0; i < length; i++) {
        if ((unsigned char)name[i] < 0x20 || name[i] == 0x7f)
            return refuse(err, EINVAL, "has a control character in it");
    }
    return 0;
}

int cgroup_path_check(const char *path, struct error *err)
{
    const char *at = *path == '/' ? path + 1 : path;
    char quoted[1040];
    int code;

    if (*path == '\0')
        return refuse(err, EINVAL, "is empty");
    if (*at == '\0')
        return refuse(err, EINVAL, "\"/\" is the root of all cgroups, not a place for a container");
    for (;;) {
        size_t length = strcspn(at, "/");

        code = check_component(at, length, err);
        if (code < 0)
            return within(err, "\"%s\"", quotable(quoted, path));
        if (at[length] == '\0')
            return 0;
        at += length + 1;
    }
}

/* `path` without the leading `root`: "/docker/x" in "/docker" is "/x".  NULL when not below it. */
static const char *below(const char *root, const char *path)
{
    size_t length = strlen(root);

    if (strcmp(root, "/") == 0)
        return path;
    if (strncmp(path, root, length) != 0 || (path[length] != '/' && path[length] != '\0'))
        return NULL;
    return path[length] == '\0' ? "/" : path + length;
}

static const char *join(struct arena *arena, const char *directory, const char *path)
{
    size_t length = strlen(directory);

    if (length > 0 && directory[length - 1] == '/')
        length--;
    while (*path == '/')
        path++;
    if (*path == '\0')
        return arena_string(arena, directory);
    return arena_print(arena, "%.*s/%s", (int)length, directory, path);
}

int cgroup_directory_of_path(const struct cgroup_hierarchy *hierarchy, const char *path,
                             struct arena *arena, const char **ret_directory, struct error *err)
{
    const char *inside = below(hierarchy->mount_root, path);

    /* "/../x": outside of our cgroup namespace, there is no name for it here. */
    if (starts_with(path, "/..") || inside == NULL) {
        *ret_directory = NULL;
        return 0;
    }
    *ret_directory = join(arena, hierarchy->mount_point, inside);
    return *ret_directory == NULL ? no_memory(err) : 0;
}

/* Where a relative path starts: on v2 beside our own cgroup, for below it would be a sibling of our
 * own processes, which v2 does not allow; on v1 below it. */
static const char *base_of(const struct cgroup_hierarchy *hierarchy, struct arena *arena)
{
    const char *own = hierarchy->own_path;
    const char *slash = strrchr(own, '/');

    if (!hierarchy->is_v2 || slash == NULL)
        return own;
    return slash == own ? "/" : arena_copy(arena, own, (size_t)(slash - own));
}

static int relative_path(const struct cgroup_hierarchy *hierarchy, const char *path,
                         struct arena *arena, const char **ret, struct error *err)
{
    const char *base = base_of(hierarchy, arena);

    if (base == NULL)
        return no_memory(err);
    if (starts_with(hierarchy->own_path, "/..")) {
        refuse(
            err, EINVAL,
            "\"%s\" is relative, and the caller's own cgroup, %s, is outside its cgroup namespace",
            path, hierarchy->own_path);
        return hint(err, "give an absolute linux.cgroupsPath");
    }
    /* Our own cgroup is the root of the mount, its parent out of sight: stay in what is mounted. */
    if (below(hierarchy->mount_root, base) == NULL)
        base = hierarchy->mount_root;
    *ret = join(arena, base, path);
    return *ret == NULL ? no_memory(err) : 0;
}

/* An absolute path counts from what is mounted, as it is all that a nested runtime sees. */
static int plan_hierarchy(struct cgroup_plan *plan, size_t index, const char *wanted,
                          struct arena *arena, struct error *err)
{
    const struct cgroup_hierarchy *hierarchy = &plan->host->hierarchies[index];
    const char *path = wanted;
    int code;

    if (*wanted == '/') {
        plan->directories[index] = join(arena, hierarchy->mount_point, wanted);
        if (plan->directories[index] == NULL)
            return no_memory(err);
    } else {
        code = relative_path(hierarchy, wanted, arena, &path, err);
        if (code == 0)
            code = cgroup_directory_of_path(hierarchy, path, arena, &plan->directories[index], err);
        if (code < 0)
            return code;
        if (plan->directories[index] == NULL)
            return refuse(err, EINVAL, "%s is not below %s, which is mounted at %s", path,
                          hierarchy->mount_root, hierarchy->mount_point);
    }
    if (strlen(plan->directories[index]) >= PATH_MAX)
        return refuse(err, ENAMETOOLONG, "longer than a path can be");
    if (plan->path == NULL || hierarchy->is_v2)
        plan->path = path;
    return 0;
}

int cgroup_plan_paths(struct cgroup_plan *plan, const struct cgroup_request *request,
                      struct arena *arena, struct error *err)
{
    const char *wanted = request->cgroups_path;
    int code;

    if (wanted == NULL)
        wanted = request->id;
    wanted = arena_string(arena, wanted);
    if (wanted == NULL)
        return no_memory(err);
    code = cgroup_path_check(wanted, err);
    for (size_t i = 0; code == 0 && i < plan->host->count; i++)
        code = plan_hierarchy(plan, i, wanted, arena, err);
    if (code < 0)
        return within(err, "linux.cgroupsPath");
    if (plan->path == NULL)
        plan->path = wanted;
    return 0;
}

static int open_how(int dir, const char *name, uint64_t resolve)
{
    struct open_how how = {
        .flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
        .resolve = resolve | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
    };
    int fd = kernel_openat2(dir, name, &how);

    /* openat2 is 5.6, and old sandboxes forbid it.  The names have been checked, and a cgroup file
     * system has no links. */
    if (fd < 0 && (errno == ENOSYS || errno == EPERM))
        fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    return fd < 0 ? -errno : fd;
}

int cgroup_open_below(int dir, const char *name)
{
    return open_how(dir, name, RESOLVE_BENEATH | RESOLVE_NO_XDEV);
}

static bool is_cgroup(int fd)
{
    struct statfs status;

    return fstatfs(fd, &status) == 0 &&
           (status.f_type == CGROUP2_SUPER_MAGIC || status.f_type == CGROUP_SUPER_MAGIC);
}

/* The root of a file system has another one above it. */
static bool is_root(int fd)
{
    struct stat here;
    struct stat above;

    if (fstat(fd, &here) < 0 || fstatat(fd, "..", &above, 0) < 0)
        return true;
    return here.st_dev != above.st_dev || here.st_ino == above.st_ino;
}

int cgroup_open_root(const char *mount_point, struct error *err)
{
    autoclose int fd = openat(AT_FDCWD, mount_point, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return fail(err, errno, "open %s", mount_point);
    if (!is_cgroup(fd))
        return refuse(err, EINVAL, "%s: not a cgroup file system", mount_point);
    return take_fd(&fd);
}

int cgroup_open_directory(const char *directory, struct error *err)
{
    char quoted[1040];

    if (*directory != '/')
        return refuse(err, EINVAL, "cgroup \"%s\": not an absolute path",
                      quotable(quoted, directory));
    if (cgroup_path_check(directory, err) < 0)
        return within(err, "cgroup");

    autoclose int fd = open_how(AT_FDCWD, directory, 0);

    if (fd < 0)
        return fail(err, -fd, "open %s", directory);
    if (!is_cgroup(fd))
        return refuse(err, EINVAL, "%s: not on a cgroup file system", directory);
    if (is_root(fd))
        return refuse(err, EINVAL, "%s: the root of a hierarchy is nobody's cgroup", directory);
    return take_fd(&fd);
}
