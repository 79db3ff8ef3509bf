#include "base/error.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

static void append(struct error *err, const char *text)
{
    size_t used = strlen(err->text);

    snprintf(err->text + used, sizeof err->text - used, "%s", text);
}

int fail(struct error *err, int code, const char *format, ...)
{
    va_list args;

    assert(code > 0);
    err->code = code;
    va_start(args, format);
    vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
    append(err, ": ");
    append(err, strerror(code));
    return -code;
}

int refuse(struct error *err, int code, const char *format, ...)
{
    va_list args;

    assert(code > 0);
    err->code = code;
    va_start(args, format);
    vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
    return -code;
}

static void put_in_front(struct error *err, const char *separator, const char *format, va_list args)
    __attribute__((format(printf, 3, 0)));

static void put_in_front(struct error *err, const char *separator, const char *format, va_list args)
{
    char told[sizeof err->text];

    memcpy(told, err->text, sizeof told);
    vsnprintf(err->text, sizeof err->text, format, args);
    append(err, separator);
    append(err, told);
}

int within(struct error *err, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    put_in_front(err, ": ", format, args);
    va_end(args);
    return -err->code;
}

int prefix(struct error *err, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    put_in_front(err, "", format, args);
    va_end(args);
    return -err->code;
}

int hint(struct error *err, const char *format, ...)
{
    char advice[512];
    va_list args;

    va_start(args, format);
    vsnprintf(advice, sizeof advice, format, args);
    va_end(args);
    append(err, " (");
    append(err, advice);
    append(err, ")");
    return -err->code;
}

/* Bytes that may go to a terminal and into JSON as they are: no controls, neither C0 nor C1. */
static size_t printable(const char *bytes, size_t length)
{
    size_t sequence = utf8_sequence(bytes, length);
    unsigned char first = (unsigned char)bytes[0];

    if (sequence == 1 && (first < 0x20 || first == 0x7f))
        return 0;
    if (sequence == 2 && first == 0xc2 && (unsigned char)bytes[1] < 0xa0)
        return 0;
    return sequence;
}

/* As many bytes of `value` as are at most `longest` and whose form, with "..." behind it, fits. */
static const char *copy_printable(char *buffer, size_t size, const char *value, size_t longest)
{
    static const char more[] = "...";
    size_t length = strnlen(value, longest + 4);
    size_t used = 0;
    size_t i = 0;

    while (i < length) {
        size_t sequence = printable(value + i, length - i);
        size_t room = sequence > 0 ? sequence : strlen("\\xNN");

        if (i + (sequence > 0 ? sequence : 1) > longest || used + room + sizeof more > size) {
            memcpy(buffer + used, more, strlen(more));
            used += strlen(more);
            break;
        }
        if (sequence > 0)
            memcpy(buffer + used, value + i, sequence);
        else
            snprintf(buffer + used, size - used, "\\x%02x", (unsigned char)value[i]);
        used += room;
        i += sequence > 0 ? sequence : 1;
    }
    buffer[used] = '\0';
    return buffer;
}

const char *quotable(char buffer[static 1040], const char *value)
{
    return copy_printable(buffer, 1040, value, 256);
}

const char *quotable_line(char *buffer, size_t size, const char *line)
{
    return copy_printable(buffer, size, line, size);
}
