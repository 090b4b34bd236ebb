/*
 * The policies of tapedeck's own tables as they are declared in tapedeck.yaml:
 *
 *   policies:
 *     tick_data: {chunk: 1d, compress_after: 30d, drop_after: 90d}
 *     candle_1m: {start_offset: 60d, end_offset: 1m, refresh_every: 1m}
 *     database: {sample_at: "03:00"}
 *
 * One table names every setting once. What is not declared has its default, which is what the
 * migrations of the database's engine install. Whether the values go together is the database's
 * affair (tapedeck.policies_refusals()); here each is read by itself. Pure. Main thread.
 */
#ifndef TAPEDECK_APP_DECLARED_POLICIES_H
#define TAPEDECK_APP_DECLARED_POLICIES_H

#include "base/bytes.h"
#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

#define DECLARED_SECTION "policies" /* its key in the file */
#define DECLARED_SETTINGS_MAX 32
#define DECLARED_TARGETS_MAX 8
#define DECLARED_KEYS_MAX 8 /* of one target */
#define DECLARED_JSON_BYTES_MAX (1 << 16)

enum declared_type {
    DECLARED_LENGTH,          /* of time */
    DECLARED_LENGTH_OR_NEVER, /* "never": there is no such policy */
    DECLARED_TIME_OF_DAY,     /* "03:00", UTC */
};

struct declared_setting {
    const char *target; /* "tick_data"; rows of one target follow each other */
    const char *key;    /* "drop_after" */
    enum declared_type type;
    const char *standard; /* with TimescaleDB */
    const char *plain;    /* without; NULL: that engine has nothing of the kind */
    int64_t min_us;
    int64_t max_us;
    const char *help;
};

const struct declared_setting *declared_settings(size_t *count);
/* NULL: there is none. */
const struct declared_setting *declared_setting_find(const char *target, const char *key);

struct declared_value {
    bool is_given; /* else the default counts */
    bool is_never;
    int64_t us; /* a length, or since midnight */
    unsigned line;
};

/* In the table's order. */
struct declared_policies {
    struct declared_value of[DECLARED_SETTINGS_MAX];
};

/* Reads "90d", "never", "03:00" or "default". STATUS_INVALID: what was expected. */
enum status declared_value_read(const struct declared_setting *setting, const char *text,
                                struct declared_value *value, struct error *error) MUST_CHECK;

/* Whether anything stands in the file. */
bool declared_policies_are_given(const struct declared_policies *policies);

/* The section as YAML, with comments at the column that say where each value is from. */
void declared_policies_print(const struct declared_policies *policies, const char *file,
                             size_t comment_column, struct buffer *out);

/* What the routines of sql/ take: an array of {target, setting, value, source}, defaults and all.
 * `file` is where the values were declared; NULL: nowhere. */
void declared_policies_json(const struct declared_policies *policies, const char *file,
                            bool is_plain, struct buffer *out);

#endif
