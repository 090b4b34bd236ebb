#include "candles.h"

#include "base/assert.h"
#include "base/mem.h"
#include "support/wire_message.h"

#include <inttypes.h>
#include <string.h>

#define BUCKET_ORIGIN_US INT64_C(946857600000000) /* 2000-01-03 00:00 UTC */
#define ROWS_MOST 8192
#define ROW_VALUES 12

/* ---- the slow way ------------------------------------------------------------------------ */

/* What trades make of a bucket as of an instant. */
struct state {
    bool exists;
    bool final;
    struct candle candle;
};

static int64_t bucket_of(int64_t interval_us, int64_t time)
{
    int64_t rest = (time - BUCKET_ORIGIN_US) % interval_us;
    return time - (rest < 0 ? rest + interval_us : rest);
}

static void add_trade(struct candle *candle, const struct tick *tick)
{
    int64_t price = tick->fields[TICK_LAST];
    if (candle->trades++ == 0)
        candle->open = candle->high = candle->low = price;
    candle->high = price > candle->high ? price : candle->high;
    candle->low = price < candle->low ? price : candle->low;
    candle->close = price;
    if (tick->fields[TICK_VOLUME] == DECIMAL_NULL)
        return;
    candle->volume += tick->fields[TICK_VOLUME];
    candle->has_volume = true;
}

static struct state state_of(const struct world_tape *tape, int64_t interval_us, int64_t bucket,
                             int64_t at)
{
    struct state state = {.candle = {.time = bucket}, .final = bucket + interval_us <= at};
    for (size_t i = world_find(tape, bucket); i < tape->count; i++) {
        const struct tick *tick = &tape->ticks[i];
        if (tick->time >= at || tick->time >= bucket + interval_us)
            break;
        if (tick->fields[TICK_LAST] != DECIMAL_NULL)
            add_trade(&state.candle, tick);
    }
    state.exists = state.candle.trades > 0;
    return state;
}

/* The newest candle as of `at` whose bucket starts before `before`. */
static struct state newest_state(const struct world_tape *tape, int64_t interval_us, int64_t before,
                                 int64_t at)
{
    size_t row = world_find(tape, before < at ? before : at);
    while (row > 0 && tape->ticks[row - 1].fields[TICK_LAST] == DECIMAL_NULL)
        row--;
    if (row == 0)
        return (struct state){.exists = false};
    return state_of(tape, interval_us, bucket_of(interval_us, tape->ticks[row - 1].time), at);
}

static bool is_same(const struct state *a, const struct state *b)
{
    if (!a->exists || !b->exists)
        return a->exists == b->exists;
    return a->final == b->final && candle_equal(&a->candle, &b->candle);
}

struct block *candles_block(const struct world_tape *tape, int64_t interval_us,
                            struct time_range range, uint64_t changes)
{
    size_t first = world_find(tape, range.from);
    size_t end = world_find(tape, range.to);
    struct candle *candles = mem_alloc((end - first + 1) * sizeof *candles);
    size_t count = 0;
    for (size_t i = first; i < end; i++) {
        const struct tick *tick = &tape->ticks[i];
        if (tick->fields[TICK_LAST] == DECIMAL_NULL || tape->born[i] > changes)
            continue;
        int64_t bucket = bucket_of(interval_us, tick->time);
        if (count == 0 || candles[count - 1].time != bucket)
            candles[count++] = (struct candle){.time = bucket};
        add_trade(&candles[count - 1], tick);
    }
    struct block *block = count > 0 ? block_of_candles(candles, count, range) : NULL;
    mem_free(candles);
    return block;
}

/* ---- values ------------------------------------------------------------------------------ */

static candle_volume at_exp_8(int64_t mantissa, int64_t exp)
{
    candle_volume value = mantissa;
    for (; exp < 8; exp++)
        value *= 10;
    return value;
}

