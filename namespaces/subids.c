#include "namespaces/subids.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One number of a line; *at moves behind it.  False unless it is digits only and ends in `end`. */
static bool read_number(const char **at, const char *end, uint32_t *ret)
{
    uint64_t value = 0;
    const char *digit = *at;

    while (digit < end && *digit >= '0' && *digit <= '9' && value <= UINT32_MAX)
        value = value * 10 + (uint64_t)(*digit++ - '0');
    if (digit == *at || value > UINT32_MAX)
        return false;
    *ret = (uint32_t)value;
    *at = digit;
    return true;
}

static bool is_owner(const char *word, size_t length, const struct subid_owner *owner)
{
    char number[16];

    snprintf(number, sizeof number, "%u", (unsigned)owner->uid);
    if (strlen(number) == length && strncmp(word, number, length) == 0)
        return true;
    return owner->name != NULL && strlen(owner->name) == length &&
           strncmp(word, owner->name, length) == 0;
}

static bool read_line(const char *line, const char *end, const struct subid_owner *owner,
                      struct subid_range *ret)
{
    const char *at = memchr(line, ':', (size_t)(end - line));

    if (at == NULL || !is_owner(line, (size_t)(at - line), owner))
        return false;
    at++;
    if (!read_number(&at, end, &ret->first) || at == end || *at++ != ':')
        return false;
    return read_number(&at, end, &ret->count) && at == end && ret->count > 0;
}

bool subids_next(const char **text, const struct subid_owner *owner, struct subid_range *ret)
{
    while (**text != '\0') {
        const char *line = *text;
        const char *end = line + strcspn(line, "\n");

        *text = *end == '\n' ? end + 1 : end;
        if (read_line(line, end, owner, ret))
            return true;
    }
    return false;
}

/* How far the lines reach from `first` on: the first id that no line has. */
static uint64_t reach(const char *text, const struct subid_owner *owner, uint64_t first)
{
    const char *at = text;
    struct subid_range line;

    while (subids_next(&at, owner, &line)) {
        uint64_t end = (uint64_t)line.first + line.count;

        if (line.first > first || end <= first)
            continue;
        first = end; /* lines stand in any order: all of them once more */
        at = text;
    }
    return first;
}

bool subids_cover(const char *text, const struct subid_owner *owner,
                  const struct subid_range *range)
{
    return reach(text, owner, range->first) >= (uint64_t)range->first + range->count;
}
