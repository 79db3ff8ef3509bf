#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "base/text.h"
#include "spec/fields.h"
#include "spec/json.h"
#include "spec/place.h"

/* Where decoded values go. */
struct decoder {
    struct arena *arena;
    struct error *err;
};

/* Every FIELD_LIST has this shape, whatever its items are; copied as bytes, as its own type
 * differs. */
struct any_list {
    void *items;
    size_t count;
};

static int decode_object(const struct fields *fields, const struct json *json,
                         const struct decoder *to, void *into);

static int unexpected(const struct decoder *to, const char *wanted, const struct json *found)
{
    return wrong(to->err, "expected %s, found %s", wanted, json_kind_name(found));
}

/* --- scalars
 * -------------------------------------------------------------------------------------- */

/* The reader has put strings into our arena already.  NULL: not a string. */
static const char *text_of(const struct json *json, const struct decoder *to)
{
    if (json->kind == JSON_STRING)
        return json->text;
    unexpected(to, "string", json);
    return NULL;
}

static bool is_unset(const struct field *field, const struct json *json)
{
    return field->empty_is_unset && json->kind == JSON_STRING && json->length == 0;
}

static int decode_string(const struct field *field, const struct json *json,
                         const struct decoder *to, void *into)
{
    const char *text = text_of(json, to);

    if (text == NULL)
        return -to->err->code;
    if (!is_unset(field, json))
        *(const char **)into = text;
    return 0;
}

static int decode_bool(const struct field *field, const struct json *json, const struct decoder *to,
                       void *into)
{
    (void)field;
    if (json->kind != JSON_BOOLEAN)
        return unexpected(to, "boolean", json);
    *(bool *)into = json->boolean;
    return 0;
}

static int decode_optional_bool(const struct field *field, const struct json *json,
                                const struct decoder *to, void *into)
{
    struct optional_bool *optional = into;

    if (decode_bool(field, json, to, &optional->value) < 0)
        return -to->err->code;
    optional->set = true;
    return 0;
}

struct range {
    int64_t least;
    uint64_t most;
};

static struct range range_of(const struct field *field)
{
    if (field->least != 0 || field->most != 0)
        return (struct range){field->least, field->most};

    switch (field->kind) {
    case FIELD_INT64:
    case FIELD_OPTIONAL_INT64:
        return (struct range){INT64_MIN, INT64_MAX};
    case FIELD_UINT32:
    case FIELD_UINT32S:
        return (struct range){0, UINT32_MAX};
    default:
        return (struct range){0, UINT64_MAX};
    }
}

/* The digits of a number, "-0" excluded: Go reads it as a float for unsigned members. */
static bool is_integer(const char *text)
{
    if (strcmp(text, "-0") == 0)
        return false;
    text += *text == '-';
    return *text != '\0' && text[strspn(text, "0123456789")] == '\0';
}

static bool within_range(const char *text, const struct range *range, uint64_t *ret)
{
    bool negative = *text == '-';
    struct error ignored;
    uint64_t magnitude;

    if (parse_uint64(text + negative, UINT64_MAX, &magnitude, &ignored) < 0)
        return false;
    if (negative) {
        /* -least would overflow for INT64_MIN; its magnitude in uint64_t does not. */
        *ret = -magnitude;
        return range->least < 0 && magnitude <= -(uint64_t)range->least;
    }
    *ret = magnitude;
    return magnitude <= range->most && (range->least <= 0 || magnitude >= (uint64_t)range->least);
}

/* A number as 64 bits, two's complement when negative. */
static int decode_integer(const struct field *field, const struct json *json,
                          const struct decoder *to, uint64_t *ret)
{
    const struct range range = range_of(field);

    if (json->kind != JSON_NUMBER)
        return unexpected(to, "integer", json);
    if (!is_integer(json->text))
        return wrong(to->err, "expected integer, found %.64s", json->text);
    if (!within_range(json->text, &range, ret))
        return wrong(to->err, "%.64s is out of range (%" PRId64 " to %" PRIu64 ")", json->text,
                     range.least, range.most);
    return 0;
}

static int decode_int64(const struct field *field, const struct json *json,
                        const struct decoder *to, void *into)
{
    uint64_t value;

    if (decode_integer(field, json, to, &value) < 0)
        return -to->err->code;
    *(int64_t *)into = (int64_t)value;
    return 0;
}

static int decode_uint64(const struct field *field, const struct json *json,
                         const struct decoder *to, void *into)
{
    return decode_integer(field, json, to, into);
}

