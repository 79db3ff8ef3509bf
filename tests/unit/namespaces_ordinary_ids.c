/* What an ordinary user can map, from the lines of subuid(5), and what is missing for more. */

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>

#include "base/own.h"
#include "base/text.h"
#include "namespaces/ordinary_ids.h"
#include "namespaces/user.h"

static const struct subid_owner tester = {"tester", 1000};

static void expect_mapping(const struct spec_id_mappings *mappings, size_t index, uint32_t inside,
                           uint32_t outside, uint32_t size)
{
    cr_assert_lt(index, mappings->count);
    cr_expect_eq(mappings->items[index].container_id, inside);
    cr_expect_eq(mappings->items[index].host_id, outside);
    cr_expect_eq(mappings->items[index].size, size);
}

static struct ordinary_user_ids ids_from(const char *subuid, const char *subgid,
                                         struct arena *arena)
{
    struct ordinary_user_ids ids;
    struct error err = {0};

    cr_assert_eq(ordinary_user_ids_from(&ids, subuid, subgid, &tester, 1001, arena, &err), 0, "%s",
                 err.text);
    return ids;
}

/* By name and by number, as newuidmap looks for them. */
Test(ordinary_user, is_root_and_has_the_ranges_of_all_lines_after_that)
{
    autoarena struct arena arena = {0};
    struct ordinary_user_ids ids = ids_from("1000:100000:10\ntester:300000:65536\n",
                                            "x:1:2\ntester:200000:1000\n", &arena);

    cr_expect_null(ids.missing);
    cr_expect_eq(ids.uids.count, 3);
    cr_expect_eq(ids.gids.count, 2);
    expect_mapping(&ids.uids, 0, 0, 1000, 1);
    expect_mapping(&ids.uids, 1, 1, 100000, 10);
    expect_mapping(&ids.uids, 2, 11, 300000, 65536);
    expect_mapping(&ids.gids, 0, 0, 1001, 1);
    expect_mapping(&ids.gids, 1, 1, 200000, 1000);
}

/* The kernel takes no host id twice. */
Test(ordinary_user, has_the_own_id_once_where_a_range_holds_it)
{
    autoarena struct arena arena = {0};
    struct ordinary_user_ids ids = ids_from("tester:900:200\n", "tester:1001:5\n", &arena);

    cr_expect_eq(ids.uids.count, 3);
    expect_mapping(&ids.uids, 0, 0, 1000, 1);
    expect_mapping(&ids.uids, 1, 1, 900, 100);
    expect_mapping(&ids.uids, 2, 101, 1001, 99);
    cr_expect_eq(ids.gids.count, 2);
    expect_mapping(&ids.gids, 1, 1, 1002, 4);
}

Test(ordinary_user, has_an_id_once_that_two_lines_hold)
{
    autoarena struct arena arena = {0};
    struct ordinary_user_ids ids = ids_from("tester:5000:100\n1000:5000:100\ntester:4990:200\n",
                                            "tester:1:1\n", &arena);

    cr_expect_eq(ids.uids.count, 4);
    expect_mapping(&ids.uids, 1, 1, 5000, 100);
    expect_mapping(&ids.uids, 2, 101, 4990, 10);
    expect_mapping(&ids.uids, 3, 111, 5100, 90);
}

Test(ordinary_user, has_no_more_than_the_kernel_takes)
{
    autoarena struct arena arena = {0};
    char many[200 * 40] = "";
    struct text lines = TEXT_IN(many);
    struct spec_namespace user = {SPEC_NAMESPACE_USER, NULL};
    struct spec_linux linux_part = {
        .namespaces = {&user, 1}
    };
    const struct spec spec = {.linux_ = &linux_part};
    struct ordinary_user_ids ids;
    struct id_map_plan plan;
    struct error err = {0};

    for (unsigned i = 0; i < 200; i++)
        text_print(&lines, "tester:%u:10000000\n", 2000000000U + i * 10000001U);
    cr_assert_not(lines.cut);
    ids = ids_from(many, "tester:2:4294967293\n", &arena);
    linux_part.uid_mappings = ids.uids;
    linux_part.gid_mappings = ids.gids;
    cr_expect_eq(id_map_plan_from_spec(&plan, &spec, false, 1000, 1001, &arena, &err), 0, "%s",
                 err.text);
}

/* newgidmap without newuidmap gives nothing: the kernel wants both or the caller's own ids. */
Test(ordinary_user, without_both_ranges_has_the_own_ids_only_and_is_told_why)
{
    static const struct {
        const char *subuid;
        const char *subgid;
        const char *missing;
        bool has_half;
    } cases[] = {
        {"",                          "",                      "/etc/subuid and /etc/subgid have", false},
        {"tester:100000:65536\n",     "",                      "/etc/subgid has",                  true },
        {"",                          "tester:100000:65536\n", "/etc/subuid has",                  true },
        {"tester:4294967290:65536\n", "tester:100000:65536\n", "/etc/subuid has",                  true },
    };

    for (size_t i = 0; i < count_of(cases); i++) {
        autoarena struct arena arena = {0};
        struct ordinary_user_ids ids = ids_from(cases[i].subuid, cases[i].subgid, &arena);
        char missing[100];

        snprintf(missing, sizeof missing, "%s no usable line for tester", cases[i].missing);
        cr_expect_str_eq(ids.missing, missing);
        cr_expect_eq(ids.has_half, cases[i].has_half);
        cr_expect_eq(ids.uids.count, 1);
        cr_expect_eq(ids.gids.count, 1);
        expect_mapping(&ids.uids, 0, 0, 1000, 1);
        expect_mapping(&ids.gids, 0, 0, 1001, 1);
    }
}

static int check(struct spec_id_mapping *items, size_t count, const char *lines,
                 const struct subid_owner *owner, struct error *err)
{
    const struct spec_id_mappings mappings = {items, count};

    return ordinary_user_check_ranges(&mappings, &id_map_uids, lines, owner, 1000, err);
}

Test(ordinary_user, is_told_which_line_is_missing)
{
    struct spec_id_mapping mappings[] = {
        {0, 1000,   1    },
        {1, 100000, 65536},
    };
    const struct subid_owner nameless = {NULL, 1000};
    struct error err = {0};

    cr_expect_eq(check(mappings, 2, "tester:100000:65536\n", &tester, &err), 0);
    cr_assert_eq(check(mappings, 2, "tester:100000:65535\n", &tester, &err), -EPERM);
    cr_expect_str_eq(err.text, "linux.uidMappings[1]: 100000..165535 is not yours: /etc/subuid has "
                               "no line \"tester:100000:65536\"");
    cr_assert_eq(check(mappings, 2, "", &nameless, &err), -EPERM);
    cr_expect_str_eq(err.text, "linux.uidMappings[1]: 100000..165535 is not yours: /etc/subuid has "
                               "no line \"1000:100000:65536\"");
}

Test(ordinary_user, may_map_the_own_id_once_and_nobody_elses)
{
    struct spec_id_mapping two[] = {
        {0, 1000, 2}
    };
    struct spec_id_mapping other[] = {
        {0, 1001, 1}
    };
    struct error err = {0};

    cr_expect_eq(check(two, 1, "", &tester, &err), -EPERM);
    cr_expect_eq(check(other, 1, "", &tester, &err), -EPERM);
    cr_expect_str_eq(err.text, "linux.uidMappings[0]: 1001..1001 is not yours: /etc/subuid has no "
                               "line \"tester:1001:1\"");
}
