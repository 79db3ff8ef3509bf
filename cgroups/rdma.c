#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/own.h"
#include "cgroups/controllers.h"

static int plan_device(struct cgroup_planner *planner, const struct cgroup_controller *self,
                       const struct spec_rdma *rdma, struct error *err)
{
    struct cgroup_place place = cgroup_place_of(planner->plan->host, self);
    char quoted[1040];
    char bytes[256];
    struct text text = TEXT_IN(bytes);

    if (*rdma->device == '\0' || strpbrk(rdma->device, " \t\n") != NULL ||
        strlen(rdma->device) > 64)
        return refuse(err, EINVAL, "linux.resources.rdma: \"%s\" is not the name of a device",
                      quotable(quoted, rdma->device));
    text_print(&text, "%s", rdma->device);
    if (rdma->hca_handles.set)
        text_print(&text, " hca_handle=%" PRIu64, rdma->hca_handles.value);
    if (rdma->hca_objects.set)
        text_print(&text, " hca_object=%" PRIu64, rdma->hca_objects.value);

    struct cgroup_write write = {
        .file = "rdma.max",
        .value = bytes,
        .field = arena_print(planner->arena, "rdma.%s", rdma->device),
        .reset = arena_print(planner->arena, "%s hca_handle=max hca_object=max", rdma->device),
    };

    if (write.field == NULL || write.reset == NULL)
        return no_memory(err);
    return cgroup_plan_write(planner, self, &place, &write, err);
}

static int plan_rdma(struct cgroup_planner *planner, const struct cgroup_controller *self,
                     const struct spec_resources *resources, struct error *err)
{
    for (size_t i = 0; i < resources->rdma.count; i++) {
        int code = plan_device(planner, self, &resources->rdma.items[i], err);

        if (code < 0)
            return code;
    }
    return 0;
}

const struct cgroup_controller cgroup_rdma = {"rdma", "rdma", plan_rdma, NULL};
