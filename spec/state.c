/* runtime.md, "State", and config-linux.md, "The Container Process State". */

#include "spec/rows.h"

#define OWNER struct spec_state
static const struct field state_rows[] = {
    ROW("ociVersion", FIELD_STRING, oci_version, REQUIRED),
    ROW("id", FIELD_STRING, id, REQUIRED),
    ROW("status", FIELD_STRING, status, REQUIRED),
    ROW("pid", FIELD_OPTIONAL_INT64, pid, RANGE(0, INT32_MAX)),
    ROW("bundle", FIELD_STRING, bundle, REQUIRED),
    ROW("annotations", FIELD_STRING_MAP, annotations),
};
#undef OWNER
const struct fields spec_state_fields = FIELDS_OF(struct spec_state, state_rows);

#define OWNER struct spec_container_process_state
static const struct field container_process_state_rows[] = {
    ROW("ociVersion", FIELD_STRING, oci_version, REQUIRED),
    ROW("fds", FIELD_STRINGS, fds, REQUIRED),
    ROW("pid", FIELD_INT64, pid, REQUIRED, RANGE(0, INT32_MAX)),
    ROW("metadata", FIELD_STRING, metadata),
    ROW("state", FIELD_INLINE, state, REQUIRED, OBJECT(spec_state_fields)),
};
#undef OWNER
const struct fields spec_container_process_state_fields = FIELDS_OF(
    struct spec_container_process_state, container_process_state_rows);
