/* What of a document has no effect, and where it stands. */

#include "base/own.h"
#include "base/text.h"
#include "spec_help.h"

static void keep(void *context, enum log_level level, const char *line)
{
    cr_expect_eq(level, LOG_LEVEL_IGNORED);
    text_print(context, "%s|", line);
}

/* What is told of a config.json with these members beside those it needs. */
static const char *told_of(const char *members, struct arena *arena)
{
    char lines[4000] = "";
    struct text kept = TEXT_IN(lines);
    const struct log log = {.write = keep, .context = &kept, .strict = true};
    const char *json = arena_print(arena, "{\"ociVersion\":\"1.0.0\",\"root\":{\"path\":\"r\"}%s}",
                                   members);
    struct spec *spec = NULL;
    struct error err = {0};

    cr_assert_eq(spec_parse(json, strlen(json), "config.json", arena, &log, &spec, &err), 0, "%s",
                 err.text);
    return arena_string(arena, lines);
}

Test(spec_ignored, members_without_effect_are_told_with_their_path)
{
    static const struct {
        const char *members;
        const char *lines;
    } cases[] = {
        {"",                                                                              ""                                                 },
        {",\"x\":1",                                                                      "x: unknown member|"                               },
        {",\"x\":null",                                                                   "x: unknown member|"                               },
        {",\"\":1,\"a.b\":2",                                                             "[\"\"]: unknown member|[\"a.b\"]: unknown member|"},
        {",\"zos\":{\"x\":1}",                                                            "zos: another platform|"                           },
        {",\"zos\":null",                                                                 ""                                                 },
        {",\"mounts\":[{\"destination\":\"/a\"},{\"destination\":\"/b\",\"x\":1}]",
         "mounts[1].x: unknown member|"                                                                                                      },
        {",\"linux\":{\"resources\":{\"rdma\":{\"mlx5_0\":{\"x\":1,\"hcaHandles\":1}}}}",
         "linux.resources.rdma.mlx5_0.x: unknown member|"                                                                                    },
 /* The keys are the configuration's own. */
        {",\"annotations\":{\"x\":\"y\"},\"linux\":{\"sysctl\":{\"kernel.x\":\"1\"}}",    ""                                                 },
    };

    for (size_t i = 0; i < count_of(cases); i++) {
        autoarena struct arena arena = {0};

        cr_expect_str_eq(told_of(cases[i].members, &arena), cases[i].lines);
    }
}

Test(spec_ignored, an_id_that_is_taken_as_0_is_told)
{
    static const struct {
        const char *user;
        const char *lines;
    } cases[] = {
        {",\"user\":{\"uid\":0,\"gid\":0}",                    ""                                                                            },
        {",\"user\":{\"uid\":0}",                              "process.user.gid: missing, taken as 0|"                                      },
        {",\"user\":{\"uid\":null,\"gid\":1}",                 "process.user.uid: missing, taken as 0|"                                      },
        {",\"user\":{\"uid\":1,\"gid\":1,\"username\":\"x\"}",
         "process.user.username: Windows only|"                                                                                              },
        {"",                                                   "process.user.uid: missing, taken as 0|process.user.gid: missing, taken as 0|"},
    };

    for (size_t i = 0; i < count_of(cases); i++) {
        autoarena struct arena arena = {0};
        const char *members = arena_print(&arena, ",\"process\":{\"cwd\":\"/\",\"args\":[\"x\"]%s}",
                                          cases[i].user);

        cr_expect_str_eq(told_of(members, &arena), cases[i].lines);
    }
}

/* A place longer than any line ends, and does not harm. */
Test(spec_ignored, a_path_that_is_too_long_is_cut)
{
    autoarena struct arena arena = {0};
    char key[3000];

    memset(key, 'k', sizeof key - 1);
    key[sizeof key - 1] = '\0';

    const char *lines = told_of(arena_print(&arena, ",\"%s\":1", key), &arena);

    cr_expect_eq(strncmp(lines, "[\"kkk", 5), 0);
    cr_expect(strstr(lines, ": unknown member|") != NULL);
}

/* Nobody who is not strict pays for it. */
Test(spec_ignored, without_strictness_nothing_is_told)
{
    autoarena struct arena arena = {0};
    char lines[100] = "";
    struct text kept = TEXT_IN(lines);
    const struct log log = {.write = keep, .context = &kept, .debug = true};
    static const char json[] = "{\"ociVersion\":\"1.0.0\",\"root\":{\"path\":\"r\"},\"x\":1}";
    struct spec *spec = NULL;
    struct error err;

    cr_assert_eq(spec_parse(json, strlen(json), "config.json", &arena, &log, &spec, &err), 0);
    cr_expect_str_eq(lines, "");
}
