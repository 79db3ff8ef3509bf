#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/own.h"
#include "base/text.h"
#include "cgroups/controllers.h"
#include "cgroups/directories.h"

/* cgroup v2: a controller works in a cgroup only when every cgroup above passes it on. */

static bool is_needed(const struct cgroup_plan *plan, const char *controller)
{
    size_t length = strlen(controller);

    for (size_t i = 0; i < plan->write_count; i++) {
        const struct cgroup_write *write = &plan->writes[i];

        if (plan->host->hierarchies[write->hierarchy].is_v2 && !write->may_be_missing &&
            strncmp(write->file, controller, length) == 0 && write->file[length] == '.')
            return true;
    }
    return false;
}

/* Why it did not work, in words for the person who has to fix it. */
static int explain(int code, const char *controller, const char *directory, int dir,
                   struct error *err)
{
    char offered[512] = "";

    fail(err, code, "enable the %s controller in %s/cgroup.subtree_control", controller, directory);
    switch (code) {
    case EBUSY:
        return hint(err,
                    "%s holds processes itself, and a v2 cgroup that does cannot pass controllers "
                    "on: choose another linux.cgroupsPath, or move them to a cgroup below it",
                    directory);
    case EOPNOTSUPP:
        return hint(err, "%s is threaded: choose another linux.cgroupsPath", directory);
    case ENOENT:
        if (read_pseudo_file(dir, "cgroup.controllers", offered, sizeof offered) < 0)
            break;
        return hint(err, "it was given only: %s", *offered == '\0' ? "none" : offered);
    case EACCES:
    case EPERM:
        return hint(err, "the cgroup is not delegated to this user");
    case EROFS:
        return hint(err, "the cgroup file system is mounted read-only");
    case EINVAL:
        return hint(err, "the cpu controller refuses while there are realtime processes");
    default:
        break;
    }
    return -code;
}

/* Enable a list of controllers by one write. */
static int enable_list(int dir, const char *controllers)
{
    char copy[512];
    char request[512] = "";
    struct text text = TEXT_IN(request);
    char *rest = copy;
    const char *controller;

    snprintf(copy, sizeof copy, "%s", controllers);
    while ((controller = strsep(&rest, " ")) != NULL)
        text_print(&text, "%s+%s", text.used > 0 ? " " : "", controller);
    return write_pseudo_file(dir, "cgroup.subtree_control", request);
}

/* What the plan cannot do without has to be there, by us or by somebody with more rights. */
static int check_enabled(int dir, const char *directory, const struct cgroup_plan *plan, int failed,
                         struct error *err)
{
    char enabled[512] = "";
    char offered[512];
    char *rest = offered;
    const char *controller;

    if (read_pseudo_file(dir, "cgroup.subtree_control", enabled, sizeof enabled) < 0)
        *enabled = '\0';
    snprintf(offered, sizeof offered, "%s", plan->host->v2_controllers);
    while ((controller = strsep(&rest, " ")) != NULL) {
        if (is_needed(plan, controller) && !cgroup_list_has(enabled, controller, ' '))
            return explain(-failed, controller, directory, dir, err);
    }
    return 0;
}

int cgroup_enable_controllers(int dir, const char *directory, const struct cgroup_plan *plan,
                              struct error *err)
{
    char offered[512];
    char *rest = offered;
    const char *controller;
    int code;

    if (*plan->host->v2_controllers == '\0')
        return 0;
    /* All of the root in one write is the usual case. */
    snprintf(offered, sizeof offered, "%s", plan->host->v2_controllers);
    code = enable_list(dir, offered);
    if (code == 0)
        return 0;
    if (code == -ENOENT &&
        read_pseudo_file(dir, "cgroup.controllers", offered, sizeof offered) > 0) {
        int fewer = enable_list(dir, offered);

        code = fewer < 0 ? fewer : code;
        if (fewer == 0)
            return check_enabled(dir, directory, plan, code, err);
    }
    /* One by one, so that one which refuses does not keep the others out.  But never in a cgroup
     * with processes: cpu, cpuset and pids would be accepted there, and make it a threaded one. */
    while (code != -EBUSY && code != -EOPNOTSUPP && (controller = strsep(&rest, " ")) != NULL) {
        int result = enable_list(dir, controller);

        code = result < 0 && is_needed(plan, controller) ? result : code;
    }
    return check_enabled(dir, directory, plan, code, err);
}
