#include "cmd/crun-lite/log_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/own.h"
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
    case LOG_FORMAT_SYSLOG:
    case LOG_FORMAT_JOURNAL:
        print_escaped(&text, message, LOG_FORMAT_PEOPLE, TAIL_SIZE);
        break;
    }
    return text.used;
}

/* syslog(3)'s numbers: a daemon's messages. */
static int priority_of(const char *level)
{
    return strcmp(level, "error") == 0     ? LOG_ERR
           : strcmp(level, "warning") == 0 ? LOG_WARNING
                                           : LOG_DEBUG;
}

static void write_line(const struct log_file *log_file, const char *level, const char *message)
{
    char line[LINE_SIZE];
    struct text text = TEXT_IN(line);
    int priority = priority_of(level);

    if (log_file->format == LOG_FORMAT_SYSLOG)
        text_print(&text, "<%d>%s[%d]: ", LOG_DAEMON | priority, log_file->identifier, getpid());
    if (log_file->format == LOG_FORMAT_JOURNAL)
        text_print(&text, "PRIORITY=%d\nSYSLOG_IDENTIFIER=%s\nMESSAGE=", priority,
                   log_file->identifier);

    size_t length = text.used + log_format_line(log_file->format, level, message, time(NULL),
                                                line + text.used, sizeof line - text.used - 1);

    line[length] = '\n';
    /* There is nowhere left to complain to. */
    (void)!write_all(log_file->fd, line, length + 1);
}

static const struct log_file people = {.fd = STDERR_FILENO, .format = LOG_FORMAT_PEOPLE};

/* --- opening
 * -------------------------------------------------------------------------------------------- */

/* Services that take lines as datagrams, by crun's prefixes of --log. */
static const struct service {
    const char *prefix;
    const char *socket;
    enum log_format format;
} services[] = {
    {"syslog:",   "/dev/log",                    LOG_FORMAT_SYSLOG },
    {"journald:", "/run/systemd/journal/socket", LOG_FORMAT_JOURNAL},
};

static int check_identifier(const char *identifier, struct error *err)
{
    char quoted[1040];

    for (const char *at = identifier; *at != '\0'; at++) {
        if (*at <= ' ' || *at > '~' || at - identifier >= 64)
            return refuse(err, EINVAL,
                          "--log: \"%s\" is no name for a log: at most 64 plain characters",
                          quotable(quoted, identifier));
    }
    return 0;
}

static int open_service(struct log_file *log_file, const struct service *service,
                        const char *identifier, struct error *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd;

    if (check_identifier(identifier, err) < 0)
        return -err->code;
    strcpy(address.sun_path, service->socket);
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0) {
        fail(err, errno, "--log: connect to %s", service->socket);
        close_fd(&fd);
        return -err->code;
    }
    log_file->fd = fd;
    log_file->format = service->format;
    log_file->identifier = *identifier != '\0' ? identifier : "crun-lite";
    return 0;
}

static int open_file(struct log_file *log_file, const char *path, bool json, struct error *err)
{
    char quoted[1040];
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0644);

    if (fd < 0)
        return fail(err, errno, "--log: open %s", quotable(quoted, path));
    log_file->fd = fd;
    log_file->format = json ? LOG_FORMAT_JSON : LOG_FORMAT_TEXT;
    return 0;
}

static int choose_level(struct log_file *log_file, const struct log_choice *choice,
                        struct error *err)
{
    const char *level = choice->level == NULL ? "warning" : choice->level;
    char quoted[1040];

    if (strcmp(level, "error") != 0 && strcmp(level, "warning") != 0 && strcmp(level, "debug") != 0)
        return refuse(err, EINVAL, "--log-level: \"%s\" is not one of error, warning, debug",
                      quotable(quoted, level));
    log_file->debug = choice->debug || strcmp(level, "debug") == 0;
    log_file->quiet = strcmp(level, "error") == 0 && !choice->debug;
    return 0;
}

int log_file_open(struct log_file *log_file, const struct log_choice *choice, struct error *err)
{
    const char *path = choice->path;
    bool json = choice->format != NULL && strcmp(choice->format, "json") == 0;
    char quoted[1040];

    if (choice->format != NULL && strcmp(choice->format, "text") != 0 && !json)
        return refuse(err, EINVAL, "--log-format: \"%s\" is neither text nor json",
                      quotable(quoted, choice->format));
    log_file->format = LOG_FORMAT_PEOPLE;
    log_file->fd = STDERR_FILENO;
    if (choose_level(log_file, choice, err) < 0)
        return -err->code;
    if (path == NULL) {
        log_file->format = json ? LOG_FORMAT_JSON : LOG_FORMAT_PEOPLE;
        return 0;
    }
    for (size_t i = 0; i < count_of(services); i++) {
        if (starts_with(path, services[i].prefix))
            return open_service(log_file, &services[i], path + strlen(services[i].prefix), err);
    }
    return open_file(log_file, path + (starts_with(path, "file:") ? strlen("file:") : 0), json,
                     err);
}

void log_file_write(void *context, enum log_level level, const char *text)
{
    const struct log_file *log_file = context;

    const char *name = level == LOG_LEVEL_DEBUG ? "debug" : "warning";

    if (log_file->quiet && level != LOG_LEVEL_DEBUG)
        return;
    /* A warning beside the error would make the log two objects (see the top of the header): people
     * get it all the same. */
    if (log_file->fd != STDERR_FILENO && !log_file->debug)
        write_line(&people, name, text);
    else
        write_line(log_file, name, text);
}

void log_file_error(const struct log_file *log_file, const char *text)
{
    if (log_file->format != LOG_FORMAT_PEOPLE)
        write_line(log_file, "error", text);
    if (log_file->fd != STDERR_FILENO || log_file->format == LOG_FORMAT_PEOPLE)
        log_file_tell(text);
}

void log_file_tell(const char *text)
{
    write_line(&people, "", text);
}
