#pragma once

/* Text in columns, as `list` prints it: a column is as wide as its widest cell and three spaces, at
 * least twelve; the last one is not filled up. */

#include <stddef.h>
#include <stdio.h>

enum { COLUMNS_MOST = 16 };

/* Print `rows` rows of `columns` cells each, at most COLUMNS_MOST; cells[row * columns + column].
 */
void columns_print(const char *const *cells, size_t rows, size_t columns, FILE *to);
