/* Values from the command line over those of the bundle. */

#include "runtime_help.h"

#include "runtime/overrides.h"

static const char everything[] =
    "{'ociVersion':'1.3.0','root':{'path':'rootfs'},'hostname':'old',"
    "'process':{'cwd':'/','args':['sh'],'env':['PATH=/bin','A=1','B=2'],"
    "'user':{'uid':0,'gid':0}},"
    "'linux':{'namespaces':[{'type':'uts'},{'type':'mount'}],"
    "'resources':{'cpu':{'quota':1000,'period':5000,'burst':500,'shares':7},"
    "'memory':{'limit':1000000,'swap':2000000,'reservation':900000},'pids':{'limit':5}}}}";

static const char bare[] = "{'ociVersion':'1.3.0','root':{'path':'rootfs'}}";

/* A spec from JSON in which ' stands for ". */
static struct spec *spec_of(struct arena *arena, const char *json)
{
    char *text = arena_string(arena, json);
    struct spec *spec;
    struct error err;

    for (char *at = text; (at = strchr(at, '\'')) != NULL;)
        *at = '"';
    must(spec_parse(text, strlen(text), "config.json", arena, NULL, &spec, &err));
    return spec;
}

static struct spec *overridden(struct arena *arena, const char *json,
                               const struct create_overrides *overrides)
{
    struct spec *spec = spec_of(arena, json);
    struct error err;

    must(overrides_apply(overrides, spec, arena, &err));
    return spec;
}

Test(overrides, none_change_nothing)
{
    autoarena struct arena arena = {NULL};
    struct create_overrides none = {0};
    struct spec *spec = overridden(&arena, everything, &none);

    cr_expect_str_eq(spec->hostname, "old");
    cr_expect_eq(spec->process->env.count, 3);
    cr_expect_eq(spec->linux_->resources->cpu->quota.value, 1000);
    cr_expect_eq(spec->linux_->resources->memory->swap.value, 2000000);
    cr_expect_not(spec->root->readonly);
    cr_expect_null(overridden(&arena, bare, &none)->linux_, "and make nothing");
}

Test(overrides, cpus_are_quota_over_the_kernels_own_period)
{
    static const struct {
        const char *text;
        int64_t quota;
    } rows[] = {
        {"0.25", 25000  },
        {"1",    100000 },
        {"1.5",  150000 },
        {"0.01", 1000   },
        {"64",   6400000},
        {"0.29", 29000  }, /* no rounding down of 0.29 * 100000 = 28999.99 */
    };

    for (size_t i = 0; i < count_of(rows); i++) {
        autoarena struct arena arena = {NULL};
        struct create_overrides overrides = {.cpus = rows[i].text};
        struct spec_cpu *cpu = overridden(&arena, everything, &overrides)->linux_->resources->cpu;

        cr_expect(cpu->quota.set && cpu->quota.value == rows[i].quota, "%s: %lld", rows[i].text,
                  (long long)cpu->quota.value);
        cr_expect(cpu->period.set && cpu->period.value == 100000);
        cr_expect_not(cpu->burst.set, "the burst belonged to the old quota");
        cr_expect_eq(cpu->shares.value, 7, "others stay");
    }
}

Test(overrides, limits_are_made_where_the_bundle_has_none)
{
    autoarena struct arena arena = {NULL};
    struct create_overrides overrides = {.cpus = "2", .memory = "512M", .pids = "100"};
    struct spec_resources *resources = overridden(&arena, bare, &overrides)->linux_->resources;

    cr_expect_eq(resources->cpu->quota.value, 200000);
    cr_expect(resources->memory->limit.set && resources->memory->limit.value == 512 << 20);
    cr_expect_not(resources->memory->swap.set);
    cr_expect(resources->pids->limit.set && resources->pids->limit.value == 100);
}

