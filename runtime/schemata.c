#include "runtime/schemata.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"

enum { SCHEMATA_SIZE = 16 * 1024 };

static int write_lines(const struct spec_intel_rdt *rdt, struct text *text)
{
    const char *line = rdt->l3_cache_schema != NULL ? rdt->l3_cache_schema : "";
    size_t lines = rdt->schemata.count;

    for (size_t length; *line != '\0'; line += length + (line[length] == '\n')) {
        length = strcspn(line, "\n");
        if (length == 0 || (rdt->mem_bw_schema != NULL && starts_with(line, "MB:")))
            continue;
        text_print(text, "%.*s\n", (int)length, line);
        lines++;
    }
    if (rdt->mem_bw_schema != NULL) {
        text_print(text, "%s\n", rdt->mem_bw_schema);
        lines++;
    }
    for (size_t i = 0; i < rdt->schemata.count; i++)
        text_print(text, "%s\n", rdt->schemata.items[i]);
    return lines > 0;
}

int schemata_from_spec(const struct spec_intel_rdt *rdt, const char **ret, struct arena *arena,
                       struct error *err)
{
    char lines[SCHEMATA_SIZE];
    struct text text = TEXT_IN(lines);

    *ret = NULL;
    if (!write_lines(rdt, &text))
        return 0;
    if (text.cut)
        return refuse(err, E2BIG, "linux.intelRdt: the schemata are too long");
    *ret = arena_string(arena, lines);
    return *ret == NULL ? no_memory(err) : 0;
}

const char *schemata_line(const char *schemata, const char *resource, size_t resource_length,
                          size_t *ret_length)
{
    size_t length;

    for (const char *line = schemata; *line != '\0'; line += length + (line[length] == '\n')) {
        line += strspn(line, " ");
        length = strcspn(line, "\n");
        if (length > resource_length && strncmp(line, resource, resource_length) == 0 &&
            line[resource_length] == ':') {
            *ret_length = length;
            return line;
        }
    }
    return NULL;
}

/* A part of a line, "0=7f". */
struct domain {
    const char *id;
    size_t id_length;
    const char *value;
    size_t value_length;
};

/* Take the next from *at; false at the end, and for what is none. */
static bool next_domain(const char **at, const char *end, struct domain *ret)
{
    size_t rest = (size_t)(end - *at);
    const char *stop = memchr(*at, ';', rest);
    const char *part_end = stop != NULL ? stop : end;
    const char *equals = memchr(*at, '=', (size_t)(part_end - *at));

    if (rest == 0 || equals == NULL)
        return false;
    *ret = (struct domain){*at, (size_t)(equals - *at), equals + 1,
                           (size_t)(part_end - equals - 1)};
    *at = stop != NULL ? stop + 1 : end;
    return true;
}

static bool find_domain(const char *at, const char *end, const struct domain *like,
                        struct domain *ret)
{
    while (next_domain(&at, end, ret)) {
        if (ret->id_length == like->id_length && strncmp(ret->id, like->id, like->id_length) == 0)
            return true;
    }
    return false;
}

static void skip_padding(const char **number, size_t *length)
{
    if (*length > 2 && (strncmp(*number, "0x", 2) == 0 || strncmp(*number, "0X", 2) == 0)) {
        *number += 2;
        *length -= 2;
    }
    for (; *length > 1 && (**number == '0' || **number == ' '); --*length)
        ++*number;
}

/* The kernel pads with spaces and zeros, and reads 0x; the case of a digit says nothing either. */
static bool same_number(const char *a, size_t a_length, const char *b, size_t b_length)
{
    skip_padding(&a, &a_length);
    skip_padding(&b, &b_length);
    return a_length == b_length && strncasecmp(a, b, a_length) == 0;
}

static bool same_value(const struct domain *have, const struct domain *want, uint64_t granularity)
{
    char rounded[32];
    struct text text = TEXT_IN(rounded);
    struct error ignored;
    uint64_t value;

    text_print(&text, "%.*s", (int)want->value_length, want->value);
    if (!text.cut && same_number(have->value, have->value_length, rounded, text.used))
        return true;
    if (granularity != 0 && !text.cut && parse_uint64(rounded, UINT32_MAX, &value, &ignored) == 0) {
        text = TEXT_IN(rounded);
        text_print(&text, "%" PRIu64, (value + granularity - 1) / granularity * granularity);
    }
    return !text.cut && same_number(have->value, have->value_length, rounded, text.used);
}

/* Does a later line, of the same resource, name the domain again? */
static bool is_overridden(const char *later, const char *resource, size_t resource_length,
                          const struct domain *domain)
{
    const char *line;
    struct domain found;
    size_t length;

    while ((line = schemata_line(later, resource, resource_length, &length)) != NULL) {
        if (find_domain(line + resource_length + 1, line + length, domain, &found))
            return true;
        later = line + length;
    }
    return false;
}

bool schemata_match(const char *schemata, const char *lines, uint64_t granularity)
{
    size_t length = strcspn(lines, "\n"), there_length;
    const char *colon = memchr(lines, ':', length), *end = lines + length, *at, *there;
    struct domain want, have;

    if (colon == NULL)
        return false;

    size_t resource_length = (size_t)(colon - lines);

    there = schemata_line(schemata, lines, resource_length, &there_length);
    for (at = colon + 1; there != NULL && next_domain(&at, end, &want);) {
        if (is_overridden(end, lines, resource_length, &want))
            continue;
        if (!find_domain(there + resource_length + 1, there + there_length, &want, &have) ||
            !same_value(&have, &want, granularity))
            return false;
    }
    return there != NULL && at == end;
}
