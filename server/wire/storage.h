/*
 * How much the database holds.
 *
 *   storage.subscribe {id, every_s?} → storage.snapshot {id, database_size_bytes,
 *     database_size_pretty, timestamp, tables, compression, disk, cache, alerts,
 *     growth_bytes_per_day, days_until_full}, and then pushes of the same
 *   storage.unsubscribe {id} → ok {id}
 *   storage.history {limit?} → storage.history {samples:[{sampled_at, total_bytes, table_sizes}]}
 */
#ifndef TAPEDECK_WIRE_STORAGE_H
#define TAPEDECK_WIRE_STORAGE_H

#include "market/alert.h"
#include "market/operations.h"
#include "wire/request.h"
#include "wire/writer.h"

#define STORAGE_EVERY_S 30
#define STORAGE_EVERY_S_MAX 3600
#define STORAGE_HISTORY_LIMIT 30
#define STORAGE_TABLES_MAX 1000 /* in a message, and per sample; tapedeck's own come first */

struct storage_subscribe {
    uint64_t id;
    unsigned every_s; /* 1 … STORAGE_EVERY_S_MAX */
};
enum status storage_subscribe_read(const struct request *request,
                                   struct storage_subscribe *subscribe,
                                   struct error *error) MUST_CHECK;
/* 1 … STORAGE_HISTORY_MAX. */
enum status storage_history_limit_read(const struct request *request, size_t *limit,
                                       struct error *error) MUST_CHECK;

struct storage_cache {
    int64_t bytes;
    int64_t budget_bytes;
    int64_t blocks;
    int64_t hits;
    int64_t misses;
};

struct storage_message {
    uint64_t id;
    const struct storage_report *report;
    const struct alert *alerts;
    size_t alert_count;
    struct storage_cache cache;
};
/* `request` NULL: a push. */
void storage_snapshot_write(struct writer *writer, const struct request *request,
                            const struct storage_message *message);
void storage_history_write(struct writer *writer, const struct request *request,
                           const struct storage_history *history);

/* ---- shared with HTTP ---- */

/* How times are written: µs since the Unix epoch, or RFC 3339. */
enum wire_times { WIRE_TIMES_US, WIRE_TIMES_TEXT };
/* nil for TIME_NONE. */
void operations_write_time(struct writer *writer, int64_t time, enum wire_times times);
/* nil for what is no number, or without end. */
void operations_write_number(struct writer *writer, double number);

#define STORAGE_PAIRS 10
/* All pairs of a snapshot but ev, re and id. */
void storage_write_pairs(struct writer *writer, const struct storage_message *message,
                         enum wire_times times);
/* How many of so many tables are told. */
size_t storage_tables_told(size_t table_count);
/* One value each: an array, and an object or nil. */
void storage_write_tables(struct writer *writer, const struct storage_report *report);
/* A map by name of table. */
void storage_write_compression(struct writer *writer, const struct storage_report *report);
void storage_write_disk(struct writer *writer, const struct storage_disk *disk);
void storage_write_samples(struct writer *writer, const struct storage_history *history,
                           enum wire_times times);
/* When it will be full if it goes on growing so; NaN: never, or not known. */
double storage_days_until_full(const struct storage_report *report);

#endif
