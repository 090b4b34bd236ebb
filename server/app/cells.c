#include "app/cells.h"

#include "base/assert.h"
#include "base/mem.h"

#include <inttypes.h>
#include <stdarg.h>

#define FORMATTED_BYTES_MAX 256

void cells_init(struct cells *cells, const struct table_column *columns, size_t column_count)
{
    *cells = (struct cells){.columns = columns, .column_count = column_count};
}

void cells_deinit(struct cells *cells)
{
    for (size_t i = 0; i < cells->count; i++)
        mem_free(cells->texts[i]);
    mem_free(cells->texts);
    *cells = (struct cells){.texts = NULL};
}

void cells_add(struct cells *cells, const char *text)
{
    if (cells->count == cells->capacity) {
        cells->capacity = cells->capacity > 0 ? 2 * cells->capacity : 64;
        cells->texts = mem_resize(cells->texts, cells->capacity * sizeof *cells->texts);
    }
    cells->texts[cells->count++] = text != NULL ? mem_copy_text(text) : NULL;
}

void cells_add_number(struct cells *cells, int64_t number)
{
    cells_add_format(cells, "%" PRId64, number);
}

void cells_add_format(struct cells *cells, const char *format, ...)
{
    char text[FORMATTED_BYTES_MAX];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    cells_add(cells, text);
}

void cells_print(const struct cells *cells)
{
    ASSERT(cells->count % cells->column_count == 0);
    const struct table_print table = {
        .columns = cells->columns,
        .column_count = cells->column_count,
        .cells = (const char *const *)cells->texts,
        .row_count = cells->count / cells->column_count,
    };
    table_print(&table, stdout);
}
