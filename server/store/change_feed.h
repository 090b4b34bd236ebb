/*
 * One thread that listens to what changes in the database.
 *
 *   LISTEN tapedeck_change ──► our own writers' announcements, as they commit
 *                          ──► what triggers tell of others ──► symbols_reconcile() books it
 *   change_marker(), again and again ──► somebody else has written ──► symbols_reconcile()
 *        finds it: it is announced like our own   does not: foreign, nobody knows where
 *   every (re)connect ──► symbols_reconcile(), then unknown: announcements may have been missed
 *
 * Needs a connection of its own, not through PgBouncer in transaction mode (which loses LISTEN),
 * and a primary (a standby cannot LISTEN). `changed` is called on the feed's thread and must not
 * block.
 */
#ifndef TAPEDECK_STORE_CHANGE_FEED_H
#define TAPEDECK_STORE_CHANGE_FEED_H

#include "base/status.h"
#include "store/change.h"

#include <stdbool.h>
#include <stdint.h>

struct change_feed;

struct change_feed_options {
    const char *url;    /* copied */
    int64_t marker_us;  /* between two looks at the marker; 0: nobody else writes */
    int64_t watched_us; /* the same while somebody watches what changes; 0: as marker_us */
    changed_fn *changed;
    void *owner;
};

#define CHANGE_FEED_MARKER_US INT64_C(1000000)
#define CHANGE_FEED_WATCHED_US INT64_C(250000)
/* Between two calls of symbols_reconcile() for what triggers tell, however much that is. */
#define CHANGE_FEED_BOOK_US INT64_C(100000)

/* Starts the thread; does not wait for the database. STATUS_INVALID for a malformed url. */
enum status change_feed_create(const struct change_feed_options *options, struct change_feed **feed,
                               struct error *error) MUST_CHECK;
struct change_feed_statistics {
    bool listening; /* now */
    /* Whether the database answered when it was last heard of: its socket is watched all the time,
     * and it is asked for the marker every marker_us. True before the first connection. */
    bool reachable;
    uint64_t connects; /* that ended in listening */
    uint64_t losses;   /* of such a connection, and connections that could not be made */
    uint64_t changes;  /* told to `changed` */
    uint64_t foreign;  /* of these, by writers that nobody knows */
};
/* Any thread. */
struct change_feed_statistics change_feed_statistics(const struct change_feed *feed);

/* From now on somebody watches, or nobody does (as at first). Any thread; does not block. */
void change_feed_set_watched(struct change_feed *feed, bool is_watched);
/* No `changed` comes after it. Up to connect_timeout per host of the url. */
void change_feed_destroy(struct change_feed **feed);

#endif
