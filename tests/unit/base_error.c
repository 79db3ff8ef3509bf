#include "base/error.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "base/own.h"

Test(base_error, a_failure_says_what_the_kernel_said)
{
    struct error err = {0};

    cr_expect_eq(fail(&err, ENOENT, "open %s", "/x"), -ENOENT);
    cr_expect_eq(err.code, ENOENT);
    cr_expect_str_eq(err.text, "open /x: No such file or directory");
}

Test(base_error, a_refusal_is_in_our_words_alone)
{
    struct error err = {0};

    cr_expect_eq(refuse(&err, EINVAL, "%d is too much", 5), -EINVAL);
    cr_expect_str_eq(err.text, "5 is too much");
}

Test(base_error, the_story_grows_on_the_left_and_advice_on_the_right)
{
    struct error err = {0};

    refuse(&err, EPERM, "no");
    cr_expect_eq(within(&err, "mount %s", "/proc"), -EPERM);
    cr_expect_eq(prefix(&err, "[%d].", 3), -EPERM);
    cr_expect_eq(hint(&err, "try %s", "root"), -EPERM);
    cr_expect_str_eq(err.text, "[3].mount /proc: no (try root)");
    cr_expect_eq(err.code, EPERM);
}

Test(base_error, a_long_story_is_cut_at_its_end)
{
    struct error err = {0};
    char part[400];

    memset(part, 'a', sizeof part);
    part[399] = '\0';
    refuse(&err, EINVAL, "%s%s%s%s%s", part, part, part, part, part);
    cr_expect_eq(strlen(err.text), sizeof err.text - 1);
    within(&err, "front");
    hint(&err, "%s%s", part, part);
    cr_expect_eq(strlen(err.text), sizeof err.text - 1);
    cr_expect(strncmp(err.text, "front: aaa", 10) == 0);
}

Test(base_error, no_code_is_a_bug, .signal = SIGABRT)
{
    struct error err;

    fail(&err, 0, "nothing");
}

Test(base_error, untrusted_values_become_printable_utf8)
{
    static const struct {
        const char *value;
        const char *printed;
    } cases[] = {
        {"",                         ""                        },
        {"plain / text",             "plain / text"            },
        {"a\nb\tc",                  "a\\x0ab\\x09c"           },
        {"\x1b[31m",                 "\\x1b[31m"               },
        {"\x7f",                     "\\x7f"                   },
        {"\xc3\xa4\xf0\x9f\x98\x80", "\xc3\xa4\xf0\x9f\x98\x80"},
        {"\xc2\x9b[31m",             "\\xc2\\x9b[31m"          }, /* CSI in one character */
        {"\xc2\xa0",                 "\xc2\xa0"                },
        {"a\xff\xc3",                "a\\xff\\xc3"             },
        {"\xed\xa0\x80",             "\\xed\\xa0\\x80"         },
    };

    for (size_t i = 0; i < count_of(cases); i++) {
        char buffer[1040];

        cr_expect_str_eq(quotable(buffer, cases[i].value), cases[i].printed);
    }
}

Test(base_error, untrusted_values_are_cut_at_256_bytes)
{
    char value[400];
    char buffer[1040];

    memset(value, 'a', sizeof value);
    value[256] = '\0';
    cr_expect_eq(strlen(quotable(buffer, value)), 256);
    value[256] = 'a';
    value[399] = '\0';
    cr_expect_eq(strlen(quotable(buffer, value)), 259);
    cr_expect_str_eq(buffer + 250, "aaaaaa...");

    /* Not in the middle of a character. */
    memcpy(value + 255, "\xc3\xa4", 2);
    cr_expect_str_eq(quotable(buffer, value) + 250, "aaaaa...");

    /* The longest there can be. */
    memset(value, '\x01', 300);
    cr_expect_eq(strlen(quotable(buffer, value)), 256 * 4 + 3);
}

/* Other than a value a line is cut by its room alone, and never in the middle. */
Test(base_error, lines_are_as_long_as_their_room)
{
    char line[1000], buffer[1200];

    memset(line, 'a', sizeof line);
    line[500] = '\x1b';
    line[sizeof line - 1] = '\0';
    cr_expect_eq(strlen(quotable_line(buffer, sizeof buffer, line)), sizeof line - 1 + 3);
    cr_expect_eq(strncmp(buffer + 499, "a\\x1ba", 6), 0);
    for (size_t room = 490; room < 510; room++) {
        quotable_line(buffer, room, line);
        cr_expect_lt(strlen(buffer), room);
        cr_expect_geq(strlen(buffer), room - 5);
        cr_expect_str_eq(buffer + strlen(buffer) - 3, "...");
        cr_expect_null(memchr(buffer, '\x1b', room));
    }
}
