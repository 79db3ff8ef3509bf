#include "namespaces/sysctl.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#include "base/kernel.h"
#include "base/own.h"
#include "base/text.h"
#include "spec/place.h"

/* What belongs to a namespace, and to which.  Everything else is the host's.  A path that ends in
 * "/" stands for all below it.  ipc_namespaces(7), network_namespaces(7), uts_namespaces(7);
 * user/ is per user namespace, namespaces(7). */
static const struct owner {
    const char *path;
    uint64_t namespace;
    const char *kind;
} owners[] = {
  /* path                     namespace      kind */
    {"kernel/msgmax",          CLONE_NEWIPC,  "ipc"    },
    {"kernel/msgmnb",          CLONE_NEWIPC,  "ipc"    },
    {"kernel/msgmni",          CLONE_NEWIPC,  "ipc"    },
    {"kernel/sem",             CLONE_NEWIPC,  "ipc"    },
    {"kernel/shmall",          CLONE_NEWIPC,  "ipc"    },
    {"kernel/shmmax",          CLONE_NEWIPC,  "ipc"    },
    {"kernel/shmmni",          CLONE_NEWIPC,  "ipc"    },
    {"kernel/shm_rmid_forced", CLONE_NEWIPC,  "ipc"    },
    {"fs/mqueue/",             CLONE_NEWIPC,  "ipc"    },
    {"net/",                   CLONE_NEWNET,  "network"},
    {"kernel/domainname",      CLONE_NEWUTS,  "uts"    },
    {"user/",                  CLONE_NEWUSER, "user"   },
};

static const struct owner *owner_of(const char *path)
{
    for (size_t i = 0; i < count_of(owners); i++) {
        size_t length = strlen(owners[i].path);

        if (owners[i].path[length - 1] == '/' ? starts_with(path, owners[i].path)
                                              : strcmp(path, owners[i].path) == 0)
            return &owners[i];
    }
    return NULL;
}

/* sysctl(8): the separator is the one that comes first; the other one stands for it inside a name
 * ("net.ipv4.conf.eth0/100.forwarding" is the interface eth0.100). */
static void dots_to_slashes(char *path)
{
    if (path[strcspn(path, "./")] != '.')
        return;
    for (; *path != '\0'; path++) {
        if (*path == '.')
            *path = '/';
        else if (*path == '/')
            *path = '.';
    }
}

/* Every component is a name: not empty, not "." and not "..". */
static bool is_plain_path(const char *path)
{
    for (;;) {
        size_t length = strcspn(path, "/");

        if (length == 0 || length > NAME_MAX || (length == 1 && path[0] == '.') ||
            (length == 2 && path[0] == '.' && path[1] == '.'))
            return false;
        if (path[length] == '\0')
            return true;
        path += length + 1;
    }
}

static int refuse_foreign(const struct owner *owner, struct error *err)
{
    wrong(err, "belongs to the %s namespace, and the container has the host's", owner->kind);
    return hint(err, "add {\"type\": \"%s\"} to linux.namespaces", owner->kind);
}

static int check_key(const char *path, uint64_t own_namespaces, struct error *err)
{
    const struct owner *owner = owner_of(path);

    if (!is_plain_path(path) || strlen(path) >= PATH_MAX)
        return wrong(err, "is not the name of a kernel parameter");
    if (strcmp(path, "kernel/hostname") == 0) {
        wrong(err, "is set by the member \"hostname\"");
        return hint(err, "move the value there");
    }
    if (owner == NULL)
        return wrong(err, "does not belong to a namespace: it would change the host");
    if (!(own_namespaces & owner->namespace))
        return refuse_foreign(owner, err);
    return 0;
}

/* One parameter, one line: what the kernel makes of a second line differs between parameters. */
static int check_value(const char *value, struct error *err)
{
    for (const char *at = value; *at != '\0'; at++) {
        if ((unsigned char)*at < 0x20 && *at != '\t')
            return wrong(err, "the value has a control character or a line break at byte %zu",
                         (size_t)(at - value));
    }
    return 0;
}

static int check_unique(const struct sysctl_plan *plan, const char *path, struct error *err)
{
    char shown[1040];

    for (size_t i = 0; i < plan->count; i++) {
        if (strcmp(plan->items[i].path, path) == 0)
            return wrong(err, "is the same parameter as \"%s\"",
                         quotable(shown, plan->items[i].key));
    }
    return 0;
}

