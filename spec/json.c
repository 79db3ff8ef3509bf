#include "spec/json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_parse.h>

#include "base/own.h"
#include "base/text.h"
#include "spec/place.h"

/* What the callbacks of one parse share. */
struct reader {
    struct arena *nodes;
    struct arena *strings;
    struct json *root;
    struct json *open[JSON_MOST_DEPTH]; /* the containers around the next value */
    size_t depth;
    const char *key; /* of the next value, when in an object */
    size_t key_length;
    size_t values;
    const char *refusal; /* why a callback stopped the parse; NULL: memory */
};

/* --- events to nodes
 * ------------------------------------------------------------------------------ */

static void append(struct reader *reader, struct json *json)
{
    if (reader->depth == 0) {
        reader->root = json;
        return;
    }

    struct json *parent = reader->open[reader->depth - 1];

    if (parent->last == NULL)
        parent->first = json;
    else
        parent->last->next = json;
    parent->last = json;
    parent->count++;
}

static struct json *add(struct reader *reader, enum json_kind kind)
{
    if (++reader->values > JSON_MOST_VALUES) {
        reader->refusal = "more than 1048576 values";
        return NULL;
    }

    struct json *json = arena_zero(reader->nodes, 1, sizeof *json);

    if (json == NULL)
        return NULL;
    json->kind = kind;
    json->key = take(&reader->key);
    json->key_length = reader->key_length;
    append(reader, json);
    return json;
}

static int add_text(struct reader *reader, enum json_kind kind, const char *text, size_t length)
{
    struct json *json = add(reader, kind);

    if (json == NULL)
        return 0;
    json->text = arena_copy(reader->strings, text, length);
    json->length = length;
    return json->text != NULL;
}

static int open_container(struct reader *reader, enum json_kind kind)
{
    if (reader->depth == JSON_MOST_DEPTH) {
        reader->refusal = "nesting deeper than 64";
        return 0;
    }

    struct json *json = add(reader, kind);

    if (json == NULL)
        return 0;
    reader->open[reader->depth++] = json;
    return 1;
}

static int on_null(void *context)
{
    return add(context, JSON_NULL) != NULL;
}

static int on_boolean(void *context, int value)
{
    struct json *json = add(context, JSON_BOOLEAN);

    if (json != NULL)
        json->boolean = value;
    return json != NULL;
}

/* yajl prefers this one to its own conversions, which lose what is above INT64_MAX. */
static int on_number(void *context, const char *text, size_t length)
{
    return add_text(context, JSON_NUMBER, text, length);
}

static int on_string(void *context, const unsigned char *text, size_t length)
{
    return add_text(context, JSON_STRING, (const char *)text, length);
}

static int on_key(void *context, const unsigned char *text, size_t length)
{
    struct reader *reader = context;

    reader->key = arena_copy(reader->nodes, (const char *)text, length);
    reader->key_length = length;
    return reader->key != NULL;
}

static int on_object(void *context)
{
    return open_container(context, JSON_OBJECT);
}

static int on_array(void *context)
{
    return open_container(context, JSON_ARRAY);
}

static int on_end(void *context)
{
    struct reader *reader = context;

    reader->depth--;
    return 1;
}

static const yajl_callbacks callbacks = {
    .yajl_null = on_null,
    .yajl_boolean = on_boolean,
    .yajl_number = on_number,
    .yajl_string = on_string,
    .yajl_start_map = on_object,
    .yajl_map_key = on_key,
    .yajl_end_map = on_end,
    .yajl_start_array = on_array,
    .yajl_end_array = on_end,
};

/* --- text that is not JSON
 * ------------------------------------------------------------------------- */

/* Record ": line L, column C: <reason>"; columns count characters, both from 1. */
static int wrong_at(struct error *err, const char *text, size_t offset, const char *reason)
{
    size_t line = 1;
    size_t column = 1;

    for (size_t i = 0; i < offset; i++) {
        if (text[i] == '\n') {
            line++;
            column = 1;
        } else if (((unsigned char)text[i] & 0xc0) != 0x80) {
            column++;
        }
    }
    return wrong(err, "line %zu, column %zu: %s", line, column, reason);
}

