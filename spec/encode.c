#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <yajl/yajl_gen.h>

#include "base/own.h"
#include "spec/fields.h"
#include "spec/place.h"

struct encoder {
    yajl_gen gen;
    struct error *err;
};

/* As in decode.c: every FIELD_LIST has this shape. */
struct any_list {
    const void *items;
    size_t count;
};

static int encode_object(const struct fields *fields, const void *from, const struct encoder *to);

static int written(const struct encoder *to, yajl_gen_status status)
{
    if (status == yajl_gen_status_ok)
        return 0;
    if (status == yajl_gen_invalid_string)
        return wrong(to->err, "not valid UTF-8, which JSON cannot hold");
    return wrong_memory(to->err);
}

/* --- scalars
 * ------------------------------------------------------------------------------------------ */

static int write_string(const struct encoder *to, const char *text)
{
    return written(to, yajl_gen_string(to->gen, (const unsigned char *)text, strlen(text)));
}

/* yajl_gen_number writes its text as it is: numbers beyond long long, and `{}` and `[]`, which it
 * would spread over three lines itself. */
static int write_raw(const struct encoder *to, const char *text)
{
    return written(to, yajl_gen_number(to->gen, text, strlen(text)));
}

static int write_signed(const struct encoder *to, int64_t value)
{
    char text[24];

    snprintf(text, sizeof text, "%" PRId64, value);
    return write_raw(to, text);
}

static int write_unsigned(const struct encoder *to, uint64_t value)
{
    char text[24];

    snprintf(text, sizeof text, "%" PRIu64, value);
    return write_raw(to, text);
}

static int write_bool(const struct encoder *to, bool value)
{
    return written(to, yajl_gen_bool(to->gen, value));
}

static int write_name(const struct encoder *to, const struct names *names, int64_t value)
{
    const char *name = names_of_value(names, value);

    if (name == NULL)
        return wrong(to->err, "%" PRId64 " has no name", value);
    return write_string(to, name);
}

static int encode_string(const struct field *field, const void *from, const struct encoder *to)
{
    (void)field;
    return write_string(to, *(const char *const *)from);
}

static int encode_bool(const struct field *field, const void *from, const struct encoder *to)
{
    (void)field;
    return write_bool(to, *(const bool *)from);
}

static int encode_optional_bool(const struct field *field, const void *from,
                                const struct encoder *to)
{
    (void)field;
    return write_bool(to, ((const struct optional_bool *)from)->value);
}

static int encode_int64(const struct field *field, const void *from, const struct encoder *to)
{
    (void)field;
    return write_signed(to, *(const int64_t *)from);
}

static int encode_uint64(const struct field *field, const void *from, const struct encoder *to)
{
    (void)field;
    return write_unsigned(to, *(const uint64_t *)from);
}

static int encode_uint32(const struct field *field, const void *from, const struct encoder *to)
{
    (void)field;
    return write_unsigned(to, *(const uint32_t *)from);
}

static int encode_decimal(const struct field *field, const void *from, const struct encoder *to)
{
    char text[32];

    (void)field;
    /* yajl_gen_double() would write 13.78 as 13.779999999999999361. */
    snprintf(text, sizeof text, "%.15g", *(const double *)from);
    return write_raw(to, text);
}

static int encode_optional_int64(const struct field *field, const void *from,
                                 const struct encoder *to)
{
    (void)field;
    return write_signed(to, ((const struct optional_int64 *)from)->value);
}

static int encode_optional_uint64(const struct field *field, const void *from,
                                  const struct encoder *to)
{
    (void)field;
    return write_unsigned(to, ((const struct optional_uint64 *)from)->value);
}

static int encode_enum(const struct field *field, const void *from, const struct encoder *to)
{
    return write_name(to, field->names, *(const int *)from);
}

static int encode_optional_enum(const struct field *field, const void *from,
                                const struct encoder *to)
{
    return write_name(to, field->names, ((const struct optional_int64 *)from)->value);
}

/* --- arrays and objects
 * ----------------------------------------------------------------------------------- */

/* `count` items of `size` bytes each. */
static int encode_array(const struct field *field, const void *items, size_t count, size_t size,
                        int (*encode)(const struct field *, const void *, const struct encoder *),
                        const struct encoder *to)
{
    if (count == 0)
        return write_raw(to, "[]");
    if (written(to, yajl_gen_array_open(to->gen)) < 0)
        return -to->err->code;
    for (size_t i = 0; i < count; i++) {
        if (encode(field, (const char *)items + i * size, to) < 0)
            return in_item(to->err, i);
    }
    return written(to, yajl_gen_array_close(to->gen));
}

static int encode_enums(const struct field *field, const void *from, const struct encoder *to)
{
    const struct enum_list *list = from;

    return encode_array(field, list->items, list->count, sizeof *list->items, encode_enum, to);
}

