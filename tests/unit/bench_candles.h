/*
 * Candles as a server would pack them, for the tests of the load client.
 */
#ifndef TAPEDECK_TESTS_BENCH_CANDLES_H
#define TAPEDECK_TESTS_BENCH_CANDLES_H

#include "bench/pack.h"

#define BENCH_CANDLE_PAIRS 9

static inline void bench_put_const(struct buffer *out, const char *key, int64_t mantissa,
                                   int64_t exp)
{
    pack_text(out, key);
    pack_array(out, 3);
    pack_text(out, "const");
    pack_integer(out, mantissa);
    pack_integer(out, exp);
}

/* ["u32", base, mul, bin] with 0, 1, 2, …; at most 60 rows. */
static inline void bench_put_times(struct buffer *out, int64_t from, int64_t step, size_t rows)
{
    pack_text(out, "time");
    pack_array(out, 4);
    pack_text(out, "u32");
    pack_integer(out, from);
    pack_integer(out, step);
    buffer_append_u8(out, 0xc4);
    buffer_append_u8(out, (uint8_t)(4 * rows));
    for (size_t i = 0; i < rows; i++)
        buffer_append(out, &(uint32_t){(uint32_t)i}, 4);
}

/* BENCH_CANDLE_PAIRS pairs of a map: prices of 1.5, 2 trades each, 3 as volume. */
static inline void bench_put_candles(struct buffer *out, int64_t from, int64_t step, size_t rows)
{
    pack_text(out, "n");
    pack_integer(out, (int64_t)rows);
    bench_put_times(out, from, step, rows);
    bench_put_const(out, "open", 15, 1);
    bench_put_const(out, "high", 15, 1);
    bench_put_const(out, "low", 15, 1);
    bench_put_const(out, "close", 15, 1);
    bench_put_const(out, "volume", 3, 0);
    bench_put_const(out, "trades", 2, 0);
    bench_put_const(out, "final", 1, 0);
}

#endif
