/*
 * Arbitrary bytes as COPY data of candles, cut into chunks of arbitrary sizes: never a read out of
 * bounds, always the same candles as in one piece.
 */
#include "store/copy_candles.h"
#include "base/assert.h"
#include "base/mem.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

struct outcome {
    enum status status;
    size_t rows;
    uint64_t sum;
};

static void mix(struct outcome *outcome, uint64_t value)
{
    outcome->sum = outcome->sum * 31 + value;
}

static void take_candles(struct copy_candles *rows, struct outcome *outcome)
{
    struct candle candle;
    struct error error;
    while ((outcome->status = copy_candles_next(rows, &candle, &error)) == STATUS_OK) {
        ASSERT(candle.trades > 0);
        ASSERT(candle.has_volume || candle.volume == 0);
        outcome->rows++;
        mix(outcome, (uint64_t)candle.time);
        mix(outcome, (uint64_t)candle.trades);
        mix(outcome, (uint64_t)candle.open);
        mix(outcome, (uint64_t)candle.high);
        mix(outcome, (uint64_t)candle.low);
        mix(outcome, (uint64_t)candle.close);
        mix(outcome, candle.has_volume);
        mix(outcome, (uint64_t)candle.volume);
        mix(outcome, (uint64_t)(candle.volume >> 64));
    }
}

/* The first byte seeds the sizes of the chunks; 0: one piece. */
static struct outcome run(uint8_t seed, const uint8_t *bytes, size_t count)
{
    struct copy_candles rows;
    struct outcome outcome = {.status = STATUS_WAIT};
    copy_candles_init(&rows);
    uint32_t state = seed;
    while (count > 0 && outcome.status == STATUS_WAIT) {
        state = state * 1103515245U + 12345U;
        size_t chunk = seed == 0 ? count : (state >> 16) % (seed + 1U);
        chunk = chunk < count ? chunk : count;
        uint8_t *copy = mem_alloc(chunk + 1); /* ends where the sanitizer looks */
        uint8_t *given = copy + 1;
        memcpy(given, bytes, chunk);
        copy_candles_give(&rows, given, chunk);
        take_candles(&rows, &outcome);
        mem_free(copy);
        bytes += chunk;
        count -= chunk;
    }
    return outcome;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    if (count == 0)
        return 0;
    struct outcome whole = run(0, bytes + 1, count - 1);
    struct outcome cut = run(bytes[0], bytes + 1, count - 1);
    ASSERT(whole.rows == cut.rows);
    ASSERT(whole.sum == cut.sum);
    /* Cut, the bytes after a bad end are not given any more. */
    ASSERT(whole.status == cut.status || whole.status == STATUS_BAD_MESSAGE);
    return 0;
}
