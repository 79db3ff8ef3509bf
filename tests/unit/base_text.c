#include "base/text.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <string.h>

#include "base/own.h"

Test(base_text, signed_numbers_are_digits_and_one_minus)
{
    static const struct {
        const char *text;
        int64_t value;
        const char *message;
    } cases[] = {
        {"0",                     0,   ""                                                 },
        {"-0",                    0,   ""                                                 },
        {"0017",                  17,  ""                                                 },
        {"-5",                    -5,  ""                                                 },
        {"100",                   100, ""                                                 },
        {"101",                   0,   "101 is out of range (-5 to 100)"                  },
        {"-6",                    0,   "-6 is out of range (-5 to 100)"                   },
        {"9223372036854775808",   0,   "9223372036854775808 is out of range (-5 to 100)"  },
        {"-99999999999999999999", 0,   "-99999999999999999999 is out of range (-5 to 100)"},
        {"",                      0,   "\"\" is not a number"                             },
        {"-",                     0,   "\"-\" is not a number"                            },
        {"--1",                   0,   "\"--1\" is not a number"                          },
        {"+1",                    0,   "\"+1\" is not a number"                           },
        {" 1",                    0,   "\" 1\" is not a number"                           },
        {"1 ",                    0,   "\"1 \" is not a number"                           },
        {"1.0",                   0,   "\"1.0\" is not a number"                          },
        {"0x1",                   0,   "\"0x1\" is not a number"                          },
        {"1\n",                   0,   "\"1\\x0a\" is not a number"                       },
    };

    for (size_t i = 0; i < count_of(cases); i++) {
        struct error err = {0};
        int64_t value = 0;
        int code = parse_int64(cases[i].text, -5, 100, &value, &err);

        cr_expect_eq(code < 0, cases[i].message[0] != '\0', "%s", cases[i].text);
        cr_expect_eq(value, cases[i].value, "%s", cases[i].text);
        cr_expect_str_eq(err.text, cases[i].message);
    }
}

Test(base_text, the_ends_of_the_types_are_numbers)
{
    struct error err;
    int64_t low = 0;
    int64_t high = 0;
    uint64_t most = 0;

    cr_expect_eq(parse_int64("-9223372036854775808", INT64_MIN, INT64_MAX, &low, &err), 0);
    cr_expect_eq(parse_int64("9223372036854775807", INT64_MIN, INT64_MAX, &high, &err), 0);
    cr_expect_eq(parse_uint64("18446744073709551615", UINT64_MAX, &most, &err), 0);
    cr_expect(low == INT64_MIN && high == INT64_MAX && most == UINT64_MAX);
    cr_expect_eq(parse_int64("9223372036854775808", INT64_MIN, INT64_MAX, &low, &err), -ERANGE);
    cr_expect_eq(parse_uint64("18446744073709551616", UINT64_MAX, &most, &err), -ERANGE);
    cr_expect(low == INT64_MIN && most == UINT64_MAX, "outputs stay untouched on failure");
}

Test(base_text, unsigned_numbers_have_no_sign)
{
    static const char *const texts[] = {"-1", "-0", "+0", "", " 0", "0 ", "1e3"};

    for (size_t i = 0; i < count_of(texts); i++) {
        struct error err;
        uint64_t value;

        cr_expect_eq(parse_uint64(texts[i], 10, &value, &err), -EINVAL, "\"%s\"", texts[i]);
    }
}

Test(base_text, byte_counts_have_units_of_1024)
{
    static const struct {
        const char *text;
        int64_t value; /* -2: refused */
    } cases[] = {
        {"0",                          0                           },
        {"4096",                       4096                        },
        {"1b",                         1                           },
        {"1k",                         1024                        },
        {"2K",                         2048                        },
        {"512M",                       536870912                   },
        {"512m",                       536870912                   },
        {"512MB",                      536870912                   },
        {"512MiB",                     536870912                   },
        {"1g",                         1073741824                  },
        {"3t",                         INT64_C(3) << 40            },
        {"7P",                         INT64_C(7) << 50            },
        {"8191p",                      INT64_C(8191) << 50         },
        {"-1",                         -1                          },
        {"8192p",                      -2                          },
        {"9223372036854775808",        -2                          },
        {"99999999999999999999999999", -2                          },
        {"",                           -2                          },
        {"m",                          -2                          },
        {"-2",                         -2                          },
        {"-1m",                        -2                          },
        {"1.5g",                       INT64_C(3) << 29            },
        {"0.25k",                      256                         },
        {"8191.9999p",                 INT64_C(9223371924264785123)},
        {"1.",                         -2                          },
        {".5g",                        -2                          },
        {"1.5.5g",                     -2                          },
        {"1 m",                        -2                          },
        {"1mm",                        -2                          },
        {"1bb",                        -2                          },
        {"1x",                         -2                          },
        {"0x10",                       -2                          },
    };

    for (size_t i = 0; i < count_of(cases); i++) {
        struct error err = {0};
        int64_t value = -2;
        int code = parse_bytes(cases[i].text, &value, &err);

        cr_expect_eq(value, cases[i].value, "%s gives %" PRId64, cases[i].text, value);
        cr_expect_eq(code < 0, cases[i].value == -2, "%s", cases[i].text);
        cr_expect_eq(err.text[0] != '\0', code < 0);
    }
}

