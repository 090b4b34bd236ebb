#include "store/copy_rows.h"

#include "base/mem.h"
#include "market/time.h"
#include "random.h"
#include "store/copy_fields.h"

#include <criterion/criterion.h>
#include <string.h>

/* One quote as PostgreSQL 15 writes it: COPY (SELECT '2024-08-08 23:54:15.088169Z'::timestamptz,
 * 61800.3::numeric(20,8), 61800.4::numeric(20,8), NULL::numeric, -0.5::numeric(20,8)) TO STDOUT
 * (FORMAT binary). */
/* clang-format off */
static const uint8_t golden[] = {
    'P', 'G', 'C', 'O', 'P', 'Y', '\n', 0xff, '\r', '\n', 0,        /* signature */
    0, 0, 0, 0,                                                     /* flags */
    0, 0, 0, 0,                                                     /* length of the extension */
    0, 5,                                                           /* columns */
    0, 0, 0, 8, 0, 0x02, 0xc2, 0x33, 0x83, 0x48, 0x30, 0x29,        /* time */
    0, 0, 0, 14, 0, 3, 0, 1, 0, 0, 0, 8, 0, 6, 7, 8, 0x0b, 0xb8,    /* bid: 6|1800.|3000 */
    0, 0, 0, 14, 0, 3, 0, 1, 0, 0, 0, 8, 0, 6, 7, 8, 0x0f, 0xa0,    /* ask: 6|1800.|4000 */
    0xff, 0xff, 0xff, 0xff,                                         /* last: null */
    0, 0, 0, 10, 0, 1, 0xff, 0xff, 0x40, 0, 0, 8, 0x13, 0x88,       /* volume: -.|5000 */
    0xff, 0xff,                                                     /* the end */
};
/* clang-format on */
#define GOLDEN_TIME INT64_C(1723161255088169)
#define HEAD_BYTES 19
#define ROW_AT HEAD_BYTES
#define TIME_AT (ROW_AT + 2)
#define BID_AT (TIME_AT + 12)

static void check_golden(const struct tick *tick)
{
    cr_assert(tick->time == GOLDEN_TIME, "time %lld", (long long)tick->time);
    cr_assert(tick->fields[TICK_BID] == INT64_C(6180030000000));
    cr_assert(tick->fields[TICK_ASK] == INT64_C(6180040000000));
    cr_assert(tick->fields[TICK_LAST] == DECIMAL_NULL);
    cr_assert(tick->fields[TICK_VOLUME] == -50000000);
}

/* What reading `count` bytes in one piece comes to; ticks are thrown away. */
static enum status outcome(const void *bytes, size_t count)
{
    /* Memory of its own, so that the sanitizer sees a read past the end. */
    uint8_t *copy = mem_alloc(count > 0 ? count : 1);
    if (count > 0)
        memcpy(copy, bytes, count);
    struct copy_rows rows;
    struct tick tick;
    struct error error = {.text = ""};
    copy_rows_init(&rows);
    copy_rows_give(&rows, copy, count);
    enum status status;
    while ((status = copy_rows_next(&rows, &tick, &error)) == STATUS_OK)
        ;
    cr_assert((status == STATUS_BAD_MESSAGE) == (error.text[0] != '\0'), "%s", error.text);
    mem_free(copy);
    return status;
}

Test(store_copy_rows, golden_bytes_are_one_tick_and_an_end)
{
    struct copy_rows rows;
    struct tick tick;
    copy_rows_init(&rows);
    copy_rows_give(&rows, golden, sizeof golden);
    cr_assert(copy_rows_next(&rows, &tick, NULL) == STATUS_OK);
    check_golden(&tick);
    cr_assert(copy_rows_next(&rows, &tick, NULL) == STATUS_END);
    cr_assert(copy_rows_next(&rows, &tick, NULL) == STATUS_END);
}

Test(store_copy_rows, bytes_may_come_one_at_a_time)
{
    struct copy_rows rows;
    struct tick tick;
    size_t ticks = 0;
    copy_rows_init(&rows);
    for (size_t i = 0; i < sizeof golden; i++) {
        copy_rows_give(&rows, &golden[i], 1);
        enum status status = copy_rows_next(&rows, &tick, NULL);
        if (status == STATUS_OK) {
            check_golden(&tick);
            ticks++;
            status = copy_rows_next(&rows, &tick, NULL);
        }
        cr_assert(status == (i + 1 == sizeof golden ? STATUS_END : STATUS_WAIT), "byte %zu", i);
    }
    cr_assert(ticks == 1);
}

