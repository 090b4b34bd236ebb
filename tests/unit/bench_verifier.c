/*
 * The load client's check on frames: good ones are written by the server's own writer, and each
 * test doctors one thing. That the check notices nothing where nothing is wrong,
 * integration/bench.c says.
 */
#include "bench/verifier.h"

#include "random.h"
#include "wire/replay_push.h"
#include "wire/writer.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define FROM INT64_C(1723161255000000)
#define TO (FROM + 10000000)
#define ROWS_MAX 4096
#define BYTES_MAX (1 << 20)

static struct verifier verifier;
static struct message message;
static struct buffer bytes;
static struct error error;

/* A frame to be: three ticks of each of two symbols in the first second. */
static struct frame_ticks ticks[2];
static struct replay_frame_push push;
static int64_t times[2][ROWS_MAX];
static int64_t prices[2][ROWS_MAX];
static int64_t payloads[2][1 + TICK_FIELDS][ROWS_MAX];

static void seal(size_t symbol, size_t rows, unsigned encodings)
{
    ticks[symbol].symbol = (uint32_t)symbol;
    ticks[symbol].time =
        column_seal_times(times[symbol], rows, encodings, payloads[symbol][TICK_FIELDS]);
    for (size_t field = 0; field < TICK_FIELDS; field++)
        ticks[symbol].fields[field] =
            column_seal_decimals(prices[symbol], rows, encodings, payloads[symbol][field]);
}

static void make(void)
{
    buffer_init(&bytes, BYTES_MAX);
    struct verifier_range range = {.symbol_count = 2, .from = FROM, .to = TO};
    verifier_init(&verifier, range, 2, 1, 61440);
    cr_assert_eq(verifier_epoch(&verifier, 1, FROM, &error), STATUS_OK);
    for (size_t symbol = 0; symbol < 2; symbol++) {
        for (int64_t row = 0; row < 3; row++) {
            times[symbol][row] = FROM + 1000 * row;
            prices[symbol][row] = row == 1 ? DECIMAL_NULL : 5000000000 + 1000000 * row;
        }
        seal(symbol, 3, COLUMN_ENCODINGS_ALL);
    }
    push = (struct replay_frame_push){
        .id = 1,
        .epoch = 1,
        .seq = 0,
        .due_us = 500000,
        .span = {FROM, FROM + 1000000},
        .direction = 1,
        .ticks = ticks,
        .tick_count = 2,
    };
}

static void drop(void)
{
    buffer_deinit(&bytes);
}

TestSuite(verifier, .init = make, .fini = drop);

static void write_frame(void)
{
    struct writer writer;
    buffer_clear(&bytes);
    writer_init(&writer, &bytes, WIRE_MSGPACK);
    replay_frame_write(&writer, &push);
    cr_assert_not(bytes.failed);
}

static enum status read_and_verify(int64_t *rows)
{
    enum status status = message_read(bytes.bytes, bytes.count, &message, &error);
    return status == STATUS_OK ? verifier_frame(&verifier, &message, bytes.count, rows, &error)
                               : status;
}

static enum status verify(void)
{
    int64_t rows = 0;
    write_frame();
    return read_and_verify(&rows);
}

#define REFUSED(words)                                                                             \
    do {                                                                                           \
        cr_assert_eq(verify(), STATUS_BAD_MESSAGE);                                                \
        cr_assert_not_null(strstr(error.text, words), "%s", error.text);                           \
    } while (0)

Test(verifier, a_frame_as_it_should_be_is_taken_and_counted)
{
    int64_t rows = 0;
    write_frame();
    cr_assert_eq(read_and_verify(&rows), STATUS_OK, "%s", error.text);
    cr_assert_eq(rows, 6);
    cr_assert_eq(verifier.edge, FROM + 1000000);
    cr_assert_eq(verifier_ticks(&verifier), 6);
    uint64_t sum_of_symbol = 3 * FROM + 3000 + TICK_FIELDS * (2 * 5000000000 + 2000000);
    cr_assert_eq(verifier.sum, 2 * sum_of_symbol);
}

Test(verifier, a_frame_that_comes_twice_is_noticed)
{
    cr_assert_eq(verify(), STATUS_OK);
    REFUSED("frame 0 came where 1 was due");
}

