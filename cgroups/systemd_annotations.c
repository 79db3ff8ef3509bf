/* Annotations org.systemd.property.NAME: properties of the unit in GVariant's text format. */

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "base/text.h"
#include "cgroups/systemd.h"

static const char start[] = "org.systemd.property.";

/* What a bundle may say.  A list of what is allowed, for systemd runs and loads things as root of
 * the host: nothing here starts a program or another unit, mounts, or changes who or where a
 * process is (CVE-2024-3154 was a list of what is not). */
static const struct {
    const char *name;
    const char *type;
} allowed[] = {
    {"After",                         "as"},
    {"Before",                        "as"},
    {"PartOf",                        "as"},
    {"CollectMode",                   "s" },
    {"Description",                   "s" },
    {"DefaultDependencies",           "b" },
    {"StopWhenUnneeded",              "b" },
    {"KillMode",                      "s" },
    {"KillSignal",                    "i" },
    {"FinalKillSignal",               "i" },
    {"SendSIGKILL",                   "b" },
    {"SendSIGHUP",                    "b" },
    {"OOMPolicy",                     "s" },
    {"TimeoutStopUSec",               "t" },
    {"RuntimeMaxUSec",                "t" },
    {"CPUWeight",                     "t" },
    {"StartupCPUWeight",              "t" },
    {"CPUQuotaPerSecUSec",            "t" },
    {"CPUQuotaPeriodUSec",            "t" },
    {"IOWeight",                      "t" },
    {"StartupIOWeight",               "t" },
    {"MemoryMin",                     "t" },
    {"MemoryLow",                     "t" },
    {"MemoryHigh",                    "t" },
    {"MemoryMax",                     "t" },
    {"MemorySwapMax",                 "t" },
    {"MemoryZSwapMax",                "t" },
    {"TasksMax",                      "t" },
    {"ManagedOOMSwap",                "s" },
    {"ManagedOOMMemoryPressure",      "s" },
    {"ManagedOOMMemoryPressureLimit", "u" },
    {"ManagedOOMPreference",          "s" },
};

/* GVariant's words for numbers, before the number, and the signatures they stand for. */
static const struct {
    const char *word;
    const char *type;
} words[] = {
    {"boolean ", "b" },
    {"byte ",    "y" },
    {"int16 ",   "n" },
    {"uint16 ",  "q" },
    {"int32 ",   "i" },
    {"uint32 ",  "u" },
    {"int64 ",   "x" },
    {"uint64 ",  "t" },
    {"string ",  "s" },
    {"@b ",      "b" },
    {"@i ",      "i" },
    {"@u ",      "u" },
    {"@x ",      "x" },
    {"@t ",      "t" },
    {"@s ",      "s" },
    {"@as ",     "as"},
};

static void skip_spaces(const char **at)
{
    *at += strspn(*at, " \t\n");
}

/* 'text' or "text", with \ before a quote or a backslash. */
static const char *take_string(const char **at, struct arena *arena)
{
    char quote = **at;
    char *text = arena_zero(arena, strlen(*at) + 1, 1);
    size_t length = 0;

    if (text == NULL || (quote != '\'' && quote != '"'))
        return NULL;
    for (const char *from = *at + 1; *from != '\0'; from++) {
        if (*from == quote) {
            *at = from + 1;
            return text;
        }
        if (*from == '\\' && strchr("\\'\"", from[1]) == NULL)
            return NULL;
        from += *from == '\\';
        if (*from == '\0')
            return NULL;
        text[length++] = *from;
    }
    return NULL;
}

static bool take_strings(const char **at, struct string_list *ret, struct arena *arena)
{
    ret->items = arena_zero(arena, strlen(*at) + 1, sizeof *ret->items);
    if (ret->items == NULL || **at != '[')
        return false;
    ++*at;
    skip_spaces(at);
    while (**at != ']') {
        ret->items[ret->count] = take_string(at, arena);
        if (ret->items[ret->count++] == NULL)
            return false;
        skip_spaces(at);
        if (**at == ',')
            ++*at;
        else if (**at != ']')
            return false;
        skip_spaces(at);
    }
    ++*at;
    return true;
}

