/*
 * tests/golden/columns.json: columns of every encoding, as the server writes them, beside the
 * values they stand for, which are spelled here by hand.
 */
#include "wire/writer.h"

#include "wire_fixture.h"
#include "wire_golden.h"

#include <inttypes.h>

#define VALUES_MAX 8

struct vector {
    const char *name;
    bool is_time;
    struct column column;
    const char *values[VALUES_MAX]; /* one per row; NULL: null */
};

#define PAYLOAD(type, ...)                                                                         \
    .rows = sizeof((const type[]){__VA_ARGS__}) / sizeof(type), .payload = (const type[])          \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }
#define U32(base_, mul_, ...)                                                                      \
    {                                                                                              \
        .encoding = COLUMN_U32, .base = base_, .mul = mul_, PAYLOAD(uint32_t, __VA_ARGS__)         \
    }
#define I16(base_, exp_, ...)                                                                      \
    {                                                                                              \
        .encoding = COLUMN_I16, .base = base_, .exp = exp_, PAYLOAD(int16_t, __VA_ARGS__)          \
    }
#define I32(base_, exp_, ...)                                                                      \
    {                                                                                              \
        .encoding = COLUMN_I32, .base = base_, .exp = exp_, PAYLOAD(int32_t, __VA_ARGS__)          \
    }
#define I64(exp_, ...)                                                                             \
    {                                                                                              \
        .encoding = COLUMN_I64, .exp = exp_, PAYLOAD(int64_t, __VA_ARGS__)                         \
    }
#define CONST(mantissa_, exp_, rows_)                                                              \
    {                                                                                              \
        .encoding = COLUMN_CONST, .base = mantissa_, .exp = exp_, .rows = rows_                    \
    }

