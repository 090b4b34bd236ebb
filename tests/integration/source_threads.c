/*
 * Threads that load, urge and cancel at random while connections are killed, checked tick by tick.
 * A plain executable, so that the thread sanitizer can run it:
 *
 *   TAPEDECK_TEST_URL=… source_threads [seconds [seed]]
 *
 * The server may be stopped, continued and restarted by somebody else meanwhile.
 */
#include "base/assert.h"
#include "base/clock.h"
#include "base/mem.h"
#include "random.h"
#include "store/change_feed.h"
#include "store/pg_source.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SYMBOLS 3
#define CLIENTS 12
#define T0 INT64_C(1723161240000000)
#define TICKS 200000
#define PER_INSTANT 3
#define GAP_US 500
#define END (T0 + (TICKS + PER_INSTANT - 1) / PER_INSTANT * GAP_US)

struct client {
    struct tick_load load;
    pthread_t thread;
    struct random random;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int64_t reached;
    int64_t next; /* number of the first tick from there on */
    bool done;
    bool cancelled;
    enum status status;
};

static const char *url;
static struct pg_source *source;
static struct client clients[CLIENTS];
static atomic_bool stopping;
static atomic_uint_least64_t completed;
static atomic_uint_least64_t ended_early;
static atomic_uint_least64_t kills;
static atomic_uint_least64_t changes;

#define CHECK(condition) ((condition) ? (void)0 : failed(#condition, __LINE__))

static _Noreturn void failed(const char *condition, int line)
{
    (void)fprintf(stderr, "source_threads: line %d: %s\n", line, condition);
    abort();
}

/* The first tick at or after `time`. */
static int64_t tick_at(int64_t time)
{
    if (time <= T0)
        return 0;
    int64_t instant = (time - T0 + GAP_US - 1) / GAP_US;
    return instant * PER_INSTANT < TICKS ? instant * PER_INSTANT : TICKS;
}

static void check_tick(const struct tick *tick, int64_t number)
{
    CHECK(tick->time == T0 + number / PER_INSTANT * GAP_US);
    CHECK(tick->fields[TICK_BID] == number * DECIMAL_ONE);
    CHECK(tick->fields[TICK_ASK] == DECIMAL_NULL);
    CHECK(tick->fields[TICK_LAST] == number * 1000);
    CHECK(tick->fields[TICK_VOLUME] == number * DECIMAL_ONE);
}

static void on_publish(struct tick_load *load, struct time_range range, struct block *block)
{
    struct client *client = CONTAINER_OF(load, struct client, load);
    pthread_mutex_lock(&client->lock);
    CHECK(!client->done);
    CHECK((load->backward ? range.to : range.from) == client->reached);
    CHECK(range.to > range.from);
    CHECK(client->next == tick_at(client->reached));
    int64_t number = tick_at(range.from);
    CHECK((block != NULL ? (int64_t)block->rows : 0) == tick_at(range.to) - number);
    for (size_t row = 0; block != NULL && row < block->rows; row++) {
        struct tick tick = block_tick(block, row);
        check_tick(&tick, number++);
    }
    client->reached = load->backward ? range.from : range.to;
    client->next = tick_at(client->reached);
    pthread_mutex_unlock(&client->lock);
    block_release(&block);
}

static void on_done(struct tick_load *load, enum status status, const struct error *error)
{
    struct client *client = CONTAINER_OF(load, struct client, load);
    pthread_mutex_lock(&client->lock);
    CHECK(!client->done);
    client->done = true;
    client->status = status;
    if (status != STATUS_OK && status != STATUS_END && status != STATUS_UNAVAILABLE)
        (void)fprintf(stderr, "%s: %s\n", status_name(status), error->text);
    pthread_cond_signal(&client->changed);
    pthread_mutex_unlock(&client->lock);
}

static void prepare(struct client *client)
{
    struct random *random = &client->random;
    (void)snprintf(client->load.symbol, sizeof client->load.symbol, "TEST:threads-%zu",
                   random_below(random, SYMBOLS));
    int64_t from = random_between(random, T0 - TIME_SECOND_US, END);
    int64_t most = random_one_in(random, 4) ? END + TIME_SECOND_US : from + TIME_SECOND_US;
    client->load.range = (struct time_range){from, random_between(random, from, most)};
    client->load.urgency = random_one_in(random, 2) ? SOURCE_URGENT : SOURCE_PREFETCH;
    client->load.grain_us = random_between(random, 10, 4000) << random_below(random, 11);
    client->load.first_us = client->load.grain_us % 8 == 0 ? client->load.grain_us / 8 : 0;
    client->load.backward = random_one_in(random, 2);
    client->load.publish = on_publish;
    client->load.done = on_done;
    atomic_store(&client->load.cancelled, false);
    client->reached = client->load.backward ? client->load.range.to : from;
    client->next = tick_at(client->reached);
    client->done = client->cancelled = false;
}

static void wait_until_done(struct client *client)
{
    pthread_mutex_lock(&client->lock);
    while (!client->done)
        pthread_cond_wait(&client->changed, &client->lock);
    pthread_mutex_unlock(&client->lock);
}

static void meddle(struct client *client)
{
    struct source *interface = pg_source_interface(source);
    usleep((useconds_t)random_below(&client->random, 20000));
    if (random_one_in(&client->random, 3))
        source_urge_ticks(interface, &client->load);
    client->cancelled = random_one_in(&client->random, 3);
    if (client->cancelled)
        source_cancel_ticks(interface, &client->load);
}

