#include "app/metrics.h"

#include "app/readiness.h"
#include "base/mem.h"
#include "store/change_feed.h"
#include "store/pg_source.h"
#include "store/scheduler.h"

/* Latencies are told from here on: what is quicker is in the first bucket. */
#define LATENCY_FIRST_BUCKET 6 /* less than 64 µs */
#define LATENCY_BOUNDS (LATENCY_BUCKETS - 1 - LATENCY_FIRST_BUCKET)

static const char *const class_names[POOL_CLASSES] = {
    [POOL_SMALL] = "small", [POOL_URGENT] = "urgent", [POOL_PREFETCH] = "prefetch"};

/* ---- the pool ---- */

static void write_classes(struct metrics_text *text, const char *name, const char *help,
                          const uint64_t figures[POOL_CLASSES])
{
    metrics_text_family(text, METRICS_COUNTER, name, help);
    for (size_t i = 0; i < POOL_CLASSES; i++)
        metrics_text_count(text, METRICS_LABELS({"class", class_names[i]}), figures[i]);
}

static void write_waiting(struct metrics_text *text, const struct pool_statistics *pool)
{
    metrics_text_family(text, METRICS_GAUGE, "tapedeck_pool_queued",
                        "Tasks that wait for a thread.");
    for (size_t i = 0; i < POOL_CLASSES; i++)
        metrics_text_count(text, METRICS_LABELS({"class", class_names[i]}), pool->queued[i]);
    metrics_text_family(text, METRICS_COUNTER, "tapedeck_pool_wait_seconds_total",
                        "From asking to the first run, of all tasks together.");
    for (size_t i = 0; i < POOL_CLASSES; i++)
        metrics_text_number(text, METRICS_LABELS({"class", class_names[i]}),
                            (double)pool->wait_us[i] / 1e6);
}

static void write_pool(struct metrics_text *text, const struct pool_statistics *pool)
{
    metrics_text_gauge(text, "tapedeck_pool_threads", "Threads of the pool.", pool->threads);
    metrics_text_gauge(text, "tapedeck_pool_connections", "Its connections to the database.",
                       pool->connections_open);
    metrics_text_gauge(text, "tapedeck_pool_busy_threads", "Threads that run a task.", pool->busy);
    write_waiting(text, pool);
    write_classes(text, "tapedeck_pool_tasks_total", "Tasks that the pool was asked to do.",
                  pool->tasks);
    write_classes(text, "tapedeck_pool_waits_total", "Of these, had to wait for a thread.",
                  pool->waits);
    metrics_text_counter(text, "tapedeck_pool_runs_total", "Runs of tasks, repeated ones included.",
                         pool->runs);
    metrics_text_counter(text, "tapedeck_pool_retries_total",
                         "Of these, repeated after a failure that passes.", pool->retries);
    metrics_text_counter(text, "tapedeck_pool_cancels_total", "Tasks that were cancelled.",
                         pool->cancels);
    metrics_text_counter(text, "tapedeck_pool_connects_total", "Connections that were opened.",
                         pool->connects);
    metrics_text_counter(text, "tapedeck_pool_reconnects_total",
                         "Of these, in place of one that broke.", pool->reconnects);
    metrics_text_counter(text, "tapedeck_pool_connect_failures_total",
                         "Connections that could not be opened.", pool->connect_failures);
}

/* ---- queries ---- */

/* A whole µs lies in the bucket that it is less than the bound of; so does the time of which it is
 * the whole part, which is why the bounds are exact. */
static void write_latency(struct metrics_text *text, const char *query,
                          const struct latency_statistics *latency)
{
    double bounds[LATENCY_BOUNDS];
    uint64_t counts[LATENCY_BOUNDS + 1] = {0};
    for (unsigned i = 0; i < LATENCY_BUCKETS; i++)
        counts[i > LATENCY_FIRST_BUCKET ? i - LATENCY_FIRST_BUCKET : 0] += latency->counts[i];
    for (unsigned i = 0; i < LATENCY_BOUNDS; i++)
        bounds[i] = (double)latency_bound_us(i + LATENCY_FIRST_BUCKET) / 1e6;
    const struct metrics_buckets buckets = {.bounds = bounds,
                                            .bound_count = LATENCY_BOUNDS,
                                            .counts = counts,
                                            .sum = (double)latency->sum_us / 1e6};
    metrics_text_histogram(text, METRICS_LABELS({"query", query}), &buckets);
}

