/*
 * The table of messages of messages.json, in parts by what they are about: each part is written and
 * spelled in a file of its own, wire_messages.c joins them and tests all.
 */
#ifndef TAPEDECK_TESTS_WIRE_MESSAGE_PARTS_H
#define TAPEDECK_TESTS_WIRE_MESSAGE_PARTS_H

#include "wire_message_table.h"

#include "market/time.h"

#define T0 INT64_C(1723161255088169)

static const struct request seventh = {.op = "x", .has_req = true, .req = 7};
static const struct request unnumbered = {.op = "x"};

struct message_part {
    const struct message *messages;
    size_t count;
};

extern const struct message_part replay_messages;
extern const struct message_part candles_messages;
extern const struct message_part frame_candles_messages; /* frames of replays with candles */

#endif
