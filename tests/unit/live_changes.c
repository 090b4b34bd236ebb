#include "live/changes.h"

#include <criterion/criterion.h>
#include <string.h>

static struct live_changes *changes;
static struct inbox inbox;
static struct live_listener listener;
static size_t letters;
static size_t wakes;

static void wake(void *owner)
{
    (void)owner;
    wakes++;
}

static void deliver(struct letter *letter)
{
    (void)letter;
    letters++;
}

static void set_up(void)
{
    inbox_init(&inbox, wake, NULL);
    changes = live_changes_create();
    live_changes_listen(changes, &listener, &inbox, deliver);
}

static void tear_down(void)
{
    live_changes_leave(changes, &listener);
    live_changes_destroy(&changes);
    inbox_deinit(&inbox);
}

TestSuite(live_changes, .init = set_up, .fini = tear_down);

static const char *const names[] = {"A", "B"};

static struct time_range range_at(int64_t from)
{
    return (struct time_range){.from = from, .to = from + 1};
}

Test(live_changes, are_read_in_order_one_symbol_at_a_time)
{
    struct live_change change;
    live_changes_publish(changes, names, 2, range_at(1));
    live_changes_publish(changes, NULL, 0, range_at(2));
    live_changes_publish_listed(changes, "B", range_at(3));
    static const struct {
        const char *symbol;
        int64_t from;
        bool is_of_list;
    } expected[] = {{"A", 1, false}, {"B", 1, false}, {"", 2, false}, {"B", 3, true}};
    for (size_t i = 0; i < 4; i++) {
        cr_assert(live_changes_next(changes, &listener, &change));
        cr_assert_str_eq(change.symbol, expected[i].symbol);
        cr_assert_eq(change.range.from, expected[i].from);
        cr_assert_eq(change.is_of_list, expected[i].is_of_list);
    }
    cr_assert_not(live_changes_next(changes, &listener, &change));
}

Test(live_changes, send_one_letter_until_it_is_delivered)
{
    for (int i = 0; i < 10; i++)
        live_changes_publish(changes, names, 1, range_at(i));
    cr_assert_eq(wakes, 1);
    inbox_drain(&inbox);
    cr_assert_eq(letters, 1);
    live_changes_publish(changes, names, 1, range_at(1));
    inbox_drain(&inbox);
    cr_assert_eq(letters, 2);
}

Test(live_changes, are_all_changes_for_who_has_fallen_behind)
{
    struct live_change change;
    for (int i = 0; i < LIVE_CHANGES_KEPT; i++)
        live_changes_publish(changes, names, 1, range_at(i));
    cr_assert(live_changes_next(changes, &listener, &change));
    cr_assert_str_eq(change.symbol, "A", "as many as are kept are not too many");
    cr_assert_eq(change.range.from, 0);
    for (int i = 0; i < 2; i++)
        live_changes_publish(changes, names, 1, range_at(i));
    cr_assert(live_changes_next(changes, &listener, &change));
    cr_assert_str_eq(change.symbol, "");
    cr_assert_leq(change.range.from, TIME_MIN);
    cr_assert_gt(change.range.to, TIME_MAX);
    cr_assert_not(live_changes_next(changes, &listener, &change));
}

Test(live_changes, of_very_many_symbols_are_one_of_all)
{
    static const char *many[LIVE_CHANGES_KEPT];
    struct live_change change;
    for (size_t i = 0; i < LIVE_CHANGES_KEPT; i++)
        many[i] = "A";
    live_changes_publish(changes, many, LIVE_CHANGES_KEPT, range_at(5));
    cr_assert(live_changes_next(changes, &listener, &change));
    cr_assert_str_eq(change.symbol, "");
    cr_assert_eq(change.range.from, 5);
    cr_assert_not(live_changes_next(changes, &listener, &change));
}

Test(live_changes, before_one_listens_and_after_one_left_are_not_heard)
{
    struct live_listener late;
    struct live_change change;
    live_changes_publish(changes, names, 1, range_at(1));
    live_changes_listen(changes, &late, &inbox, deliver);
    cr_assert_not(live_changes_next(changes, &late, &change));
    live_changes_publish(changes, names, 1, range_at(2));
    cr_assert(live_changes_next(changes, &late, &change));
    live_changes_leave(changes, &late);
    inbox_drain(&inbox);
    cr_assert_eq(letters, 1, "of the other listener");
    live_changes_publish(changes, names, 1, range_at(3));
    inbox_drain(&inbox);
    cr_assert_eq(letters, 2);
}

static void note_watched(void *owner, bool is_watched)
{
    size_t *told = owner;
    told[is_watched]++;
}

Test(live_changes, who_wants_to_know_is_told_when_the_first_comes_and_the_last_goes)
{
    struct live_listener other;
    size_t told[2] = {0};
    live_changes_on_watch(changes, note_watched, told);
    cr_assert_eq(told[true], 1, "somebody listens already");
    live_changes_listen(changes, &other, &inbox, deliver);
    live_changes_leave(changes, &other);
    cr_assert_eq(told[true], 1, "a second one is no news");
    cr_assert_eq(told[false], 0);
    live_changes_leave(changes, &listener);
    cr_assert_eq(told[false], 1);
    live_changes_listen(changes, &listener, &inbox, deliver);
    cr_assert_eq(told[true], 2);
    live_changes_on_watch(changes, NULL, NULL);
    live_changes_leave(changes, &listener);
    live_changes_listen(changes, &listener, &inbox, deliver);
    cr_assert_eq(told[false], 1, "nobody wants to know any more");
}
