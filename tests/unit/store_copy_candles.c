#include "store/copy_candles.h"

#include "base/mem.h"
#include "market/time.h"
#include "random.h"
#include "store/copy_fields.h"

#include <criterion/criterion.h>
#include <string.h>

/* Two candles as PostgreSQL 15 writes them: COPY (VALUES ('2024-08-08 23:54Z'::timestamptz,
 * 61800.3::numeric(20,8), 61800.4::numeric(20,8), -0.5::numeric(20,8), 61800.3::numeric(20,8),
 * 170141183460469231731687303715.12345678::numeric, 42::bigint), ('2024-08-08 23:55Z', 1, 1, 1, 1,
 * NULL, 1)) TO STDOUT (FORMAT binary). */
/* clang-format off */
static const uint8_t golden[] = {
    'P', 'G', 'C', 'O', 'P', 'Y', '\n', 0xff, '\r', '\n', 0,        /* signature */
    0, 0, 0, 0,                                                     /* flags */
    0, 0, 0, 0,                                                     /* length of the extension */
    0, 7,                                                           /* columns */
    0, 0, 0, 8, 0, 0x02, 0xc2, 0x33, 0x82, 0x61, 0xf6, 0x00,        /* bucket */
    0, 0, 0, 14, 0, 3, 0, 1, 0, 0, 0, 8, 0, 6, 7, 8, 0x0b, 0xb8,    /* open: 6|1800.|3000 */
    0, 0, 0, 14, 0, 3, 0, 1, 0, 0, 0, 8, 0, 6, 7, 8, 0x0f, 0xa0,    /* high: 6|1800.|4000 */
    0, 0, 0, 10, 0, 1, 0xff, 0xff, 0x40, 0, 0, 8, 0x13, 0x88,       /* low: -.|5000 */
    0, 0, 0, 14, 0, 3, 0, 1, 0, 0, 0, 8, 0, 6, 7, 8, 0x0b, 0xb8,    /* close: 6|1800.|3000 */
    0, 0, 0, 28, 0, 10, 0, 7, 0, 0, 0, 8,                           /* volume: 17|0141|1834|… */
    0, 17, 0, 0x8d, 0x07, 0x2a, 0x17, 0x9e, 0x24, 0x0f, 0x1c, 0x94, 0x22, 0x1a, 0x0e, 0x83,
    0x04, 0xd2, 0x16, 0x2e,
    0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 42,                            /* trades */
    0, 7,
    0, 0, 0, 8, 0, 0x02, 0xc2, 0x33, 0x85, 0xf5, 0x7d, 0x00,
    0, 0, 0, 10, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1,
    0, 0, 0, 10, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1,
    0, 0, 0, 10, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1,
    0, 0, 0, 10, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1,
    0xff, 0xff, 0xff, 0xff,                                         /* volume: null */
    0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 1,
    0xff, 0xff,                                                     /* the end */
};
/* clang-format on */
#define GOLDEN_TIME INT64_C(1723161240000000)
#define HEAD_BYTES 19
#define ROW_AT HEAD_BYTES
#define TIME_AT (ROW_AT + 2)
#define OPEN_AT (TIME_AT + 12)
#define VOLUME_AT (OPEN_AT + 18 + 18 + 14 + 18)
#define TRADES_AT (VOLUME_AT + 4 + 28)

static candle_volume golden_volume(void)
{
    candle_volume high = (candle_volume)INT64_C(170141183460469231) * INT64_C(1000000000000);
    return (high + INT64_C(731687303715)) * DECIMAL_ONE + 12345678;
}

static void check_golden(const struct candle *candles)
{
    cr_assert(candles[0].time == GOLDEN_TIME);
    cr_assert(candles[0].open == INT64_C(6180030000000));
    cr_assert(candles[0].high == INT64_C(6180040000000));
    cr_assert(candles[0].low == -50000000);
    cr_assert(candles[0].close == INT64_C(6180030000000));
    cr_assert(candles[0].has_volume);
    cr_assert(candles[0].volume == golden_volume());
    cr_assert(candles[0].trades == 42);
    cr_assert(candles[1].time == GOLDEN_TIME + TIME_MINUTE_US);
    cr_assert(candles[1].open == DECIMAL_ONE);
    cr_assert(!candles[1].has_volume);
    cr_assert(candles[1].volume == 0);
    cr_assert(candles[1].trades == 1);
}

