/*
 * The tables against the runtime-spec's own JSON schemas: every property has a row of the right
 * kind, or a row that says why nothing is done.  And the schemas' examples.
 */

#include "base/own.h"
#include "base/text.h"
#include "spec_help.h"

/* A place in a schema: a value, and the file it stands in, for its references. */
struct schema {
    const struct json *json;
    const char *file;
};

struct walk {
    const char *directory;
    struct arena arena;
    size_t properties;
    size_t ignored;
};

static const struct json *load(struct walk *walk, const char *file)
{
    const struct json *json = NULL;
    struct error err = {0};
    size_t length = 0;
    const char *text = read_text(walk->directory, file, &walk->arena, &length);

    cr_assert_eq(json_read(text, length, &walk->arena, &walk->arena, &json, &err), 0, "%s: %s",
                 file, err.text);
    return json;
}

/* "defs.json#/definitions/uint32", or "#/definitions/uint32" in the same file. */
static struct schema resolve(struct walk *walk, const char *reference, const char *file)
{
    char *copy = arena_string(&walk->arena, reference);
    char *pointer = strchr(copy, '#');
    struct schema schema = {.file = file};
    char *rest = NULL;

    cr_assert_not_null(pointer, "%s", reference);
    *pointer++ = '\0';
    if (*copy != '\0')
        schema.file = copy;
    schema.json = load(walk, schema.file);
    for (char *part = strtok_r(pointer, "/", &rest); part; part = strtok_r(NULL, "/", &rest)) {
        schema.json = json_member(schema.json, part);
        cr_assert_not_null(schema.json, "%s: no %s", schema.file, reference);
    }
    return schema;
}

/* The schema itself, what it refers to, and the parts of its allOf and anyOf: all apply. */
struct parts {
    struct schema items[16];
    size_t count;
};

static void collect(struct walk *walk, struct schema schema, struct parts *parts)
{
    static const char *const combinations[] = {"allOf", "anyOf"};
    const struct json *reference = json_member(schema.json, "$ref");

    cr_assert_lt(parts->count, count_of(parts->items));
    parts->items[parts->count++] = schema;
    if (reference != NULL)
        collect(walk, resolve(walk, reference->text, schema.file), parts);
    for (size_t i = 0; i < count_of(combinations); i++) {
        const struct json *list = json_member(schema.json, combinations[i]);

        for (const struct json *item = list != NULL ? list->first : NULL; item; item = item->next)
            collect(walk, (struct schema){item, schema.file}, parts);
    }
}

/* A keyword of any of the parts; .json is NULL when none has it. */
static struct schema keyword(const struct parts *parts, const char *name)
{
    struct schema found = {0};

    for (size_t i = 0; i < parts->count && found.json == NULL; i++)
        found = (struct schema){json_member(parts->items[i].json, name), parts->items[i].file};
    return found;
}

static const struct field *row_of(const struct fields *fields, const char *key)
{
    for (size_t i = 0; i < fields->count; i++) {
        if (strcmp(fields->rows[i].key, key) == 0)
            return &fields->rows[i];
    }
    return NULL;
}

static void check_object(struct walk *walk, struct schema schema, const struct fields *fields,
                         const char *path);

/* --- one property against its row
 * ------------------------------------------------------------------- */

static bool is_one_of(enum field_kind kind, const enum field_kind *kinds, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (kinds[i] == kind)
            return true;
    }
    return false;
}

#define KIND_IS(field, ...)                                          \
    is_one_of((field)->kind, (const enum field_kind[]){__VA_ARGS__}, \
              count_of(((const enum field_kind[]){__VA_ARGS__})))

static void check_names(struct schema names, const struct field *field, const char *path)
{
    if (names.json == NULL || field->names == NULL)
        return;
    for (const struct json *name = names.json->first; name != NULL; name = name->next)
        cr_expect_not_null(names_find(field->names, name->text), "%s: no name %s", path,
                           name->text);
}

/* The row may be stricter than the schema, never looser. */
static void check_range(const struct parts *parts, const struct field *field, const char *path)
{
    const struct json *least = keyword(parts, "minimum").json;
    const struct json *most = keyword(parts, "maximum").json;
    bool given = field->least != 0 || field->most != 0;
    bool is_32 = field->kind == FIELD_UINT32 || field->kind == FIELD_UINT32S;
    bool is_signed = field->kind == FIELD_INT64 || field->kind == FIELD_OPTIONAL_INT64;
    int64_t row_least = given ? field->least : is_signed ? INT64_MIN : 0;
    uint64_t row_most = given       ? field->most
                        : is_signed ? INT64_MAX
                        : is_32     ? UINT32_MAX
                                    : UINT64_MAX;

    if (least != NULL)
        cr_expect_geq(row_least, strtoll(least->text, NULL, 10), "%s: minimum", path);

    /* Of a file mode the row takes the type too, which validate.c looks at. */
    if (most != NULL && strcmp(path, "linux.devices[].fileMode") != 0)
        cr_expect_leq(row_most, strtoull(most->text, NULL, 10), "%s: maximum", path);
}

