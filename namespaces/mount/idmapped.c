#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/kernel.h"
#include "base/names.h"
#include "base/own.h"
#include "namespaces/mount/options.h"
#include "namespaces/mount/steps.h"
#include "namespaces/mount/tree.h"

/* --- plan ------------------------------------------------------------------------------------ */

static const char *map_text(const struct spec_id_mappings *mappings, struct arena *arena)
{
    const char *text = "";

    for (size_t i = 0; text != NULL && i < mappings->count; i++)
        text = arena_print(arena, "%s%u %u %u\n", text, mappings->items[i].container_id,
                           mappings->items[i].host_id, mappings->items[i].size);
    return text;
}

/* "idmap" alone means the ids of the container's user namespace. */
static int map_of_container(struct mount_id_map *map, const struct spec *spec, struct arena *arena,
                            struct error *err)
{
    const struct spec_namespace *user = spec_namespace_find(spec, SPEC_NAMESPACE_USER);

    if (user != NULL && user->path != NULL) {
        map->namespace_path = user->path;
        return 0;
    }
    if (spec->linux_ == NULL || spec->linux_->uid_mappings.count == 0 ||
        spec->linux_->gid_mappings.count == 0)
        return refuse(err, EINVAL,
                      "options: \"idmap\" needs uidMappings and gidMappings, of the mount or of a "
                      "user namespace");
    map->uid_map = map_text(&spec->linux_->uid_mappings, arena);
    map->gid_map = map_text(&spec->linux_->gid_mappings, arena);
    return map->uid_map == NULL || map->gid_map == NULL ? no_memory(err) : 0;
}

int mount_plan_id_map(struct planned_mount *mount, const struct spec *spec,
                      const struct spec_mount *from, struct arena *arena, struct error *err)
{
    bool asked = mount->extensions & (MOUNT_ID_MAP | MOUNT_ID_MAP_RECURSIVE);
    bool has_uids = from->uid_mappings.count > 0;
    bool has_gids = from->gid_mappings.count > 0;
    struct mount_id_map *map;

    if (!asked && !has_uids && !has_gids)
        return 0;
    if (has_uids != has_gids)
        return refuse(err, EINVAL, "%s: needs %s beside it",
                      has_uids ? "uidMappings" : "gidMappings",
                      has_uids ? "gidMappings" : "uidMappings");
    map = arena_zero(arena, 1, sizeof *map);
    if (map == NULL)
        return no_memory(err);
    mount->id_map = map;
    map->recursive = mount->extensions & MOUNT_ID_MAP_RECURSIVE;
    if (!has_uids)
        return map_of_container(map, spec, arena, err);
    map->uid_map = map_text(&from->uid_mappings, arena);
    map->gid_map = map_text(&from->gid_mappings, arena);
    return map->uid_map == NULL || map->gid_map == NULL ? no_memory(err) : 0;
}

/* --- in the parent --------------------------------------------------------------------------- */

/* A process that does nothing but be in a new user namespace until the pipe closes. */
struct holder {
    pid_t pid;
    int pidfd;
    int pipe; /* our end; closing it ends the process */
};

static _Noreturn void hold(const int ends[2])
{
    char byte;

    close(ends[1]);
    while (read(ends[0], &byte, 1) < 0 && errno == EINTR)
        ;
    _exit(0);
}

static int holder_start(struct holder *ret, struct error *err)
{
    int pidfd = -1;
    int ends[2];
    /* No exit signal: the caller's SIGCHLD is none of our business. */
    struct clone_args args = {.flags = CLONE_NEWUSER | CLONE_PIDFD, .pidfd = (uintptr_t)&pidfd};
    pid_t pid;

    if (pipe2(ends, O_CLOEXEC) < 0)
        return fail(err, errno, "pipe");
    pid = kernel_clone3(&args, sizeof args);
    if (pid == 0)
        hold(ends);
    close(ends[0]);
    if (pid < 0) {
        fail(err, errno, "make a user namespace for the id map");
        close(ends[1]);
        return -err->code;
    }
    *ret = (struct holder){.pid = pid, .pidfd = pidfd, .pipe = ends[1]};
    return 0;
}

static void holder_end(struct holder *holder)
{
    siginfo_t info;

    close_fd(&holder->pipe);
    while (waitid(P_PIDFD, (id_t)holder->pidfd, &info, WEXITED | __WALL) < 0 && errno == EINTR)
        ;
    close_fd(&holder->pidfd);
}

static int write_map(int process, const char *name, const char *text, struct error *err)
{
    int error = write_pseudo_file(process, name, text);

    return error < 0 ? fail(err, -error, "write %s", name) : 0;
}

static int map_holder(const struct holder *holder, const struct mount_id_map *map,
                      struct error *err)
{
    char path[32];
    autoclose int process = -1;
    int error;
    int namespace;

