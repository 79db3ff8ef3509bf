/* Messages of D-Bus as bytes: a head of 16, an array of header fields, a body aligned to 8. */

#include <byteswap.h>
#include <errno.h>
#include <string.h>

#include "base/own.h"
#include "base/text.h"
#include "cgroups/dbus.h"

#define ORDER_LITTLE 'l'
#define ORDER_BIG    'B'
#define ORDER_OURS   (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ORDER_LITTLE : ORDER_BIG)

enum { VERSION = 1, DEPTH_MOST = 64 };

/* Offsets in the head. */
enum {
    ORDER_AT = 0,
    TYPE_AT = 1,
    VERSION_AT = 3,
    BODY_LENGTH_AT = 4,
    SERIAL_AT = 8,
    FIELDS_AT = 12
};

enum field {
    FIELD_PATH = 1,
    FIELD_INTERFACE,
    FIELD_MEMBER,
    FIELD_ERROR_NAME,
    FIELD_REPLY_SERIAL,
    FIELD_DESTINATION,
    FIELD_SENDER,
    FIELD_SIGNATURE,
};

/* What a type is aligned to, which is also the size of those that have a fixed one; 0: no type. */
static size_t alignment_of(char type)
{
    static const struct {
        const char *types;
        size_t alignment;
    } rows[] = {
        {"ygv",     1},
        {"nq",      2},
        {"biuhsoa", 4},
        {"xtd({",   8},
    };

    for (size_t i = 0; i < count_of(rows); i++) {
        if (type != '\0' && strchr(rows[i].types, type) != NULL)
            return rows[i].alignment;
    }
    return 0;
}

static size_t aligned(size_t at, size_t alignment)
{
    return (at + alignment - 1) / alignment * alignment;
}

/* --- to bytes
 * -------------------------------------------------------------------------------------------------
 */

/* The padding is zero. */
static void put(struct dbus_writer *out, size_t alignment, const void *bytes, size_t size)
{
    size_t start = aligned(out->length, alignment);

    if (out->code == 0 && (start > sizeof out->bytes || size > sizeof out->bytes - start))
        out->code = -EMSGSIZE;
    if (out->code < 0)
        return;
    memset(out->bytes + out->length, 0, start - out->length);
    memcpy(out->bytes + start, bytes, size);
    out->length = start + size;
}

static void pad(struct dbus_writer *out, size_t alignment)
{
    put(out, alignment, "", 0);
}

void dbus_put_byte(struct dbus_writer *out, uint8_t byte)
{
    put(out, 1, &byte, sizeof byte);
}

void dbus_put_uint32(struct dbus_writer *out, uint32_t number)
{
    put(out, 4, &number, sizeof number);
}

void dbus_put_uint64(struct dbus_writer *out, uint64_t number)
{
    put(out, 8, &number, sizeof number);
}

/* Whoever sends another text is thrown off the bus, and does not hear why. */
static bool is_utf8(const char *string, size_t length)
{
    for (size_t at = 0, sequence; at < length; at += sequence) {
        sequence = utf8_sequence(string + at, length - at);
        if (sequence == 0)
            return false;
    }
    return true;
}

void dbus_put_string(struct dbus_writer *out, const char *string)
{
    size_t length = strlen(string);

    if (out->code == 0 && !is_utf8(string, length))
        out->code = -EILSEQ;
    dbus_put_uint32(out, (uint32_t)length);
    put(out, 1, string, length + 1);
}

void dbus_put_signature(struct dbus_writer *out, const char *string)
{
    size_t length = strlen(string);

    dbus_put_byte(out, (uint8_t)length);
    put(out, 1, string, length + 1);
}

void dbus_begin_struct(struct dbus_writer *out)
{
    pad(out, 8);
}

/* The padding before the first item does not count as part of the array, and is there even when
 * there is no item. */
struct dbus_array dbus_begin_array(struct dbus_writer *out, char item)
{
    struct dbus_array array;

    dbus_put_uint32(out, 0);
    array.length = out->length - sizeof(uint32_t);
    pad(out, alignment_of(item));
    array.start = out->length;
    return array;
}

