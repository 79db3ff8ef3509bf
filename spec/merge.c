#include <string.h>

#include "spec/fields.h"

/* The first member of every list and map is its items, NULL when absent. */
static bool is_present_list(const void *list)
{
    return *(void *const *)list != NULL;
}

static int merge_object(const struct field *field, void *into, const void *from,
                        struct arena *arena, struct error *err)
{
    void *const *source = from;
    void **target = into;

    if (*source == NULL)
        return 0;
    if (*target == NULL)
        *target = arena_zero(arena, 1, field->fields->size);
    if (*target == NULL)
        return no_memory(err);
    return fields_merge(field->fields, *target, *source, arena, err);
}

static int merge_field(const struct field *field, void *into, const void *from, struct arena *arena,
                       struct error *err)
{
    switch (field->kind) {
    case FIELD_STRING:
        if (*(const char *const *)from != NULL)
            *(const char **)into = *(const char *const *)from;
        return 0;
    case FIELD_OPTIONAL_BOOL:
        if (((const struct optional_bool *)from)->set)
            *(struct optional_bool *)into = *(const struct optional_bool *)from;
        return 0;
    case FIELD_OPTIONAL_INT64:
    case FIELD_OPTIONAL_ENUM:
        if (((const struct optional_int64 *)from)->set)
            *(struct optional_int64 *)into = *(const struct optional_int64 *)from;
        return 0;
    case FIELD_OPTIONAL_UINT64:
        if (((const struct optional_uint64 *)from)->set)
            *(struct optional_uint64 *)into = *(const struct optional_uint64 *)from;
        return 0;
    case FIELD_ENUMS:
    case FIELD_STRINGS:
    case FIELD_UINT32S:
    case FIELD_UINT64S:
    case FIELD_STRING_MAP:
    case FIELD_UINT64_MAP:
    case FIELD_LIST:
    case FIELD_KEYED_LIST:
        if (is_present_list(from))
            memcpy(into, from, sizeof(struct string_list));
        return 0;
    case FIELD_OBJECT:
        return merge_object(field, into, from, arena, err);
    case FIELD_INLINE:
        return fields_merge(field->fields, into, from, arena, err);
    case FIELD_BOOL:
    case FIELD_INT64:
    case FIELD_UINT64:
    case FIELD_DECIMAL:
    case FIELD_UINT32:
    case FIELD_ENUM:
    case FIELD_IGNORED:
        return 0;
    }
    return 0;
}

int fields_merge(const struct fields *fields, void *into, const void *from, struct arena *arena,
                 struct error *err)
{
    for (size_t i = 0; i < fields->count; i++) {
        const struct field *field = &fields->rows[i];

        if (merge_field(field, (char *)into + field->offset, (const char *)from + field->offset,
                        arena, err) < 0)
            return -err->code;
    }
    return 0;
}