static const struct vector vectors[] = {
    {"times in microseconds",
     true,
     U32(1723161255088169, 1, 0, 1, 4294967295),
     {"1723161255088169", "1723161255088170", "1723165550055464"}},
    {"times in whole milliseconds",
     true,
     U32(1723161255000000, 1000, 0, 5, 4294967295),
     {"1723161255000000", "1723161255005000", "1727456222295000"}},
    {"times of whole hours",
     true,
     U32(0, 3600000000, 0, 1, 24),
     {"0", "3600000000", "86400000000"}},
    {"times before the epoch",
     true,
     U32(-62135596800000000, 1000000, 0, 1, 86400),
     {"-62135596800000000", "-62135596799000000", "-62135510400000000"}},
    {"times running backwards",
     true,
     U32(1723161255000000, 250000, 3, 1, 1, 0),
     {"1723161255750000", "1723161255250000", "1723161255250000", "1723161255000000"}},
    {"one time", true, U32(1723161255088169, 1, 0), {"1723161255088169"}},
    {"the same time in every row",
     true,
     CONST(1723161255088169, 0, 3),
     {"1723161255088169", "1723161255088169", "1723161255088169"}},
    {"times in i16",
     true,
     I16(1723161255088169, 0, -32767, 0, 32767),
     {"1723161255055402", "1723161255088169", "1723161255120936"}},
    {"times in i32",
     true,
     I32(1723161255088169, 0, -2147483647, 0, 2147483647),
     {"1723159107604522", "1723161255088169", "1723163402571816"}},
    {"the first and the last time there is",
     true,
     I64(0, -62135596800000000, 0, 253402300799999999),
     {"-62135596800000000", "0", "253402300799999999"}},

    {"i16 with exp 0", false, I16(12345678, 0, 0, -5678, 1), {"12345678", "12340000", "12345679"}},
    {"i16 with exp 1", false, I16(12345678, 1, 0, -5678, 1), {"1234567.8", "1234000", "1234567.9"}},
    {"i16 with exp 2", false, I16(12345678, 2, 0, -5678, 1), {"123456.78", "123400", "123456.79"}},
    {"i16 with exp 3", false, I16(12345678, 3, 0, -5678, 1), {"12345.678", "12340", "12345.679"}},
    {"i16 with exp 4", false, I16(12345678, 4, 0, -5678, 1), {"1234.5678", "1234", "1234.5679"}},
    {"i16 with exp 5", false, I16(12345678, 5, 0, -5678, 1), {"123.45678", "123.4", "123.45679"}},
    {"i16 with exp 6", false, I16(12345678, 6, 0, -5678, 1), {"12.345678", "12.34", "12.345679"}},
    {"i16 with exp 7", false, I16(12345678, 7, 0, -5678, 1), {"1.2345678", "1.234", "1.2345679"}},
    {"i16 with exp 8",
     false,
     I16(12345678, 8, 0, -5678, 1),
     {"0.12345678", "0.1234", "0.12345679"}},
    {"i16 with a null and its largest offsets",
     false,
     I16(6180030, 2, -1, 0, INT16_MIN, 32767, -32767),
     {"61800.29", "61800.3", NULL, "62127.97", "61472.63"}},
    {"i16 around zero", false, I16(-5, 1, -10, 5, 6, INT16_MIN), {"-1.5", "0", "0.1", NULL}},
    {"i16 below zero", false, I16(-123456, 3, 0, 456, -544), {"-123.456", "-123", "-124"}},
    {"i16 with nothing but nulls", false, I16(0, 0, INT16_MIN, INT16_MIN), {NULL, NULL}},
    {"i32 with a null and its largest offsets",
     false,
     I32(0, 8, 1, -1, INT32_MIN, 2147483647, -2147483647),
     {"0.00000001", "-0.00000001", NULL, "21.47483647", "-21.47483647"}},
    {"i32 with a base",
     false,
     I32(6180030000, 5, 0, -1234567, 2147483647),
     {"61800.3", "61787.95433", "83275.13647"}},
    {"i32 up to the largest decimal",
     false,
     I32(9223372034707292160, 8, 2147483647, 0, -1, INT32_MIN),
     {"92233720368.54775807", "92233720347.0729216", "92233720347.07292159", NULL}},
    {"i32 down to the smallest decimal",
     false,
     I32(-9223372034707292160, 8, -2147483647, 0, 1),
     {"-92233720368.54775807", "-92233720347.0729216", "-92233720347.07292159"}},
    {"i64 extremes",
     false,
     I64(8, INT64_MAX, -INT64_MAX, INT64_MIN, 0, 1, -1),
     {"92233720368.54775807", "-92233720368.54775807", NULL, "0", "0.00000001", "-0.00000001"}},
    {"i64 around what a double holds",
     false,
     I64(6, 9007199254740991, 9007199254740993, -9007199254740993, -9007199254740992),
     {"9007199254.740991", "9007199254.740993", "-9007199254.740993", "-9007199254.740992"}},
    {"i64 with exp 0",
     false,
     I64(0, 92233720368, -92233720368, 0),
     {"92233720368", "-92233720368", "0"}},
    {"i64 with nothing but nulls", false, I64(0, INT64_MIN, INT64_MIN), {NULL, NULL}},
    {"the same price in every row",
     false,
     CONST(1234567, 4, 3),
     {"123.4567", "123.4567", "123.4567"}},
    {"the same price below zero", false, CONST(-5, 1, 2), {"-0.5", "-0.5"}},
    {"zero in every row", false, CONST(0, 0, 2), {"0", "0"}},
    {"null in every row", false, CONST(DECIMAL_NULL, 0, 3), {NULL, NULL, NULL}},
    {"the largest decimal in every row", false, CONST(INT64_MAX, 8, 1), {"92233720368.54775807"}},
    {"the smallest decimal in every row",
     false,
     CONST(-INT64_MAX, 8, 1),
     {"-92233720368.54775807"}},
    {"volumes in u32", false, U32(0, 1, 0, 7, 4294967295), {"0", "7", "4294967295"}},
    {"volumes in lots", false, U32(500, 100, 0, 1, 25), {"500", "600", "3000"}},
    {"no rows", false, {.encoding = COLUMN_I64, .payload = ""}, {NULL}},
    {"no rows of null", false, CONST(DECIMAL_NULL, 0, 0), {NULL}},
};

static void append_column(struct buffer *content, const struct column *column)
{
    struct buffer *out;
    struct writer writer = writer_on(&out, WIRE_MSGPACK);
    writer_column(&writer, column);
    buffer_append_text(content, "  \"column_msgpack_hex\":\"");
    golden_append_hex(content, out->bytes, out->count);
    writer = writer_on(&out, WIRE_JSON);
    writer_column(&writer, column);
    buffer_append_text(content, "\",\n  \"column_json\":");
    buffer_append(content, out->bytes, out->count);
}

static void append_vector(struct buffer *content, const struct vector *vector)
{
    buffer_append_format(content, " {\"name\":\"%s\",\"n\":%zu,\"kind\":\"%s\",\n", vector->name,
                         vector->column.rows, vector->is_time ? "time" : "decimal");
    append_column(content, &vector->column);
    buffer_append_text(content, ",\n  \"values\":[");
    for (size_t row = 0; row < vector->column.rows; row++) {
        buffer_append_text(content, row > 0 ? "," : "");
        if (vector->values[row] == NULL)
            buffer_append_text(content, "null");
        else
            buffer_append_format(content, "\"%s\"", vector->values[row]);
    }
    buffer_append_text(content, "]}");
}

