/*
 * One thing that can be configured: its name, type, bounds, default and help. The table is the
 * only place a new setting needs, beside its field in struct configuration. Constant, any thread.
 */
#ifndef TAPEDECK_APP_SETTING_H
#define TAPEDECK_APP_SETTING_H

#include "app/configuration.h"

enum setting_type {
    SETTING_TEXT,     /* const char * */
    SETTING_BOOL,     /* bool; its flag needs no value */
    SETTING_PORT,     /* uint16_t */
    SETTING_COUNT,    /* unsigned */
    SETTING_BYTES,    /* size_t */
    SETTING_DURATION, /* int64_t, µs */
    SETTING_LIST,     /* const char *const *, followed by its size_t count; "a, b" */
    SETTING_LEVEL,    /* enum log_level */
};

/* Whose help a setting is shown in; its flag is understood everywhere. */
enum setting_use {
    SETTING_OF_DATABASE = 1,
    SETTING_OF_SERVER = 2,
    SETTING_OF_WRITERS = 4,
    SETTING_OF_ALL = 8,
    SETTING_OF_KEYS = 16,
};

struct setting {
    const char *key; /* cache_bytes: also TAPEDECK_CACHE_BYTES and --cache-bytes */
    enum setting_type type;
    size_t offset; /* of its field in struct configuration */
    const char *standard;
    int64_t min; /* of numbers, bytes, and microseconds */
    int64_t max;
    bool has_secret;      /* printed masked */
    const char *variable; /* another name in the environment; NULL: none */
    const char *value;    /* what help calls the value: "URL"; NULL: by the type */
    unsigned uses;        /* of setting_use */
    const char *help;
};

const struct setting *settings(size_t *count);
/* NULL: there is none of that name; '-' and '_' are the same. */
const struct setting *setting_find(const char *name, size_t bytes);

struct setting_name {
    char text[64];
};
struct setting_name setting_flag_name(const struct setting *setting); /* "--cache-bytes" */
struct setting_name setting_variable(const struct setting *setting);  /* "TAPEDECK_CACHE_BYTES" */
/* "URL", "N", "SIZE", "DURATION", …: what stands for the value in help. */
const char *setting_value_name(const struct setting *setting);

/* Reads the text into its field. STATUS_INVALID: what was expected. */
enum status setting_store(const struct setting *setting, struct configuration *configuration,
                          const char *text, struct error *error) MUST_CHECK;
/* The value as setting_store would read it again, but for secrets. */
void setting_append(const struct setting *setting, const struct configuration *configuration,
                    struct buffer *out);
/* The texts of a SETTING_LIST. */
const char *const *setting_list(const struct setting *setting,
                                const struct configuration *configuration, size_t *count);
/* Frees what the field owns. */
void setting_clear(const struct setting *setting, struct configuration *configuration);

#endif
