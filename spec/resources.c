/* config-linux.md, "Control groups". */

#include "spec/rows.h"

#define OWNER struct spec_device_rule
static const struct field device_rule_rows[] = {
    ROW("allow", FIELD_BOOL, allow, REQUIRED),
    ROW("type", FIELD_OPTIONAL_ENUM, type, NAMED(spec_device_names), EMPTY_IS_UNSET),
    ROW("major", FIELD_OPTIONAL_INT64, major, RANGE(-1, UINT32_MAX)),
    ROW("minor", FIELD_OPTIONAL_INT64, minor, RANGE(-1, UINT32_MAX)),
    ROW("access", FIELD_STRING, access),
};
#undef OWNER
static const struct fields device_rule_fields = FIELDS_OF(struct spec_device_rule,
                                                          device_rule_rows);

#define OWNER struct spec_memory
static const struct field memory_rows[] = {
    /* -1 is "unlimited"; no other negative number means anything. */
    ROW("limit", FIELD_OPTIONAL_INT64, limit, RANGE(-1, INT64_MAX)),
    ROW("reservation", FIELD_OPTIONAL_INT64, reservation, RANGE(-1, INT64_MAX)),
    ROW("swap", FIELD_OPTIONAL_INT64, swap, RANGE(-1, INT64_MAX)),
    ROW("kernel", FIELD_OPTIONAL_INT64, kernel, RANGE(-1, INT64_MAX)),
    ROW("kernelTCP", FIELD_OPTIONAL_INT64, kernel_tcp, RANGE(-1, INT64_MAX)),
    ROW("swappiness", FIELD_OPTIONAL_UINT64, swappiness),
    ROW("disableOOMKiller", FIELD_OPTIONAL_BOOL, disable_oom_killer),
    ROW("useHierarchy", FIELD_OPTIONAL_BOOL, use_hierarchy),
    ROW("checkBeforeUpdate", FIELD_OPTIONAL_BOOL, check_before_update),
};
#undef OWNER
static const struct fields memory_fields = FIELDS_OF(struct spec_memory, memory_rows);

#define OWNER struct spec_cpu
static const struct field cpu_rows[] = {
    ROW("shares", FIELD_OPTIONAL_UINT64, shares),
    ROW("quota", FIELD_OPTIONAL_INT64, quota),
    ROW("burst", FIELD_OPTIONAL_UINT64, burst),
    ROW("period", FIELD_OPTIONAL_UINT64, period),
    ROW("realtimeRuntime", FIELD_OPTIONAL_INT64, realtime_runtime),
    ROW("realtimePeriod", FIELD_OPTIONAL_UINT64, realtime_period),
    ROW("cpus", FIELD_STRING, cpus, EMPTY_IS_UNSET),
    ROW("mems", FIELD_STRING, mems, EMPTY_IS_UNSET),
    ROW("idle", FIELD_OPTIONAL_INT64, idle, RANGE(0, 1)),
};
#undef OWNER
static const struct fields cpu_fields = FIELDS_OF(struct spec_cpu, cpu_rows);

#define OWNER struct spec_pids
static const struct field pids_rows[] = {
    /* Required by the schema, but Go programs leave it out; then there is nothing to limit.  Any
     * negative number is "unlimited". */
    ROW("limit", FIELD_OPTIONAL_INT64, limit),
};
#undef OWNER
static const struct fields pids_fields = FIELDS_OF(struct spec_pids, pids_rows);

#define OWNER struct spec_block_weight_device
static const struct field block_weight_device_rows[] = {
    ROW("major", FIELD_INT64, major, REQUIRED, RANGE(0, UINT32_MAX)),
    ROW("minor", FIELD_INT64, minor, REQUIRED, RANGE(0, UINT32_MAX)),
    ROW("weight", FIELD_OPTIONAL_UINT64, weight, RANGE(0, UINT16_MAX)),
    ROW("leafWeight", FIELD_OPTIONAL_UINT64, leaf_weight, RANGE(0, UINT16_MAX)),
};
#undef OWNER
static const struct fields block_weight_device_fields = FIELDS_OF(struct spec_block_weight_device,
                                                                  block_weight_device_rows);

