/*
 * tapedeck table …: any table of the database as a hypertable, with policies, aggregates, chunks,
 * and questions to it. The options, which main.c puts into the table of subcommands, and what is
 * done: a routine of sql/ each (80 … 85), whose answer is printed. Constant; main thread.
 */
#ifndef TAPEDECK_APP_TABLE_H
#define TAPEDECK_APP_TABLE_H

#include "app/options.h"

/* Of all of them; each has some. Times are TABLE_ANY where they were not given. */
struct table_values {
    bool json;
    bool yes;
    bool off;
    bool migrate_data;
    int64_t from;
    int64_t to;
    int64_t before;
    int64_t bucket_us; /* 0: not given; the other durations too */
    int64_t chunk_us;
    int64_t drop_after_us;
    int64_t after_us;
    int64_t refresh_us;
    int64_t limit;
    const char *time;
    const char *value;
    const char *price;
    const char *volume;
    const char *symbol_column;
    const char *symbol;
    const char *order;
    const char *source;
    const char *group_by;
    const char *segment_by;
    const char *order_by;
    const char *select;
    struct option_list percentiles;
};

#define TABLE_ANY INT64_MIN

extern const struct table_values table_defaults;

/* Arrays of a known size, so that main.c can count them. */
extern const struct option table_hypertable_options[3];
extern const struct option table_retention_options[2];
extern const struct option table_compression_options[4];
extern const struct option table_aggregate_options[7];
extern const struct option table_chunks_options[3];
extern const struct option table_drop_chunks_options[2];
extern const struct option table_buckets_options[9];
extern const struct option table_ohlcv_options[11];
extern const struct option table_info_options[1];

extern const char table_hypertable_description[];
extern const char table_retention_description[];
extern const char table_compression_description[];
extern const char table_aggregate_description[];
extern const char table_chunks_description[];
extern const char table_drop_chunks_description[];
extern const char table_buckets_description[];
extern const char table_ohlcv_description[];
extern const char table_info_description[];

/* 0 done, 1 failed or refused, 2 an option is missing. */
typedef int table_run_fn(const struct configuration *configuration,
                         const struct invocation *invocation);
table_run_fn table_hypertable_run;
table_run_fn table_retention_run;
table_run_fn table_compression_run;
table_run_fn table_aggregate_run;
table_run_fn table_chunks_run;
table_run_fn table_drop_chunks_run;
table_run_fn table_buckets_run;
table_run_fn table_ohlcv_run;
table_run_fn table_info_run;

/* What is the same in the entries of all of them. */
#define TABLE_SUBCOMMAND(word)                                                                     \
    .options = table_##word##_options,                                                             \
    .option_count = sizeof table_##word##_options / sizeof table_##word##_options[0],              \
    .values_bytes = sizeof(struct table_values), .defaults = &table_defaults,                      \
    .uses = SETTING_OF_DATABASE | SETTING_OF_ALL, .description = table_##word##_description,       \
    .run = table_##word##_run

#endif
