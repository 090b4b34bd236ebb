/*
 * Which stored ticks have changed, told to every lane that listens.
 *
 *   publish ──▶ [ the newest LIVE_CHANGES_KEPT changes ] ──▶ each listener reads on from where it
 * was └────▶ one letter a listener, however many changes it has not read
 *
 * A listener that has fallen further behind than that is told that everything has changed: nothing
 * here waits for a lane, or grows. A change is published after the tape has forgotten what it
 * concerns, so who loads then gets the new state.
 *
 * Publishing: any thread. A listener belongs to one thread, the owner of its inbox.
 */
#ifndef TAPEDECK_LIVE_CHANGES_H
#define TAPEDECK_LIVE_CHANGES_H

#include "base/inbox.h"
#include "market/symbol.h"
#include "market/time.h"

#define LIVE_CHANGES_KEPT 1024 /* 150 KiB */

struct live_changes;

struct live_change {
    char symbol[SYMBOL_BYTES_MAX + 1]; /* "": every symbol */
    struct time_range range;           /* of ticks */
    bool is_of_list; /* the list of symbols now reaches as far: no news for who knew of these ticks
                      */
};

struct live_listener {
    struct letter letter;
    struct inbox *inbox;
    struct list node;
    uint64_t next; /* the number of the first change that it has not read */
};

struct live_changes *live_changes_create(void);
/* Nobody listens any more. */
void live_changes_destroy(struct live_changes **changes);

/* `symbol_count` 0: of every symbol. */
void live_changes_publish(struct live_changes *changes, const char *const *symbols,
                          size_t symbol_count, struct time_range range);
/* The list of symbols has caught up with ticks in `range`: who began while it had not, and heard of
 * them neither by a change nor by the list, hears of them now. */
void live_changes_publish_listed(struct live_changes *changes, const char *symbol,
                                 struct time_range range);

/* Whether anybody listens: called when that changes, and once at first, on whichever thread began
 * or ended it, in order, under a lock: it must not block, nor call anything here. NULL: nobody
 * wants to know. */
typedef void live_watched_fn(void *owner, bool is_watched);
void live_changes_on_watch(struct live_changes *changes, live_watched_fn *watched, void *owner);

/* From now on: `deliver` gets the letter of `listener` when there is something to read. */
void live_changes_listen(struct live_changes *changes, struct live_listener *listener,
                         struct inbox *inbox, void (*deliver)(struct letter *letter));
/* No letter will come any more. */
void live_changes_leave(struct live_changes *changes, struct live_listener *listener);
/* The next change that it has not read; false: there is none. */
bool live_changes_next(struct live_changes *changes, struct live_listener *listener,
                       struct live_change *change);

#endif
