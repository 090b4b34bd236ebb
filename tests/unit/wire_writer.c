#include "wire/writer.h"

#include "random.h"
#include "wire_fixture.h"

#include <inttypes.h>
#include <math.h>
#include <signal.h>

#define BOTH(encoding)                                                                             \
    enum wire_encoding encoding = WIRE_JSON;                                                       \
    encoding <= WIRE_MSGPACK;                                                                      \
    encoding = (enum wire_encoding)(encoding + 1)

static void assert_text(struct buffer *out, const char *expected)
{
    char *json = json_of(expected);
    cr_assert_str_eq(buffer_text(out), json);
    free(json);
}

static void assert_hex(const struct buffer *out, const char *expected)
{
    uint8_t bytes[256];
    size_t count = bytes_of_hex(expected, bytes);
    cr_assert_eq(out->count, count, "%s: %zu bytes", expected, out->count);
    cr_assert_eq(memcmp(out->bytes, bytes, count), 0, "%s", expected);
}

static void write_one_of_each(struct writer *writer)
{
    writer_map(writer, 6);
    writer_key(writer, "n"), writer_nil(writer);
    writer_key(writer, "b"), writer_bool(writer, true);
    writer_key(writer, "i"), writer_integer(writer, -200);
    writer_key(writer, "f"), writer_float(writer, 0.5);
    writer_key(writer, "t"), writer_text(writer, "é");
    writer_key(writer, "a");
    writer_array(writer, 3);
    writer_array(writer, 0);
    writer_end(writer);
    writer_map(writer, 0);
    writer_end(writer);
    writer_bool(writer, false);
    writer_end(writer);
    writer_end(writer);
}

Test(wire_writer, json_has_no_blanks_and_separates_items_by_commas)
{
    struct buffer *out;
    struct writer writer = writer_on(&out, WIRE_JSON);
    write_one_of_each(&writer);
    assert_text(out, "{'n':null,'b':true,'i':-200,'f':0.5,'t':'é','a':[[],{},false]}");
}

Test(wire_writer, msgpack_takes_the_shortest_forms)
{
    struct buffer *out;
    struct writer writer = writer_on(&out, WIRE_MSGPACK);
    write_one_of_each(&writer);
    assert_hex(out, "86 a16e c0 a162 c3 a169 d1ff38 a166 cb3fe0000000000000 a174 a2c3a9"
                    "a161 93 90 80 c2");
}

Test(wire_writer, json_escapes_what_json_wants_escaped_and_nothing_else)
{
    struct buffer *out;
    struct writer writer = writer_on(&out, WIRE_JSON);
    writer_text(&writer, "\x01\x1f\b\f\n\r\t\"\\/\x7fé€😀\xe2\x80\xa8");
    cr_assert_str_eq(buffer_text(out),
                     "\"\\u0001\\u001f\\b\\f\\n\\r\\t\\\"\\\\/\x7fé€😀\xe2\x80\xa8\"");
}

Test(wire_writer, every_text_comes_back_as_it_was)
{
    struct random random = {1};
    for (int run = 0; run < 2000; run++) {
        char text[64];
        size_t count = random_below(&random, sizeof text);
        for (size_t i = 0; i < count; i++)
            text[i] = (char)(1 + random_below(&random, 127));
        for (BOTH(encoding)) {
            struct buffer *out;
            struct writer writer = writer_on(&out, encoding);
            writer_text_bytes(&writer, text, count);
            json_t *tree = tree_written(out, encoding);
            cr_assert_not_null(tree, "run %d", run);
            cr_assert_eq(json_string_length(tree), count);
            cr_assert_eq(memcmp(json_string_value(tree), text, count), 0);
            json_decref(tree);
        }
    }
}

Test(wire_writer, text_that_is_no_utf8_is_repaired_in_both_encodings)
{
    static const struct {
        const char *text;
        const char *repaired;
    } texts[] = {
        {"cut in a character \xe2\x82", "cut in a character \xef\xbf\xbd\xef\xbf\xbd"},
        {"\xff", "\xef\xbf\xbd"},
        {"a\xff\nb\x80", "a\xef\xbf\xbd\nb\xef\xbf\xbd"},
        {"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
    };
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        for (BOTH(encoding)) {
            struct buffer *out;
            struct writer writer = writer_on(&out, encoding);
            writer_text(&writer, texts[i].text);
            json_t *tree = tree_written(out, encoding);
            cr_assert_not_null(tree, "%zu", i);
            cr_assert_str_eq(json_string_value(tree), texts[i].repaired);
            json_decref(tree);
        }
    }
}

