/* The limits on `update`'s command line, put into resources. */

#include <criterion/criterion.h>
#include <string.h>

#include "cmd/crun-lite/options.c"
#include "cmd/crun-lite/update_options.c"

static const struct option_set set = {.tables = {OPTION_TABLE_OF(update_option_rows)}};

static int parse_into(const char *const argv[], struct spec_resources *resources,
                      struct arena *arena, struct error *err)
{
    struct update_options options = {0};
    struct arguments arguments;
    int code = options_parse(&set, argv, arena, &options, &arguments, err);

    return code < 0 ? code : update_options_apply(&options, resources, arena, err);
}

Test(cmd_update_options, every_limit_lands_in_its_member)
{
    static const char *const argv[] = {
        "--blkio-weight=100",      "--cpu-period=200000", "--cpu-quota=-1",
        "--cpu-burst=7",           "--cpu-share=512",     "--cpu-rt-period=9",
        "--cpu-rt-runtime=-3",     "--cpu-idle=1",        "--cpuset-cpus=0-2,7",
        "--cpuset-mems=0",         "--memory=512m",       "--memory-swap=-1",
        "--memory-reservation=1G", "--pids-limit=-1",     NULL,
    };
    struct spec_resources resources = {0};
    struct arena arena = {0};
    struct error err = {0};

    cr_assert_eq(parse_into(argv, &resources, &arena, &err), 0, "%s", err.text);
    cr_expect(resources.block_io->weight.set && resources.block_io->weight.value == 100);
    cr_expect(resources.cpu->period.set && resources.cpu->period.value == 200000);
    cr_expect(resources.cpu->quota.set && resources.cpu->quota.value == -1);
    cr_expect(resources.cpu->burst.set && resources.cpu->burst.value == 7);
    cr_expect(resources.cpu->shares.set && resources.cpu->shares.value == 512);
    cr_expect(resources.cpu->realtime_period.set && resources.cpu->realtime_period.value == 9);
    cr_expect(resources.cpu->realtime_runtime.set && resources.cpu->realtime_runtime.value == -3);
    cr_expect(resources.cpu->idle.set && resources.cpu->idle.value == 1);
    cr_expect_str_eq(resources.cpu->cpus, "0-2,7");
    cr_expect_str_eq(resources.cpu->mems, "0");
    cr_expect(resources.memory->limit.set && resources.memory->limit.value == 512 << 20);
    cr_expect(resources.memory->swap.set && resources.memory->swap.value == -1);
    cr_expect(resources.memory->reservation.set && resources.memory->reservation.value == 1 << 30);
    cr_expect(resources.pids->limit.set && resources.pids->limit.value == -1);
    arena_free(&arena);
}

Test(cmd_update_options, what_is_not_given_stays_absent)
{
    static const char *const argv[] = {"--cpu-share", "0", "--kernel-memory=1g", NULL};
    struct spec_resources resources = {0};
    struct arena arena = {0};
    struct error err = {0};

    cr_assert_eq(parse_into(argv, &resources, &arena, &err), 0, "%s", err.text);
    cr_expect(resources.cpu->shares.set && resources.cpu->shares.value == 0);
    cr_expect_not(resources.cpu->quota.set);
    cr_expect_null(resources.memory);
    cr_expect_null(resources.pids);
    cr_expect_null(resources.block_io);
    arena_free(&arena);
}

/* As with runc, whose numbers are texts to its own parser; but for two. */
Test(cmd_update_options, an_empty_value_is_none)
{
    static const char *const argv[] = {
        "--cpu-period=",     "--cpu-quota=",
        "--cpu-burst=",      "--cpu-share=",
        "--cpu-rt-period=",  "--cpu-idle=",
        "--memory=",         "--memory-swap=",
        "--cpu-rt-runtime=", "--cpuset-cpus=",
        "--cpuset-mems",     "",
        "--resources=",      NULL,
    };
    struct spec_resources resources = {0};
    struct arena arena = {0};
    struct error err = {0};

    cr_assert_eq(parse_into(argv, &resources, &arena, &err), 0, "%s", err.text);
    cr_expect_null(resources.cpu);
    cr_expect_null(resources.memory);
    arena_free(&arena);
}

Test(cmd_update_options, bad_values_are_refused_by_name)
{
    static const struct {
        const char *argument, *message;
    } cases[] = {
        {"--memory=5x",       "--memory: \"5x\" is not a size in bytes (such as 512M)"},
        {"--pids-limit=",     "--pids-limit: \"\" is not a number"                    },
        {"--blkio-weight=",   "--blkio-weight: \"\" is not a number"                  },
        {"--cpu-share=-1",    "--cpu-share: \"-1\" is not a number"                   },
        {"--cpu-quota=1.5",   "--cpu-quota: \"1.5\" is not a number"                  },
        {"--pids-limit=many", "--pids-limit: \"many\" is not a number"                },
    };

    for (size_t i = 0; i < count_of(cases); i++) {
        const char *const argv[] = {cases[i].argument, NULL};
        struct spec_resources resources = {0};
        struct arena arena = {0};
        struct error err = {0};

        cr_expect_lt(parse_into(argv, &resources, &arena, &err), 0, "%s", cases[i].argument);
        cr_expect_str_eq(err.text, cases[i].message);
        arena_free(&arena);
    }
}
