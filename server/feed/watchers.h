/*
 * Who on a lane watches which symbol: changes of stored ticks, handed to those they concern.
 *
 *   live/changes ──letter──▶ the lane ──▶ watchers of the symbol
 *
 * The lane listens only while somebody watches. Lane's thread.
 */
#ifndef TAPEDECK_FEED_WATCHERS_H
#define TAPEDECK_FEED_WATCHERS_H

#include "live/changes.h"

#define WATCHERS_BUCKETS 256

struct watchers {
    struct live_changes *changes; /* NULL: nothing ever changes */
    struct inbox *inbox;
    struct live_listener listener;
    size_t count; /* watchers */
    struct list buckets[WATCHERS_BUCKETS];
};

struct watcher {
    struct list node;
    const char *symbol; /* borrowed while it watches */
    /* It may not add or remove watchers. */
    void (*changed)(struct watcher *watcher, const struct live_change *change);
};

void watchers_init(struct watchers *watchers, struct live_changes *changes, struct inbox *inbox);
/* Nobody watches any more. */
void watchers_deinit(struct watchers *watchers);

void watchers_add(struct watchers *watchers, struct watcher *watcher);
void watchers_remove(struct watchers *watchers, struct watcher *watcher);

#endif
