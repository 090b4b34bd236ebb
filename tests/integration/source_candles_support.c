#include "source_candles.h"

#include "store/refresh.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define REFRESHES_MAX 100

bool test_is_timescaledb(void)
{
    const char *engine = getenv("TAPEDECK_TEST_ENGINE");
    return engine != NULL && strcmp(engine, "timescaledb") == 0;
}

/* ---- what happens to candles ---- */

void test_candles_prepare(struct connection *connection)
{
    test_execute(connection,
                 "DELETE FROM tapedeck.pending_refresh;"
                 " CREATE FUNCTION pg_temp.candles_slow(p_us bigint, p_symbol text,"
                 " p_from timestamptz, p_to timestamptz) RETURNS TABLE (bucket timestamptz,"
                 " open numeric, high numeric, low numeric, close numeric, volume numeric,"
                 " trades bigint) LANGUAGE sql STABLE AS $$"
                 " SELECT b.bucket, (array_agg(last_price ORDER BY time, seq))[1],"
                 " max(last_price), min(last_price),"
                 " (array_agg(last_price ORDER BY time DESC, seq DESC))[1], sum(volume), count(*)"
                 " FROM public.tick_data, date_bin(p_us * interval '1 microsecond', time,"
                 " '2000-01-03Z') b (bucket)"
                 " WHERE symbol = p_symbol AND time >= p_from AND time < p_to"
                 " AND last_price IS NOT NULL GROUP BY 1 $$");
}

void test_fill(struct connection *connection, const char *symbol, struct time_range range,
               int count, double seed)
{
    /* Half of the instants are multiples of 30 s: hundreds of ticks each. */
    test_execute(connection,
                 "SELECT setseed(%f);"
                 " INSERT INTO public.tick_data (time, symbol, bid_price, last_price, volume)"
                 " SELECT r.time, '%s', 1,"
                 " CASE WHEN r.kind < 0.6 AND r.minute %% 7 <> 0"
                 "      THEN round((random() * 200 - 100)::numeric, 8) END,"
                 " CASE WHEN r.minute %% 11 = 0 OR random() < 0.3 THEN NULL"
                 "      WHEN random() < 0.1 THEN 9999999999.12345678"
                 "      ELSE round((random() * 10)::numeric, 8) END"
                 " FROM (SELECT t.time, random() AS kind,"
                 "              extract(epoch FROM t.time)::bigint / 60 AS minute"
                 "         FROM (SELECT CASE WHEN random() < 0.5 THEN s.time"
                 "                           ELSE date_bin('30 seconds', s.time, '2000-01-03Z') END"
                 "                 FROM (SELECT '%s'::timestamptz + random() * ('%s'::timestamptz"
                 "                              - '%s'::timestamptz)"
                 "                         FROM generate_series(1, %d)) s (time)) t (time)) r",
                 seed, symbol, time_format(range.from).text, time_format(range.to).text,
                 time_format(range.from).text, count);
}

void test_pending(struct connection *connection, struct time_range range)
{
    test_execute(connection,
                 "INSERT INTO tapedeck.pending_refresh (range_from, range_to, reason)"
                 " VALUES ('%s', '%s', 'test')",
                 time_format(range.from).text, time_format(range.to).text);
}

void test_owe(struct connection *connection, struct time_range range)
{
    if (!test_is_timescaledb())
        test_pending(connection, range);
}

void test_refresh(struct connection *connection, struct time_range range)
{
    test_pending(connection, range);
    struct error error = {.text = ""};
    /* A policy may be at the same candles. */
    for (int i = 0; i < REFRESHES_MAX; i++) {
        enum status status = refresh_heal(connection, NULL, NULL, NULL, &error);
        if (status == STATUS_OK &&
            test_number(connection, "SELECT count(*) FROM tapedeck.pending_refresh") == 0)
            return;
        test_execute(connection, "SELECT pg_sleep(0.05)");
    }
    cr_assert(false, "not refreshed: %s", error.text);
}