Test(verifier, a_frame_that_is_missing_is_noticed)
{
    push.seq = 1;
    REFUSED("frame 1 came where 0 was due");
}

Test(verifier, a_frame_of_another_epoch_or_direction_is_noticed)
{
    push.epoch = 2;
    REFUSED("epoch 2");
    push.epoch = 1;
    push.direction = -1;
    REFUSED("dir -1");
}

Test(verifier, a_gap_and_an_overlap_between_spans_are_noticed)
{
    push.span.from = FROM + 1;
    REFUSED("begins at");
    push.span.from = FROM;
    cr_assert_eq(verify(), STATUS_OK, "%s", error.text);
    push.seq = 1;
    push.span = (struct time_range){FROM + 999999, FROM + 2000000};
    push.due_us = 1000000;
    push.tick_count = 0;
    REFUSED("begins at");
    push.span.from = FROM + 1000000;
    cr_assert_eq(verify(), STATUS_OK, "%s", error.text);
}

Test(verifier, a_span_beyond_the_range_is_noticed)
{
    push.span.to = TO + 1;
    push.due_us = 5000000;
    REFUSED("the span of frame 0 is");
    push.span.to = TO;
    cr_assert_eq(verify(), STATUS_OK, "%s", error.text);
}

Test(verifier, a_due_time_that_is_not_the_edge_over_the_speed_is_noticed)
{
    push.due_us = 501000;
    REFUSED("its edge makes it 500000");
    push.due_us = 0;
    REFUSED("its edge makes it 500000");
    verifier_init(&verifier, verifier.range, 0, 1, 61440);
    cr_assert_eq(verifier_epoch(&verifier, 1, FROM, &error), STATUS_OK);
    cr_assert_eq(verify(), STATUS_OK, "%s", error.text);
}

Test(verifier, a_tick_beside_its_span_is_noticed)
{
    times[1][2] = FROM + 1000000; /* the span's end is not in it */
    seal(1, 3, COLUMN_ENCODINGS_ALL);
    REFUSED("in a span");
    times[1][2] = FROM + 999999;
    seal(1, 3, COLUMN_ENCODINGS_ALL);
    cr_assert_eq(verify(), STATUS_OK, "%s", error.text);
}

Test(verifier, ticks_out_of_order_are_noticed_in_every_encoding)
{
    static const unsigned encodings[] = {COLUMN_ENCODING_BIT(COLUMN_U32),
                                         COLUMN_ENCODING_BIT(COLUMN_I64)};
    times[0][1] = FROM + 2001;
    for (size_t i = 0; i < 2; i++) {
        seal(0, 3, encodings[i]);
        REFUSED("out of order");
    }
    times[0][1] = FROM + 2000; /* ticks of one instant are in order */
    seal(0, 3, COLUMN_ENCODINGS_ALL);
    cr_assert_eq(verify(), STATUS_OK, "%s", error.text);
}

Test(verifier, backward_the_newest_tick_comes_first)
{
    verifier_init(&verifier, verifier.range, -2, -1, 61440);
    cr_assert_eq(verifier_epoch(&verifier, 1, FROM + 1000000, &error), STATUS_OK);
    push.direction = -1;
    REFUSED("out of order");
    for (size_t symbol = 0; symbol < 2; symbol++) {
        for (int64_t row = 0; row < 3; row++)
            times[symbol][row] = FROM + 1000 * (2 - row);
        seal(symbol, 3, COLUMN_ENCODINGS_ALL);
    }
    cr_assert_eq(verify(), STATUS_OK, "%s", error.text);
    cr_assert_eq(verifier.edge, FROM);
}

Test(verifier, a_time_that_is_null_is_noticed)
{
    ticks[0].time = column_seal_decimals(prices[0], 3, COLUMN_ENCODINGS_ALL, payloads[0][0]);
    ticks[0].time.exp = 0;
    REFUSED("times are null");
}

Test(verifier, columns_of_different_lengths_are_noticed)
{
    ticks[0].fields[TICK_ASK].rows = 2;
    REFUSED("for 3 rows");
    ticks[0].fields[TICK_ASK].rows = 3;
    ticks[1].time.rows = 2; /* which is where `n` comes from */
    REFUSED("for 2 rows");
}