static void check_array(struct walk *walk, const struct parts *parts, const struct field *field,
                        const char *path)
{
    struct schema items = keyword(parts, "items");
    struct parts of_items = {0};

    cr_assert_not_null(items.json, "%s", path);
    collect(walk, items, &of_items);

    const char *type = keyword(&of_items, "type").json->text;

    path = arena_print(&walk->arena, "%s[]", path);
    if (strcmp(type, "string") == 0) {
        cr_expect(KIND_IS(field, FIELD_STRINGS, FIELD_ENUMS), "%s", path);
        check_names(keyword(&of_items, "enum"), field, path);
    } else if (strcmp(type, "integer") == 0) {
        cr_expect(KIND_IS(field, FIELD_UINT32S), "%s", path);
        check_range(&of_items, field, path);
    } else {
        cr_assert(KIND_IS(field, FIELD_LIST), "%s", path);
        check_object(walk, items, field->fields, path);
    }
}

static void check_map(struct walk *walk, struct schema schema, const struct parts *parts,
                      const struct field *field, const char *path)
{
    struct schema additional = keyword(parts, "additionalProperties");

    if (additional.json != NULL) {
        cr_assert(KIND_IS(field, FIELD_KEYED_LIST), "%s", path);
        check_object(walk, additional, field->fields, arena_print(&walk->arena, "%s{}", path));
    } else if (keyword(parts, "patternProperties").json != NULL) {
        cr_expect(KIND_IS(field, FIELD_STRING_MAP), "%s", path);
    } else {
        cr_assert(KIND_IS(field, FIELD_OBJECT, FIELD_INLINE), "%s", path);
        check_object(walk, schema, field->fields, path);
    }
}

static void check_property(struct walk *walk, struct schema schema, const struct field *field,
                           const char *path)
{
    struct parts parts = {0};

    collect(walk, schema, &parts);

    const char *type = keyword(&parts, "type").json->text;

    if (strcmp(type, "string") == 0) {
        cr_expect(KIND_IS(field, FIELD_STRING, FIELD_ENUM, FIELD_OPTIONAL_ENUM), "%s", path);
        check_names(keyword(&parts, "enum"), field, path);
    } else if (strcmp(type, "boolean") == 0) {
        cr_expect(KIND_IS(field, FIELD_BOOL, FIELD_OPTIONAL_BOOL), "%s", path);
    } else if (strcmp(type, "integer") == 0) {
        cr_expect(KIND_IS(field, FIELD_INT64, FIELD_UINT64, FIELD_UINT32, FIELD_OPTIONAL_INT64,
                          FIELD_OPTIONAL_UINT64),
                  "%s", path);
        check_range(&parts, field, path);
    } else if (strcmp(type, "array") == 0) {
        check_array(walk, &parts, field, path);
    } else {
        cr_expect_str_eq(type, "object", "%s", path);
        check_map(walk, schema, &parts, field, path);
    }
}

/* --- one object against its table
 * ------------------------------------------------------------------------ */

/* Required by the schema, but left out by programs written in Go, and harmless. */
static const char *const lenient[] = {"linux.resources.pids.limit"};

static void check_required(struct walk *walk, const struct json *required,
                           const struct fields *fields, const char *path)
{
    for (const struct json *key = required != NULL ? required->first : NULL; key; key = key->next) {
        const struct field *row = row_of(fields, key->text);
        const char *place = arena_print(&walk->arena, "%s.%s", path, key->text);
        bool excused = false;

        for (size_t i = 0; i < count_of(lenient); i++)
            excused = excused || strcmp(lenient[i], place) == 0;
        if (row != NULL && row->kind != FIELD_IGNORED && !excused)
            cr_expect(row->required, "%s is required by the schema", place);
    }
}

static void check_object(struct walk *walk, struct schema schema, const struct fields *fields,
                         const char *path)
{
    struct parts parts = {0};

    collect(walk, schema, &parts);
    for (size_t i = 0; i < parts.count; i++) {
        const struct json *properties = json_member(parts.items[i].json, "properties");
        const struct json *property = properties != NULL ? properties->first : NULL;

        check_required(walk, json_member(parts.items[i].json, "required"), fields, path);
        for (; property != NULL; property = property->next) {
            const struct field *row = row_of(fields, property->key);
            const char *place = arena_print(&walk->arena, "%s%s%s", path, *path ? "." : "",
                                            property->key);

            walk->properties++;
            cr_expect_not_null(row, "%s has no row", place);
            if (row == NULL)
                continue;
            if (row->kind == FIELD_IGNORED) {
                walk->ignored++;
                cr_expect(row->reason != NULL && *row->reason != '\0', "%s has no reason", place);
                continue;
            }
            check_property(walk, (struct schema){property, parts.items[i].file}, row, place);
        }
    }
}

static const struct {
    const char *file;
    const struct fields *fields;
    size_t properties; /* at least: the walk has not missed a branch */
} schemas[] = {
    {"config-schema.json",   &spec_fields,          228},
    {"state-schema.json",    &spec_state_fields,    6  },
    {"features-schema.json", &spec_features_fields, 33 },
};