Test(wire_writer, integers_and_floats_keep_kind_and_value)
{
    struct random random = {2};
    for (int run = 0; run < 5000; run++) {
        int64_t integer = run == 0 ? INT64_MIN : random_mantissa(&random);
        double number = (double)random_mantissa(&random) / (double)(1 + random_below(&random, 999));
        for (BOTH(encoding)) {
            struct buffer *out;
            struct writer writer = writer_on(&out, encoding);
            writer_array(&writer, 2);
            writer_integer(&writer, integer);
            writer_float(&writer, number);
            writer_end(&writer);
            json_t *tree = tree_written(out, encoding);
            cr_assert_eq(json_integer_value(json_array_get(tree, 0)), integer);
            cr_assert(json_is_real(json_array_get(tree, 1)));
            cr_assert_eq(json_real_value(json_array_get(tree, 1)), number);
            json_decref(tree);
        }
    }
}

Test(wire_writer, decoded_bytes_go_back_as_bin_and_in_json_as_numbers)
{
    struct outcome outcome = decode_hex("81 a1 76 c4 03 00 ff 07");
    struct buffer *out;
    struct writer writer = writer_on(&out, WIRE_MSGPACK);
    writer_value(&writer, outcome.root);
    assert_hex(out, "81 a1 76 c4 03 00 ff 07");
    writer = writer_on(&out, WIRE_JSON);
    writer_value(&writer, outcome.root);
    assert_text(out, "{'v':[0,255,7]}");
}

Test(wire_writer, a_decimal_has_the_smallest_exp_that_is_exact_and_null_is_nil)
{
    static const struct {
        int64_t mantissa;
        const char *json;
    } decimals[] = {
        {0, "[0,0]"},
        {DECIMAL_NULL, "null"},
        {DECIMAL_ONE, "[1,0]"},
        {-DECIMAL_ONE / 2, "[-5,1]"},
        {1, "[1,8]"},
        {6180030000000, "[618003,1]"},
        {INT64_MAX, "[9223372036854775807,8]"},
        {-INT64_MAX, "[-9223372036854775807,8]"},
        {INT64_C(9223372036800000000), "[92233720368,0]"},
    };
    for (size_t i = 0; i < COUNT_OF(decimals); i++) {
        struct buffer *out;
        struct writer writer = writer_on(&out, WIRE_JSON);
        writer_decimal(&writer, decimals[i].mantissa);
        assert_text(out, decimals[i].json);
        writer = writer_on(&out, WIRE_MSGPACK);
        writer_decimal(&writer, decimals[i].mantissa);
        json_t *tree = tree_written(out, WIRE_MSGPACK);
        int64_t value = 0;
        cr_assert(wire_decimal(tree, &value));
        cr_assert_eq(value, decimals[i].mantissa);
        json_decref(tree);
    }
}

/* ---- Columns ---- */

#define ROWS_MAX 700 /* in JSON more than one block of row texts */

/* Columns of every shape: what sealing chooses out of a random set of encodings. */
static struct column random_column(struct random *random, bool times, int64_t *values,
                                   int64_t *payload)
{
    size_t rows = random_below(random, random_one_in(random, 4) ? ROWS_MAX : 10);
    unsigned allowed = (unsigned)random_below(random, COLUMN_ENCODINGS_ALL + 1);
    int64_t span = INT64_C(1) << random_below(random, 40);
    int64_t step = 1 + (int64_t)random_below(random, 5) * 1000;
    int64_t base = times ? INT64_C(1723161255088169) : random_mantissa(random) / 2;
    for (size_t i = 0; i < rows; i++) {
        values[i] = base + random_between(random, 0, span) / step * step;
        if (!times && random_one_in(random, 5))
            values[i] = DECIMAL_NULL;
    }
    return times ? column_seal_times(values, rows, allowed, payload)
                 : column_seal_decimals(values, rows, allowed, payload);
}

Test(wire_writer, every_column_comes_back_with_the_values_it_was_sealed_from)
{
    struct random random = {3};
    static int64_t values[ROWS_MAX], payload[ROWS_MAX], read[ROWS_MAX];
    for (int run = 0; run < 3000; run++) {
        bool times = run % 2 == 0;
        struct column column = random_column(&random, times, values, payload);
        for (BOTH(encoding)) {
            struct buffer *out;
            struct writer writer = writer_on(&out, encoding);
            writer_column(&writer, &column);
            json_t *tree = tree_written(out, encoding);
            cr_assert_not_null(tree, "run %d", run);
            cr_assert(times ? wire_column_times(tree, column.rows, read)
                            : wire_column_decimals(tree, column.rows, read),
                      "run %d", run);
            cr_assert_eq(memcmp(read, values, column.rows * sizeof *read), 0, "run %d", run);
            json_decref(tree);
        }
    }
}

