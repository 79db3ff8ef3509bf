#include "runtime/criu_externals.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/file.h"
#include "base/inroot.h"
#include "base/kernel.h"
#include "base/mountinfo.h"
#include "base/own.h"
#include "base/text.h"
#include "namespaces/mount/plan.h"
#include "spec/json.h"

/* --- mounts
 * ------------------------------------------------------------------------------------------ */

/* How many mounts there are of one of config.json: of v1 and hybrid cgroups one a hierarchy, below
 * a tmpfs that CRIU makes as it makes others. */
static size_t count_external(const struct mount_plan *plan, const struct planned_mount *mount)
{
    if (mount->kind == MOUNT_KIND_CGROUP)
        return plan->cgroup_count;
    return mount->kind == MOUNT_KIND_BIND ? 1 : 0;
}

/* Where the part is, and its name in the images. */
static const char *external_place(const struct mount_plan *plan, const struct planned_mount *mount,
                                  size_t part, struct arena *arena)
{
    if (mount->kind != MOUNT_KIND_CGROUP || *plan->cgroups[part].name == '\0')
        return mount->destination;
    return arena_print(arena, "%s/%s", mount->destination, plan->cgroups[part].name);
}

static size_t most_mounts(const struct mount_plan *plan)
{
    size_t most = plan->masked_count + plan->device_count;

    for (size_t i = 0; i < plan->mount_count; i++)
        most += count_external(plan, &plan->mounts[i]);
    return most;
}

/* Links on the way have been followed when it was mounted: ask the kernel where that ended.  The
 * path is seen from the root of the container's mount namespace.  0 when there is nothing. */
static int find_place(int root, const char *path, struct arena *arena, const char **ret,
                      struct stat *ret_status, struct error *err)
{
    char link[64], place[PATH_MAX];
    autoclose int fd = inroot_open(root, path, INROOT_FOLLOW, err);

    if (fd == -ENOENT || fd == -ENOTDIR)
        return 0;
    if (fd < 0)
        return fd;
    if (fstat(fd, ret_status) < 0)
        return fail(err, errno, "%s", path);
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);

    ssize_t length = readlink(link, place, sizeof place);

    if (length < 0 || (size_t)length >= sizeof place)
        return fail(err, length < 0 ? errno : ENAMETOOLONG, "%s", path);
    *ret = arena_copy(arena, place, (size_t)length);
    return *ret == NULL ? no_memory(err) : 1;
}

static bool is_null_device(const struct stat *status)
{
    return S_ISCHR(status->st_mode) && status->st_rdev == makedev(1, 3);
}

static int add_place(int root, const char *path, bool null_only, struct arena *arena,
                     struct criu_pairs *pairs, struct error *err)
{
    const char *place;
    struct stat status;
    int code = find_place(root, path, arena, &place, &status, err);

    if (code <= 0)
        return code;
    if (null_only && !is_null_device(&status))
        return 0;
    pairs->items[pairs->count++] = (struct criu_pair){place, path};
    return 0;
}

int criu_mounts_to_dump(const struct mount_plan *plan, int root, struct arena *arena,
                        struct criu_pairs *ret, struct error *err)
{
    *ret = (struct criu_pairs){arena_zero(arena, most_mounts(plan) + 1, sizeof *ret->items), 0};
    if (ret->items == NULL)
        return no_memory(err);
    for (size_t i = 0; i < plan->mount_count; i++) {
        const struct planned_mount *mount = &plan->mounts[i];

        for (size_t part = 0; part < count_external(plan, mount); part++) {
            const char *place = external_place(plan, mount, part, arena);

            if (place == NULL)
                return no_memory(err);
            if (add_place(root, place, false, arena, ret, err) < 0)
                return within(err, "mounts[%zu]", mount->index);
        }
    }
    for (size_t i = 0; i < plan->masked_count; i++) {
        if (add_place(root, plan->masked_paths[i], true, arena, ret, err) < 0)
            return within(err, "linux.maskedPaths[%zu]", i);
    }
    /* In a user namespace devices are mounts of the host's. */
    for (size_t i = 0; plan->new_user_namespace && i < plan->device_count; i++) {
        if (add_place(root, plan->devices[i].path, false, arena, ret, err) < 0)
            return within(err, "%s", plan->devices[i].field);
    }
    return 0;
}

int criu_mounts_to_restore(const struct mount_plan *plan, struct arena *arena,
                           struct criu_pairs *ret, struct error *err)
{
    *ret = (struct criu_pairs){arena_zero(arena, most_mounts(plan) + 1, sizeof *ret->items), 0};
    if (ret->items == NULL)
        return no_memory(err);
    for (size_t i = 0; i < plan->mount_count; i++) {
        const struct planned_mount *mount = &plan->mounts[i];

        for (size_t part = 0; part < count_external(plan, mount); part++) {
            const char *place = external_place(plan, mount, part, arena);

            if (place == NULL)
                return no_memory(err);
            ret->items[ret->count++] = (struct criu_pair){place, mount->kind == MOUNT_KIND_CGROUP
                                                                     ? plan->cgroups[part].directory
                                                                     : mount->source};
        }
    }
    for (size_t i = 0; i < plan->masked_count; i++)
        ret->items[ret->count++] = (struct criu_pair){plan->masked_paths[i], "/dev/null"};
    for (size_t i = 0; plan->new_user_namespace && i < plan->device_count; i++)
        ret->items[ret->count++] = (struct criu_pair){plan->devices[i].path, plan->devices[i].path};
    return 0;
}

