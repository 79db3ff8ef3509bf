#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "cgroups/controllers.h"

/* Read digits at *at and step over them. */
static bool take_number(const char **at, unsigned long *ret)
{
    char *end;

    if (!isdigit((unsigned char)**at))
        return false;
    errno = 0;
    *ret = strtoul(*at, &end, 10);
    *at = end;
    return errno == 0;
}

/* "3" or "0-7" */
static bool take_range(const char **at)
{
    unsigned long first;
    unsigned long last;

    if (!take_number(at, &first))
        return false;
    if (**at != '-')
        return true;
    (*at)++;
    return take_number(at, &last) && first <= last;
}

/* cpuset(7), "List format": ranges between commas. */
static bool is_list(const char *list)
{
    const char *at = list;

    while (take_range(&at)) {
        if (*at == '\0')
            return true;
        if (*at++ != ',')
            return false;
    }
    return false;
}

static int plan_list(struct cgroup_planner *planner, const struct cgroup_controller *self,
                     const char *field, const char *file, const char *list, struct error *err)
{
    struct cgroup_place place = cgroup_place_of(planner->plan->host, self);
    struct cgroup_write write = {.file = file, .value = list, .field = field};
    char quoted[1040];

    if (list == NULL || *list == '\0')
        return 0;
    if (!is_list(list))
        return refuse(err, EINVAL,
                      "linux.resources.%s: \"%s\" is not a list of numbers and ranges such as "
                      "0-3,7",
                      field, quotable(quoted, list));
    return cgroup_plan_write(planner, self, &place, &write, err);
}

static int plan_cpuset(struct cgroup_planner *planner, const struct cgroup_controller *self,
                       const struct spec_resources *resources, struct error *err)
{
    int code;

    if (resources->cpu == NULL)
        return 0;
    code = plan_list(planner, self, "cpu.cpus", "cpuset.cpus", resources->cpu->cpus, err);
    if (code < 0)
        return code;
    return plan_list(planner, self, "cpu.mems", "cpuset.mems", resources->cpu->mems, err);
}

const struct cgroup_controller cgroup_cpuset = {"cpuset", "cpuset", plan_cpuset,
                                                cgroup_stats_cpuset};
