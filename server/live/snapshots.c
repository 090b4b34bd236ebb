#include "live/snapshots.h"

#include "base/mem.h"

struct storage_hold {
    atomic_uint references;
    struct storage_report *report;
};

static struct storage_snapshot *create(struct storage_hold *hold, struct alert_list *alerts)
{
    struct storage_snapshot *snapshot = MEM_NEW(struct storage_snapshot);
    atomic_init(&snapshot->references, 1);
    snapshot->hold = hold;
    snapshot->report = hold->report;
    snapshot->alerts = alert_list_pin(alerts);
    return snapshot;
}

struct storage_snapshot *storage_snapshot_create(struct storage_report *report,
                                                 struct alert_list *alerts)
{
    struct storage_hold *hold = MEM_NEW(struct storage_hold);
    atomic_init(&hold->references, 1);
    hold->report = report;
    return create(hold, alerts);
}

struct storage_snapshot *storage_snapshot_with(const struct storage_snapshot *snapshot,
                                               struct alert_list *alerts)
{
    atomic_fetch_add(&snapshot->hold->references, 1);
    struct storage_snapshot *other = create(snapshot->hold, alerts);
    other->asked_us = snapshot->asked_us;
    return other;
}

static void let_go(struct storage_hold *hold)
{
    if (atomic_fetch_sub(&hold->references, 1) > 1)
        return;
    storage_report_free(&hold->report);
    mem_free(hold);
}

struct storage_snapshot *storage_snapshot_pin(struct storage_snapshot *snapshot)
{
    if (snapshot != NULL)
        atomic_fetch_add(&snapshot->references, 1);
    return snapshot;
}

void storage_snapshot_unpin(struct storage_snapshot **snapshot)
{
    struct storage_snapshot *mine = *snapshot;
    *snapshot = NULL;
    if (mine == NULL || atomic_fetch_sub(&mine->references, 1) > 1)
        return;
    alert_list_unpin(&mine->alerts);
    let_go(mine->hold);
    mem_free(mine);
}

struct policies_snapshot *policies_snapshot_create(struct policies_report *report)
{
    struct policies_snapshot *snapshot = MEM_NEW(struct policies_snapshot);
    atomic_init(&snapshot->references, 1);
    snapshot->report = report;
    return snapshot;
}

struct policies_snapshot *policies_snapshot_pin(struct policies_snapshot *snapshot)
{
    if (snapshot != NULL)
        atomic_fetch_add(&snapshot->references, 1);
    return snapshot;
}

void policies_snapshot_unpin(struct policies_snapshot **snapshot)
{
    struct policies_snapshot *mine = *snapshot;
    *snapshot = NULL;
    if (mine == NULL || atomic_fetch_sub(&mine->references, 1) > 1)
        return;
    policies_report_free(&mine->report);
    mem_free(mine);
}