/* In another mount: its own content, which the images hold, has the place. */
static bool is_below_another(const struct mount_plan *plan, size_t index)
{
    const char *path = plan->mounts[index].destination;

    for (size_t i = 0; i < plan->mount_count; i++) {
        const char *other = plan->mounts[i].destination;

        if (i != index && starts_with(path, other) && path[strlen(other)] == '/')
            return true;
    }
    return false;
}

static int make_mount_point(int root, const struct planned_mount *mount, struct error *err)
{
    struct stat source;
    bool file = mount->kind == MOUNT_KIND_BIND && stat(mount->source, &source) == 0 &&
                !S_ISDIR(source.st_mode);
    autoclose int fd = file ? inroot_make_file(root, mount->destination, err)
                            : inroot_make_directory(root, mount->destination, 0755, NULL, err);

    return fd < 0 ? fd : 0;
}

int criu_make_mount_points(const struct mount_plan *plan, struct error *err)
{
    autoclose int root = open(plan->rootfs, O_PATH | O_DIRECTORY | O_CLOEXEC);

    if (root < 0)
        return fail(err, errno, "root.path: %s", plan->rootfs);
    for (size_t i = 0; i < plan->mount_count; i++) {
        if (!is_below_another(plan, i) && make_mount_point(root, &plan->mounts[i], err) < 0)
            return within(err, "mounts[%zu]", plan->mounts[i].index);
    }
    return 0;
}

/* --- namespaces
 * -------------------------------------------------------------------------------------- */

/* How CRIU takes namespaces that are not the container's own. */
static const struct shared_namespace {
    uint64_t flag;
    const char *name;     /* of CRIU's */
    const char *external; /* its name in the images; NULL: joined instead */
} shared_namespaces[] = {
    {CLONE_NEWNET, "net", "extRootNetNS"},
    {CLONE_NEWPID, "pid", "extRootPidNS"},
    {CLONE_NEWIPC, "ipc", NULL          },
    {CLONE_NEWUTS, "uts", NULL          },
};

static const struct shared_namespace *find_shared(const struct namespace_join *join,
                                                  struct error *err)
{
    for (size_t i = 0; i < count_of(shared_namespaces); i++) {
        if (shared_namespaces[i].flag == join->kind->flag)
            return &shared_namespaces[i];
    }
    refuse(err, ENOTSUP,
           "linux.namespaces[%zu].path: CRIU cannot restore into a %s namespace that is there "
           "already",
           join->index, join->kind->name);
    return NULL;
}

int criu_namespaces_to_dump(const struct namespace_plan *plan, struct arena *arena,
                            struct string_list *ret, struct error *err)
{
    for (size_t i = 0; i < plan->join_count; i++) {
        const struct shared_namespace *shared = find_shared(&plan->joins[i], err);
        struct stat status;

        if (shared == NULL)
            return -err->code;
        if (shared->external == NULL)
            continue;
        if (stat(plan->joins[i].path, &status) < 0)
            return fail(err, errno, "linux.namespaces[%zu].path: %s", plan->joins[i].index,
                        plan->joins[i].path);

        char *text = arena_print(arena, "%s[%llu]:%s", shared->name,
                                 (unsigned long long)status.st_ino, shared->external);

        if (text == NULL)
            return no_memory(err);
        ret->items[ret->count++] = text;
    }
    return 0;
}

int criu_namespaces_to_restore(const struct namespace_plan *plan, struct arena *arena,
                               struct criu_descriptors *descriptors, struct criu_pairs *joins,
                               struct error *err)
{
    *joins = (struct criu_pairs){arena_zero(arena, NAMESPACE_KINDS, sizeof *joins->items), 0};
    if (joins->items == NULL)
        return no_memory(err);
    for (size_t i = 0; i < plan->join_count; i++) {
        const struct namespace_join *join = &plan->joins[i];
        const struct shared_namespace *shared = find_shared(join, err);

        if (shared == NULL)
            return -err->code;
        if (shared->external != NULL)
            descriptors->items[descriptors->count++] = (struct criu_descriptor){shared->external,
                                                                                join->fd};
        else
            joins->items[joins->count++] = (struct criu_pair){shared->name, join->path};
    }
    return 0;
}

/* --- standard streams
 * -------------------------------------------------------------------------------- */

static int read_mount_id(pid_t pid, int fd, unsigned *ret, struct error *err)
{
    char path[64], info[1024];

    snprintf(path, sizeof path, "/proc/%d/fdinfo/%d", pid, fd);

    ssize_t length = read_pseudo_file(AT_FDCWD, path, info, sizeof info);
    const char *at = length > 0 ? strstr(info, "mnt_id:") : NULL;

    if (at == NULL || sscanf(at, "mnt_id: %u", ret) != 1)
        return fail(err, length < 0 ? (int)-length : EPROTO, "read %s", path);
    return 0;
}

