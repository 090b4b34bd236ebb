/*
 * Writes one message as msgpack (through msgpack-c) or JSON, by the same calls:
 *
 *   writer_map(&writer, 2);
 *   writer_key(&writer, "ev"), writer_text(&writer, "pong");
 *   writer_key(&writer, "now"), writer_integer(&writer, now);
 *   writer_end(&writer);
 *
 * Maps and arrays are announced with their count, because msgpack wants it first; the count is
 * asserted at writer_end. Overflow of the buffer's limit shows in `buffer->failed`. Owner's
 * thread; never allocates beyond the buffer.
 */
#ifndef TAPEDECK_WIRE_WRITER_H
#define TAPEDECK_WIRE_WRITER_H

#include "base/bytes.h"
#include "market/column.h"
#include "wire/encoding.h"
#include "wire/value.h"

#define WRITER_DEPTH_MAX 16

struct writer {
    struct buffer *out;
    enum wire_encoding encoding;
    int depth;
    struct {
        uint32_t left; /* items still to come; of a map: keys and values */
        bool is_map;
        bool first;
    } levels[WRITER_DEPTH_MAX];
};

void writer_init(struct writer *writer, struct buffer *out, enum wire_encoding encoding);
void writer_map(struct writer *writer, size_t pairs);
void writer_array(struct writer *writer, size_t items);
/* Ends the innermost map or array. */
void writer_end(struct writer *writer);
void writer_key(struct writer *writer, const char *key);
void writer_nil(struct writer *writer);
void writer_bool(struct writer *writer, bool value);
void writer_integer(struct writer *writer, int64_t value);
void writer_float(struct writer *writer, double value);
/* A number as its exact digits ("61800.3"), which must be a JSON number; JSON only. */
void writer_digits(struct writer *writer, const char *digits);
/* What is no UTF-8 in a text (a sentence cut within a character) becomes U+FFFD. */
void writer_text(struct writer *writer, const char *text);
void writer_text_bytes(struct writer *writer, const char *text, size_t count);
/* A decoded value as it came: `pong` returns the fields of `ping`. */
void writer_value(struct writer *writer, const struct value *value);
/* [mantissa, exp], or nil for DECIMAL_NULL; `mantissa` is at exp 8 and gets the smallest exp. */
void writer_decimal(struct writer *writer, int64_t mantissa);
/* A column as section 2 of README.md has it. */
void writer_column(struct writer *writer, const struct column *column);

/* "u32", "i16", … */
const char *wire_column_name(enum column_encoding encoding);
/* Most bytes one row of a column of this encoding can take on the wire, its header apart. */
size_t wire_row_bytes(enum wire_encoding wire, enum column_encoding column);
/* Most bytes the header of a column can take. */
#define WIRE_COLUMN_HEAD_BYTES 64

#endif
