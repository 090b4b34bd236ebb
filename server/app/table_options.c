/*
 * The options of `tapedeck table …`, and what its help says about each of them.
 */
#include "app/table.h"
#include "market/time.h"

#include <stddef.h>

#define FIELD(field) .offset = offsetof(struct table_values, field)
#define WINDOW_US_MAX (36525 * TIME_DAY_US) /* as tapedeck.table_window() has it */
#define BUCKET_US_MAX (366 * TIME_DAY_US)   /* as tapedeck.interval_any() has it */
#define LIMIT_DEFAULT 1000
#define LIMIT_MAX 1000000

const struct table_values table_defaults = {
    .from = TABLE_ANY,
    .to = TABLE_ANY,
    .before = TABLE_ANY,
    .chunk_us = TIME_DAY_US,
    .limit = LIMIT_DEFAULT,
};

#define TEXT_OPTION(flag, field, what, words)                                                      \
    {                                                                                              \
        .name = (flag), .type = OPTION_TEXT, FIELD(field), .value = (what), .help = (words)        \
    }
#define WINDOW_OPTION(flag, field, words)                                                          \
    {                                                                                              \
        .name = (flag), .type = OPTION_DURATION, FIELD(field), .min = TIME_SECOND_US,              \
        .max = WINDOW_US_MAX, .help = (words)                                                      \
    }
#define BUCKET_OPTION                                                                              \
    {                                                                                              \
        .name = "bucket", .type = OPTION_DURATION, FIELD(bucket_us), .min = TIME_SECOND_US,        \
        .max = BUCKET_US_MAX,                                                                      \
        .help = "width of a bucket, whole seconds up to 366d; buckets are aligned to Monday, "     \
                "2000-01-03, UTC"                                                                  \
    }
#define TIME_OPTION(flag, field, words)                                                            \
    {                                                                                              \
        .name = (flag), .type = OPTION_TIME, FIELD(field), .help = (words)                         \
    }
#define SWITCH_OPTION(flag, field, words)                                                          \
    {                                                                                              \
        .name = (flag), .type = OPTION_SWITCH, FIELD(field), .help = (words)                       \
    }
#define LIMIT_OPTION                                                                               \
    {                                                                                              \
        .name = "limit", .type = OPTION_INTEGER, FIELD(limit), .min = 1, .max = LIMIT_MAX,         \
        .help = "only the newest N rows of the answer (default 1000)"                              \
    }
#define TIME_COLUMN_OPTION                                                                         \
    TEXT_OPTION("time", time, "COLUMN", "the column of times: timestamptz, timestamp or date")
#define FROM_OPTION TIME_OPTION("from", from, "by default everything that is there")
#define TO_OPTION TIME_OPTION("to", to, "only what is before it")
#define JSON_OPTION SWITCH_OPTION("json", json, "a JSON object a line instead of a table")

const struct option table_hypertable_options[] = {
    TIME_COLUMN_OPTION,
    WINDOW_OPTION("chunk", chunk_us, "width of a chunk (default 1d)"),
    SWITCH_OPTION("migrate-data", migrate_data,
                  "move the rows that are there into chunks; locks the table meanwhile"),
};

const char table_hypertable_description[] =
    "Every primary key and unique index must contain the column of times; where one does not, the "
    "refusal says how to change it. A table with rows needs --migrate-data.\n\n"
    "Needs TimescaleDB.";

const struct option table_retention_options[] = {
    WINDOW_OPTION("drop-after", drop_after_us, "drop chunks so long after they end"),
    SWITCH_OPTION("off", off, "drop nothing any more"),
};

const char table_retention_description[] =
    "Refused where a continuous aggregate over the table would lose by it: where its refresh "
    "policy still looks at what would be dropped, has no start, or is missing; and where chunks "
    "of that age are not stored in it yet.\n\n"
    "On plain PostgreSQL the partitions of a table that is partitioned by range of a column of "
    "times are dropped by `tapedeck serve`.";

const struct option table_compression_options[] = {
    WINDOW_OPTION("after", after_us, "compress chunks so long after they end"),
    TEXT_OPTION("segment-by", segment_by, "COLUMN,…",
                "columns whose values keep rows together, such as the symbol"),
    TEXT_OPTION("order-by", order_by, "ORDER",
                "the order within: 'time desc, seq desc'; by default the column of times, newest "
                "first"),
    SWITCH_OPTION("off", off, "compress nothing any more; what is compressed stays so"),
};

