#include "app/when.h"
#include "market/time.h"

#include <criterion/criterion.h>

Test(app_when, a_span_is_told_in_the_largest_unit_that_tells_it)
{
    static const struct {
        int64_t us;
        const char *text;
    } spans[] = {
        {0, "0 ms"},
        {999, "0 ms"},
        {250000, "250 ms"},
        {TIME_SECOND_US, "1 s"},
        {TIME_SECOND_US + 999999, "1999 ms"},
        {103 * TIME_SECOND_US, "103 s"},
        {TIME_MINUTE_US, "1 min"},
        {2 * TIME_MINUTE_US, "2 min"},
        {TIME_HOUR_US, "1 h"},
        {TIME_HOUR_US + 1, "60 min"},
        {TIME_DAY_US, "1 d"},
        {47 * TIME_HOUR_US, "47 h"},
        {90 * TIME_DAY_US, "90 d"},
    };
    for (size_t i = 0; i < sizeof spans / sizeof *spans; i++)
        cr_expect_str_eq(when_span(spans[i].us).text, spans[i].text);
}

Test(app_when, an_instant_is_told_by_its_distance_both_ways)
{
    int64_t now = INT64_C(1795192130757677);
    cr_expect_str_eq(when_relative(now, now).text, "now");
    cr_expect_str_eq(when_relative(now - 999999, now).text, "now");
    cr_expect_str_eq(when_relative(now - 120 * TIME_SECOND_US, now).text, "2 min ago");
    cr_expect_str_eq(when_relative(now + 3 * TIME_HOUR_US, now).text, "in 3 h");
    cr_expect_str_eq(when_format(now - 120 * TIME_SECOND_US, now).text,
                     "2026-11-20T16:26:50Z, 2 min ago");
}
