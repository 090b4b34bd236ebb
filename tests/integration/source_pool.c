/*
 * The pool under load: how it grows, who waits for whom, how it shrinks, what is stuck, and what
 * its statistics say. Against a real database.
 */
#include "source_support.h"

#include "base/clock.h"
#include "base/mem.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#define T0 INT64_C(1723161240000000)
#define GRAIN_US TIME_SECOND_US
#define LOADS 50
#define IDLE_US INT64_C(50000)

static struct connection *own;
static struct pg_source *source;
static struct test_load loads[LOADS];
static char purpose[32];
static const struct time_range minute = {T0, T0 + TIME_MINUTE_US};

static void setup(void)
{
    own = test_connect();
    (void)snprintf(purpose, sizeof purpose, "p%d", (int)getpid());
}

static void teardown(void)
{
    pg_source_destroy(&source);
    connection_close(&own);
}

TestSuite(source_pool, .init = setup, .fini = teardown);

static void start_with(struct pool_options options)
{
    options.purpose = purpose;
    struct error error = {.text = ""};
    cr_assert(pg_source_create(&options, &source, &error) == STATUS_OK, "%s", error.text);
}

static void start(unsigned threads_min, unsigned threads_max)
{
    struct pool_options options = pool_options_default(test_url());
    options.threads_min = threads_min;
    options.threads_max = threads_max;
    options.idle_us = IDLE_US;
    start_with(options);
}

static struct pool_statistics now(void)
{
    return pg_source_statistics(source).pool;
}

static struct test_symbol filled(const char *name, int64_t count)
{
    struct test_symbol symbol = test_symbol(name);
    test_execute(own,
                 "INSERT INTO public.tick_data (time, symbol, bid_price, ask_price)"
                 " SELECT '%s'::timestamptz + i * interval '100 microseconds', '%s', i, i + 1"
                 " FROM generate_series(0, %lld) i",
                 time_format(T0).text, symbol.name, (long long)count - 1);
    return symbol;
}

/* Loads wait in the database until told otherwise. */
static void hold_table(void)
{
    test_execute(own, "BEGIN; LOCK TABLE public.tick_data IN ACCESS EXCLUSIVE MODE");
}

static void let_go(void)
{
    test_execute(own, "COMMIT");
}

static void wait_for_busy(unsigned busy)
{
    for (int i = 0; i < TEST_PATIENCE_S * 1000 && now().busy != busy; i++)
        usleep(1000);
    cr_assert(now().busy == busy, "%u are busy", now().busy);
}

static void wait_for_reconnects(uint64_t reconnects)
{
    for (int i = 0; i < TEST_PATIENCE_S * 1000 && now().reconnects < reconnects; i++)
        usleep(1000);
    cr_assert(now().reconnects == reconnects, "%llu", (unsigned long long)now().reconnects);
}

static void load(size_t i, const char *symbol, enum source_urgency urgency)
{
    test_load_init(&loads[i], symbol, minute, GRAIN_US, urgency);
    source_load_ticks(pg_source_interface(source), &loads[i].load);
}

static void load_many(size_t from, size_t to, const char *symbol, enum source_urgency urgency)
{
    for (size_t i = from; i < to; i++)
        load(i, symbol, urgency);
}

static void expect_all(size_t count, const char *symbol)
{
    size_t ticks;
    struct tick *expected = test_expected(own, symbol, minute, &ticks);
    for (size_t i = 0; i < count; i++) {
        test_load_wait(&loads[i]);
        test_load_check(&loads[i], expected, ticks);
        test_load_deinit(&loads[i]);
    }
    mem_free(expected);
}

/* ---- growing, and taking turns ---- */

Test(source_pool, fifty_requests_take_turns_on_twenty_connections)
{
    struct test_symbol symbol = filled("fifty", 5000);
    start(2, 20);
    hold_table();
    load_many(0, LOADS, symbol.name, SOURCE_URGENT);
    wait_for_busy(20);
    struct pool_statistics during = now();
    cr_expect(during.threads == 20);
    cr_expect(during.connections_open == 20);
    cr_expect(during.queued[POOL_URGENT] == LOADS - 20);
    cr_expect(test_number(own,
                          "SELECT count(*) FROM pg_stat_activity WHERE application_name ="
                          " 'tapedeck %s'",
                          purpose) == 20);
    let_go();
    expect_all(LOADS, symbol.name);
    struct pg_source_statistics after = pg_source_statistics(source);
    cr_expect(after.loads == LOADS);
    cr_expect(after.rows == LOADS * 5000);
    cr_expect(after.pool.connects == 20);
    cr_expect(after.pool.queued[POOL_URGENT] == 0);
}

