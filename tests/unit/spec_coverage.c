/*
 * tests/spec-coverage.tsv, the table of what is proved by which test, against the tables of fields:
 * whatever config.json, the state and the features can hold has its row, also where the
 * specification's schemas are not at hand.
 */

#include "base/own.h"
#include "base/text.h"
#include "spec_help.h"

struct properties {
    struct arena arena;
    const char *table;
    size_t count; /* of properties seen: the walk has not missed a branch */
};

/* The number of the line that begins with the property and a tab; -1 when there is none. */
static long line_of(const char *table, const char *property)
{
    size_t length = strlen(property);
    long number = 0;

    for (const char *line = table; line != NULL && *line != '\0'; number++) {
        if (strncmp(line, property, length) == 0 && line[length] == '\t')
            return number;
        line = strchr(line, '\n');
        line = line != NULL ? line + 1 : NULL;
    }
    return -1;
}

static void expect_rows(struct properties *properties, const struct fields *fields,
                        const char *path)
{
    for (size_t i = 0; i < fields->count; i++) {
        const struct field *field = &fields->rows[i];
        const char *place = arena_print(&properties->arena, "%s%s", path, field->key);
        const char *inside = field->kind == FIELD_LIST         ? "[]."
                             : field->kind == FIELD_KEYED_LIST ? "{}."
                                                               : ".";

        properties->count++;
        cr_expect_geq(line_of(properties->table, place), 0, "%s has no row", place);
        if (field->fields != NULL)
            expect_rows(properties, field->fields,
                        arena_print(&properties->arena, "%s%s", place, inside));
    }
}

static const struct {
    const struct fields *fields;
    const char *prefix;
} models[] = {
    {&spec_fields,          ""         },
    {&spec_features_fields, "features:"},
    {&spec_state_fields,    "state:"   },
};

Test(spec_coverage, every_property_has_its_row)
{
    struct properties properties = {0};
    size_t length = 0;

    properties.table = read_text("tests", "spec-coverage.tsv", &properties.arena, &length);
    for (size_t i = 0; i < count_of(models); i++)
        expect_rows(&properties, models[i].fields, models[i].prefix);
    cr_expect_geq(properties.count, 260, "only %zu properties", properties.count);
    arena_free(&properties.arena);
}
