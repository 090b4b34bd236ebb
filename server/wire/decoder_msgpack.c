/*
 * A bounded cursor over a client's msgpack (github.com/msgpack/msgpack/blob/master/spec.md).
 *
 * A container announces how many items will come, each of which takes a byte at least. `owed`
 * counts the items announced and not yet begun; nothing is taken or reserved unless the bytes left
 * cover it and all that is owed. So a count that lies is found before anything is done about it,
 * and the values of a message never outnumber its bytes.
 */
#include "wire/decoder_inner.h"

#include "base/assert.h"
#include "base/bytes.h"

#include <string.h>

struct cursor {
    struct reader in;
    const uint8_t *start;
    size_t owed;
    struct decoder *decoder;
};

static size_t bytes_free(const struct cursor *cursor)
{
    size_t left = reader_left(&cursor->in);
    ASSERT(cursor->owed <= left);
    return left - cursor->owed;
}

static size_t position(const struct cursor *cursor)
{
    return (size_t)(cursor->in.at - cursor->start);
}

/* Whether `count` bytes can be taken; else says that the message ends too early. */
static enum status check_bytes(struct cursor *cursor, size_t count)
{
    if (count <= bytes_free(cursor))
        return STATUS_OK;
    return decoder_refuse(cursor->decoder, CLOSE_PROTOCOL,
                          "the message is no msgpack: it ends in the middle of a value, at byte "
                          "%zu",
                          position(cursor));
}

/* A length, a count or a number: big-endian, 1, 2, 4 or 8 bytes. */
static enum status read_unsigned(struct cursor *cursor, size_t bytes, uint64_t *value)
{
    enum status status = check_bytes(cursor, bytes);
    if (status != STATUS_OK)
        return status;
    uint64_t read = 0;
    for (size_t i = 0; i < bytes; i++)
        read = read << 8 | reader_u8(&cursor->in);
    *value = read;
    return STATUS_OK;
}

static enum status read_text(struct cursor *cursor, uint64_t count, struct value *value)
{
    enum status status = check_bytes(cursor, count);
    if (status != STATUS_OK)
        return status;
    return decoder_read_text(cursor->decoder, reader_take(&cursor->in, count), count, value);
}

static enum status read_bytes(struct cursor *cursor, uint64_t count, struct value *value)
{
    enum status status = check_bytes(cursor, count);
    if (status != STATUS_OK)
        return status;
    const uint8_t *bytes = reader_take(&cursor->in, count);
    *value = (struct value){.kind = VALUE_BYTES, .count = count};
    value->as.text = decoder_take_text(cursor->decoder, bytes, count);
    return STATUS_OK;
}

static int key_compare(const struct value *pairs, uint16_t a, uint16_t b)
{
    const struct value *left = &pairs[2 * (size_t)a];
    const struct value *right = &pairs[2 * (size_t)b];
    if (left->count != right->count)
        return left->count < right->count ? -1 : 1;
    return memcmp(left->as.text, right->as.text, left->count);
}

/* Lets order[at] sink to its place in the heap of `count`. */
static void heap_sink(uint16_t *order, size_t at, size_t count, const struct value *pairs)
{
    for (size_t child = 2 * at + 1; child < count; child = 2 * at + 1) {
        if (child + 1 < count && key_compare(pairs, order[child], order[child + 1]) < 0)
            child++;
        if (key_compare(pairs, order[at], order[child]) >= 0)
            return;
        uint16_t sunk = order[at];
        order[at] = order[child];
        order[child] = sunk;
        at = child;
    }
}

/* Sorts, because thousands of keys compared each with each would take a peer's 16 KiB to hold a
 * lane for 10 ms; a heap, because it needs no memory. */
static void sort_by_key(uint16_t *order, size_t count, const struct value *pairs)
{
    for (size_t i = 0; i < count; i++)
        order[i] = (uint16_t)i;
    for (size_t i = count / 2; i > 0; i--)
        heap_sink(order, i - 1, count, pairs);
    for (size_t last = count; last-- > 1;) {
        uint16_t greatest = order[0];
        order[0] = order[last];
        order[last] = greatest;
        heap_sink(order, 0, last, pairs);
    }
}

