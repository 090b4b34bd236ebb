/*
 * The columns of a tick.
 *
 * Owner's thread. Never allocates, never reads outside of what it was given.
 */
#include "store/copy_rows.h"

#include "store/copy_fields.h"

#include <assert.h>

#define COLUMN_COUNT (1 + TICK_FIELDS)

static_assert(2 + 4 + COPY_INT8_BYTES + TICK_FIELDS * (4 + COPY_NUMERIC_BYTES_MAX) <=
                  COPY_ROW_BYTES_MAX,
              "a row that was cut must fit the carry buffer");

static const char *const field_names[TICK_FIELDS] = {"bid_price", "ask_price", "last_price",
                                                     "volume"};

static enum status take_tick(struct copy_item *item, void *row, struct error *error)
{
    struct tick *tick = row;
    enum status status = copy_take_time(item, &tick->time, error);
    for (int field = 0; field < TICK_FIELDS && status == STATUS_OK; field++)
        status = copy_take_decimal(item, field_names[field], &tick->fields[field], error);
    return status;
}

void copy_rows_init(struct copy_rows *rows)
{
    copy_stream_init(&rows->stream, COLUMN_COUNT, take_tick);
}

void copy_rows_give(struct copy_rows *rows, const void *bytes, size_t count)
{
    copy_stream_give(&rows->stream, bytes, count);
}

enum status copy_rows_next(struct copy_rows *rows, struct tick *tick, struct error *error)
{
    return copy_stream_next(&rows->stream, tick, error);
}