/* What yajl says, how we say it, and how far yajl has then read behind the character that was
 * wrong. */
static const struct complaint {
    const char *theirs;
    const char *ours;
    size_t beyond;
} complaints[] = {
    {"premature EOF",             "unexpected end of the text",                  0},
    {"trailing garbage",          "unexpected text behind the value",            1},
    {"probable comment",          "comments are not allowed in JSON",            0},
    {"object key and value",      "expected ':' behind the key",                 1},
    {"after key and value",       "expected ',' or '}' behind the member",       1},
    {"after array element",       "expected ',' or ']' behind the item",         1},
    {"invalid object key",        "expected a key in double quotes",             1},
    {"unallowed token",           "a value cannot start like this",              1},
    {"invalid char in json text", "this character is not allowed here",          1},
    {"invalid string in json",    "expected true, false or null",                1},
    {"(non-hex) character",       "expected four hexadecimal digits behind \\u", 1},
    {"occurs before a character", "this is not an escape that JSON knows",       1},
    {"invalid character inside",  "control characters must be escaped",          1},
    {"malformed number",          "malformed number",                            1},
};

static const struct complaint *complaint_of(const char *told)
{
    static const struct complaint other = {"", "this is not JSON", 1};

    for (size_t i = 0; i < count_of(complaints); i++) {
        if (strstr(told, complaints[i].theirs) != NULL)
            return &complaints[i];
    }
    return &other;
}

static int wrong_text(yajl_handle handle, const char *text, size_t length, bool at_end,
                      struct error *err)
{
    const unsigned char *bytes = (const unsigned char *)text;
    unsigned char *told = yajl_get_error(handle, 0, bytes, length);

    if (told == NULL)
        return wrong_memory(err);

    const struct complaint *complaint = complaint_of((char *)told);
    size_t offset = yajl_get_bytes_consumed(handle);

    yajl_free_error(handle, told);
    if (at_end)
        offset = length;
    else if (offset >= complaint->beyond)
        offset -= complaint->beyond;
    return wrong_at(err, text, offset, complaint->ours);
}

/* The value of four hexadecimal digits, or -1. */
static long hex4(const char *text, size_t length)
{
    char digits[5] = "";

    if (length < 4)
        return -1;
    memcpy(digits, text, 4);
    return strspn(digits, "0123456789abcdefABCDEF") == 4 ? strtol(digits, NULL, 16) : -1;
}

/* yajl turns half of a surrogate pair into "?".  A backslash is only legal in a string, so looking
 * for them needs no parser. */
static int refuse_half_pairs(const char *text, size_t length, struct error *err)
{
    const char *end = text + length;
    const char *at = text;

    while ((at = memchr(at, '\\', (size_t)(end - at))) != NULL && end - at >= 2) {
        const char *escape = at;
        long unit = at[1] == 'u' ? hex4(at + 2, (size_t)(end - at - 2)) : -1;

        at += unit < 0 ? 2 : 6;
        if (unit < 0xd800 || unit > 0xdfff)
            continue;

        bool has_second = unit < 0xdc00 && end - at >= 6 && at[0] == '\\' && at[1] == 'u';
        long second = has_second ? hex4(at + 2, 4) : -1;

        if (second < 0xdc00 || second > 0xdfff)
            return wrong_at(err, text, (size_t)(escape - text), "half of a surrogate pair");
        at += 6;
    }
    return 0;
}

