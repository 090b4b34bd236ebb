#include "market/block.h"

#include "base/assert.h"
#include "base/mem.h"

#include <stdalign.h>
#include <string.h>

#define BUILDER_ROWS_FIRST 1024
#define PAYLOAD_ALIGN 8
#define CANDLE_ALIGN alignof(struct candle)

struct block *block_retain(struct block *block)
{
    unsigned before = atomic_fetch_add_explicit(&block->references, 1, memory_order_relaxed);
    ASSERT(before > 0);
    return block;
}

void block_release(struct block **block)
{
    struct block *released = *block;
    *block = NULL;
    if (released == NULL)
        return;
    unsigned before = atomic_fetch_sub_explicit(&released->references, 1, memory_order_acq_rel);
    ASSERT(before > 0);
    if (before > 1)
        return;
    struct turnover *turnovers = atomic_load(&released->turnovers);
    if (turnovers != NULL)
        mem_block_free(turnovers, block_turnover_count(released) * sizeof *turnovers);
    mem_block_free(released, released->bytes);
}

size_t block_turnover_count(const struct block *block)
{
    return block->rows / BLOCK_TURNOVER_ROWS + 1;
}

static size_t find_u32(const uint32_t *offsets, size_t rows, uint32_t least)
{
    const uint32_t *first = offsets;
    while (rows > 1) {
        size_t half = rows / 2;
        first += half * (first[half - 1] < least); /* no branch to mispredict */
        rows -= half;
    }
    return (size_t)(first - offsets) + (rows == 1 && *first < least);
}

static size_t find_in_u32(const struct column *time, int64_t t)
{
    if (t <= time->base)
        return 0;
    uint64_t distance = (uint64_t)t - (uint64_t)time->base;
    uint64_t mul = (uint64_t)time->mul;
    uint64_t least = distance / mul + (distance % mul > 0);
    return least > UINT32_MAX ? time->rows : find_u32(time->payload, time->rows, (uint32_t)least);
}

