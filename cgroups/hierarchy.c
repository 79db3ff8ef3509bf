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

static int enable_one(int dir, const char *directory, const struct cgroup_plan *plan,
                      const char *controller, struct error *err)
{
    char enabled[512];
    char request[64];
    int code;

    snprintf(request, sizeof request, "+%s", controller);
    code = write_pseudo_file(dir, "cgroup.subtree_control", request);
    if (code == 0 || !is_needed(plan, controller))
        return 0;
    /* Somebody with more rights may have done it for us. */
    if (read_pseudo_file(dir, "cgroup.subtree_control", enabled, sizeof enabled) >= 0 &&
        cgroup_list_has(enabled, controller, ' '))
        return 0;
    return explain(-code, controller, directory, dir, err);
}

int cgroup_enable_controllers(int dir, const char *directory, const struct cgroup_plan *plan,
                              struct error *err)
{
    char all[512] = "";
    char each[512];
    struct text text = TEXT_IN(all);
    char *rest = each;
    const char *controller;

    if (*plan->host->v2_controllers == '\0')
        return 0;
    snprintf(each, sizeof each, "%s", plan->host->v2_controllers);
    while ((controller = strsep(&rest, " ")) != NULL)
        text_print(&text, "%s+%s", text.used > 0 ? " " : "", controller);
    /* All at once is one write; one that cannot be had must not keep the others out. */
    if (!text.cut && write_pseudo_file(dir, "cgroup.subtree_control", all) == 0)
        return 0;

    rest = each;
    snprintf(each, sizeof each, "%s", plan->host->v2_controllers);
    while ((controller = strsep(&rest, " ")) != NULL) {
        int code = enable_one(dir, directory, plan, controller, err);

        if (code < 0)
            return code;
    }
    return 0;
}
