/*
 * What a change in the database means for the server: blocks to forget, symbols to read again,
 * candles to store, lanes to tell.
 *
 *   ticks of a range   tape forgets it ─▶ lanes are told ─▶ the list is read again
 *   anywhere           tape forgets it ─▶ the list is read again ─▶ lanes are told: all has changed
 *   in the books       the list is read again: the ticks were told of before
 *   stored candles     (plain PostgreSQL) tape forgets them ─▶ lanes are told
 *   a background job   whoever watches policies is told; the scheduler, when one is to run now
 *
 * In the second case nobody knows how far the ticks reach now, until the list does. It also comes
 * when the database is back: then the lanes are told once it answers.
 *
 * Called on the change feed's thread and (changes_listed) on that of the symbols; everything it
 * touches takes any thread.
 */
#ifndef TAPEDECK_APP_CHANGES_H
#define TAPEDECK_APP_CHANGES_H

#include "live/changes.h"
#include "live/symbols.h"
#include "store/change.h"
#include "store/scheduler.h"
#include "tape/tape.h"

struct changes {
    struct tape *tape;
    struct live_symbols *symbols;
    struct scheduler *scheduler;
    struct live_changes *live;
    void (*policies_changed)(
        void *owner); /* a background job is not as it was; NULL: nobody asks */
    void *policies_owner;
    bool heals; /* stored candles may be wrong until they are stored again: plain PostgreSQL */
    pthread_mutex_t lock;
    uint64_t awaited; /* the refresh of the list after which all is told; 0: none. Under the lock */
};

void changes_init(struct changes *changes, struct tape *tape, struct live_symbols *symbols,
                  struct live_changes *live, struct scheduler *scheduler);
/* Nobody calls any more. */
void changes_deinit(struct changes *changes);

/* A changed_fn; its owner is a `struct changes *`. */
void changes_apply(void *owner, const struct change *change);
/* A live_symbols_listed_fn, with the same owner. */
void changes_listed(void *owner, uint64_t refresh, const struct symbol_list *before,
                    const struct symbol_list *list);

#endif