#define OWNER struct spec_block_throttle_device
static const struct field block_throttle_device_rows[] = {
    ROW("major", FIELD_INT64, major, REQUIRED, RANGE(0, UINT32_MAX)),
    ROW("minor", FIELD_INT64, minor, REQUIRED, RANGE(0, UINT32_MAX)),
    ROW("rate", FIELD_OPTIONAL_UINT64, rate),
};
#undef OWNER
static const struct fields block_throttle_device_fields = FIELDS_OF(
    struct spec_block_throttle_device, block_throttle_device_rows);

#define OWNER struct spec_block_io
static const struct field block_io_rows[] = {
    ROW("weight", FIELD_OPTIONAL_UINT64, weight, RANGE(0, UINT16_MAX)),
    ROW("leafWeight", FIELD_OPTIONAL_UINT64, leaf_weight, RANGE(0, UINT16_MAX)),
    ROW("weightDevice", FIELD_LIST, weight_device, OBJECT(block_weight_device_fields)),
    ROW("throttleReadBpsDevice", FIELD_LIST, throttle_read_bps_device,
        OBJECT(block_throttle_device_fields)),
    ROW("throttleWriteBpsDevice", FIELD_LIST, throttle_write_bps_device,
        OBJECT(block_throttle_device_fields)),
    ROW("throttleReadIOPSDevice", FIELD_LIST, throttle_read_iops_device,
        OBJECT(block_throttle_device_fields)),
    ROW("throttleWriteIOPSDevice", FIELD_LIST, throttle_write_iops_device,
        OBJECT(block_throttle_device_fields)),
};
#undef OWNER
static const struct fields block_io_fields = FIELDS_OF(struct spec_block_io, block_io_rows);

#define OWNER struct spec_hugepage_limit
static const struct field hugepage_limit_rows[] = {
    ROW("pageSize", FIELD_STRING, page_size, REQUIRED),
    ROW("limit", FIELD_UINT64, limit, REQUIRED),
};
#undef OWNER
static const struct fields hugepage_limit_fields = FIELDS_OF(struct spec_hugepage_limit,
                                                             hugepage_limit_rows);

#define OWNER struct spec_network_priority
static const struct field network_priority_rows[] = {
    ROW("name", FIELD_STRING, name, REQUIRED),
    ROW("priority", FIELD_UINT32, priority, REQUIRED),
};
#undef OWNER
static const struct fields network_priority_fields = FIELDS_OF(struct spec_network_priority,
                                                               network_priority_rows);

#define OWNER struct spec_network
static const struct field network_rows[] = {
    ROW("classID", FIELD_OPTIONAL_UINT64, class_id, RANGE(0, UINT32_MAX)),
    ROW("priorities", FIELD_LIST, priorities, OBJECT(network_priority_fields)),
};
#undef OWNER
static const struct fields network_fields = FIELDS_OF(struct spec_network, network_rows);

#define OWNER struct spec_rdma
static const struct field rdma_rows[] = {
    ROW("hcaHandles", FIELD_OPTIONAL_UINT64, hca_handles, RANGE(0, UINT32_MAX)),
    ROW("hcaObjects", FIELD_OPTIONAL_UINT64, hca_objects, RANGE(0, UINT32_MAX)),
};
#undef OWNER
static const struct fields rdma_fields = FIELDS_OF(struct spec_rdma, rdma_rows);

#define OWNER struct spec_resources
static const struct field resources_rows[] = {
    ROW("devices", FIELD_LIST, devices, OBJECT(device_rule_fields)),
    ROW("memory", FIELD_OBJECT, memory, OBJECT(memory_fields)),
    ROW("cpu", FIELD_OBJECT, cpu, OBJECT(cpu_fields)),
    ROW("pids", FIELD_OBJECT, pids, OBJECT(pids_fields)),
    ROW("blockIO", FIELD_OBJECT, block_io, OBJECT(block_io_fields)),
    ROW("hugepageLimits", FIELD_LIST, hugepage_limits, OBJECT(hugepage_limit_fields)),
    ROW("network", FIELD_OBJECT, network, OBJECT(network_fields)),
    ROW("rdma", FIELD_KEYED_LIST, rdma, OBJECT(rdma_fields)),
    ROW("unified", FIELD_STRING_MAP, unified),
};
#undef OWNER
const struct fields spec_resources_fields = FIELDS_OF(struct spec_resources, resources_rows);
