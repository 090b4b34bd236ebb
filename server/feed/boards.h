/*
 * Who on a lane follows what the database says about itself: told whenever something has been
 * published.
 *
 *   live/operations ──letter──▶ the lane ──▶ everybody who watches
 *
 * The lane listens only while somebody does. Lane's thread.
 */
#ifndef TAPEDECK_FEED_BOARDS_H
#define TAPEDECK_FEED_BOARDS_H

#include "live/operations.h"

struct boards {
    struct live_operations *live; /* NULL: nothing is ever published */
    struct inbox *inbox;
    struct live_operations_listener listener;
    size_t count;
    struct list watchers;
};

struct board_watcher {
    struct list node;
    /* It may not add or remove watchers. */
    void (*published)(struct board_watcher *watcher);
};

void boards_init(struct boards *boards, struct live_operations *live, struct inbox *inbox);
/* Nobody watches any more. */
void boards_deinit(struct boards *boards);

/* `live` is there. */
void boards_add(struct boards *boards, struct board_watcher *watcher);
void boards_remove(struct boards *boards, struct board_watcher *watcher);

#endif
