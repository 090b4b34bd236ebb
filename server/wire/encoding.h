/*
 * The two encodings of one protocol, and the limits of what a client may send.
 */
#ifndef TAPEDECK_WIRE_ENCODING_H
#define TAPEDECK_WIRE_ENCODING_H

#include "base/status.h"

#include <stdint.h>

#define WIRE_PROTOCOL_VERSION 1

enum wire_encoding {
    WIRE_JSON,    /* subprotocol tapedeck.v1.json, and none: text messages */
    WIRE_MSGPACK, /* subprotocol tapedeck.v1.msgpack: binary messages */
};

#define WIRE_MESSAGE_BYTES_MAX 16384 /* of a client's message */
#define WIRE_DEPTH_MAX 8             /* maps and arrays inside each other; the message is 1 */
#define WIRE_FRAME_BYTES (60 * 1024) /* of a replay frame, unless one instant holds more */
#define WIRE_REQ_MAX ((INT64_C(1) << 53) - 1)

#endif
