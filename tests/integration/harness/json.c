#include "tests/integration/harness/json.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* One step of a path: a key, an index, or "one more item". */
struct step {
    const char *key; /* NULL: an index */
    size_t length;
    long index; /* -1: append */
};

/* Where a member or item stands in its object or array. */
struct place {
    const char *start; /* of the key, or of the item */
    const char *value;
    const char *end;
};

static const char *skip_space(const char *at)
{
    while (*at != '\0' && isspace((unsigned char)*at))
        at++;
    return at;
}

static const char *skip_string(const char *at)
{
    for (at++; *at != '\0' && *at != '"'; at++)
        if (*at == '\\' && at[1] != '\0')
            at++;
    return *at == '"' ? at + 1 : at;
}

/* Behind the value that starts at `at`. */
static const char *skip_value(const char *at)
{
    int depth = 0;

    do {
        if (*at == '"') {
            at = skip_string(at);
            continue;
        }
        if (*at == '{' || *at == '[')
            depth++;
        else if (*at == '}' || *at == ']')
            depth--;
        at++;
    } while (*at != '\0' && (depth > 0 || strchr(",]} \t\n", *at) == NULL));
    return at;
}

static const char *next_step(const char *path, struct step *step)
{
    if (*path == '.')
        path++;
    if (*path == '[') {
        *step = (struct step){.index = path[1] == '+' ? -1 : strtol(path + 1, NULL, 10)};
        return strchr(path, ']') + 1;
    }
    if (*path == '\'') {
        *step = (struct step){.key = path + 1, .length = strcspn(path + 1, "'")};
        return path + step->length + 2;
    }
    *step = (struct step){.key = path, .length = strcspn(path, ".[")};
    return path + step->length;
}

static bool is_step(const struct step *step, const struct place *place, long number)
{
    if (step->key == NULL)
        return number == step->index;
    return strncmp(place->start + 1, step->key, step->length) == 0 &&
           place->start[1 + step->length] == '"';
}

/* Find a step in an object or array; false leaves place->start at the closing bracket. */
static bool find_place(const char *document, const struct step *step, struct place *place)
{
    const char *at = skip_space(skip_space(document) + 1);

    for (long number = 0; *at != '\0' && *at != '}' && *at != ']'; number++) {
        place->start = at;
        place->value = step->key == NULL ? at : skip_space(skip_space(skip_string(at)) + 1);
        place->end = skip_value(place->value);
        if (is_step(step, place, number))
            return true;
        at = skip_space(place->end);
        if (*at == ',')
            at = skip_space(at + 1);
    }
    place->start = place->end = at;
    return false;
}

static bool is_empty(const char *document)
{
    const char *first = skip_space(skip_space(document) + 1);

    return *first == '}' || *first == ']';
}

static char *inserted(struct arena *arena, const char *document, const struct place *place,
                      const struct step *step, const char *value)
{
    const char *comma = is_empty(document) ? "" : ",";
    int before = (int)(place->start - document);

    if (step->key == NULL)
        return arena_print(arena, "%.*s%s%s%s", before, document, comma, value, place->start);
    return arena_print(arena, "%.*s%s\"%.*s\":%s%s", before, document, comma, (int)step->length,
                       step->key, value, place->start);
}

static char *without(struct arena *arena, const char *document, const struct place *place)
{
    const char *start = place->start;
    const char *end = skip_space(place->end);

    if (*end == ',')
        end = skip_space(end + 1);
    else
        while (start > document && (isspace((unsigned char)start[-1]) || start[-1] == ','))
            start--;
    return arena_print(arena, "%.*s%s", (int)(start - document), document, end);
}

/* `value` NULL removes. */
static char *changed(struct arena *arena, const char *document, const char *path, const char *value)
{
    struct step step;
    struct place place;
    const char *rest;

    if (*path == '\0')
        return arena_string(arena, value);
    rest = next_step(path, &step);
    if (!find_place(document, &step, &place)) {
        if (value == NULL)
            return arena_string(arena, document);
        return inserted(arena, document, &place, &step,
                        changed(arena, *rest == '[' ? "[]" : "{}", rest, value));
    }
    if (*rest == '\0' && value == NULL)
        return without(arena, document, &place);
    return arena_print(arena, "%.*s%s%s", (int)(place.value - document), document,
                       changed(arena,
                               arena_copy(arena, place.value, (size_t)(place.end - place.value)),
                               rest, value),
                       place.end);
}

char *json_set(struct arena *arena, const char *document, const char *path, const char *value)
{
    return changed(arena, document, path, value);
}

char *json_remove(struct arena *arena, const char *document, const char *path)
{
    return changed(arena, document, path, NULL);
}

char *json_get(struct arena *arena, const char *document, const char *path)
{
    struct place place = {.value = skip_space(document)};

    place.end = skip_value(place.value);
    while (*path != '\0') {
        struct step step;

        path = next_step(path, &step);
        if (strchr("{[", *place.value) == NULL || !find_place(place.value, &step, &place))
            return NULL;
    }
    return arena_copy(arena, place.value, (size_t)(place.end - place.value));
}

char *json_text(struct arena *arena, const char *document, const char *path)
{
    char *text = json_get(arena, document, path);
    char *to = text;

    if (text == NULL || *text != '"')
        return text;
    for (const char *from = text + 1; *from != '\0' && *from != '"'; from++) {
        if (*from == '\\')
            from++;
        *to++ = *from;
    }
    *to = '\0';
    return text;
}

char *json_quote(struct arena *arena, const char *text)
{
    char *quoted = arena_zero(arena, 6 * strlen(text) + 3, 1);
    char *to = quoted;

    *to++ = '"';
    for (; *text != '\0'; text++) {
        static const char digits[] = "0123456789abcdef";
        unsigned char byte = (unsigned char)*text;

        if (byte >= ' ' && byte != '"' && byte != '\\') {
            *to++ = *text;
            continue;
        }
        memcpy(to, "\\u00", 4);
        to[4] = digits[byte >> 4];
        to[5] = digits[byte & 15];
        to += 6;
    }
    *to++ = '"';
    return quoted;
}
