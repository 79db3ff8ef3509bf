#include "spec/version.h"

#include <string.h>

#include "base/own.h"
#include "base/text.h"

/* Take a number without leading zeros from *at; false when there is none. */
static bool take_number(const char **at, uint64_t *ret)
{
    size_t length = strspn(*at, "0123456789");
    struct error ignored;
    char digits[12];

    if (length == 0 || length >= sizeof digits || (**at == '0' && length > 1))
        return false;
    memcpy(digits, *at, length);
    digits[length] = '\0';
    *at += length;
    return parse_uint64(digits, UINT64_MAX, ret, &ignored) == 0;
}

/* Take "<mark><letters, digits, dots, hyphens>" if it is there; false when only the mark is. */
static bool take_label(const char **at, char mark)
{
    static const char label[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-";

    if (**at != mark)
        return true;

    size_t length = strspn(*at + 1, label);

    *at += 1 + length;
    return length > 0;
}

bool version_parse(const char *text, struct version *ret)
{
    struct version version;

    if (!take_number(&text, &version.major) || *text++ != '.')
        return false;
    if (!take_number(&text, &version.minor) || *text++ != '.')
        return false;
    if (!take_number(&text, &version.patch))
        return false;
    if (!take_label(&text, '-') || !take_label(&text, '+') || *text != '\0')
        return false;
    *ret = version;
    return true;
}

bool version_is_newer(const char *text, const char *than)
{
    struct version version;
    struct version other;

    if (!version_parse(text, &version) || !version_parse(than, &other))
        return false;
    if (version.major != other.major)
        return version.major > other.major;
    return version.minor > other.minor;
}
