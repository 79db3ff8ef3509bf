/* The log: lines that engines can decode, whatever the message holds. */

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "cmd/crun-lite/log_file.c"

static const char *line_of(enum log_format format, const char *level, const char *text,
                           int64_t seconds)
{
    static char line[LINE_SIZE];

    log_format_line(format, level, text, seconds, line, sizeof line);
    return line;
}

Test(cmd_log_file, json_has_the_keys_of_logrus_in_order)
{
    cr_assert_str_eq(
        line_of(LOG_FORMAT_JSON, "error", "it broke", 0),
        "{\"level\":\"error\",\"msg\":\"it broke\",\"time\":\"1970-01-01T00:00:00Z\"}");
}

Test(cmd_log_file, text_is_as_logrus_writes_without_a_terminal)
{
    cr_assert_str_eq(line_of(LOG_FORMAT_TEXT, "debug", "a \"b\" \\", 1),
                     "time=\"1970-01-01T00:00:01Z\" level=debug msg=\"a \\\"b\\\" \\\\\"");
}

Test(cmd_log_file, people_get_the_program_and_the_text)
{
    cr_assert_str_eq(line_of(LOG_FORMAT_PEOPLE, "", "run \"x\": no\nway", 1),
                     "crun-lite: run \"x\": no\\x0away");
    cr_assert_str_eq(line_of(LOG_FORMAT_PEOPLE, "warning", "careful", 1),
                     "crun-lite: warning: careful");
}

Test(cmd_log_file, everything_but_plain_text_is_escaped_in_json)
{
    static const struct {
        const char *text, *escaped;
    } cases[] = {
        {"\"\\/",                                "\\\"\\\\/"                           },
        {"\n\t\x1b\x7f",                         "\\u000a\\u0009\\u001b\\u007f"        },
        {"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"},
        {"\xff",                                 "\\ufffd"                             },
        {"\xc3",                                 "\\ufffd"                             },
        {"\xc0\xaf",                             "\\ufffd\\ufffd"                      },
        {"\xed\xa0\x80",                         "\\ufffd\\ufffd\\ufffd"               },
        {"\xf4\x90\x80\x80",                     "\\ufffd\\ufffd\\ufffd\\ufffd"        },
        {"a\xe2\x82",                            "a\\ufffd\\ufffd"                     },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char expected[256];

        snprintf(expected, sizeof expected,
                 "{\"level\":\"error\",\"msg\":\"%s\",\"time\":\"1970-01-01T00:00:00Z\"}",
                 cases[i].escaped);
        cr_expect_str_eq(line_of(LOG_FORMAT_JSON, "error", cases[i].text, 0), expected);
    }
}

Test(cmd_log_file, times_are_those_of_the_calendar)
{
    /* Every 9.7 days or so over six centuries, against the C library. */
    for (int64_t seconds = -INT64_C(9000000000); seconds < INT64_C(9000000000); seconds += 838391) {
        char expected[64], line[256];
        struct text text = TEXT_IN(line);
        time_t time = (time_t)seconds;
        struct tm fields;

        gmtime_r(&time, &fields);
        strftime(expected, sizeof expected, "%Y-%m-%dT%H:%M:%SZ", &fields);
        print_time(&text, seconds);
        cr_assert_str_eq(line, expected);
    }
}

Test(cmd_log_file, a_message_too_long_is_cut_and_the_line_stays_whole)
{
    char text[400], line[200];

    memset(text, '"', sizeof text - 1);
    text[sizeof text - 1] = '\0';

    size_t length = log_format_line(LOG_FORMAT_JSON, "error", text, 0, line, sizeof line);
    const char *end = "\\\"\",\"time\":\"1970-01-01T00:00:00Z\"}";

    cr_assert_lt(length, sizeof line);
    cr_assert_str_eq(line + length - strlen(end), end);
}

/* What is in the file after `write` has written to the log. */
static char *logged(const char *format, bool debug, void (*write)(struct log_file *))
{
    char path[] = "/tmp/crun-lite-log-XXXXXX";
    static char text[4096];
    struct log_file log_file = {.fd = -1};
    struct error err;
    int fd = mkstemp(path);

    cr_assert_eq(log_file_open(&log_file, &(struct log_choice){path, format, NULL, debug}, &err),
                 0);
    write(&log_file);
    text[read(fd, text, sizeof text - 1)] = '\0';
    close(log_file.fd);
    close(fd);
    unlink(path);
    return text;
}

