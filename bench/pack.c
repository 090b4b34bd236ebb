#include "bench/pack.h"

#include "base/assert.h"

#include <string.h>

static struct pack_item fail(struct reader *reader)
{
    reader->failed = true;
    return (struct pack_item){.kind = PACK_NONE};
}

static struct pack_item checked(struct reader *reader, struct pack_item item)
{
    return reader->failed ? fail(reader) : item;
}

static struct pack_item integer(struct reader *reader, int64_t value)
{
    return checked(reader, (struct pack_item){.kind = PACK_INTEGER, .integer = value});
}

static struct pack_item bytes(struct reader *reader, enum pack_kind kind, size_t count)
{
    const uint8_t *at = reader_take(reader, count);
    return checked(reader, (struct pack_item){.kind = kind, .count = count, .bytes = at});
}

/* Every item takes a byte at least, so a count beyond what is left is a lie. */
static struct pack_item items(struct reader *reader, enum pack_kind kind, size_t count)
{
    size_t least_bytes = kind == PACK_MAP ? 2 * count : count;
    if (least_bytes > reader_left(reader))
        return fail(reader);
    return checked(reader, (struct pack_item){.kind = kind, .count = count});
}

static struct pack_item take_unsigned(struct reader *reader)
{
    uint64_t value = reader_u64_be(reader);
    return value <= INT64_MAX ? integer(reader, (int64_t)value) : fail(reader);
}

static struct pack_item skip_float(struct reader *reader, size_t count)
{
    (void)reader_take(reader, count);
    return checked(reader, (struct pack_item){.kind = PACK_FLOAT});
}

/* The first bytes from 0xc0 to 0xdf: https://github.com/msgpack/msgpack/blob/master/spec.md */
static struct pack_item take_long(struct reader *reader, uint8_t first)
{
    switch (first) {
    case 0xc0:
        return (struct pack_item){.kind = PACK_NIL};
    case 0xc2:
    case 0xc3:
        return (struct pack_item){.kind = PACK_BOOL, .integer = first & 1};
    case 0xc4:
        return bytes(reader, PACK_BIN, reader_u8(reader));
    case 0xc5:
        return bytes(reader, PACK_BIN, reader_u16_be(reader));
    case 0xc6:
        return bytes(reader, PACK_BIN, reader_u32_be(reader));
    case 0xca:
        return skip_float(reader, 4);
    case 0xcb:
        return skip_float(reader, 8);
    case 0xcc:
        return integer(reader, reader_u8(reader));
    case 0xcd:
        return integer(reader, reader_u16_be(reader));
    case 0xce:
        return integer(reader, reader_u32_be(reader));
    case 0xcf:
        return take_unsigned(reader);
    case 0xd0:
        return integer(reader, (int8_t)reader_u8(reader));
    case 0xd1:
        return integer(reader, (int16_t)reader_u16_be(reader));
    case 0xd2:
        return integer(reader, (int32_t)reader_u32_be(reader));
    case 0xd3:
        return integer(reader, (int64_t)reader_u64_be(reader));
    case 0xd9:
        return bytes(reader, PACK_TEXT, reader_u8(reader));
    case 0xda:
        return bytes(reader, PACK_TEXT, reader_u16_be(reader));
    case 0xdb:
        return bytes(reader, PACK_TEXT, reader_u32_be(reader));
    case 0xdc:
        return items(reader, PACK_ARRAY, reader_u16_be(reader));
    case 0xdd:
        return items(reader, PACK_ARRAY, reader_u32_be(reader));
    case 0xde:
        return items(reader, PACK_MAP, reader_u16_be(reader));
    case 0xdf:
        return items(reader, PACK_MAP, reader_u32_be(reader));
    default: /* never used, and extension types */
        return fail(reader);
    }
}

struct pack_item pack_take(struct reader *reader)
{
    uint8_t first = reader_u8(reader);
    if (reader->failed)
        return fail(reader);
    if (first < 0x80)
        return integer(reader, first);
    if (first < 0x90)
        return items(reader, PACK_MAP, first & 0x0f);
    if (first < 0xa0)
        return items(reader, PACK_ARRAY, first & 0x0f);
    if (first < 0xc0)
        return bytes(reader, PACK_TEXT, first & 0x1f);
    if (first >= 0xe0)
        return integer(reader, (int8_t)first);
    return take_long(reader, first);
}

static struct pack_item take_kind(struct reader *reader, enum pack_kind kind)
{
    struct pack_item item = pack_take(reader);
    return item.kind == kind ? item : fail(reader);
}

int64_t pack_take_integer(struct reader *reader)
{
    return take_kind(reader, PACK_INTEGER).integer;
}

size_t pack_take_array(struct reader *reader)
{
    return take_kind(reader, PACK_ARRAY).count;
}

size_t pack_take_map(struct reader *reader)
{
    return take_kind(reader, PACK_MAP).count;
}

struct pack_item pack_take_text(struct reader *reader)
{
    return take_kind(reader, PACK_TEXT);
}

void pack_skip(struct reader *reader)
{
    size_t left[PACK_DEPTH_MAX + 1] = {1}; /* items still to pass over, by depth */
    size_t depth = 0;
    while (!reader->failed) {
        while (left[depth] == 0) {
            if (depth-- == 0)
                return;
        }
        left[depth]--;
        struct pack_item item = pack_take(reader);
        if (item.kind != PACK_ARRAY && item.kind != PACK_MAP)
            continue;
        if (depth == PACK_DEPTH_MAX) {
            reader->failed = true;
            return;
        }
        left[++depth] = item.kind == PACK_MAP ? 2 * item.count : item.count;
    }
}

bool pack_is(const struct pack_item *item, const char *text)
{
    size_t count = strlen(text);
    return item->kind == PACK_TEXT && item->count == count && memcmp(item->bytes, text, count) == 0;
}

/* ---- writing ---- */

void pack_map(struct buffer *out, size_t pairs)
{
    ASSERT(pairs <= 15);
    buffer_append_u8(out, (uint8_t)(0x80 | pairs));
}

void pack_array(struct buffer *out, size_t count)
{
    ASSERT(count <= UINT16_MAX);
    buffer_append_u8(out, 0xdc);
    buffer_append_u16_be(out, (uint16_t)count);
}

void pack_text(struct buffer *out, const char *text)
{
    size_t count = strlen(text);
    ASSERT(count <= UINT16_MAX);
    buffer_append_u8(out, 0xda);
    buffer_append_u16_be(out, (uint16_t)count);
    buffer_append(out, text, count);
}

void pack_integer(struct buffer *out, int64_t value)
{
    buffer_append_u8(out, 0xd3);
    buffer_append_u64_be(out, (uint64_t)value);
}

void pack_float(struct buffer *out, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    buffer_append_u8(out, 0xcb);
    buffer_append_u64_be(out, bits);
}

void pack_bool(struct buffer *out, bool value)
{
    buffer_append_u8(out, value ? 0xc3 : 0xc2);
}
