/* The table of `list`. */

#include <criterion/criterion.h>
#include <stdlib.h>

#include "cmd/crun-lite/columns.c"

static char *printed(const char *const *cells, size_t rows, size_t columns)
{
    char *text = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&text, &size);

    columns_print(cells, rows, columns, to);
    fclose(to);
    return text;
}

Test(cmd_columns, a_column_is_twelve_wide_or_three_more_than_its_widest_cell)
{
    static const char *const cells[] = {
        "ID", "PID", "OWNER", "a-rather-long-id", "7", "root", "123456789", "1234567890", "x"};
    char *text = printed(cells, 3, 3);

    cr_assert_str_eq(text, "ID                 PID          OWNER\n"
                           "a-rather-long-id   7            root\n"
                           "123456789          1234567890   x\n");
    free(text);
}

Test(cmd_columns, width_counts_characters_not_bytes)
{
    static const char *const cells[] = {"\xc3\xa4\xe2\x82\xac", "x", "ab", "y"};
    char *text = printed(cells, 2, 2);

    cr_assert_str_eq(text, "\xc3\xa4\xe2\x82\xac          x\nab          y\n");
    free(text);
}
