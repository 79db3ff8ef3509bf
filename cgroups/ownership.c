/* config-linux.md, "Cgroup ownership". */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "cgroups/controllers.h"
#include "cgroups/directories.h"

/* cgroups(7): what the kernel says may belong to whom a cgroup is delegated to. */
static const char delegate_list[] = "/sys/kernel/cgroup/delegate";

static void list_files(char *buffer, size_t size)
{
    static const char fallback[] = "cgroup.procs\ncgroup.subtree_control\ncgroup.threads";

    if (read_pseudo_file(AT_FDCWD, delegate_list, buffer, size) <= 0)
        snprintf(buffer, size, "%s", fallback);
}

static int give_file(int dir, const char *name, uid_t owner, struct error *err)
{
    if (strchr(name, '/') != NULL ||
        fchownat(dir, name, owner, (gid_t)-1, AT_SYMLINK_NOFOLLOW) == 0)
        return 0;
    /* "not all files ... necessarily exist in every cgroup". */
    return errno == ENOENT ? 0 : fail(err, errno, "give %s to uid %u", name, owner);
}

int cgroup_give(const struct cgroup *cgroup, const struct cgroup_plan *plan, struct error *err)
{
    char files[4096];
    char *rest = files;
    char *name;
    int dir = cgroup_clone_fd(cgroup);

    /* "Cgroup delegation is not secure in cgroups v1"; and a slice of others stays theirs. */
    if (plan->owner == 0 || !plan->host->pure_v2 || dir < 0 || cgroup->unit_is_shared)
        return 0;
    if (fchown(dir, plan->owner, (gid_t)-1) < 0) {
        fail(err, errno, "give it to uid %u", plan->owner);
        return within(err, "cgroup %s", cgroup_v2_directory(cgroup));
    }
    list_files(files, sizeof files);
    while ((name = strsep(&rest, "\n")) != NULL) {
        if (*name != '\0' && give_file(dir, name, plan->owner, err) < 0)
            return within(err, "cgroup %s", cgroup_v2_directory(cgroup));
    }
    return 0;
}
