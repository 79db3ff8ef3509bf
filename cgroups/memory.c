#include <errno.h>
#include <inttypes.h>

#include "base/own.h"
#include "cgroups/controllers.h"

/* The specification (and v1) count memory and swap together; v2 counts swap alone. */
static int format_swap(const struct cgroup_value *value, struct text *text, struct error *err)
{
    const struct spec_memory *memory = value->object;
    int64_t limit = memory->limit.set ? memory->limit.value : 0;
    int64_t swap = memory->swap.set ? memory->swap.value : 0;

    if (swap < -1)
        return refuse(err, EINVAL, "%" PRId64 " is no number of bytes (-1 is unlimited)", swap);
    /* Unlimited memory with nothing said about swap means both. */
    if (swap == -1 || (swap == 0 && limit == -1)) {
        text_print(text, "%s", value->is_v2 ? "max" : "-1");
        return 1;
    }
    if (swap == 0)
        return 0;
    if (limit > 0 && swap < limit)
        return refuse(err, EINVAL,
                      "%" PRId64 " is less than memory.limit, %" PRId64
                      " (it counts memory and swap together)",
                      swap, limit);
    if (value->is_v2 && limit <= 0)
        return refuse(err, EINVAL,
                      "%" PRId64 " needs a memory.limit beside it (it counts memory and swap "
                      "together, cgroup v2 swap alone)",
                      swap);
    text_print(text, "%" PRId64, value->is_v2 ? swap - limit : swap);
    return 1;
}

static int format_swappiness(const struct cgroup_value *value, struct text *text, struct error *err)
{
    const struct optional_uint64 *swappiness = value->member;

    if (swappiness->set && swappiness->value > 100)
        return refuse(err, EINVAL, "%" PRIu64 " is out of range (0 to 100)", swappiness->value);
    return cgroup_format_uint64(value, text, err);
}

static int format_true(const struct cgroup_value *value, struct text *text, struct error *err)
{
    const struct optional_bool *wanted = value->member;

    (void)err;
    text_print(text, "1");
    return wanted->set && wanted->value;
}

/* v1 keeps limit <= limit with swap at all times: raising wants the second first, lowering the
 * other way round. */
#define OWNER struct spec_memory
static const struct cgroup_file files[] = {
    CGROUP_FILE("memory.limit", limit, "memory.max", "memory.limit_in_bytes", cgroup_format_bytes,
                CGROUP_FILE_ORDER_UNKNOWN),
    CGROUP_FILE("memory.swap", swap, "memory.swap.max", "memory.memsw.limit_in_bytes", format_swap,
                CGROUP_FILE_ORDER_UNKNOWN | CGROUP_FILE_MISSING_IS_FREE),
    CGROUP_FILE("memory.reservation", reservation, "memory.low", "memory.soft_limit_in_bytes",
                cgroup_format_bytes, CGROUP_FILE_PLAIN),
    CGROUP_FILE("memory.kernel", kernel, NULL, NULL, cgroup_format_bytes, CGROUP_FILE_WARNS),
    CGROUP_FILE("memory.kernelTCP", kernel_tcp, NULL, "memory.kmem.tcp.limit_in_bytes",
                cgroup_format_bytes, CGROUP_FILE_WARNS),
    CGROUP_FILE("memory.swappiness", swappiness, NULL, "memory.swappiness", format_swappiness,
                CGROUP_FILE_PLAIN),
    CGROUP_FILE("memory.disableOOMKiller", disable_oom_killer, NULL, "memory.oom_control",
                format_true, CGROUP_FILE_PLAIN),
    /* useHierarchy: the only behaviour there has been since 5.11; checkBeforeUpdate: update.c. */
};
#undef OWNER

static int plan_memory(struct cgroup_planner *planner, const struct cgroup_controller *self,
                       const struct spec_resources *resources, struct error *err)
{
    if (resources->memory == NULL)
        return 0;
    return cgroup_plan_files(planner, self, resources->memory, files, count_of(files), err);
}

const struct cgroup_controller cgroup_memory = {"memory", "memory", plan_memory,
                                                cgroup_stats_memory};
