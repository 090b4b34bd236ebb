#include "wire/replay_push.h"

#include "wire/session.h"

static const char *reason_name(enum replay_reason reason)
{
    static const char *const names[] = {
        [REASON_NONE] = "",
        [REASON_DATA] = "data",
        [REASON_CLIENT] = "client",
        [REASON_FLOW] = "flow",
    };
    return names[reason];
}

/* ev, id and epoch: how every push of a replay begins. */
#define HEAD_PAIRS 3
static void write_push_head(struct writer *writer, const char *ev, uint64_t id, int64_t epoch)
{
    answer_head(writer, ev, NULL);
    writer_key(writer, "id");
    writer_integer(writer, (int64_t)id);
    writer_key(writer, "epoch");
    writer_integer(writer, epoch);
}

static void write_totals(struct writer *writer, const struct replay_state_push *push)
{
    writer_key(writer, "totals");
    writer_map(writer, 1);
    writer_key(writer, "ticks");
    writer_array(writer, push->total_count);
    for (size_t i = 0; i < push->total_count; i++)
        writer_integer(writer, push->totals[i]);
    writer_end(writer);
    writer_end(writer);
}

void replay_state_write(struct writer *writer, const struct replay_state_push *push)
{
    bool has_reason = push->reason != REASON_NONE;
    bool has_totals = push->totals != NULL;
    size_t optional_pairs = (has_reason ? 1U : 0U) + (has_totals ? 1U : 0U);
    writer_map(writer, HEAD_PAIRS + 3 + optional_pairs);
    write_push_head(writer, "replay.state", push->id, push->epoch);
    writer_key(writer, "state");
    writer_text(writer, replay_state_name(push->state));
    writer_key(writer, "at");
    writer_integer(writer, push->at);
    writer_key(writer, "speed");
    replay_speed_write(writer, push->speed);
    if (has_reason) {
        writer_key(writer, "reason");
        writer_text(writer, reason_name(push->reason));
    }
    if (has_totals)
        write_totals(writer, push);
    writer_end(writer);
}

static void write_last(struct writer *writer, size_t symbol, const struct last_values *last)
{
    static const char *const names[] = {
        [TICK_BID] = "bid", [TICK_ASK] = "ask", [TICK_LAST] = "last"};
    writer_map(writer, 2 + sizeof names / sizeof *names);
    writer_key(writer, "symbol");
    writer_integer(writer, (int64_t)symbol);
    writer_key(writer, "time");
    if (last->time == INT64_MIN)
        writer_nil(writer);
    else
        writer_integer(writer, last->time);
    for (size_t field = 0; field < sizeof names / sizeof *names; field++) {
        writer_key(writer, names[field]);
        writer_decimal(writer, last->time == INT64_MIN ? DECIMAL_NULL : last->fields[field]);
    }
    writer_end(writer);
}

static void write_picture(struct writer *writer, const struct replay_snapshot_push *push,
                          const struct snapshot_candles *picture)
{
    const struct replay_interval *interval = &push->intervals->items[picture->interval];
    struct candle_rows rows = {.candles = picture->candles, .count = picture->count};
    writer_map(writer, 2 + candles_column_pairs(&rows));
    writer_key(writer, "symbol");
    writer_integer(writer, (int64_t)picture->symbol);
    writer_key(writer, "interval");
    writer_text(writer, interval->text);
    candles_write_columns(writer, &rows, interval->interval_us, push->at, push->encodings);
    writer_end(writer);
}

void replay_snapshot_write(struct writer *writer, const struct replay_snapshot_push *push)
{
    writer_map(writer, HEAD_PAIRS + 4);
    write_push_head(writer, "replay.snapshot", push->id, push->epoch);
    writer_key(writer, "seq");
    writer_integer(writer, push->seq);
    writer_key(writer, "at");
    writer_integer(writer, push->at);
    writer_key(writer, "candles");
    writer_array(writer, push->picture_count);
    for (size_t i = 0; i < push->picture_count; i++)
        write_picture(writer, push, &push->pictures[i]);
    writer_end(writer);
    writer_key(writer, "last");
    writer_array(writer, push->last_count);
    for (size_t i = 0; i < push->last_count; i++)
        write_last(writer, i, &push->last[i]);
    writer_end(writer);
    writer_end(writer);
}

static void write_ticks(struct writer *writer, const struct frame_ticks *ticks)
{
    static const char *const names[TICK_FIELDS] = {
        [TICK_BID] = "bid",
        [TICK_ASK] = "ask",
        [TICK_LAST] = "last",
        [TICK_VOLUME] = "volume",
    };
    writer_map(writer, 3 + TICK_FIELDS);
    writer_key(writer, "symbol");
    writer_integer(writer, (int64_t)ticks->symbol);
    writer_key(writer, "n");
    writer_integer(writer, (int64_t)ticks->time.rows);
    writer_key(writer, "time");
    writer_column(writer, &ticks->time);
    for (size_t field = 0; field < TICK_FIELDS; field++) {
        writer_key(writer, names[field]);
        writer_column(writer, &ticks->fields[field]);
    }
    writer_end(writer);
}

static void write_span(struct writer *writer, struct time_range span)
{
    writer_key(writer, "span");
    writer_array(writer, 2);
    writer_integer(writer, span.from);
    writer_integer(writer, span.to);
    writer_end(writer);
}

void replay_frame_write(struct writer *writer, const struct replay_frame_push *push)
{
    writer_map(writer, HEAD_PAIRS + 4 + (push->tick_count > 0 ? 1U : 0U) +
                           (push->candle_count > 0 ? 1U : 0U));
    write_push_head(writer, "replay.frame", push->id, push->epoch);
    writer_key(writer, "seq");
    writer_integer(writer, push->seq);
    writer_key(writer, "due");
    writer_integer(writer, push->due_us);
    write_span(writer, push->span);
    writer_key(writer, "dir");
    writer_integer(writer, push->direction);
    if (push->tick_count > 0) {
        writer_key(writer, "ticks");
        writer_array(writer, push->tick_count);
        for (size_t i = 0; i < push->tick_count; i++)
            write_ticks(writer, &push->ticks[i]);
        writer_end(writer);
    }
    if (push->candle_count > 0) {
        writer_key(writer, "candles");
        writer_array(writer, push->candle_count);
        for (size_t i = 0; i < push->candle_count; i++)
            candle_write_row(writer, &push->candles[i],
                             push->intervals->items[push->candles[i].interval].text);
        writer_end(writer);
    }
    writer_end(writer);
}