static int encode_strings(const struct field *field, const void *from, const struct encoder *to)
{
    const struct string_list *list = from;

    return encode_array(field, list->items, list->count, sizeof *list->items, encode_string, to);
}

static int encode_uint32s(const struct field *field, const void *from, const struct encoder *to)
{
    const struct uint32_list *list = from;

    return encode_array(field, list->items, list->count, sizeof *list->items, encode_uint32, to);
}

static int encode_uint64s(const struct field *field, const void *from, const struct encoder *to)
{
    const struct uint64_list *list = from;

    return encode_array(field, list->items, list->count, sizeof *list->items, encode_uint64, to);
}

static int encode_inline(const struct field *field, const void *from, const struct encoder *to)
{
    return encode_object(field->fields, from, to);
}

static int encode_list(const struct field *field, const void *from, const struct encoder *to)
{
    struct any_list list;

    memcpy(&list, from, sizeof list);
    return encode_array(field, list.items, list.count, field->fields->size, encode_inline, to);
}

static int encode_pointer(const struct field *field, const void *from, const struct encoder *to)
{
    const void *object;

    memcpy(&object, from, sizeof object);
    return encode_object(field->fields, object, to);
}

static int encode_string_map(const struct field *field, const void *from, const struct encoder *to)
{
    const struct string_map *map = from;

    (void)field;
    if (map->count == 0)
        return write_raw(to, "{}");
    if (written(to, yajl_gen_map_open(to->gen)) < 0)
        return -to->err->code;
    for (size_t i = 0; i < map->count; i++) {
        if (write_string(to, map->items[i].key) < 0 || write_string(to, map->items[i].value) < 0)
            return in_key(to->err, map->items[i].key);
    }
    return written(to, yajl_gen_map_close(to->gen));
}

static int encode_uint64_map(const struct field *field, const void *from, const struct encoder *to)
{
    const struct uint64_map *map = from;

    (void)field;
    if (map->count == 0)
        return write_raw(to, "{}");
    if (written(to, yajl_gen_map_open(to->gen)) < 0)
        return -to->err->code;
    for (size_t i = 0; i < map->count; i++) {
        if (write_string(to, map->items[i].key) < 0 || write_unsigned(to, map->items[i].value) < 0)
            return in_key(to->err, map->items[i].key);
    }
    return written(to, yajl_gen_map_close(to->gen));
}

static int encode_keyed_list(const struct field *field, const void *from, const struct encoder *to)
{
    struct any_list list;

    memcpy(&list, from, sizeof list);
    if (list.count == 0)
        return write_raw(to, "{}");
    if (written(to, yajl_gen_map_open(to->gen)) < 0)
        return -to->err->code;
    for (size_t i = 0; i < list.count; i++) {
        const void *object = (const char *)list.items + i * field->fields->size;
        const char *key = *(const char *const *)object;

        if (write_string(to, key) < 0 || encode_object(field->fields, object, to) < 0)
            return in_key(to->err, key);
    }
    return written(to, yajl_gen_map_close(to->gen));
}

static int (*const encoders[])(const struct field *, const void *, const struct encoder *) = {
    [FIELD_STRING] = encode_string,
    [FIELD_BOOL] = encode_bool,
    [FIELD_OPTIONAL_BOOL] = encode_optional_bool,
    [FIELD_INT64] = encode_int64,
    [FIELD_UINT64] = encode_uint64,
    [FIELD_UINT32] = encode_uint32,
    [FIELD_OPTIONAL_INT64] = encode_optional_int64,
    [FIELD_OPTIONAL_UINT64] = encode_optional_uint64,
    [FIELD_ENUM] = encode_enum,
    [FIELD_OPTIONAL_ENUM] = encode_optional_enum,
    [FIELD_ENUMS] = encode_enums,
    [FIELD_STRINGS] = encode_strings,
    [FIELD_UINT32S] = encode_uint32s,
    [FIELD_UINT64S] = encode_uint64s,
    [FIELD_STRING_MAP] = encode_string_map,
    [FIELD_UINT64_MAP] = encode_uint64_map,
    [FIELD_DECIMAL] = encode_decimal,
    [FIELD_OBJECT] = encode_pointer,
    [FIELD_INLINE] = encode_inline,
    [FIELD_LIST] = encode_list,
    [FIELD_KEYED_LIST] = encode_keyed_list,
};

/* --- which members are there
 * -------------------------------------------------------------------------------- */

static bool has_pointer(const void *from)
{
    const void *pointer;

    memcpy(&pointer, from, sizeof pointer);
    return pointer != NULL;
}

