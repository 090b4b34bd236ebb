/*
 * The tape: every tick block the process holds, shared by all lanes, within a byte budget.
 *
 * One track per symbol for its ticks, and one for the candles of each stored interval; a track is a
 * sorted row of disjoint segments:
 *
 *   ──[ block ]──[ no ticks ]──[ loading ────> ]────────[ block ]──▶ market time
 *                               ▲ published so far
 *
 * A segment is ready (a block, or the knowledge that there are no ticks) or being loaded, by
 * exactly one load however many viewers wait (single-flight). A load publishes block by block, so
 * that the first frame does not wait for the read-ahead. A segment with ticks is a grain long: a
 * power of two of seconds, about TAPE_GRAIN_ROWS ticks, by the density that the symbol is known to
 * have and then by what blocks turn out to hold. A load that somebody waits for begins where he is
 * and in the direction he goes, with stretches of a TAPE_FIRST_PARTS of a grain that double, and is
 * short: whoever has jumped there may jump again, and the rest would compete with what he waits for
 * then. One that goes on from ticks which are known reaches to the end of the grain. Where it is
 * known how far somebody goes on, all of it comes in one load: of candles, and of ticks in less
 * than a grain, of which no more is loaded than that. Behind emptiness a load is as long as that
 * was, so that decades without ticks take a few dozen loads; it ends TAPE_LOAD_GRAINS after the
 * first ticks it meets. A load that nobody waits for any more, and that has brought nothing yet, is
 * cancelled: a storm of seeks leaves no queue behind.
 *
 * Eviction is segmented LRU (Karedla, Love, Wherry, "Caching strategies to improve disk system
 * performance", 1994): a segment enters on probation and is protected only once a second viewer
 * or visit has asked for it; probation is evicted first, so one long scan runs through without
 * pushing out what many viewers share. Pinned blocks are passed over: evicting them frees nothing.
 * While pins alone exceed the budget the tape is tight: nothing is read ahead and stretches are a
 * TAPE_TIGHT_PARTS of a grain, so that each viewer beyond the budget costs little.
 *
 * Any thread; one lock, held for a binary search and a few links. Blocks are pinned by reference.
 */
#ifndef TAPEDECK_TAPE_TAPE_H
#define TAPEDECK_TAPE_TAPE_H

#include "base/inbox.h"
#include "market/source.h"

#define TAPE_GRAIN_ROWS 16384   /* ticks a grain should hold, by the symbol's mean density */
#define TAPE_GRAIN_CANDLES 1024 /* buckets in a grain of candles */
#define TAPE_FIRST_PARTS 64     /* of a grain: the first stretch of a load that is waited for */
#define TAPE_JUMP_PARTS 4       /* of a grain: what is loaded for somebody who has jumped */
#define TAPE_WINDOW_PARTS 4     /* of a window that is known: the first stretch of it ... */
#define TAPE_LEAST_PARTS 256    /* ... but no less than this part of a grain */
#define TAPE_BACK_PARTS 1024    /* of a grain: loaded before the instant, for who looks back */
#define TAPE_TIGHT_PARTS 4
#define TAPE_STRIDE 64 /* times the emptiness so far: the next load of who strides */
#define TAPE_GRAIN_US_LEAST TIME_SECOND_US
#define TAPE_GRAIN_US_MOST (TIME_SECOND_US << 25) /* 388 days */
#define TAPE_LOAD_GRAINS 16                       /* most grains one load covers that has rows */
#define TAPE_PREFETCHES_MAX 8 /* read-ahead loads in flight; urgent ones are not counted */
#define TAPE_OUTDATED_MAX 4   /* loads of a track that go on for who takes what is outdated */

struct tape;
struct track;

/* A part of a track, pinned: all ticks in `range`, or the knowledge that there are none. */
struct tape_stretch {
    struct time_range range;
    struct block *block; /* one reference; NULL: no ticks */
};

/*
 * Somebody who waits for a track to be known at an instant. Embedded in the waiting object;
 * `letter.deliver` runs on the inbox owner's thread when it is worth asking again. Everything
 * else is guarded by the tape's lock.
 */
struct tape_waiter {
    struct letter letter;
    struct inbox *inbox;
    struct list node; /* the track's waiters; unlinked: not waiting */
    struct track *track;
    bool backward; /* the way it goes on from an instant; the owner sets it before it asks */
    /* How far it goes on from there, which then comes in one load; 0: not known. The owner sets it
     * before it asks. */
    int64_t reach_us;
    /* It goes back through candles beyond the first tick that is known of, where hardly anything is
     * left but emptiness: that is passed in strides. The owner sets it before it asks. */
    bool strides;
    bool looks_back; /* the owner wants the newest ticks before an instant, too */
    /* The owner sets it when it begins: what it waits for may turn out to be from before a change
     * that came while it waited. Else it is told to ask again, and where changes come faster than
     * loads, for ever. */
    bool takes_outdated;
    int64_t instant;
    enum status status; /* a load failed: the next tape_pin tells */
    struct error error;
    /* What was published for it, already pinned: however small the budget, it is not evicted
     * before it has been looked at. Empty range: nothing. */
    struct tape_stretch given;
};

