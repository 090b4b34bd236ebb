/*
 * Which alerts there are, out of what the database says about itself: one pure function, which gets
 * the alerts of before so that `since` stays and what flutters does not ring again and again.
 *
 *   disk              used ≥ disk_percent %; until it is 2 % below. Critical from half way to 100 %
 *   policy_failed     enabled, and its last run failed; until one ends well
 *   policy_overdue    enabled, not running, and planned for more than ALERT_GRACE_US and half its
 *                     interval (at most ALERT_GRACE_US_MOST) ago
 *   aggregate_lag     lag_s > two intervals of its refresh policy + end_offset + ALERT_GRACE_US;
 *                     not while that policy is paused, which somebody wanted
 *   aggregate_future  its watermark lies in the future: ticks before it stay invisible. Critical
 *   finding           of policies_check: ticks or candles would be lost. Critical
 *   uncompressed      chunks are past the age of their policy: any, if it is paused, has failed or
 *                     is overdue; else more than can have come of age since its last run
 *
 * A run that is under way says nothing about how the last one ended: what was said before stays.
 * "Now" is when the reports were taken, by the clock that took them: a report that does not come
 * any more raises nothing and clears nothing.
 */
#ifndef TAPEDECK_LIVE_ALERTS_H
#define TAPEDECK_LIVE_ALERTS_H

#include "market/alert.h"
#include "market/operations.h"

#include <stdatomic.h>

#define ALERT_DISK_PERCENT 80
#define ALERT_DISK_BACK_PERCENT 2
#define ALERT_GRACE_US (5 * 60 * INT64_C(1000000))
#define ALERT_GRACE_US_MOST (6 * 3600 * INT64_C(1000000))
/* Most at a time; what is beyond is not told apart from no alert. */
#define ALERTS_MAX 256

/* Never changes; pinned by reference. */
struct alert_list {
    atomic_uint references;
    size_t count;
    struct alert *alerts;
};

struct alert_thresholds {
    unsigned disk_percent; /* 1 … 100 */
};

/* What there is to judge; either report may be NULL. */
struct alert_reports {
    const struct storage_report *storage;
    const struct policies_report *policies;
};

/* The alerts now, in the order of the reports. `before` may be NULL. */
struct alert_list *alerts_judge(const struct alert_reports *reports,
                                const struct alert_thresholds *thresholds,
                                const struct alert_list *before);
struct alert_list *alert_list_pin(struct alert_list *list);
/* May be NULL, and is NULL afterwards. */
void alert_list_unpin(struct alert_list **list);
/* The same one (alert_is_same), or NULL. */
const struct alert *alert_list_find(const struct alert_list *list, const struct alert *alert);
/* Whether both hold the same alerts with the same severities, whatever their messages say. */
bool alert_lists_agree(const struct alert_list *one, const struct alert_list *other);

#endif
