#include "app/bench.h"
#include "app/bench_windows.h"

#include <criterion/criterion.h>

/* The count stands in a header, the table elsewhere: a row too few would be a row of nothing. */
Test(bench_options, every_row_of_the_table_is_an_option)
{
    for (size_t i = 0; i < BENCH_OPTION_COUNT; i++) {
        cr_assert_not_null(bench_options[i].name, "row %zu", i);
        cr_assert_not_null(bench_options[i].help, "row %zu", i);
    }
}

Test(bench_windows_options, every_row_of_the_table_is_an_option)
{
    for (size_t i = 0; i < BENCH_WINDOWS_OPTION_COUNT; i++) {
        cr_assert_not_null(bench_windows_options[i].name, "row %zu", i);
        cr_assert_not_null(bench_windows_options[i].help, "row %zu", i);
    }
}
