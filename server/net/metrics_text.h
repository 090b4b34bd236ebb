/*
 * Prometheus' text exposition format, version 0.0.4, written into a buffer.
 *
 *   # HELP tapedeck_frames_total What it counts.     metrics_text_family
 *   # TYPE tapedeck_frames_total counter
 *   tapedeck_frames_total{lane="0"} 1200             metrics_text_count
 *   tapedeck_frames_total{lane="1"} 1187
 *
 * A family is begun once, and its samples follow at once. Names are ours, so a wrong one is a bug
 * (ASSERT): counters end in _total, and everything is in seconds or bytes. Values of labels may be
 * anybody's: they are escaped, and what is not UTF-8 in them is replaced. Pure; any thread.
 */
#ifndef TAPEDECK_NET_METRICS_TEXT_H
#define TAPEDECK_NET_METRICS_TEXT_H

#include "base/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define METRICS_TEXT_TYPE "text/plain; version=0.0.4; charset=utf-8"

enum metrics_type { METRICS_COUNTER, METRICS_GAUGE, METRICS_HISTOGRAM };

struct metrics_text {
    struct buffer *out;
    const char *family; /* that was begun last */
    enum metrics_type type;
};

struct metrics_label {
    const char *name;
    const char *value;
};
/* In any number: METRICS_LABELS({"lane", "0"}, {"state", "playing"}). */
#define METRICS_LABELS(...) ((const struct metrics_label[]){__VA_ARGS__, {NULL, NULL}})

/* How often something lay in which bucket. */
struct metrics_buckets {
    const double *bounds;   /* upper ones, inclusive and ascending, without +Inf */
    size_t bound_count;     /* at least 1 */
    const uint64_t *counts; /* of each bucket by itself: bound_count + 1 of them */
    double sum;
};

/* Appends to `out`. */
void metrics_text_init(struct metrics_text *text, struct buffer *out);

/* `help` is a sentence. */
void metrics_text_family(struct metrics_text *text, enum metrics_type type, const char *name,
                         const char *help);
/* A sample of the family, exact; no labels: NULL. */
void metrics_text_count(struct metrics_text *text, const struct metrics_label *labels,
                        uint64_t value);
/* The same for what is no whole number. The shortest text that reads back as the same. */
void metrics_text_number(struct metrics_text *text, const struct metrics_label *labels,
                         double value);
/* All series of a histogram: its buckets, cumulative, _sum and _count. */
void metrics_text_histogram(struct metrics_text *text, const struct metrics_label *labels,
                            const struct metrics_buckets *buckets);

/* A family of one sample without labels. */
void metrics_text_gauge(struct metrics_text *text, const char *name, const char *help,
                        double value);
void metrics_text_counter(struct metrics_text *text, const char *name, const char *help,
                          uint64_t value);

#endif
