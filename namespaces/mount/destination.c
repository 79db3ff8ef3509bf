#include <limits.h>
#include <string.h>

#include "base/own.h"
#include "base/text.h"
#include "namespaces/mount/plan.h"

/* What lxcfs and the like provide: files of a procfs that only inform.  Anything else under /proc
 * is read or written by us or by others as if it were the kernel's own word (CVE-2019-16884,
 * CVE-2025-52881). */
static const char *const coverable[] = {
    "/proc/cpuinfo",
    "/proc/diskstats",
    "/proc/meminfo",
    "/proc/stat",
    "/proc/swaps",
    "/proc/uptime",
    "/proc/loadavg",
    "/proc/slabinfo",
    "/proc/sys/kernel/ns_last_pid",
    "/proc/sys/crypto/fips_enabled",
};

bool mount_destination_is_at_or_below(const char *inner, const char *outer)
{
    size_t length = strlen(outer);

    if (strcmp(outer, "/") == 0)
        return true;
    return strncmp(inner, outer, length) == 0 && (inner[length] == '\0' || inner[length] == '/');
}

bool mount_destination_is_in_proc(const char *destination)
{
    return starts_with(destination, "/proc/");
}

bool mount_destination_may_cover_proc(const char *destination)
{
    for (size_t i = 0; i < count_of(coverable); i++)
        if (strcmp(destination, coverable[i]) == 0)
            return true;
    return false;
}

static bool has_control_byte(const char *path)
{
    for (; *path != '\0'; path++)
        if ((unsigned char)*path < 0x20 || *path == 0x7f)
            return true;
    return false;
}

static bool is(const char *component, size_t length, const char *what)
{
    return length == strlen(what) && memcmp(component, what, length) == 0;
}

/* Copy the components of `path` to `clean`, each with a "/" in front. */
static int copy_components(const char *path, char *clean, struct error *err)
{
    char quoted[1040];
    size_t used = 0;

    for (const char *at = path + strspn(path, "/"); *at != '\0';) {
        size_t length = strcspn(at, "/");
        const char *next = at + length + strspn(at + length, "/");

        if (is(at, length, ".."))
            return refuse(err, EINVAL, "\"%s\" has \"..\" in it", quotable(quoted, path));
        if (is(at, length, ".") && *next == '\0' && used > 0)
            return refuse(err, EINVAL, "\"%s\" ends in \"/.\"", quotable(quoted, path));
        if (length > NAME_MAX)
            return refuse(err, ENAMETOOLONG, "\"%s\" has a name longer than %d bytes",
                          quotable(quoted, path), NAME_MAX);
        if (!is(at, length, ".")) {
            clean[used++] = '/';
            memcpy(clean + used, at, length);
            used += length;
        }
        at = next;
    }
    clean[used] = '\0';
    if (used == 0)
        return refuse(err, EINVAL, "\"%s\" is the root itself", quotable(quoted, path));
    return 0;
}

int mount_destination_clean(const char *path, struct arena *arena, const char **ret,
                            bool *ret_was_relative, struct error *err)
{
    char quoted[1040];
    char *clean = NULL;
    int error;

    if (path == NULL || *path == '\0')
        return refuse(err, EINVAL, "is missing or empty");
    if (strlen(path) >= PATH_MAX)
        return refuse(err, ENAMETOOLONG, "is longer than %d bytes", PATH_MAX - 1);
    if (has_control_byte(path))
        return refuse(err, EINVAL, "\"%s\" has a control character in it", quotable(quoted, path));
    clean = arena_zero(arena, strlen(path) + 2, 1);
    if (clean == NULL)
        return no_memory(err);
    error = copy_components(path, clean, err);
    if (error < 0)
        return error;
    if (ret_was_relative != NULL)
        *ret_was_relative = *path != '/';
    *ret = clean;
    return 0;
}
