#include "wire/writer.h"

#include "base/assert.h"
#include "wire/number.h"
#include "wire/utf8.h"

#include <math.h>
#include <msgpack.h>
#include <string.h>

static int append_packed(void *out, const char *bytes, size_t count)
{
    buffer_append(out, bytes, count);
    return 0; /* a failure shows in the buffer */
}

static msgpack_packer packer_of(struct writer *writer)
{
    return (msgpack_packer){.data = writer->out, .callback = append_packed};
}

void writer_init(struct writer *writer, struct buffer *out, enum wire_encoding encoding)
{
    writer->out = out;
    writer->encoding = encoding;
    writer->depth = 0;
}

/* Counts one item of the level we are in, and separates it from the one before. The value of a pair
 * follows its key's colon: what is left is even then. */
static void begin_item(struct writer *writer)
{
    if (writer->depth == 0)
        return;
    int level = writer->depth - 1;
    ASSERT(writer->levels[level].left > 0);
    writer->levels[level].left--;
    if (writer->encoding != WIRE_JSON)
        return;
    if (writer->levels[level].is_map && writer->levels[level].left % 2 == 0)
        return;
    if (!writer->levels[level].first)
        buffer_append_u8(writer->out, ',');
    writer->levels[level].first = false;
}

/* A value stands in an array, or after a key. */
static void begin_value(struct writer *writer)
{
    if (writer->depth > 0 && writer->levels[writer->depth - 1].is_map)
        ASSERT(writer->levels[writer->depth - 1].left % 2 == 1);
    begin_item(writer);
}

static void push_level(struct writer *writer, size_t items, bool is_map)
{
    ASSERT(writer->depth < WRITER_DEPTH_MAX);
    ASSERT(items <= UINT32_MAX);
    writer->levels[writer->depth].left = (uint32_t)items;
    writer->levels[writer->depth].is_map = is_map;
    writer->levels[writer->depth].first = true;
    writer->depth++;
}

void writer_map(struct writer *writer, size_t pairs)
{
    begin_value(writer);
    if (writer->encoding == WIRE_JSON) {
        buffer_append_u8(writer->out, '{');
    } else {
        msgpack_packer packer = packer_of(writer);
        msgpack_pack_map(&packer, pairs);
    }
    push_level(writer, 2 * pairs, true);
}

void writer_array(struct writer *writer, size_t items)
{
    begin_value(writer);
    if (writer->encoding == WIRE_JSON) {
        buffer_append_u8(writer->out, '[');
    } else {
        msgpack_packer packer = packer_of(writer);
        msgpack_pack_array(&packer, items);
    }
    push_level(writer, items, false);
}

void writer_end(struct writer *writer)
{
    ASSERT(writer->depth > 0);
    writer->depth--;
    ASSERT(writer->levels[writer->depth].left == 0);
    if (writer->encoding == WIRE_JSON)
        buffer_append_u8(writer->out, writer->levels[writer->depth].is_map ? '}' : ']');
}

/* What stands after the backslash for a character that must not stand for itself; 'u' for one
 * without a name of its own; 0 for all others. */
static char json_escape(unsigned char byte)
{
    switch (byte) {
    case '"':
    case '\\':
        return (char)byte;
    case '\b':
        return 'b';
    case '\f':
        return 'f';
    case '\n':
        return 'n';
    case '\r':
        return 'r';
    case '\t':
        return 't';
    default:
        return byte < 0x20 ? 'u' : 0;
    }
}

static void append_escape(struct buffer *out, unsigned char byte, char escape)
{
    static const char hex[] = "0123456789abcdef";
    char text[6] = {'\\', escape, '0', '0', hex[byte >> 4], hex[byte & 15]};
    buffer_append(out, text, escape == 'u' ? 6 : 2);
}

static void append_json_text(struct buffer *out, const char *text, size_t count)
{
    size_t run = 0; /* where the bytes begin that are not yet written */
    for (size_t i = 0; i < count; i++) {
        unsigned char byte = (unsigned char)text[i];
        char escape = json_escape(byte);
        if (escape == 0)
            continue;
        buffer_append(out, text + run, i - run);
        append_escape(out, byte, escape);
        run = i + 1;
    }
    buffer_append(out, text + run, count - run);
}

#define REPLACEMENT "\xEF\xBF\xBD" /* U+FFFD */
#define REPLACEMENT_BYTES (sizeof REPLACEMENT - 1)

/* Every byte that is no UTF-8 becomes U+FFFD. With `out` NULL it only counts what it would write.
 */
static size_t append_repaired(struct buffer *out, bool json, const char *text, size_t count)
{
    size_t written = 0;
    for (size_t at = 0; at < count;) {
        size_t valid = utf8_valid_bytes(text + at, count - at);
        if (out != NULL && json)
            append_json_text(out, text + at, valid);
        else if (out != NULL)
            buffer_append(out, text + at, valid);
        at += valid;
        written += valid;
        if (at == count)
            break;
        if (out != NULL)
            buffer_append(out, REPLACEMENT, REPLACEMENT_BYTES);
        at++;
        written += REPLACEMENT_BYTES;
    }
    return written;
}