/* Does the value say another type than systemd's?  Steps over the word. */
static bool take_type(const char **at, const char *type)
{
    for (size_t i = 0; i < count_of(words); i++) {
        if (!starts_with(*at, words[i].word))
            continue;
        *at += strlen(words[i].word);
        skip_spaces(at);
        return strcmp(words[i].type, type) == 0;
    }
    return true;
}

/* Whole, or with `scale` (seconds to microseconds) also with a fraction. */
static bool take_number(const char **at, const char *type, uint64_t scale, uint64_t *ret)
{
    uint64_t most = *type == 'i' ? INT32_MAX : *type == 'u' ? UINT32_MAX : UINT64_MAX;
    uint64_t part = scale;
    char *end;

    if (!isdigit((unsigned char)**at))
        return false;
    errno = 0;
    *ret = strtoull(*at, &end, 0);
    if (errno != 0 || (*ret > most / scale && *ret != UINT64_MAX))
        return false;
    if (*ret != UINT64_MAX)
        *ret *= scale;
    *at = end;
    if (scale == 1 || **at != '.')
        return true;
    for (++*at; isdigit((unsigned char)**at); ++*at) {
        part /= 10;
        *ret += (uint64_t)(**at - '0') * part;
    }
    return true;
}

static bool parse(struct unit_property *property, const char *value, uint64_t scale,
                  struct arena *arena)
{
    const char *at = value;
    const char *type = property->type;
    bool good = false;

    skip_spaces(&at);
    /* A fraction is a double whatever stands before it; only the other types are told apart. */
    if (!take_type(&at, type) && scale == 1)
        return false;
    if (strcmp(type, "as") == 0) {
        good = take_strings(&at, &property->strings, arena);
    } else if (*type == 's') {
        property->string = take_string(&at, arena);
        good = property->string != NULL;
    } else if (*type == 'b') {
        property->number = starts_with(at, "true");
        good = property->number || starts_with(at, "false");
        at += !good ? 0 : property->number ? 4 : 5;
    } else {
        good = take_number(&at, type, scale, &property->number);
    }
    skip_spaces(&at);
    return good && *at == '\0';
}

/* The runtimes take "TimeoutStopSec", as unit files do, for TimeoutStopUSec. */
static const char *bus_name(const char *name, uint64_t *ret_scale, struct arena *arena)
{
    size_t length = strlen(name);

    *ret_scale = 1;
    if (length < 4 || strcmp(name + length - 3, "Sec") != 0 || name[length - 4] == 'U')
        return name;
    *ret_scale = 1000000;
    return arena_print(arena, "%.*sUSec", (int)(length - 3), name);
}

static const char *type_of(const char *name)
{
    for (size_t i = 0; i < count_of(allowed); i++) {
        if (strcmp(allowed[i].name, name) == 0)
            return allowed[i].type;
    }
    return NULL;
}

static const char *description(const char *type)
{
    static const struct {
        const char *type;
        const char *text;
    } rows[] = {
        {"b",  "true or false"                  },
        {"i",  "a number, int32"                },
        {"u",  "a number, uint32"               },
        {"t",  "a number, uint64"               },
        {"s",  "a string in quotes, 'text'"     },
        {"as", "strings in brackets, ['a', 'b']"},
    };

    for (size_t i = 0; i < count_of(rows); i++) {
        if (strcmp(rows[i].type, type) == 0)
            return rows[i].text;
    }
    return type;
}

int unit_property_of_annotation(struct unit_properties *properties,
                                const struct string_pair *annotation, struct arena *arena,
                                struct error *err)
{
    struct unit_property property = {.field = annotation->key};
    uint64_t scale;
    char key[1040];
    char value[1040];

    if (!starts_with(annotation->key, start))
        return 0;
    property.name = bus_name(annotation->key + strlen(start), &scale, arena);
    if (property.name == NULL)
        return no_memory(err);
    property.type = type_of(property.name);
    if (property.type == NULL)
        return refuse(
            err, EPERM,
            "annotations[\"%s\"]: not among the properties of systemd that a bundle may set",
            quotable(key, annotation->key));
    if (!parse(&property, annotation->value, scale, arena))
        return refuse(err, EINVAL, "annotations[\"%s\"]: \"%s\" is not %s",
                      quotable(key, annotation->key), quotable(value, annotation->value),
                      description(property.type));
    return unit_properties_add(properties, &property, arena, err);
}
