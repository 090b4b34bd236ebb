/*
 * How long a frame can be: the bounds that its budget relies on.
 */
#include "wire/replay_push.h"

#include "market/time.h"
#include "wire_fixture.h"

#define ROWS_MAX 10000

/* The longest head there is, and rows whose text is the longest. */
static struct frame_ticks widest_ticks(size_t rows)
{
    static uint32_t longest_u32[ROWS_MAX];
    static int32_t longest_i32[ROWS_MAX];
    for (size_t i = 0; i < ROWS_MAX; i++) {
        longest_u32[i] = UINT32_MAX;
        longest_i32[i] = -INT32_MAX;
    }
    struct frame_ticks ticks = {.symbol = REPLAY_SYMBOLS_MAX - 1};
    ticks.time = (struct column){.encoding = COLUMN_U32,
                                 .base = TIME_MIN,
                                 .mul = INT64_MAX,
                                 .rows = rows,
                                 .payload = longest_u32};
    for (size_t field = 0; field < TICK_FIELDS; field++)
        ticks.fields[field] = (struct column){.encoding = COLUMN_I32,
                                              .exp = DECIMAL_EXP_MAX,
                                              .base = -INT64_MAX,
                                              .rows = rows,
                                              .payload = longest_i32};
    return ticks;
}

static struct replay_frame_push widest_frame(const struct frame_ticks *ticks, size_t count)
{
    return (struct replay_frame_push){
        .id = WIRE_REQ_MAX,
        .epoch = INT64_MAX,
        .seq = INT64_MAX,
        .due_us = INT64_MAX,
        .span = {.from = TIME_MIN, .to = TIME_MIN},
        .direction = -1,
        .ticks = ticks,
        .tick_count = count,
    };
}

static size_t frame_bytes(enum wire_encoding encoding, const struct frame_ticks *ticks,
                          size_t count)
{
    struct buffer *out;
    struct writer writer = writer_on(&out, encoding);
    struct replay_frame_push push = widest_frame(ticks, count);
    replay_frame_write(&writer, &push);
    cr_assert_not(out->failed);
    return out->count;
}

Test(wire_frame_bounds, no_frame_is_longer_than_its_head_its_symbols_and_its_rows_may_be)
{
    for (int encoding = WIRE_JSON; encoding <= WIRE_MSGPACK; encoding++) {
        enum wire_encoding wire = (enum wire_encoding)encoding;
        struct frame_ticks full = widest_ticks(ROWS_MAX);
        struct frame_ticks empty[] = {widest_ticks(0), widest_ticks(0)};
        size_t row_bytes = wire_row_bytes(wire, COLUMN_U32) + 4 * wire_row_bytes(wire, COLUMN_I32);
        cr_assert_leq(frame_bytes(wire, NULL, 0), WIRE_FRAME_HEAD_BYTES);
        cr_assert_leq(frame_bytes(wire, &full, 1),
                      WIRE_FRAME_HEAD_BYTES + WIRE_FRAME_SYMBOL_BYTES + ROWS_MAX * row_bytes);
        cr_assert_gt(frame_bytes(wire, &full, 1), ROWS_MAX * row_bytes);
        cr_assert_leq(frame_bytes(wire, empty, 2),
                      WIRE_FRAME_HEAD_BYTES + 2 * WIRE_FRAME_SYMBOL_BYTES);
    }
}