/* UTF-8 for sure: one of our own words, or checked by the decoder. */
static void put_checked(struct writer *writer, const char *text, size_t count)
{
    if (writer->encoding == WIRE_JSON) {
        buffer_append_u8(writer->out, '"');
        append_json_text(writer->out, text, count);
        buffer_append_u8(writer->out, '"');
        return;
    }
    msgpack_packer packer = packer_of(writer);
    msgpack_pack_str_with_body(&packer, text, count);
}

static void put_repaired(struct writer *writer, const char *text, size_t count)
{
    if (writer->encoding == WIRE_JSON) {
        buffer_append_u8(writer->out, '"');
        append_repaired(writer->out, true, text, count);
        buffer_append_u8(writer->out, '"');
        return;
    }
    msgpack_packer packer = packer_of(writer);
    msgpack_pack_str(&packer, append_repaired(NULL, false, text, count));
    append_repaired(writer->out, false, text, count);
}

void writer_key(struct writer *writer, const char *key)
{
    ASSERT(writer->depth > 0);
    ASSERT(writer->levels[writer->depth - 1].is_map);
    ASSERT(writer->levels[writer->depth - 1].left % 2 == 0);
    begin_item(writer);
    put_checked(writer, key, strlen(key));
    if (writer->encoding == WIRE_JSON)
        buffer_append_u8(writer->out, ':');
}

void writer_nil(struct writer *writer)
{
    begin_value(writer);
    if (writer->encoding == WIRE_JSON) {
        buffer_append(writer->out, "null", 4);
        return;
    }
    msgpack_packer packer = packer_of(writer);
    msgpack_pack_nil(&packer);
}

void writer_bool(struct writer *writer, bool value)
{
    begin_value(writer);
    if (writer->encoding == WIRE_JSON) {
        buffer_append_text(writer->out, value ? "true" : "false");
        return;
    }
    msgpack_packer packer = packer_of(writer);
    if (value)
        msgpack_pack_true(&packer);
    else
        msgpack_pack_false(&packer);
}

void writer_integer(struct writer *writer, int64_t value)
{
    begin_value(writer);
    if (writer->encoding == WIRE_JSON) {
        char text[NUMBER_BYTES_MAX];
        buffer_append(writer->out, text, number_write_integer(text, value));
        return;
    }
    msgpack_packer packer = packer_of(writer);
    msgpack_pack_int64(&packer, value);
}

void writer_float(struct writer *writer, double value)
{
    ASSERT(isfinite(value));
    begin_value(writer);
    if (writer->encoding == WIRE_JSON) {
        char text[NUMBER_BYTES_MAX];
        buffer_append(writer->out, text, number_write_float(text, value));
        return;
    }
    msgpack_packer packer = packer_of(writer);
    msgpack_pack_double(&packer, value);
}

void writer_digits(struct writer *writer, const char *digits)
{
    ASSERT(writer->encoding == WIRE_JSON);
    begin_value(writer);
    buffer_append_text(writer->out, digits);
}

void writer_text(struct writer *writer, const char *text)
{
    writer_text_bytes(writer, text, strlen(text));
}

void writer_text_bytes(struct writer *writer, const char *text, size_t count)
{
    begin_value(writer);
    if (utf8_valid_bytes(text, count) == count)
        put_checked(writer, text, count);
    else
        put_repaired(writer, text, count);
}

static void put_bin(struct writer *writer, const void *bytes, size_t count)
{
    begin_value(writer);
    msgpack_packer packer = packer_of(writer);
    msgpack_pack_bin(&packer, count);
    buffer_append(writer->out, bytes, count);
}

/* JSON has no bytes: an array of numbers stands for them, as in a column. */
static void write_bytes(struct writer *writer, const char *bytes, size_t count)
{
    if (writer->encoding == WIRE_MSGPACK) {
        put_bin(writer, bytes, count);
        return;
    }
    writer_array(writer, count);
    for (size_t i = 0; i < count; i++)
        writer_integer(writer, (uint8_t)bytes[i]);
    writer_end(writer);
}

static void write_items(struct writer *writer, const struct value *value)
{
    if (value->kind == VALUE_MAP) {
        writer_map(writer, value->count);
        for (size_t i = 0; i < value->count; i++) {
            writer_key(writer, value->as.items[2 * i].as.text);
            writer_value(writer, &value->as.items[2 * i + 1]);
        }
    } else {
        writer_array(writer, value->count);
        for (size_t i = 0; i < value->count; i++)
            writer_value(writer, &value->as.items[i]);
    }
    writer_end(writer);
}

void writer_value(struct writer *writer, const struct value *value)
{
    switch (value->kind) {
    case VALUE_NIL:
        writer_nil(writer);
        return;
    case VALUE_BOOL:
        writer_bool(writer, value->as.boolean);
        return;
    case VALUE_INTEGER:
        writer_integer(writer, value->as.integer);
        return;
    case VALUE_FLOAT:
        writer_float(writer, value->as.number);
        return;
    case VALUE_TEXT:
        writer_text_bytes(writer, value->as.text, value->count);
        return;
    case VALUE_BYTES:
        write_bytes(writer, value->as.text, value->count);
        return;
    case VALUE_ARRAY:
    case VALUE_MAP:
        write_items(writer, value);
        return;
    }
}