/* What reading `count` bytes in one piece comes to; the first candles are kept. */
static enum status outcome(const void *bytes, size_t count, struct candle *kept, size_t kept_max)
{
    /* Memory of its own, so that the sanitizer sees a read past the end. */
    uint8_t *copy = mem_alloc(count > 0 ? count : 1);
    if (count > 0)
        memcpy(copy, bytes, count);
    struct copy_candles rows;
    struct candle candle;
    struct error error = {.text = ""};
    copy_candles_init(&rows);
    copy_candles_give(&rows, copy, count);
    enum status status;
    for (size_t i = 0; (status = copy_candles_next(&rows, &candle, &error)) == STATUS_OK; i++) {
        if (i < kept_max)
            kept[i] = candle;
    }
    cr_assert((status == STATUS_BAD_MESSAGE) == (error.text[0] != '\0'), "%s", error.text);
    mem_free(copy);
    return status;
}

Test(store_copy_candles, golden_bytes_are_two_candles_and_an_end)
{
    struct candle candles[2];
    cr_assert(outcome(golden, sizeof golden, candles, 2) == STATUS_END);
    check_golden(candles);
}

Test(store_copy_candles, bytes_may_come_one_at_a_time)
{
    struct copy_candles rows;
    struct candle candles[3];
    size_t count = 0;
    copy_candles_init(&rows);
    for (size_t i = 0; i < sizeof golden; i++) {
        copy_candles_give(&rows, &golden[i], 1);
        enum status status = copy_candles_next(&rows, &candles[count], NULL);
        if (status == STATUS_OK) {
            cr_assert(++count <= 2);
            status = copy_candles_next(&rows, &candles[count], NULL);
        }
        cr_assert(status == (i + 1 == sizeof golden ? STATUS_END : STATUS_WAIT), "byte %zu", i);
    }
    cr_assert(count == 2);
    check_golden(candles);
}

Test(store_copy_candles, a_beginning_is_never_taken_for_the_whole)
{
    for (size_t count = 0; count < sizeof golden; count++)
        cr_assert(outcome(golden, count, NULL, 0) == STATUS_WAIT, "%zu bytes", count);
}

/* ---- what is refused, each beside the golden bytes ---- */

struct spoilt {
    char name[48];
    size_t at;
    size_t count;
    uint8_t bytes[8];
};

static const struct spoilt spoilts[] = {
    {"five columns", ROW_AT, 2, {0, 5}},
    {"time is null", TIME_AT, 4, {0xff, 0xff, 0xff, 0xff}},
    {"time is infinity", TIME_AT + 4, 8, {0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}},
    {"numeric of 7 bytes", OPEN_AT, 4, {0, 0, 0, 7}},
    {"numeric of 65 bytes", OPEN_AT, 4, {0, 0, 0, 65}},
    {"open is null", OPEN_AT, 4, {0xff, 0xff, 0xff, 0xff}},
    {"open is NaN", OPEN_AT + 8, 2, {0xc0, 0}},
    {"price of 20 digits", OPEN_AT + 6, 2, {0, 4}},
    {"volume of 65 bytes", VOLUME_AT, 4, {0, 0, 0, 65}},
    {"volume of 40 digits", VOLUME_AT + 12, 2, {0x03, 0xe8}},
    {"volume is infinity", VOLUME_AT + 8, 2, {0xd0, 0}},
    {"volume with fewer digits than bytes", VOLUME_AT + 4, 2, {0, 9}},
    {"volume with twelve decimals", VOLUME_AT + 6, 2, {0, 6}},
    {"trades of four bytes", TRADES_AT, 4, {0, 0, 0, 4}},
    {"trades are null", TRADES_AT, 4, {0xff, 0xff, 0xff, 0xff}},
    {"no trades", TRADES_AT + 11, 1, {0}},
    {"negative trades", TRADES_AT + 4, 1, {0x80}},
};

Test(store_copy_candles, anything_else_is_a_bad_message_with_a_sentence)
{
    for (size_t i = 0; i < sizeof spoilts / sizeof *spoilts; i++) {
        uint8_t bytes[sizeof golden];
        memcpy(bytes, golden, sizeof golden);
        memcpy(bytes + spoilts[i].at, spoilts[i].bytes, spoilts[i].count);
        cr_expect(outcome(bytes, sizeof bytes, NULL, 0) == STATUS_BAD_MESSAGE, "%s",
                  spoilts[i].name);
    }
}

/* ---- random candles ---- */

#define ROWS 300

static void append_decimal(struct buffer *out, int64_t mantissa)
{
    struct buffer numeric;
    buffer_init(&numeric, COPY_NUMERIC_BYTES_MAX);
    decimal_write_numeric(&numeric, mantissa);
    buffer_append_u32_be(out, (uint32_t)numeric.count);
    buffer_append(out, numeric.bytes, numeric.count);
    buffer_deinit(&numeric);
}