struct tape_counts {
    size_t bytes;            /* of blocks and what is known to be empty */
    size_t blocks;           /* segments with ticks */
    size_t empties;          /* segments without */
    uint64_t hits;           /* pins answered at once */
    uint64_t misses;         /* pins that had to wait */
    uint64_t urgent_loads;   /* asked of the source because somebody waited */
    uint64_t prefetch_loads; /* asked of it because somebody would */
    uint64_t evictions;      /* segments */
};

struct tape_statistics {
    struct tape_counts counts;
    size_t budget_bytes;
    size_t tracks;
    size_t loading; /* loads under way */
};

struct track_statistics {
    char symbol[SYMBOL_BYTES_MAX + 1];
    int64_t interval_us; /* of candles; 0: ticks */
    int64_t grain_us;
    struct tape_counts counts; /* since the track was made: one that nobody needs is forgotten */
};

/* `source` outlives every load: destroy it first, then the tape. */
struct tape *tape_create(struct source *source, size_t budget_bytes);
void tape_destroy(struct tape **tape);
void tape_statistics(struct tape *tape, struct tape_statistics *statistics);
/* Up to `most` tracks, in no order; returns how many there are. */
size_t tape_track_statistics(struct tape *tape, struct track_statistics *statistics, size_t most);

/* The track of a symbol, for as long as it is held. Its grain follows the density known now. */
struct track *tape_track_hold(struct tape *tape, const struct symbol *symbol);
/* The same for its candles of a stored interval. */
struct track *tape_candles_hold(struct tape *tape, const struct symbol *symbol,
                                int64_t interval_us);
void tape_track_let_go(struct tape *tape, struct track **track);

void tape_waiter_init(struct tape_waiter *waiter, struct inbox *inbox,
                      void (*deliver)(struct letter *letter));

/*
 * The stretch that holds `instant`: STATUS_OK and a pin, to be given back by tape_unpin; or
 * STATUS_WAIT: a load has been asked for, with urgency, and `waiter` will be told; or the failure
 * of the load that was waited for (once: asking again tries again).
 * A waiter waits for one instant at a time; asking again moves it.
 */
enum status tape_pin(struct tape *tape, struct track *track, int64_t instant,
                     struct tape_waiter *waiter, struct tape_stretch *stretch,
                     struct error *error) MUST_CHECK;
void tape_unpin(struct tape_stretch *stretch);
/* Begins the load that tape_pin would, for who first waits for something else; `waiter` says how he
 * will go on. A hint: it does nothing where `instant` is known or being loaded, or the tape is
 * tight. */
void tape_ask(struct tape *tape, struct track *track, int64_t instant,
              const struct tape_waiter *waiter);
/* He will not: what was asked for there is cancelled, unless it has brought something or somebody
 * waits for it. */
void tape_unask(struct tape *tape, struct track *track, int64_t instant);
/* The stretch that holds `instant`, pinned, if it is there already; asks for nothing, and does not
 * count as a use. */
bool tape_peek(struct tape *tape, struct track *track, int64_t instant,
               struct tape_stretch *stretch);
/* No letter will come any more. On the inbox owner's thread. */
void tape_stop_waiting(struct tape *tape, struct tape_waiter *waiter);

/* Asks for what is missing in `range`, from its start (backward: from its end), without waiting for
 * it. A hint: it may do nothing when enough loads are in flight, or the tape is tight. */
void tape_read_ahead(struct tape *tape, struct track *track, struct time_range range,
                     bool backward);

/* Pins alone exceed the budget. */
bool tape_is_tight(struct tape *tape);

/* Its symbol's name, in SYMBOL_BYTES_MAX + 1 bytes. */
const char *track_symbol(const struct track *track);

/* The grain of a track, for the size of read-ahead. */
int64_t track_grain_us(const struct track *track);

/* The set of fields (TICK_FIELD_BIT) that certainly no tick of the track has. */
unsigned track_lacks(const struct track *track);

/* How often stored ticks of the track have changed: what was pinned before that may be stale. */
uint64_t track_changes(const struct track *track);

/* The stored ticks of `symbol` (NULL: of every symbol) in `range` have changed: forgets what it
 * knows of it and lets running loads of it end unheard. Who waited is asked to try again; who takes
 * what is outdated gets it, and nobody else does. */
void tape_invalidate(struct tape *tape, const char *symbol, struct time_range range);
/* Stored candles of any symbol in `range` were not what follows from its ticks, and now are: the
 * same for candles alone. */
void tape_invalidate_candles(struct tape *tape, struct time_range range);

#endif
