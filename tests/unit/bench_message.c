/*
 * Candles in the messages that the load client takes apart.
 */
#include "bench/message.h"

#include "bench_candles.h"

#include <criterion/criterion.h>
#include <string.h>

#define FROM INT64_C(1723161240000000)

static struct message message;
static struct buffer said;
static struct error error;

static void make(void)
{
    buffer_init(&said, 16384);
}

static void drop(void)
{
    buffer_deinit(&said);
}

TestSuite(bench_message, .init = make, .fini = drop);

static void begin(size_t pairs, const char *ev)
{
    buffer_clear(&said);
    pack_map(&said, pairs);
    pack_text(&said, "ev");
    pack_text(&said, ev);
}

static enum status read_said(void)
{
    return message_read(said.bytes, said.count, &message, &error);
}

Test(bench_message, the_columns_of_a_candles_snapshot_are_found)
{
    begin(1 + BENCH_CANDLE_PAIRS, "candles.snapshot");
    bench_put_candles(&said, FROM, 60000000, 3);
    cr_assert_eq(read_said(), STATUS_OK, "%s", error.text);
    cr_assert_eq(message.event, MESSAGE_CANDLES);
    cr_assert_eq(message.candles.rows, 3);
    cr_assert(message.candles.has_volume);
    cr_assert_eq(message.candles.columns[CANDLES_TIME].base, FROM);
    cr_assert_eq(message.candles.columns[CANDLES_CLOSE].base, 15);
    cr_assert_eq(message.candles.columns[CANDLES_VOLUME].base, 3);
}

Test(bench_message, the_last_close_of_an_update_is_read)
{
    int64_t price = 0;
    begin(1 + BENCH_CANDLE_PAIRS, "candles.update");
    bench_put_candles(&said, FROM, 60000000, 3);
    cr_assert_eq(read_said(), STATUS_OK, "%s", error.text);
    cr_assert_eq(message.event, MESSAGE_UPDATE);
    const struct columns_column *close = &message.candles.columns[CANDLES_CLOSE];
    cr_assert_eq(columns_last_decimal(close, 3, &price, &error), STATUS_OK, "%s", error.text);
    int64_t expected = 15;
    for (int64_t exp = close->exp; exp < 8; exp++)
        expected *= 10;
    cr_assert_eq(price, expected);
    /* Rows of two bytes each, of which the last is 7; and the same with a null there. */
    static const uint8_t two[] = {0x01, 0x00, 0x07, 0x00};
    static const uint8_t none[] = {0x01, 0x00, 0x00, 0x80};
    struct columns_column column = {.encoding = COLUMNS_I16,
                                    .mul = 1,
                                    .base = 1000,
                                    .exp = 8,
                                    .payload = two,
                                    .payload_bytes = 4};
    cr_assert_eq(columns_last_decimal(&column, 2, &price, &error), STATUS_OK);
    cr_assert_eq(price, 1007);
    column.payload = none;
    cr_assert_eq(columns_last_decimal(&column, 2, &price, &error), STATUS_BAD_MESSAGE);
    cr_assert_eq(columns_last_decimal(&column, 3, &price, &error), STATUS_BAD_MESSAGE);
}

/* All but the column with this name; the volume as a text. */
static void begin_candles_but(const char *left_out)
{
    static const char *const names[] = {"open", "high", "low", "close", "trades", "final"};
    begin(1 + BENCH_CANDLE_PAIRS - (left_out != NULL ? 1 : 0), "candles.snapshot");
    pack_text(&said, "n");
    pack_integer(&said, 1);
    bench_put_times(&said, FROM, 60000000, 1);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (left_out == NULL || strcmp(left_out, names[i]) != 0)
            bench_put_const(&said, names[i], 1, 0);
    }
    pack_text(&said, "volume");
    pack_array(&said, 2);
    pack_text(&said, "text");
    pack_array(&said, 1);
    pack_text(&said, "123456789012345678901234567890");
}

Test(bench_message, a_candles_snapshot_without_one_of_its_columns_is_refused)
{
    begin_candles_but("open");
    cr_assert_eq(read_said(), STATUS_BAD_MESSAGE);
    begin_candles_but("final");
    cr_assert_eq(read_said(), STATUS_BAD_MESSAGE);
}

Test(bench_message, volumes_beyond_64_bits_come_as_texts_and_are_passed_over)
{
    begin_candles_but(NULL);
    cr_assert_eq(read_said(), STATUS_OK, "%s", error.text);
    cr_assert_not(message.candles.has_volume);
}

static void put_list(size_t items)
{
    begin(2, "replay.snapshot");
    pack_text(&said, "candles");
    pack_array(&said, items);
    for (size_t i = 0; i < items; i++) {
        pack_map(&said, BENCH_CANDLE_PAIRS);
        bench_put_candles(&said, FROM, 60000000, 3 + i);
    }
}

Test(bench_message, of_the_candles_of_a_replay_the_first_are_kept)
{
    put_list(2);
    cr_assert_eq(read_said(), STATUS_OK, "%s", error.text);
    cr_assert_eq(message.candles.rows, 3);
    put_list(0);
    cr_assert_eq(read_said(), STATUS_OK, "%s", error.text);
    cr_assert_eq(message.candles.rows, MESSAGE_NONE);
}

Test(bench_message, the_rows_of_a_frame_are_passed_over)
{
    begin(2, "replay.frame");
    pack_text(&said, "candles");
    pack_array(&said, 1);
    pack_array(&said, 1);
    pack_text(&said, "1m");
    cr_assert_eq(read_said(), STATUS_OK, "%s", error.text);
    cr_assert_eq(message.candles.rows, MESSAGE_NONE);
}

static void put_ops(const char *op)
{
    begin(2, "welcome");
    pack_text(&said, "ops");
    pack_array(&said, 2);
    pack_text(&said, "ping");
    pack_text(&said, op);
}

Test(bench_message, whether_candles_can_be_subscribed_is_in_the_ops)
{
    put_ops("candles.subscribe");
    cr_assert_eq(read_said(), STATUS_OK, "%s", error.text);
    cr_assert(message.has_subscribe);
    put_ops("candles.subscribed");
    cr_assert_eq(read_said(), STATUS_OK, "%s", error.text);
    cr_assert_not(message.has_subscribe);
}