Test(verifier, numbers_out_of_bounds_are_noticed)
{
    ticks[0].fields[TICK_BID].exp = 9;
    REFUSED("bid: exp is 9");
    ticks[0].fields[TICK_BID].exp = 0;
    ticks[0].time.mul = 0;
    REFUSED("mul is 0");
    ticks[0].time.mul = INT64_MAX;
    REFUSED("beyond 64 bits");
}

Test(verifier, a_symbol_that_is_not_there_or_comes_twice_is_noticed)
{
    ticks[1].symbol = 2;
    REFUSED("no symbol 2");
    ticks[1].symbol = 0;
    REFUSED("comes twice");
}

Test(verifier, a_symbol_without_ticks_is_noticed)
{
    seal(0, 0, COLUMN_ENCODINGS_ALL);
    REFUSED("0 rows");
}

Test(verifier, a_large_frame_is_noticed_unless_it_is_one_instant)
{
    verifier.frame_bytes = 16;
    REFUSED("more than one instant");
    for (size_t symbol = 0; symbol < 2; symbol++) {
        for (size_t row = 0; row < 3; row++)
            times[symbol][row] = FROM + 7;
        seal(symbol, 3, COLUMN_ENCODINGS_ALL);
    }
    cr_assert_eq(verify(), STATUS_OK, "%s", error.text);
}

/* ---- epochs and ends ---- */

Test(verifier, an_epoch_that_shrinks_or_begins_beside_the_range_is_noticed)
{
    cr_assert_eq(verifier_epoch(&verifier, 3, TO, &error), STATUS_OK);
    cr_assert_eq(verifier_epoch(&verifier, 2, FROM, &error), STATUS_BAD_MESSAGE);
    cr_assert_eq(verifier_epoch(&verifier, 4, TO + 1, &error), STATUS_BAD_MESSAGE);
    cr_assert_eq(verifier.epoch, 3);
}

static enum status end_with(int64_t first, int64_t second)
{
    int64_t totals[2] = {first, second};
    struct replay_state_push state = {.id = 1,
                                      .epoch = 1,
                                      .state = REPLAY_ENDED,
                                      .at = TO,
                                      .speed = {.rate = 1, .max = true},
                                      .totals = totals,
                                      .total_count = 2};
    struct writer writer;
    buffer_clear(&bytes);
    writer_init(&writer, &bytes, WIRE_MSGPACK);
    replay_state_write(&writer, &state);
    cr_assert_eq(message_read(bytes.bytes, bytes.count, &message, &error), STATUS_OK);
    cr_assert_eq(message.state, STATE_ENDED);
    return verifier_ended(&verifier, &message, &error);
}

Test(verifier, an_end_before_the_end_of_the_range_is_noticed)
{
    cr_assert_eq(verify(), STATUS_OK);
    cr_assert_eq(end_with(3, 3), STATUS_BAD_MESSAGE);
    push.seq = 1;
    push.span = (struct time_range){FROM + 1000000, TO};
    push.due_us = 5000000;
    push.tick_count = 0;
    cr_assert_eq(verify(), STATUS_OK, "%s", error.text);
    cr_assert_eq(end_with(3, 3), STATUS_OK, "%s", error.text);
}

Test(verifier, totals_that_are_not_what_came_are_noticed)
{
    push.span.to = TO;
    push.due_us = 5000000;
    cr_assert_eq(verify(), STATUS_OK);
    cr_assert_eq(end_with(3, 4), STATUS_BAD_MESSAGE);
    cr_assert_not_null(strstr(error.text, "4 ticks of symbol 1, 3 came"), "%s", error.text);
    cr_assert_eq(end_with(3, 3), STATUS_OK);
}

/* ---- hostile bytes ---- */

Test(verifier, a_message_cut_anywhere_is_refused)
{
    write_frame();
    for (size_t count = 0; count < bytes.count; count++)
        cr_assert_eq(message_read(bytes.bytes, count, &message, &error), STATUS_BAD_MESSAGE,
                     "%zu of %zu bytes were taken", count, bytes.count);
    buffer_append_u8(&bytes, 0xc0);
    cr_assert_eq(message_read(bytes.bytes, bytes.count, &message, &error), STATUS_BAD_MESSAGE);
}

/* Whatever comes, it is refused or taken, and nothing beside the message is read: that is what the
 * sanitizer watches, so every message is given in memory of exactly its size. */