static int decode_uint32(const struct field *field, const struct json *json,
                         const struct decoder *to, void *into)
{
    uint64_t value;

    if (decode_integer(field, json, to, &value) < 0)
        return -to->err->code;
    *(uint32_t *)into = (uint32_t)value;
    return 0;
}

static int decode_optional_int64(const struct field *field, const struct json *json,
                                 const struct decoder *to, void *into)
{
    struct optional_int64 *optional = into;

    if (decode_int64(field, json, to, &optional->value) < 0)
        return -to->err->code;
    optional->set = true;
    return 0;
}

static int decode_optional_uint64(const struct field *field, const struct json *json,
                                  const struct decoder *to, void *into)
{
    struct optional_uint64 *optional = into;

    if (decode_integer(field, json, to, &optional->value) < 0)
        return -to->err->code;
    optional->set = true;
    return 0;
}

/* --- names
 * ------------------------------------------------------------------------------------------ */

static int unknown_name(const struct field *field, const char *name, struct error *err)
{
    char known[300];
    struct text list = TEXT_IN(known);
    char quoted[1040];

    known[0] = '\0';
    for (size_t i = 0; i < field->names->count; i++)
        text_print(&list, "%s%s", i > 0 ? ", " : "", field->names->rows[i].name);
    if (list.cut)
        return wrong(err, "unknown value \"%s\"", quotable(quoted, name));
    return wrong(err, "unknown value \"%s\" (known: %s)", quotable(quoted, name), known);
}

static const struct name *name_of(const struct field *field, const struct json *json,
                                  const struct decoder *to)
{
    const char *text = text_of(json, to);

    if (text == NULL)
        return NULL;

    const struct name *name = names_find(field->names, text);

    if (name == NULL)
        unknown_name(field, text, to->err);
    return name;
}

static int decode_enum(const struct field *field, const struct json *json, const struct decoder *to,
                       void *into)
{
    if (is_unset(field, json))
        return 0;

    const struct name *name = name_of(field, json, to);

    if (name == NULL)
        return -to->err->code;
    *(int *)into = (int)name->value;
    return 0;
}

static int decode_optional_enum(const struct field *field, const struct json *json,
                                const struct decoder *to, void *into)
{
    if (is_unset(field, json))
        return 0;

    const struct name *name = name_of(field, json, to);

    if (name == NULL)
        return -to->err->code;
    *(struct optional_int64 *)into = (struct optional_int64){name->value, true};
    return 0;
}

/* --- lists of scalars, maps
 * --------------------------------------------------------------------------- */

static int decode_enums(const struct field *field, const struct json *json,
                        const struct decoder *to, void *into)
{
    struct enum_list *list = into;

    if (json->kind != JSON_ARRAY)
        return unexpected(to, "array of strings", json);
    list->items = arena_zero(to->arena, json->count, sizeof *list->items);
    if (list->items == NULL)
        return wrong_memory(to->err);
    for (const struct json *item = json->first; item != NULL; item = item->next) {
        if (decode_enum(field, item, to, &list->items[list->count]) < 0)
            return in_item(to->err, list->count);
        list->count++;
    }
    return 0;
}

static int decode_strings(const struct field *field, const struct json *json,
                          const struct decoder *to, void *into)
{
    struct string_list *list = into;

    (void)field;
    if (json->kind != JSON_ARRAY)
        return unexpected(to, "array of strings", json);
    list->items = arena_zero(to->arena, json->count + 1, sizeof *list->items);
    if (list->items == NULL)
        return wrong_memory(to->err);
    for (const struct json *item = json->first; item != NULL; item = item->next) {
        list->items[list->count] = text_of(item, to);
        if (list->items[list->count] == NULL)
            return in_item(to->err, list->count);
        list->count++;
    }
    return 0;
}

static int decode_uint32s(const struct field *field, const struct json *json,
                          const struct decoder *to, void *into)
{
    struct uint32_list *list = into;

    if (json->kind != JSON_ARRAY)
        return unexpected(to, "array of integers", json);
    list->items = arena_zero(to->arena, json->count, sizeof *list->items);
    if (list->items == NULL)
        return wrong_memory(to->err);
    for (const struct json *item = json->first; item != NULL; item = item->next) {
        if (decode_uint32(field, item, to, &list->items[list->count]) < 0)
            return in_item(to->err, list->count);
        list->count++;
    }
    return 0;
}