Test(spec_schema, every_property_has_its_row_or_a_reason)
{
    const char *directory = schema_directory();

    need_schemas(directory);
    for (size_t i = 0; i < count_of(schemas); i++) {
        struct walk walk = {.directory = directory};
        struct schema root = {load(&walk, schemas[i].file), schemas[i].file};

        check_object(&walk, root, schemas[i].fields, "");
        cr_expect_geq(walk.properties, schemas[i].properties, "%s: only %zu properties",
                      schemas[i].file, walk.properties);
        arena_free(&walk.arena);
    }
}

/* --- the examples
 * ------------------------------------------------------------------------------------------- */

static const struct {
    const char *file;
    const char *message; /* "": accepted */
} examples[] = {
    {"examples/good/minimal.json",           ""                                               },
    {"examples/good/minimal-for-start.json", ""                                               },
    {"examples/good/spec-example.json",      ""                                               },
    {"examples/good/linux-rdma.json",        ""                                               },
 /* Good for the schema; no container can be made of it, as there is no other network to move the
  * devices to. */
    {"examples/good/linux-netdevice.json",
     "config.json: linux.netDevices: needs a network namespace, and linux.namespaces has none"},
    {"examples/bad/invalid-json.json",
     "config.json: line 1, column 2: expected a key in double quotes"                         },
    {"examples/bad/linux-hugepage.json",
     "config.json: linux.resources.hugepageLimits[0].pageSize: \"64kB\" is not the size of a huge "
     "page (such as 2MB)"                                                                     },
    {"examples/bad/linux-netdevice.json",
     "config.json: linux.netDevices.eth0.name: expected string, found number"                 },
    {"examples/bad/linux-rdma.json",
     "config.json: linux.resources.rdma.mlx5_1.hcaHandles: expected integer, found string"    },
};

Test(spec_schema, good_examples_are_accepted_and_bad_ones_named)
{
    const char *directory = schema_directory();

    need_schemas(directory);
    for (size_t i = 0; i < count_of(examples); i++) {
        struct arena arena = {0};
        struct error err = {0};
        size_t length = 0;
        const char *text = read_text(directory, examples[i].file, &arena, &length);

        cr_expect_str_eq(verdict(text, &err), examples[i].message, "%s: %s", examples[i].file,
                         err.text);
        arena_free(&arena);
    }
}

/* Whether all of `part` is in `whole`, but for members whose path ends in `but`. */
static bool is_within(const struct json *part, const struct json *whole, const char *but)
{
    const struct json *other = whole != NULL ? whole->first : NULL;

    if (whole == NULL || part->kind != whole->kind || part->boolean != whole->boolean)
        return false;
    if (part->text != NULL && strcmp(part->text, whole->text) != 0)
        return false;
    if (part->kind == JSON_ARRAY && part->count != whole->count)
        return false;
    for (const struct json *item = part->first; item != NULL; item = item->next) {
        if (part->kind == JSON_OBJECT && strcmp(item->key, but) == 0)
            continue;
        if (part->kind == JSON_OBJECT)
            other = json_member(whole, item->key);
        if (!is_within(item, other, but)) {
            cr_log_warn("%s", item->key != NULL ? item->key : "item");
            return false;
        }
        other = part->kind == JSON_ARRAY ? other->next : NULL;
    }
    return true;
}

static const struct {
    const char *file;
    const struct fields *fields;
    const char *unknown; /* a member that the schema does not know */
} round_trips[] = {
    {"examples/good/minimal.json",           &spec_fields,          ""           },
    {"examples/good/minimal-for-start.json", &spec_fields,          ""           },
    {"examples/good/spec-example.json",      &spec_fields,          "oomScoreAdj"},
    {"examples/good/linux-rdma.json",        &spec_fields,          ""           },
    {"examples/good/linux-netdevice.json",   &spec_fields,          ""           },
    {"examples/good/features-runc.json",     &spec_features_fields, ""           },
};

Test(spec_schema, examples_come_back_whole_from_decode_and_encode)
{
    const char *directory = schema_directory();

    need_schemas(directory);
    for (size_t i = 0; i < count_of(round_trips); i++) {
        const char *file = round_trips[i].file;
        const struct fields *fields = round_trips[i].fields;
        struct arena arena = {0};
        struct error err = {0};
        size_t length = 0;
        const char *text = read_text(directory, file, &arena, &length);
        const char *again = NULL;
        void *model = arena_zero(&arena, 1, fields->size);
        const struct json *before = NULL;
        const struct json *after = NULL;

        cr_assert_eq(fields_decode(fields, text, length, &arena, model, &err), 0, "%s: %s", file,
                     err.text);
        cr_assert_eq(json_read(text, length, &arena, &arena, &before, &err), 0);
        cr_assert_eq(fields_encode(fields, model, NULL, &arena, &again, &length, &err), 0);
        cr_assert_eq(json_read(again, length, &arena, &arena, &after, &err), 0);
        cr_expect(is_within(before, after, round_trips[i].unknown), "%s loses something", file);
        cr_expect(is_within(after, before, ""), "%s gains something", file);
        arena_free(&arena);
    }
}