/* "-123.45" at exp 8. */
static candle_volume parse_text(const char *text)
{
    bool is_negative = *text == '-';
    candle_volume value = 0;
    int decimals = -1;
    for (text += is_negative; *text != '\0'; text++) {
        if (*text == '.' && decimals < 0) {
            decimals = 0;
            continue;
        }
        CHECK(*text >= '0' && *text <= '9', "a decimal text that is none");
        value = value * 10 + (*text - '0');
        decimals += decimals >= 0;
    }
    for (decimals = decimals < 0 ? 0 : decimals; decimals < 8; decimals++)
        value *= 10;
    return is_negative ? -value : value;
}

static candle_volume value_of_row(const json_t *value, int64_t exp)
{
    if (json_is_string(value))
        return parse_text(json_string_value(value));
    CHECK(json_is_integer(value), "a candle's value is no number");
    return at_exp_8((int64_t)json_integer_value(value), exp);
}

/* ---- rows of a frame --------------------------------------------------------------------- */

static int64_t integer_at(const json_t *row, size_t index)
{
    const json_t *value = json_array_get(row, index);
    CHECK(json_is_integer(value), "value %zu of a candle is no integer", index);
    return (int64_t)json_integer_value(value);
}

static void check_row(const json_t *row, const struct state *want)
{
    if (!want->exists) {
        CHECK(json_is_null(json_array_get(row, 2)), "a candle where none is left");
        return;
    }
    const struct candle *candle = &want->candle;
    CHECK(json_array_size(row) == ROW_VALUES, "a candle of %zu values", json_array_size(row));
    CHECK(integer_at(row, 2) == candle->time, "a candle of %" PRId64 ", not %" PRId64,
          integer_at(row, 2), candle->time);
    const int64_t prices[] = {candle->open, candle->high, candle->low, candle->close};
    for (size_t i = 0; i < 4; i++)
        CHECK(value_of_row(json_array_get(row, 4 + i), integer_at(row, 3)) == prices[i],
              "price %zu of the candle of %" PRId64 " is another", i, candle->time);
    const json_t *volume = json_array_get(row, 9);
    CHECK(json_is_null(volume) == !candle->has_volume, "a volume, or none");
    CHECK(!candle->has_volume || value_of_row(volume, integer_at(row, 8)) == candle->volume,
          "the volume of the candle of %" PRId64 " is another", candle->time);
    CHECK(integer_at(row, 10) == candle->trades, "trades of the candle of %" PRId64, candle->time);
    CHECK(integer_at(row, 11) == want->final, "final of the candle of %" PRId64, candle->time);
}

/* The rows of one series, in their order. */
struct series_rows {
    const json_t *rows;
    size_t symbol;
    const char *interval;
    size_t at;
};

static bool is_mine(const struct series_rows *rows, const json_t *row)
{
    const char *interval = json_string_value(json_array_get(row, 1));
    return (size_t)integer_at(row, 0) == rows->symbol && interval != NULL &&
           strcmp(interval, rows->interval) == 0;
}

static const json_t *next_row(struct series_rows *rows)
{
    for (; rows->at < json_array_size(rows->rows); rows->at++) {
        const json_t *row = json_array_get(rows->rows, rows->at);
        if (!is_mine(rows, row))
            continue;
        rows->at++;
        return row;
    }
    return NULL;
}