static enum status check_keys(struct decoder *decoder, const struct value *pairs, size_t count)
{
    ASSERT(count <= DECODER_PAIRS_MAX);
    for (size_t i = 0; i < count; i++) {
        if (pairs[2 * i].kind != VALUE_TEXT)
            return decoder_refuse(decoder, CLOSE_PROTOCOL,
                                  "a key of a map is %s; keys must be texts",
                                  value_kind_name(&pairs[2 * i]));
    }
    sort_by_key(decoder->order, count, pairs);
    for (size_t i = 1; i < count; i++) {
        if (key_compare(pairs, decoder->order[i - 1], decoder->order[i]) == 0)
            return decoder_refuse(decoder, CLOSE_PROTOCOL,
                                  "a map of the message has the key \"%.40s\" twice",
                                  pairs[2 * (size_t)decoder->order[i]].as.text);
    }
    return STATUS_OK;
}

static enum status read_value(struct cursor *cursor, int depth, struct value *value);

/* `depth` is that of the container itself. */
static enum status read_items(struct cursor *cursor, int depth, uint64_t count,
                              const struct value **items)
{
    if (depth > WIRE_DEPTH_MAX)
        return decoder_refuse(cursor->decoder, CLOSE_TOO_BIG,
                              "the message is deeper than %d maps and arrays", WIRE_DEPTH_MAX);
    if (count > bytes_free(cursor))
        return decoder_refuse(cursor->decoder, CLOSE_PROTOCOL,
                              "the message is no msgpack: a map or array before byte %zu announces "
                              "more than the message holds",
                              position(cursor));
    struct value *taken = decoder_take_values(cursor->decoder, count);
    cursor->owed += count;
    for (size_t i = 0; i < count; i++) {
        enum status status = read_value(cursor, depth, &taken[i]);
        if (status != STATUS_OK)
            return status;
    }
    *items = taken;
    return STATUS_OK;
}

static enum status read_array(struct cursor *cursor, int depth, uint64_t count, struct value *value)
{
    const struct value *items = NULL;
    enum status status = read_items(cursor, depth + 1, count, &items);
    if (status == STATUS_OK)
        *value = (struct value){.kind = VALUE_ARRAY, .count = count, .as.items = items};
    return status;
}

static enum status read_map(struct cursor *cursor, int depth, uint64_t pairs, struct value *value)
{
    const struct value *items = NULL;
    enum status status = read_items(cursor, depth + 1, 2 * pairs, &items); /* pairs < 2^32 */
    if (status == STATUS_OK)
        status = check_keys(cursor->decoder, items, pairs);
    if (status == STATUS_OK)
        *value = (struct value){.kind = VALUE_MAP, .count = pairs, .as.items = items};
    return status;
}

static enum status set_integer(struct value *value, int64_t integer)
{
    *value = (struct value){.kind = VALUE_INTEGER, .as.integer = integer};
    return STATUS_OK;
}

static enum status set_bool(struct value *value, bool boolean)
{
    *value = (struct value){.kind = VALUE_BOOL, .as.boolean = boolean};
    return STATUS_OK;
}

static enum status read_uint(struct cursor *cursor, size_t bytes, struct value *value)
{
    uint64_t number = 0;
    enum status status = read_unsigned(cursor, bytes, &number);
    if (status != STATUS_OK)
        return status;
    if (number > INT64_MAX)
        return decoder_read_float(cursor->decoder, (double)number, value);
    return set_integer(value, (int64_t)number);
}

static enum status read_int(struct cursor *cursor, size_t bytes, struct value *value)
{
    uint64_t number = 0;
    enum status status = read_unsigned(cursor, bytes, &number);
    if (status != STATUS_OK)
        return status;
    unsigned unused_bits = 64 - 8 * (unsigned)bytes;
    return set_integer(value, (int64_t)(number << unused_bits) >> unused_bits);
}

static enum status read_float32(struct cursor *cursor, struct value *value)
{
    uint64_t bits = 0;
    enum status status = read_unsigned(cursor, 4, &bits);
    if (status != STATUS_OK)
        return status;
    uint32_t bits32 = (uint32_t)bits;
    float number;
    memcpy(&number, &bits32, sizeof number);
    return decoder_read_float(cursor->decoder, (double)number, value);
}

static enum status read_float64(struct cursor *cursor, struct value *value)
{
    uint64_t bits = 0;
    enum status status = read_unsigned(cursor, 8, &bits);
    if (status != STATUS_OK)
        return status;
    double number;
    memcpy(&number, &bits, sizeof number);
    return decoder_read_float(cursor->decoder, number, value);
}