void dbus_end_array(struct dbus_writer *out, struct dbus_array array)
{
    uint32_t length = (uint32_t)(out->length - array.start);

    if (out->code == 0)
        memcpy(out->bytes + array.length, &length, sizeof length);
}

void dbus_begin_call(struct dbus_writer *out, const struct dbus_call *call)
{
    const struct {
        enum field code;
        const char *type;
        const char *value;
    } fields[] = {
        {FIELD_PATH,        "o", call->path       },
        {FIELD_INTERFACE,   "s", call->interface  },
        {FIELD_MEMBER,      "s", call->member     },
        {FIELD_DESTINATION, "s", call->destination},
        {FIELD_SIGNATURE,   "g", call->signature  },
    };
    const uint8_t head[FIELDS_AT] = {ORDER_OURS, DBUS_METHOD_CALL, [VERSION_AT] = VERSION};
    struct dbus_array array;

    out->length = 0;
    out->code = 0;
    put(out, 1, head, sizeof head);
    array = dbus_begin_array(out, '(');
    for (size_t i = 0; i < count_of(fields); i++) {
        dbus_begin_struct(out);
        dbus_put_byte(out, (uint8_t)fields[i].code);
        dbus_put_signature(out, fields[i].type);
        if (*fields[i].type == 'g')
            dbus_put_signature(out, fields[i].value);
        else
            dbus_put_string(out, fields[i].value);
    }
    dbus_end_array(out, array);
    dbus_begin_struct(out); /* the body is aligned as if it were one */
    out->body = out->length;
}

void dbus_end_call(struct dbus_writer *out, uint32_t serial)
{
    uint32_t length = (uint32_t)(out->length - out->body);

    memcpy(out->bytes + BODY_LENGTH_AT, &length, sizeof length);
    memcpy(out->bytes + SERIAL_AT, &serial, sizeof serial);
}

/* --- from bytes
 * -------------------------------------------------------------------------------------------------
 */

/* The next `size` bytes behind the padding; NULL when they are not there. */
static const uint8_t *next(struct dbus_reader *in, size_t alignment, size_t size)
{
    size_t start = aligned(in->at, alignment);

    if (in->has_failed || start > in->end || size > in->end - start) {
        in->has_failed = true;
        return NULL;
    }
    in->at = start + size;
    return in->bytes + start;
}

static uint8_t get_byte(struct dbus_reader *in)
{
    const uint8_t *byte = next(in, 1, 1);

    return byte != NULL ? *byte : 0;
}

uint32_t dbus_get_uint32(struct dbus_reader *in)
{
    const uint8_t *bytes = next(in, 4, 4);
    uint32_t number = 0;

    if (bytes != NULL)
        memcpy(&number, bytes, sizeof number);
    return in->is_foreign ? bswap_32(number) : number;
}

/* Behind a text is a NUL that does not count; there is none in it. */
static const char *get_text(struct dbus_reader *in, size_t length)
{
    const uint8_t *text = next(in, 1, length);
    const uint8_t *end = next(in, 1, 1);

    if (end != NULL && memchr(text, '\0', length + 1) == end)
        return (const char *)text;
    in->has_failed = true;
    return "";
}

const char *dbus_get_string(struct dbus_reader *in)
{
    return get_text(in, dbus_get_uint32(in));
}

static const char *get_signature(struct dbus_reader *in)
{
    return get_text(in, get_byte(in));
}

void dbus_enter_variant(struct dbus_reader *in, const char *type)
{
    if (strcmp(get_signature(in), type) != 0)
        in->has_failed = true;
}

/* --- what we have no use for */

/* Where the one complete type at `type` ends; NULL when there is none. */
static const char *end_of_type(const char *type)
{
    if (*type == 'a')
        return end_of_type(type + 1);
    if (*type == '(' || *type == '{') {
        char end = *type == '(' ? ')' : '}';

        for (type++; type != NULL && *type != end;)
            type = end_of_type(type);
        return type != NULL ? type + 1 : NULL;
    }
    return alignment_of(*type) != 0 ? type + 1 : NULL;
}

static void skip(struct dbus_reader *in, const char *type, unsigned depth);

