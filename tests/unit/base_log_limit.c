#include "base/log_limit.h"

#include <criterion/criterion.h>

Test(log_limit, a_window_lets_a_few_lines_through_and_swallows_the_rest)
{
    struct log_limit limit = {0};
    unsigned swallowed = 99;
    for (int i = 0; i < LOG_LIMIT_LINES; i++) {
        cr_assert(log_limit_pass(&limit, i, &swallowed));
        cr_assert_eq(swallowed, 0);
    }
    swallowed = 99;
    for (int i = 0; i < 1000; i++)
        cr_assert_not(log_limit_pass(&limit, 1000 + i, &swallowed));
    cr_assert_eq(swallowed, 99, "untouched when it may not be written");
}

Test(log_limit, the_next_window_tells_how_many_were_swallowed_once)
{
    struct log_limit limit = {0};
    unsigned swallowed;
    for (int i = 0; i < LOG_LIMIT_LINES + 7; i++)
        (void)log_limit_pass(&limit, 5, &swallowed);
    cr_assert(log_limit_pass(&limit, LOG_LIMIT_WINDOW_US, &swallowed));
    cr_assert_eq(swallowed, 7);
    cr_assert(log_limit_pass(&limit, LOG_LIMIT_WINDOW_US + 1, &swallowed));
    cr_assert_eq(swallowed, 0);
}