/* str, bin, array and map whose count follows the lead byte in `bytes` bytes. */
static enum status read_counted(struct cursor *cursor, int depth, uint8_t lead, size_t bytes,
                                struct value *value)
{
    uint64_t count = 0;
    enum status status = read_unsigned(cursor, bytes, &count);
    if (status != STATUS_OK)
        return status;
    if (lead <= 0xc6)
        return read_bytes(cursor, count, value);
    if (lead <= 0xdb)
        return read_text(cursor, count, value);
    if (lead <= 0xdd)
        return read_array(cursor, depth, count, value);
    return read_map(cursor, depth, count, value);
}

/* Lead bytes 0xc0 … 0xdf. */
static enum status read_marked(struct cursor *cursor, int depth, uint8_t lead, struct value *value)
{
    switch (lead) {
    case 0xc0:
        *value = (struct value){.kind = VALUE_NIL};
        return STATUS_OK;
    case 0xc2:
    case 0xc3:
        return set_bool(value, lead == 0xc3);
    case 0xc4: /* bin 8, 16, 32 */
    case 0xc5:
    case 0xc6:
        return read_counted(cursor, depth, lead, (size_t)1 << (lead - 0xc4), value);
    case 0xca:
        return read_float32(cursor, value);
    case 0xcb:
        return read_float64(cursor, value);
    case 0xcc: /* uint 8, 16, 32, 64 */
    case 0xcd:
    case 0xce:
    case 0xcf:
        return read_uint(cursor, (size_t)1 << (lead - 0xcc), value);
    case 0xd0: /* int 8, 16, 32, 64 */
    case 0xd1:
    case 0xd2:
    case 0xd3:
        return read_int(cursor, (size_t)1 << (lead - 0xd0), value);
    case 0xd9: /* str 8, 16, 32 */
    case 0xda:
    case 0xdb:
        return read_counted(cursor, depth, lead, (size_t)1 << (lead - 0xd9), value);
    case 0xdc: /* array 16, 32 */
    case 0xdd:
        return read_counted(cursor, depth, lead, (size_t)2 << (lead - 0xdc), value);
    case 0xde: /* map 16, 32 */
    case 0xdf:
        return read_counted(cursor, depth, lead, (size_t)2 << (lead - 0xde), value);
    case 0xc1:
        return decoder_refuse(cursor->decoder, CLOSE_PROTOCOL,
                              "the message is no msgpack: byte %zu is 0xc1", position(cursor) - 1);
    default: /* 0xc7 … 0xc9, 0xd4 … 0xd8 */
        return decoder_refuse(cursor->decoder, CLOSE_PROTOCOL,
                              "the message holds an extension type at byte %zu; the protocol has "
                              "none",
                              position(cursor) - 1);
    }
}

/* `depth` is that of the container around it. */
static enum status read_value(struct cursor *cursor, int depth, struct value *value)
{
    ASSERT(cursor->owed > 0);
    ASSERT(cursor->owed <= reader_left(&cursor->in));
    cursor->owed--;
    uint8_t lead = reader_u8(&cursor->in);
    if (lead <= 0x7f || lead >= 0xe0)
        return set_integer(value, (int8_t)lead);
    if (lead <= 0x8f)
        return read_map(cursor, depth, lead & 0x0f, value);
    if (lead <= 0x9f)
        return read_array(cursor, depth, lead & 0x0f, value);
    if (lead <= 0xbf)
        return read_text(cursor, lead & 0x1f, value);
    return read_marked(cursor, depth, lead, value);
}

enum status decode_msgpack(struct decoder *decoder, const uint8_t *bytes, size_t count,
                           struct value *root)
{
    ASSERT(count > 0);
    ASSERT(count <= WIRE_MESSAGE_BYTES_MAX);
    struct cursor cursor = {.in = reader_of(bytes, count), .start = bytes, .decoder = decoder};
    cursor.owed = 1;
    enum status status = read_value(&cursor, 0, root);
    if (status == STATUS_OK && reader_left(&cursor.in) > 0)
        return decoder_refuse(decoder, CLOSE_PROTOCOL,
                              "%zu bytes follow the message; it must end with its map",
                              reader_left(&cursor.in));
    return status;
}
