#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "cgroups/controllers.h"

/* "2MB": a power of two and a unit, as the kernel spells it in the names of the files. */
static bool is_page_size(const char *size)
{
    char *unit;

    if (!isdigit((unsigned char)*size) || *size == '0')
        return false;
    errno = 0;

    unsigned long number = strtoul(size, &unit, 10);

    if (errno != 0 || (number & (number - 1)) != 0)
        return false;
    return strcmp(unit, "KB") == 0 || strcmp(unit, "MB") == 0 || strcmp(unit, "GB") == 0;
}

/* The limit on use, and (5.7) the one on reservation: without it a process learns of the limit by
 * SIGBUS instead of a failing mmap. */
static const struct {
    const char *v2_suffix;
    const char *v1_suffix;
    bool may_be_missing;
} files[] = {
    {"max",      "limit_in_bytes",      false},
    {"rsvd.max", "rsvd.limit_in_bytes", true },
};

static int plan_limit(struct cgroup_planner *planner, const struct cgroup_controller *self,
                      const char *field, const struct spec_hugepage_limit *limit, struct error *err)
{
    struct cgroup_place place = cgroup_place_of(planner->plan->host, self);
    char quoted[1040];

    if (limit->page_size == NULL || !is_page_size(limit->page_size))
        return refuse(err, EINVAL,
                      "linux.resources.%s.pageSize: \"%s\" is not a page size such as 2MB", field,
                      quotable(quoted, limit->page_size == NULL ? "" : limit->page_size));
    for (size_t i = 0; i < count_of(files); i++) {
        char file[80];
        char value[24];
        struct cgroup_write write = {
            .file = file,
            .value = value,
            .field = field,
            .may_be_missing = files[i].may_be_missing,
        };
        int code;

        snprintf(file, sizeof file, "hugetlb.%.32s.%s", limit->page_size,
                 place.is_v2 ? files[i].v2_suffix : files[i].v1_suffix);
        snprintf(value, sizeof value, "%" PRIu64, limit->limit);
        code = cgroup_plan_write(planner, self, &place, &write, err);
        if (code < 0)
            return code;
    }
    return 0;
}

static int plan_hugetlb(struct cgroup_planner *planner, const struct cgroup_controller *self,
                        const struct spec_resources *resources, struct error *err)
{
    for (size_t i = 0; i < resources->hugepage_limits.count; i++) {
        char field[48];
        int code;

        snprintf(field, sizeof field, "hugepageLimits[%zu]", i);
        code = plan_limit(planner, self, field, &resources->hugepage_limits.items[i], err);
        if (code < 0)
            return code;
    }
    return 0;
}

const struct cgroup_controller cgroup_hugetlb = {"hugetlb", "hugetlb", plan_hugetlb,
                                                 cgroup_stats_hugetlb};
