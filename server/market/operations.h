/*
 * The asynchronous interface to what the database says about itself: how much it holds, and what
 * its background jobs do. `store/` implements it with a thread and a connection of its own, apart
 * from those of source.h, so that a slow or failing statistics query never delays a frame.
 *
 * Requests are as in source.h: allocated by the requester, at one address until their letter has
 * been delivered, exactly once, and never refused: a dead database answers STATUS_UNAVAILABLE.
 * They are answered one after the other. What an answer points to is the requester's: it frees it.
 * Times are µs since the Unix epoch, UTC; TIME_NONE where there is none.
 */
#ifndef TAPEDECK_MARKET_OPERATIONS_H
#define TAPEDECK_MARKET_OPERATIONS_H

#include "base/inbox.h"
#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TIME_NONE INT64_MIN

/* ---- storage ---- */

struct storage_table {
    char *name; /* as in SQL, without the schema where that is public */
    int64_t rows;
    bool exact; /* false: `rows` is an estimate */
    int64_t bytes;
    bool is_hypertable; /* also of a continuous aggregate, under its own name */
};

struct storage_compression {
    char *table;
    int64_t total_chunks;
    int64_t compressed_chunks;
    int64_t compressed_bytes;   /* of those chunks now */
    int64_t uncompressed_bytes; /* of those chunks before */
    int64_t overdue_chunks;     /* not compressed, though their policy's age is past */
};

struct storage_disk {
    char *path; /* the data folder; NULL: the database is not on this machine */
    int64_t total_bytes;
    int64_t free_bytes; /* for users other than root, as PostgreSQL is */
};

struct storage_report {
    int64_t taken_at;
    int64_t database_bytes;
    struct storage_table *tables; /* sorted: tapedeck's own first, then by name */
    size_t table_count;
    struct storage_compression *compression;
    size_t compression_count;
    struct storage_disk disk;
    double growth_bytes_per_day; /* of the history's samples; NaN: too few of them */
};

struct storage_sample {
    int64_t sampled_at;
    int64_t total_bytes;
    struct storage_table *tables; /* only name and bytes */
    size_t table_count;
};

struct storage_history {
    struct storage_sample *samples; /* newest first */
    size_t sample_count;
};

#define STORAGE_HISTORY_MAX 90

/* ---- policies ---- */

enum policy_kind {
    POLICY_COMPRESSION,
    POLICY_RETENTION,
    POLICY_REFRESH,
    POLICY_SAMPLE,
    POLICY_OTHER,
};
#define POLICY_KINDS 5

enum policy_status { POLICY_NEVER_RAN, POLICY_OK, POLICY_FAILED, POLICY_RUNNING };

struct policy {
    int32_t job_id;
    enum policy_kind kind;
    char *target; /* a table, a continuous aggregate, "database", or a procedure */
    char *config; /* JSON, an object */
    double schedule_interval_s;
    bool enabled;
    int64_t last_run_at;
    enum policy_status last_status;
    double last_duration_ms; /* NaN: not known */
    char *last_error;        /* NULL unless the last run failed */
    int64_t next_run_at;
    int64_t total_runs;
    int64_t total_failures;
};

struct aggregate {
    char *view;
    int64_t watermark; /* TIME_NONE: nothing has been stored yet */
    double lag_s; /* of finished buckets that may hold ticks; NaN: not known; < 0: in the future */
};

struct policies_report {
    int64_t taken_at;
    struct policy *policies; /* by job_id */
    size_t policy_count;
    struct aggregate *aggregates;
    size_t aggregate_count;
    char **findings; /* what is wrong with how the policies fit together, a sentence each */
    size_t finding_count;
};

enum policy_action { POLICY_RUN, POLICY_PAUSE, POLICY_RESUME };

/* All may be NULL, and are NULL afterwards. */
void storage_report_free(struct storage_report **report);
void storage_history_free(struct storage_history **history);
void policies_report_free(struct policies_report **report);

/* "compression", "retention", "refresh", "sample", "other". */
const char *policy_kind_name(enum policy_kind kind);
/* POLICY_OTHER for a name of none. */
enum policy_kind policy_kind_of(const char *name);
/* "ok", "failed", "running"; NULL: it never ran. */
const char *policy_status_name(enum policy_status status);
/* POLICY_NEVER_RAN for NULL or a name of none. */
enum policy_status policy_status_of(const char *name);

/* ---- requests ---- */

/* What they have in common. The answer is posted to `inbox` as `letter`. */
struct operations_request {
    struct letter letter;
    struct inbox *inbox;
    struct list node; /* the implementation's queue */
    enum status status;
    struct error error;
};

struct storage_request {
    struct operations_request request;
    struct storage_report *report; /* STATUS_OK only */
};

struct storage_history_request {
    struct operations_request request;
    size_t limit; /* 1 … STORAGE_HISTORY_MAX */
    struct storage_history *history;
};

struct policies_request {
    struct operations_request request;
    struct policies_report *report;
};

/* STATUS_NOT_FOUND: there is no such job; STATUS_CONFLICT: it is paused (run), or would endanger
 * candles (resume). */
struct policy_action_request {
    struct operations_request request;
    enum policy_action action;
    int32_t job_id;
};

struct operations;

struct operations_ops {
    void (*storage)(struct operations *operations, struct storage_request *request);
    void (*history)(struct operations *operations, struct storage_history_request *request);
    void (*policies)(struct operations *operations, struct policies_request *request);
    void (*act)(struct operations *operations, struct policy_action_request *request);
};

/* Embedded first in every implementation. Any thread. */
struct operations {
    const struct operations_ops *ops;
};

static inline void operations_storage(struct operations *operations,
                                      struct storage_request *request)
{
    operations->ops->storage(operations, request);
}

static inline void operations_history(struct operations *operations,
                                      struct storage_history_request *request)
{
    operations->ops->history(operations, request);
}

static inline void operations_policies(struct operations *operations,
                                       struct policies_request *request)
{
    operations->ops->policies(operations, request);
}

static inline void operations_act(struct operations *operations,
                                  struct policy_action_request *request)
{
    operations->ops->act(operations, request);
}

#endif
