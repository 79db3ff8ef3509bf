/* The strict reader: what is JSON, and what we refuse though yajl would not. */

#include "base/own.h"
#include "spec_help.h"

static const char *reading(const char *text, size_t length, struct error *err)
{
    struct arena nodes = {0};
    struct arena strings = {0};
    const struct json *json;

    err->text[0] = '\0';
    if (json_read(text, length, &nodes, &strings, &json, err) < 0)
        place_done(err);
    arena_free(&nodes);
    arena_free(&strings);
    return err->text;
}

struct text_case {
    const char *text;
    const char *message; /* "": accepted */
};

static void check_texts(const struct text_case *cases, size_t count)
{
    struct error err;

    for (size_t i = 0; i < count; i++) {
        const char *got = reading(cases[i].text, strlen(cases[i].text), &err);

        cr_expect_str_eq(got, cases[i].message, "%s\n  gives: %s\n  not:   %s", cases[i].text, got,
                         cases[i].message);
    }
}

Test(spec_json, broken_text_is_refused_with_line_and_column)
{
    static const struct text_case cases[] = {
        {"{]",                           "line 1, column 2: expected a key in double quotes"             },
        {"{'a':1}",                      "line 1, column 2: this character is not allowed here"          },
        {"{a:1}",                        "line 1, column 2: this character is not allowed here"          },
        {"{\"a\" 1}",                    "line 1, column 6: expected ':' behind the key"                 },
        {"{\"a\":1 \"b\":2}",            "line 1, column 9: expected ',' or '}' behind the member"       },
        {"[1 2]",                        "line 1, column 4: expected ',' or ']' behind the item"         },
        {"[1,]",                         "line 1, column 4: a value cannot start like this"              },
        {"{\"a\":1,}",                   "line 1, column 8: expected a key in double quotes"             },
        {"{\"a\":tru}",                  "line 1, column 8: expected true, false or null"                },
        {"{\"a\":NaN}",                  "line 1, column 6: this character is not allowed here"          },
        {"{\"a\":+1}",                   "line 1, column 6: this character is not allowed here"          },
        {"{\"a\":01}",                   "line 1, column 6: expected ',' or '}' behind the member"       },
        {"{\"a\":1.}",                   "line 1, column 7: malformed number"                            },
        {"{\"a\":-}",                    "line 1, column 6: malformed number"                            },
        {"{\"a\":\"\n\"}",               "line 1, column 6: control characters must be escaped"          },
        {"{\"a\":\"\\x\"}",              "line 1, column 7: this is not an escape that JSON knows"       },
        {"{\"a\":\"\\u12g4\"}",          "line 1, column 10: expected four hexadecimal digits behind \\u"},
        {"\n\n{\n  \"a\":\n\t1 x}",      "line 5, column 4: this character is not allowed here"          },
        {"{\"\xc3\xa4\xe2\x82\xac\" 1}", "line 1, column 7: expected ':' behind the key"                 },
    };

    check_texts(cases, count_of(cases));
}

Test(spec_json, half_a_text_ends_unexpectedly)
{
    static const struct text_case cases[] = {
        {"{",           "line 1, column 2: unexpected end of the text"},
        {"{\"a",        "line 1, column 4: unexpected end of the text"},
        {"{\"a\"",      "line 1, column 5: unexpected end of the text"},
        {"{\"a\":",     "line 1, column 6: unexpected end of the text"},
        {"{\"a\":1",    "line 1, column 7: unexpected end of the text"},
        {"[[1,\n2],\n", "line 3, column 1: unexpected end of the text"},
    };

    check_texts(cases, count_of(cases));
}

Test(spec_json, nothing_at_all_is_called_empty)
{
    static const struct text_case cases[] = {
        {"",          "is empty"},
        {" \t\r\n\n", "is empty"},
    };

    check_texts(cases, count_of(cases));
}

Test(spec_json, comments_byte_order_mark_and_more_than_one_value_are_refused)
{
    static const struct text_case cases[] = {
        {"/* c */ {}",     "line 1, column 1: comments are not allowed in JSON"                 },
        {"{ // c\n}",      "line 1, column 3: comments are not allowed in JSON"                 },
        {"{} {}",          "line 1, column 4: unexpected text behind the value"                 },
        {"{}x",            "line 1, column 3: unexpected text behind the value"                 },
        {"\xef\xbb\xbf{}", "line 1, column 1: starts with a byte order mark, which JSON forbids"},
        {"{}\n \t\r\n",    ""                                                                   },
        {"7",              ""                                                                   },
    };

    check_texts(cases, count_of(cases));
}

Test(spec_json, the_first_of_duplicate_keys_does_not_win_silently)
{
    static const struct text_case cases[] = {
        {"{\"a\":1,\"a\":2}",                             "the key \"a\" is given twice"        },
        {"{\"a\":{\"b\":[0,{\"c\":1,\"d\":2,\"c\":1}]}}", "a.b[1]: the key \"c\" is given twice"},
        {"{\"a\":1,\"\\u0061\":2}",                       "the key \"a\" is given twice"        },
        {"{\"a\":1,\"A\":2}",                             ""                                    },
        {"[{\"a\":1},{\"a\":1}]",                         ""                                    },
    };

    check_texts(cases, count_of(cases));
}

