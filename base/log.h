#pragma once

/* Where the library says what it does.  The caller owns the sink; the library only calls it. */

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_WARNING };

struct log {
    /* `text` is one line without a newline, valid during the call only.  May be NULL: no log. */
    void (*write)(void *context, enum log_level level, const char *text);
    void *context;
    _Bool debug; /* false: debug lines are not even formatted */
    int fd;      /* what the sink writes to: a child that closes all files keeps this one */
};

void log_debug(const struct log *log, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void log_warning(const struct log *log, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
