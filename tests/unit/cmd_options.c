/* The option parser: the habits that runc's callers rely on. */

#include <criterion/criterion.h>
#include <string.h>

/* The command's files are no library: a test takes the one it is about. */
#include "cmd/crun-lite/options.c"

struct sample {
    bool flag;
    const char *text;
    const char *any;
    struct string_list texts;
    unsigned number;
    int64_t time;
    struct optional_string optional;
};

static const struct option sample_rows[] = {
    {"flag",   'f',      OPTION_FLAG, offsetof(struct sample, flag),                   NULL,            "a flag"},
    {"text",        't',           OPTION_STRING,            offsetof(struct sample,           text), "TEXT", "a\nb"},
    {"texts",  0,          OPTION_STRINGS,               offsetof(struct sample,                                   texts),                                   "TEXT",              "several"},
    {"number",  'n', OPTION_NUMBER,            offsetof(struct sample,                           number),            "N", "a number"},
    {"old", 0,      OPTION_IGNORED,       0,   "X",           NULL                        },
    {"old-flag",       0,            OPTION_IGNORED_FLAG,             0,                                 NULL,                                     NULL                    },
};

static const struct option more_rows[] = {
    {"time",     0, OPTION_DURATION,        offsetof(struct sample, time),     "TIME", "a duration"},
    {"optional", 0, OPTION_OPTIONAL_STRING, offsetof(struct sample, optional), "DIR",  "optional"  },
    {"any",      0, OPTION_ANY_STRING,      offsetof(struct sample, any),      "TEXT", "any text"  },
};

static const struct option_set anywhere = {
    .tables = {OPTION_TABLE_OF(sample_rows), OPTION_TABLE_OF(more_rows)},
};

static const struct option_set in_front = {
    .tables = {OPTION_TABLE_OF(sample_rows), OPTION_TABLE_OF(more_rows)},
    .stop_at_first = true,
};

enum { MOST_ARGUMENTS = 12 };

static const char *list_text(const struct string_list *list, struct text *text)
{
    for (size_t i = 0; i < list->count; i++)
        text_print(text, "%s%s", i == 0 ? "" : ",", list->items[i]);
    return text->bytes;
}

/* What was read, as one line to compare: only what was given shows. */
static void read_line(const struct option_set *set, const char *const argv[], char line[512])
{
    struct arena arena = {0};
    struct sample sample = {0};
    struct arguments arguments = {0};
    struct error err = {0};
    char texts[128] = "", words[128] = "";
    struct text text = {.bytes = line, .size = 512};
    int code = options_parse(set, argv, &arena, &sample, &arguments, &err);

    if (code != 0) {
        text_print(&text, "%s", code == OPTIONS_HELP ? "help" : err.text);
        arena_free(&arena);
        return;
    }
    if (sample.flag)
        text_print(&text, "flag ");
    if (sample.text != NULL)
        text_print(&text, "text=%s ", sample.text);
    if (sample.any != NULL)
        text_print(&text, "any=%s ", sample.any);
    if (sample.texts.count > 0)
        text_print(&text, "texts=%s ", list_text(&sample.texts, &TEXT_IN(texts)));
    if (sample.number > 0)
        text_print(&text, "number=%u ", sample.number);
    if (sample.time > 0)
        text_print(&text, "time=%lld ", (long long)sample.time);
    if (sample.optional.given)
        text_print(&text, "optional=%s ", sample.optional.value ? sample.optional.value : "-");
    text_print(&text, "| %s", list_text(&arguments.items, &TEXT_IN(words)));
    if (arguments.dashes)
        text_print(&text, " dashes@%zu", arguments.before_dashes);
    arena_free(&arena);
}

struct line_case {
    const char *argv[MOST_ARGUMENTS];
    const char *line;
};

static void check_lines(const struct option_set *set, const struct line_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char line[512] = "";

        read_line(set, cases[i].argv, line);
        cr_expect_str_eq(line, cases[i].line, "case %zu (%s ...) gives: %s", i,
                         cases[i].argv[0] ? cases[i].argv[0] : "nothing", line);
    }
}

