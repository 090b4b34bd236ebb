#include "market/column.h"

#include "random.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define ROWS_MAX 300

static const enum column_encoding encodings[] = {COLUMN_U32, COLUMN_I16, COLUMN_I32, COLUMN_I64,
                                                 COLUMN_CONST};
static int64_t payload[ROWS_MAX];

static bool is_allowed(unsigned allowed, enum column_encoding encoding)
{
    return encoding == COLUMN_I64 || (allowed & COLUMN_ENCODING_BIT(encoding)) != 0;
}

/* One shape of column after the other, each as likely. Every row may be null. */
static size_t random_decimals(struct random *random, int64_t *values)
{
    static const int64_t spans[] = {0,          1,          65533,      65534, 65535,
                                    4294967293, 4294967294, 4294967295, 100,   1000000};
    size_t rows = 1 + random_below(random, random_one_in(random, 10) ? ROWS_MAX : 8);
    int64_t power = 1;
    for (size_t zeros = random_below(random, 9); zeros > 0; zeros--)
        power *= 10;
    int64_t span = spans[random_below(random, sizeof spans / sizeof *spans)];
    int64_t most = INT64_MAX / power - span;
    int64_t least = random_one_in(random, 4)   ? -(INT64_MAX / power)
                    : random_one_in(random, 3) ? most
                                               : random_between(random, -most, most);
    bool anything = random_one_in(random, 5);
    size_t null_one_in = 1 + random_below(random, 4);
    bool nulls = random_one_in(random, 2);
    for (size_t row = 0; row < rows; row++) {
        /* The ends of the span often, as that is where encodings change. */
        int64_t offset = random_one_in(random, 3)   ? 0
                         : random_one_in(random, 2) ? span
                                                    : random_between(random, 0, span);
        values[row] = anything ? random_mantissa(random) : (least + offset) * power;
        if (nulls && random_one_in(random, null_one_in))
            values[row] = DECIMAL_NULL;
    }
    return rows;
}

struct extent {
    bool any;
    bool nulls;
    __extension__ __int128 least;
    __extension__ __int128 most;
};

static struct extent slow_extent(const int64_t *values, size_t rows)
{
    struct extent extent = {.any = false};
    for (size_t row = 0; row < rows; row++) {
        if (values[row] == DECIMAL_NULL) {
            extent.nulls = true;
            continue;
        }
        if (!extent.any || values[row] < extent.least)
            extent.least = values[row];
        if (!extent.any || values[row] > extent.most)
            extent.most = values[row];
        extent.any = true;
    }
    return extent;
}

/* Whether decimals in this extent can be told in this encoding at the exp given. */
static bool decimals_fit(enum column_encoding encoding, struct extent extent, int exp)
{
    int64_t power = decimal_power(8 - exp);
    __extension__ __int128 span = extent.most / power - extent.least / power;
    switch (encoding) {
    case COLUMN_CONST:
        return extent.any ? !extent.nulls && span == 0 : true;
    case COLUMN_I16: /* 2^16 offsets but one */
        return span < 65535;
    case COLUMN_I32:
        return span < 4294967295;
    case COLUMN_I64:
        return true;
    case COLUMN_U32:
        return false; /* knows no exp */
    }
    return false;
}

static size_t smallest_row_bytes(unsigned allowed, struct extent extent, int exp)
{
    size_t smallest = 8;
    for (size_t i = 0; i < COLUMN_ENCODINGS; i++) {
        size_t bytes = column_row_bytes(encodings[i]);
        if (is_allowed(allowed, encodings[i]) && decimals_fit(encodings[i], extent, exp) &&
            bytes < smallest)
            smallest = bytes;
    }
    return smallest;
}

static void check_slice(struct random *random, const struct column *column, const int64_t *values)
{
    size_t first = random_below(random, column->rows + 1);
    size_t rows = random_below(random, column->rows - first + 1);
    struct column slice = column_slice(column, first, rows);
    cr_assert(slice.rows == rows);
    cr_assert(slice.encoding == column->encoding);
    cr_assert(slice.encoding == COLUMN_CONST
                  ? slice.payload == NULL
                  : (const char *)slice.payload ==
                        (const char *)column->payload + first * column_row_bytes(column->encoding));
    for (size_t row = 0; row < rows; row++) {
        int64_t value = column_decimal(&slice, row);
        if (value != values[first + row])
            cr_assert_fail("row %zu of a slice at %zu: %" PRId64, row, first, value);
    }
}