/* Every bucket that is another now, oldest first: the newest of before may have ended or go on. */
static size_t check_forward(const struct world_tape *tape, int64_t interval_us,
                            struct time_range span, struct series_rows *rows)
{
    struct state old = newest_state(tape, interval_us, span.from, span.from);
    int64_t bucket = old.exists ? old.candle.time : INT64_MIN;
    size_t count = 0;
    size_t end = world_find(tape, span.to);
    size_t row = world_find(tape, span.from);
    while (true) {
        struct state now = {.exists = false};
        if (bucket != INT64_MIN)
            now = state_of(tape, interval_us, bucket, span.to);
        if (now.exists && !(count == 0 && old.exists && is_same(&old, &now))) {
            const json_t *sent = next_row(rows);
            CHECK(sent != NULL, "the %s candle of %" PRId64 " has changed, but was not sent",
                  rows->interval, bucket);
            check_row(sent, &now);
            count++;
        }
        while (row < end && (tape->ticks[row].fields[TICK_LAST] == DECIMAL_NULL ||
                             bucket_of(interval_us, tape->ticks[row].time) == bucket))
            row++;
        if (row == end)
            return count;
        old.exists = false;
        bucket = bucket_of(interval_us, tape->ticks[row].time);
    }
}

static size_t check_backward(const struct world_tape *tape, int64_t interval_us,
                             struct time_range span, struct series_rows *rows)
{
    struct state old = newest_state(tape, interval_us, span.to, span.to);
    struct state now = newest_state(tape, interval_us, span.from, span.from);
    if (is_same(&old, &now))
        return 0;
    const json_t *sent = next_row(rows);
    CHECK(sent != NULL, "another %s candle is the newest one, but was not sent", rows->interval);
    check_row(sent, &now);
    return 1;
}

size_t candles_check_frame(struct watch *watch, const json_t *message, int64_t edge)
{
    const json_t *all = json_object_get(message, "candles");
    CHECK(all == NULL || json_array_size(all) > 0, "candles of a frame without any");
    if (watch->epoch.changes != watch->world->changes)
        return json_array_size(all);
    struct time_range span = {.from = watch->epoch.edge, .to = edge};
    if (watch->epoch.direction < 0)
        span = (struct time_range){.from = edge, .to = watch->epoch.edge};
    size_t count = 0;
    for (size_t i = 0; i < watch->symbol_count * watch->intervals.count; i++) {
        const struct interval *interval = &watch->intervals.items[i % watch->intervals.count];
        struct series_rows rows = {
            .rows = all, .symbol = i / watch->intervals.count, .interval = interval->text};
        const struct world_tape *tape = watch_tape(watch, rows.symbol);
        count += watch->epoch.direction > 0 ? check_forward(tape, interval->us, span, &rows)
                                            : check_backward(tape, interval->us, span, &rows);
        CHECK(next_row(&rows) == NULL, "a %s candle that is as it was", interval->text);
    }
    CHECK(count == json_array_size(all), "%zu candles in a frame, %zu have changed",
          json_array_size(all), count);
    tallies[TALLY_CANDLES] += count;
    return count;
}

/* ---- snapshots --------------------------------------------------------------------------- */

static void read_column(const json_t *item, const char *name, bool is_decimal, size_t count,
                        int64_t *values)
{
    const json_t *column = json_object_get(item, name);
    bool is_read = is_decimal ? wire_column_decimals(column, count, values)
                              : wire_column_times(column, count, values);
    CHECK(is_read, "bad %s column of candles", name);
}

/* Volumes are sums, and may be larger than a column of decimals can say: then they are texts, or
 * left to the unit tests of wire/. */
static void check_volumes(const json_t *item, size_t count, const struct state *want)
{
    static int64_t values[ROWS_MOST];
    const json_t *column = json_object_get(item, "volume");
    const char *encoding = json_string_value(json_array_get(column, 0));
    CHECK(encoding != NULL, "a volume column without an encoding");
    bool is_text = strcmp(encoding, "text") == 0;
    if (!is_text && !wire_column_decimals(column, count, values))
        return;
    for (size_t i = 0; i < count; i++) {
        const struct candle *candle = &want[i].candle;
        const json_t *text = json_array_get(json_array_get(column, 1), i);
        bool has_volume = is_text ? json_is_string(text) : values[i] != DECIMAL_NULL;
        CHECK(has_volume == candle->has_volume, "a volume of a snapshot, or none");
        if (has_volume)
            CHECK((is_text ? parse_text(json_string_value(text)) : values[i]) == candle->volume,
                  "a volume of a snapshot is another");
    }
}