static void skip_struct(struct dbus_reader *in, const char *type, unsigned depth)
{
    (void)next(in, 8, 0);
    for (type++; *type != ')' && *type != '}'; type = end_of_type(type))
        skip(in, type, depth);
}

static void skip_variant(struct dbus_reader *in, unsigned depth)
{
    const char *type = get_signature(in);
    const char *end = end_of_type(type);

    if (end == NULL || *end != '\0')
        in->has_failed = true;
    else
        skip(in, type, depth);
}

/* Pass over a value of the type at `type`, which has an end.  An array says how long it is,
 * whatever its items are; variants in variants could go on for ever. */
static void skip(struct dbus_reader *in, const char *type, unsigned depth)
{
    if (depth == 0)
        in->has_failed = true;
    if (in->has_failed)
        return;
    if (*type == 's' || *type == 'o')
        (void)dbus_get_string(in);
    else if (*type == 'g')
        (void)get_signature(in);
    else if (*type == 'v')
        skip_variant(in, depth - 1);
    else if (*type == '(' || *type == '{')
        skip_struct(in, type, depth - 1);
    else if (*type == 'a')
        (void)next(in, alignment_of(type[1]), dbus_get_uint32(in));
    else
        (void)next(in, alignment_of(*type), alignment_of(*type));
}

/* --- whole messages */

static struct dbus_reader reader_at(const uint8_t *bytes, size_t at, size_t end)
{
    return (struct dbus_reader){bytes, at, end, .is_foreign = bytes[ORDER_AT] != ORDER_OURS};
}

static uint32_t number_in_head(const uint8_t *head, size_t at)
{
    struct dbus_reader in = reader_at(head, at, DBUS_HEAD);

    return dbus_get_uint32(&in);
}

int dbus_message_length(const uint8_t head[static DBUS_HEAD], size_t *ret)
{
    uint64_t fields = number_in_head(head, FIELDS_AT);
    uint64_t length = (DBUS_HEAD + fields + 7) / 8 * 8 + number_in_head(head, BODY_LENGTH_AT);

    if ((head[ORDER_AT] != ORDER_LITTLE && head[ORDER_AT] != ORDER_BIG) ||
        head[VERSION_AT] != VERSION)
        return -EBADMSG;
    if (length > DBUS_MESSAGE_MOST)
        return -EMSGSIZE;
    *ret = (size_t)length;
    return 0;
}

/* A field is a struct of a code and a variant. */
static void get_field(struct dbus_reader *in, struct dbus_message *message)
{
    const struct {
        enum field code;
        const char **ret;
    } strings[] = {
        {FIELD_INTERFACE,  &message->interface },
        {FIELD_MEMBER,     &message->member    },
        {FIELD_ERROR_NAME, &message->error_name},
    };
    uint8_t code;

    (void)next(in, 8, 0);
    code = get_byte(in);
    for (size_t i = 0; i < count_of(strings); i++) {
        if (code == strings[i].code) {
            dbus_enter_variant(in, "s");
            *strings[i].ret = dbus_get_string(in);
            return;
        }
    }
    if (code == FIELD_REPLY_SERIAL) {
        dbus_enter_variant(in, "u");
        message->reply_serial = dbus_get_uint32(in);
    } else if (code == FIELD_SIGNATURE) {
        dbus_enter_variant(in, "g");
        message->signature = get_signature(in);
    } else {
        skip_variant(in, DEPTH_MOST); /* also those of a later version */
    }
}

int dbus_message_parse(const uint8_t *bytes, size_t length, struct dbus_message *ret)
{
    struct dbus_message message = {0, 0, "", "", "", "", {0}};
    struct dbus_reader in;
    size_t said;

    if (length < DBUS_HEAD || dbus_message_length(bytes, &said) < 0 || said != length)
        return -EBADMSG;
    in = reader_at(bytes, DBUS_HEAD, DBUS_HEAD + number_in_head(bytes, FIELDS_AT));
    while (!in.has_failed && in.at < in.end)
        get_field(&in, &message);
    in.end = length;
    (void)next(&in, 8, 0);
    if (in.has_failed || bytes[TYPE_AT] == 0)
        return -EBADMSG;
    message.type = bytes[TYPE_AT];
    message.body = in;
    *ret = message;
    return 0;
}
