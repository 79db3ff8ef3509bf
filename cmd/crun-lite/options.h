#pragma once

/*
 * Command line options from tables: one row an option.  The parser and --help both come from the
 * rows.  The habits are runc's, so that its callers may call us: -name is --name, a value follows
 * after "=" or as the next argument, --flag=false switches a flag off, "--" ends the options, and
 * the last of several wins.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/error.h"
#include "spec/spec.h"

enum option_kind {
    OPTION_FLAG,            /* bool                                                            */
    OPTION_STRING,          /* const char *; "" counts as not given, as with runc              */
    OPTION_ANY_STRING,      /* const char *; "" is a value as any other, often a wrong one     */
    OPTION_STRINGS,         /* struct string_list: each one given is added                     */
    OPTION_NUMBER,          /* unsigned                                                        */
    OPTION_DURATION,        /* int64_t, nanoseconds, more than 0                               */
    OPTION_OPTIONAL_STRING, /* struct optional_string: --name, or --name=value                 */
    OPTION_IGNORED,         /* nothing is stored; takes a value that old callers still pass    */
    OPTION_IGNORED_FLAG,    /* the same without a value                                        */
};

struct optional_string {
    bool given;
    const char *value; /* NULL when given without one */
};

struct option {
    const char *name;
    char letter; /* its short name, or 0 */
    enum option_kind kind;
    size_t offset;     /* in the struct that options_parse() fills */
    const char *value; /* what the value is called in --help */
    const char *help;  /* NULL: not shown (obsolete) */
};

struct option_table {
    const struct option *rows;
    size_t count;
};

#define OPTION_TABLE_OF(table)                                    \
    {                                                             \
        .rows = (table), .count = sizeof(table) / sizeof *(table) \
    }

/* A command's options are those of one or two tables over the same struct. */
#define OPTION_TABLES 2

struct option_set {
    struct option_table tables[OPTION_TABLES];
    bool stop_at_first; /* options end at the first argument that is not one */
};

/* What is left beside the options, in order. */
struct arguments {
    struct string_list items;
    bool dashes;          /* there was a "--" ... */
    size_t before_dashes; /* ... behind this many arguments */
};

enum { OPTIONS_HELP = 1 };

/* Read `argv` (NULL-terminated, without the program's name) into the struct *into, which the caller
 * has zeroed or filled with defaults.  Strings point into argv, lists are the arena's.  Returns 0,
 * OPTIONS_HELP when --help or -h was met, or -EINVAL with err for a mistake in usage. */
must_check int options_parse(const struct option_set *set, const char *const argv[],
                             struct arena *arena, void *into, struct arguments *ret,
                             struct error *err);

/* The spellings that Go's strconv.ParseBool knows, as runc's callers use them: -EINVAL for others.
 */
must_check int option_parse_bool(const char *text, bool *ret, struct error *err);

/* The options as --help lists them, --help itself last. */
void options_print_help(const struct option_set *set, FILE *to);
