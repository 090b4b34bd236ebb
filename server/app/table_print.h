/*
 * Rows of texts as an aligned table for people: a line of titles, then a line a row; texts to the
 * left, numbers to the right. What a terminal would act on (control characters) is shown as '?'.
 *
 * Two passes over cells that the caller has, so that every column is as wide as its widest cell and
 * no wider; nothing is kept. Main thread.
 */
#ifndef TAPEDECK_APP_TABLE_PRINT_H
#define TAPEDECK_APP_TABLE_PRINT_H

#include <stddef.h>
#include <stdio.h>

/* How the text of a cell is shown. What is no whole number in a CELL_COUNT, CELL_BYTES or
 * CELL_DURATION_MS is shown as it is. */
enum cell_kind {
    CELL_TEXT,        /* as it is, to the left */
    CELL_NUMBER,      /* as it is, to the right: "61800.30" */
    CELL_COUNT,       /* "345600": 345 600 */
    CELL_BYTES,       /* "12897484": 12.3 MiB */
    CELL_DURATION_MS, /* "130000": 2m 10s */
    CELL_BOOL,        /* "t" or "true": yes, "f" or "false": no */
};

struct table_column {
    const char *title;
    enum cell_kind kind;
};

struct table_print {
    const struct table_column *columns;
    size_t column_count;
    const char *const *cells; /* row by row; NULL: nothing is known, shown as "-" */
    size_t row_count;
};

#define TABLE_PRINT_COLUMNS_MAX 64

void table_print(const struct table_print *table, FILE *out);

/* One row as a line for each column, "title  value", the titles of one width. */
void table_print_sheet(const struct table_print *table, size_t row, FILE *out);

#endif
