/*
 * What decoder.c, decoder_msgpack.c and decoder_json.c share; nobody else includes it.
 *
 * The arena is sized by the longest message: a byte of it makes at most one value, and a text of n
 * bytes takes at least n + 1 of them, which is its room here, NUL included. So nothing in a message
 * of WIRE_MESSAGE_BYTES_MAX bytes can overflow it, whatever counts it announces.
 */
#ifndef TAPEDECK_WIRE_DECODER_INNER_H
#define TAPEDECK_WIRE_DECODER_INNER_H

#include "wire/codes.h"
#include "wire/value.h"

#define DECODER_VALUES_MAX WIRE_MESSAGE_BYTES_MAX
#define DECODER_PAIRS_MAX (WIRE_MESSAGE_BYTES_MAX / 2) /* the root's own byte makes it one less */

struct decoder {
    size_t value_count;
    size_t text_bytes;
    uint16_t close_code; /* of the refusal, as is the sentence */
    struct error *error;
    struct value values[DECODER_VALUES_MAX];
    char texts[WIRE_MESSAGE_BYTES_MAX];
    uint16_t order[DECODER_PAIRS_MAX]; /* scratch: a map's pairs sorted by key */
};

/* `count` values in a row, still to be filled. */
struct value *decoder_take_values(struct decoder *decoder, size_t count);
/* A copy with a NUL after it. */
const char *decoder_take_text(struct decoder *decoder, const void *bytes, size_t count);
/* Notes the sentence and the close code; returns STATUS_BAD_MESSAGE. */
enum status decoder_refuse(struct decoder *decoder, uint16_t close_code, const char *format, ...)
    PRINTF_LIKE(3, 4);

/* A text of the message, copied. Refused when it is not UTF-8 or holds U+0000. */
enum status decoder_read_text(struct decoder *decoder, const void *bytes, size_t count,
                              struct value *value) MUST_CHECK;
/* An integer when it is one; refused when it is not finite. */
enum status decoder_read_float(struct decoder *decoder, double number,
                               struct value *value) MUST_CHECK;

/* The one value that is the whole message. */
enum status decode_msgpack(struct decoder *decoder, const uint8_t *bytes, size_t count,
                           struct value *root) MUST_CHECK;
enum status decode_json(struct decoder *decoder, const uint8_t *bytes, size_t count,
                        struct value *root) MUST_CHECK;

#endif
