/*
 * Cells of a table (table_print.h) while it is filled in, a row at a time: texts are copied, and
 * freed together. Main thread.
 */
#ifndef TAPEDECK_APP_CELLS_H
#define TAPEDECK_APP_CELLS_H

#include "app/table_print.h"
#include "base/status.h"

#include <stdint.h>

struct cells {
    const struct table_column *columns;
    size_t column_count;
    char **texts;
    size_t count;
    size_t capacity;
};

/* `columns` are borrowed until the end. */
void cells_init(struct cells *cells, const struct table_column *columns, size_t column_count);
void cells_deinit(struct cells *cells);
/* The next cell; NULL: nothing is known. */
void cells_add(struct cells *cells, const char *text);
void cells_add_number(struct cells *cells, int64_t number);
void cells_add_format(struct cells *cells, const char *format, ...) PRINTF_LIKE(2, 3);
/* To stdout: every row must be complete. */
void cells_print(const struct cells *cells);

#endif