Test(cmd_options, every_way_to_write_an_option_is_read)
{
    static const struct line_case cases[] = {
        {{NULL},                                    "| "                 },
        {{"--flag"},                                "flag | "            },
        {{"-flag"},                                 "flag | "            },
        {{"-f"},                                    "flag | "            },
        {{"--flag=true"},                           "flag | "            },
        {{"--flag=1"},                              "flag | "            },
        {{"--flag", "--flag=false"},                "| "                 },
        {{"-f=F"},                                  "| "                 },
        {{"--text", "a"},                           "text=a | "          },
        {{"--text=a"},                              "text=a | "          },
        {{"-text=a"},                               "text=a | "          },
        {{"-text", "a"},                            "text=a | "          },
        {{"-t", "a"},                               "text=a | "          },
        {{"-t=a=b"},                                "text=a=b | "        },
        {{"--text="},                               "| "                 },
        {{"--text", ""},                            "| "                 },
        {{"--text", "a", "--text="},                "| "                 },
        {{"--any="},                                "any= | "            },
        {{"--any", "", "x"},                        "any= | x"           },
        {{"--texts="},                              "texts= | "          },
        {{"--text", "--flag"},                      "text=--flag | "     },
        {{"--text", "--"},                          "text=-- | "         },
        {{"--text", "a", "--text", "b"},            "text=b | "          },
        {{"--texts", "a", "--texts=b", "-texts=,"}, "texts=a,b,, | "     },
        {{"--number", "7"},                         "number=7 | "        },
        {{"--time=1m30s"},                          "time=90000000000 | "},
        {{"--optional"},                            "optional=- | "      },
        {{"--optional", "x"},                       "optional=- | x"     },
        {{"--optional=/x"},                         "optional=/x | "     },
        {{"--old", "x", "--old-flag", "--old=y"},   "| "                 },
    };

    check_lines(&anywhere, cases, count_of(cases));
}

Test(cmd_options, options_may_follow_arguments_until_two_dashes)
{
    static const struct line_case cases[] = {
        {{"id", "--flag"},             "flag | id"           },
        {{"id", "--text", "a", "b"},   "text=a | id,b"       },
        {{"id", "--", "--flag"},       "| id,--flag dashes@1"},
        {{"--", "id", "-f"},           "| id,-f dashes@0"    },
        {{"id", "--", "a", "--", "b"}, "| id,a,--,b dashes@1"},
        {{"-", "--flag"},              "flag | -"            },
    };

    check_lines(&anywhere, cases, count_of(cases));
}

Test(cmd_options, options_in_front_end_at_the_first_argument)
{
    static const struct line_case cases[] = {
        {{"--flag", "id", "--text", "-x"}, "flag | id,--text,-x" },
        {{"id", "--help"},                 "| id,--help"         },
        {{"id", "--", "ls"},               "| id,--,ls"          },
        {{"--", "id", "--flag"},           "| id,--flag dashes@0"},
    };

    check_lines(&in_front, cases, count_of(cases));
}

Test(cmd_options, help_wins_over_what_follows)
{
    static const struct line_case cases[] = {
        {{"--help"},           "help"             },
        {{"-h", "--nonsense"}, "help"             },
        {{"-help"},            "help"             },
        {{"id", "--help"},     "help"             },
        {{"--", "--help"},     "| --help dashes@0"},
    };

    check_lines(&anywhere, cases, count_of(cases));
}

Test(cmd_options, mistakes_name_the_option_and_the_value)
{
    static const struct line_case cases[] = {
        {{"--nonsense"},     "flag provided but not defined: --nonsense"              },
        {{"-x=1"},           "flag provided but not defined: -x=1"                    },
        {{"--fla"},          "flag provided but not defined: --fla"                   },
        {{"--flags"},        "flag provided but not defined: --flags"                 },
        {{"---flag"},        "flag provided but not defined: ---flag"                 },
        {{"--text"},         "flag needs an argument: --text"                         },
        {{"-t"},             "flag needs an argument: --text"                         },
        {{"--flag=maybe"},   "--flag: \"maybe\" is neither true nor false"            },
        {{"--old-flag=7"},   "--old-flag: \"7\" is neither true nor false"            },
        {{"--number", "-1"}, "--number: -1 is out of range (0 to 2147483647)"         },
        {{"--number=1x"},    "--number: \"1x\" is not a number"                       },
        {{"--time", "5"},    "--time: \"5\" is not a duration (such as 1h30m or 2.5s)"},
        {{"--time=0"},       "--time: must be more than 0"                            },
        {{"--\x1b[1m"},      "flag provided but not defined: --\\x1b[1m"              },
    };

    check_lines(&anywhere, cases, count_of(cases));
}

Test(cmd_options, help_shows_every_option_but_the_obsolete)
{
    char *shown = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&shown, &size);

    options_print_help(&anywhere, to);
    fclose(to);
    cr_assert_str_eq(shown, "  -f, --flag                    a flag\n"
                            "  -t, --text TEXT               a\n"
                            "                                b\n"
                            "      --texts TEXT              several\n"
                            "  -n, --number N                a number\n"
                            "      --time TIME               a duration\n"
                            "      --optional[=DIR]          optional\n"
                            "      --any TEXT                any text\n"
                            "  -h, --help                    show this help\n");
    free(shown);
}