/* A plain false or 0 cannot be told from an absent one, and means the same. */
static bool is_present(const struct field *field, const void *from)
{
    switch (field->kind) {
    case FIELD_IGNORED:
        return false;
    case FIELD_BOOL:
        return field->required || *(const bool *)from;
    case FIELD_INT64:
    case FIELD_UINT64:
        return field->required || field->always || *(const uint64_t *)from != 0;
    case FIELD_DECIMAL:
        return field->required || field->always || *(const double *)from != 0;
    case FIELD_UINT32:
        return field->required || field->always || *(const uint32_t *)from != 0;
    case FIELD_OPTIONAL_BOOL:
        return ((const struct optional_bool *)from)->set;
    case FIELD_OPTIONAL_INT64:
    case FIELD_OPTIONAL_ENUM:
        return ((const struct optional_int64 *)from)->set;
    case FIELD_OPTIONAL_UINT64:
        return ((const struct optional_uint64 *)from)->set;
    case FIELD_ENUM:
        return field->required || names_of_value(field->names, *(const int *)from) != NULL;
    case FIELD_INLINE:
        return true;
    default: /* the others are, or start with, a pointer */
        return has_pointer(from);
    }
}

static const void *member_of(const struct field *field, const void *from)
{
    return (const char *)from + field->offset;
}

static int encode_members(const struct fields *fields, const void *from, const struct encoder *to)
{
    for (size_t i = 0; i < fields->count; i++) {
        const struct field *field = &fields->rows[i];
        const void *member = member_of(field, from);

        if (!is_present(field, member))
            continue;
        if (write_string(to, field->key) < 0)
            return -to->err->code;
        if (encoders[field->kind](field, member, to) < 0)
            return in_member(to->err, field->key);
    }
    return 0;
}

static int encode_object(const struct fields *fields, const void *from, const struct encoder *to)
{
    bool empty = true;

    for (size_t i = 0; i < fields->count; i++)
        empty = empty && !is_present(&fields->rows[i], member_of(&fields->rows[i], from));
    if (empty)
        return write_raw(to, "{}");
    if (written(to, yajl_gen_map_open(to->gen)) < 0)
        return -to->err->code;
    if (encode_members(fields, from, to) < 0)
        return -to->err->code;
    return written(to, yajl_gen_map_close(to->gen));
}

/* --- the text
 * -----------------------------------------------------------------------------------------------
 */

static void free_generator(yajl_gen *gen)
{
    if (*gen != NULL)
        yajl_gen_free(*gen);
}

static int copy_out(const struct encoder *to, struct arena *arena, const char **ret,
                    size_t *ret_length)
{
    const unsigned char *text;
    size_t length;

    if (written(to, yajl_gen_get_buf(to->gen, &text, &length)) < 0)
        return place_done(to->err);

    /* yajl ends indented text with a newline. */
    if (length > 0 && text[length - 1] == '\n')
        length--;

    const char *copy = arena_copy(arena, (const char *)text, length);

    if (copy == NULL)
        return no_memory(to->err);
    *ret = copy;
    if (ret_length != NULL)
        *ret_length = length;
    return 0;
}

/* One object, or an array of `count` when `is_array`. */
static int encode_text(const struct field *field, const void *from, size_t count, bool is_array,
                       const struct json_layout *layout, struct arena *arena, const char **ret,
                       size_t *ret_length, struct error *err)
{
    __attribute__((cleanup(free_generator))) yajl_gen gen = yajl_gen_alloc(NULL);
    const struct encoder to = {gen, err};
    int code;

    if (gen == NULL)
        return no_memory(err);
    yajl_gen_config(gen, yajl_gen_validate_utf8, 1);
    if (layout != NULL && layout->indent != NULL) {
        yajl_gen_config(gen, yajl_gen_beautify, 1);
        yajl_gen_config(gen, yajl_gen_indent_string, layout->indent);
    }
    if (is_array)
        code = encode_array(field, from, count, field->fields->size, encode_inline, &to);
    else
        code = encode_object(field->fields, from, &to);
    if (code < 0)
        return place_done(err);
    return copy_out(&to, arena, ret, ret_length);
}

int fields_encode(const struct fields *fields, const void *from, const struct json_layout *layout,
                  struct arena *arena, const char **ret, size_t *ret_length, struct error *err)
{
    const struct field field = {.kind = FIELD_INLINE, .fields = fields};

    return encode_text(&field, from, 1, false, layout, arena, ret, ret_length, err);
}

int fields_encode_array(const struct fields *fields, const void *items, size_t count,
                        const struct json_layout *layout, struct arena *arena, const char **ret,
                        size_t *ret_length, struct error *err)
{
    const struct field field = {.kind = FIELD_INLINE, .fields = fields};

    return encode_text(&field, items, count, true, layout, arena, ret, ret_length, err);
}
