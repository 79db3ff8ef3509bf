#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/own.h"
#include "cgroups/controllers.h"

/* One limit in the making: where it comes from and which files take it. */
struct io_line {
    char field[80];
    char value[96];
    char other_value[96];
    char reset[96];
    struct cgroup_write write;
};

static int plan_line(struct cgroup_planner *planner, const struct cgroup_controller *self,
                     const struct cgroup_place *place, struct io_line *line, struct error *err)
{
    line->write.field = line->field;
    line->write.value = line->value;
    line->write.other_value = line->write.other_file == NULL ? NULL : line->other_value;
    line->write.reset = line->reset[0] == '\0' ? NULL : line->reset;
    if (line->write.file != NULL)
        return cgroup_plan_write(planner, self, place, &line->write, err);
    log_ignored(planner->log, LOG_LEVEL_DEBUG,
                "linux.resources.%s: ignored, cgroup v2 has no such thing", line->field);
    return 0;
}

/* The specification's 10 to 1000 onto io.weight's 1 to 10000. */
static uint64_t io_weight(uint64_t weight)
{
    return 1 + (weight - 10) * 9999 / 990;
}

static int check_weight(const char *field, uint64_t weight, struct error *err)
{
    if (weight >= 10 && weight <= 1000)
        return 0;
    return refuse(err, EINVAL, "linux.resources.%s: %" PRIu64 " is out of range (10 to 1000)",
                  field, weight);
}

/* A weight: BFQ's own file where that scheduler is built in, else the general one. */
static int plan_weight(struct cgroup_planner *planner, const struct cgroup_controller *self,
                       const struct optional_uint64 *weight, struct error *err)
{
    struct cgroup_place place = cgroup_place_of(planner->plan->host, self);
    struct io_line line = {.field = "blockIO.weight"};
    int code;

    if (weight->value == 0)
        return 0;
    code = check_weight(line.field, weight->value, err);
    if (code < 0)
        return code;
    line.write.file = place.is_v2 ? "io.bfq.weight" : "blkio.bfq.weight";
    line.write.other_file = place.is_v2 ? "io.weight" : "blkio.weight";
    snprintf(line.value, sizeof line.value, "%" PRIu64, weight->value);
    snprintf(line.other_value, sizeof line.other_value, "%" PRIu64,
             place.is_v2 ? io_weight(weight->value) : weight->value);
    return plan_line(planner, self, &place, &line, err);
}

static int plan_leaf_weight(struct cgroup_planner *planner, const struct cgroup_controller *self,
                            const struct optional_uint64 *weight, struct error *err)
{
    struct cgroup_place place = cgroup_place_of(planner->plan->host, self);
    struct io_line line = {.field = "blockIO.leafWeight"};

    if (weight->value == 0)
        return 0;
    line.write.file = place.is_v2 ? NULL : "blkio.leaf_weight";
    snprintf(line.value, sizeof line.value, "%" PRIu64, weight->value);
    return plan_line(planner, self, &place, &line, err);
}

static int plan_device_weights(struct cgroup_planner *planner, const struct cgroup_controller *self,
                               size_t index, const struct spec_block_weight_device *device,
                               struct error *err)
{
    struct cgroup_place place = cgroup_place_of(planner->plan->host, self);
    struct io_line line = {0};
    struct io_line leaf = {0};
    int code = 0;

    snprintf(line.field, sizeof line.field, "blockIO.weightDevice[%zu].weight", index);
    snprintf(leaf.field, sizeof leaf.field, "blockIO.weightDevice[%zu].leafWeight", index);
    if (device->weight.value != 0) {
        code = check_weight(line.field, device->weight.value, err);
        if (code < 0)
            return code;
        line.write.file = place.is_v2 ? "io.bfq.weight" : "blkio.bfq.weight_device";
        line.write.other_file = place.is_v2 ? "io.weight" : "blkio.weight_device";
        snprintf(line.value, sizeof line.value, "%" PRId64 ":%" PRId64 " %" PRIu64, device->major,
                 device->minor, device->weight.value);
        snprintf(line.other_value, sizeof line.other_value, "%" PRId64 ":%" PRId64 " %" PRIu64,
                 device->major, device->minor,
                 place.is_v2 ? io_weight(device->weight.value) : device->weight.value);
        snprintf(line.reset, sizeof line.reset, "%" PRId64 ":%" PRId64 " %s", device->major,
                 device->minor, place.is_v2 ? "default" : "0");
        code = plan_line(planner, self, &place, &line, err);
    }
    if (code == 0 && device->leaf_weight.value != 0) {
        leaf.write.file = place.is_v2 ? NULL : "blkio.leaf_weight_device";
        snprintf(leaf.value, sizeof leaf.value, "%" PRId64 ":%" PRId64 " %" PRIu64, device->major,
                 device->minor, device->leaf_weight.value);
        code = plan_line(planner, self, &place, &leaf, err);
    }
    return code;
}

