/* config.md, "POSIX-platform Hooks". */

#include "spec/rows.h"

#define OWNER struct spec_hook
static const struct field hook_rows[] = {
    ROW("path", FIELD_STRING, path, REQUIRED),
    ROW("args", FIELD_STRINGS, args),
    ROW("env", FIELD_STRINGS, env),
    ROW("timeout", FIELD_OPTIONAL_INT64, timeout, RANGE(1, INT64_MAX)),
};
#undef OWNER
const struct fields spec_hook_fields = FIELDS_OF(struct spec_hook, hook_rows);

#define OWNER struct spec_hooks
static const struct field hooks_rows[] = {
    ROW("prestart", FIELD_LIST, prestart, OBJECT(spec_hook_fields)),
    ROW("createRuntime", FIELD_LIST, create_runtime, OBJECT(spec_hook_fields)),
    ROW("createContainer", FIELD_LIST, create_container, OBJECT(spec_hook_fields)),
    ROW("startContainer", FIELD_LIST, start_container, OBJECT(spec_hook_fields)),
    ROW("poststart", FIELD_LIST, poststart, OBJECT(spec_hook_fields)),
    ROW("poststop", FIELD_LIST, poststop, OBJECT(spec_hook_fields)),
};
#undef OWNER
const struct fields spec_hooks_fields = FIELDS_OF(struct spec_hooks, hooks_rows);
