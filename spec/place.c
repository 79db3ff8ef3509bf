#include "spec/place.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"

int wrong(struct error *err, const char *format, ...)
{
    char reason[sizeof err->text - 2];
    va_list args;

    va_start(args, format);
    vsnprintf(reason, sizeof reason, format, args);
    va_end(args);
    return refuse(err, EINVAL, ": %s", reason);
}

int wrong_memory(struct error *err)
{
    no_memory(err);
    return prefix(err, ": ");
}

int in_member(struct error *err, const char *member)
{
    return prefix(err, ".%s", member);
}

int in_item(struct error *err, size_t index)
{
    return prefix(err, "[%zu]", index);
}

static bool is_plain(const char *key)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";

    return key[0] != '\0' && key[strspn(key, plain)] == '\0' && strlen(key) <= 64;
}

void place_step(char step[static 1100], const char *key)
{
    char quoted[1040];

    if (is_plain(key))
        snprintf(step, 1100, ".%s", key);
    else
        snprintf(step, 1100, "[\"%s\"]", quotable(quoted, key));
}

int in_key(struct error *err, const char *key)
{
    char step[1100];

    place_step(step, key);
    return prefix(err, "%s", step);
}

int place_done(struct error *err)
{
    size_t separator = strncmp(err->text, ": ", 2) == 0 ? 2 : err->text[0] == '.';

    memmove(err->text, err->text + separator, strlen(err->text + separator) + 1);
    return -err->code;
}
