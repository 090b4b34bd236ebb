/* What a subscriber to live candles has been told, and what of it is out of date: without a feed.
 */
#include "feed/picture.h"

#include <criterion/criterion.h>

#define MINUTE TIME_MINUTE_US
#define LONG_AGO (-10000 * MINUTE)
#define ROWS_MOST (PICTURE_ROWS_MAX + 10)

static struct picture picture;
static struct candle_query_range asked;
static struct candle rows[ROWS_MOST];

static void set_up(void)
{
    picture_init(&picture, MINUTE, (struct time_range){LONG_AGO, TIME_MAX}, 100, false);
}

static void tear_down(void)
{
    picture_deinit(&picture);
}

TestSuite(feed_picture, .init = set_up, .fini = tear_down);

/* Candles of minutes in a row. */
static struct candle_rows made(int64_t from, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        rows[i] = candle_at(from + (int64_t)i * MINUTE);
        candle_add_trade(&rows[i], (int64_t)i, 1);
    }
    return (struct candle_rows){.candles = rows, .count = count};
}

static bool take(enum picture_due due, struct candle_rows taken)
{
    return picture_take(&picture, due, &taken, TIME_MAX);
}

/* He is told the minutes from 0 on. */
static void tell(size_t count)
{
    cr_assert_eq(picture_ask(&picture, TIME_MAX, &asked), PICTURE_SNAPSHOT);
    cr_assert(take(PICTURE_SNAPSHOT, made(0, count)));
    cr_assert(!picture_is_stale(&picture));
}

static void mark(int64_t from, int64_t to)
{
    picture_mark(&picture, (struct time_range){from, to});
}

Test(feed_picture, is_due_again_where_it_could_not_be_loaded)
{
    cr_assert_eq(picture_ask(&picture, TIME_MAX, &asked), PICTURE_SNAPSHOT);
    cr_assert(!picture_is_stale(&picture), "it is under way");
    picture_fail(&picture, PICTURE_SNAPSHOT);
    tell(100);
    mark(99 * MINUTE, 99 * MINUTE + 1);
    cr_assert_eq(picture_ask(&picture, TIME_MAX, &asked), PICTURE_UPDATE);
    cr_assert(!picture_is_stale(&picture));
    picture_fail(&picture, PICTURE_UPDATE);
    cr_assert_eq(picture_ask(&picture, TIME_MAX, &asked), PICTURE_UPDATE);
    cr_assert(asked.from == 99 * MINUTE && asked.to == 100 * MINUTE);
}

/* Quotes came, and no trade. */
Test(feed_picture, is_not_told_of_a_bucket_without_a_trade)
{
    tell(100);
    mark(100 * MINUTE, 101 * MINUTE);
    cr_assert_eq(picture_ask(&picture, TIME_MAX, &asked), PICTURE_UPDATE);
    cr_assert(!take(PICTURE_UPDATE, made(0, 0)), "there is nothing to say");
    cr_assert(!picture_is_stale(&picture));
}

Test(feed_picture, is_told_whole_where_a_candle_has_gone)
{
    tell(100);
    mark(50 * MINUTE, 52 * MINUTE);
    cr_assert_eq(picture_ask(&picture, TIME_MAX, &asked), PICTURE_UPDATE);
    cr_assert(!take(PICTURE_UPDATE, made(51 * MINUTE, 1)), "an update cannot take one back");
    cr_assert_eq(picture_ask(&picture, TIME_MAX, &asked), PICTURE_SNAPSHOT);
}

Test(feed_picture, takes_a_candle_that_comes_between_two)
{
    cr_assert_eq(picture_ask(&picture, TIME_MAX, &asked), PICTURE_SNAPSHOT);
    struct candle_rows told = made(0, 100);
    for (size_t i = 50; i < 100; i++)
        rows[i].time += MINUTE; /* all but the minute 50 */
    cr_assert(take(PICTURE_SNAPSHOT, told));
    mark(50 * MINUTE, 52 * MINUTE);
    cr_assert_eq(picture_ask(&picture, TIME_MAX, &asked), PICTURE_UPDATE);
    cr_assert(take(PICTURE_UPDATE, made(50 * MINUTE, 2)));
    cr_assert_eq(picture.count, 101);
    for (size_t i = 0; i < picture.count; i++)
        cr_assert_eq(picture.times[i], (int64_t)i * MINUTE);
}

/* However long he listens. */
Test(feed_picture, forgets_the_oldest_of_many)
{
    tell(PICTURE_ROWS_MAX - 10);
    for (int64_t minute = PICTURE_ROWS_MAX - 10; minute < PICTURE_ROWS_MAX + 10; minute++) {
        mark(minute * MINUTE, minute * MINUTE + 1);
        cr_assert_eq(picture_ask(&picture, TIME_MAX, &asked), PICTURE_UPDATE);
        cr_assert(take(PICTURE_UPDATE, made(minute * MINUTE, 1)));
    }
    cr_assert_eq(picture.count, PICTURE_ROWS_MAX);
    for (size_t i = 0; i < picture.count; i++)
        cr_assert_eq(picture.times[i], ((int64_t)i + 10) * MINUTE);
    mark(3 * MINUTE, 4 * MINUTE);
    cr_assert_eq(picture_ask(&picture, TIME_MAX, &asked), PICTURE_CURRENT,
                 "nobody has it any more");
}
