/* --root and what else stands in front of the command. */

#include <criterion/criterion.h>

#include "cmd/crun-lite/globals.c"
#include "cmd/crun-lite/log_file.c"
#include "cmd/crun-lite/options.c"

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
    bool by_nature = geteuid() != 0 || in_user_namespace();
    const struct {
        const char *mode;
        bool rootless;
    } cases[] = {
        {"true",  true     },
        {"TRUE",  true     },
        {"True",  true     },
        {"1",     true     },
        {"t",     true     },
        {"T",     true     },
        {"false", false    },
        {"FALSE", false    },
        {"False", false    },
        {"0",     false    },
        {"f",     false    },
        {"F",     false    },
        {"auto",  by_nature},
        {"AUTO",  by_nature},
        {"",      by_nature},
        {NULL,    by_nature},
    };

    for (size_t i = 0; i < count_of(cases); i++) {
        struct global_options options = {.rootless = cases[i].mode};
        struct arena arena = {0};
        struct context context;
        struct error err = {0};

        cr_assert_eq(apply(&options, &context, &arena, &err), 0, "%s", err.text);
        cr_expect_eq(context.runtime.rootless, cases[i].rootless, "case %zu", i);
        arena_free(&arena);
    }
}

Test(cmd_globals, the_user_s_manager_is_where_the_bus_is)
{
    char mine[40];
    const struct {
        const char *bus, *runtime_directory, *directory;
    } cases[] = {
        {NULL,                                                                     "/run/user/7",       "/run/user/7"},
        {"unix:path=/run/user/7/bus",                                              NULL,                "/run/user/7"},
        {"unix:path=/run/user/7/bus",                                              "/tmp/podman-run-7", "/run/user/7"},
        {"unix:path=/run/user/7/bus,guid=0123456789abcdef",                        "/tmp/x",            "/run/user/7"},
        {"tcp:host=localhost;unix:path=/run/user/7/bus;unix:path=/run/user/8/bus", "/tmp/x",
         "/run/user/7"                                                                                               },
        {"unix:path=/tmp/dbus-1;unix:path=/run/user/7/bus",                        "/tmp/x",            "/run/user/7"},
 /* of other buses nothing is known but that they are not systemd's */
        {"unix:abstract=/tmp/dbus-x/bus",                                          "/run/user/7",       "/run/user/7"},
        {"unix:path=/tmp/dbus-x",                                                  "/run/user/7",       "/run/user/7"},
        {"unix:path=/bus",                                                         "/run/user/7",       "/run/user/7"},
        {"unix:path=run/user/7/bus",                                               "/run/user/8",       "/run/user/8"},
        {"",                                                                       "/run/user/7",       "/run/user/7"},
        {"unix:path=/tmp/dbus-x",                                                  NULL,                mine         },
        {NULL,                                                                     "run/user/7",        mine         },
        {NULL,                                                                     NULL,                mine         },
    };

    snprintf(mine, sizeof mine, "/run/user/%u", geteuid());
    for (size_t i = 0; i < count_of(cases); i++) {
        autoarena struct arena arena = {0};

        cr_expect_str_eq(user_manager_directory(cases[i].bus, cases[i].runtime_directory, &arena),
                         cases[i].directory, "case %zu", i);
    }
}

Test(cmd_globals, the_bus_is_taken_from_the_environment)
{
    struct global_options options = {0};
    struct arena arena = {0};
    struct context context;
    struct error err = {0};

    setenv("XDG_RUNTIME_DIR", "/tmp/podman-run-7", 1);
    setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/run/user/7/bus", 1);
    cr_assert_eq(apply(&options, &context, &arena, &err), 0, "%s", err.text);
    cr_expect_str_eq(context.runtime.user_directory, "/run/user/7");
    unsetenv("DBUS_SESSION_BUS_ADDRESS");
    cr_assert_eq(apply(&options, &context, &arena, &err), 0, "%s", err.text);
    cr_expect_str_eq(context.runtime.user_directory, "/tmp/podman-run-7");
    arena_free(&arena);
}
