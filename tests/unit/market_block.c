#include "market/block.h"

#include "base/mem.h"
#include "random.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>

#define ROWS_MAX 3000

static struct tick ticks[ROWS_MAX];

enum time_shape { TIME_MICROSECONDS, TIME_MILLISECONDS, TIME_FAR_APART, TIME_EQUAL };
#define TIME_SHAPES 4

static int64_t random_gap(struct random *random, enum time_shape shape)
{
    if (shape == TIME_EQUAL || random_one_in(random, 3))
        return 0;
    if (shape == TIME_MILLISECONDS)
        return random_between(random, 0, 50) * 1000;
    if (shape == TIME_FAR_APART)
        return random_between(random, 0, TIME_DAY_US);
    return random_between(random, 0, 5000);
}

static void random_ticks(struct random *random, size_t rows, enum time_shape shape)
{
    int64_t time = random_one_in(random, 4) ? TIME_MIN : 1723161255088000;
    bool quotes = random_one_in(random, 3);
    int64_t bid = random_between(random, 1, 10000000);
    for (size_t row = 0; row < rows; row++) {
        bool trade = !quotes && random_one_in(random, 3);
        ticks[row].time = time;
        ticks[row].fields[TICK_BID] = trade ? DECIMAL_NULL : bid * 1000000;
        ticks[row].fields[TICK_ASK] = trade ? DECIMAL_NULL : (bid + 1) * 1000000;
        ticks[row].fields[TICK_LAST] = trade ? bid * 1000000 : DECIMAL_NULL;
        ticks[row].fields[TICK_VOLUME] = trade ? random_mantissa(random) : DECIMAL_NULL;
        bid += random_between(random, -5, 5);
        time += random_gap(random, shape);
    }
}

static void add_ticks(struct block_builder *builder, size_t first, size_t rows)
{
    for (size_t row = first; row < first + rows; row++)
        cr_assert(block_builder_add(builder, &ticks[row]) == STATUS_OK, "row %zu", row);
}

static void add_ticks_backward(struct block_builder *builder, size_t first, size_t rows)
{
    for (size_t row = first + rows; row-- > first;)
        cr_assert(block_builder_add(builder, &ticks[row]) == STATUS_OK, "row %zu", row);
}

static struct time_range range_of(size_t first, size_t rows)
{
    return (struct time_range){ticks[first].time, ticks[first + rows - 1].time + 1};
}

static void check_rows(const struct block *block, size_t first, size_t rows)
{
    cr_assert(block->rows == rows, "%zu instead of %zu rows", block->rows, rows);
    for (size_t row = 0; row < rows; row++) {
        struct tick tick = block_tick(block, row);
        const struct tick *expected = &ticks[first + row];
        if (block_time(block, row) != expected->time || tick.time != expected->time ||
            memcmp(tick.fields, expected->fields, sizeof tick.fields) != 0)
            cr_assert_fail("row %zu differs", row);
    }
}

static size_t slow_find(size_t first, size_t rows, int64_t t)
{
    size_t row = 0;
    while (row < rows && ticks[first + row].time < t)
        row++;
    return row;
}

static void check_find(struct random *random, const struct block *block, size_t first, size_t rows)
{
    int64_t least = ticks[first].time;
    int64_t most = ticks[first + rows - 1].time;
    const int64_t edges[] = {INT64_MIN, INT64_MAX, TIME_MIN, TIME_MAX, 0,       least - 1,
                             least,     least + 1, most - 1, most,     most + 1};
    for (size_t i = 0; i < sizeof edges / sizeof *edges; i++)
        cr_assert(block_find(block, edges[i]) == slow_find(first, rows, edges[i]), "%" PRId64,
                  edges[i]);
    for (size_t i = 0; i < 50; i++) {
        int64_t t = random_one_in(random, 2) ? random_between(random, least, most)
                                             : ticks[first + random_below(random, rows)].time +
                                                   random_between(random, -1, 1);
        cr_assert(block_find(block, t) == slow_find(first, rows, t), "%" PRId64, t);
    }
}

