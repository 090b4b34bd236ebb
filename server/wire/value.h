/*
 * A client's message, decoded: a tree of values in memory of the decoder.
 *
 * The decoder is our own bounded cursor for msgpack (msgpack-c reserves gigabytes for 155 hostile
 * bytes) and jansson for JSON. It refuses what section 1 of README.md calls no message: broken
 * framing, text that is not UTF-8, duplicate keys, keys that are no text, too deep, too long,
 * bytes after the end. It allocates WIRE_DECODER_BYTES, once; jansson's own tree of a JSON message
 * is gone when the call returns. One decoder serves all connections of a lane, because nothing is
 * kept from one message to the next. Owner's thread only.
 */
#ifndef TAPEDECK_WIRE_VALUE_H
#define TAPEDECK_WIRE_VALUE_H

#include "wire/encoding.h"

#include <stdbool.h>
#include <stddef.h>

enum value_kind {
    VALUE_NIL,
    VALUE_BOOL,
    VALUE_INTEGER, /* also a float without fraction within ±2^63 */
    VALUE_FLOAT,   /* finite; also an integer beyond int64_t */
    VALUE_TEXT,
    VALUE_BYTES,
    VALUE_ARRAY,
    VALUE_MAP,
};

struct value {
    enum value_kind kind;
    size_t count; /* bytes of a text, items of an array, pairs of a map */
    union {
        bool boolean;
        int64_t integer;
        double number;
        const char *text;          /* TEXT (NUL-terminated too) and BYTES */
        const struct value *items; /* ARRAY: count values; MAP: count × (key, value) */
    } as;
};

struct decoder; /* reused from message to message */

#define WIRE_DECODER_BYTES                                                                         \
    (26 * WIRE_MESSAGE_BYTES_MAX + 64) /* touched as far as messages need                          \
                                        */

struct decoder *decoder_create(void);
void decoder_destroy(struct decoder **decoder);

/*
 * Decodes one whole message. `root` (always a map) lives until the next call on this decoder.
 * STATUS_BAD_MESSAGE with a sentence when the bytes are no message; `close_code` then is the
 * WebSocket code to close with: 1002, 1007 (text that is not UTF-8) or 1009 (over a limit).
 */
enum status decoder_decode(struct decoder *decoder, enum wire_encoding encoding,
                           const uint8_t *bytes, size_t count, const struct value **root,
                           uint16_t *close_code, struct error *error) MUST_CHECK;

/* The value under `key`, or NULL when the map has none or holds nil there. */
const struct value *value_of(const struct value *map, const char *key);

/* "an integer", "a text", …: for sentences. */
const char *value_kind_name(const struct value *value);

#endif