Test(column_seal_decimals, keeps_every_value_in_the_smallest_encoding_allowed)
{
    struct random random = {.state = 1};
    size_t seen[COLUMN_ENCODINGS] = {0};
    for (size_t run = 0; run < 200000; run++) {
        int64_t values[ROWS_MAX];
        size_t rows = random_decimals(&random, values);
        unsigned allowed = (unsigned)run % (COLUMN_ENCODINGS_ALL + 1);
        struct column column = column_seal_decimals(values, rows, allowed, payload);

        cr_assert(column.rows == rows, "run %zu", run);
        cr_assert(is_allowed(allowed, column.encoding), "run %zu", run);
        cr_assert(column.exp == decimal_smallest_exp(values, rows), "run %zu", run);
        size_t smallest = smallest_row_bytes(allowed, slow_extent(values, rows), column.exp);
        cr_assert(column_row_bytes(column.encoding) == smallest, "run %zu: encoding %d", run,
                  (int)column.encoding);
        cr_assert(column.payload == (column.encoding == COLUMN_CONST ? NULL : (void *)payload));
        for (size_t row = 0; row < rows; row++) {
            int64_t value = column_decimal(&column, row);
            if (value != values[row])
                cr_assert_fail("run %zu, row %zu, encoding %d: %" PRId64 " instead of %" PRId64,
                               run, row, (int)column.encoding, value, values[row]);
        }
        check_slice(&random, &column, values);
        seen[column.encoding]++;
    }
    for (size_t i = 1; i < COLUMN_ENCODINGS; i++)
        cr_assert(seen[encodings[i]] > 1000, "encoding %zu should come up: %zu", i,
                  seen[encodings[i]]);
}

/* rows of {least, null, least + span}, all at exp 8 and with a last digit. */
static struct column seal_span(int64_t least, uint64_t span, unsigned allowed)
{
    int64_t values[3] = {least, DECIMAL_NULL, (int64_t)((uint64_t)least + span)};
    struct column column = column_seal_decimals(values, 3, allowed, payload);
    for (size_t row = 0; row < 3; row++)
        cr_assert(column_decimal(&column, row) == values[row], "row %zu of %" PRId64 "+%" PRIu64,
                  row, least, span);
    return column;
}

Test(column_seal_decimals, uses_an_encoding_up_to_its_last_offset_and_no_further)
{
    static const int64_t leasts[] = {1, -1, 61800000000001, -INT64_MAX};
    for (size_t i = 0; i < sizeof leasts / sizeof *leasts; i++) {
        int64_t least = leasts[i];
        cr_assert(seal_span(least, 65534, COLUMN_ENCODINGS_ALL).encoding == COLUMN_I16);
        cr_assert(seal_span(least, 65535, COLUMN_ENCODINGS_ALL).encoding == COLUMN_I32);
        cr_assert(seal_span(least, 4294967294, COLUMN_ENCODINGS_ALL).encoding == COLUMN_I32);
        cr_assert(seal_span(least, 4294967295, COLUMN_ENCODINGS_ALL).encoding == COLUMN_I64);
    }
    cr_assert(seal_span(INT64_MAX - 65534, 65534, COLUMN_ENCODINGS_ALL).encoding == COLUMN_I16);
    cr_assert(seal_span(INT64_MAX - 65535, 65535, COLUMN_ENCODINGS_ALL).encoding == COLUMN_I32);
    cr_assert(seal_span(INT64_MAX - 4294967294, 4294967294, COLUMN_ENCODINGS_ALL).encoding ==
              COLUMN_I32);
    cr_assert(seal_span(-INT64_MAX, UINT64_MAX - 1, COLUMN_ENCODINGS_ALL).encoding == COLUMN_I64);
}

Test(column_seal_decimals, makes_a_constant_of_equal_values)
{
    int64_t values[4] = {6180030000000, 6180030000000, 6180030000000, 6180030000000};
    struct column column = column_seal_decimals(values, 4, COLUMN_ENCODINGS_ALL, payload);
    cr_assert(column.encoding == COLUMN_CONST);
    cr_assert(column.base == 618003);
    cr_assert(column.exp == 1);
    cr_assert(column.payload == NULL);
    cr_assert(column_payload_bytes(&column) == 0);
    cr_assert(column_value(&column, 3) == 618003);
    cr_assert(column_decimal(&column, 3) == values[3]);

    values[2] = DECIMAL_NULL;
    column = column_seal_decimals(values, 4, COLUMN_ENCODINGS_ALL, payload);
    cr_assert(column.encoding == COLUMN_I16, "a value and a null are not equal");
    cr_assert(column_payload_bytes(&column) == 8);
}