void writer_decimal(struct writer *writer, int64_t mantissa)
{
    if (mantissa == DECIMAL_NULL) {
        writer_nil(writer);
        return;
    }
    int exp = decimal_smallest_exp(&mantissa, 1);
    writer_array(writer, 2);
    writer_integer(writer, mantissa / decimal_power(DECIMAL_EXP_MAX - exp));
    writer_integer(writer, exp);
    writer_end(writer);
}

/* Rows of a column as JSON, collected before they are appended. */
struct row_text {
    struct buffer *out;
    size_t used;
    char text[4096];
};

static void row_text_flush(struct row_text *rows)
{
    buffer_append(rows->out, rows->text, rows->used);
    rows->used = 0;
}

/* Every row ends with a comma; the last one is taken back. */
static inline void row_text_add(struct row_text *rows, int64_t number, bool is_null)
{
    if (rows->used + NUMBER_BYTES_MAX > sizeof rows->text)
        row_text_flush(rows);
    if (is_null) {
        memcpy(rows->text + rows->used, "null", 4);
        rows->used += 4;
    } else {
        rows->used += number_write_integer(rows->text + rows->used, number);
    }
    rows->text[rows->used++] = ',';
}

static void add_rows(struct row_text *rows, const struct column *column)
{
    const void *payload = column->payload;
    switch (column->encoding) {
    case COLUMN_U32:
        for (size_t i = 0; i < column->rows; i++)
            row_text_add(rows, ((const uint32_t *)payload)[i], false);
        return;
    case COLUMN_I16:
        for (size_t i = 0; i < column->rows; i++) {
            int16_t offset = ((const int16_t *)payload)[i];
            row_text_add(rows, offset, offset == INT16_MIN);
        }
        return;
    case COLUMN_I32:
        for (size_t i = 0; i < column->rows; i++) {
            int32_t offset = ((const int32_t *)payload)[i];
            row_text_add(rows, offset, offset == INT32_MIN);
        }
        return;
    case COLUMN_I64:
        for (size_t i = 0; i < column->rows; i++) {
            int64_t mantissa = ((const int64_t *)payload)[i];
            row_text_add(rows, mantissa, mantissa == DECIMAL_NULL);
        }
        return;
    case COLUMN_CONST:
        return;
    }
}

static void put_json_rows(struct writer *writer, const struct column *column)
{
    begin_value(writer);
    struct row_text rows;
    rows.out = writer->out;
    rows.used = 1;
    rows.text[0] = '[';
    add_rows(&rows, column);
    if (column->rows > 0)
        rows.used--; /* a flush never comes last, so the last comma is still here */
    rows.text[rows.used++] = ']';
    row_text_flush(&rows);
}

const char *wire_column_name(enum column_encoding encoding)
{
    static const char *const names[COLUMN_ENCODINGS] = {
        [COLUMN_U32] = "u32", [COLUMN_I16] = "i16",     [COLUMN_I32] = "i32",
        [COLUMN_I64] = "i64", [COLUMN_CONST] = "const",
    };
    return names[encoding];
}

/* The items of a column before its payload. */
static void put_column_head(struct writer *writer, const struct column *column)
{
    writer_text(writer, wire_column_name(column->encoding));
    if (column->encoding == COLUMN_CONST && column->base == DECIMAL_NULL)
        writer_nil(writer);
    else if (column->encoding != COLUMN_I64)
        writer_integer(writer, column->base);
    writer_integer(writer, column->encoding == COLUMN_U32 ? column->mul : column->exp);
}

void writer_column(struct writer *writer, const struct column *column)
{
    bool is_short = column->encoding == COLUMN_I64 || column->encoding == COLUMN_CONST;
    writer_array(writer, is_short ? 3 : 4);
    put_column_head(writer, column);
    if (column->encoding != COLUMN_CONST && writer->encoding == WIRE_JSON)
        put_json_rows(writer, column);
    else if (column->encoding != COLUMN_CONST)
        put_bin(writer, column->payload, column->rows * column_row_bytes(column->encoding));
    writer_end(writer);
}

size_t wire_row_bytes(enum wire_encoding wire, enum column_encoding column)
{
    /* With sign and comma; null is no longer than the longest number. */
    static const size_t json_bytes[COLUMN_ENCODINGS] = {
        [COLUMN_U32] = sizeof "4294967295," - 1,
        [COLUMN_I16] = sizeof "-32767," - 1,
        [COLUMN_I32] = sizeof "-2147483647," - 1,
        [COLUMN_I64] = sizeof "-9223372036854775807," - 1,
        [COLUMN_CONST] = 0,
    };
    return wire == WIRE_JSON ? json_bytes[column] : column_row_bytes(column);
}
