#include "base/wheel.h"

#include "random.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdlib.h>

#define TIMERS 40
#define REVOLUTION_US (INT64_C(1) * WHEEL_SLOTS * WHEEL_SLOT_US)

/* The slow oracle: a list of when each timer is due, in whole slots. */
struct alarm {
    struct timer timer;
    bool armed;
    int64_t due_us;
    size_t fired; /* the turn of the last firing */
    struct alarm *cancels;
    struct alarm *rearms;
    int64_t rearm_us;
};

static struct wheel wheel;
static struct alarm alarms[TIMERS];
static size_t turn;
static int64_t last_due_us;
static size_t fired_count;

static void fire(struct timer *timer, int64_t now_us)
{
    struct alarm *alarm = CONTAINER_OF(timer, struct alarm, timer);
    cr_assert(alarm->armed, "fires only what is armed, and once");
    cr_assert(alarm->due_us <= now_us, "%" PRId64 " fired at %" PRId64, alarm->due_us, now_us);
    alarm->armed = false;
    alarm->fired = turn;
    last_due_us = alarm->due_us;
    fired_count++;
    if (alarm->cancels != NULL) {
        wheel_cancel(&wheel, &alarm->cancels->timer);
        alarm->cancels->armed = false;
    }
    if (alarm->rearms != NULL) {
        wheel_arm(&wheel, &alarm->rearms->timer, alarm->rearm_us);
        alarm->rearms->armed = true;
        alarm->rearms->due_us = alarm->rearms->timer.at_us;
    }
}

static void start(int64_t now_us)
{
    wheel_init(&wheel, now_us);
    for (size_t i = 0; i < TIMERS; i++) {
        alarms[i] = (struct alarm){.armed = false};
        timer_init(&alarms[i].timer, fire);
    }
}

static void arm(size_t i, int64_t at_us, int64_t now_us)
{
    wheel_arm(&wheel, &alarms[i].timer, at_us);
    int64_t due_slot = at_us / WHEEL_SLOT_US + (at_us % WHEEL_SLOT_US != 0);
    int64_t next_slot = now_us / WHEEL_SLOT_US + 1;
    alarms[i].armed = true;
    alarms[i].due_us = (due_slot < next_slot ? next_slot : due_slot) * WHEEL_SLOT_US;
}

static size_t run(int64_t now_us)
{
    turn++;
    fired_count = 0;
    last_due_us = INT64_MIN;
    size_t fired = wheel_run(&wheel, now_us);
    cr_assert(fired == fired_count);
    return fired;
}

Test(wheel, fires_at_the_first_turn_at_or_after_the_time)
{
    start(0);
    arm(0, 5000, 0);
    cr_assert(wheel_next_us(&wheel) == 5000);
    cr_assert(run(4999) == 0);
    cr_assert(run(5000) == 1);
    cr_assert(run(6000) == 0, "and once");
    cr_assert(wheel_next_us(&wheel) == INT64_MAX);
}

Test(wheel, rounds_a_time_up_to_a_slot)
{
    start(0);
    arm(0, 4001, 0);
    cr_assert(wheel_next_us(&wheel) == 5000);
    cr_assert(run(4999) == 0);
    cr_assert(run(5000) == 1);
}

Test(wheel, fires_what_is_past_at_the_next_slot)
{
    start(10000);
    arm(0, 10, 10000);
    arm(1, -5000, 10000);
    arm(2, INT64_MIN, 10000);
    cr_assert(wheel_next_us(&wheel) == 11000);
    cr_assert(run(10999) == 0);
    cr_assert(run(11000) == 3);
}

Test(wheel, keeps_a_timer_of_a_later_revolution_in_its_slot)
{
    start(0);
    arm(0, 3 * REVOLUTION_US + 7000, 0);
    cr_assert(wheel_next_us(&wheel) == REVOLUTION_US);
    cr_assert(run(7000) == 0);
    cr_assert(run(REVOLUTION_US + 7000) == 0);
    cr_assert(run(3 * REVOLUTION_US + 6999) == 0);
    cr_assert(wheel_next_us(&wheel) == 3 * REVOLUTION_US + 7000);
    cr_assert(run(3 * REVOLUTION_US + 7000) == 1);
}

Test(wheel, never_fires_what_is_armed_for_the_end_of_time)
{
    start(0);
    arm(0, 1000, 0);
    wheel_arm(&wheel, &alarms[1].timer, INT64_MAX);
    cr_assert(run(REVOLUTION_US) == 1);
    cr_assert(wheel.armed_count == 1);
    cr_assert(run(INT64_C(1) << 60) == 0);
    wheel_cancel(&wheel, &alarms[1].timer);
    cr_assert(wheel.armed_count == 0);
}

Test(wheel, moves_a_timer_that_is_armed_again)
{
    start(0);
    arm(0, 5000, 0);
    arm(0, 9000, 0);
    cr_assert(wheel.armed_count == 1);
    cr_assert(run(8000) == 0);
    cr_assert(run(9000) == 1);
    arm(0, 10000, 9000);
    cr_assert(run(10000) == 1, "and may be armed again after it fired");
}

Test(wheel, does_not_fire_what_was_cancelled)
{
    start(0);
    arm(0, 5000, 0);
    arm(1, 5000, 0);
    wheel_cancel(&wheel, &alarms[0].timer);
    wheel_cancel(&wheel, &alarms[0].timer);
    wheel_cancel(&wheel, &alarms[2].timer); /* was never armed */
    alarms[0].armed = false;
    cr_assert(run(6000) == 1);
    cr_assert(alarms[1].fired == turn);
}

