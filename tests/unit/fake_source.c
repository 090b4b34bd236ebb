#include "fake_source.h"

#include "base/assert.h"

#include <string.h>

static struct fake_source *fake_of(struct source *source)
{
    return CONTAINER_OF(source, struct fake_source, source);
}

static void take_load(struct source *source, struct tick_load *load)
{
    struct fake_source *fake = fake_of(source);
    ASSERT(load->range.from >= TIME_MIN);
    ASSERT(load->range.to <= TIME_MAX + 1);
    ASSERT(load->range.from < load->range.to);
    fake->load_count++;
    if (load->urgency == SOURCE_URGENT)
        list_prepend(&fake->loads, &load->node);
    else
        list_append(&fake->loads, &load->node);
}

static void take_cancel(struct source *source, struct tick_load *load)
{
    (void)source;
    atomic_store(&load->cancelled, true);
}

static void take_urge(struct source *source, struct tick_load *load)
{
    struct fake_source *fake = fake_of(source);
    fake->urge_count++;
    list_remove(&load->node);
    list_prepend(&fake->loads, &load->node);
}

static void take_request(struct source *source, struct last_values_request *request)
{
    struct fake_source *fake = fake_of(source);
    fake->request_count++;
    list_append(&fake->requests, &request->node);
}

static void take_symbols(struct source *source, struct symbols_request *request)
{
    atomic_store(&fake_of(source)->symbols, request);
}

static const struct source_ops ops = {
    .load_ticks = take_load,
    .cancel_ticks = take_cancel,
    .urge_ticks = take_urge,
    .last_values = take_request,
    .symbols = take_symbols,
};

void fake_source_init(struct fake_source *fake)
{
    memset(fake, 0, sizeof *fake);
    fake->source.ops = &ops;
    list_init(&fake->loads);
    list_init(&fake->requests);
    fake->block_rows = FAKE_TICKS_MAX;
}

void fake_source_deinit(struct fake_source *fake)
{
    while (fake_source_load(fake) != NULL)
        fake_source_end(fake, STATUS_END);
    while (!list_is_empty(&fake->requests))
        fake_source_answer(fake, STATUS_UNAVAILABLE);
}

struct fake_tape *fake_source_symbol(struct fake_source *fake, const char *name, int64_t grain_us)
{
    struct fake_tape *tape = &fake->tapes[fake->tape_count++];
    strncpy(tape->symbol.name, name, sizeof tape->symbol.name - 1);
    tape->symbol.to = grain_us;
    tape->symbol.ticks = TAPE_GRAIN_ROWS;
    return tape;
}

void fake_tape_add(struct fake_tape *tape, int64_t time, int64_t bid)
{
    ASSERT(tape->count < FAKE_TICKS_MAX);
    tape->ticks[tape->count++] = (struct tick){
        .time = time,
        .fields = {bid * DECIMAL_ONE, DECIMAL_NULL, DECIMAL_NULL, DECIMAL_NULL},
    };
}

static const struct fake_tape *tape_of(const struct fake_source *fake, const char *symbol)
{
    size_t i = 0;
    while (strcmp(fake->tapes[i].symbol.name, symbol) != 0)
        i++;
    return &fake->tapes[i];
}

static size_t find(const struct fake_tape *tape, int64_t time)
{
    size_t row = 0;
    while (row < tape->count && tape->ticks[row].time < time)
        row++;
    return row;
}

struct tick_load *fake_source_load(struct fake_source *fake)
{
    if (list_is_empty(&fake->loads))
        return NULL;
    return CONTAINER_OF(fake->loads.next, struct tick_load, node);
}

void fake_source_end(struct fake_source *fake, enum status status)
{
    struct tick_load *load = fake_source_load(fake);
    struct error error = {.text = ""};
    (void)error_set(&error, status, "the fake source ends with %s", status_name(status));
    list_remove(&load->node);
    load->done(load, status, &error);
}

/* The part of the load that one publish brings: to the end of the step, of the block, or of
 * emptiness. */
