#include "replay/gather.h"

#include "fake_source.h"

#include <criterion/criterion.h>

#define S TIME_SECOND_US
#define GRAIN (64 * S)

static struct fake_source fake;
static struct fake_tape *ticks;
static struct tape *tape;
static struct inbox inbox;
static struct cursor cursor;
static struct gather gather;
static struct frame_ticks frame;

static const struct frame_budget budget = {
    .symbol_bytes = 100,
    .row_bytes = {[COLUMN_U32] = 4, [COLUMN_I16] = 2, [COLUMN_I32] = 4, [COLUMN_I64] = 8},
    .encodings = COLUMN_ENCODINGS_ALL,
};

static void nobody_sleeps(void *owner)
{
    (void)owner;
}

static void deliver(struct letter *letter)
{
    (void)letter;
}

/* A tick a second for three grains, from 0 on, covered. */
static void set_up(void)
{
    fake_source_init(&fake);
    ticks = fake_source_symbol(&fake, "A", GRAIN);
    for (int64_t i = 0; i < 192; i++)
        fake_tape_add(ticks, i * S, i);
    tape = tape_create(&fake.source, 1 << 24);
    inbox_init(&inbox, nobody_sleeps, NULL);
    cursor_init(&cursor, tape, &ticks->symbol, &inbox, deliver);
    cursor_seek(&cursor, 1, 0);
    struct error error;
    tape_read_ahead(tape, cursor.track, (struct time_range){0, 192 * S}, false); /* whole grains */
    while (cursor_cover(&cursor, 192 * S, &error) == STATUS_WAIT) {
        fake_source_run(&fake);
        inbox_drain(&inbox);
    }
    gather_init(&gather);
}

static void tear_down(void)
{
    gather_deinit(&gather);
    cursor_deinit(&cursor);
    fake_source_deinit(&fake);
    tape_destroy(&tape);
    inbox_drain(&inbox);
    inbox_deinit(&inbox);
}

TestSuite(replay_gather, .init = set_up, .fini = tear_down);

static size_t gathered(int64_t edge, unsigned encodings)
{
    gather_begin(&gather, 192);
    return gather_ticks(&gather, &cursor, edge, encodings, &frame);
}

static void check_rows(int64_t first, size_t rows)
{
    cr_assert(frame.time.rows == rows);
    for (size_t i = 0; i < rows; i++) {
        cr_assert(column_value(&frame.time, i) == (first + (int64_t)i) * S);
        cr_assert(column_decimal(&frame.fields[TICK_BID], i) == (first + (int64_t)i) * DECIMAL_ONE);
        cr_assert(column_decimal(&frame.fields[TICK_LAST], i) == DECIMAL_NULL);
    }
}

Test(replay_gather, shares_the_columns_of_one_block)
{
    cr_assert(gathered(10 * S, COLUMN_ENCODINGS_ALL) == 10);
    check_rows(0, 10);
    cr_assert(frame.time.payload == cursor.stretches[0].pinned.block->time.payload);
    cr_assert(gather.payload_used == 0);
}

/* Backward, from 192 s down. */
static void turn_around(void)
{
    struct error error;
    cursor_seek(&cursor, -1, axis_edge(-1, 192 * S));
    cr_assert(cursor_cover(&cursor, axis_edge(-1, 0), &error) == STATUS_OK);
}

static void check_rows_back(int64_t newest, size_t rows)
{
    cr_assert(frame.time.rows == rows);
    for (size_t i = 0; i < rows; i++) {
        int64_t value = newest - (int64_t)i;
        cr_assert(column_value(&frame.time, i) == value * S);
        cr_assert(column_decimal(&frame.fields[TICK_BID], i) == value * DECIMAL_ONE);
        cr_assert(column_decimal(&frame.fields[TICK_LAST], i) == DECIMAL_NULL);
    }
}

