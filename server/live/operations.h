/*
 * What the database says about itself, for everybody: asked for once, published as immutable
 * snapshots, so that a thousand subscribers cost one query.
 *
 *   watchers ──▶ how often ──▶ one thread asks `operations` ──▶ alerts, events ──▶ snapshots
 *                                                                                    │
 *   each lane's listener: one letter, whatever it has not looked at yet ◀────────────┘
 *
 * Storage is asked for every LIVE_BASE_S seconds, and as often as the most eager watcher wants it;
 * policies every second while somebody watches them, else every LIVE_BASE_S; at once when somebody
 * knows of news (live_operations_look), but LIVE_LOOKS_PER_S times a second at most. While the
 * database is away the last snapshots stay, and are as old as they say. A failed question is asked
 * again after LIVE_RETRY_S, or its interval if that is shorter.
 *
 * Watching, looking, pinning: any thread. A listener belongs to one thread, its inbox's owner.
 */
#ifndef TAPEDECK_LIVE_OPERATIONS_H
#define TAPEDECK_LIVE_OPERATIONS_H

#include "base/inbox.h"
#include "live/snapshots.h"

#define LIVE_BASE_S 30
#define LIVE_EVERY_S_MAX 3600
#define LIVE_RETRY_S 5
#define LIVE_LOOKS_PER_S 10
#define LIVE_EVENTS_KEPT 128 /* 70 KiB */

struct live_operations;

struct live_operations_options {
    struct alert_thresholds thresholds;
    int64_t second_us; /* how long a second is, for tests; 0: TIME_SECOND_US */
};

/* A run of a policy has ended. */
struct live_policy_event {
    int32_t job_id;
    enum policy_status status; /* POLICY_OK or POLICY_FAILED */
    bool has_error;
    char error[ERROR_TEXT_BYTES];
};

struct live_operations_listener {
    struct letter letter;
    struct inbox *inbox;
    struct list node;
};

struct alert_counts {
    size_t of[ALERT_KINDS][ALERT_SEVERITIES];
};

/* How much it has asked and published since the start. */
struct live_operations_figures {
    uint64_t storage_asked;
    uint64_t storage_failed;
    uint64_t policies_asked;
    uint64_t policies_failed;
    uint64_t events;
};

struct live_operations *live_operations_create(struct operations *operations,
                                               const struct live_operations_options *options);
/* Asks for nothing any more. Call it before `operations` is destroyed … */
void live_operations_stop(struct live_operations *live);
/* … and this after: it waits for the answers that are owed. Nobody listens any more. */
void live_operations_destroy(struct live_operations **live);

/* From now on `deliver` gets the letter of `listener` whenever something has been published. */
void live_operations_listen(struct live_operations *live, struct live_operations_listener *listener,
                            struct inbox *inbox, void (*deliver)(struct letter *letter));
/* No letter will come any more. */
void live_operations_leave(struct live_operations *live, struct live_operations_listener *listener);

/* Somebody wants storage every so many seconds, 1 … LIVE_EVERY_S_MAX; and does not any more. */
void live_storage_watch(struct live_operations *live, unsigned every_s);
void live_storage_unwatch(struct live_operations *live, unsigned every_s);
/* Somebody wants to hear of policies as their runs end; and does not any more. */
void live_policies_watch(struct live_operations *live);
void live_policies_unwatch(struct live_operations *live);

/* Looks at the policies at once: an operator has acted, or the database told that a job has ended.
 * Returns the number of this look, counted from 1. */
uint64_t live_operations_look(struct live_operations *live);

/* The newest one, or NULL before the first. */
struct storage_snapshot *live_storage_pin(struct live_operations *live);
struct policies_snapshot *live_policies_pin(struct live_operations *live);

/* The event of this number, counted from 0; false when it is not kept any more. */
bool live_policies_event(struct live_operations *live, uint64_t number,
                         struct live_policy_event *event);

/* The alerts now, by kind and severity. */
void live_operations_alerts(struct live_operations *live, struct alert_counts *counts);
struct live_operations_figures live_operations_figures(struct live_operations *live);

#endif
