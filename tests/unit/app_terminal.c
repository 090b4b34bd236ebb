#include "app/terminal.h"

#include "captured.h"

#include <criterion/criterion.h>
#include <string.h>

#define SECOND_US INT64_C(1000000)

Test(terminal, groups_the_digits_of_counts)
{
    cr_assert_str_eq(terminal_count(0).text, "0");
    cr_assert_str_eq(terminal_count(999).text, "999");
    cr_assert_str_eq(terminal_count(1000).text, "1 000");
    cr_assert_str_eq(terminal_count(345600).text, "345 600");
    cr_assert_str_eq(terminal_count(-1234567).text, "-1 234 567");
    cr_assert_str_eq(terminal_count(INT64_MAX).text, "9 223 372 036 854 775 807");
    cr_assert_str_eq(terminal_count(INT64_MIN).text, "-9 223 372 036 854 775 808");
}

Test(terminal, shortens_large_numbers_to_what_can_be_read)
{
    cr_assert_str_eq(terminal_short_count(0).text, "0");
    cr_assert_str_eq(terminal_short_count(999).text, "999");
    cr_assert_str_eq(terminal_short_count(999.7).text, "1.0 k");
    cr_assert_str_eq(terminal_short_count(1234).text, "1.2 k");
    cr_assert_str_eq(terminal_short_count(123456).text, "123 k");
    cr_assert_str_eq(terminal_short_count(1234567).text, "1.2 M");
    cr_assert_str_eq(terminal_short_count(5e12).text, "5000 G");
}

Test(terminal, writes_sizes_in_units_of_1024)
{
    cr_assert_str_eq(terminal_bytes(0).text, "0 B");
    cr_assert_str_eq(terminal_bytes(1023).text, "1023 B");
    cr_assert_str_eq(terminal_bytes(1024).text, "1.0 KiB");
    cr_assert_str_eq(terminal_bytes(12897484).text, "12.3 MiB");
    cr_assert_str_eq(terminal_bytes(INT64_C(345) << 30).text, "345 GiB");
}

Test(terminal, writes_durations_with_two_units_at_most)
{
    cr_assert_str_eq(terminal_duration(0).text, "0us");
    cr_assert_str_eq(terminal_duration(20000).text, "20ms");
    cr_assert_str_eq(terminal_duration(1500000).text, "1.5s");
    cr_assert_str_eq(terminal_duration(59 * SECOND_US).text, "59s");
    cr_assert_str_eq(terminal_duration(130 * SECOND_US).text, "2m 10s");
    cr_assert_str_eq(terminal_duration(3605 * SECOND_US).text, "1h 00m");
    cr_assert_str_eq(terminal_duration(90000 * SECOND_US).text, "1d 01h");
}

Test(terminal, knows_a_utf8_locale_by_its_name)
{
    cr_assert(terminal_locale_is_utf8("de_DE.UTF-8"));
    cr_assert(terminal_locale_is_utf8("C.utf8"));
    cr_assert_not(terminal_locale_is_utf8("C"));
    cr_assert_not(terminal_locale_is_utf8("de_DE.ISO-8859-1"));
    cr_assert_not(terminal_locale_is_utf8(""));
}

static struct terminal_progress progress(const char *unit, int64_t total, int64_t done)
{
    struct terminal_progress made = {.unit = unit, .total = total, .done = done};
    strcpy(made.label, "importing");
    return made;
}

static const char *line(const struct terminal_progress *made, int64_t now_us, size_t width,
                        bool utf8)
{
    static struct buffer out;
    buffer_deinit(&out);
    buffer_init(&out, 4096);
    terminal_progress_line(made, now_us, width, utf8, &out);
    return buffer_text(&out);
}

Test(terminal, draws_a_bar_the_amount_the_rate_and_what_is_left)
{
    struct terminal_progress half = progress("rows", 100000, 50000);
    cr_assert_str_eq(line(&half, 10 * SECOND_US, 120, false),
                     "importing [############............]  50%  50 000 of 100 000 rows"
                     "  5.0 k rows/s  10s left");
    cr_assert_str_eq(line(&half, 10 * SECOND_US, 120, true),
                     "importing ████████████░░░░░░░░░░░░  50%  50 000 of 100 000 rows"
                     "  5.0 k rows/s  10s left");
}

Test(terminal, counts_bytes_as_sizes_and_percents_without_a_rate)
{
    struct terminal_progress bytes = progress("bytes", 10 << 20, 5 << 20);
    cr_assert_str_eq(line(&bytes, 2 * SECOND_US, 120, false),
                     "importing [############............]  50%  5.0 MiB of 10.0 MiB"
                     "  2.5 MiB/s  2s left");
    struct terminal_progress percents = progress("%", 100, 25);
    cr_assert_str_eq(line(&percents, 1 * SECOND_US, 120, false),
                     "importing [######..................]  25%  3s left");
}

Test(terminal, leaves_out_what_does_not_fit_or_is_not_known)
{
    struct terminal_progress half = progress("rows", 100000, 50000);
    for (size_t width = 9; width < 120; width++)
        cr_expect_leq(strlen(line(&half, 10 * SECOND_US, width, false)), width, "%zu", width);
    cr_assert_str_eq(line(&half, 10 * SECOND_US, 50, false),
                     "importing [############............]  50%");
    struct terminal_progress unknown = progress("rows", 0, 5000);
    cr_assert_str_eq(line(&unknown, 1 * SECOND_US, 120, false),
                     "importing  5 000 rows  5.0 k rows/s");
    struct terminal_progress begun = progress("rows", 100, 0);
    cr_assert_str_eq(line(&begun, 0, 120, false),
                     "importing [........................]   0%  0 of 100 rows");
}

Test(terminal, never_shows_more_than_all_of_it)
{
    struct terminal_progress more = progress("rows", 100, 250);
    cr_assert_str_eq(line(&more, 0, 120, false),
                     "importing [########################] 100%  250 of 100 rows");
}

static void write_lines(void)
{
    terminal_warning("%d bad rows", 3);
    terminal_error("cannot read %s", "x");
}

Test(terminal, writes_warnings_and_errors_plainly_into_a_pipe)
{
    struct captured captured = capture_stderr(write_lines);
    cr_assert_str_eq(captured.text, "warning: 3 bad rows\nerror: cannot read x\n");
}

static void ask(void)
{
    if (terminal_confirm("Delete everything?"))
        _exit(1);
}

Test(terminal, takes_no_for_an_answer_where_nobody_can_be_asked)
{
    struct captured captured = capture_stderr(ask);
    cr_assert_eq(captured.wait_status, 0);
    cr_assert_str_eq(captured.text, "");
}

static void progress_quickly(void)
{
    struct terminal_progress made;
    terminal_progress_begin(&made, "quick", 1000000, "rows");
    for (int64_t i = 0; i <= 1000000; i++)
        terminal_progress_set(&made, i);
    terminal_progress_end(&made);
}

Test(terminal, writes_nothing_into_a_pipe_about_what_is_soon_done)
{
    struct captured captured = capture_stderr(progress_quickly);
    cr_assert_str_eq(captured.text, "");
}
