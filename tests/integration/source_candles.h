/*
 * What the tests of candles share: random ticks, candles out of a slow query as the oracle, a load
 * of candles that checks how it is tiled, and everything that happens to stored candles.
 */
#ifndef TAPEDECK_TESTS_SOURCE_CANDLES_H
#define TAPEDECK_TESTS_SOURCE_CANDLES_H

#include "source_support.h"

#include "base/mem.h"

/* What test_spoil makes of a stored candle; nothing here has so many. */
#define TEST_SPOILT_TRADES 987654321

bool test_is_timescaledb(void);

/* Functions of this session that the others need, and an empty queue. The connection is alone. */
void test_candles_prepare(struct connection *connection);

/* `count` ticks within the range: dense instants, times out of order, quotes, minutes of nothing
 * but quotes, null volumes, minutes without any volume, volumes of ten digits before the point. The
 * same for the same seed (−1 … 1). */
void test_fill(struct connection *connection, const char *symbol, struct time_range range,
               int count, double seed);

/* Queues a range, as writers do. */
void test_pending(struct connection *connection, struct time_range range);
/* As test_pending, where others' ticks are not noticed otherwise. */
void test_owe(struct connection *connection, struct time_range range);
/* Stores the candles of a range, and empties the queue. */
void test_refresh(struct connection *connection, struct time_range range);
/* Makes one stored candle wrong. */
void test_spoil(struct connection *connection, const char *symbol, const char *interval,
                int64_t bucket);
/* Compresses the day, where that exists. */
void test_compress(struct connection *connection, int64_t day);
/* Drops the ticks of a day, and leaves its candles. */
void test_drop_day(struct connection *connection, int64_t day);
/* Until the count that the query gives is not 0; asserts after TEST_PATIENCE_S. */
void test_wait_until(struct connection *connection, const char *query);

/* The candles of a range out of its ticks, oldest first. Freed with mem_free. */
struct candle *test_candles_slow(struct connection *connection, const char *symbol,
                                 int64_t interval_us, struct time_range range, size_t *count);

/* ---- a load that checks what it gets ---- */

struct test_candle_load {
    struct tick_load load;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct candle *candles; /* in the order of the load: backward newest first */
    size_t count;
    size_t capacity;
    size_t stretches;
    bool was_empty;  /* the stretch before */
    int64_t reached; /* where the next stretch must begin */
    unsigned done;   /* calls */
    enum status status;
    struct error error;
    void (*on_publish)(struct test_candle_load *load); /* may be NULL */
};

void test_candle_load_init(struct test_candle_load *load, const char *symbol, int64_t interval_us,
                           struct time_range range, bool backward);
void test_candle_load_deinit(struct test_candle_load *load);
/* Until done was called, once; asserts after TEST_PATIENCE_S. */
void test_candle_load_wait(struct test_candle_load *load);
/* STATUS_OK, the whole range, exactly the expected candles, given oldest first. */
void test_candle_load_check(struct test_candle_load *load, const struct candle *expected,
                            size_t count);

#endif