static int decode_uint64s(const struct field *field, const struct json *json,
                          const struct decoder *to, void *into)
{
    struct uint64_list *list = into;

    if (json->kind != JSON_ARRAY)
        return unexpected(to, "array of integers", json);
    list->items = arena_zero(to->arena, json->count, sizeof *list->items);
    if (list->items == NULL)
        return wrong_memory(to->err);
    for (const struct json *item = json->first; item != NULL; item = item->next) {
        if (decode_uint64(field, item, to, &list->items[list->count]) < 0)
            return in_item(to->err, list->count);
        list->count++;
    }
    return 0;
}

static int decode_uint64_map(const struct field *field, const struct json *json,
                             const struct decoder *to, void *into)
{
    struct uint64_map *map = into;

    if (json->kind != JSON_OBJECT)
        return unexpected(to, "object of integers", json);
    map->items = arena_zero(to->arena, json->count, sizeof *map->items);
    if (map->items == NULL)
        return wrong_memory(to->err);
    for (const struct json *item = json->first; item != NULL; item = item->next) {
        struct uint64_pair *pair = &map->items[map->count++];

        pair->key = arena_copy(to->arena, item->key, item->key_length);
        if (pair->key == NULL)
            return wrong_memory(to->err);
        if (decode_uint64(field, item, to, &pair->value) < 0)
            return in_key(to->err, item->key);
    }
    return 0;
}

static int decode_decimal(const struct field *field, const struct json *json,
                          const struct decoder *to, void *into)
{
    (void)field;
    if (json->kind != JSON_NUMBER)
        return unexpected(to, "number", json);
    *(double *)into = strtod(json->text, NULL);
    return 0;
}

static int decode_string_map(const struct field *field, const struct json *json,
                             const struct decoder *to, void *into)
{
    struct string_map *map = into;

    (void)field;
    if (json->kind != JSON_OBJECT)
        return unexpected(to, "object of strings", json);
    map->items = arena_zero(to->arena, json->count, sizeof *map->items);
    if (map->items == NULL)
        return wrong_memory(to->err);
    for (const struct json *item = json->first; item != NULL; item = item->next) {
        struct string_pair *pair = &map->items[map->count++];

        pair->key = arena_copy(to->arena, item->key, item->key_length);
        if (pair->key == NULL)
            return wrong_memory(to->err);
        pair->value = text_of(item, to);
        if (pair->value == NULL)
            return in_key(to->err, item->key);
    }
    return 0;
}

/* --- objects
 * -------------------------------------------------------------------------------------------- */

static int decode_inline(const struct field *field, const struct json *json,
                         const struct decoder *to, void *into)
{
    return decode_object(field->fields, json, to, into);
}

static int decode_pointer(const struct field *field, const struct json *json,
                          const struct decoder *to, void *into)
{
    void *object = arena_zero(to->arena, 1, field->fields->size);

    if (object == NULL)
        return wrong_memory(to->err);
    memcpy(into, &object, sizeof object);
    return decode_object(field->fields, json, to, object);
}

static int decode_list(const struct field *field, const struct json *json, const struct decoder *to,
                       void *into)
{
    if (json->kind != JSON_ARRAY)
        return unexpected(to, "array", json);

    struct any_list list = {arena_zero(to->arena, json->count, field->fields->size), 0};

    if (list.items == NULL)
        return wrong_memory(to->err);
    for (const struct json *item = json->first; item != NULL; item = item->next) {
        void *object = (char *)list.items + list.count * field->fields->size;

        if (decode_object(field->fields, item, to, object) < 0)
            return in_item(to->err, list.count);
        list.count++;
    }
    memcpy(into, &list, sizeof list);
    return 0;
}

/* The struct's first member, a const char *, receives the key. */
static int decode_keyed_list(const struct field *field, const struct json *json,
                             const struct decoder *to, void *into)
{
    if (json->kind != JSON_OBJECT)
        return unexpected(to, "object", json);

    struct any_list list = {arena_zero(to->arena, json->count, field->fields->size), 0};

    if (list.items == NULL)
        return wrong_memory(to->err);
    for (const struct json *item = json->first; item != NULL; item = item->next) {
        void *object = (char *)list.items + list.count * field->fields->size;
        const char *key = arena_copy(to->arena, item->key, item->key_length);

        if (key == NULL)
            return wrong_memory(to->err);
        *(const char **)object = key;
        if (decode_object(field->fields, item, to, object) < 0)
            return in_key(to->err, item->key);
        list.count++;
    }
    memcpy(into, &list, sizeof list);
    return 0;
}

