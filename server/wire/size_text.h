/*
 * Sizes for people, exactly as PostgreSQL's pg_size_pretty(bigint) prints them: "8192 bytes",
 * "10 kB", "1234 MB". Pure; any thread.
 */
#ifndef TAPEDECK_WIRE_SIZE_TEXT_H
#define TAPEDECK_WIRE_SIZE_TEXT_H

#include <stdint.h>

#define SIZE_TEXT_BYTES 32
struct size_text {
    char text[SIZE_TEXT_BYTES];
};
struct size_text size_format(int64_t bytes);

#endif
