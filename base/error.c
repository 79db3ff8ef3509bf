#include "base/error.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

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

const char *quotable(char buffer[static 1040], const char *value)
{
    static const size_t longest = 256;
    size_t used = 0;

    for (size_t i = 0; value[i] != '\0'; i++) {
        unsigned char byte = (unsigned char)value[i];

        if (i == longest) {
            used += (size_t)snprintf(buffer + used, 1040 - used, "...");
            break;
        }
        if (byte < 0x20 || byte == 0x7f)
            used += (size_t)snprintf(buffer + used, 1040 - used, "\\x%02x", byte);
        else
            buffer[used++] = (char)byte;
    }
    buffer[used] = '\0';
    return buffer;
}