Test(store_copy_rows, a_beginning_is_never_taken_for_the_whole)
{
    for (size_t count = 0; count < sizeof golden; count++)
        cr_assert(outcome(golden, count) == STATUS_WAIT, "%zu bytes", count);
    cr_assert(outcome(golden, sizeof golden) == STATUS_END);
}

/* ---- what is refused, each beside the golden bytes ---- */

struct spoilt {
    char name[48];
    size_t at;
    size_t count;
    uint8_t bytes[8];
};

static const struct spoilt spoilts[] = {
    {"signature", 7, 1, {0xfe}},
    {"text format", 0, 6, {'1', '\t', '2', '\t', '3', '\n'}},
    {"critical flag", 11, 4, {0, 1, 0, 0}},
    {"four columns", ROW_AT, 2, {0, 4}},
    {"no columns", ROW_AT, 2, {0, 0}},
    {"minus two columns", ROW_AT, 2, {0xff, 0xfe}},
    {"time of four bytes", TIME_AT, 4, {0, 0, 0, 4}},
    {"time is null", TIME_AT, 4, {0xff, 0xff, 0xff, 0xff}},
    {"time of 4 GiB", TIME_AT, 4, {0x7f, 0xff, 0xff, 0xff}},
    {"time is infinity", TIME_AT + 4, 8, {0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}},
    {"time is -infinity", TIME_AT + 4, 8, {0x80, 0, 0, 0, 0, 0, 0, 0}},
    {"time after the year 9999", TIME_AT + 4, 8, {0x7f, 0, 0, 0, 0, 0, 0, 0}},
    {"numeric of 7 bytes", BID_AT, 4, {0, 0, 0, 7}},
    {"numeric of 65 bytes", BID_AT, 4, {0, 0, 0, 65}},
    {"numeric of 2 GiB", BID_AT, 4, {0x7f, 0xff, 0xff, 0xff}},
    {"numeric of length -2", BID_AT, 4, {0xff, 0xff, 0xff, 0xfe}},
    {"more digits than bytes", BID_AT + 4, 2, {0, 4}},
    {"fewer digits than bytes", BID_AT + 4, 2, {0, 2}},
    {"65535 digits", BID_AT + 4, 2, {0xff, 0xff}},
    {"NaN", BID_AT + 8, 2, {0xc0, 0}},
    {"infinity", BID_AT + 8, 2, {0xd0, 0}},
    {"-infinity", BID_AT + 8, 2, {0xf0, 0}},
    {"sign unknown", BID_AT + 8, 2, {0x12, 0x34}},
    {"digit of 10000", BID_AT + 12, 2, {0x27, 0x10}},
    {"weight too large", BID_AT + 6, 2, {0, 3}},
    {"ninth decimal", BID_AT + 6, 2, {0xff, 0xff}},
};

Test(store_copy_rows, anything_else_is_a_bad_message_with_a_sentence)
{
    for (size_t i = 0; i < sizeof spoilts / sizeof *spoilts; i++) {
        uint8_t bytes[sizeof golden];
        memcpy(bytes, golden, sizeof golden);
        memcpy(bytes + spoilts[i].at, spoilts[i].bytes, spoilts[i].count);
        cr_expect(outcome(bytes, sizeof bytes) == STATUS_BAD_MESSAGE, "%s", spoilts[i].name);
    }
}

Test(store_copy_rows, bytes_after_the_end_are_refused)
{
    uint8_t bytes[sizeof golden + 1] = {0};
    memcpy(bytes, golden, sizeof golden);
    cr_assert(outcome(bytes, sizeof bytes) == STATUS_BAD_MESSAGE);

    struct copy_rows rows;
    struct tick tick;
    copy_rows_init(&rows);
    copy_rows_give(&rows, golden, sizeof golden);
    cr_assert(copy_rows_next(&rows, &tick, NULL) == STATUS_OK);
    cr_assert(copy_rows_next(&rows, &tick, NULL) == STATUS_END);
    copy_rows_give(&rows, golden, 1);
    cr_assert(copy_rows_next(&rows, &tick, NULL) == STATUS_BAD_MESSAGE);
}