Test(wheel, lets_a_timer_cancel_one_of_the_same_turn)
{
    start(0);
    arm(0, 1000, 0);
    arm(1, 2000, 0);
    arm(2, 3000, 0);
    alarms[0].cancels = &alarms[1];
    cr_assert(run(5000) == 2);
    cr_assert(alarms[1].fired == 0);
    cr_assert(wheel.armed_count == 0);
}

Test(wheel, leaves_what_a_timer_arms_for_the_next_turn)
{
    start(0);
    arm(0, 1000, 0);
    arm(1, 2000, 0);
    alarms[0].rearms = &alarms[0]; /* itself, in the past */
    alarms[0].rearm_us = 0;
    alarms[1].rearms = &alarms[2];
    alarms[1].rearm_us = 4000;
    cr_assert(run(5000) == 2, "no callback starves the loop");
    cr_assert(run(5000) == 0);
    cr_assert(run(6000) == 2);
}

Test(wheel, lets_a_timer_move_one_of_the_same_turn)
{
    start(0);
    arm(0, 1000, 0);
    arm(1, 2000, 0);
    alarms[0].rearms = &alarms[1];
    alarms[0].rearm_us = 9000;
    cr_assert(run(5000) == 1);
    cr_assert(run(8000) == 0);
    cr_assert(run(9000) == 1);
}

Test(wheel, stands_still_when_the_clock_does)
{
    start(5000);
    arm(0, 7000, 5000);
    cr_assert(run(6500) == 0);
    cr_assert(run(6500) == 0);
    cr_assert(run(3000) == 0, "nor does it go backwards");
    cr_assert(run(7000) == 1);
}

static int64_t earliest_due_us(void)
{
    int64_t earliest = INT64_MAX;
    for (size_t i = 0; i < TIMERS; i++) {
        if (alarms[i].armed && alarms[i].due_us < earliest)
            earliest = alarms[i].due_us;
    }
    return earliest;
}

static void check_next(int64_t now_us)
{
    int64_t next_us = wheel_next_us(&wheel);
    int64_t earliest = earliest_due_us();
    int64_t horizon_us = (now_us / WHEEL_SLOT_US + WHEEL_SLOTS) * WHEEL_SLOT_US;
    int64_t expected = earliest == INT64_MAX || earliest <= horizon_us ? earliest : horizon_us;
    cr_assert(next_us == expected, "%" PRId64 " instead of %" PRId64, next_us, expected);
}

static void check_turn(int64_t now_us, const bool *was_armed, const int64_t *was_due_us)
{
    for (size_t i = 0; i < TIMERS; i++) {
        bool due = was_armed[i] && was_due_us[i] <= now_us;
        cr_assert((alarms[i].fired == turn) == due, "timer %zu, due %" PRId64 ", at %" PRId64, i,
                  was_due_us[i], now_us);
    }
}

static int64_t random_gap_us(struct random *random)
{
    switch (random_below(random, 5)) {
    case 0:
        return random_between(random, 0, 1500);
    case 1:
        return random_between(random, 0, 20) * WHEEL_SLOT_US;
    case 2:
        return random_between(random, 0, REVOLUTION_US);
    case 3:
        return random_between(random, REVOLUTION_US - 2000, REVOLUTION_US + 2000);
    default:
        return random_between(random, 0, 5 * REVOLUTION_US);
    }
}

Test(wheel, agrees_with_a_list_of_due_times)
{
    struct random random = {.state = 1};
    for (size_t game = 0; game < 50; game++) {
        int64_t now_us = random_between(&random, 0, INT64_C(1) << 40);
        start(now_us);
        size_t fired = 0;
        for (size_t step = 0; step < 2000; step++) {
            size_t i = random_below(&random, TIMERS);
            size_t choice = random_below(&random, 8);
            if (choice < 4) {
                int64_t gap_us = random_gap_us(&random);
                arm(i, random_one_in(&random, 5) ? now_us - gap_us : now_us + gap_us, now_us);
            } else if (choice == 4) {
                wheel_cancel(&wheel, &alarms[i].timer);
                alarms[i].armed = false;
            } else {
                bool was_armed[TIMERS];
                int64_t was_due_us[TIMERS];
                for (size_t k = 0; k < TIMERS; k++) {
                    was_armed[k] = alarms[k].armed;
                    was_due_us[k] = alarms[k].due_us;
                }
                now_us += random_gap_us(&random) / (random_one_in(&random, 2) ? 10 : 1);
                fired += run(now_us);
                check_turn(now_us, was_armed, was_due_us);
            }
            check_next(now_us);
            size_t armed = 0;
            for (size_t k = 0; k < TIMERS; k++)
                armed += alarms[k].armed;
            cr_assert(wheel.armed_count == armed);
        }
        cr_assert(fired > 100, "%zu", fired);
    }
}

Test(wheel, fires_in_order_within_a_revolution)
{
    struct random random = {.state = 2};
    for (size_t game = 0; game < 500; game++) {
        int64_t now_us = random_between(&random, 0, INT64_C(1) << 40);
        start(now_us);
        for (size_t i = 0; i < TIMERS; i++)
            arm(i, now_us + random_between(&random, 0, 900000), now_us);
        int64_t order_us = INT64_MIN;
        while (wheel.armed_count > 0) {
            int64_t next_us = wheel_next_us(&wheel);
            cr_assert(run(next_us) > 0, "next is when something is due");
            cr_assert(last_due_us == next_us);
            cr_assert(next_us > order_us);
            order_us = next_us;
        }
    }
}
