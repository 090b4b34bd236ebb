/*
 * The change feed against a real database: announcements, foreign writers, a lost connection.
 * Whatever another test writes is foreign to this one: it runs alone.
 */
#include "source_support.h"

#include "store/change_feed.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define CHANGES_MAX 256
#define MARKER_US 20000

struct heard {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    size_t count;
    struct change changes[CHANGES_MAX];
    char symbols[CHANGES_MAX][SYMBOL_BYTES_MAX + 1]; /* the first of each */
};

static struct heard heard = {.lock = PTHREAD_MUTEX_INITIALIZER,
                             .changed = PTHREAD_COND_INITIALIZER};

static void hear(void *owner, const struct change *change)
{
    cr_assert(owner == &heard);
    pthread_mutex_lock(&heard.lock);
    cr_assert(heard.count < CHANGES_MAX);
    heard.changes[heard.count] = *change;
    if (change->symbol_count > 0)
        (void)snprintf(heard.symbols[heard.count], sizeof heard.symbols[0], "%s",
                       change->symbols[0]);
    heard.changes[heard.count++].symbols = NULL;
    pthread_cond_signal(&heard.changed);
    pthread_mutex_unlock(&heard.lock);
}

/* The next change from `*at` on, which is then behind it. */
static struct change next(size_t *at)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += TEST_PATIENCE_S;
    int failure = 0;
    pthread_mutex_lock(&heard.lock);
    while (heard.count <= *at && failure == 0)
        failure = pthread_cond_timedwait(&heard.changed, &heard.lock, &until);
    cr_assert(failure == 0, "nothing was heard");
    struct change change = heard.changes[(*at)++];
    pthread_mutex_unlock(&heard.lock);
    return change;
}

static void expect(size_t *at, enum change_kind kind, const char *why)
{
    struct change change = next(at);
    cr_assert(change.kind == kind, "%s: %s", why, change_kind_name(change.kind));
}

#define INSERT                                                                                     \
    "INSERT INTO public.tick_data (time, symbol, last_price, volume)"                              \
    " VALUES ('2024-08-08 12:00:00Z', '%s', 1, 1)"

#define NOON INT64_C(1723118400000000)

static void write_at(struct connection *connection, const char *symbol, const char *time)
{
    test_execute(connection,
                 "INSERT INTO public.tick_data (time, symbol, last_price, volume)"
                 " VALUES ('2024-08-08 %s', '%s', 1, 1)",
                 time, symbol);
}

static void write_as_ours(struct connection *own, const char *symbol)
{
    test_execute(own,
                 "BEGIN; SELECT tapedeck.write_prepare('2024-08-08 12:00Z', '2024-08-08 12:01Z',"
                 " false); " INSERT "; SELECT pg_sleep(0.1);"
                 " SELECT tapedeck.write_finish(ARRAY['%s'],"
                 " ARRAY['2024-08-08 12:00Z'::timestamptz],"
                 " ARRAY['2024-08-08 12:00Z'::timestamptz], ARRAY[1::bigint], 'test'); COMMIT",
                 symbol, symbol);
}

