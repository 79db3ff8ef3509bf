#include <criterion/criterion.h>
#include <string.h>

#include "base/own.h"
#include "runtime/resctrl.h"
#include "runtime/schemata.h"

static const char *two_lines[] = {"L2:0=1", "L3:0=ff", NULL};

Test(schemata, what_comes_later_has_the_last_word)
{
    static const struct {
        struct spec_intel_rdt rdt;
        const char *lines; /* NULL: none */
    } rows[] = {
        {{0},                                                                NULL                       },
        {{.clos_id = "x", .enable_monitoring = true},                        NULL                       },
        {{.l3_cache_schema = "L3:0=f"},                                      "L3:0=f\n"                 },
        {{.l3_cache_schema = "\nL3:0=f\n\n"},                                "L3:0=f\n"                 },
        {{.mem_bw_schema = "MB:0=20"},                                       "MB:0=20\n"                },
        {{.l3_cache_schema = "MB:0=50\nL3:0=f", .mem_bw_schema = "MB:0=20"}, "L3:0=f\nMB:0=20\n"        },
        {{.l3_cache_schema = "MB:0=50\nL3:0=f"},                             "MB:0=50\nL3:0=f\n"        },
        {{.l3_cache_schema = "L3:0=f", .schemata = {two_lines, 2}},          "L3:0=f\nL2:0=1\nL3:0=ff\n"},
    };

    for (size_t i = 0; i < count_of(rows); i++) {
        autoarena struct arena arena = {NULL};
        const char *lines;
        struct error err;

        cr_assert_eq(schemata_from_spec(&rows[i].rdt, &lines, &arena, &err), 0, "%s", err.text);
        cr_expect((lines == NULL) == (rows[i].lines == NULL) &&
                      (lines == NULL || strcmp(lines, rows[i].lines) == 0),
                  "row %zu: %s", i, lines);
    }
}

Test(schemata, lines_without_end_are_refused)
{
    autoarena struct arena arena = {NULL};
    char *long_line = arena_zero(&arena, 20000, 1);
    struct spec_intel_rdt rdt = {.l3_cache_schema = long_line};
    const char *lines;
    struct error err;

    memset(long_line, '0', 19999);
    cr_assert_eq(schemata_from_spec(&rdt, &lines, &arena, &err), -E2BIG);
}

Test(schemata, what_the_kernel_made_of_a_line_is_recognised)
{
    static const char have[] = "    L3:0=007;1=fff\n    MB:0= 20;1=100\n  L2:10=1;1=f\n";
    static const struct {
        const char *lines;
        uint64_t granularity;
        bool matches;
    } rows[] = {
        {"L3:0=7\n",           0,  true },
        {"L3:0=0007;1=FFF\n",  0,  true },
        {"L3:1=fff\nMB:0=1\n", 0,  true }, /* only the first line counts */
        {"L3:0=0x7;1=0XFFF\n", 0,  true },
        {"MB:1=100\n",         7,  true }, /* as it is, whatever would be made of it */
        {"L3:0=8\n",           0,  false},
        {"L3:0=70\n",          0,  false},
        {"L3:2=7\n",           0,  false},
        {"L3:0=8\nL3:0=7\n",   0,  true }, /* overridden */
        {"L3:0=8\nL3:1=7\n",   0,  false},
        {"L3:0=8\nL2:0=7\n",   0,  false},
        {"MB:0=20\n",          0,  true },
        {"MB:0=11;1=91\n",     10, true },
        {"MB:0=11\n",          0,  false},
        {"MB:0=21\n",          10, false},
        {"L2:1=f;10=1\n",      0,  true },
        {"L2:0=1\n",           0,  false}, /* "10" is another domain */
        {"L4:0=1\n",           0,  false},
        {"L3\n",               0,  false},
        {"L3:0\n",             0,  false},
        {"L3:0=7;x\n",         0,  false},
        {"3:0=007\n",          0,  false},
    };

    for (size_t i = 0; i < count_of(rows); i++)
        cr_expect_eq(schemata_match(have, rows[i].lines, rows[i].granularity), rows[i].matches,
                     "%s", rows[i].lines);
}

Test(resctrl, the_class_is_the_one_that_is_named_or_the_containers)
{
    static const struct {
        struct spec_intel_rdt rdt;
        const char *class_name, *monitor;
        bool may_make;
    } rows[] = {
        {{0},                                           "c1", NULL, true },
        {{.clos_id = "", .enable_monitoring = true},    "c1", "c1", true },
        {{.clos_id = "x"},                              "x",  NULL, false},
        {{.clos_id = "x", .mem_bw_schema = "MB:0=20"},  "x",  NULL, true },
        {{.clos_id = "/", .enable_monitoring = true},   "",   "c1", false},
        {{.clos_id = "/", .l3_cache_schema = "L3:0=1"}, "",   NULL, false},
    };

    for (size_t i = 0; i < count_of(rows); i++) {
        autoarena struct arena arena = {NULL};
        struct resctrl_plan plan;
        struct error err;

        cr_assert_eq(resctrl_plan_from_spec(&plan, &rows[i].rdt, "c1", "/r", &arena, &err), 0);
        cr_expect_str_eq(plan.record.class_name, rows[i].class_name);
        cr_expect_eq(plan.record.monitor == NULL, rows[i].monitor == NULL);
        cr_expect_eq(plan.may_make, rows[i].may_make, "row %zu", i);
        cr_expect_not(plan.record.made);
        cr_assert_eq(resctrl_plan_from_spec(&plan, &rows[i].rdt, "c1", NULL, &arena, &err),
                     -ENOTSUP);
    }
}
