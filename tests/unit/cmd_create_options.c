/* What `create` and `run` make of their options. */

#include <criterion/criterion.h>

#include "cmd/crun-lite/create_options.c"
#include "cmd/crun-lite/options.c"
#include "cmd/crun-lite/service_manager.c"

static const struct option_set set = {.tables = {OPTION_TABLE_OF(create_option_rows)}};

static struct create_request request_of(const char *const argv[], struct arena *arena)
{
    struct create_options options = {0};
    struct create_request request = {0};
    struct arguments arguments;
    struct string_list args;
    struct error err = {0};

    cr_assert_eq(options_parse(&set, argv, arena, &options, &arguments, &err), 0, "%s", err.text);
    cr_assert_eq(arguments_behind_dashes(&arguments, &args, &err), 0, "%s", err.text);
    cr_assert_eq(create_request_from_options(&options, args, &request, &err), 0, "%s", err.text);
    return request;
}

Test(cmd_create_options, every_option_reaches_the_request)
{
    static const char *const argv[] = {
        "-b",
        "/b",
        "-f",
        "c.json",
        "--console-socket",
        "cs",
        "--pidfd-socket=ps",
        "--pid-file=pf",
        "--preserve-fds=3",
        "--no-pivot",
        "--no-new-keyring",
        "--cpus",
        "0.25",
        "--memory=512M",
        "--pids=9",
        "--hostname=h",
        "--env",
        "A=1",
        "-e",
        "B=",
        "--read-only",
        "--strict",
        "--overlay=/o",
        "--time-limit=3h",
        "web",
        "--",
        "echo",
        "-n",
        NULL,
    };
    struct arena arena = {0};
    struct create_request request = request_of(argv, &arena);
    const struct create_overrides *overrides = &request.overrides;

    cr_expect_str_eq(request.bundle, "/b");
    cr_expect_str_eq(request.config, "c.json");
    cr_expect_str_eq(request.console_socket, "cs");
    cr_expect_str_eq(request.pidfd_socket, "ps");
    cr_expect_str_eq(request.pid_file, "pf");
    cr_expect_eq(request.preserve_fds, 3);
    cr_expect(request.no_pivot && request.no_new_keyring && !request.detach);
    cr_expect_str_eq(overrides->cpus, "0.25");
    cr_expect_str_eq(overrides->memory, "512M");
    cr_expect_str_eq(overrides->pids, "9");
    cr_expect_str_eq(overrides->hostname, "h");
    cr_expect_eq(overrides->env.count, 2);
    cr_expect_str_eq(overrides->env.items[1], "B=");
    cr_expect(overrides->read_only && overrides->overlay);
    cr_expect(request.strict);
    cr_expect_str_eq(overrides->overlay_directory, "/o");
    cr_expect_eq(request.time_limit_ns, INT64_C(10800000000000));
    cr_expect_eq(request.time_limit_grace_ns, INT64_C(10000000000));
    cr_expect_eq(overrides->args.count, 2);
    cr_expect_str_eq(overrides->args.items[0], "echo");
    arena_free(&arena);
}

Test(cmd_create_options, nothing_given_changes_nothing_of_the_bundle_here)
{
    static const char *const argv[] = {"web", NULL};
    struct arena arena = {0};
    struct create_request request = request_of(argv, &arena);
    const struct create_overrides *overrides = &request.overrides;

    cr_expect_str_eq(request.bundle, ".");
    cr_expect_null(request.config);
    cr_expect_null(overrides->cpus);
    cr_expect_null(overrides->memory);
    cr_expect_eq(overrides->args.count, 0);
    cr_expect_not(overrides->read_only || overrides->overlay || request.strict);
    cr_expect_eq(request.time_limit_ns, 0);
    arena_free(&arena);
}

Test(cmd_create_options, arguments_of_the_process_stand_behind_dashes)
{
    static const struct {
        const char *argv[5];
        int count; /* of the process's arguments; -1: refused */
    } cases[] = {
        {{"web"},                 0 },
        {{"web", "--"},           0 },
        {{"web", "--", "a", "b"}, 2 },
        {{"--", "web"},           0 },
        {{"web", "a"},            -1},
        {{"--", "web", "a"},      -1},
        {{"web", "a", "--", "b"}, -1},
        {{"--"},                  -1},
    };

    for (size_t i = 0; i < count_of(cases); i++) {
        struct create_options options = {0};
        struct arena arena = {0};
        struct arguments arguments;
        struct string_list args;
        struct error err = {0};

        cr_assert_eq(options_parse(&set, cases[i].argv, &arena, &options, &arguments, &err), 0);

        int code = arguments_behind_dashes(&arguments, &args, &err);

        cr_expect_eq(code < 0 ? -1 : (int)args.count, cases[i].count, "case %zu: %s", i, err.text);
        arena_free(&arena);
    }
}

Test(cmd_create_options, an_environment_entry_is_a_name_and_a_value)
{
    static const char *good[] = {"A=", "A=b=c", NULL}, *none[] = {"A", NULL},
                      *nameless[] = {"=x", NULL};
    struct error err;

    cr_expect_eq(check_environment("env", &(struct string_list){good, 2}, &err), 0);
    cr_expect_lt(check_environment("env", &(struct string_list){none, 1}, &err), 0);
    cr_expect_str_eq(err.text, "--env: \"A\" is not NAME=VALUE");
    cr_expect_lt(check_environment("env", &(struct string_list){nameless, 1}, &err), 0);
}