Test(base_text, durations_are_numbers_with_units)
{
    static const struct {
        const char *text;
        int64_t nanoseconds; /* -1: refused */
    } cases[] = {
        {"0",           0                      },
        {"1ns",         1                      },
        {"2us",         2000                   },
        {"1.5ms",       1500000                },
        {"2.5s",        2500000000             },
        {"3h",          INT64_C(10800000000000)},
        {"1h30m",       INT64_C(5400000000000) },
        {"1h0m0.5s",    INT64_C(3600500000000) },
        {"",            -1                     },
        {"5",           -1                     },
        {"s",           -1                     },
        {".s",          -1                     },
        {"1.2.3s",      -1                     },
        {"-1s",         -1                     },
        {"1d",          -1                     },
        {"1s2",         -1                     },
        {"1 s",         -1                     },
        {"1e3s",        -1                     },
        {"9999999999h", -1                     },
    };

    for (size_t i = 0; i < count_of(cases); i++) {
        struct error err = {0};
        int64_t value = -1;
        int code = parse_duration(cases[i].text, &value, &err);

        cr_expect_eq(value, cases[i].nanoseconds, "%s gives %" PRId64, cases[i].text, value);
        cr_expect_eq(code < 0, cases[i].nanoseconds == -1, "%s", cases[i].text);
        cr_expect_eq(err.text[0] != '\0', code < 0);
    }
}

Test(base_text, printed_text_is_cut_never_overrun)
{
    char bytes[9];

    memset(bytes, 'x', sizeof bytes);

    struct text text = {.bytes = bytes, .size = 8};

    text_print(&text, "%s", "abc");
    text_print(&text, "%d", 4567);
    cr_expect(!text.cut && text.used == 7);
    cr_expect_str_eq(bytes, "abc4567");
    text_print(&text, "8");
    cr_expect(text.cut);
    cr_expect_str_eq(bytes, "abc4567");
    cr_expect_eq(bytes[8], 'x');
}

Test(base_text, utf8_sequences_are_the_shortest_form_of_a_scalar_value)
{
    static const struct {
        const char *bytes;
        size_t length;
    } cases[] = {
        {"a",                1},
        {"\x7f",             1},
        {"\xc2\x80",         2},
        {"\xdf\xbf",         2},
        {"\xe0\xa0\x80",     3},
        {"\xed\x9f\xbf",     3},
        {"\xee\x80\x80",     3},
        {"\xef\xbf\xbf",     3},
        {"\xf0\x90\x80\x80", 4},
        {"\xf4\x8f\xbf\xbf", 4},
        {"\x80",             0}, /* a second byte at the start */
        {"\xc0\x80",         0}, /* longer than needed         */
        {"\xc1\xbf",         0},
        {"\xe0\x9f\xbf",     0},
        {"\xf0\x8f\xbf\xbf", 0},
        {"\xed\xa0\x80",     0}, /* surrogates                 */
        {"\xed\xbf\xbf",     0},
        {"\xf4\x90\x80\x80", 0}, /* above U+10FFFF             */
        {"\xf5\x80\x80\x80", 0},
        {"\xff",             0},
        {"\xc3",             0}, /* cut short                  */
        {"\xe2\x82",         0},
        {"\xf0\x9f\x98",     0},
        {"\xe2\x82x",        0},
        {"\xc3x",            0},
        {"",                 0},
    };

    for (size_t i = 0; i < count_of(cases); i++)
        cr_expect_eq(utf8_sequence(cases[i].bytes, strlen(cases[i].bytes)), cases[i].length,
                     "case %zu", i);
}

Test(base_text, a_text_starts_with_its_start)
{
    cr_expect(starts_with("abc", "ab"));
    cr_expect(starts_with("abc", ""));
    cr_expect(starts_with("abc", "abc"));
    cr_expect_not(starts_with("abc", "abcd"));
    cr_expect_not(starts_with("abc", "b"));
}