void test_spoil(struct connection *connection, const char *symbol, const char *interval,
                int64_t bucket)
{
    struct error error = {.text = ""};
    PGresult *result = NULL;
    const char *const parameters[] = {interval};
    cr_assert(connection_query_row(connection, "SELECT tapedeck.candle_rows($1)", 1, parameters,
                                   &result, &error) == STATUS_OK,
              "%s", error.text);
    test_execute(connection,
                 "UPDATE %s SET trades = %d, open = 1, high = 2, low = 3, close = 4, volume = 5"
                 " WHERE symbol = '%s' AND bucket = '%s'",
                 result_text(result, 0, 0), TEST_SPOILT_TRADES, symbol, time_format(bucket).text);
    PQclear(result);
}

void test_compress(struct connection *connection, int64_t day)
{
    if (!test_is_timescaledb())
        return;
    cr_assert(test_number(connection,
                          "SELECT count(public.compress_chunk(c.chunk::regclass))"
                          " FROM tapedeck.tick_chunks() c WHERE c.range_start <= '%s'"
                          " AND c.range_end > '%s'",
                          time_format(day).text, time_format(day).text) == 1);
}

void test_drop_day(struct connection *connection, int64_t day)
{
    if (test_is_timescaledb())
        cr_assert(test_number(connection,
                              "SELECT count(*) FROM public.drop_chunks('public.tick_data',"
                              " older_than => '%s'::timestamptz, newer_than => '%s'::timestamptz)",
                              time_format(day + TIME_DAY_US).text, time_format(day).text) == 1);
    else
        test_execute(connection,
                     "DO $$ BEGIN EXECUTE 'DROP TABLE tapedeck.tick_data_' ||"
                     " to_char('%s'::timestamptz AT TIME ZONE 'UTC', 'YYYYMMDD'); END $$",
                     time_format(day).text);
}

void test_wait_until(struct connection *connection, const char *query)
{
    for (int i = 0; i < TEST_PATIENCE_S * 100; i++) {
        if (test_number(connection, "%s", query) != 0)
            return;
        test_execute(connection, "SELECT pg_sleep(0.01)");
    }
    cr_assert(false, "%s", query);
}

/* ---- the oracle ---- */

static int64_t number_of(const PGresult *result, int row, int column)
{
    int64_t number = 0;
    cr_assert(result_int64(result, row, column, &number) == STATUS_OK);
    return number;
}

static int64_t price_of(const PGresult *result, int row, int column)
{
    const char *text = result_text(result, row, column);
    int64_t mantissa = DECIMAL_NULL;
    cr_assert(text != NULL);
    cr_assert(decimal_parse(text, strlen(text), &mantissa) == STATUS_OK, "%s", text);
    return mantissa;
}

/* Of the integer that a volume times 10^8 is. */
static candle_volume volume_of(const char *text)
{
    bool negative = *text == '-';
    candle_volume volume = 0;
    for (text += negative; *text != '\0'; text++)
        volume = volume * 10 + (*text - '0');
    return negative ? -volume : volume;
}

struct candle *test_candles_slow(struct connection *connection, const char *symbol,
                                 int64_t interval_us, struct time_range range, size_t *count)
{
    char interval[32];
    (void)snprintf(interval, sizeof interval, "%lld", (long long)interval_us);
    struct time_text from = time_format(range.from);
    struct time_text to = time_format(range.to);
    const char *const parameters[] = {interval, symbol, from.text, to.text};
    struct error error = {.text = ""};
    PGresult *result = NULL;
    cr_assert(connection_query(connection,
                               "SELECT tapedeck.time_us(bucket), open, high, low, close,"
                               " round(volume * 100000000)::text, trades"
                               " FROM pg_temp.candles_slow($1::bigint, $2, $3::timestamptz,"
                               " $4::timestamptz) ORDER BY 1",
                               4, parameters, &result, &error) == STATUS_OK,
              "%s", error.text);
    *count = (size_t)PQntuples(result);
    struct candle *candles = mem_alloc((*count + 1) * sizeof *candles);
    for (int row = 0; row < PQntuples(result); row++) {
        const char *volume = result_text(result, row, 5);
        candles[row] = (struct candle){
            .time = number_of(result, row, 0),
            .open = price_of(result, row, 1),
            .high = price_of(result, row, 2),
            .low = price_of(result, row, 3),
            .close = price_of(result, row, 4),
            .has_volume = volume != NULL,
            .volume = volume != NULL ? volume_of(volume) : 0,
            .trades = number_of(result, row, 6),
        };
    }
    PQclear(result);
    return candles;
}