struct mount_search {
    int id;
    bool found;
};

static bool see_mount(const struct mount_line *mount, void *context)
{
    struct mount_search *search = context;

    search->found = mount->id == search->id;
    return !search->found;
}

/* Is it one of the mounts that the process sees? */
static int is_own_mount(pid_t pid, unsigned id, bool *ret, struct error *err)
{
    struct mount_search search = {(int)id, false};
    char path[64];

    snprintf(path, sizeof path, "/proc/%d/mountinfo", pid);

    int code = mountinfo_read(path, see_mount, &search, err);

    *ret = search.found;
    return code;
}

/* /dev/pts/N: admin-guide/devices.txt. */
static bool is_terminal(const struct stat *status)
{
    return S_ISCHR(status->st_mode) && major(status->st_rdev) >= 136 &&
           major(status->st_rdev) <= 143;
}

/* CRIU's name for a file or terminal from outside, in hexadecimal (criu(8), --external).  What is
 * in the container, or in memory alone, needs none: *ret stays NULL. */
static int name_outsider(pid_t pid, int fd, const char *target, const struct stat *status,
                         struct arena *arena, char **ret, struct error *err)
{
    unsigned mount;
    bool is_own;

    if (starts_with(target, "/memfd:"))
        return 0;
    if (read_mount_id(pid, fd, &mount, err) < 0 || is_own_mount(pid, mount, &is_own, err) < 0)
        return -err->code;
    if (is_own)
        return 0;
    *ret = is_terminal(status)
               ? arena_print(arena, "tty[%llx:%llx]", (unsigned long long)status->st_rdev,
                             (unsigned long long)status->st_dev)
               : arena_print(arena, "file[%x:%llx]", mount, (unsigned long long)status->st_ino);
    return *ret == NULL ? no_memory(err) : 0;
}

/* "" for one that CRIU takes care of. */
static int name_stream(pid_t pid, int fd, struct arena *arena, const char **ret, struct error *err)
{
    char path[64], target[64] = "";
    struct stat status;
    char *name = NULL;

    *ret = "";
    snprintf(path, sizeof path, "/proc/%d/fd/%d", pid, fd);
    if (stat(path, &status) < 0 || readlink(path, target, sizeof target - 1) < 0)
        return errno == ENOENT ? 0 : fail(err, errno, "%s", path);
    if ((S_ISREG(status.st_mode) || is_terminal(&status)) &&
        name_outsider(pid, fd, target, &status, arena, &name, err) < 0)
        return -err->code;
    if (S_ISFIFO(status.st_mode) && starts_with(target, "pipe:")) {
        name = arena_string(arena, target);
        if (name == NULL)
            return no_memory(err);
    }
    if (name != NULL)
        *ret = name;
    return 0;
}

int criu_save_streams(int images, pid_t pid, struct arena *arena, struct string_list *external,
                      struct error *err)
{
    const char *names[3];

    for (int fd = 0; fd < 3; fd++) {
        if (name_stream(pid, fd, arena, &names[fd], err) < 0)
            return -err->code;
        if (*names[fd] != '\0' && !starts_with(names[fd], "pipe:"))
            external->items[external->count++] = names[fd];
    }

    char *json = arena_print(arena, "[\"%s\",\"%s\",\"%s\"]", names[0], names[1], names[2]);

    if (json == NULL)
        return no_memory(err);
    return replace_file(images, CRIU_STREAMS_FILE, json, strlen(json), 0600, err);
}

/* One that this program could have written, and that has no descriptor yet. */
static bool wants_descriptor(const struct json *item, const struct criu_descriptors *descriptors)
{
    if (item->kind != JSON_STRING ||
        !(starts_with(item->text, "pipe:") || starts_with(item->text, "file[") ||
          starts_with(item->text, "tty[")))
        return false;
    for (size_t i = 0; i < descriptors->count; i++) {
        if (strcmp(descriptors->items[i].key, item->text) == 0)
            return false;
    }
    return true;
}

int criu_load_streams(int images, struct arena *arena, struct criu_descriptors *descriptors,
                      struct error *err)
{
    enum { MOST = 65536, ABOVE_STANDARD = 10 };
    const struct json *list;
    char *text;
    size_t length;

    if (read_file(images, CRIU_STREAMS_FILE, MOST, arena, &text, &length, err) < 0)
        return err->code == ENOENT ? 0 : -err->code;
    if (json_read(text, length, arena, arena, &list, err) < 0)
        return within(err, CRIU_STREAMS_FILE);

    int fd = 0;

    for (const struct json *item = list->first; item != NULL && fd < 3; item = item->next, fd++) {
        if (!wants_descriptor(item, descriptors))
            continue;

        int copy = fcntl(fd, F_DUPFD_CLOEXEC, ABOVE_STANDARD);

        if (copy < 0)
            return fail(err, errno, "standard stream %d", fd);
        descriptors->items[descriptors->count++] = (struct criu_descriptor){item->text, copy};
    }
    return 0;
}
