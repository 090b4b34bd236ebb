#include "app/table_print.h"

#include "app/terminal.h"
#include "base/assert.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define GAP "  "
#define US_PER_MS 1000

/* One cell as it is shown: its own text, or one of a few bytes made of it. */
struct shown {
    const char *text;
    struct terminal_text made;
};

static bool read_integer(const char *text, int64_t *value)
{
    char *end;
    errno = 0;
    *value = strtoll(text, &end, 10);
    return end != text && *end == '\0' && errno == 0;
}

static bool is_one_of(const char *text, const char *one, const char *other)
{
    return strcmp(text, one) == 0 || strcmp(text, other) == 0;
}

static const char *show_bool(const char *cell)
{
    if (is_one_of(cell, "t", "true"))
        return "yes";
    return is_one_of(cell, "f", "false") ? "no" : cell;
}

static const char *show(enum cell_kind kind, const char *cell, struct shown *shown)
{
    int64_t value;
    shown->text = cell != NULL ? cell : "-";
    if (cell == NULL || kind == CELL_TEXT || kind == CELL_NUMBER)
        return shown->text;
    if (kind == CELL_BOOL)
        return shown->text = show_bool(cell);
    if (!read_integer(cell, &value))
        return shown->text;
    if (kind == CELL_BYTES)
        shown->made = terminal_bytes(value);
    else if (kind == CELL_COUNT)
        shown->made = terminal_count(value);
    else if (value > INT64_MAX / US_PER_MS || value < 0)
        return shown->text;
    else
        shown->made = terminal_duration(value * US_PER_MS);
    return shown->text = shown->made.text;
}

/* One for each character. */
static size_t columns_of(const char *text)
{
    size_t count = 0;
    for (; *text != '\0'; text++)
        count += ((unsigned char)*text & 0xC0) != 0x80;
    return count;
}

static void put_blanks(size_t count, FILE *out)
{
    (void)fprintf(out, "%*s", (int)count, "");
}

static void put_text(const char *text, FILE *out)
{
    for (; *text != '\0'; text++) {
        unsigned char byte = (unsigned char)*text;
        (void)fputc(byte < 0x20 || byte == 0x7F ? '?' : byte, out);
    }
}

static bool is_to_the_left(enum cell_kind kind)
{
    return kind == CELL_TEXT || kind == CELL_BOOL;
}

/* The last column gets no blanks behind it. */
static void put_cell(const char *text, enum cell_kind kind, size_t width, bool is_last, FILE *out)
{
    size_t columns = columns_of(text);
    size_t blanks = width > columns ? width - columns : 0;
    if (!is_to_the_left(kind))
        put_blanks(blanks, out);
    put_text(text, out);
    if (is_to_the_left(kind) && !is_last)
        put_blanks(blanks, out);
    (void)fputs(is_last ? "\n" : GAP, out);
}

static const char *cell_of(const struct table_print *table, size_t row, size_t column)
{
    return table->cells[row * table->column_count + column];
}

static size_t width_of(const struct table_print *table, size_t column)
{
    size_t width = columns_of(table->columns[column].title);
    for (size_t row = 0; row < table->row_count; row++) {
        struct shown shown;
        size_t columns =
            columns_of(show(table->columns[column].kind, cell_of(table, row, column), &shown));
        width = columns > width ? columns : width;
    }
    return width;
}

void table_print(const struct table_print *table, FILE *out)
{
    size_t widths[TABLE_PRINT_COLUMNS_MAX];
    size_t count = table->column_count;
    ASSERT(count <= TABLE_PRINT_COLUMNS_MAX);
    for (size_t i = 0; i < count; i++) {
        widths[i] = width_of(table, i);
        put_cell(table->columns[i].title, table->columns[i].kind, widths[i], i + 1 == count, out);
    }
    for (size_t row = 0; row < table->row_count; row++)
        for (size_t i = 0; i < count; i++) {
            struct shown shown;
            const char *text = show(table->columns[i].kind, cell_of(table, row, i), &shown);
            put_cell(text, table->columns[i].kind, widths[i], i + 1 == count, out);
        }
}

void table_print_sheet(const struct table_print *table, size_t row, FILE *out)
{
    size_t width = 0;
    ASSERT(row < table->row_count);
    for (size_t i = 0; i < table->column_count; i++) {
        size_t columns = columns_of(table->columns[i].title);
        width = columns > width ? columns : width;
    }
    for (size_t i = 0; i < table->column_count; i++) {
        struct shown shown;
        put_cell(table->columns[i].title, CELL_TEXT, width, false, out);
        put_cell(show(table->columns[i].kind, cell_of(table, row, i), &shown), CELL_TEXT, 0, true,
                 out);
    }
}
