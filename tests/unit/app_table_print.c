#include "app/table_print.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

/* Borrowed until the next call. */
static const char *printed(const struct table_print *table, int sheet_of)
{
    static char *text;
    size_t bytes;
    free(text);
    text = NULL;
    FILE *out = open_memstream(&text, &bytes);
    cr_assert_not_null(out);
    if (sheet_of >= 0)
        table_print_sheet(table, (size_t)sheet_of, out);
    else
        table_print(table, out);
    cr_assert_eq(fclose(out), 0);
    return text;
}

static const struct table_column columns[] = {
    {"name", CELL_TEXT},       {"rows", CELL_COUNT},   {"size", CELL_BYTES},
    {"compressed", CELL_BOOL}, {"ratio", CELL_NUMBER},
};

static const char *const cells[] = {
    "tick_data", "11000000", "1048576", "t", "17.4", /* … */
    "é",         NULL,       "0",       "f", NULL,
};

Test(table_print, texts_are_left_and_numbers_right)
{
    struct table_print table = {columns, 5, cells, 2};
    cr_assert_str_eq(printed(&table, -1), "name             rows     size  compressed  ratio\n"
                                          "tick_data  11 000 000  1.0 MiB  yes          17.4\n"
                                          "é                   -      0 B  no              -\n");
}

Test(table_print, no_row_is_a_line_of_titles)
{
    struct table_print table = {columns, 5, NULL, 0};
    cr_assert_str_eq(printed(&table, -1), "name  rows  size  compressed  ratio\n");
}

Test(table_print, one_row_can_be_a_sheet)
{
    struct table_print table = {columns, 5, cells, 2};
    cr_assert_str_eq(printed(&table, 0), "name        tick_data\n"
                                         "rows        11 000 000\n"
                                         "size        1.0 MiB\n"
                                         "compressed  yes\n"
                                         "ratio       17.4\n");
    cr_assert_not_null(strstr(printed(&table, 1), "rows        -\n"));
}

Test(table_print, what_is_no_number_is_shown_as_it_is)
{
    static const char *const odd[] = {"x", "12 apples", "99999999999999999999", "maybe", "NaN"};
    struct table_print table = {columns, 5, odd, 1};
    cr_assert_not_null(strstr(printed(&table, 0), "rows        12 apples\n"));
    cr_assert_not_null(strstr(printed(&table, 0), "size        99999999999999999999\n"));
    cr_assert_not_null(strstr(printed(&table, 0), "compressed  maybe\n"));
    cr_assert_not_null(strstr(printed(&table, 0), "ratio       NaN\n"));
}

Test(table_print, durations_are_of_milliseconds)
{
    static const struct table_column duration[] = {{"took", CELL_DURATION_MS}};
    static const char *const long_ones[] = {"130000", "9223372036854775807", "-1"};
    struct table_print table = {duration, 1, long_ones, 3};
    cr_assert_str_eq(printed(&table, -1), "               took\n"
                                          "             2m 10s\n"
                                          "9223372036854775807\n"
                                          "                 -1\n");
}

Test(table_print, a_cell_cannot_steer_the_terminal)
{
    static const char *const evil[] = {"a\x1b[2J\nb\x7f", "1", "1", "t", "1"};
    struct table_print table = {columns, 5, evil, 1};
    cr_assert_not_null(strstr(printed(&table, 0), "name        a?[2J?b?\n"));
}
