#include "base/names.h"

#include <criterion/criterion.h>

static const struct name rows[] = {
    {"one",   1 },
    {"eins",  1 },
    {"minus", -1},
};
static const struct names table = NAMES_OF(rows);

Test(base_names, a_name_is_found_exactly_or_not_at_all)
{
    cr_expect_eq(names_find(&table, "one")->value, 1);
    cr_expect_eq(names_find(&table, "minus")->value, -1);
    cr_expect_null(names_find(&table, "One"));
    cr_expect_null(names_find(&table, "on"));
    cr_expect_null(names_find(&table, "ones"));
    cr_expect_null(names_find(&table, ""));
}

Test(base_names, the_first_name_of_a_value_is_its_name)
{
    cr_expect_str_eq(names_of_value(&table, 1), "one");
    cr_expect_str_eq(names_of_value(&table, -1), "minus");
    cr_expect_null(names_of_value(&table, 0));
}
