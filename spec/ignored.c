/* What a document says that nothing will come of: the walk of --strict, beside that of decode.c. */

#include <string.h>

#include "base/own.h"
#include "base/text.h"
#include "spec/fields.h"
#include "spec/json.h"
#include "spec/place.h"

/* Where the walk is; unlike an error, which grows leftwards on the way back, this is told on the
 * way down. */
struct teller {
    const struct log *log;
    struct text place;
};

static void tell_object(struct teller *teller, const struct fields *fields,
                        const struct json *object);

/* One step down; the mark is for leave(). */
static size_t enter_member(struct teller *teller, const char *key)
{
    size_t mark = teller->place.used;
    char step[1100];

    place_step(step, key);
    text_print(&teller->place, "%s", mark == 0 && *step == '.' ? step + 1 : step);
    return mark;
}

static size_t enter_item(struct teller *teller, size_t index)
{
    size_t mark = teller->place.used;

    text_print(&teller->place, "[%zu]", index);
    return mark;
}

static void leave(struct teller *teller, size_t mark)
{
    teller->place.used = mark;
    teller->place.bytes[mark] = '\0';
}

static void tell_items(struct teller *teller, const struct fields *fields, const struct json *list)
{
    size_t index = 0;

    for (const struct json *item = list->first; item != NULL; item = item->next) {
        size_t mark = list->kind == JSON_OBJECT ? enter_member(teller, item->key)
                                                : enter_item(teller, index++);

        tell_object(teller, fields, item);
        leave(teller, mark);
    }
}

static void tell_value(struct teller *teller, const struct field *row, const struct json *value)
{
    switch (row->kind) {
    case FIELD_IGNORED:
        log_ignored(teller->log, LOG_LEVEL_DEBUG, "%s: %s", teller->place.bytes, row->reason);
        break;
    case FIELD_OBJECT:
    case FIELD_INLINE:
        tell_object(teller, row->fields, value);
        break;
    case FIELD_LIST:
    case FIELD_KEYED_LIST:
        tell_items(teller, row->fields, value);
        break;
    default: /* names that are the configuration's own, and values: checked by decode.c */
        break;
    }
}

/* `object` NULL: it is absent itself. */
static void tell_absent(struct teller *teller, const struct fields *fields,
                        const struct json *object)
{
    for (size_t i = 0; i < fields->count; i++) {
        const struct field *row = &fields->rows[i];
        const struct json *value = object == NULL ? NULL : json_member(object, row->key);
        bool is_absent = value == NULL || value->kind == JSON_NULL;
        size_t mark;

        if (!is_absent || (!row->expected && row->kind != FIELD_INLINE))
            continue;
        mark = enter_member(teller, row->key);
        if (row->kind == FIELD_INLINE)
            tell_absent(teller, row->fields, NULL);
        else
            log_ignored(teller->log, LOG_LEVEL_DEBUG, "%s: missing, taken as 0",
                        teller->place.bytes);
        leave(teller, mark);
    }
}

static void tell_object(struct teller *teller, const struct fields *fields,
                        const struct json *object)
{
    for (const struct json *member = object->first; member != NULL; member = member->next) {
        const struct field *row = fields_find(fields, member->key);
        size_t mark = enter_member(teller, member->key);

        if (row == NULL)
            log_ignored(teller->log, LOG_LEVEL_DEBUG, "%s: unknown member", teller->place.bytes);
        else if (member->kind != JSON_NULL)
            tell_value(teller, row, member);
        leave(teller, mark);
    }
    tell_absent(teller, fields, object);
}

int fields_tell_ignored(const struct fields *fields, const char *json, size_t length,
                        const struct log *log, struct error *err)
{
    autoarena struct arena nodes = {0};
    char place[1500] = "";
    struct teller teller = {log, TEXT_IN(place)};
    const struct json *root;

    if (json_read(json, length, &nodes, &nodes, &root, err) < 0)
        return place_done(err);
    tell_object(&teller, fields, root);
    return 0;
}
