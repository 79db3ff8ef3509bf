/* The lines of subuid(5): whose they are, and what they hold. */

#include <criterion/criterion.h>

#include "namespaces/subids.h"

static const struct subid_owner tester = {"tester", 1000};

static bool covers(const char *text, uint32_t first, uint32_t count)
{
    return subids_cover(text, &tester, &(struct subid_range){first, count});
}

static bool first(const char *text, const struct subid_owner *owner, struct subid_range *ret)
{
    return subids_next(&text, owner, ret);
}

Test(subids, all_lines_of_the_owner_count_in_their_order)
{
    const char *text = "root:1:2\ntester:100000:65536\nother:3:4\n1000:5:6";
    struct subid_range range;

    cr_assert(subids_next(&text, &tester, &range));
    cr_expect_eq(range.first, 100000);
    cr_expect_eq(range.count, 65536);
    cr_assert(subids_next(&text, &tester, &range));
    cr_expect_eq(range.first, 5);
    cr_expect_eq(range.count, 6);
    cr_expect_not(subids_next(&text, &tester, &range));
}

Test(subids, a_line_may_have_the_number_instead_of_the_name)
{
    const struct subid_owner nameless = {NULL, 1000};
    struct subid_range range;

    cr_assert(first("tester:7:8\n1000:300000:10", &nameless, &range));
    cr_expect_eq(range.first, 300000);
    cr_assert(first("1000:300000:10\n", &tester, &range));
}

Test(subids, other_users_and_broken_lines_do_not_count)
{
    static const char *const texts[] = {
        "",
        "\n\n",
        "test:100000:65536\n",
        "tester2:100000:65536\n",
        "100:100000:65536\n",
        "10000:100000:65536\n",
        "tester\n",
        "tester:\n",
        "tester:100000\n",
        "tester:100000:\n",
        "tester::65536\n",
        "tester:100000:0\n",
        "tester:-1:5\n",
        "tester:100000:65536x\n",
        "tester:100000:65536:1\n",
        "tester:4294967296:1\n",
        "tester:1:99999999999999999999999\n",
        "# tester:100000:65536\n",
    };
    struct subid_range range;

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        cr_expect_not(first(texts[i], &tester, &range), "%s", texts[i]);
}

Test(subids, a_range_is_covered_whole_or_not)
{
    const char *text = "tester:100000:65536\n";

    cr_expect(covers(text, 100000, 65536));
    cr_expect(covers(text, 100001, 65535));
    cr_expect_not(covers(text, 99999, 2));
    cr_expect_not(covers(text, 100000, 65537));
    cr_expect_not(covers(text, 165536, 1));
    cr_expect_not(covers("", 0, 1));
}

Test(subids, lines_that_follow_each_other_count_together_in_any_order)
{
    const char *text = "tester:2000:1000\nroot:3000:1000\ntester:1000:1000\n";

    cr_expect(covers(text, 1000, 2000));
    cr_expect(covers(text, 1500, 1000));
    cr_expect_not(covers(text, 1500, 1501));
}

Test(subids, the_last_id_does_not_wrap_around)
{
    cr_expect(covers("tester:4294967290:6\n", 4294967294U, 1));
    cr_expect_not(covers("tester:4294967290:6\n", 4294967294U, 5));
}
