/* check: the root file system, the sources of mounts, the file systems to be made, devices. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/file.h"
#include "base/own.h"
#include "base/text.h"
#include "namespaces/mount/options.h"
#include "namespaces/mount/plan.h"
#include "namespaces/mount/root.h"
#include "runtime/check.h"

enum { LIST_MOST = 16 * 1024 * 1024 };

int check_root(struct check *check, struct error *err)
{
    struct error failure;

    check->view.root = mount_root_open(check->plan.mounts, &failure);
    if (check->view.root < 0)
        return check_failed(check, &failure, err);
    check->view.is_overlaid = check->plan.mounts->overlay;
    return container_view_add_mounts(&check->view, check->plan.mounts, check->arena, err);
}

/* --- sources ---------------------------------------------------------------------------------- */

static int check_id_map(struct check *check, const struct planned_mount *mount, const char *place,
                        struct error *err)
{
    const char *filesystem;

    if (mount->id_map == NULL)
        return 0;
    if (geteuid() != 0)
        return check_missing(check, err, place, "only root may map ids on a mount of the host");
    filesystem = mount_source_without_id_maps(mount->source);
    return filesystem == NULL ? 0
                              : check_missing(check, err, place, "%s: %s cannot map ids",
                                              mount->source, filesystem);
}

static int check_source(struct check *check, const struct planned_mount *mount, struct error *err)
{
    bool itself = mount->extensions & (MOUNT_SOURCE_NOFOLLOW | MOUNT_COPY_SYMLINK);
    char place[64];
    struct stat status;

    snprintf(place, sizeof place, "mounts[%zu].source", mount->index);
    if (fstatat(AT_FDCWD, mount->source, &status, itself ? AT_SYMLINK_NOFOLLOW : 0) < 0)
        return errno == ENOENT && mount->extensions & MOUNT_OPTIONAL
                   ? 0
                   : check_missing(check, err, place, "%s: %s", mount->source, strerror(errno));
    return check_id_map(check, mount, place, err);
}

int check_sources(struct check *check, struct error *err)
{
    const struct mount_plan *plan = check->plan.mounts;

    for (size_t i = 0; i < plan->mount_count; i++) {
        if (plan->mounts[i].kind == MOUNT_KIND_BIND &&
            check_source(check, &plan->mounts[i], err) < 0)
            return -err->code;
    }
    return 0;
}

/* In a user namespace they are the host's own. */
int check_devices(struct check *check, struct error *err)
{
    const struct mount_plan *plan = check->plan.mounts;

    for (size_t i = 0; plan->make_devices && plan->new_user_namespace && i < plan->device_count;
         i++) {
        const struct planned_device *device = &plan->devices[i];

        if (S_ISFIFO(device->mode) || access(device->path, F_OK) == 0)
            continue;
        if (check_missing(check, err, device->field, "%s: %s on this host, whose device it is",
                          device->path, strerror(errno)) < 0)
            return -err->code;
    }
    return 0;
}

/* --- file systems ----------------------------------------------------------------------------- */

/* A line of /proc/filesystems: "nodev\ttmpfs", "\text4". */
static bool is_registered(const char *list, const char *type)
{
    size_t length = strlen(type);

    for (const char *line = list; *line != '\0';) {
        size_t end = strcspn(line, "\n");

        if (end > length && line[end - length - 1] == '\t' &&
            strncmp(line + end - length, type, length) == 0)
            return true;
        line += end;
        line += *line == '\n';
    }
    return false;
}

/* The kernel loads "fs-TYPE" when it is asked for; kmod's list says whether there is one. */
static bool has_module(const char *type, struct arena *arena)
{
    struct utsname kernel;
    struct error ignored;
    const char *path, *wanted;
    char *aliases;

    if (uname(&kernel) < 0)
        return false;
    path = arena_print(arena, "/lib/modules/%s/modules.alias", kernel.release);
    wanted = arena_print(arena, "alias fs-%s ", type);
    return path != NULL && wanted != NULL &&
           read_file(AT_FDCWD, path, LIST_MOST, arena, &aliases, NULL, &ignored) == 0 &&
           strstr(aliases, wanted) != NULL;
}

static int check_filesystem(struct check *check, const char *type, const char *place,
                            struct error *err)
{
    autoarena struct arena arena = {0};
    char list[16384];

    if (read_pseudo_file(AT_FDCWD, "/proc/filesystems", list, sizeof list) < 0 ||
        is_registered(list, type) || has_module(type, &arena))
        return 0;
    return check_missing(check, err, place, "this kernel has no file system \"%s\"", type);
}

/* "fuse.sshfs" is made by "fuse". */
static const char *registered_type(const struct planned_mount *mount, char *buffer, size_t size)
{
    snprintf(buffer, size, "%.*s", (int)strcspn(mount->type, "."), mount->type);
    return buffer;
}

/* Those of cgroups are the host's, shown again. */
static bool is_made(const struct planned_mount *mount)
{
    return mount->kind != MOUNT_KIND_BIND && mount->kind != MOUNT_KIND_REMOUNT &&
           mount->kind != MOUNT_KIND_CGROUP;
}

int check_filesystems(struct check *check, struct error *err)
{
    const struct mount_plan *plan = check->plan.mounts;
    char type[256], place[64];

    for (size_t i = 0; i < plan->mount_count; i++) {
        snprintf(place, sizeof place, "mounts[%zu].type", plan->mounts[i].index);
        if (is_made(&plan->mounts[i]) &&
            check_filesystem(check, registered_type(&plan->mounts[i], type, sizeof type), place,
                             err) < 0)
            return -err->code;
    }
    return plan->overlay ? check_filesystem(check, "overlay", "root", err) : 0;
}