Test(source_pool, prefetch_grows_the_pool_to_half_and_leaves_two_to_whoever_waits)
{
    struct test_symbol symbol = filled("share", 100);
    start(2, 20);
    hold_table();
    load_many(0, 30, symbol.name, SOURCE_PREFETCH);
    wait_for_busy(10);
    struct pool_statistics before = now();
    cr_expect(before.threads == 12, "%u threads", before.threads);
    cr_expect(before.queued[POOL_PREFETCH] == 20);
    for (int i = 0; i < TEST_PATIENCE_S * 1000 && now().connections_open < 12; i++)
        usleep(1000);
    /* These find a connection that is open. */
    load_many(30, 32, symbol.name, SOURCE_URGENT);
    wait_for_busy(12);
    cr_expect(now().connects == 12);
    /* Further ones make the pool grow, and prefetch takes nothing of that. */
    load_many(32, 40, symbol.name, SOURCE_URGENT);
    wait_for_busy(20);
    cr_expect(now().queued[POOL_PREFETCH] == 20);
    cr_expect(now().queued[POOL_URGENT] == 0);
    let_go();
    expect_all(40, symbol.name);
    struct pool_statistics after = now();
    cr_expect(after.waits[POOL_PREFETCH] >= 20);
    cr_expect(after.tasks[POOL_PREFETCH] == 30);
    cr_expect(after.tasks[POOL_URGENT] == 10);
}

Test(source_pool, one_prefetch_runs_on_the_smallest_pool)
{
    struct test_symbol symbol = filled("small", 100);
    start(1, 2);
    hold_table();
    load_many(0, 8, symbol.name, SOURCE_PREFETCH);
    wait_for_busy(1);
    load(8, symbol.name, SOURCE_URGENT);
    wait_for_busy(2);
    cr_expect(now().queued[POOL_PREFETCH] == 7);
    let_go();
    expect_all(9, symbol.name);
}

Test(source_pool, an_urged_prefetch_makes_room_for_another)
{
    struct test_symbol symbol = filled("urged", 100);
    start(2, 4);
    hold_table();
    load_many(0, 4, symbol.name, SOURCE_PREFETCH);
    wait_for_busy(2);
    for (int i = 0; i < TEST_PATIENCE_S * 1000 && now().connections_open < 4; i++)
        usleep(1000);
    cr_expect(now().queued[POOL_PREFETCH] == 2);
    for (size_t i = 0; i < 4; i++)
        source_urge_ticks(pg_source_interface(source), &loads[i].load);
    wait_for_busy(4);
    let_go();
    expect_all(4, symbol.name);
}

/* ---- shrinking ---- */

static void wait_for_threads(unsigned threads)
{
    for (int i = 0; i < TEST_PATIENCE_S * 1000 && now().threads != threads; i++)
        usleep(1000);
    cr_expect(now().threads == threads, "%u threads", now().threads);
}

Test(source_pool, it_shrinks_when_idle_and_grows_again)
{
    struct test_symbol symbol = filled("grow", 100);
    start(2, 10);
    for (int round = 0; round < 2; round++) {
        hold_table();
        load_many(0, 8, symbol.name, SOURCE_URGENT);
        wait_for_busy(8);
        let_go();
        expect_all(8, symbol.name);
        wait_for_threads(2);
    }
}

/* Several times what ten loads of a tick take, one after the other. */
#define LIGHT_IDLE_US (10 * IDLE_US)

