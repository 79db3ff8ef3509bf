#include "runtime/strict.h"

#include <errno.h>
#include <string.h>

/* The first one is told in any case, as much of it as there is room for. */
static void gather(struct strict *strict, const char *line)
{
    char first[sizeof strict->bytes - 8];

    if (strict->count++ == 0)
        line = quotable_line(first, sizeof first, line);
    if (strict->text.used + strlen(line) + sizeof "; " >= strict->text.size)
        return;
    text_print(&strict->text, "%s%s", strict->told > 0 ? "; " : "", line);
    strict->told++;
}

static void sink(void *context, enum log_level level, const char *line)
{
    struct strict *strict = context;

    if (level == LOG_LEVEL_IGNORED)
        gather(strict, line);
    else if (strict->outer->write != NULL)
        strict->outer->write(strict->outer->context, level, line);
}

void strict_init(struct strict *strict, const struct log *outer)
{
    *strict = (struct strict){.outer = outer};
    strict->log = *outer;
    strict->log.write = sink;
    strict->log.context = strict;
    strict->log.strict = true;
    strict->text = TEXT_IN(strict->bytes);
}

int strict_verdict(const struct strict *strict, struct error *err)
{
    if (strict->count == 0)
        return 0;
    if (strict->told < strict->count)
        return refuse(err, EINVAL, "--strict: %s; and %zu more", strict->bytes,
                      strict->count - strict->told);
    return refuse(err, EINVAL, "--strict: %s", strict->bytes);
}
