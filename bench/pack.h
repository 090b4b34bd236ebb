/*
 * As much of msgpack as a client of tapedeck needs: a bounded reader of what the server says, and a
 * writer of requests. Written apart from server/wire, because the load client is also a check on
 * it.
 *
 * Reading goes through base's `struct reader`: anything that is not what was asked for sets
 * `failed`, and every later read returns nothing; check once at the end. Nothing is allocated, a
 * text or bin is borrowed from the message. Pure; any thread.
 */
#ifndef TAPEDECK_BENCH_PACK_H
#define TAPEDECK_BENCH_PACK_H

#include "base/bytes.h"

#include <stdbool.h>
#include <stdint.h>

#define PACK_DEPTH_MAX 16 /* of what is passed over */

enum pack_kind {
    PACK_NONE, /* failed: the end, an extension type, an integer beyond int64_t */
    PACK_NIL,
    PACK_BOOL,
    PACK_INTEGER,
    PACK_FLOAT,
    PACK_TEXT,
    PACK_BIN,
    PACK_ARRAY,
    PACK_MAP,
};

struct pack_item {
    enum pack_kind kind;
    int64_t integer;      /* of an integer; 0 or 1 of a bool */
    size_t count;         /* bytes of a text or bin, items of an array, pairs of a map */
    const uint8_t *bytes; /* of a text or bin */
};

/* The next item; the items of an array and the pairs of a map follow it. */
struct pack_item pack_take(struct reader *reader);

/* One item of one kind; failed, and 0 or empty, when it is another. */
int64_t pack_take_integer(struct reader *reader);
size_t pack_take_array(struct reader *reader);
size_t pack_take_map(struct reader *reader);
struct pack_item pack_take_text(struct reader *reader);
/* Passes over one item with everything in it. */
void pack_skip(struct reader *reader);
/* Whether a text is this one. */
bool pack_is(const struct pack_item *item, const char *text);

void pack_map(struct buffer *out, size_t pairs);   /* up to 15 */
void pack_array(struct buffer *out, size_t items); /* up to 65 535 */
void pack_text(struct buffer *out, const char *text);
void pack_integer(struct buffer *out, int64_t value);
void pack_float(struct buffer *out, double value);
void pack_bool(struct buffer *out, bool value);

#endif