static int plan_one(struct sysctl_plan *plan, const struct string_pair *pair,
                    uint64_t own_namespaces, struct arena *arena, struct error *err)
{
    char *path = arena_string(arena, pair->key);

    if (path == NULL)
        return no_memory(err);
    dots_to_slashes(path);

    int code = check_key(path, own_namespaces, err);

    if (code == 0)
        code = check_value(pair->value, err);
    if (code == 0)
        code = check_unique(plan, path, err);
    if (code < 0) {
        in_key(err, pair->key);
        return prefix(err, "linux.sysctl");
    }
    plan->items[plan->count++] = (struct sysctl){pair->key, path, pair->value};
    return 0;
}

int sysctl_plan_from_spec(struct sysctl_plan *ret, const struct spec *spec, uint64_t own_namespaces,
                          struct arena *arena, struct error *err)
{
    struct sysctl_plan plan = {0};
    size_t count = spec->linux_ == NULL ? 0 : spec->linux_->sysctl.count;

    plan.items = arena_zero(arena, count, sizeof *plan.items);
    if (plan.items == NULL)
        return no_memory(err);
    for (size_t i = 0; i < count; i++) {
        int code = plan_one(&plan, &spec->linux_->sysctl.items[i], own_namespaces, arena, err);

        if (code < 0)
            return code;
    }
    *ret = plan;
    return 0;
}

int sysctl_plan_check(const struct sysctl_plan *plan, uint64_t own_namespaces, struct error *err)
{
    for (size_t i = 0; i < plan->count; i++) {
        if (check_key(plan->items[i].path, own_namespaces, err) < 0) {
            in_key(err, plan->items[i].key);
            return prefix(err, "linux.sysctl");
        }
    }
    return 0;
}

/* --- in the child --------------------------------------------------------------------------- */

/* Without openat2: component by component, no links, no other file system.  `path` has been
 * checked: no ".." in it. */
static int open_by_walk(int proc_sys, const char *path)
{
    struct stat base;
    autoclose int directory = fcntl(proc_sys, F_DUPFD_CLOEXEC, 0);

    if (directory < 0 || fstat(proc_sys, &base) < 0)
        return -errno;
    for (;;) {
        char name[NAME_MAX + 1];
        struct stat status;
        size_t length = strcspn(path, "/");
        bool last = path[length] == '\0';

        if (length > NAME_MAX)
            return -ENAMETOOLONG;
        memcpy(name, path, length);
        name[length] = '\0';

        autoclose int next = openat(directory, name,
                                    O_NOFOLLOW | O_CLOEXEC | (last ? O_WRONLY : O_PATH));

        if (next < 0 || fstat(next, &status) < 0)
            return -errno;
        if (status.st_dev != base.st_dev)
            return -EXDEV;
        if (S_ISLNK(status.st_mode))
            return -ELOOP;
        if (last)
            return take_fd(&next);
        close_fd(&directory);
        directory = take_fd(&next);
        path += length + 1;
    }
}

static int open_parameter(int proc_sys, const char *path)
{
    struct open_how how = {
        .flags = O_WRONLY | O_CLOEXEC | O_NOCTTY,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV,
    };
    int fd = kernel_openat2(proc_sys, path, &how);

    if (fd < 0 && (errno == ENOSYS || errno == EPERM))
        return open_by_walk(proc_sys, path);
    return fd < 0 ? -errno : fd;
}

/* One write: what a second one would mean differs between parameters.  An empty value needs a line
 * break, or nothing would be written at all. */
static int write_parameter(int proc_sys, const struct sysctl *item)
{
    autoclose int fd = open_parameter(proc_sys, item->path);
    const char *value = item->value[0] == '\0' ? "\n" : item->value;
    size_t length = strlen(value);
    ssize_t written;

    if (fd < 0)
        return fd;
    do
        written = write(fd, value, length);
    while (written < 0 && errno == EINTR);
    if (written < 0)
        return -errno;
    return (size_t)written == length ? 0 : -EIO;
}

int sysctl_plan_apply(const struct sysctl_plan *plan, int proc_sys, struct error *err)
{
    for (size_t i = 0; i < plan->count; i++) {
        const struct sysctl *item = &plan->items[i];
        char shown[1040];
        int code = write_parameter(proc_sys, item);

        if (code == 0)
            continue;
        fail(err, -code, ": write \"%s\"", quotable(shown, item->value));
        if (code == -ENOENT)
            hint(err, "this kernel has no such parameter, or not in this namespace");
        in_key(err, item->key);
        return prefix(err, "linux.sysctl");
    }
    return 0;
}