static void check_columns(const json_t *item, size_t count, const struct state *want)
{
    static const char *const names[] = {"time", "open", "high", "low", "close", "trades", "final"};
    static int64_t values[7][ROWS_MOST];
    for (size_t i = 0; i < 7; i++)
        read_column(item, names[i], i >= 1 && i <= 4, count, values[i]);
    for (size_t i = 0; i < count; i++) {
        const struct candle *candle = &want[i].candle;
        const int64_t wanted[] = {candle->time,  candle->open,   candle->high, candle->low,
                                  candle->close, candle->trades, want[i].final};
        for (size_t f = 0; f < 7; f++)
            CHECK(values[f][i] == wanted[f],
                  "%s of candle %zu of %zu in a snapshot: %" PRId64 " instead of %" PRId64,
                  names[f], i, count, values[f][i], wanted[f]);
    }
    check_volumes(item, count, want);
}

/* The `count` newest candles that start before `before`, as of `at`, are those of the message. They
 * stay in `want`, the newest last; returns the one before them. */
static struct state check_newest(const json_t *item, const struct candles_wish *wish, size_t count,
                                 struct state *want)
{
    int64_t before = bucket_of(wish->us, wish->before - 1) + wish->us; /* as a bucket begins */
    for (size_t i = count; i > 0; i--) {
        want[i - 1] = newest_state(wish->tape, wish->us, before, wish->at);
        CHECK(want[i - 1].exists, "candles of nothing");
        before = want[i - 1].candle.time;
    }
    check_columns(item, count, want);
    return newest_state(wish->tape, wish->us, before, wish->at);
}

size_t candles_check_newest(const json_t *message, const struct candles_wish *wish, size_t most)
{
    static struct state want[ROWS_MOST];
    size_t count = (size_t)integer_of(message, "n");
    CHECK(count <= most, "%zu candles, more than asked for", count);
    struct state older = check_newest(message, wish, count, want);
    CHECK(count == most || !older.exists, "%zu of %zu candles, and there are more", count, most);
    return count;
}

/* `history` complete candles and the forming one, the newest that there are. */
static void check_item(const struct watch *watch, const json_t *item, const struct interval *wish)
{
    static struct state want[ROWS_MOST];
    size_t count = (size_t)integer_of(item, "n");
    CHECK(count <= (size_t)wish->history + 1, "%zu candles, more than asked for", count);
    int64_t at = watch->epoch.edge;
    struct state older = check_newest(
        item,
        &(struct candles_wish){.tape = watch_tape(watch, (size_t)integer_of(item, "symbol")),
                               .us = wish->us,
                               .before = at,
                               .at = at},
        count, want);
    if (!older.exists)
        return;
    size_t complete = count - (count > 0 && !want[count - 1].final);
    CHECK(older.final && complete >= (size_t)wish->history, "%zu of %" PRId64 " candles of history",
          complete, wish->history);
}

void candles_check_snapshot(const struct watch *watch, const json_t *message)
{
    const json_t *items = json_object_get(message, "candles");
    size_t series = watch->symbol_count * watch->intervals.count;
    CHECK(json_array_size(items) == series, "%zu series in a snapshot, not %zu",
          json_array_size(items), series);
    if (watch->snapshot_changes != watch->world->changes)
        return;
    for (size_t i = 0; i < series; i++) {
        const json_t *item = json_array_get(items, i);
        const struct interval *wish = &watch->intervals.items[i % watch->intervals.count];
        CHECK((size_t)integer_of(item, "symbol") == i / watch->intervals.count, "a series' symbol");
        CHECK(strcmp(text_of(item, "interval"), wish->text) == 0, "a series' interval");
        check_item(watch, item, wish);
        tally(TALLY_SERIES);
    }
}