Test(column_seal_decimals, makes_a_constant_of_nothing_but_nulls)
{
    const int64_t values[2] = {DECIMAL_NULL, DECIMAL_NULL};
    struct column column = column_seal_decimals(values, 2, COLUMN_ENCODINGS_ALL, payload);
    cr_assert(column.encoding == COLUMN_CONST);
    cr_assert(column.base == DECIMAL_NULL);
    cr_assert(column.exp == 0);
    cr_assert(column_value(&column, 1) == DECIMAL_NULL);
    cr_assert(column_decimal(&column, 1) == DECIMAL_NULL);

    unsigned allowed = COLUMN_ENCODINGS_ALL & ~COLUMN_ENCODING_BIT(COLUMN_CONST);
    column = column_seal_decimals(values, 2, allowed, payload);
    cr_assert(column.encoding == COLUMN_I16);
    cr_assert(column_decimal(&column, 1) == DECIMAL_NULL);
    column = column_seal_decimals(values, 2, 0, payload);
    cr_assert(column.encoding == COLUMN_I64);
    cr_assert(column_decimal(&column, 1) == DECIMAL_NULL);
}

Test(column_seal_decimals, takes_no_rows_at_all)
{
    struct column column = column_seal_decimals(NULL, 0, COLUMN_ENCODINGS_ALL, payload);
    cr_assert(column.encoding == COLUMN_CONST);
    cr_assert(column.rows == 0);
    column = column_seal_decimals(NULL, 0, 0, payload);
    cr_assert(column.encoding == COLUMN_I64);
    cr_assert(column_payload_bytes(&column) == 0);
    column = column_seal_times(NULL, 0, COLUMN_ENCODINGS_ALL, payload);
    cr_assert(column.encoding == COLUMN_CONST);
    column = column_seal_times(NULL, 0, COLUMN_ENCODING_BIT(COLUMN_U32), payload);
    cr_assert(column.encoding == COLUMN_U32);
    cr_assert(column.mul == 1);
}

Test(column_seal_decimals, lays_out_the_bytes_of_the_protocol)
{
    const int64_t values[3] = {100 * DECIMAL_ONE, DECIMAL_NULL, 102 * DECIMAL_ONE};
    struct column column = column_seal_decimals(values, 3, COLUMN_ENCODINGS_ALL, payload);
    const uint8_t i16[] = {0xFF, 0xFF, 0x00, 0x80, 0x01, 0x00};
    cr_assert(column.encoding == COLUMN_I16);
    cr_assert(column.base == 101);
    cr_assert(column.exp == 0);
    cr_assert(column_payload_bytes(&column) == sizeof i16);
    cr_assert(memcmp(column.payload, i16, sizeof i16) == 0);

    column = column_seal_decimals(values, 3, COLUMN_ENCODING_BIT(COLUMN_I32), payload);
    const uint8_t i32[] = {0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x00, 0x00, 0x80, 0x01, 0x00, 0x00, 0x00};
    cr_assert(column.encoding == COLUMN_I32);
    cr_assert(column_payload_bytes(&column) == sizeof i32);
    cr_assert(memcmp(column.payload, i32, sizeof i32) == 0);

    column = column_seal_decimals(values, 3, 0, payload);
    const int64_t i64[] = {100, INT64_MIN, 102};
    cr_assert(column.encoding == COLUMN_I64);
    cr_assert(column.base == 0);
    cr_assert(memcmp(column.payload, i64, sizeof i64) == 0);
}

