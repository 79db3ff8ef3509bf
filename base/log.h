#pragma once

/* Where the library says what it does.  The caller owns the sink; the library only calls it. */

enum log_level {
    LOG_LEVEL_DEBUG,
    LOG_LEVEL_WARNING,
    LOG_LEVEL_IGNORED, /* only where log.strict is set: see log_ignored() */
};

struct log {
    /* `text` is one line without a newline, valid during the call only.  May be NULL: no log. */
    void (*write)(void *context, enum log_level level, const char *text);
    void *context;
    _Bool debug; /* false: debug lines are not even formatted */
    /* What is ignored goes to the sink as LOG_LEVEL_IGNORED, for who makes an error of it; and what
     * would be done without, once things are under way, is an error there and then. */
    _Bool strict;
    int fd;              /* what the sink writes to: a child that closes all files keeps this one */
    struct trace *trace; /* base/timing.h; NULL: none */
};

void log_debug(const struct log *log, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void log_warning(const struct log *log, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* A part of the configuration has no effect: "<place>: <why>".  A line of `level`, as much as it
 * usually matters; in a strict log all of them alike, as LOG_LEVEL_IGNORED. */
void log_ignored(const struct log *log, enum log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* log->strict; NULL is not. */
_Bool log_is_strict(const struct log *log);