Test(block, holds_the_ticks_it_was_built_from)
{
    struct random random = {.state = 1};
    struct block_builder builder;
    block_builder_init(&builder);
    size_t seen[COLUMN_ENCODINGS] = {0};
    for (size_t run = 0; run < 300; run++) {
        size_t rows = 1 + random_below(&random, run % 10 == 0 ? ROWS_MAX : 40);
        random_ticks(&random, rows, (enum time_shape)(run % TIME_SHAPES));
        add_ticks(&builder, 0, rows);
        struct time_range range = range_of(0, rows);
        struct block *block = block_builder_seal(&builder, range);
        cr_assert(builder.rows == 0);
        cr_assert(block->range.from == range.from);
        cr_assert(block->range.to == range.to);
        check_rows(block, 0, rows);
        check_find(&random, block, 0, rows);
        seen[block->time.encoding]++;
        block_release(&block);
    }
    cr_assert(seen[COLUMN_U32] > 0);
    cr_assert(seen[COLUMN_I64] > 0);
    cr_assert(seen[COLUMN_CONST] > 0);
    block_builder_deinit(&builder);
}

Test(block, finds_the_last_time_that_an_offset_can_reach)
{
    struct block_builder builder;
    block_builder_init(&builder);
    ticks[0] = (struct tick){.time = TIME_MIN};
    ticks[1] = (struct tick){.time = TIME_MIN + 1};
    ticks[2] = (struct tick){.time = TIME_MIN + UINT32_MAX};
    add_ticks(&builder, 0, 3);
    struct block *block = block_builder_seal(&builder, range_of(0, 3));
    cr_assert(block->time.encoding == COLUMN_U32);
    cr_assert(block_find(block, TIME_MIN + UINT32_MAX) == 2);
    cr_assert(block_find(block, TIME_MIN + UINT32_MAX + INT64_C(1)) == 3);
    block_release(&block);
    block_builder_deinit(&builder);
}

Test(block, counts_every_byte_it_takes_and_gives_them_all_back)
{
    struct random random = {.state = 2};
    struct block_builder builder;
    block_builder_init(&builder);
    random_ticks(&random, 1000, TIME_MICROSECONDS);
    add_ticks(&builder, 0, 1000);
    size_t before = mem_block_bytes();
    struct block *block = block_builder_seal(&builder, range_of(0, 1000));
    size_t payload = column_payload_bytes(&block->time);
    for (int field = 0; field < TICK_FIELDS; field++)
        payload += column_payload_bytes(&block->fields[field]);
    cr_assert(mem_block_bytes() == before + block->bytes);
    cr_assert(block->bytes >= sizeof *block + payload);
    cr_assert(block->bytes < sizeof *block + payload + 64, "no more than alignment on top");
    block_release(&block);
    cr_assert(mem_block_bytes() == before);
    block_builder_deinit(&builder);
}

Test(block, lives_until_its_last_reference_is_released)
{
    struct random random = {.state = 3};
    struct block_builder builder;
    block_builder_init(&builder);
    random_ticks(&random, 10, TIME_MICROSECONDS);
    add_ticks(&builder, 0, 10);
    size_t before = mem_block_bytes();
    struct block *block = block_builder_seal(&builder, range_of(0, 10));
    struct block *other = block_retain(block);
    cr_assert(other == block);
    block_release(&block);
    cr_assert(block == NULL);
    cr_assert(mem_block_bytes() > before);
    check_rows(other, 0, 10);
    block_release(&other);
    cr_assert(mem_block_bytes() == before);
    block_release(&other); /* NULL by now */
    block_builder_deinit(&builder);
}

Test(block_builder, seals_the_first_rows_and_keeps_the_rest)
{
    struct random random = {.state = 4};
    struct block_builder builder;
    block_builder_init(&builder);
    for (size_t run = 0; run < 200; run++) {
        size_t rows = 1 + random_below(&random, 100);
        random_ticks(&random, rows, (enum time_shape)(run % TIME_SHAPES));
        size_t added = 0;
        for (size_t sealed = 0; sealed < rows;) {
            size_t more = random_below(&random, rows - added + 1);
            add_ticks(&builder, added, more);
            added += more;
            if (added == sealed)
                continue;
            size_t part = 1 + random_below(&random, added - sealed);
            struct block *block = block_builder_seal_first(&builder, part, range_of(sealed, part));
            check_rows(block, sealed, part);
            block_release(&block);
            sealed += part;
            cr_assert(builder.rows == added - sealed);
        }
    }
    block_builder_deinit(&builder);
}

