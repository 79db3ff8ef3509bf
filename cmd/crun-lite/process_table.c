#include "cmd/crun-lite/process_table.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static const char blanks[] = " \t\n";

/* The field of that number, not terminated; NULL when there are fewer. */
static const char *field(const char *row, int number, size_t *ret_length)
{
    for (int at = 0;; at++) {
        row += strspn(row, blanks);
        if (*row == '\0')
            return NULL;
        *ret_length = strcspn(row, blanks);
        if (at == number)
            return row;
        row += *ret_length;
    }
}

int process_table_pid_column(const char *heading)
{
    const char *name;
    size_t length;

    for (int column = 0; (name = field(heading, column, &length)) != NULL; column++) {
        if (length == strlen("PID") && strncmp(name, "PID", length) == 0)
            return column;
    }
    return -1;
}

static int compare(const void *left, const void *right)
{
    const pid_t *one = left, *other = right;

    return (*one > *other) - (*one < *other);
}

bool process_table_row_matches(const char *row, int column, const pid_t *pids, size_t count)
{
    size_t length;
    const char *text = field(row, column, &length);
    char *end;

    if (text == NULL)
        return false;

    long value = strtol(text, &end, 10);
    pid_t pid = (pid_t)value;

    if (end != text + length || pid != value)
        return false;
    return bsearch(&pid, pids, count, sizeof pid, compare) != NULL;
}