Test(source_pool, it_shrinks_under_a_light_load_too)
{
    struct test_symbol symbol = filled("light", 1);
    struct pool_options options = pool_options_default(test_url());
    options.idle_us = LIGHT_IDLE_US;
    start_with(options);
    hold_table();
    load_many(0, 10, symbol.name, SOURCE_URGENT);
    wait_for_busy(10);
    let_go();
    expect_all(10, symbol.name);
    /* The thread that was busy last is taken again, the others leave, but for the two that are kept
     * beside one that is busy. */
    int64_t until_us = clock_monotonic_us() + TEST_PATIENCE_S * TIME_SECOND_US;
    while (now().threads > 3 && clock_monotonic_us() < until_us) {
        load(0, symbol.name, SOURCE_URGENT);
        test_load_wait(&loads[0]);
        test_load_deinit(&loads[0]);
    }
    cr_expect(now().threads <= 3, "%u threads", now().threads);
}

/* ---- a database that is away ---- */

Test(source_pool, connecting_is_tried_again_with_back_off_by_one_thread)
{
    struct pool_options options = pool_options_default("host=/nonexistent user=x dbname=y");
    options.threads_min = 8;
    start_with(options);
    /* In a second: those of the eight that began at once, then one after about 100, 200 and 400 ms;
     * without back-off it would be thousands. */
    int64_t until_us = clock_monotonic_us() + TIME_SECOND_US;
    while (clock_monotonic_us() < until_us)
        usleep(10000);
    cr_expect(now().connect_failures >= 3);
    cr_expect(now().connect_failures <= 8 + 4, "%llu", (unsigned long long)now().connect_failures);
    cr_expect(!now().available);
}

Test(source_pool, broken_connections_are_counted_and_replaced)
{
    struct test_symbol symbol = filled("broken", 100);
    start(2, 2);
    hold_table();
    load_many(0, 2, symbol.name, SOURCE_URGENT);
    wait_for_busy(2);
    cr_expect(now().reconnects == 0);
    cr_expect(test_number(own,
                          "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                          " WHERE application_name = 'tapedeck %s'",
                          purpose) == 2);
    let_go();
    expect_all(2, symbol.name);
    /* The first thread that is back may have answered both before the other is. */
    wait_for_reconnects(2);
    cr_expect(now().connects == 4);
    cr_expect(now().retries >= 2);
}

/* ---- what is stuck ---- */

Test(source_pool, a_stuck_query_is_cancelled_and_tried_again)
{
    struct test_symbol symbol = filled("stuck", 100);
    struct pool_options options = pool_options_default(test_url());
    options.stall_us = 200000;
    start_with(options);
    hold_table();
    load(0, symbol.name, SOURCE_URGENT);
    while (now().retries < 2)
        usleep(1000);
    let_go();
    expect_all(1, symbol.name);
    cr_expect(now().connects <= 2, "cancelled, not thrown away");
}

/* The lock of whoever owns the load: taken by publish and done, held while cancelling. */
static pthread_mutex_t owners_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_t canceller;
static pid_t backend;

static void freeze_backend(struct test_load *load)
{
    cr_assert(!pthread_equal(pthread_self(), canceller));
    if (load->stretches == 1)
        cr_assert(kill(backend, SIGSTOP) == 0);
    pthread_mutex_lock(&owners_lock);
    pthread_mutex_unlock(&owners_lock);
}

static pid_t only_backend(void)
{
    return (pid_t)test_number(own,
                              "SELECT max(pid) FROM pg_stat_activity"
                              " WHERE application_name = 'tapedeck %s'",
                              purpose);
}

