#include "bench/step.h"

#include <criterion/criterion.h>

#define MONDAY INT64_C(946857600000000) /* 2000-01-03, where all buckets begin */
#define SECOND INT64_C(1000000)

static struct step parsed(const char *text)
{
    struct step step;
    struct error error;
    cr_assert_eq(step_parse(text, &step, &error), STATUS_OK, "%s", error.text);
    return step;
}

Test(step, what_is_no_unit_is_refused)
{
    struct step step;
    struct error error;
    static const char *const wrong[] = {"", "ticks", "1", "0s", "1y", "-1m"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        cr_assert_eq(step_parse(wrong[i], &step, &error), STATUS_INVALID, "%s", wrong[i]);
}

Test(step, an_interval_leads_to_the_next_multiple_in_both_directions)
{
    struct step step = parsed("10s");
    int64_t end = MONDAY + 100 * SECOND;
    cr_assert_eq(step_target(&step, MONDAY, end, 0), MONDAY + 10 * SECOND);
    cr_assert_eq(step_target(&step, MONDAY + 1, end, 0), MONDAY + 10 * SECOND);
    cr_assert_eq(step_target(&step, MONDAY + 99 * SECOND, end, 0), end);
    cr_assert_eq(step_target(&step, end, MONDAY, 0), MONDAY + 90 * SECOND);
    cr_assert_eq(step_target(&step, end - 1, MONDAY, 0), MONDAY + 90 * SECOND);
    cr_assert_eq(step_target(&step, MONDAY + 13 * SECOND, MONDAY + 11 * SECOND, 0),
                 MONDAY + 11 * SECOND);
}

Test(step, a_frame_leads_as_far_as_a_frame_and_not_beyond_the_end)
{
    struct step step = parsed("frame");
    cr_assert_eq(step_target(&step, MONDAY, MONDAY + SECOND, 16666.7), MONDAY + 16666);
    cr_assert_eq(step_target(&step, MONDAY, MONDAY + 5, 16666.7), MONDAY + 5);
    cr_assert_eq(step_target(&step, MONDAY + SECOND, MONDAY, 16666.7), MONDAY + SECOND - 16666);
}

Test(step, where_a_tick_leads_only_the_frames_tell)
{
    struct step step = parsed("tick");
    cr_assert_eq(step_target(&step, MONDAY, MONDAY + SECOND, 1), MONDAY + SECOND);
}
