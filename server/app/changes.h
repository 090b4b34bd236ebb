/*
 * What a change in the database means for the server: blocks to forget, symbols to read again,
 * candles to store.
 * Called on the change feed's thread; everything it touches takes any thread.
 */
#ifndef TAPEDECK_APP_CHANGES_H
#define TAPEDECK_APP_CHANGES_H

#include "live/symbols.h"
#include "store/change.h"
#include "store/scheduler.h"
#include "tape/tape.h"

struct changes {
    struct tape *tape;
    struct live_symbols *symbols;
    struct scheduler *scheduler;
};

/* A changed_fn; its owner is a `struct changes *`. */
void changes_apply(void *owner, const struct change *change);

#endif
