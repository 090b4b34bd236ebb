/*
 * Identifiers as the 16 bytes of a PostgreSQL uuid. Pure; any thread.
 *
 * Venues number their trades or name them by UUID. A number n becomes the UUID whose 128-bit value
 * is n (5266583935 → 00000000-0000-0000-0000-000139e9b17f), so that the venue's id can be read back
 * from the database; a UUID stays what it is.
 */
#ifndef TAPEDECK_INTAKE_UUID_H
#define TAPEDECK_INTAKE_UUID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UUID_BYTES 16

/* Hexadecimal digits in groups of 8-4-4-4-12, either case. */
bool uuid_from_text(const char *text, size_t length, uint8_t uuid[UUID_BYTES]);
/* A decimal number below 2^128 without sign or leading zeros (those could not be read back). */
bool uuid_from_number(const char *text, size_t length, uint8_t uuid[UUID_BYTES]);

#endif