static int refuse_odd_text(const char *text, size_t length, struct error *err)
{
    if (length > JSON_MOST_BYTES)
        return wrong(err, "larger than 16 MiB");
    if (length >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
        return wrong(err, "line 1, column 1: starts with a byte order mark, which JSON forbids");

    size_t blank = 0;

    while (blank < length && strchr(" \t\r\n", text[blank]) != NULL && text[blank] != '\0')
        blank++;
    if (blank == length)
        return wrong(err, "is empty");
    return refuse_half_pairs(text, length, err);
}

static int parse(yajl_handle handle, struct reader *reader, const char *text, size_t length,
                 struct error *err)
{
    yajl_status status;

    /* Our own look at the strings names the member, and is stricter. */
    yajl_config(handle, yajl_dont_validate_strings, 1);
    status = yajl_parse(handle, (const unsigned char *)text, length);
    if (status == yajl_status_client_canceled && reader->refusal == NULL)
        return wrong_memory(err);
    if (status == yajl_status_client_canceled)
        return wrong_at(err, text, yajl_get_bytes_consumed(handle) - 1, reader->refusal);
    if (status != yajl_status_ok)
        return wrong_text(handle, text, length, false, err);

    /* A number at the very end is only known to be one now. */
    status = yajl_complete_parse(handle);
    if (status == yajl_status_client_canceled)
        return wrong_memory(err);
    if (status != yajl_status_ok)
        return wrong_text(handle, text, length, true, err);
    return 0;
}

/* --- trees that are JSON, but not ours
 * ----------------------------------------------------------------- */

static const char *string_fault(const char *text, size_t length)
{
    for (size_t i = 0; i < length;) {
        size_t sequence = utf8_sequence(text + i, length - i);

        if (sequence == 0)
            return "invalid UTF-8";
        if (text[i] == '\0')
            return "a NUL character";
        i += sequence;
    }
    return NULL;
}

static int by_key(const void *left, const void *right)
{
    const struct json *const *a = left;
    const struct json *const *b = right;

    return strcmp((*a)->key, (*b)->key);
}

static int check_keys(const struct json *object, struct arena *arena, struct error *err)
{
    const struct json **members = arena_zero(arena, object->count, sizeof *members);
    size_t count = 0;
    char quoted[1040];

    if (members == NULL)
        return wrong_memory(err);
    for (const struct json *member = object->first; member != NULL; member = member->next) {
        const char *fault = string_fault(member->key, member->key_length);

        if (fault != NULL)
            return wrong(err, "the key \"%s\" holds %s", quotable(quoted, member->key), fault);
        members[count++] = member;
    }
    qsort(members, count, sizeof *members, by_key);
    for (size_t i = 1; i < count; i++) {
        if (by_key(&members[i - 1], &members[i]) == 0)
            return wrong(err, "the key \"%s\" is given twice", quotable(quoted, members[i]->key));
    }
    return 0;
}

/* Recursion is bounded by JSON_MOST_DEPTH. */
static int check_tree(const struct json *json, struct arena *arena, struct error *err)
{
    const char *fault = json->kind == JSON_STRING ? string_fault(json->text, json->length) : NULL;
    size_t index = 0;

    if (fault != NULL)
        return wrong(err, "the string holds %s", fault);
    if (json->kind == JSON_OBJECT && check_keys(json, arena, err) < 0)
        return -err->code;
    for (const struct json *item = json->first; item != NULL; item = item->next, index++) {
        if (check_tree(item, arena, err) == 0)
            continue;
        if (json->kind == JSON_ARRAY)
            return in_item(err, index);
        return in_key(err, item->key);
    }
    return 0;
}

/* --- the two together
 * --------------------------------------------------------------------------------- */

int json_read(const char *text, size_t length, struct arena *nodes, struct arena *strings,
              const struct json **ret, struct error *err)
{
    struct reader reader = {.nodes = nodes, .strings = strings};

    if (refuse_odd_text(text, length, err) < 0)
        return -err->code;

    yajl_handle handle = yajl_alloc(&callbacks, NULL, &reader);

    if (handle == NULL)
        return wrong_memory(err);

    int code = parse(handle, &reader, text, length, err);

    yajl_free(handle);
    if (code < 0 || check_tree(reader.root, nodes, err) < 0)
        return -err->code;
    *ret = reader.root;
    return 0;
}

const char *json_kind_name(const struct json *json)
{
    static const char *const names[] = {
        [JSON_NULL] = "null",     [JSON_BOOLEAN] = "boolean", [JSON_NUMBER] = "number",
        [JSON_STRING] = "string", [JSON_ARRAY] = "array",     [JSON_OBJECT] = "object",
    };

    return names[json->kind];
}

const struct json *json_member(const struct json *object, const char *key)
{
    for (const struct json *member = object->first; member != NULL; member = member->next) {
        if (strcmp(member->key, key) == 0)
            return member;
    }
    return NULL;
}