Test(source_changes, the_feed_hears_our_writers_foreign_writers_and_its_own_absence)
{
    struct connection *own = test_connect_alone();
    struct connection *other = test_connect_more();
    /* What earlier tests wrote is found before this one listens. */
    while (test_number(own, "SELECT tapedeck.symbols_reconcile()") != 0)
        ;
    struct change_feed_options options = {
        .url = test_url(), .marker_us = MARKER_US, .changed = hear, .owner = &heard};
    struct change_feed *feed = NULL;
    struct error error = {.text = ""};
    cr_assert(change_feed_create(&options, &feed, &error) == STATUS_OK, "%s", error.text);
    size_t at = 0;
    expect(&at, CHANGE_UNKNOWN, "at first");

    /* Announcements arrive as they are. */
    test_execute(own, "SELECT tapedeck.change_notify('candles', '1970-01-01Z', '1970-01-02Z',"
                      " ARRAY['A', 'B'])");
    struct change change = next(&at);
    cr_expect(change.kind == CHANGE_CANDLES);
    cr_expect(change.range.from == 0);
    cr_expect(change.range.to == TIME_DAY_US);
    cr_expect(change.symbol_count == 2);
    cr_expect_str_eq(heard.symbols[at - 1], "A");
    test_execute(own, "NOTIFY tapedeck_change, 'nonsense'");
    expect(&at, CHANGE_UNKNOWN, "nonsense");

    /* Our own writers are heard once, though the marker is looked at while they write. */
    struct test_symbol ours = test_symbol("ours");
    struct test_symbol foreign = test_symbol("foreign");
    for (int round = 0; round < 5; round++)
        write_as_ours(own, ours.name);
    /* A foreign writer: seen after its commit. The lines above brought nothing else, else it would
     * be heard in between. */
    test_execute(own, "BEGIN; " INSERT, foreign.name);
    for (int round = 0; round < 5; round++) {
        change = next(&at);
        cr_expect(change.kind == CHANGE_TICKS, "%s", change_kind_name(change.kind));
        cr_expect_str_eq(heard.symbols[at - 1], ours.name);
        cr_expect(change.range.to - change.range.from == 1);
    }
    size_t before = heard.count;
    test_execute(other, "SELECT pg_sleep(0.2)"); /* ten looks at the marker */
    cr_expect(heard.count == before, "not committed yet");
    test_execute(own, "COMMIT");
    expect(&at, CHANGE_TICKS, "a foreign writer, found");
    cr_expect_str_eq(heard.symbols[at - 1], foreign.name);

    /* Ticks between known ones: nobody knows whose, so anything may have changed. */
    write_at(own, ours.name, "12:00:02Z");
    write_at(own, ours.name, "12:00:04Z");
    do
        change = next(&at);
    while (change.kind == CHANGE_FOREIGN || change.range.to < NOON + 4 * TIME_SECOND_US);
    cr_expect(test_number(other, "SELECT count(*) FROM tapedeck.symbols WHERE exact") > 0);
    /* At once, so that the announcement above may still be on its way. */
    write_at(own, ours.name, "12:00:03Z");
    do
        change = next(&at);
    while (change.kind == CHANGE_TICKS && change.range.from > NOON);
    cr_expect(change.kind == CHANGE_FOREIGN, "a foreign writer, not found: %s",
              change_kind_name(change.kind));

    /* Whoever loses the connection may have missed something. */
    test_execute(own, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                      " WHERE application_name = 'tapedeck feed'");
    do
        change = next(&at);
    while (change.kind == CHANGE_FOREIGN); /* the settled look at the writer above */
    cr_expect(change.kind == CHANGE_UNKNOWN);
    test_execute(own, "NOTIFY tapedeck_change, '{\"kind\":\"ticks\"}'");
    expect(&at, CHANGE_TICKS, "after the return");

    change_feed_destroy(&feed);
    cr_expect(feed == NULL);
    test_execute(own, "DELETE FROM public.tick_data WHERE symbol IN ('%s', '%s')", ours.name,
                 foreign.name);
    connection_close(&other);
    connection_close(&own);
}

static void ignore(void *owner, const struct change *change)
{
    (void)owner;
    (void)change;
}

Test(source_changes, a_feed_without_a_database_ends_at_once)
{
    struct change_feed_options options = {
        .url = "host=/nonexistent user=x dbname=y", .marker_us = MARKER_US, .changed = ignore};
    struct change_feed *feed = NULL;
    struct error error;
    cr_assert(change_feed_create(&options, &feed, &error) == STATUS_OK);
    change_feed_destroy(&feed);
    options.url = "postgresql://h/d?nonsense=1";
    cr_assert(change_feed_create(&options, &feed, &error) == STATUS_INVALID);
}