Test(replay_gather, turns_the_rows_around_when_playing_backward)
{
    turn_around();
    const struct block *block = cursor.stretches[0].pinned.block;
    cr_assert(gathered(axis_edge(-1, 190 * S), COLUMN_ENCODINGS_ALL) == 2);
    check_rows_back(191, 2);
    cr_assert(frame.time.encoding == block->time.encoding, "nothing is sealed anew");
    cursor_advance(&cursor, axis_edge(-1, 190 * S));
    cr_assert(gathered(axis_edge(-1, 100 * S), COLUMN_ENCODINGS_ALL) == 90);
    check_rows_back(189, 90);
    cr_assert(gathered(axis_edge(-1, 180 * S), COLUMN_ENCODING_BIT(COLUMN_I64)) == 10);
    check_rows_back(189, 10);
}

Test(replay_gather, seals_rows_of_several_blocks_anew)
{
    cursor_advance(&cursor, 60 * S);
    cr_assert(gathered(130 * S, COLUMN_ENCODINGS_ALL) == 70);
    check_rows(60, 70);
}

Test(replay_gather, seals_what_the_client_could_not_read)
{
    unsigned only_i64 = COLUMN_ENCODING_BIT(COLUMN_I64);
    cr_assert(gathered(10 * S, only_i64) == 10);
    check_rows(0, 10);
    cr_assert(frame.time.encoding == COLUMN_I64);
    cr_assert(frame.fields[TICK_LAST].encoding == COLUMN_I64, "also where all are null");
}

Test(replay_gather, has_nothing_where_there_are_no_rows)
{
    cr_assert(gathered(0, COLUMN_ENCODINGS_ALL) == 0);
    cr_assert(gather_bytes(&cursor, 0, &budget) == 0);
    cr_assert(gathered(1, COLUMN_ENCODINGS_ALL) == 1);
}

Test(replay_gather, knows_most_of_the_bytes_a_frame_can_take)
{
    size_t sliced = gather_bytes(&cursor, 10 * S, &budget);
    const struct block *block = cursor.stretches[0].pinned.block;
    size_t row_bytes = budget.row_bytes[block->time.encoding];
    for (int field = 0; field < TICK_FIELDS; field++)
        row_bytes += budget.row_bytes[block->fields[field].encoding];
    cr_assert(sliced == 100 + 10 * row_bytes);
    cr_assert(gather_bytes(&cursor, 100 * S, &budget) == 100 + 100 * 5 * 8);
    size_t before = 0;
    for (int64_t edge = 0; edge < 192 * S; edge += S / 2) {
        size_t bytes = gather_bytes(&cursor, edge, &budget);
        cr_assert(bytes >= before, "more rows never take fewer bytes");
        before = bytes;
    }
}

Test(replay_gather, seals_rows_of_several_blocks_newest_first_when_playing_backward)
{
    turn_around();
    cr_assert(gathered(axis_edge(-1, 60 * S), COLUMN_ENCODINGS_ALL) == 132);
    check_rows_back(191, 132);
    cursor_advance(&cursor, axis_edge(-1, 130 * S));
    cr_assert(gathered(axis_edge(-1, 0), COLUMN_ENCODINGS_ALL) == 130);
    check_rows_back(129, 130);
}

Test(replay_gather, has_nothing_at_its_own_edge_when_playing_backward)
{
    turn_around();
    cr_assert(gathered(cursor.position, COLUMN_ENCODINGS_ALL) == 0);
    cr_assert(gather_bytes(&cursor, cursor.position, &budget) == 0);
    cr_assert(gathered(axis_edge(-1, 191 * S + 1), COLUMN_ENCODINGS_ALL) == 0);
    cr_assert(gathered(axis_edge(-1, 191 * S), COLUMN_ENCODINGS_ALL) == 1);
}

Test(replay_gather, weighs_the_same_rows_alike_in_both_directions)
{
    cursor_advance(&cursor, 70 * S);
    size_t one_block = gather_bytes(&cursor, 100 * S, &budget);
    size_t two_blocks = gather_bytes(&cursor, 140 * S, &budget);
    turn_around();
    cursor_advance(&cursor, axis_edge(-1, 100 * S));
    cr_assert(gather_bytes(&cursor, axis_edge(-1, 70 * S), &budget) == one_block);
    turn_around();
    cursor_advance(&cursor, axis_edge(-1, 140 * S));
    cr_assert(gather_bytes(&cursor, axis_edge(-1, 70 * S), &budget) == two_blocks);
}