Test(source_pool, cancelling_a_copy_that_is_stalled_half_way_ends_it_and_never_blocks)
{
    struct test_symbol symbol = filled("stalled", 150000);
    start(1, 1);
    while (now().connections_open < 1)
        usleep(1000);
    backend = only_backend();
    canceller = pthread_self();
    test_load_init(&loads[0], symbol.name, minute, GRAIN_US, SOURCE_URGENT);
    loads[0].on_publish = freeze_backend;
    source_load_ticks(pg_source_interface(source), &loads[0].load);
    char state = 0;
    while (state != 'T') { /* stopped */
        char path[64];
        (void)snprintf(path, sizeof path, "/proc/%d/stat", (int)backend);
        FILE *stat = fopen(path, "r");
        cr_assert(stat != NULL && fscanf(stat, "%*d %*s %c", &state) == 1);
        (void)fclose(stat);
        usleep(1000);
    }
    pthread_mutex_lock(&owners_lock);
    int64_t begun_us = clock_monotonic_us();
    source_cancel_ticks(pg_source_interface(source), &loads[0].load);
    int64_t took_us = clock_monotonic_us() - begun_us;
    pthread_mutex_unlock(&owners_lock);
    test_load_wait(&loads[0]);
    int64_t ended_us = clock_monotonic_us() - begun_us;
    (void)kill(backend, SIGCONT);
    cr_expect(took_us < 500000, "cancelling took %lld us", (long long)took_us);
    cr_expect(ended_us < CONNECTION_DRAIN_US_MAX + 2 * TIME_SECOND_US, "%lld us",
              (long long)ended_us);
    cr_expect(loads[0].status == STATUS_END);
    cr_expect(loads[0].reached < minute.to);
    cr_expect(now().cancels == 1);
    test_load_deinit(&loads[0]);
    load(0, symbol.name, SOURCE_URGENT);
    expect_all(1, symbol.name);
}

/* ---- statistics ---- */

struct asked {
    struct last_values_request values;
    struct symbols_request symbols;
    bool has_values;
    bool has_symbols;
};

static void values_delivered(struct letter *letter)
{
    CONTAINER_OF(letter, struct asked, values.letter)->has_values = true;
}

static void symbols_delivered(struct letter *letter)
{
    CONTAINER_OF(letter, struct asked, symbols.letter)->has_symbols = true;
}

static void ask(const char *symbol)
{
    static struct asked asked;
    struct test_inbox inbox;
    test_inbox_init(&inbox);
    asked = (struct asked){.values = {.inbox = &inbox.inbox, .symbol_count = 1, .at = T0},
                           .symbols = {.inbox = &inbox.inbox}};
    letter_init(&asked.values.letter, values_delivered);
    letter_init(&asked.symbols.letter, symbols_delivered);
    asked.values.symbols[0] = symbol;
    source_last_values(pg_source_interface(source), &asked.values);
    source_symbols(pg_source_interface(source), &asked.symbols);
    test_inbox_wait(&inbox, &asked.has_values);
    test_inbox_wait(&inbox, &asked.has_symbols);
    cr_assert(asked.values.status == STATUS_OK);
    cr_assert(asked.symbols.status == STATUS_OK);
    mem_free(asked.symbols.symbols);
    test_inbox_deinit(&inbox);
}

Test(source_pool, statistics_tell_waits_by_class_and_latencies_by_kind)
{
    struct test_symbol symbol = filled("statistics", 100);
    start(1, 1);
    hold_table();
    load(0, symbol.name, SOURCE_URGENT);
    wait_for_busy(1);
    load(1, symbol.name, SOURCE_URGENT);
    load(2, symbol.name, SOURCE_PREFETCH);
    usleep(30000); /* a wait to be measured */
    let_go();
    expect_all(3, symbol.name);
    ask(symbol.name);
    struct pg_source_statistics statistics = pg_source_statistics(source);
    const struct pool_statistics *pool = &statistics.pool;
    cr_expect(pool->wait_us[POOL_URGENT] >= 30000);
    cr_expect(pool->wait_us[POOL_PREFETCH] >= 30000);
    cr_expect(pool->waits[POOL_URGENT] >= 1);
    cr_expect(pool->waits[POOL_PREFETCH] == 1);
    cr_expect(pool->tasks[POOL_SMALL] == 2);
    cr_expect(pool->runs == 5);
    const struct latency_statistics *latencies = statistics.latencies;
    cr_expect(latencies[PG_SOURCE_TICKS].count == 3);
    cr_expect(latencies[PG_SOURCE_LAST_VALUES].count == 1);
    cr_expect(latencies[PG_SOURCE_SYMBOLS].count == 1);
    cr_expect(latencies[PG_SOURCE_TICKS].sum_us >= 30000, "the first of them was held up");
    cr_expect(latencies[PG_SOURCE_SYMBOLS].sum_us > 0);
    cr_expect_str_eq(pg_source_query_name(PG_SOURCE_LAST_VALUES), "last_values");
}