static size_t random_times(struct random *random, int64_t *values)
{
    static const int64_t steps[] = {1, 2, 1000, 1000000, 60000000, 86400000000, 999999937};
    static const int64_t counts[] = {1, 3, 1000, 65536, 4294967295, 4294967296};
    size_t rows = 1 + random_below(random, random_one_in(random, 10) ? ROWS_MAX : 8);
    int64_t step = steps[random_below(random, sizeof steps / sizeof *steps)];
    int64_t count = counts[random_below(random, sizeof counts / sizeof *counts)];
    if (count > INT64_MAX / 2 / step)
        count = INT64_MAX / 2 / step;
    int64_t least = random_one_in(random, 5)
                        ? INT64_MIN + 1
                        : random_between(random, -(INT64_MAX / 2), INT64_MAX / 2);
    bool anything = random_one_in(random, 8);
    bool equal = random_one_in(random, 8);
    for (size_t row = 0; row < rows; row++) {
        int64_t offset = random_one_in(random, 3)   ? 0
                         : random_one_in(random, 2) ? count
                                                    : random_between(random, 0, count);
        values[row] = anything ? random_between(random, -INT64_MAX, INT64_MAX)
                      : equal  ? least
                               : least + offset * step;
    }
    return rows;
}

static uint64_t slow_step(const int64_t *values, size_t rows, int64_t least)
{
    uint64_t step = 0;
    for (size_t row = 0; row < rows; row++) {
        uint64_t a = step;
        uint64_t b = (uint64_t)values[row] - (uint64_t)least;
        while (b > 0) {
            uint64_t rest = a % b;
            a = b;
            b = rest;
        }
        step = a;
    }
    return step > 0 ? step : 1;
}

Test(column_seal_times, keeps_every_value_in_the_smallest_encoding_allowed)
{
    struct random random = {.state = 2};
    size_t seen[COLUMN_ENCODINGS] = {0};
    for (size_t run = 0; run < 200000; run++) {
        int64_t values[ROWS_MAX];
        size_t rows = random_times(&random, values);
        unsigned allowed = (unsigned)run % (COLUMN_ENCODINGS_ALL + 1);
        struct column column = column_seal_times(values, rows, allowed, payload);

        struct extent extent = slow_extent(values, rows);
        int64_t least = (int64_t)extent.least;
        uint64_t span = (uint64_t)(extent.most - extent.least);
        uint64_t step = slow_step(values, rows, least);
        bool constant = span == 0 && is_allowed(allowed, COLUMN_CONST);
        bool u32 =
            span / step <= UINT32_MAX && step <= INT64_MAX && is_allowed(allowed, COLUMN_U32);
        enum column_encoding expected = constant ? COLUMN_CONST : u32 ? COLUMN_U32 : COLUMN_I64;
        cr_assert(column.encoding == expected, "run %zu: encoding %d", run, (int)column.encoding);
        cr_assert(column.exp == 0);
        if (expected == COLUMN_U32) {
            cr_assert(column.base == least, "run %zu", run);
            cr_assert(column.mul == (int64_t)step, "run %zu: %" PRId64, run, column.mul);
        }
        for (size_t row = 0; row < rows; row++) {
            int64_t value = column_value(&column, row);
            if (value != values[row])
                cr_assert_fail("run %zu, row %zu, encoding %d: %" PRId64 " instead of %" PRId64,
                               run, row, (int)column.encoding, value, values[row]);
        }
        seen[column.encoding]++;
    }
    cr_assert(seen[COLUMN_U32] > 1000);
    cr_assert(seen[COLUMN_I64] > 1000);
    cr_assert(seen[COLUMN_CONST] > 1000);
}

Test(column_seal_times, takes_the_common_step_out)
{
    /* Two days of milliseconds are beyond 32 bits of microseconds. */
    const int64_t start = 1723161255088000;
    int64_t values[4] = {start, start + 1000, start + 1000, start + INT64_C(172800000000)};
    struct column column = column_seal_times(values, 4, COLUMN_ENCODINGS_ALL, payload);
    const uint32_t offsets[] = {0, 1, 1, 172800000};
    cr_assert(column.encoding == COLUMN_U32);
    cr_assert(column.base == start);
    cr_assert(column.mul == 1000);
    cr_assert(memcmp(column.payload, offsets, sizeof offsets) == 0);

    values[1] += 1; /* no common step any more */
    column = column_seal_times(values, 4, COLUMN_ENCODINGS_ALL, payload);
    cr_assert(column.encoding == COLUMN_I64);
    cr_assert(memcmp(column.payload, values, sizeof values) == 0);
}

Test(column_seal_times, takes_values_in_any_order)
{
    const int64_t values[3] = {3000, 1000, 2000};
    struct column column = column_seal_times(values, 3, COLUMN_ENCODINGS_ALL, payload);
    const uint32_t offsets[] = {2, 0, 1};
    cr_assert(column.encoding == COLUMN_U32);
    cr_assert(column.base == 1000);
    cr_assert(column.mul == 1000);
    cr_assert(memcmp(column.payload, offsets, sizeof offsets) == 0);
}

