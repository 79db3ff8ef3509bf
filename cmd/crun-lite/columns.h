#pragma once

/* Text in columns, as `list` prints it: a column is as wide as its widest cell and three spaces, at
 * least twelve; the last one is not filled up. */

#include <stddef.h>
#include <stdio.h>

/* Print `rows` rows of `columns` cells each; cells[row * columns + column]. */
void columns_print(const char *const *cells, size_t rows, size_t columns, FILE *to);
