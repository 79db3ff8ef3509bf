#include "cmd/crun-lite/log_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"

/* Room for a struct error whose every byte is escaped. */
#define LINE_SIZE (6 * 2048)

/* RFC 3339 in UTC.  gmtime_r() reads the time zone's file on its first use, and this also runs in a
 * child that may not allocate, so the calendar is worked out here: years of 400 that begin in
 * March, where leap days come last. */
static void print_time(struct text *text, int64_t seconds)
{
    const int64_t day_seconds = 86400, era_days = 146097;
    int64_t days = seconds / day_seconds - (seconds % day_seconds < 0);
    int64_t second = seconds - days * day_seconds;
    int64_t since = days + 719468; /* from 1 March of the year 0 */
    int64_t era = since / era_days - (since % era_days < 0);
    int64_t day = since - era * era_days;
    int64_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365;

    day -= year * 365 + year / 4 - year / 100;

    int64_t month = (5 * day + 2) / 153; /* 0 is March */

    day -= (153 * month + 2) / 5;
    text_print(text, "%04lld-%02d-%02dT%02d:%02d:%02dZ",
               (long long)(year + era * 400 + (month >= 10)), (int)((month + 2) % 12 + 1),
               (int)day + 1, (int)(second / 3600), (int)(second / 60 % 60), (int)(second % 60));
}

/* The length of the UTF-8 sequence at `at`, or 0 when it is none. */
static size_t utf8_length(const unsigned char *at)
{
    static const struct {
        unsigned char least, most, second_least, second_most;
        size_t length;
    } forms[] = {
        {0x20, 0x7e, 0,    0,    1},
        {0xc2, 0xdf, 0x80, 0xbf, 2},
        {0xe0, 0xe0, 0xa0, 0xbf, 3},
        {0xe1, 0xec, 0x80, 0xbf, 3},
        {0xed, 0xed, 0x80, 0x9f, 3}, /* without the surrogates */
        {0xee, 0xef, 0x80, 0xbf, 3},
        {0xf0, 0xf0, 0x90, 0xbf, 4},
        {0xf1, 0xf3, 0x80, 0xbf, 4},
        {0xf4, 0xf4, 0x80, 0x8f, 4},
    };

    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        if (at[0] < forms[i].least || at[0] > forms[i].most)
            continue;
        if (forms[i].length > 1 && (at[1] < forms[i].second_least || at[1] > forms[i].second_most))
            return 0;
        for (size_t byte = 2; byte < forms[i].length; byte++) {
            if ((at[byte] & 0xc0) != 0x80)
                return 0;
        }
        return forms[i].length;
    }
    return 0;
}

/* `value` with everything escaped that is not plain text.  Stops `reserve` bytes before the end of
 * the buffer, never inside a character or an escape. */
static void print_escaped(struct text *text, const char *value, enum log_format format,
                          size_t reserve)
{
    for (const unsigned char *at = (const unsigned char *)value; *at != '\0';) {
        size_t length = utf8_length(at);

        if (text->used + sizeof "\\u0000" + reserve > text->size)
            return;
        if (length == 0 && format == LOG_FORMAT_JSON)
            text_print(text, "\\u%04x", *at < 0x80 ? *at : 0xfffd);
        else if (length == 0)
            text_print(text, "\\x%02x", *at);
        else if (format != LOG_FORMAT_PEOPLE && (*at == '"' || *at == '\\'))
            text_print(text, "\\%c", *at);
        else
            text_print(text, "%.*s", (int)length, (const char *)at);
        at += length == 0 ? 1 : length;
    }
}

/* Behind the message: quote, time key, the time, brace, newline. */
#define TAIL_SIZE 64

size_t log_format_line(enum log_format format, const char *level, const char *message,
                       int64_t seconds, char *buffer, size_t size)
{
    struct text text = {.bytes = buffer, .size = size};

    switch (format) {
    case LOG_FORMAT_PEOPLE:
        text_print(&text, "crun-lite: %s%s", level, *level != '\0' ? ": " : "");
        print_escaped(&text, message, format, TAIL_SIZE);
        break;
    case LOG_FORMAT_TEXT:
        text_print(&text, "time=\"");
        print_time(&text, seconds);
        text_print(&text, "\" level=%s msg=\"", level);
        print_escaped(&text, message, format, TAIL_SIZE);
        text_print(&text, "\"");
        break;
    case LOG_FORMAT_JSON:
        text_print(&text, "{\"level\":\"%s\",\"msg\":\"", level);
        print_escaped(&text, message, format, TAIL_SIZE);
        text_print(&text, "\",\"time\":\"");
        print_time(&text, seconds);
        text_print(&text, "\"}");
        break;
    }
    return text.used;
}

static void write_line(int fd, enum log_format format, const char *level, const char *text)
{
    char line[LINE_SIZE];
    size_t length = log_format_line(format, level, text, time(NULL), line, sizeof line - 1);

    line[length] = '\n';
    /* There is nowhere left to complain to. */
    (void)!write_all(fd, line, length + 1);
}

int log_file_open(struct log_file *log_file, const char *path, const char *format, bool debug,
                  struct error *err)
{
    char quoted[1040];

    if (format != NULL && strcmp(format, "text") != 0 && strcmp(format, "json") != 0)
        return refuse(err, EINVAL, "--log-format: \"%s\" is neither text nor json",
                      quotable(quoted, format));
    log_file->debug = debug;
    if (format != NULL && strcmp(format, "json") == 0)
        log_file->format = LOG_FORMAT_JSON;
    else
        log_file->format = path != NULL ? LOG_FORMAT_TEXT : LOG_FORMAT_PEOPLE;
    log_file->fd = STDERR_FILENO;
    if (path == NULL)
        return 0;

    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0644);

    if (fd < 0) {
        log_file->format = LOG_FORMAT_PEOPLE;
        return fail(err, errno, "--log: open %s", quotable(quoted, path));
    }
    log_file->fd = fd;
    return 0;
}

void log_file_write(void *context, enum log_level level, const char *text)
{
    const struct log_file *log_file = context;

    const char *name = level == LOG_LEVEL_DEBUG ? "debug" : "warning";

    /* A warning beside the error would make the log two objects (see the top of the header): people
     * get it all the same. */
    if (log_file->fd != STDERR_FILENO && !log_file->debug)
        write_line(STDERR_FILENO, LOG_FORMAT_PEOPLE, name, text);
    else
        write_line(log_file->fd, log_file->format, name, text);
}

void log_file_error(const struct log_file *log_file, const char *text)
{
    if (log_file->format != LOG_FORMAT_PEOPLE)
        write_line(log_file->fd, log_file->format, "error", text);
    if (log_file->fd != STDERR_FILENO || log_file->format == LOG_FORMAT_PEOPLE)
        log_file_tell(text);
}

void log_file_tell(const char *text)
{
    write_line(STDERR_FILENO, LOG_FORMAT_PEOPLE, "", text);
}