Test(wire_columns, the_golden_columns_are_what_the_server_writes)
{
    struct buffer content;
    buffer_init(&content, GOLDEN_BYTES_MAX);
    buffer_append_text(&content, "[\n");
    for (size_t i = 0; i < COUNT_OF(vectors); i++) {
        buffer_append_text(&content, i > 0 ? ",\n" : "");
        append_vector(&content, &vectors[i]);
    }
    buffer_append_text(&content, "\n]\n");
    golden_check("columns.json", &content);
    buffer_deinit(&content);
}

/* A decimal or a time as text; independent of the server's. */
static void format_value(int64_t value, bool is_time, char *text, size_t bytes)
{
    if (is_time) {
        snprintf(text, bytes, "%" PRId64, value);
        return;
    }
    uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    snprintf(text, bytes, "%s%" PRIu64 ".%08" PRIu64, value < 0 ? "-" : "", magnitude / 100000000,
             magnitude % 100000000);
    for (char *end = text + strlen(text) - 1; *end == '0' || *end == '.'; *end-- = '\0') {
        if (*end == '.') {
            *end = '\0';
            break;
        }
    }
}

static void assert_values(const struct vector *vector, const json_t *column)
{
    int64_t values[VALUES_MAX];
    size_t rows = vector->column.rows;
    cr_assert(vector->is_time ? wire_column_times(column, rows, values)
                              : wire_column_decimals(column, rows, values),
              "%s", vector->name);
    for (size_t row = 0; row < rows; row++) {
        cr_assert_eq(vector->values[row] == NULL, values[row] == INT64_MIN, "%s", vector->name);
        if (vector->values[row] == NULL)
            continue;
        char text[32];
        format_value(values[row], vector->is_time, text, sizeof text);
        cr_assert_str_eq(text, vector->values[row]);
    }
}

Test(wire_columns, an_independent_reader_finds_the_values_of_every_golden_column)
{
    for (size_t i = 0; i < COUNT_OF(vectors); i++) {
        for (int encoding = WIRE_JSON; encoding <= WIRE_MSGPACK; encoding++) {
            struct buffer *out;
            struct writer writer = writer_on(&out, (enum wire_encoding)encoding);
            writer_column(&writer, &vectors[i].column);
            json_t *column = tree_written(out, (enum wire_encoding)encoding);
            cr_assert_not_null(column, "%s", vectors[i].name);
            assert_values(&vectors[i], column);
            json_decref(column);
        }
    }
}

Test(wire_columns, the_server_reads_the_same_values_out_of_every_golden_column)
{
    for (size_t i = 0; i < COUNT_OF(vectors); i++) {
        for (size_t row = 0; row < vectors[i].column.rows; row++) {
            int64_t value = vectors[i].is_time ? column_value(&vectors[i].column, row)
                                               : column_decimal(&vectors[i].column, row);
            char text[32] = "";
            if (value != DECIMAL_NULL)
                format_value(value, vectors[i].is_time, text, sizeof text);
            cr_assert_str_eq(text, vectors[i].values[row] != NULL ? vectors[i].values[row] : "");
        }
    }
}

Test(wire_columns, columns_that_are_not_as_the_protocol_says_are_refused_by_the_reader)
{
    static const char *const wrong[] = {
        "{}",
        "[]",
        "['u64',0,1,[0,0]]",
        "['u32',0,1,[0]]",
        "['u32',0,1,[0,0,0]]",
        "['u32',0,1,[0,null]]",
        "['u32',0,1,[0,-1]]",
        "['u32',0,1,[0,4294967296]]",
        "['u32',0.5,1,[0,0]]",
        "['u32',0,[0,0]]",
        "['i16',0,0,[0,32768]]",
        "['i16',0,0,[0,-32768]]",
        "['i16',0,9,[0,0]]",
        "['i16',0,-1,[0,0]]",
        "['i16',0,0,'xxxx']",
        "['i16',0,0,{'bin':'xxx'}]",
        "['i16',0,0]",
        "['i32',0,0,[0,-2147483648]]",
        "['i64',0,[1,92233720369]]",
        "['i64',8,[1,0.5]]",
        "['const',1]",
        "['const','1',0]",
        "['const',1,0,[]]",
    };
    int64_t values[2];
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        char *json = json_of(wrong[i]);
        json_t *column = json_loads(json, 0, NULL);
        cr_assert_not_null(column, "%s", json);
        cr_assert_not(wire_column_decimals(column, 2, values), "%s", json);
        json_decref(column);
        free(json);
    }
}
