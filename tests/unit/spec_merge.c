/* fields_merge: what is present in one struct goes over what is in another. */

#include <criterion/criterion.h>
#include <string.h>

#include "spec/fields.h"

static struct spec_resources *parse(struct arena *arena, const char *json)
{
    struct spec_resources *resources;
    struct error err;

    cr_assert_eq(spec_parse_resources(json, strlen(json), "resources", arena, &resources, &err), 0,
                 "%s", err.text);
    return resources;
}

static const char *merged(struct arena *arena, const char *into, const char *from)
{
    static const struct json_layout compact = {.indent = NULL};
    struct spec_resources *target = parse(arena, into);
    struct error err;
    const char *json;

    cr_assert_eq(fields_merge(&spec_resources_fields, target, parse(arena, from), arena, &err), 0);
    cr_assert_eq(fields_encode(&spec_resources_fields, target, &compact, arena, &json, NULL, &err),
                 0);
    return json;
}

#define MERGES(name, into, from, expected)                      \
    Test(fields_merge, name)                                    \
    {                                                           \
        autoarena struct arena arena = {NULL};                  \
                                                                \
        cr_assert_str_eq(merged(&arena, into, from), expected); \
    }

MERGES(a_present_number_wins, "{\"memory\":{\"limit\":1,\"swap\":2}}", "{\"memory\":{\"limit\":5}}",
       "{\"memory\":{\"limit\":5,\"swap\":2}}")
MERGES(zero_is_present, "{\"memory\":{\"swappiness\":7}}", "{\"memory\":{\"swappiness\":0}}",
       "{\"memory\":{\"swappiness\":0}}")
MERGES(a_missing_object_is_made, "{}", "{\"cpu\":{\"cpus\":\"0\"}}", "{\"cpu\":{\"cpus\":\"0\"}}")
MERGES(an_absent_object_changes_nothing, "{\"cpu\":{\"cpus\":\"0\"}}", "{\"pids\":{\"limit\":3}}",
       "{\"cpu\":{\"cpus\":\"0\"},\"pids\":{\"limit\":3}}")
MERGES(
    lists_go_over_as_wholes,
    "{\"hugepageLimits\":[{\"pageSize\":\"2MB\",\"limit\":1},{\"pageSize\":\"1GB\",\"limit\":2}]}",
    "{\"hugepageLimits\":[{\"pageSize\":\"2MB\",\"limit\":9}]}",
    "{\"hugepageLimits\":[{\"pageSize\":\"2MB\",\"limit\":9}]}")
MERGES(booleans_keep_what_was_said, "{\"memory\":{\"disableOOMKiller\":true}}",
       "{\"memory\":{\"checkBeforeUpdate\":true}}",
       "{\"memory\":{\"disableOOMKiller\":true,\"checkBeforeUpdate\":true}}")
