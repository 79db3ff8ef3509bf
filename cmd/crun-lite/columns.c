#include "cmd/crun-lite/columns.h"

enum { LEAST_WIDTH = 12, PADDING = 3 };

/* In characters: bytes that continue a UTF-8 sequence do not count. */
static size_t width_of(const char *cell)
{
    size_t width = 0;

    for (; *cell != '\0'; cell++)
        width += ((unsigned char)*cell & 0xc0) != 0x80;
    return width;
}

static size_t width_of_column(const char *const *cells, size_t rows, size_t columns, size_t column)
{
    size_t width = LEAST_WIDTH;

    for (size_t row = 0; row < rows; row++) {
        size_t wanted = width_of(cells[row * columns + column]) + PADDING;

        if (wanted > width)
            width = wanted;
    }
    return width;
}

void columns_print(const char *const *cells, size_t rows, size_t columns, FILE *to)
{
    size_t widths[COLUMNS_MOST] = {0};

    for (size_t column = 0; column + 1 < columns; column++)
        widths[column] = width_of_column(cells, rows, columns, column);
    for (size_t row = 0; row < rows; row++) {
        for (size_t column = 0; column < columns; column++) {
            const char *cell = cells[row * columns + column];

            fputs(cell, to);
            if (column + 1 < columns)
                fprintf(to, "%*s", (int)(widths[column] - width_of(cell)), "");
        }
        fputc('\n', to);
    }
}