/* ---- loads ---- */

static void append_block(struct test_candle_load *load, const struct block *block)
{
    if (load->count + block->rows > load->capacity) {
        load->capacity = 2 * (load->count + block->rows);
        load->candles = mem_resize(load->candles, load->capacity * sizeof *load->candles);
    }
    for (size_t row = 0; row < block->rows; row++)
        load->candles[load->count++] =
            block->candles[load->load.backward ? block->rows - 1 - row : row];
}

static void on_publish(struct tick_load *tick_load, struct time_range range, struct block *block)
{
    struct test_candle_load *load = CONTAINER_OF(tick_load, struct test_candle_load, load);
    pthread_mutex_lock(&load->lock);
    bool backward = load->load.backward;
    cr_assert(load->done == 0, "published after done");
    cr_assert((backward ? range.to : range.from) == load->reached, "a gap, or twice");
    cr_assert(range.to > range.from);
    cr_assert(range.from >= load->load.range.from);
    cr_assert(range.to <= load->load.range.to);
    cr_assert(block != NULL || !load->was_empty, "two empty stretches in a row");
    load->was_empty = block == NULL;
    load->reached = backward ? range.from : range.to;
    load->stretches++;
    if (block != NULL) {
        cr_assert(block->range.from == range.from);
        cr_assert(block->range.to == range.to);
        append_block(load, block);
        block_release(&block);
    }
    pthread_mutex_unlock(&load->lock);
    if (load->on_publish != NULL)
        load->on_publish(load);
}

static void on_done(struct tick_load *tick_load, enum status status, const struct error *error)
{
    struct test_candle_load *load = CONTAINER_OF(tick_load, struct test_candle_load, load);
    pthread_mutex_lock(&load->lock);
    load->done++;
    load->status = status;
    load->error = *error;
    pthread_cond_signal(&load->changed);
    pthread_mutex_unlock(&load->lock);
}

void test_candle_load_init(struct test_candle_load *load, const char *symbol, int64_t interval_us,
                           struct time_range range, bool backward)
{
    memset(load, 0, sizeof *load);
    (void)snprintf(load->load.symbol, sizeof load->load.symbol, "%s", symbol);
    load->load.interval_us = interval_us;
    load->load.range = range;
    load->load.backward = backward;
    load->load.publish = on_publish;
    load->load.done = on_done;
    load->reached = backward ? range.to : range.from;
    pthread_mutex_init(&load->lock, NULL);
    pthread_cond_init(&load->changed, NULL);
}

void test_candle_load_deinit(struct test_candle_load *load)
{
    cr_assert(load->done == 1, "done came %u times", load->done);
    pthread_cond_destroy(&load->changed);
    pthread_mutex_destroy(&load->lock);
    mem_free(load->candles);
}

void test_candle_load_wait(struct test_candle_load *load)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += TEST_PATIENCE_S;
    int failure = 0;
    pthread_mutex_lock(&load->lock);
    while (load->done == 0 && failure == 0)
        failure = pthread_cond_timedwait(&load->changed, &load->lock, &until);
    pthread_mutex_unlock(&load->lock);
    cr_assert(failure == 0, "%s: not done", load->load.symbol);
}

void test_candle_load_check(struct test_candle_load *load, const struct candle *expected,
                            size_t count)
{
    cr_assert(load->status == STATUS_OK, "%s", load->error.text);
    bool backward = load->load.backward;
    cr_assert(load->reached == (backward ? load->load.range.from : load->load.range.to),
              "not to its end");
    cr_assert(load->count == count, "%s: %zu instead of %zu candles",
              candle_stored_name(load->load.interval_us), load->count, count);
    for (size_t i = 0; i < count; i++) {
        const struct candle *wanted = &expected[backward ? count - 1 - i : i];
        cr_assert(candle_equal(&load->candles[i], wanted), "%s: candle at %s is another",
                  candle_stored_name(load->load.interval_us), time_format(wanted->time).text);
    }
}
