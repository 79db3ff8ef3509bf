#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>

static void write_line(const struct log *log, enum log_level level, const char *format,
                       va_list args) __attribute__((format(printf, 3, 0)));

static void write_line(const struct log *log, enum log_level level, const char *format,
                       va_list args)
{
    char line[2048];

    vsnprintf(line, sizeof line, format, args);
    log->write(log->context, level, line);
}

void log_debug(const struct log *log, const char *format, ...)
{
    va_list args;

    if (log == NULL || log->write == NULL || !log->debug)
        return;
    va_start(args, format);
    write_line(log, LOG_LEVEL_DEBUG, format, args);
    va_end(args);
}

void log_warning(const struct log *log, const char *format, ...)
{
    va_list args;

    if (log == NULL || log->write == NULL)
        return;
    va_start(args, format);
    write_line(log, LOG_LEVEL_WARNING, format, args);
    va_end(args);
}

void log_ignored(const struct log *log, enum log_level level, const char *format, ...)
{
    va_list args;

    if (log == NULL || log->write == NULL)
        return;
    if (log->strict)
        level = LOG_LEVEL_IGNORED;
    else if (level == LOG_LEVEL_DEBUG && !log->debug)
        return;
    va_start(args, format);
    write_line(log, level, format, args);
    va_end(args);
}

_Bool log_is_strict(const struct log *log)
{
    return log != NULL && log->strict;
}
