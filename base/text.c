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

/* Of ".25" the bytes that are meant when a whole is 1 << shift of them, rounded down.  Four digits
 * count: more would not fit the multiplication. */
static uint64_t fraction_of(const char *digits, int shift)
{
    uint64_t part = 0, whole = 1;

    for (; *digits >= '0' && *digits <= '9' && whole < 10000; digits++) {
        part = part * 10 + (uint64_t)(*digits - '0');
        whole *= 10;
    }
    return part * ((uint64_t)1 << shift) / whole;
}

int parse_bytes(const char *text, int64_t *ret, struct error *err)
{
    static const char ten[] = "0123456789";
    char quoted[1040];
    char digits[24];
    uint64_t value;

    if (strcmp(text, "-1") == 0) {
        *ret = -1;
        return 0;
    }

    size_t length = strspn(text, ten);
    size_t fraction = text[length] == '.' ? strspn(text + length + 1, ten) : 0;
    int shift = unit_shift(text + length + (fraction > 0 ? fraction + 1 : 0));

    if (length == 0 || shift < 0)
        return refuse(err, EINVAL, "\"%s\" is not a size in bytes (such as 512M)",
                      quotable(quoted, text));
    if (length >= sizeof digits)
        return refuse(err, ERANGE, "%.64s is out of range", text);
    memcpy(digits, text, length);
    digits[length] = '\0';
    if (parse_uint64(digits, (uint64_t)INT64_MAX >> shift, &value, err) < 0)
        return refuse(err, ERANGE, "%.64s is out of range", text);
    value <<= shift;
    if (fraction > 0)
        value += fraction_of(text + length + 1, shift);
    *ret = (int64_t)value;
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

/* RFC 3629, section 4: the range of the second byte keeps out long forms and surrogates. */
static const struct {
    unsigned char first, last; /* of the first byte  */
    unsigned char least, most; /* of the second byte */
    size_t length;
} utf8_forms[] = {
    {0xc2, 0xdf, 0x80, 0xbf, 2},
    {0xe0, 0xe0, 0xa0, 0xbf, 3},
    {0xe1, 0xec, 0x80, 0xbf, 3},
    {0xed, 0xed, 0x80, 0x9f, 3},
    {0xee, 0xef, 0x80, 0xbf, 3},
    {0xf0, 0xf0, 0x90, 0xbf, 4},
    {0xf1, 0xf3, 0x80, 0xbf, 4},
    {0xf4, 0xf4, 0x80, 0x8f, 4},
};

static bool utf8_matches(size_t form, const unsigned char *bytes, size_t length)
{
    if (length < utf8_forms[form].length)
        return false;
    if (bytes[0] < utf8_forms[form].first || bytes[0] > utf8_forms[form].last)
        return false;
    if (bytes[1] < utf8_forms[form].least || bytes[1] > utf8_forms[form].most)
        return false;
    for (size_t i = 2; i < utf8_forms[form].length; i++) {
        if ((bytes[i] & 0xc0) != 0x80)
            return false;
    }
    return true;
}

size_t utf8_sequence(const char *bytes, size_t length)
{
    const unsigned char *at = (const unsigned char *)bytes;

    if (length == 0)
        return 0;
    if (at[0] < 0x80)
        return 1;
    for (size_t form = 0; form < count_of(utf8_forms); form++) {
        if (utf8_matches(form, at, length))
            return utf8_forms[form].length;
    }
    return 0;
}

bool starts_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}
