/*
 * The head of every request, and readers for its fields. Each reader checks kind and bounds and
 * otherwise says which field is wrong, what it is and what would be right:
 * "fps is 500; it must be an integer from 1 to 240".
 *
 * `request_*` readers leave the output as it is when the field is absent or nil (that is how a
 * default is given; `request_need` comes first where there is none), and when they fail.
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

/* Whether the field is there and not nil. */
bool request_has(const struct request *request, const char *key);
/* Sets "KEY is VALUE; it must be EXPECTED", or "KEY is missing; …", and returns `status`: for
 * readers of other files. */
enum status request_refuse(const struct request *request, const char *key, enum status status,
                           struct error *error, const char *expected, ...) PRINTF_LIKE(5, 6);
/* STATUS_INVALID with that sentence when the field is absent or nil. */
enum status request_need(const struct request *request, const char *key, const char *expected,
                         struct error *error) MUST_CHECK;
/* Ids: unsigned integers ≤ 2^53−1, required. */
enum status request_id(const struct request *request, uint64_t *id, struct error *error) MUST_CHECK;
enum status request_integer(const struct request *request, const char *key, int64_t least,
                            int64_t most, int64_t *value, struct error *error) MUST_CHECK;
enum status request_bool(const struct request *request, const char *key, bool *value,
                         struct error *error) MUST_CHECK;
/* A text of 1 … most bytes; NULL stays when absent. */
enum status request_text(const struct request *request, const char *key, size_t most,
                         const char **text, struct error *error) MUST_CHECK;
#define REQUEST_TIME_EXPECTED                                                                      \
    "a time of the years 1 to 9999: integer microseconds since the Unix epoch, or an RFC 3339 "    \
    "text"
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