/* Ten digits of 10000, zeros and all. */
static void append_volume(struct buffer *out, const struct candle *candle)
{
    if (!candle->has_volume) {
        buffer_append_u32_be(out, UINT32_MAX);
        return;
    }
    enum { DIGITS = 10 };
    uint16_t digits[DIGITS];
    candle_volume left = candle->volume < 0 ? -candle->volume : candle->volume;
    for (size_t i = DIGITS; i > 0; i--, left /= 10000)
        digits[i - 1] = (uint16_t)(left % 10000);
    buffer_append_u32_be(out, 8 + 2 * DIGITS);
    buffer_append_u16_be(out, DIGITS);
    buffer_append_u16_be(out, DIGITS - 1 - 2);
    buffer_append_u16_be(out, candle->volume < 0 ? 0x4000 : 0);
    buffer_append_u16_be(out, 8);
    for (size_t i = 0; i < DIGITS; i++)
        buffer_append_u16_be(out, digits[i]);
}

static void append_candle(struct buffer *out, const struct candle *candle)
{
    buffer_append_u16_be(out, 7);
    buffer_append_u32_be(out, 8);
    buffer_append_u64_be(out, (uint64_t)(candle->time - TIME_POSTGRES_EPOCH_US));
    append_decimal(out, candle->open);
    append_decimal(out, candle->high);
    append_decimal(out, candle->low);
    append_decimal(out, candle->close);
    append_volume(out, candle);
    buffer_append_u32_be(out, 8);
    buffer_append_u64_be(out, (uint64_t)candle->trades);
}

static candle_volume random_volume(struct random *random)
{
    candle_volume volume = (candle_volume)random_mantissa(random) * random_mantissa(random);
    return random_one_in(random, 3) ? random_mantissa(random) : volume;
}

static void random_copy(struct random *random, struct candle *candles, struct buffer *out)
{
    buffer_append(out, golden, HEAD_BYTES);
    for (size_t row = 0; row < ROWS; row++) {
        bool has_volume = !random_one_in(random, 4);
        candles[row] = (struct candle){
            .time = random_between(random, TIME_MIN, TIME_MAX),
            .trades = random_between(random, 1, INT64_MAX),
            .open = random_mantissa(random),
            .high = random_mantissa(random),
            .low = random_mantissa(random),
            .close = random_mantissa(random),
            .has_volume = has_volume,
            .volume = has_volume ? random_volume(random) : 0,
        };
        append_candle(out, &candles[row]);
    }
    buffer_append_u16_be(out, UINT16_MAX);
}

static void check_chunked(struct random *random, const struct candle *candles,
                          const struct buffer *in, size_t chunk_max)
{
    struct copy_candles rows;
    copy_candles_init(&rows);
    size_t at = 0;
    size_t row = 0;
    enum status status = STATUS_WAIT;
    while (status == STATUS_WAIT) {
        size_t left = in->count - at;
        size_t chunk = random_below(random, (left < chunk_max ? left : chunk_max) + 1);
        copy_candles_give(&rows, in->bytes + at, chunk);
        at += chunk;
        struct candle candle;
        struct error error;
        while ((status = copy_candles_next(&rows, &candle, &error)) == STATUS_OK) {
            cr_assert(row < ROWS);
            cr_assert(candle_equal(&candle, &candles[row]), "row %zu", row);
            row++;
        }
    }
    cr_assert(status == STATUS_END);
    cr_assert(row == ROWS);
    cr_assert(at == in->count);
}

Test(store_copy_candles, random_candles_come_back_however_they_are_cut)
{
    static struct candle candles[ROWS];
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct random random = {.state = seed};
        struct buffer bytes;
        buffer_init(&bytes, (size_t)1 << 20);
        random_copy(&random, candles, &bytes);
        cr_assert(!bytes.failed);
        check_chunked(&random, candles, &bytes, 7);
        check_chunked(&random, candles, &bytes, 150);
        check_chunked(&random, candles, &bytes, bytes.count);
        buffer_deinit(&bytes);
    }
}

Test(store_copy_candles, flipped_bits_never_read_out_of_bounds)
{
    static struct candle candles[ROWS];
    struct random random = {.state = 7};
    struct buffer bytes;
    buffer_init(&bytes, (size_t)1 << 20);
    random_copy(&random, candles, &bytes);
    for (int round = 0; round < 2000; round++) {
        size_t at = random_below(&random, bytes.count);
        uint8_t before = bytes.bytes[at];
        bytes.bytes[at] ^= (uint8_t)(1U << random_below(&random, 8));
        enum status status = outcome(bytes.bytes, bytes.count, NULL, 0);
        cr_assert(status == STATUS_END || status == STATUS_WAIT || status == STATUS_BAD_MESSAGE);
        bytes.bytes[at] = before;
    }
    buffer_deinit(&bytes);
}