    snprintf(path, sizeof path, "/proc/%d", holder->pid);
    process = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (process < 0)
        return fail(err, errno, "open %s", path);
    if ((error = write_map(process, "uid_map", map->uid_map, err)) < 0 ||
        (error = write_map(process, "gid_map", map->gid_map, err)) < 0)
        return error;
    namespace = openat(process, "ns/user", O_RDONLY | O_CLOEXEC);
    return namespace < 0 ? fail(err, errno, "open %s/ns/user", path) : namespace;
}

static int open_namespace(const struct mount_id_map *map, struct error *err)
{
    struct holder holder = {.pidfd = -1, .pipe = -1};
    int namespace;
    int error;

    if (map->namespace_path != NULL) {
        namespace = open(map->namespace_path, O_RDONLY | O_CLOEXEC);
        return namespace < 0 ? fail(err, errno, "%s", map->namespace_path) : namespace;
    }
    error = holder_start(&holder, err);
    if (error < 0)
        return error;
    namespace = map_holder(&holder, map, err);
    holder_end(&holder);
    return namespace;
}

/* For messages only: those on which people try it. */
static const struct name filesystem_rows[] = {
    {"9p",       V9FS_MAGIC           },
    {"cgroup2",  CGROUP2_SUPER_MAGIC  },
    {"cgroup",   CGROUP_SUPER_MAGIC   },
    {"devpts",   DEVPTS_SUPER_MAGIC   },
    {"fuse",     0x65735546           },
    {"nfs",      NFS_SUPER_MAGIC      },
    {"overlay",  OVERLAYFS_SUPER_MAGIC},
    {"proc",     PROC_SUPER_MAGIC     },
    {"ramfs",    RAMFS_MAGIC          },
    {"sysfs",    SYSFS_MAGIC          },
    {"tmpfs",    TMPFS_MAGIC          },
    {"ext4",     EXT4_SUPER_MAGIC     },
    {"btrfs",    BTRFS_SUPER_MAGIC    },
    {"xfs",      XFS_SUPER_MAGIC      },
    {"squashfs", SQUASHFS_MAGIC       },
};
static const struct names filesystems = NAMES_OF(filesystem_rows);

const char *mount_source_without_id_maps(const char *source)
{
    /* What has no files of anybody's: there is nothing to map. */
    static const unsigned long never[] = {CGROUP2_SUPER_MAGIC, CGROUP_SUPER_MAGIC,
                                          DEVPTS_SUPER_MAGIC, PROC_SUPER_MAGIC, SYSFS_MAGIC};
    struct statfs status;

    if (statfs(source, &status) < 0)
        return NULL;
    for (size_t i = 0; i < count_of(never); i++) {
        if ((unsigned long)status.f_type == never[i])
            return names_of_value(&filesystems, status.f_type);
    }
    return NULL;
}

static int explain(int tree, const struct planned_mount *mount, struct error *err)
{
    struct statfs status;
    const char *name;

    if (err->code != EINVAL || fstatfs(tree, &status) < 0)
        return -err->code;
    name = names_of_value(&filesystems, status.f_type);
    if (name == NULL)
        return hint(err, "%s: file systems of kind %#lx cannot map ids on this kernel",
                    mount->source, (unsigned long)status.f_type);
    return hint(err, "%s: %s cannot map ids on this kernel", mount->source, name);
}

int mount_map_ids(int tree, const struct planned_mount *mount, struct error *err)
{
    const struct mount_id_map *map = mount->id_map;
    autoclose int namespace = open_namespace(map, err);
    struct mount_attr set = {.attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (uint64_t) namespace};

    if (namespace < 0)
        return within(err, "id map");
    if (kernel_mount_setattr(tree, "", AT_EMPTY_PATH | (map->recursive ? AT_RECURSIVE : 0), &set,
                             sizeof set) < 0) {
        fail(err, errno, "id map");
        return explain(tree, mount, err);
    }
    return 0;
}

int mount_open_mapped(const char *path, const struct spec *spec, struct arena *arena,
                      struct error *err)
{
    struct mount_id_map map = {0};
    struct planned_mount mount = {.source = path, .id_map = &map};
    autoclose int tree = tree_clone(AT_FDCWD, path, false, err);

    if (tree < 0)
        return -err->code;
    if (map_of_container(&map, spec, arena, err) < 0)
        return within(err, "%s", path);
    if (map.gid_map != NULL)
        map.gid_map = "0 0 4294967295\n";
    if (mount_map_ids(tree, &mount, err) < 0)
        return within(err, "%s", path);

    int fd = openat(tree, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    return fd < 0 ? fail(err, errno, "open %s", path) : fd;
}