static void warn_and_fail(struct log_file *log_file)
{
    log_file_write(log_file, LOG_LEVEL_WARNING, "careful");
    log_file_error(log_file, "it broke");
}

static size_t lines_in(const char *text)
{
    size_t lines = 0;

    for (; *text != '\0'; text++)
        lines += *text == '\n';
    return lines;
}

Test(cmd_log_file, a_failure_is_exactly_one_line_unless_debugging)
{
    cr_expect_eq(lines_in(logged("json", false, warn_and_fail)), 1);
    cr_expect_not_null(strstr(logged("json", false, warn_and_fail), "\"msg\":\"it broke\""));
    cr_expect_eq(lines_in(logged("text", true, warn_and_fail)), 2);
    cr_expect_not_null(strstr(logged(NULL, true, warn_and_fail), "level=warning msg=\"careful\""));
}

Test(cmd_log_file, what_is_no_choice_is_refused)
{
    static const struct {
        struct log_choice choice;
        int code;
        const char *text;
    } cases[] = {
        {{NULL, "xml", NULL, false},                   EINVAL, "--log-format: \"xml\" is neither text nor json"                  },
        {{NULL, NULL, "loud", false},
         EINVAL,                                               "--log-level: \"loud\" is not one of error, warning, debug"       },
        {{"/nonexistent/log", "json", NULL, false},
         ENOENT,                                               "--log: open /nonexistent/log: No such file or directory"         },
        {{"file:/nonexistent/log", NULL, NULL, false},
         ENOENT,                                               "--log: open /nonexistent/log: No such file or directory"         },
        {{"syslog:a b", NULL, NULL, false},
         EINVAL,                                               "--log: \"a b\" is no name for a log: at most 64 plain characters"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct log_file log_file = {.fd = -1};
        struct error err;

        cr_expect_eq(log_file_open(&log_file, &cases[i].choice, &err), -cases[i].code);
        cr_expect_str_eq(err.text, cases[i].text);
        cr_expect_eq(log_file.format, LOG_FORMAT_PEOPLE);
    }
}

/* What a service gets for one error. */
static const char *datagram(enum log_format format)
{
    static char got[1024];
    int ends[2];

    cr_assert_eq(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends), 0);

    struct log_file log_file = {.fd = ends[0], .format = format, .identifier = "web"};

    write_line(&log_file, "error", "it\nbroke");
    got[recv(ends[1], got, sizeof got - 1, MSG_DONTWAIT)] = '\0';
    close(ends[0]);
    close(ends[1]);
    return got;
}

Test(cmd_log_file, services_get_one_datagram_an_error)
{
    char expected[128];

    snprintf(expected, sizeof expected, "<27>web[%d]: it\\x0abroke\n", getpid());
    cr_expect_str_eq(datagram(LOG_FORMAT_SYSLOG), expected);
    cr_expect_str_eq(datagram(LOG_FORMAT_JOURNAL),
                     "PRIORITY=3\nSYSLOG_IDENTIFIER=web\nMESSAGE=it\\x0abroke\n");
}

Test(cmd_log_file, at_level_error_nothing_else_is_told)
{
    struct log_file log_file;
    struct error err;
    int ends[2];
    char byte;

    cr_assert_eq(log_file_open(&log_file, &(struct log_choice){NULL, NULL, "error", false}, &err),
                 0);
    cr_assert_eq(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends), 0);
    log_file.fd = ends[0];
    log_file.debug = true;
    log_file_write(&log_file, LOG_LEVEL_WARNING, "careful");
    cr_expect_eq(recv(ends[1], &byte, 1, MSG_DONTWAIT), -1);
    log_file.quiet = false;
    log_file_write(&log_file, LOG_LEVEL_WARNING, "careful");
    cr_expect_eq(recv(ends[1], &byte, 1, MSG_DONTWAIT), 1);
    close(ends[0]);
    close(ends[1]);
}