Test(spec_json, a_nul_character_does_not_cut_a_string_short)
{
    static const struct text_case cases[] = {
        {"{\"a\":\"x\\u0000y\"}",       "a: the string holds a NUL character"   },
        {"{\"a\":[\"x\",\"\\u0000\"]}", "a[1]: the string holds a NUL character"},
        {"{\"a\\u0000b\":1}",           "the key \"a\" holds a NUL character"   },
        {"{\"a\":\"\\\\u0000\"}",       ""                                      },
    };
    struct error err;

    check_texts(cases, count_of(cases));
    cr_expect_str_eq(reading("{\"a\":\0}", 7, &err),
                     "line 1, column 6: this character is not allowed here");
}

Test(spec_json, strings_are_valid_utf8)
{
    static const struct text_case cases[] = {
        {"{\"a\":\"\xff\"}",                                 "a: the string holds invalid UTF-8"               },
        {"{\"a\":\"\xc0\x80\"}",                             "a: the string holds invalid UTF-8"               },
        {"{\"a\":\"\xed\xa0\x80\"}",                         "a: the string holds invalid UTF-8"               },
        {"{\"a\":\"\xf4\x90\x80\x80\"}",                     "a: the string holds invalid UTF-8"               },
        {"{\"a\":\"\xe2\x82\"}",                             "a: the string holds invalid UTF-8"               },
        {"{\"\xc3\":1}",                                     "the key \"\\xc3\" holds invalid UTF-8"           },
        {"{\"a b\\u001b\":{\"c\":\"\xff\"}}",                "[\"a b\\x1b\"].c: the string holds invalid UTF-8"},
        {"{\"a\":\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"}", ""                                                },
    };

    check_texts(cases, count_of(cases));
}

Test(spec_json, half_of_a_surrogate_pair_does_not_become_a_question_mark)
{
    static const struct text_case cases[] = {
        {"{\"a\":\"\\ud800\"}",         "line 1, column 7: half of a surrogate pair"},
        {"{\"a\":\"\\ud83d\\u0041\"}",  "line 1, column 7: half of a surrogate pair"},
        {"{\"a\":\"\\udc00\"}",         "line 1, column 7: half of a surrogate pair"},
        {"{\"a\":\"\\ud83dx\\ude00\"}", "line 1, column 7: half of a surrogate pair"},
        {"{\"a\":\"\\ud83d\\ude00\"}",  ""                                          },
        {"{\"a\":\"\\\\ud800\"}",       ""                                          },
    };

    check_texts(cases, count_of(cases));
}

Test(spec_json, depth_64_is_the_deepest)
{
    char text[200];
    struct error err;

    for (int depth = 63; depth <= 66; depth++) {
        memset(text, '[', (size_t)depth);
        memset(text + depth, ']', (size_t)depth);
        cr_expect_str_eq(reading(text, 2 * (size_t)depth, &err),
                         depth <= 64 ? "" : "line 1, column 65: nesting deeper than 64");
    }
}

Test(spec_json, a_million_opening_brackets_are_no_deep_recursion)
{
    size_t length = 1000000;
    char *text = malloc(length);
    struct error err;

    memset(text, '[', length);
    cr_expect_str_eq(reading(text, length, &err), "line 1, column 65: nesting deeper than 64");
    free(text);
}

Test(spec_json, size_and_number_of_values_are_limited)
{
    size_t length = JSON_MOST_BYTES + 1;
    char *text = malloc(length);
    struct error err;

    memset(text, ' ', length);
    text[0] = '1';
    cr_expect_str_eq(reading(text, length, &err), "larger than 16 MiB");
    cr_expect_str_eq(reading(text, length - 1, &err), "");

    text[0] = '[';
    for (size_t i = 1; i < length - 1; i += 2)
        memcpy(text + i, "0,", 2);
    cr_expect_str_eq(reading(text, length - 1, &err),
                     "line 1, column 2097152: more than 1048576 values");
    free(text);
}

Test(spec_json, numbers_stay_as_they_were_written)
{
    static const char text[] = "[18446744073709551615,1e400,-0,1.50]";
    static const char *const numbers[] = {"18446744073709551615", "1e400", "-0", "1.50"};
    struct arena arena = {0};
    const struct json *json = NULL;
    struct error err;
    size_t i = 0;

    cr_assert_eq(json_read(text, strlen(text), &arena, &arena, &json, &err), 0);
    cr_assert_eq(json->count, 4);
    for (const struct json *item = json->first; item != NULL; item = item->next)
        cr_expect_str_eq(item->text, numbers[i++]);
    arena_free(&arena);
}
