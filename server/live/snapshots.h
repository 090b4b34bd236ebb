/*
 * What is published of the database's state: reports that never change, pinned by reference.
 * Made by live/operations.c; pinned and looked at by any thread.
 */
#ifndef TAPEDECK_LIVE_SNAPSHOTS_H
#define TAPEDECK_LIVE_SNAPSHOTS_H

#include "live/alerts.h"

struct storage_hold;

struct storage_snapshot {
    atomic_uint references;
    uint64_t number;        /* counted from 1 */
    uint64_t alerts_number; /* changes only when an alert comes, goes, or changes its severity */
    int64_t asked_us;       /* monotonic; the same while only the alerts change */
    const struct storage_report *report;
    struct alert_list *alerts;
    struct storage_hold *hold; /* of the report, which several snapshots may share */
};

struct policies_snapshot {
    atomic_uint references;
    uint64_t look;   /* of live_operations_look: it was asked for after that, and all before */
    uint64_t news;   /* changes only when the report says something else than the one before */
    uint64_t events; /* how many there have been, up to it */
    struct policies_report *report;
};

/* Takes the report, and pins the alerts; one reference. */
struct storage_snapshot *storage_snapshot_create(struct storage_report *report,
                                                 struct alert_list *alerts);
/* The same report with other alerts. */
struct storage_snapshot *storage_snapshot_with(const struct storage_snapshot *snapshot,
                                               struct alert_list *alerts);
struct storage_snapshot *storage_snapshot_pin(struct storage_snapshot *snapshot);
/* May be NULL, and is NULL afterwards. */
void storage_snapshot_unpin(struct storage_snapshot **snapshot);

/* Takes the report; one reference. */
struct policies_snapshot *policies_snapshot_create(struct policies_report *report);
struct policies_snapshot *policies_snapshot_pin(struct policies_snapshot *snapshot);
void policies_snapshot_unpin(struct policies_snapshot **snapshot);

#endif
