/* config.md: the whole file, and its root. */

#include "spec/rows.h"

#define OWNER struct spec_root
static const struct field root_rows[] = {
    ROW("path", FIELD_STRING, path, REQUIRED),
    ROW("readonly", FIELD_BOOL, readonly),
};
#undef OWNER
static const struct fields root_fields = FIELDS_OF(struct spec_root, root_rows);

#define OWNER struct spec
static const struct field spec_rows[] = {
    ROW("ociVersion", FIELD_STRING, oci_version, REQUIRED),
    ROW("process", FIELD_OBJECT, process, OBJECT(spec_process_fields)),
    ROW("root", FIELD_OBJECT, root, OBJECT(root_fields)),
    ROW("hostname", FIELD_STRING, hostname, EMPTY_IS_UNSET),
    ROW("domainname", FIELD_STRING, domainname, EMPTY_IS_UNSET),
    ROW("mounts", FIELD_LIST, mounts, OBJECT(spec_mount_fields)),
    ROW("hooks", FIELD_OBJECT, hooks, OBJECT(spec_hooks_fields)),
    ROW("annotations", FIELD_STRING_MAP, annotations),
    ROW("linux", FIELD_OBJECT, linux_, OBJECT(spec_linux_fields)),
    IGNORED("solaris", "another platform"),
    IGNORED("windows", "another platform"),
    IGNORED("freebsd", "another platform"),
    IGNORED("zos", "another platform"),
    IGNORED("vm", "containers in virtual machines have runtimes of their own"),
};
#undef OWNER
const struct fields spec_fields = FIELDS_OF(struct spec, spec_rows);
