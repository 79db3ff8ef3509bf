/* --root and what else stands in front of the command. */

#include <criterion/criterion.h>

#include "cmd/crun-lite/globals.c"
#include "cmd/crun-lite/log_file.c"

Test(cmd_globals, a_path_is_cleaned_by_its_text)
{
    static const struct {
        const char *path, *clean;
    } cases[] = {
        {"/run/x",      "/run/x"   },
        {"/run//x/",    "/run/x"   },
        {"/run/./x/.",  "/run/x"   },
        {"/run/y/../x", "/run/x"   },
        {"/../..",      "/"        },
        {"//",          "/"        },
        {"/a/b/../../", "/"        },
        {"x",           "/here/x"  },
        {"../x",        "/x"       },
        {".",           "/here"    },
        {"../../..",    "/"        },
        {"...",         "/here/..."},
    };
    struct arena arena = {0};

    for (size_t i = 0; i < count_of(cases); i++)
        cr_expect_str_eq(path_clean(cases[i].path, "/here", &arena), cases[i].clean);
    arena_free(&arena);
}

static int apply(const struct global_options *options, struct context *context, struct arena *arena,
                 struct error *err)
{
    *context = (struct context){.arena = arena};
    return globals_apply(options, context, err);
}

Test(cmd_globals, values_nobody_can_mean_are_refused)
{
    static const struct {
        struct global_options options;
        const char *message;
    } cases[] = {
        {{.root = "/"},           "--root: must not be /"                                },
        {{.root = "/x/.."},       "--root: must not be /"                                },
        {{.root = ""},            "--root: must not be empty"                            },
        {{.rootless = "maybe"},   "--rootless: \"maybe\" is not one of true, false, auto"},
        {{.cgroup_manager = "x"},
         "--cgroup-manager: \"x\" is not one of cgroupfs, systemd, disabled"             },
    };

    for (size_t i = 0; i < count_of(cases); i++) {
        struct arena arena = {0};
        struct context context;
        struct error err = {0};

        cr_expect_lt(apply(&cases[i].options, &context, &arena, &err), 0);
        cr_expect_str_eq(err.text, cases[i].message);
        arena_free(&arena);
    }
}

Test(cmd_globals, the_cgroup_manager_has_two_options)
{
    static const struct {
        struct global_options options;
        enum runtime_cgroup_manager manager;
    } cases[] = {
        {{.debug = true},                                        RUNTIME_CGROUPFS  },
        {{.systemd_cgroup = true},                               RUNTIME_SYSTEMD   },
        {{.cgroup_manager = "systemd"},                          RUNTIME_SYSTEMD   },
        {{.cgroup_manager = "disabled"},                         RUNTIME_NO_CGROUPS},
        {{.systemd_cgroup = true, .cgroup_manager = "cgroupfs"}, RUNTIME_CGROUPFS  },
    };

    for (size_t i = 0; i < count_of(cases); i++) {
        struct arena arena = {0};
        struct context context;
        struct error err = {0};

        cr_assert_eq(apply(&cases[i].options, &context, &arena, &err), 0, "%s", err.text);
        cr_expect_eq(context.runtime.cgroup_manager, cases[i].manager, "case %zu", i);
        arena_free(&arena);
    }
}

Test(cmd_globals, rootless_is_what_is_said_or_what_is)
{
    static const struct global_options yes = {.rootless = "true"}, no = {.rootless = "false"},
                                       automatic = {.rootless = "auto"}, nothing = {0};
    struct arena arena = {0};
    struct context context;
    struct error err;
    bool by_nature = geteuid() != 0 || in_user_namespace();

    cr_assert_eq(apply(&yes, &context, &arena, &err), 0);
    cr_expect(context.runtime.rootless);
    cr_assert_eq(apply(&no, &context, &arena, &err), 0);
    cr_expect_not(context.runtime.rootless);
    cr_assert_eq(apply(&automatic, &context, &arena, &err), 0);
    cr_expect_eq(context.runtime.rootless, by_nature);
    cr_assert_eq(apply(&nothing, &context, &arena, &err), 0);
    cr_expect_eq(context.runtime.rootless, by_nature);
    arena_free(&arena);
}
