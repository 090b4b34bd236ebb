/*
 * The head of every request, and readers for its fields. Each reader checks kind and bounds and
 * otherwise says which field is wrong, what it is and what would be right:
 * "fps is 500; it must be an integer from 1 to 240".
 *
 * `request_*` readers with a default leave the output at it when the field is absent or nil.
 * Owner's thread; everything borrowed from the decoder.
 */
#ifndef TAPEDECK_WIRE_REQUEST_H
#define TAPEDECK_WIRE_REQUEST_H

#include "wire/value.h"

struct request {
    const char *op;
    bool has_req;
    int64_t req; /* 0 … WIRE_REQ_MAX */
    const struct value *map;
};

/* op and req of a message. STATUS_BAD_MESSAGE when op is missing or no text; STATUS_INVALID when
 * req is no unsigned integer ≤ 2^53−1. `request->has_req` is set as far as it could be read. */
enum status request_read(const struct value *map, struct request *request,
                         struct error *error) MUST_CHECK;

bool request_has(const struct request *request, const char *key);
/* Ids: unsigned integers ≤ 2^53−1, required. */
enum status request_id(const struct request *request, uint64_t *id, struct error *error) MUST_CHECK;
enum status request_integer(const struct request *request, const char *key, int64_t least,
                            int64_t most, int64_t *value, struct error *error) MUST_CHECK;
enum status request_bool(const struct request *request, const char *key, bool *value,
                         struct error *error) MUST_CHECK;
/* A text of 1 … most bytes; NULL stays when absent. */
enum status request_text(const struct request *request, const char *key, size_t most,
                         const char **text, struct error *error) MUST_CHECK;
/* Integer microseconds or an RFC 3339 text. */
enum status request_time(const struct request *request, const char *key, int64_t *time,
                         struct error *error) MUST_CHECK;
/* One of `count` texts: its index. */
enum status request_choice(const struct request *request, const char *key,
                           const char *const *choices, size_t count, size_t *choice,
                           struct error *error) MUST_CHECK;
/* A list of column encodings as bits (COLUMN_ENCODING_BIT); I64 is always in it. Names we do not
 * know are ignored: a newer client may list them. */
enum status request_encodings(const struct request *request, unsigned *encodings,
                              struct error *error) MUST_CHECK;

#endif