#define THROTTLE(field, member, v2_key, v1_file)                       \
    {                                                                  \
        field, offsetof(struct spec_block_io, member), v2_key, v1_file \
    }

/* Throttling: on v2 one file with keys, on v1 a file each. */
static const struct throttle {
    const char *field;
    size_t offset;
    const char *v2_key;
    const char *v1_file;
} throttles[] = {
    THROTTLE("throttleReadBpsDevice", throttle_read_bps_device, "rbps",
             "blkio.throttle.read_bps_device"),
    THROTTLE("throttleWriteBpsDevice", throttle_write_bps_device, "wbps",
             "blkio.throttle.write_bps_device"),
    THROTTLE("throttleReadIOPSDevice", throttle_read_iops_device, "riops",
             "blkio.throttle.read_iops_device"),
    THROTTLE("throttleWriteIOPSDevice", throttle_write_iops_device, "wiops",
             "blkio.throttle.write_iops_device"),
};

/* A rate of 0 takes a limit away: v1 says so itself, v2 wants "max". */
static int plan_throttle(struct cgroup_planner *planner, const struct cgroup_controller *self,
                         const struct throttle *row, size_t index,
                         const struct spec_block_throttle_device *device, struct error *err)
{
    struct cgroup_place place = cgroup_place_of(planner->plan->host, self);
    struct io_line line = {.write.file = place.is_v2 ? "io.max" : row->v1_file};
    struct text value = TEXT_IN(line.value);
    struct text reset = TEXT_IN(line.reset);

    snprintf(line.field, sizeof line.field, "blockIO.%s[%zu]", row->field, index);
    text_print(&value, "%" PRId64 ":%" PRId64 " ", device->major, device->minor);
    text_print(&reset, "%s", line.value);
    if (place.is_v2) {
        text_print(&value, "%s=", row->v2_key);
        text_print(&reset, "%s=max", row->v2_key);
    } else {
        text_print(&reset, "0");
    }
    if (place.is_v2 && device->rate.value == 0)
        text_print(&value, "max");
    else
        text_print(&value, "%" PRIu64, device->rate.value);
    return plan_line(planner, self, &place, &line, err);
}

static int plan_throttles(struct cgroup_planner *planner, const struct cgroup_controller *self,
                          const struct spec_block_io *block_io, struct error *err)
{
    for (size_t i = 0; i < count_of(throttles); i++) {
        const struct spec_block_throttle_list *list = (const void *)((const char *)block_io +
                                                                     throttles[i].offset);

        for (size_t device = 0; device < list->count; device++) {
            int code = plan_throttle(planner, self, &throttles[i], device, &list->items[device],
                                     err);

            if (code < 0)
                return code;
        }
    }
    return 0;
}

static int plan_io(struct cgroup_planner *planner, const struct cgroup_controller *self,
                   const struct spec_resources *resources, struct error *err)
{
    const struct spec_block_io *block_io = resources->block_io;
    int code;

    if (block_io == NULL)
        return 0;
    code = plan_weight(planner, self, &block_io->weight, err);
    if (code == 0)
        code = plan_leaf_weight(planner, self, &block_io->leaf_weight, err);
    for (size_t i = 0; code == 0 && i < block_io->weight_device.count; i++)
        code = plan_device_weights(planner, self, i, &block_io->weight_device.items[i], err);
    if (code == 0)
        code = plan_throttles(planner, self, block_io, err);
    return code;
}

const struct cgroup_controller cgroup_io = {"io", "blkio", plan_io, cgroup_stats_io};