Test(wire_writer, a_slice_of_a_column_is_written_without_its_other_rows)
{
    static const int16_t offsets[] = {1, 2, INT16_MIN, 4, 5};
    struct column column = {
        .encoding = COLUMN_I16, .exp = 2, .base = 100, .rows = 5, .payload = offsets};
    struct column slice = column_slice(&column, 1, 3);
    struct buffer *out;
    struct writer writer = writer_on(&out, WIRE_JSON);
    writer_column(&writer, &slice);
    assert_text(out, "['i16',100,2,[2,null,4]]");
    writer = writer_on(&out, WIRE_MSGPACK);
    writer_column(&writer, &slice);
    assert_hex(out, "94 a3693136 64 02 c406 0200 0080 0400");
}

static struct column widest_column(enum column_encoding encoding, const void *payload, size_t rows)
{
    return (struct column){
        .encoding = encoding,
        .exp = encoding == COLUMN_U32 ? 0 : DECIMAL_EXP_MAX,
        .base = -INT64_MAX,
        .mul = INT64_MAX,
        .rows = rows,
        .payload = payload,
    };
}

Test(wire_writer, no_column_is_longer_than_its_head_and_its_rows_may_be)
{
    enum { ROWS = 1000 };
    static uint8_t payload[8 * ROWS];
    for (int encoding = 0; encoding < COLUMN_ENCODINGS; encoding++) {
        memset(payload, encoding == COLUMN_U32 ? 0xff : 0, sizeof payload);
        for (size_t i = 0; i < ROWS && encoding != COLUMN_U32; i++) { /* −2^15 + 1, −2^31 + 1, … */
            size_t bytes = column_row_bytes((enum column_encoding)encoding);
            if (bytes > 0) {
                payload[i * bytes] = 1;
                payload[(i + 1) * bytes - 1] = 0x80;
            }
        }
        struct column column = widest_column((enum column_encoding)encoding, payload, ROWS);
        for (BOTH(wire)) {
            struct buffer *out;
            struct writer writer = writer_on(&out, wire);
            writer_column(&writer, &column);
            size_t rows_bytes = ROWS * wire_row_bytes(wire, column.encoding);
            cr_assert_leq(out->count, WIRE_COLUMN_HEAD_BYTES + rows_bytes);
            cr_assert_geq(out->count, rows_bytes);
        }
    }
}

/* ---- Limits and mistakes ---- */

Test(wire_writer, a_message_over_the_limit_shows_in_the_buffer_and_writes_no_more)
{
    static const int64_t mantissas[100];
    struct column column = {.encoding = COLUMN_I64, .rows = 100, .payload = mantissas};
    for (BOTH(encoding)) {
        struct buffer small;
        buffer_init(&small, 64);
        struct writer writer;
        writer_init(&writer, &small, encoding);
        writer_column(&writer, &column);
        cr_assert(small.failed);
        cr_assert_leq(small.count, 64);
        buffer_deinit(&small);
    }
}

Test(wire_writer, a_map_with_a_pair_too_few_aborts, .signal = SIGABRT)
{
    struct buffer *out;
    struct writer writer = writer_on(&out, WIRE_JSON);
    writer_map(&writer, 2);
    writer_key(&writer, "a"), writer_nil(&writer);
    writer_end(&writer);
}

Test(wire_writer, an_array_with_an_item_too_many_aborts, .signal = SIGABRT)
{
    struct buffer *out;
    struct writer writer = writer_on(&out, WIRE_MSGPACK);
    writer_array(&writer, 1);
    writer_nil(&writer);
    writer_nil(&writer);
}

Test(wire_writer, a_value_without_its_key_aborts, .signal = SIGABRT)
{
    struct buffer *out;
    struct writer writer = writer_on(&out, WIRE_MSGPACK);
    writer_map(&writer, 1);
    writer_nil(&writer);
}

Test(wire_writer, a_key_in_an_array_aborts, .signal = SIGABRT)
{
    struct buffer *out;
    struct writer writer = writer_on(&out, WIRE_JSON);
    writer_array(&writer, 1);
    writer_key(&writer, "a");
}

Test(wire_writer, a_float_that_is_not_finite_aborts, .signal = SIGABRT)
{
    struct buffer *out;
    struct writer writer = writer_on(&out, WIRE_MSGPACK);
    writer_float(&writer, (double)NAN);
}
