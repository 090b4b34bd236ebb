/*
 * What changed in the database, as announced on channel tapedeck_change:
 *
 *   {"kind":"ticks"|"candles"|…, "from":µs, "to":µs, "symbols":["A", …]|null}
 *   {"kind":"policy", "job_id":N, "event":"due"|"paused"|"resumed"|"running"|"ok"|"failed"}
 *
 * Whatever cannot be read becomes a change of unknown kind over all time: too much is looked up
 * anew, never too little. Pure; any thread.
 */
#ifndef TAPEDECK_STORE_CHANGE_H
#define TAPEDECK_STORE_CHANGE_H

#include "market/time.h"

#include <stdbool.h>
#include <stddef.h>

enum change_kind {
    CHANGE_TICKS,   /* ticks were written or deleted */
    CHANGE_CANDLES, /* stored candles were refreshed */
    CHANGE_FOREIGN, /* somebody else wrote ticks: where is not known */
    CHANGE_WRITTEN, /* somebody else wrote ticks: a trigger told where, the books do not know yet */
    CHANGE_SYMBOLS, /* now they do: no tick has changed */
    CHANGE_POLICY,  /* a background job began or ended, or was asked to run, pause or resume */
    CHANGE_OTHER,   /* a kind this version does not know: not about ticks or candles */
    CHANGE_UNKNOWN, /* anything may have changed */
};

/* Everything is borrowed for the call. */
struct change {
    enum change_kind kind;
    struct time_range range;
    size_t symbol_count; /* 0: all */
    const char *const *symbols;
    bool is_due; /* of CHANGE_POLICY: somebody wants a job to run now */
};

typedef void changed_fn(void *owner, const struct change *change);

/* "ticks", …: for logs. */
const char *change_kind_name(enum change_kind kind);
/* A change of `kind` over all time and symbols. */
struct change change_of_everything(enum change_kind kind);
/* Reads one payload and calls `changed` once. */
void change_read(const char *payload, changed_fn *changed, void *owner);

#endif