Test(overrides, memory_takes_swap_and_reservation_along)
{
    static const struct {
        const char *text;
        int64_t swap; /* in the bundle */
        int64_t limit, wanted_swap, wanted_reservation;
    } rows[] = {
        {"1500000", 2000000, 1500000, 2000000, 900000},
        {"3000000", 2000000, 3000000, 3000000, 900000},
        {"500000",  2000000, 500000,  2000000, 500000},
        {"-1",      2000000, -1,      -1,      900000}, /* no memory limit, so none of both */
        {"3000000", -1,      3000000, -1,      900000}, /* unlimited stays unlimited */
    };

    for (size_t i = 0; i < count_of(rows); i++) {
        autoarena struct arena arena = {NULL};
        struct create_overrides overrides = {.memory = rows[i].text};
        struct spec *spec = spec_of(&arena, everything);
        struct spec_memory *memory = spec->linux_->resources->memory;
        struct error err;

        memory->swap.value = rows[i].swap;
        must(overrides_apply(&overrides, spec, &arena, &err));
        cr_expect_eq(memory->limit.value, rows[i].limit, "row %zu", i);
        cr_expect_eq(memory->swap.value, rows[i].wanted_swap, "row %zu: %lld", i,
                     (long long)memory->swap.value);
        cr_expect_eq(memory->reservation.value, rows[i].wanted_reservation, "row %zu", i);
    }
}

Test(overrides, numbers_that_are_none_name_their_option)
{
    static const struct {
        struct create_overrides overrides;
        const char *text;
    } rows[] = {
        {{.cpus = ""},           "--cpus \"\": is not a number of CPUs" },
        {{.cpus = "0"},          "--cpus \"0\": is not a number of CPUs"},
        {{.cpus = "0.001"},      "(0.01 or more)"                       },
        {{.cpus = "-1"},         "--cpus \"-1\""                        },
        {{.cpus = "nan"},        "--cpus \"nan\""                       },
        {{.cpus = "inf"},        "--cpus \"inf\""                       },
        {{.cpus = "2 "},         "--cpus \"2 \""                        },
        {{.cpus = "two"},        "--cpus \"two\""                       },
        {{.cpus = "70000"},      "--cpus \"70000\""                     },
        {{.memory = ""},         "--memory: "                           },
        {{.memory = "lots"},     "--memory: "                           },
        {{.memory = "1X"},       "--memory: "                           },
        {{.memory = "-2"},       "--memory: "                           },
        {{.memory = "9999999P"}, "--memory: "                           },
        {{.pids = "many"},       "--pids: \"many\" is not a number"     },
        {{.pids = "-2"},         "--pids: -2 is out of range"           },
        {{.pids = ""},           "--pids: "                             },
    };

    for (size_t i = 0; i < count_of(rows); i++) {
        autoarena struct arena arena = {NULL};
        struct error err = {0};
        struct spec *spec = spec_of(&arena, everything);

        cr_expect(overrides_apply(&rows[i].overrides, spec, &arena, &err) < 0, "row %zu", i);
        cr_expect(strstr(err.text, rows[i].text) != NULL, "\"%s\" lacks \"%s\"", err.text,
                  rows[i].text);
    }
}

Test(overrides, hostname_needs_a_namespace_to_be_set_in)
{
    autoarena struct arena arena = {NULL};
    struct create_overrides overrides = {.hostname = "new"};
    struct spec *spec = spec_of(&arena, bare);
    struct error err;

    cr_expect_str_eq(overridden(&arena, everything, &overrides)->hostname, "new");
    cr_expect_eq(overrides_apply(&overrides, spec, &arena, &err), 0);
    expect_refused(spec_validate(spec, &err), EINVAL, "hostname");
}

