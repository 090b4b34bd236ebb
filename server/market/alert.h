/*
 * Something about the database that a person should look at: what, how bad, since when. Whether
 * there is one is decided in live/alerts.h. Pure functions; any thread.
 */
#ifndef TAPEDECK_MARKET_ALERT_H
#define TAPEDECK_MARKET_ALERT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum alert_kind {
    ALERT_DISK,           /* "disk": the disk of the database fills up */
    ALERT_POLICY_FAILED,  /* "policy_failed": its last run failed */
    ALERT_POLICY_OVERDUE, /* "policy_overdue": it should have run, and did not */
    ALERT_LAG,            /* "aggregate_lag": candles are not stored as they should be */
    ALERT_FUTURE,         /* "aggregate_future": new candles are hidden */
    ALERT_FINDING,        /* "finding": policies that endanger data together */
    ALERT_UNCOMPRESSED,   /* "uncompressed": chunks past the age of their policy */
};
#define ALERT_KINDS 7

enum alert_severity { ALERT_WARNING, ALERT_CRITICAL };
#define ALERT_SEVERITIES 2

/* There is at most one of a kind and subject at a time. It is the same as one before if these two
 * are; findings are numbered as they come, so they are known by their message. */
struct alert {
    enum alert_kind kind;
    char *subject; /* "/srv/data", "job 1001", "candle_1m", … */
    enum alert_severity severity;
    char *message; /* a sentence; its figures may change while the alert stays */
    int64_t since; /* µs since the Unix epoch */
};

/* "disk", "policy_failed", …; "warning", "critical". */
const char *alert_kind_name(enum alert_kind kind);
const char *alert_severity_name(enum alert_severity severity);
bool alert_is_same(const struct alert *one, const struct alert *other);

#endif
