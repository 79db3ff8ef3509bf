#pragma once

/*
 * Where messages go: standard error for people, --log for engines.
 *
 * Engines decode the log whole (one podman reads as a single JSON object), so it gets exactly one
 * line when a command fails and nothing else unless --debug asked for more.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/log.h"

enum log_format {
    LOG_FORMAT_PEOPLE, /* crun-lite: what went wrong; on standard error only */
    LOG_FORMAT_TEXT,   /* time="2026-01-02T03:04:05Z" level=error msg="..." */
    LOG_FORMAT_JSON,   /* {"level":"error","msg":"...","time":"2026-01-02T03:04:05Z"} */
    LOG_FORMAT_SYSLOG, /* <27>ID[PID]: ..., a datagram to /dev/log (RFC 3164, as syslog(3) sends it)
                        */
    LOG_FORMAT_JOURNAL, /* PRIORITY=3, SYSLOG_IDENTIFIER=ID, MESSAGE=...: the journal's own protocol
                         */
};

struct log_file {
    int fd; /* of --log, or 2 */
    enum log_format format;
    bool debug;
    bool quiet;             /* errors alone: no warnings */
    const char *identifier; /* in syslog and the journal */
};

/* What the command line says about it. */
struct log_choice {
    const char *path;   /* FILE, file:FILE, syslog:ID, journald:ID; NULL: standard error */
    const char *format; /* "text", "json" or NULL */
    const char *level;  /* "error", "warning", "debug" or NULL: warning */
    bool debug;
};

/* Open a file for appending, or the socket of the service that was named.  The strings must outlive
 * the log. */
must_check int log_file_open(struct log_file *log_file, const struct log_choice *choice,
                             struct error *err);

/* The sink of struct log; `context` is the struct log_file.  Formats and calls write(2), nothing
 * else: it also runs in children after clone. */
void log_file_write(void *context, enum log_level level, const char *text);

/* The command failed: one line in the log, and one for people on standard error. */
void log_file_error(const struct log_file *log_file, const char *text);

/* One line for people on standard error that is neither an error nor wanted in the log. */
void log_file_tell(const char *text);

/* A line of the log without its newline, into `buffer`; `seconds` since 1970 may be negative.
 * Returns its length.  Whatever does not fit is cut inside msg, the line stays well formed. */
size_t log_format_line(enum log_format format, const char *level, const char *text, int64_t seconds,
                       char *buffer, size_t size);