static void write_source(struct metrics_text *text, struct pg_source *source)
{
    struct pg_source_statistics statistics = pg_source_statistics(source);
    write_pool(text, &statistics.pool);
    metrics_text_counter(text, "tapedeck_loads_total", "Loads of ticks and candles that ended.",
                         statistics.loads);
    metrics_text_counter(text, "tapedeck_load_rows_total", "Rows that loads have brought so far.",
                         statistics.rows);
    metrics_text_counter(text, "tapedeck_load_stretches_total",
                         "Stretches that loads have brought so far.", statistics.stretches);
    metrics_text_family(text, METRICS_HISTOGRAM, "tapedeck_query_seconds",
                        "Runs of queries, from the statement to its end, failed ones included.");
    for (int i = 0; i < PG_SOURCE_QUERIES; i++)
        write_latency(text, pg_source_query_name((enum pg_source_query)i),
                      &statistics.latencies[i]);
}

/* ---- scheduler and change feed ---- */

static void write_scheduler(struct metrics_text *text, struct scheduler *scheduler)
{
    struct scheduler_statistics statistics = scheduler_statistics(scheduler);
    metrics_text_counter(text, "tapedeck_scheduler_rounds_total",
                         "Times the scheduler has looked for work.", statistics.rounds);
    metrics_text_counter(text, "tapedeck_scheduler_failures_total",
                         "Rounds that failed, and connections that could not be opened.",
                         statistics.failures);
    metrics_text_counter(text, "tapedeck_scheduler_healed_total",
                         "Ranges of candles that writers left to refresh.", statistics.healed);
    metrics_text_counter(text, "tapedeck_scheduler_counted_total",
                         "Symbols whose ticks were counted.", statistics.counted);
    metrics_text_counter(text, "tapedeck_scheduler_findings_total",
                         "Times a check found policies that do not fit together.",
                         statistics.findings);
}

static void write_feed(struct metrics_text *text, const struct change_feed *feed)
{
    struct change_feed_statistics statistics = change_feed_statistics(feed);
    metrics_text_gauge(text, "tapedeck_change_feed_listening",
                       "Whether changes of the database are heard: 1 or 0.",
                       statistics.listening ? 1 : 0);
    metrics_text_counter(text, "tapedeck_change_feed_connects_total",
                         "Connections of the change feed.", statistics.connects);
    metrics_text_counter(text, "tapedeck_change_feed_losses_total",
                         "Of these, lost; and those that could not be made.", statistics.losses);
    metrics_text_counter(text, "tapedeck_changes_total",
                         "Changes of stored data that were heard of.", statistics.changes);
    metrics_text_counter(text, "tapedeck_foreign_changes_total",
                         "Of these, by other programs, and not known where.", statistics.foreign);
}

static void write_build(struct metrics_text *text, const struct metrics_parts *parts)
{
    metrics_text_family(text, METRICS_GAUGE, "tapedeck_build_info",
                        "Always 1: the labels tell what runs.");
    metrics_text_count(text,
                       METRICS_LABELS({"version", TAPEDECK_VERSION}, {"engine", parts->engine},
                                      {"engine_version", parts->engine_version},
                                      {"allocator", mem_has_jemalloc() ? "jemalloc" : "libc"}),
                       1);
}

void metrics_collect(void *owner, struct metrics_text *text)
{
    const struct metrics_parts *parts = owner;
    write_build(text, parts);
    metrics_text_gauge(text, "tapedeck_database_up", "Whether the database can be reached: 1 or 0.",
                       readiness_has_database(parts->readiness) ? 1 : 0);
    write_source(text, parts->source);
    write_scheduler(text, parts->scheduler);
    write_feed(text, parts->feed);
    metrics_memory(text);
    metrics_process(text);
}