/* What lies between two payloads is anything. */
static void check_same_column(const struct column *one, const struct column *other)
{
    cr_assert(one->encoding == other->encoding && one->base == other->base);
    cr_assert(one->rows == other->rows);
    size_t bytes = column_payload_bytes(one);
    cr_assert(bytes == column_payload_bytes(other));
    cr_assert(bytes == 0 || memcmp(one->payload, other->payload, bytes) == 0);
}

Test(block_builder, that_runs_backward_seals_the_same_blocks)
{
    struct random random = {.state = 5};
    struct block_builder forward;
    struct block_builder backward;
    block_builder_init(&forward);
    block_builder_init(&backward);
    for (size_t run = 0; run < 300; run++) {
        size_t rows = 1 + random_below(&random, run % 10 == 0 ? ROWS_MAX : 40);
        random_ticks(&random, rows, (enum time_shape)(run % TIME_SHAPES));
        add_ticks(&forward, 0, rows);
        block_builder_clear(&backward, true);
        add_ticks_backward(&backward, 0, rows);
        cr_assert(block_builder_last_time(&forward) == ticks[rows - 1].time);
        cr_assert(block_builder_last_time(&backward) == ticks[0].time);
        struct block *one = block_builder_seal(&forward, range_of(0, rows));
        struct block *other = block_builder_seal(&backward, range_of(0, rows));
        check_rows(other, 0, rows);
        cr_assert(one->bytes == other->bytes);
        check_same_column(&one->time, &other->time);
        for (size_t field = 0; field < TICK_FIELDS; field++)
            check_same_column(&one->fields[field], &other->fields[field]);
        block_release(&one);
        block_release(&other);
    }
    block_builder_deinit(&backward);
    block_builder_deinit(&forward);
}

Test(block_builder, that_runs_backward_seals_the_newest_rows_and_keeps_the_rest)
{
    struct random random = {.state = 6};
    struct block_builder builder;
    block_builder_init(&builder);
    block_builder_clear(&builder, true);
    for (size_t run = 0; run < 200; run++) {
        size_t rows = 1 + random_below(&random, run % 20 == 0 ? ROWS_MAX : 100);
        random_ticks(&random, rows, (enum time_shape)(run % TIME_SHAPES));
        size_t unread = rows;   /* ticks [0, unread) are still to be added */
        size_t unsealed = rows; /* ticks [unread, unsealed) lie in the builder */
        while (unsealed > 0) {
            size_t more = random_below(&random, unread + 1);
            add_ticks_backward(&builder, unread - more, more);
            unread -= more;
            if (unread == unsealed)
                continue;
            size_t part = 1 + random_below(&random, unsealed - unread);
            size_t first = unsealed - part;
            struct block *block = block_builder_seal_first(&builder, part, range_of(first, part));
            check_rows(block, first, part);
            block_release(&block);
            unsealed = first;
            cr_assert(builder.rows == unsealed - unread);
        }
    }
    block_builder_deinit(&builder);
}

Test(block_builder, turned_round_forgets_its_rows_and_wants_the_other_order)
{
    struct block_builder builder;
    block_builder_init(&builder);
    const struct tick early = {.time = 99, .fields = {1, 2, 3, 4}};
    const struct tick late = {.time = 100, .fields = {5, 6, 7, 8}};
    cr_assert(block_builder_add(&builder, &early) == STATUS_OK);
    block_builder_clear(&builder, true);
    cr_assert(builder.rows == 0);
    cr_assert(block_builder_add(&builder, &early) == STATUS_OK);
    cr_assert(block_builder_add(&builder, &late) == STATUS_INTERNAL);
    cr_assert(builder.rows == 1);
    block_builder_clear(&builder, false);
    cr_assert(block_builder_add(&builder, &late) == STATUS_OK);
    cr_assert(block_builder_add(&builder, &early) == STATUS_INTERNAL);
    block_builder_deinit(&builder);
}

Test(block_builder, refuses_a_time_before_the_last_one_and_goes_on)
{
    struct block_builder builder;
    block_builder_init(&builder);
    ticks[0] = (struct tick){.time = 100, .fields = {1, 2, 3, 4}};
    ticks[1] = (struct tick){.time = 100, .fields = {5, 6, 7, 8}};
    const struct tick earlier = {.time = 99};
    add_ticks(&builder, 0, 1);
    cr_assert(block_builder_add(&builder, &earlier) == STATUS_INTERNAL);
    cr_assert(builder.rows == 1);
    add_ticks(&builder, 1, 1);
    struct block *block = block_builder_seal(&builder, range_of(0, 2));
    check_rows(block, 0, 2);
    block_release(&block);
    /* An empty builder knows no last time. */
    cr_assert(block_builder_add(&builder, &earlier) == STATUS_OK);
    block_builder_deinit(&builder);
}

