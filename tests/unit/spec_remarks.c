/* What is accepted, but not in silence. */

#include "base/own.h"
#include "base/text.h"
#include "spec_help.h"

static void keep(void *context, enum log_level level, const char *line)
{
    cr_expect_eq(level, LOG_LEVEL_WARNING);
    text_print(context, "%s|", line);
}

Test(spec_remarks, what_is_odd_but_legal_is_told)
{
    static const struct {
        const char *version;
        const char *members;
        const char *lines;
    } cases[] = {
        {"1.3.0",     "",                                                                      ""                                                                                      },
        {"1.3.9+dev", "",                                                                      ""                                                                                      },
        {"0.5.0-dev", "",                                                                      ""                                                                                      },
        {"1.99.0",    "",
         "ociVersion: \"1.99.0\" is newer than 1.3.0: members that are new in it have no effect|"                                                                                      },
        {"1.0.0",
         ",\"linux\":{\"namespaces\":[{\"type\":\"user\",\"path\":\"/x\"}],\"gidMappings\":"
         "[{\"containerID\":0,\"hostID\":0,\"size\":1}]}",                                     "linux.uidMappings, linux.gidMappings: the user namespace joined by path keeps its own|"},
        {"1.0.0",     ",\"linux\":{\"namespaces\":[{\"type\":\"user\",\"path\":\"/x\"}]}",     ""                                                                                      },
        {"1.0.0",     ",\"linux\":{\"personality\":{\"domain\":\"LINUX\",\"flags\":[\"x\"]}}",
         "linux.personality.flags: no flag is defined, they have no effect|"                                                                                                           },
        {"1.0.0",     ",\"linux\":{\"personality\":{\"domain\":\"LINUX\"}}",                   ""                                                                                      },
    };

    for (size_t i = 0; i < count_of(cases); i++) {
        char lines[1000] = "";
        struct text kept = TEXT_IN(lines);
        const struct log log = {.write = keep, .context = &kept};
        struct arena arena = {0};
        struct spec *spec = NULL;
        struct error err = {0};
        const char *json = arena_print(&arena,
                                       "{\"ociVersion\":\"%s\",\"root\":{\"path\":\"r\"}%s}",
                                       cases[i].version, cases[i].members);

        cr_assert_eq(spec_parse(json, strlen(json), "config.json", &arena, NULL, &spec, &err), 0,
                     "%s", err.text);
        spec_remark(spec, &log);
        cr_expect_str_eq(lines, cases[i].lines);
        arena_free(&arena);
    }
}

static void count_ignored(void *context, enum log_level level, const char *line)
{
    (void)line;
    *(int *)context += level == LOG_LEVEL_IGNORED;
}

/* Engines give both, and they are equal: --strict does not refuse every pod with user ids. */
Test(spec_remarks, mappings_beside_a_path_are_no_error_when_strict)
{
    static const char json[] =
        "{\"ociVersion\":\"1.0.0\",\"root\":{\"path\":\"r\"},\"linux\":{\"namespaces\":[{\"type\":"
        "\"user\",\"path\":\"/x\"}],\"uidMappings\":"
        "[{\"containerID\":0,\"hostID\":0,\"size\":1}],\"personality\":{\"domain\":\"LINUX\","
        "\"flags\":[\"x\"]}}}";
    int ignored = 0;
    const struct log log = {.write = count_ignored, .context = &ignored, .strict = true};
    struct arena arena = {0};
    struct spec *spec = NULL;
    struct error err = {0};

    cr_assert_eq(spec_parse(json, strlen(json), "config.json", &arena, NULL, &spec, &err), 0, "%s",
                 err.text);
    spec_remark(spec, &log);
    cr_expect_eq(ignored, 1, "the flags alone");
    arena_free(&arena);
}