static size_t find_in_any(const struct column *time, int64_t t)
{
    size_t from = 0;
    size_t to = time->rows;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (column_value(time, middle) < t)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

static size_t find_candle(const struct block *block, int64_t t)
{
    size_t from = 0;
    size_t to = block->rows;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (block->candles[middle].time < t)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

size_t block_find(const struct block *block, int64_t t)
{
    if (block->candles != NULL)
        return find_candle(block, t);
    const struct column *time = &block->time;
    if (time->encoding == COLUMN_U32)
        return find_in_u32(time, t);
    if (time->encoding == COLUMN_CONST)
        return t <= time->base ? 0 : time->rows;
    return find_in_any(time, t);
}

int64_t block_time(const struct block *block, size_t row)
{
    return block->candles != NULL ? block->candles[row].time : column_value(&block->time, row);
}

struct tick block_tick(const struct block *block, size_t row)
{
    struct tick tick = {.time = block_time(block, row)};
    for (int field = 0; field < TICK_FIELDS; field++)
        tick.fields[field] = column_decimal(&block->fields[field], row);
    return tick;
}

static struct block *allocate_candles(size_t rows, struct time_range range, struct candle **copies)
{
    size_t head_bytes = (sizeof(struct block) + CANDLE_ALIGN - 1) / CANDLE_ALIGN * CANDLE_ALIGN;
    size_t bytes = head_bytes + rows * sizeof **copies;
    struct block *block = mem_block_alloc(bytes);
    *copies = (struct candle *)((char *)block + head_bytes);
    *block = (struct block){.range = range, .rows = rows, .bytes = bytes, .candles = *copies};
    atomic_init(&block->references, 1);
    atomic_init(&block->turnovers, NULL);
    return block;
}

struct block *block_of_candles(const struct candle *candles, size_t rows, struct time_range range)
{
    ASSERT(rows > 0);
    ASSERT(candles[0].time >= range.from);
    ASSERT(candles[rows - 1].time < range.to);
    struct candle *copies;
    struct block *block = allocate_candles(rows, range, &copies);
    memcpy(copies, candles, rows * sizeof *candles);
    return block;
}

struct block *block_cut_candles(const struct block *block, struct time_range range)
{
    size_t first = block_find(block, range.from);
    size_t end = block_find(block, range.to);
    return first < end ? block_of_candles(block->candles + first, end - first, range) : NULL;
}

struct block *block_join_candles(const struct block *before, const struct block *after)
{
    ASSERT(before->range.to == after->range.from);
    struct time_range range = {.from = before->range.from, .to = after->range.to};
    struct candle *copies;
    struct block *block = allocate_candles(before->rows + after->rows, range, &copies);
    memcpy(copies, before->candles, before->rows * sizeof *copies);
    memcpy(copies + before->rows, after->candles, after->rows * sizeof *copies);
    return block;
}

int64_t block_newest(const struct block *block, enum tick_field field, size_t first, size_t end)
{
    ASSERT(end <= block->rows);
    const struct column *column = &block->fields[field];
    if (column->encoding == COLUMN_CONST)
        return first < end ? column_decimal(column, first) : DECIMAL_NULL;
    for (size_t row = end; row > first; row--) {
        int64_t value = column_decimal(column, row - 1);
        if (value != DECIMAL_NULL)
            return value;
    }
    return DECIMAL_NULL;
}

void block_builder_init(struct block_builder *builder)
{
    *builder = (struct block_builder){.rows = 0};
}

void block_builder_deinit(struct block_builder *builder)
{
    mem_free(builder->times);
    for (int field = 0; field < TICK_FIELDS; field++)
        mem_free(builder->fields[field]);
    block_builder_init(builder);
}

void block_builder_clear(struct block_builder *builder, bool backward)
{
    builder->rows = 0;
    builder->backward = backward;
}

/* Where the oldest row lies in the arrays. */
static size_t oldest_at(const struct block_builder *builder)
{
    return builder->backward ? builder->capacity - builder->rows : 0;
}

/* Where the row that was added last lies. */
static size_t last_at(const struct block_builder *builder)
{
    ASSERT(builder->rows > 0);
    return builder->backward ? oldest_at(builder) : builder->rows - 1;
}

int64_t block_builder_last_time(const struct block_builder *builder)
{
    return builder->times[last_at(builder)];
}

/* A full array becomes the beginning of a larger one, or its end. */
static int64_t *grown(int64_t *values, size_t rows, size_t capacity, bool backward)
{
    values = mem_resize(values, capacity * sizeof *values);
    if (backward)
        memmove(values + capacity - rows, values, rows * sizeof *values);
    return values;
}

static void builder_grow(struct block_builder *builder)
{
    size_t rows = builder->rows;
    ASSERT(rows == builder->capacity);
    size_t capacity = rows > 0 ? 2 * rows : BUILDER_ROWS_FIRST;
    builder->times = grown(builder->times, rows, capacity, builder->backward);
    for (int field = 0; field < TICK_FIELDS; field++)
        builder->fields[field] = grown(builder->fields[field], rows, capacity, builder->backward);
    builder->capacity = capacity;
}

static bool is_out_of_order(const struct block_builder *builder, int64_t time)
{
    if (builder->rows == 0)
        return false;
    int64_t last = block_builder_last_time(builder);
    return builder->backward ? time > last : time < last;
}

enum status block_builder_add(struct block_builder *builder, const struct tick *tick)
{
    if (is_out_of_order(builder, tick->time))
        return STATUS_INTERNAL;
    if (builder->rows == builder->capacity)
        builder_grow(builder);
    builder->rows++;
    size_t at = last_at(builder);
    builder->times[at] = tick->time;
    for (int field = 0; field < TICK_FIELDS; field++)
        builder->fields[field][at] = tick->fields[field];
    return STATUS_OK;
}

static size_t aligned(size_t bytes)
{
    return (bytes + PAYLOAD_ALIGN - 1) / PAYLOAD_ALIGN * PAYLOAD_ALIGN;
}

/* Of `rows` rows from place `first` of the arrays on. One piece of memory: the header, then the
 * payloads of time, bid, ask, last and volume. */
static struct block *seal(const struct block_builder *builder, size_t first, size_t rows,
                          struct time_range range)
{
    struct column time = column_choose_times(builder->times + first, rows, COLUMN_ENCODINGS_ALL);
    struct column fields[TICK_FIELDS];
    size_t bytes = aligned(sizeof(struct block)) + aligned(column_payload_bytes(&time));
    for (int field = 0; field < TICK_FIELDS; field++) {
        fields[field] =
            column_choose_decimals(builder->fields[field] + first, rows, COLUMN_ENCODINGS_ALL);
        bytes += aligned(column_payload_bytes(&fields[field]));
    }

    struct block *block = mem_block_alloc(bytes);
    block->candles = NULL;
    atomic_init(&block->references, 1);
    atomic_init(&block->turnovers, NULL);
    block->range = range;
    block->rows = rows;
    block->bytes = bytes;
    char *at = (char *)block + aligned(sizeof *block);
    column_write_times(&time, builder->times + first, at);
    block->time = time;
    at += aligned(column_payload_bytes(&time));
    for (int field = 0; field < TICK_FIELDS; field++) {
        column_write_decimals(&fields[field], builder->fields[field] + first, at);
        block->fields[field] = fields[field];
        at += aligned(column_payload_bytes(&fields[field]));
    }
    ASSERT(at == (char *)block + bytes);
    return block;
}

struct block *block_builder_seal(struct block_builder *builder, struct time_range range)
{
    return block_builder_seal_first(builder, builder->rows, range);
}

/* The `left` rows that were added last move to where the first ones were. */
static void keep_last(const struct block_builder *builder, int64_t *values, size_t left)
{
    size_t from = builder->backward ? oldest_at(builder) : builder->rows - left;
    size_t to = builder->backward ? builder->capacity - left : 0;
    memmove(values + to, values + from, left * sizeof *values);
}

struct block *block_builder_seal_first(struct block_builder *builder, size_t rows,
                                       struct time_range range)
{
    ASSERT(rows > 0);
    ASSERT(rows <= builder->rows);
    size_t first = builder->backward ? builder->capacity - rows : 0;
    ASSERT(builder->times[first] >= range.from);
    ASSERT(builder->times[first + rows - 1] < range.to);
    struct block *block = seal(builder, first, rows, range);
    size_t left = builder->rows - rows;
    if (left > 0) {
        keep_last(builder, builder->times, left);
        for (int field = 0; field < TICK_FIELDS; field++)
            keep_last(builder, builder->fields[field], left);
    }
    builder->rows = left;
    return block;
}
