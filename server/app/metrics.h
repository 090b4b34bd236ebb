/*
 * The metrics that net/ does not know: the store's, the process's and the allocator's. Each figure
 * is named here once. Called on the lanes' threads; reads what is counted already, so no query and
 * no wait, only short locks.
 */
#ifndef TAPEDECK_APP_METRICS_H
#define TAPEDECK_APP_METRICS_H

#include "net/metrics_text.h"

struct change_feed;
struct pg_source;
struct readiness;
struct scheduler;

/* Borrowed for as long as the server runs. */
struct metrics_parts {
    struct pg_source *source;
    struct scheduler *scheduler;
    struct change_feed *feed;
    struct readiness *readiness;
    const char *engine;
    const char *engine_version;
};

/* An http_metrics_fn; the owner is a struct metrics_parts. */
void metrics_collect(void *owner, struct metrics_text *text);

/* In metrics_process.c: names and units that every Prometheus client library has. */
void metrics_process(struct metrics_text *text);
void metrics_memory(struct metrics_text *text);

#endif
