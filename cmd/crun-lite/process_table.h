#pragma once

/* Rows of ps(1) that are about certain processes. */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* The number of the blank-separated column headed "PID", or -1. */
int process_table_pid_column(const char *heading);

/* Whether that column of `row` holds one of the `count` ascending pids. */
bool process_table_row_matches(const char *row, int column, const pid_t *pids, size_t count);