Test(block_builder, takes_more_rows_than_a_block_usually_has)
{
    struct block_builder builder;
    block_builder_init(&builder);
    size_t rows = BLOCK_ROWS_MAX + 1;
    for (size_t row = 0; row < rows; row++) {
        struct tick tick = {.time = 5, .fields = {(int64_t)row, 0, DECIMAL_NULL, 1}};
        cr_assert(block_builder_add(&builder, &tick) == STATUS_OK);
    }
    struct block *block = block_builder_seal(&builder, (struct time_range){0, 10});
    cr_assert(block->rows == rows);
    cr_assert(block_tick(block, rows - 1).fields[TICK_BID] == (int64_t)rows - 1);
    cr_assert(block_find(block, 5) == 0);
    cr_assert(block_find(block, 6) == rows);
    block_release(&block);
    block_builder_deinit(&builder);
}

static void seal_one(int64_t time, struct time_range range)
{
    struct block_builder builder;
    block_builder_init(&builder);
    const struct tick tick = {.time = time};
    cr_assert(block_builder_add(&builder, &tick) == STATUS_OK);
    struct block *block = block_builder_seal(&builder, range);
    block_release(&block);
    block_builder_deinit(&builder);
}

Test(block_builder, seals_over_a_range_that_just_holds_the_rows)
{
    seal_one(10, (struct time_range){10, 11});
}

Test(block_builder, asserts_that_no_row_lies_before_the_range, .signal = SIGABRT)
{
    seal_one(10, (struct time_range){11, 12});
}

Test(block_builder, asserts_that_no_row_lies_at_the_end_of_the_range, .signal = SIGABRT)
{
    seal_one(10, (struct time_range){9, 10});
}

Test(block_builder, asserts_that_there_are_rows_to_seal, .signal = SIGABRT)
{
    struct block_builder builder;
    block_builder_init(&builder);
    (void)block_builder_seal(&builder, (struct time_range){0, 1});
}

/* ---- the newest value ---- */

static int64_t slow_newest(enum tick_field field, size_t first, size_t end)
{
    for (size_t row = end; row > first; row--) {
        if (ticks[row - 1].fields[field] != DECIMAL_NULL)
            return ticks[row - 1].fields[field];
    }
    return DECIMAL_NULL;
}

Test(block_newest, is_the_last_value_that_is_not_null_in_any_part_of_a_block)
{
    struct random random = {.state = 4};
    struct block_builder builder;
    block_builder_init(&builder);
    for (size_t run = 0; run < 300; run++) {
        size_t rows = 1 + random_below(&random, 100);
        random_ticks(&random, rows, TIME_MILLISECONDS);
        add_ticks(&builder, 0, rows);
        struct block *block = block_builder_seal(&builder, range_of(0, rows));
        for (size_t part = 0; part < 50; part++) {
            size_t first = random_below(&random, rows + 1);
            size_t end = first + random_below(&random, rows - first + 1);
            for (enum tick_field field = 0; field < TICK_FIELDS; field++)
                cr_assert(block_newest(block, field, first, end) == slow_newest(field, first, end),
                          "run %zu, rows %zu to %zu", run, first, end);
        }
        block_release(&block);
    }
    block_builder_deinit(&builder);
}

Test(block_newest, of_a_constant_is_there_only_where_there_are_rows)
{
    struct block_builder builder;
    block_builder_init(&builder);
    for (size_t row = 0; row < 3; row++)
        ticks[row] = (struct tick){.time = 5, .fields = {7, DECIMAL_NULL, DECIMAL_NULL, 0}};
    add_ticks(&builder, 0, 3);
    struct block *block = block_builder_seal(&builder, range_of(0, 3));
    cr_assert(block_newest(block, TICK_BID, 0, 3) == 7);
    cr_assert(block_newest(block, TICK_BID, 1, 1) == DECIMAL_NULL);
    cr_assert(block_newest(block, TICK_BID, 3, 3) == DECIMAL_NULL);
    cr_assert(block_newest(block, TICK_ASK, 0, 3) == DECIMAL_NULL);
    block_release(&block);
    block_builder_deinit(&builder);
}