Test(overrides, env_replaces_by_name_in_place_and_adds_at_the_end)
{
    static const char *added[] = {"B=two", "NEW=x=y", "A=", "AA=longer name", NULL};
    autoarena struct arena arena = {NULL};
    struct create_overrides overrides = {
        .env = {added, 4}
    };
    struct string_list *env = &overridden(&arena, everything, &overrides)->process->env;

    cr_assert_eq(env->count, 5);
    cr_expect_str_eq(env->items[0], "PATH=/bin");
    cr_expect_str_eq(env->items[1], "A=");
    cr_expect_str_eq(env->items[2], "B=two");
    cr_expect_str_eq(env->items[3], "NEW=x=y");
    cr_expect_str_eq(env->items[4], "AA=longer name");
    cr_expect_null(env->items[5]);
}

Test(overrides, env_wants_a_name_and_a_value)
{
    static const char *const bad[] = {"A", "", "=x", "="};

    for (size_t i = 0; i < count_of(bad); i++) {
        autoarena struct arena arena = {NULL};
        const char *items[] = {bad[i], NULL};
        struct create_overrides overrides = {
            .env = {items, 1}
        };
        struct error err;

        expect_refused(overrides_apply(&overrides, spec_of(&arena, everything), &arena, &err),
                       EINVAL, "is not NAME=value");
    }
}

Test(overrides, merging_keeps_its_inputs)
{
    static const char *base[] = {"A=1", NULL}, *added[] = {"A=2", "A=3", NULL};
    autoarena struct arena arena = {NULL};
    struct string_list old = {base, 1}, more = {added, 2}, merged;
    struct error err;

    must(environment_merge(&old, &more, &arena, &merged, &err));
    cr_assert_eq(merged.count, 1, "the last of several wins");
    cr_expect_str_eq(merged.items[0], "A=3");
    cr_expect_str_eq(base[0], "A=1");
    more.count = 0;
    old.count = 0;
    must(environment_merge(&old, &more, &arena, &merged, &err));
    cr_expect(merged.count == 0 && merged.items != NULL && merged.items[0] == NULL);
}

Test(overrides, args_replace_and_need_a_process)
{
    static const char *items[] = {"ls", "-l", NULL};
    autoarena struct arena arena = {NULL};
    struct create_overrides args = {
        .args = {items, 2}
    };
    struct create_overrides env = {
        .env = {(const char *[]){"A=1", NULL}, 1}
    };
    struct spec *spec = overridden(&arena, everything, &args);
    struct error err;

    cr_assert_eq(spec->process->args.count, 2);
    cr_expect_str_eq(spec->process->args.items[1], "-l");
    expect_refused(overrides_apply(&args, spec_of(&arena, bare), &arena, &err), EINVAL,
                   "process: missing");
    expect_refused(overrides_apply(&env, spec_of(&arena, bare), &arena, &err), EINVAL,
                   "process: missing");
}

Test(overrides, read_only_is_the_root)
{
    autoarena struct arena arena = {NULL};
    struct create_overrides overrides = {.read_only = true};

    cr_expect(overridden(&arena, everything, &overrides)->root->readonly);
}

/* As many as Kubernetes gives for the services of a large cluster, each once more. */
Test(overrides, of_many_names_each_is_there_once)
{
    enum { NAMES = 20000 };
    autoarena struct arena arena = {NULL};
    const char **first = arena_zero(&arena, NAMES + 1, sizeof *first);
    const char **second = arena_zero(&arena, NAMES + 1, sizeof *second);
    struct string_list merged;
    struct error err;

    for (size_t i = 0; i < NAMES; i++) {
        first[i] = arena_print(&arena, "SERVICE_%zu_PORT=old", i);
        second[i] = arena_print(&arena, "SERVICE_%zu_PORT=%zu", NAMES - 1 - i, i);
    }
    must(environment_merge(&(struct string_list){first, NAMES},
                           &(struct string_list){second, NAMES}, &arena, &merged, &err));
    cr_assert_eq(merged.count, NAMES);
    for (size_t i = 0; i < NAMES; i++)
        cr_assert_str_eq(merged.items[i],
                         arena_print(&arena, "SERVICE_%zu_PORT=%zu", i, NAMES - 1 - i));
}