Test(verifier, doctored_bytes_never_lead_beyond_the_message)
{
    struct random random = {.state = 7};
    write_frame();
    for (int run = 0; run < 20000; run++) {
        uint8_t *copy = malloc(bytes.count);
        memcpy(copy, bytes.bytes, bytes.count);
        for (size_t flips = 1 + random_below(&random, 4); flips > 0; flips--)
            copy[random_below(&random, bytes.count)] = (uint8_t)random_next(&random);
        int64_t rows;
        struct verifier before = verifier;
        enum status status = message_read(copy, bytes.count, &message, &error);
        if (status == STATUS_OK)
            status = verifier_frame(&verifier, &message, bytes.count, &rows, &error);
        cr_assert(status == STATUS_OK || status == STATUS_BAD_MESSAGE);
        verifier = before;
        free(copy);
    }
}

Test(verifier, a_hundred_thousand_nested_arrays_are_refused)
{
    static uint8_t deep[100000];
    memset(deep, 0x91, sizeof deep);
    deep[0] = 0x81, deep[1] = 0xa1, deep[2] = 'x';
    cr_assert_eq(message_read(deep, sizeof deep, &message, &error), STATUS_BAD_MESSAGE);
}

Test(verifier, a_count_beyond_the_message_is_refused)
{
    static const uint8_t map[] = {0xdf, 0xff, 0xff, 0xff, 0xff, 0xa2, 'e', 'v'};
    static const uint8_t bin[] = {0x81, 0xa2, 'e', 'v', 0xc6, 0xff, 0xff, 0xff, 0xff, 0};
    cr_assert_eq(message_read(map, sizeof map, &message, &error), STATUS_BAD_MESSAGE);
    cr_assert_eq(message_read(bin, sizeof bin, &message, &error), STATUS_BAD_MESSAGE);
}

Test(verifier, a_field_twice_is_refused)
{
    static const uint8_t twice[] = {0x82, 0xa2, 'e', 'v',  0xa2, 'o', 'k',
                                    0xa2, 'e',  'v', 0xa2, 'o',  'k'};
    static const uint8_t once[] = {0x82, 0xa2, 'e', 'v',  0xa2, 'o', 'k',
                                   0xa2, 'e',  'w', 0xa2, 'o',  'k'};
    cr_assert_eq(message_read(twice, sizeof twice, &message, &error), STATUS_BAD_MESSAGE);
    cr_assert_eq(message_read(once, sizeof once, &message, &error), STATUS_OK);
}

/* ---- the sum, against an obvious oracle ---- */

Test(verifier, the_sum_is_of_the_values_whatever_the_encoding)
{
    static const unsigned encodings[] = {
        COLUMN_ENCODINGS_ALL, COLUMN_ENCODING_BIT(COLUMN_I64), COLUMN_ENCODING_BIT(COLUMN_I32),
        COLUMN_ENCODING_BIT(COLUMN_I16) | COLUMN_ENCODING_BIT(COLUMN_U32)};
    struct random random = {.state = 3};
    push.tick_count = 1;
    for (int run = 0; run < 2000; run++) {
        size_t rows = 1 + random_below(&random, ROWS_MAX / 8);
        int64_t step = INT64_C(1) << random_below(&random, 40);
        uint64_t expected = 0;
        int64_t time = FROM;
        for (size_t row = 0; row < rows; row++) {
            time += random_between(&random, 0, 1000);
            times[0][row] = time;
            bool is_null = random_one_in(&random, 5);
            prices[0][row] = is_null ? DECIMAL_NULL : random_between(&random, -step, step) * 1000;
            expected += (uint64_t)time + (is_null ? 0 : TICK_FIELDS * (uint64_t)prices[0][row]);
        }
        seal(0, rows, encodings[random_below(&random, 4)]);
        struct verifier_range range = {.symbol_count = 1, .from = FROM, .to = TO};
        verifier_init(&verifier, range, 2, 1, BYTES_MAX);
        cr_assert_eq(verifier_epoch(&verifier, 1, FROM, &error), STATUS_OK);
        cr_assert_eq(verify(), STATUS_OK, "%s", error.text);
        cr_assert_eq(verifier.sum, expected);
    }
}
