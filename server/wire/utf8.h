/*
 * Is it UTF-8? Clients' texts are checked, and what we write is repaired where somebody cut a
 * sentence in the middle of a character: a browser hangs up on a text message that is not UTF-8.
 * Pure; any thread.
 */
#ifndef TAPEDECK_WIRE_UTF8_H
#define TAPEDECK_WIRE_UTF8_H

#include <stddef.h>

/* Bytes of the longest well-formed beginning: `count` when all of it is UTF-8. */
size_t utf8_valid_bytes(const char *text, size_t count);

#endif
