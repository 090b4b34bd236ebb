/*
 * The bytes of a file as they were before somebody compressed it: plain, gzip (any number of
 * members) or zstd (any number of frames), told apart by their first bytes and never by a name.
 *
 * Owns the file descriptor and the decompressor; borrows memory given to unpack_open_memory until
 * unpack_destroy. Never guesses: what is cut short or damaged is an error that says where, and
 * archives (zip, 7z) and other compressions are refused by name. One owner thread.
 */
#ifndef TAPEDECK_INTAKE_UNPACK_H
#define TAPEDECK_INTAKE_UNPACK_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

enum packing { PACKING_NONE, PACKING_GZIP, PACKING_ZSTD };

struct unpack;

/* Must be a regular file, as it is read more than once. STATUS_NOT_FOUND, STATUS_FORBIDDEN,
 * STATUS_UNAVAILABLE (reading fails), STATUS_INVALID (neither of the three). */
enum status unpack_open(const char *path, struct unpack **unpack, struct error *error) MUST_CHECK;
enum status unpack_open_memory(const void *bytes, size_t count, struct unpack **unpack,
                               struct error *error) MUST_CHECK;
void unpack_destroy(struct unpack **unpack);

/* 1 … room_bytes bytes into `room`, or STATUS_END; STATUS_BAD_MESSAGE for damaged data. After an
 * error only unpack_rewind and unpack_destroy are allowed. */
enum status unpack_read(struct unpack *unpack, void *room, size_t room_bytes, size_t *count,
                        struct error *error) MUST_CHECK;
/* Back to the first byte. */
enum status unpack_rewind(struct unpack *unpack, struct error *error) MUST_CHECK;

enum packing unpack_packing(const struct unpack *unpack);
/* Bytes as stored (compressed): consumed so far, and in all when it was opened. */
uint64_t unpack_read_bytes(const struct unpack *unpack);
uint64_t unpack_total_bytes(const struct unpack *unpack);

#endif