Test(store_copy_rows, an_extension_of_the_header_is_skipped)
{
    uint8_t bytes[sizeof golden + 300];
    memcpy(bytes, golden, HEAD_BYTES);
    memset(bytes + HEAD_BYTES, 0xab, 300);
    memcpy(bytes + HEAD_BYTES + 300, golden + HEAD_BYTES, sizeof golden - HEAD_BYTES);
    bytes[17] = 300 >> 8;
    bytes[18] = 300 & 0xff;
    cr_assert(outcome(bytes, sizeof bytes) == STATUS_END);
    cr_assert(outcome(bytes, HEAD_BYTES + 299) == STATUS_WAIT);
}

/* ---- random ticks ---- */

#define ROWS 500

static void append_tick(struct buffer *out, const struct tick *tick)
{
    buffer_append_u16_be(out, 1 + TICK_FIELDS);
    buffer_append_u32_be(out, 8);
    buffer_append_u64_be(out, (uint64_t)(tick->time - TIME_POSTGRES_EPOCH_US));
    for (int field = 0; field < TICK_FIELDS; field++) {
        if (tick->fields[field] == DECIMAL_NULL) {
            buffer_append_u32_be(out, UINT32_MAX);
            continue;
        }
        struct buffer numeric;
        buffer_init(&numeric, COPY_NUMERIC_BYTES_MAX);
        decimal_write_numeric(&numeric, tick->fields[field]);
        cr_assert(!numeric.failed);
        buffer_append_u32_be(out, (uint32_t)numeric.count);
        buffer_append(out, numeric.bytes, numeric.count);
        buffer_deinit(&numeric);
    }
}

static void random_copy(struct random *random, struct tick *ticks, struct buffer *out)
{
    buffer_append(out, golden, HEAD_BYTES);
    for (size_t row = 0; row < ROWS; row++) {
        ticks[row].time = random_between(random, TIME_MIN, TIME_MAX);
        for (int field = 0; field < TICK_FIELDS; field++)
            ticks[row].fields[field] =
                random_one_in(random, 3) ? DECIMAL_NULL : random_mantissa(random);
        append_tick(out, &ticks[row]);
    }
    buffer_append_u16_be(out, UINT16_MAX);
}

static void check_chunked(struct random *random, const struct tick *ticks, const struct buffer *in,
                          size_t chunk_max)
{
    struct copy_rows rows;
    copy_rows_init(&rows);
    size_t at = 0;
    size_t row = 0;
    enum status status = STATUS_WAIT;
    while (status == STATUS_WAIT) {
        size_t left = in->count - at;
        size_t chunk = random_below(random, (left < chunk_max ? left : chunk_max) + 1);
        copy_rows_give(&rows, in->bytes + at, chunk);
        at += chunk;
        struct tick tick;
        struct error error;
        while ((status = copy_rows_next(&rows, &tick, &error)) == STATUS_OK) {
            cr_assert(row < ROWS);
            cr_assert(memcmp(&tick, &ticks[row], sizeof tick) == 0, "row %zu", row);
            row++;
        }
    }
    cr_assert(status == STATUS_END);
    cr_assert(row == ROWS);
    cr_assert(at == in->count);
}

Test(store_copy_rows, random_ticks_come_back_however_they_are_cut)
{
    static struct tick ticks[ROWS];
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct random random = {.state = seed};
        struct buffer bytes;
        buffer_init(&bytes, (size_t)1 << 20);
        random_copy(&random, ticks, &bytes);
        cr_assert(!bytes.failed);
        check_chunked(&random, ticks, &bytes, 7);
        check_chunked(&random, ticks, &bytes, 60);
        check_chunked(&random, ticks, &bytes, 400);
        check_chunked(&random, ticks, &bytes, bytes.count);
        buffer_deinit(&bytes);
    }
}

Test(store_copy_rows, flipped_bits_never_read_out_of_bounds)
{
    static struct tick ticks[ROWS];
    struct random random = {.state = 7};
    struct buffer bytes;
    buffer_init(&bytes, (size_t)1 << 20);
    random_copy(&random, ticks, &bytes);
    for (int round = 0; round < 2000; round++) {
        size_t at = random_below(&random, bytes.count);
        uint8_t before = bytes.bytes[at];
        bytes.bytes[at] ^= (uint8_t)(1U << random_below(&random, 8));
        enum status status = outcome(bytes.bytes, bytes.count);
        cr_assert(status == STATUS_END || status == STATUS_WAIT || status == STATUS_BAD_MESSAGE);
        bytes.bytes[at] = before;
    }
    buffer_deinit(&bytes);
}