static void *client_main(void *argument)
{
    struct client *client = argument;
    while (!atomic_load(&stopping)) {
        prepare(client);
        source_load_ticks(pg_source_interface(source), &client->load);
        if (random_one_in(&client->random, 2))
            meddle(client);
        wait_until_done(client);
        if (client->status == STATUS_OK) {
            const struct time_range *range = &client->load.range;
            CHECK(client->reached == (client->load.backward ? range->from : range->to));
            atomic_fetch_add(&completed, 1);
        } else {
            CHECK(client->cancelled ? client->status == STATUS_END
                                    : client->status == STATUS_UNAVAILABLE);
            CHECK(client->cancelled || atomic_load(&stopping));
            atomic_fetch_add(&ended_early, 1);
        }
    }
    return NULL;
}

static void *killer_main(void *argument)
{
    struct random random = {.state = *(const uint64_t *)argument};
    struct connection *connection = NULL;
    while (!atomic_load(&stopping)) {
        usleep((useconds_t)random_between(&random, 10000, 300000));
        struct error error;
        if (connection == NULL)
            connection = connection_open(url, "killer", &error);
        if (connection == NULL)
            continue;
        connection_set_stall_us(connection, TIME_SECOND_US);
        enum status status = connection_execute(
            connection,
            "SET client_min_messages = error; SELECT pg_terminate_backend(pid)"
            " FROM pg_stat_activity WHERE application_name IN ('tapedeck threads', 'tapedeck feed')"
            " AND random() < 0.3",
            &error);
        atomic_fetch_add(&kills, status == STATUS_OK);
        if (status != STATUS_OK)
            connection_close(&connection);
    }
    connection_close(&connection);
    return NULL;
}

static void on_change(void *owner, const struct change *change)
{
    (void)owner;
    (void)change;
    atomic_fetch_add(&changes, 1);
}

static void fill(void)
{
    struct error error = {.text = ""};
    struct connection *connection = connection_open(url, "fill", &error);
    if (connection == NULL ||
        connection_execute(connection,
                           "SELECT tapedeck.chunks_prepare('2024-08-08Z', '2024-08-10Z')",
                           &error) != STATUS_OK)
        failed(error.text, __LINE__);
    for (int i = 0; i < SYMBOLS; i++) {
        char sql[512];
        (void)snprintf(sql, sizeof sql,
                       "DELETE FROM public.tick_data WHERE symbol = 'TEST:threads-%d';"
                       " INSERT INTO public.tick_data (time, symbol, bid_price, last_price, volume)"
                       " SELECT '%s'::timestamptz + i / %d * interval '%d microseconds',"
                       " 'TEST:threads-%d', i, i * 0.00001, i FROM generate_series(0, %d - 1) i",
                       i, time_format(T0).text, PER_INSTANT, GAP_US, i, TICKS);
        if (connection_execute(connection, sql, &error) != STATUS_OK)
            failed(error.text, __LINE__);
    }
    connection_close(&connection);
}

static void run(int64_t seconds, uint64_t seed)
{
    struct pool_options options = pool_options_default(url);
    options.purpose = "threads";
    options.threads_max = 6;
    options.idle_us = 200000;
    options.stall_us = TIME_SECOND_US;
    struct change_feed_options feed_options = {
        .url = url, .marker_us = 50000, .changed = on_change};
    struct change_feed *feed = NULL;
    struct error error = {.text = ""};
    CHECK(pg_source_create(&options, &source, &error) == STATUS_OK);
    CHECK(change_feed_create(&feed_options, &feed, &error) == STATUS_OK);
    pthread_t killer;
    CHECK(pthread_create(&killer, NULL, killer_main, &seed) == 0);
    for (size_t i = 0; i < CLIENTS; i++) {
        clients[i].random.state = seed + i;
        pthread_mutex_init(&clients[i].lock, NULL);
        pthread_cond_init(&clients[i].changed, NULL);
        CHECK(pthread_create(&clients[i].thread, NULL, client_main, &clients[i]) == 0);
    }
    sleep((unsigned)seconds);
    atomic_store(&stopping, true);
    for (size_t i = 0; i < CLIENTS; i++)
        pthread_join(clients[i].thread, NULL);
    pthread_join(killer, NULL);
    struct pg_source_statistics statistics = pg_source_statistics(source);
    pg_source_destroy(&source);
    change_feed_destroy(&feed);
    (void)printf("%llu loads complete, %llu ended early, %llu kills, %llu retries, %llu connects,"
                 " %llu rows, %llu changes\n",
                 (unsigned long long)completed, (unsigned long long)ended_early,
                 (unsigned long long)kills, (unsigned long long)statistics.pool.retries,
                 (unsigned long long)statistics.pool.connects, (unsigned long long)statistics.rows,
                 (unsigned long long)changes);
    CHECK(completed > 0);
}

int main(int argc, char **argv)
{
    url = getenv("TAPEDECK_TEST_URL");
    if (url == NULL || *url == '\0') {
        (void)printf("skipped: TAPEDECK_TEST_URL is not set\n");
        return 0;
    }
    int64_t seconds = argc > 1 ? atoll(argv[1]) : 5;
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    fill();
    run(seconds, seed);
    return 0;
}
