/* config.md, "Mounts", and the id mappings they share with user namespaces. */

#include "spec/rows.h"

#define OWNER struct spec_id_mapping
static const struct field id_mapping_rows[] = {
    ROW("containerID", FIELD_UINT32, container_id, REQUIRED),
    ROW("hostID", FIELD_UINT32, host_id, REQUIRED),
    ROW("size", FIELD_UINT32, size, REQUIRED),
};
#undef OWNER
const struct fields spec_id_mapping_fields = FIELDS_OF(struct spec_id_mapping, id_mapping_rows);

#define OWNER struct spec_mount
static const struct field mount_rows[] = {
    ROW("destination", FIELD_STRING, destination, REQUIRED),
    ROW("type", FIELD_STRING, type, EMPTY_IS_UNSET),
    ROW("source", FIELD_STRING, source, EMPTY_IS_UNSET),
    ROW("options", FIELD_STRINGS, options),
    ROW("uidMappings", FIELD_LIST, uid_mappings, OBJECT(spec_id_mapping_fields)),
    ROW("gidMappings", FIELD_LIST, gid_mappings, OBJECT(spec_id_mapping_fields)),
};
#undef OWNER
const struct fields spec_mount_fields = FIELDS_OF(struct spec_mount, mount_rows);