const char table_compression_description[] = "Needs TimescaleDB.";

const struct option table_aggregate_options[] = {
    TEXT_OPTION("from", source, "TABLE", "the hypertable it is computed from"),
    BUCKET_OPTION,
    TIME_COLUMN_OPTION,
    TEXT_OPTION("group-by", group_by, "COLUMN,…", "columns beside the bucket, such as the symbol"),
    TEXT_OPTION("select", select, "LIST",
                "what is computed: 'avg(price), max(price) as top, count(*)'"),
    TEXT_OPTION("order", order, "COLUMN",
                "a whole number that decides between rows of one instant, for first and last"),
    WINDOW_OPTION("refresh", refresh_us,
                  "keep buckets of so long ago stored and up to date; without it they are computed "
                  "whenever they are read"),
};

const char table_aggregate_description[] =
    "Makes a continuous aggregate NAME with columns bucket, those of --group-by, and those of "
    "--select: avg(COLUMN), min, max, sum, count, first and last of a column, count(*), each with "
    "`as NAME` if wanted. first and last skip nulls. Rows that are not stored yet are computed "
    "when they are read.\n\n"
    "A --refresh is refused where it would look at what the table's retention drops.\n\n"
    "Needs TimescaleDB.";

const struct option table_chunks_options[] = {FROM_OPTION, TO_OPTION, JSON_OPTION};

const char table_chunks_description[] =
    "The chunks of a hypertable or continuous aggregate, or the partitions of a table that is "
    "partitioned by range of a column of times. Small chunks are counted, the rows of large ones "
    "are an estimate.";

const struct option table_drop_chunks_options[] = {
    TIME_OPTION("before", before, "drop chunks that end at or before it; in the past"),
    SWITCH_OPTION("yes", yes, "do not ask"),
};

const char table_drop_chunks_description[] =
    "Shows which chunks or partitions would go, and asks. Where nobody can be asked, nothing is "
    "dropped without --yes. What was shown is dropped, in one transaction, and nothing else.\n\n"
    "Chunks stay that a continuous aggregate has not stored yet, or that its refresh policy still "
    "looks at, because candles outlive their ticks; the list says so.";

const struct option table_buckets_options[] = {
    BUCKET_OPTION,
    TIME_COLUMN_OPTION,
    TEXT_OPTION("value", value, "COLUMN", "the number whose figures are computed"),
    TEXT_OPTION("group-by", group_by, "COLUMN", "a row for each value of it"),
    FROM_OPTION,
    TO_OPTION,
    {.name = "percentiles",
     .type = OPTION_LIST,
     FIELD(percentiles),
     .value = "N,…",
     .help = "from 0 to 100, such as 50,95,99; interpolated"},
    LIMIT_OPTION,
    JSON_OPTION,
};

const char table_buckets_description[] =
    "Count, average, least, greatest and sum of a column per bucket of time, oldest first. Nulls "
    "count nowhere. Times without a zone are UTC. Views and continuous aggregates can be asked "
    "too.";

const struct option table_ohlcv_options[] = {
    BUCKET_OPTION,
    TIME_COLUMN_OPTION,
    TEXT_OPTION("price", price, "COLUMN", "the price"),
    TEXT_OPTION("volume", volume, "COLUMN", "the volume, which is summed"),
    TEXT_OPTION("symbol-column", symbol_column, "COLUMN", "a candle for each value of it"),
    TEXT_OPTION("symbol", symbol, "NAME", "only of this symbol"),
    TEXT_OPTION("order", order, "COLUMN", "what decides between rows of one instant, such as seq"),
    FROM_OPTION,
    TO_OPTION,
    LIMIT_OPTION,
    JSON_OPTION,
};

const char table_ohlcv_description[] =
    "Open, high, low, close, volume and number of prices per bucket of time, oldest first. Open "
    "and close are exact: the first and the last price by time and --order. Without --order the "
    "price decides between rows of one instant, so that the answer is at least the same every "
    "time.";

const struct option table_info_options[] = {JSON_OPTION};

const char table_info_description[] =
    "Rows, bytes, chunks, compression and policies of one table, or of all of them.";