static int ignore(const struct field *field, const struct json *json, const struct decoder *to,
                  void *into)
{
    (void)field, (void)json, (void)to, (void)into;
    return 0;
}

static int (*const decoders[])(const struct field *, const struct json *, const struct decoder *,
                               void *) = {
    [FIELD_STRING] = decode_string,
    [FIELD_BOOL] = decode_bool,
    [FIELD_OPTIONAL_BOOL] = decode_optional_bool,
    [FIELD_INT64] = decode_int64,
    [FIELD_UINT64] = decode_uint64,
    [FIELD_UINT32] = decode_uint32,
    [FIELD_OPTIONAL_INT64] = decode_optional_int64,
    [FIELD_OPTIONAL_UINT64] = decode_optional_uint64,
    [FIELD_ENUM] = decode_enum,
    [FIELD_OPTIONAL_ENUM] = decode_optional_enum,
    [FIELD_ENUMS] = decode_enums,
    [FIELD_STRINGS] = decode_strings,
    [FIELD_UINT32S] = decode_uint32s,
    [FIELD_UINT64S] = decode_uint64s,
    [FIELD_STRING_MAP] = decode_string_map,
    [FIELD_UINT64_MAP] = decode_uint64_map,
    [FIELD_DECIMAL] = decode_decimal,
    [FIELD_OBJECT] = decode_pointer,
    [FIELD_INLINE] = decode_inline,
    [FIELD_LIST] = decode_list,
    [FIELD_KEYED_LIST] = decode_keyed_list,
    [FIELD_IGNORED] = ignore,
};

const struct field *fields_find(const struct fields *fields, const char *key)
{
    for (size_t i = 0; i < fields->count; i++) {
        if (strcmp(fields->rows[i].key, key) == 0)
            return &fields->rows[i];
    }
    return NULL;
}

static int refuse_unknown(const struct fields *fields, const struct json *json,
                          const struct decoder *to)
{
    for (const struct json *member = json->first; member != NULL; member = member->next) {
        if (fields_find(fields, member->key) == NULL) {
            wrong(to->err, "unknown member");
            return in_member(to->err, member->key);
        }
    }
    return 0;
}

/* Go programs, and jq, write null for what is absent, and Go's reader takes it so: NULL. */
static const struct json *present_member(const struct json *json, const char *key)
{
    const struct json *value = json_member(json, key);

    return value == NULL || value->kind == JSON_NULL ? NULL : value;
}

static int decode_object(const struct fields *fields, const struct json *json,
                         const struct decoder *to, void *into)
{
    if (json->kind != JSON_OBJECT)
        return unexpected(to, "object", json);

    for (size_t i = 0; i < fields->count; i++) {
        const struct field *field = &fields->rows[i];
        const struct json *value = present_member(json, field->key);

        if (value == NULL && field->required)
            return wrong(to->err, "missing \"%s\"", field->key);
        if (value == NULL)
            continue;
        if (decoders[field->kind](field, value, to, (char *)into + field->offset) < 0)
            return in_member(to->err, field->key);
    }
    return fields->closed ? refuse_unknown(fields, json, to) : 0;
}

int fields_decode(const struct fields *fields, const char *json, size_t length, struct arena *arena,
                  void *into, struct error *err)
{
    /* The tree is only a step on the way. */
    autoarena struct arena nodes = {0};
    const struct decoder to = {arena, err};
    const struct json *root;

    memset(into, 0, fields->size);
    if (json_read(json, length, &nodes, arena, &root, err) < 0)
        return place_done(err);
    if (decode_object(fields, root, &to, into) < 0)
        return place_done(err);
    return 0;
}

int fields_decode_array(const struct fields *fields, const char *member, const char *json,
                        size_t length, struct arena *arena, void **ret, size_t *ret_count,
                        struct error *err)
{
    autoarena struct arena nodes = {0};
    const struct field field = {.fields = fields};
    const struct decoder to = {arena, err};
    struct any_list list = {0};
    const struct json *root;

    if (json_read(json, length, &nodes, arena, &root, err) < 0)
        return place_done(err);
    if (decode_list(&field, root, &to, &list) < 0) {
        if (root->kind == JSON_ARRAY)
            in_member(err, member);
        return place_done(err);
    }
    *ret = list.items;
    *ret_count = list.count;
    return 0;
}
