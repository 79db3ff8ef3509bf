#include "base/text.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/own.h"

static bool is_decimal(const char *text)
{
    if (*text == '\0')
        return false;
    return text[strspn(text, "0123456789")] == '\0';
}

static int not_a_number(const char *text, struct error *err)
{
    char quoted[1040];

    return refuse(err, EINVAL, "\"%s\" is not a number", quotable(quoted, text));
}

int parse_int64(const char *text, int64_t least, int64_t most, int64_t *ret, struct error *err)
{
    if (!is_decimal(*text == '-' ? text + 1 : text))
        return not_a_number(text, err);

    errno = 0;
    long long value = strtoll(text, NULL, 10);

    if (errno == ERANGE || value < least || value > most)
        return refuse(err, ERANGE, "%.64s is out of range (%" PRId64 " to %" PRId64 ")", text,
                      least, most);
    *ret = value;
    return 0;
}

int parse_uint64(const char *text, uint64_t most, uint64_t *ret, struct error *err)
{
    if (!is_decimal(text))
        return not_a_number(text, err);

    errno = 0;
    unsigned long long value = strtoull(text, NULL, 10);

    if (errno == ERANGE || value > most)
        return refuse(err, ERANGE, "%.64s is out of range (0 to %" PRIu64 ")", text, most);
    *ret = value;
    return 0;
}

static int unit_shift(const char *unit)
{
    static const char letters[] = "bkmgtp";
    const char *found;

    if (*unit == '\0')
        return 0;
    found = strchr(letters, tolower((unsigned char)*unit));
    if (found == NULL)
        return -1;
    unit++;
    if (found != letters && (strcasecmp(unit, "b") == 0 || strcasecmp(unit, "ib") == 0))
        unit += strlen(unit);
    return *unit == '\0' ? (int)(found - letters) * 10 : -1;
}

int parse_bytes(const char *text, int64_t *ret, struct error *err)
{
    char quoted[1040];
    char digits[24];
    uint64_t value;

    if (strcmp(text, "-1") == 0) {
        *ret = -1;
        return 0;
    }

    size_t length = strspn(text, "0123456789");
    int shift = unit_shift(text + length);

    if (length == 0 || shift < 0)
        return refuse(err, EINVAL, "\"%s\" is not a size in bytes (such as 512M)",
                      quotable(quoted, text));
    if (length >= sizeof digits)
        return refuse(err, ERANGE, "%.64s is out of range", text);
    memcpy(digits, text, length);
    digits[length] = '\0';
    if (parse_uint64(digits, (uint64_t)INT64_MAX >> shift, &value, err) < 0)
        return refuse(err, ERANGE, "%.64s is out of range", text);
    *ret = (int64_t)(value << shift);
    return 0;
}

static const struct {
    const char *name;
    double nanoseconds;
} duration_units[] = {
    {"ns", 1     },
    {"us", 1e3   },
    {"ms", 1e6   },
    {"s",  1e9   },
    {"m",  60e9  },
    {"h",  3600e9},
};

static double duration_unit(const char *text, size_t length)
{
    for (size_t i = 0; i < count_of(duration_units); i++) {
        if (strlen(duration_units[i].name) == length &&
            strncmp(duration_units[i].name, text, length) == 0)
            return duration_units[i].nanoseconds;
    }
    return 0;
}

int parse_duration(const char *text, int64_t *ret_nanoseconds, struct error *err)
{
    char quoted[1040];
    const char *at = text;
    double total = 0;

    if (strcmp(text, "0") == 0) {
        *ret_nanoseconds = 0;
        return 0;
    }
    do {
        size_t digits = strspn(at, "0123456789.");
        size_t letters = strspn(at + digits, "abcdefghijklmnopqrstuvwxyz");
        double unit = duration_unit(at + digits, letters);
        char *end;

        if (digits == 0 || unit == 0)
            return refuse(err, EINVAL, "\"%s\" is not a duration (such as 1h30m or 2.5s)",
                          quotable(quoted, text));
        total += strtod(at, &end) * unit;
        if (end != at + digits)
            return refuse(err, EINVAL, "\"%s\" is not a duration", quotable(quoted, text));
        at += digits + letters;
    } while (*at != '\0');
    if (total > 9.2e18)
        return refuse(err, ERANGE, "duration %.64s is out of range", text);
    *ret_nanoseconds = (int64_t)total;
    return 0;
}

void text_print(struct text *text, const char *format, ...)
{
    va_list args;
    size_t room = text->size - text->used;

    va_start(args, format);
    int length = vsnprintf(text->bytes + text->used, room, format, args);
    va_end(args);
    if (length < 0 || (size_t)length >= room) {
        text->cut = true;
        text->used = text->size > 0 ? text->size - 1 : 0;
        return;
    }
    text->used += (size_t)length;
}

bool starts_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}