Test(column_choose, settles_everything_before_a_byte_is_written)
{
    const int64_t values[3] = {DECIMAL_ONE, DECIMAL_NULL, 7};
    struct column column = column_choose_decimals(values, 3, COLUMN_ENCODINGS_ALL);
    cr_assert(column.encoding == COLUMN_I32);
    cr_assert(column.payload == NULL);
    cr_assert(column_payload_bytes(&column) == 12);
    int64_t *exact = malloc(column_payload_bytes(&column)); /* the sanitizer sees the end */
    column_write_decimals(&column, values, exact);
    cr_assert(column.payload == exact);
    cr_assert(column_decimal(&column, 0) == DECIMAL_ONE);
    cr_assert(column_decimal(&column, 1) == DECIMAL_NULL);
    cr_assert(column_decimal(&column, 2) == 7);
    free(exact);
}

Test(column_row_bytes, are_those_of_the_payload)
{
    cr_assert(column_row_bytes(COLUMN_U32) == 4);
    cr_assert(column_row_bytes(COLUMN_I16) == 2);
    cr_assert(column_row_bytes(COLUMN_I32) == 4);
    cr_assert(column_row_bytes(COLUMN_I64) == 8);
    cr_assert(column_row_bytes(COLUMN_CONST) == 0);
}

static const int64_t three[3] = {1, 2, 3};

Test(column_slice, of_all_rows_and_of_none_is_allowed)
{
    struct column column = column_seal_times(three, 3, COLUMN_ENCODINGS_ALL, payload);
    cr_assert(column_slice(&column, 0, 3).rows == 3);
    cr_assert(column_slice(&column, 3, 0).rows == 0);
}

Test(column_slice, past_the_end_is_our_own_fault, .signal = SIGABRT)
{
    struct column column = column_seal_times(three, 3, COLUMN_ENCODINGS_ALL, payload);
    (void)column_slice(&column, 2, 2);
}

Test(column_value, past_the_end_is_our_own_fault, .signal = SIGABRT)
{
    struct column column = column_seal_times(three, 3, COLUMN_ENCODINGS_ALL, payload);
    (void)column_value(&column, 3);
}

/* Any part of any column, turned around: the same values from the last to the first. */
Test(column_reverse, has_the_same_rows_last_one_first_in_the_same_encoding)
{
    struct random random = {.state = 3};
    static int64_t turned[ROWS_MAX];
    size_t seen[COLUMN_ENCODINGS] = {0};
    for (size_t run = 0; run < 50000; run++) {
        int64_t values[ROWS_MAX];
        bool are_times = random_one_in(&random, 2);
        size_t rows = are_times ? random_times(&random, values) : random_decimals(&random, values);
        struct column column =
            are_times ? column_seal_times(values, rows, COLUMN_ENCODINGS_ALL, payload)
                      : column_seal_decimals(values, rows, COLUMN_ENCODINGS_ALL, payload);
        size_t first = random_below(&random, rows);
        size_t count = random_below(&random, rows - first + 1);
        struct column reversed = column_reverse(&column, first, count, turned);
        cr_assert(reversed.encoding == column.encoding && reversed.rows == count);
        for (size_t row = 0; row < count; row++)
            cr_assert(column_value(&reversed, row) ==
                          column_value(&column, first + count - 1 - row),
                      "run %zu, row %zu", run, row);
        seen[column.encoding]++;
    }
    for (int encoding = 0; encoding < COLUMN_ENCODINGS; encoding++)
        cr_assert(seen[encoding] > 100, "encoding %d", encoding);
}

Test(column_reverse, leaves_the_column_as_it_was)
{
    struct column column = column_seal_times(three, 3, 0, payload);
    int64_t turned[3];
    struct column reversed = column_reverse(&column, 0, 3, turned);
    cr_assert(reversed.payload == turned && column.payload == payload);
    cr_assert(memcmp(payload, three, sizeof three) == 0);
    cr_assert(column_reverse(&column, 1, 0, turned).rows == 0);
}

Test(column_reverse, past_the_end_is_our_own_fault, .signal = SIGABRT)
{
    struct column column = column_seal_times(three, 3, COLUMN_ENCODINGS_ALL, payload);
    int64_t turned[3];
    (void)column_reverse(&column, 2, 2, turned);
}