static struct time_range stretch_up(const struct fake_source *fake, const struct fake_tape *tape,
                                    const struct tick_load *load, int64_t step_us)
{
    struct time_range range = load->range;
    size_t first = find(tape, range.from);
    if (first == tape->count || tape->ticks[first].time >= range.to)
        return range;
    int64_t next = tape->ticks[first].time;
    int64_t end = time_floor(range.from, step_us) + step_us;
    if (next >= end) {
        range.to = time_floor(next, step_us);
        return range;
    }
    size_t full = first + fake->block_rows;
    if (load->interval_us == 0 && full < tape->count && tape->ticks[full].time < end &&
        tape->ticks[full].time > next)
        end = tape->ticks[full].time;
    if (end < range.to)
        range.to = end;
    return range;
}

static struct time_range stretch_down(const struct fake_source *fake, const struct fake_tape *tape,
                                      const struct tick_load *load, int64_t step_us)
{
    struct time_range range = load->range;
    size_t end = find(tape, range.to);
    if (end == 0 || tape->ticks[end - 1].time < range.from)
        return range;
    int64_t next = tape->ticks[end - 1].time;
    int64_t start = time_floor(range.to - 1, step_us);
    if (next < start) {
        range.from = time_floor(next, step_us) + step_us;
        return range;
    }
    if (load->interval_us == 0 && end > fake->block_rows) {
        int64_t full = tape->ticks[end - fake->block_rows - 1].time;
        if (full >= start && full < next)
            start = full + 1;
    }
    if (start > range.from)
        range.from = start;
    return range;
}

static struct block *build_candles(const struct fake_tape *tape, struct time_range range,
                                   int64_t interval_us)
{
    static struct candle candles[FAKE_TICKS_MAX];
    size_t count = 0;
    for (size_t row = find(tape, range.from); row < find(tape, range.to); row++) {
        const struct tick *tick = &tape->ticks[row];
        if (tick->fields[TICK_LAST] == DECIMAL_NULL)
            continue;
        int64_t bucket = time_floor(tick->time, interval_us);
        if (count == 0 || candles[count - 1].time != bucket)
            candles[count++] = candle_at(bucket);
        candle_add_trade(&candles[count - 1], tick->fields[TICK_LAST], tick->fields[TICK_VOLUME]);
    }
    return count > 0 ? block_of_candles(candles, count, range) : NULL;
}

static struct block *build(const struct fake_tape *tape, struct time_range range)
{
    size_t row = find(tape, range.from);
    size_t end = find(tape, range.to);
    if (row == end)
        return NULL;
    struct block_builder builder;
    block_builder_init(&builder);
    for (; row < end; row++) {
        enum status status = block_builder_add(&builder, &tape->ticks[row]);
        ASSERT(status == STATUS_OK);
    }
    struct block *block = block_builder_seal(&builder, range);
    block_builder_deinit(&builder);
    return block;
}

void fake_source_step(struct fake_source *fake)
{
    struct tick_load *load = fake_source_load(fake);
    const struct fake_tape *tape = tape_of(fake, load->symbol);
    if (load->range.from >= load->range.to || atomic_load(&load->cancelled)) {
        fake_source_end(fake, load->range.from >= load->range.to ? STATUS_OK : STATUS_END);
        return;
    }
    int64_t step_us = load->first_us > 0 ? load->first_us : load->grain_us;
    struct time_range range = load->backward ? stretch_down(fake, tape, load, step_us)
                                             : stretch_up(fake, tape, load, step_us);
    struct block *block =
        load->interval_us > 0 ? build_candles(tape, range, load->interval_us) : build(tape, range);
    /* What is left of the load is kept in the load itself. */
    if (load->backward)
        load->range.to = range.from;
    else
        load->range.from = range.to;
    if (block != NULL && step_us < load->grain_us)
        load->first_us = 2 * step_us;
    load->publish(load, range, block);
}

void fake_source_answer(struct fake_source *fake, enum status status)
{
    struct list *node = list_take_first(&fake->requests);
    struct last_values_request *request = CONTAINER_OF(node, struct last_values_request, node);
    request->status = status;
    (void)error_set(&request->error, status, "the fake source answers %s", status_name(status));
    for (size_t i = 0; i < request->symbol_count; i++)
        request->values[i] = (struct last_values){.time = INT64_MIN};
    inbox_post(request->inbox, &request->letter);
}

void fake_source_run(struct fake_source *fake)
{
    while (fake_source_load(fake) != NULL)
        fake_source_step(fake);
    while (!list_is_empty(&fake->requests))
        fake_source_answer(fake, STATUS_OK);
}
