#include "tape/tape.h"

#include "base/assert.h"
#include "base/mem.h"
#include "market/interval.h"
#include "tape/tape_private.h"

#include <string.h>

static struct list *bucket_of(struct tape *tape, const char *symbol)
{
    return &tape->buckets[symbol_hash(symbol) % TAPE_BUCKETS];
}

static struct track *find_track(struct tape *tape, const char *symbol, int64_t interval_us)
{
    struct list *bucket = bucket_of(tape, symbol);
    for (struct list *node = bucket->next; node != bucket; node = node->next) {
        struct track *track = CONTAINER_OF(node, struct track, node);
        if (track->interval_us == interval_us && strcmp(track->symbol, symbol) == 0)
            return track;
    }
    return NULL;
}

struct tape *tape_create(struct source *source, size_t budget_bytes)
{
    struct tape *tape = MEM_NEW(struct tape);
    pthread_mutex_init(&tape->lock, NULL);
    tape->source = source;
    budget_init(&tape->budget, budget_bytes);
    for (size_t i = 0; i < TAPE_BUCKETS; i++)
        list_init(&tape->buckets[i]);
    return tape;
}

void tape_destroy(struct tape **tape)
{
    struct tape *gone = *tape;
    ASSERT(gone->fetches == 0);
    for (size_t i = 0; i < TAPE_BUCKETS; i++) {
        while (!list_is_empty(&gone->buckets[i])) {
            struct track *track = CONTAINER_OF(gone->buckets[i].next, struct track, node);
            while (track->segment_count > 0)
                shelf_forget(gone, track->segments[track->segment_count - 1]);
            track_destroy(track);
        }
    }
    pthread_mutex_destroy(&gone->lock);
    mem_free(gone);
    *tape = NULL;
}

void tape_statistics(struct tape *tape, struct tape_statistics *statistics)
{
    pthread_mutex_lock(&tape->lock);
    *statistics = (struct tape_statistics){
        .counts = tape->budget.counts,
        .budget_bytes = tape->budget.bytes_max,
        .tracks = tape->tracks,
        .loading = tape->fetches,
    };
    pthread_mutex_unlock(&tape->lock);
}

static void fill_statistics(const struct track *track, struct track_statistics *statistics)
{
    memcpy(statistics->symbol, track->symbol, sizeof statistics->symbol);
    statistics->interval_us = track->interval_us;
    statistics->grain_us = track_grain_us(track);
    statistics->counts = track->counts;
}

size_t tape_track_statistics(struct tape *tape, struct track_statistics *statistics, size_t most)
{
    size_t count = 0;
    pthread_mutex_lock(&tape->lock);
    for (size_t i = 0; i < TAPE_BUCKETS; i++) {
        struct list *bucket = &tape->buckets[i];
        for (struct list *node = bucket->next; node != bucket; node = node->next, count++) {
            if (count < most)
                fill_statistics(CONTAINER_OF(node, struct track, node), &statistics[count]);
        }
    }
    pthread_mutex_unlock(&tape->lock);
    return count;
}

static struct track *hold(struct tape *tape, const struct symbol *symbol, int64_t interval_us)
{
    pthread_mutex_lock(&tape->lock);
    struct track *track = find_track(tape, symbol->name, interval_us);
    if (track == NULL) {
        track = track_create(symbol, interval_us);
        list_append(bucket_of(tape, symbol->name), &track->node);
        tape->tracks++;
    } else if (!track->is_doubted) {
        atomic_store(&track->lacks, symbol->lacks); /* the newest knowledge */
    }
    track->holders++;
    pthread_mutex_unlock(&tape->lock);
    return track;
}

struct track *tape_track_hold(struct tape *tape, const struct symbol *symbol)
{
    return hold(tape, symbol, 0);
}

struct track *tape_candles_hold(struct tape *tape, const struct symbol *symbol, int64_t interval_us)
{
    ASSERT(candle_stored_name(interval_us) != NULL);
    return hold(tape, symbol, interval_us);
}

void tape_track_let_go(struct tape *tape, struct track **track)
{
    pthread_mutex_lock(&tape->lock);
    (*track)->holders--;
    shelf_drop_if_idle(tape, *track);
    pthread_mutex_unlock(&tape->lock);
    *track = NULL;
}

void tape_waiter_init(struct tape_waiter *waiter, struct inbox *inbox,
                      void (*deliver)(struct letter *letter))
{
    *waiter = (struct tape_waiter){.inbox = inbox};
    letter_init(&waiter->letter, deliver);
    list_init(&waiter->node);
}

/* The waiter waits no more where it did. */
static void leave(struct tape *tape, struct tape_waiter *waiter)
{
    if (list_is_empty(&waiter->node))
        return;
    list_remove(&waiter->node);
    fetch_abandon(tape, waiter->track, waiter->instant);
}

static bool is_waiting_for(const struct tape_waiter *waiter, const struct track *track,
                           int64_t instant)
{
    return !list_is_empty(&waiter->node) && waiter->track == track && waiter->instant == instant;
}

static void wait_for(struct tape *tape, struct track *track, int64_t instant,
                     struct tape_waiter *waiter)
{
    waiter->track = track;
    waiter->instant = instant;
    list_append(&track->waiters, &waiter->node);
    tape->budget.counts.misses++;
    track->counts.misses++;
}

static enum status pin_ready(struct tape *tape, struct segment *segment,
                             struct tape_stretch *stretch)
{
    tape->budget.counts.hits++;
    segment->track->counts.hits++;
    budget_visit(&tape->budget, segment);
    stretch->range = segment->range;
    stretch->block = segment->block != NULL ? block_retain(segment->block) : NULL;
    return STATUS_OK;
}

static enum status pin_later(struct tape *tape, struct track *track, int64_t instant,
                             struct tape_waiter *waiter)
{
    if (is_waiting_for(waiter, track, instant))
        return STATUS_WAIT; /* and is told as soon as its load brings or ends anything */
    leave(tape, waiter);    /* may end the load that it waited for before */
    struct segment *segment = track_segment_at(track, instant);
    if (segment != NULL)
        fetch_hurry(tape, segment, instant, waiter);
    else
        fetch_around(tape, track, instant, waiter);
    wait_for(tape, track, instant, waiter); /* only now: a load cut short tells who waits for it */
    return STATUS_WAIT;
}

/* What was published for the waiter meanwhile, if it is what is asked for now. */
static bool take_given(struct tape *tape, struct track *track, struct tape_waiter *waiter,
                       int64_t instant, struct tape_stretch *stretch)
{
    struct tape_stretch given = waiter->given;
    waiter->given = (struct tape_stretch){.block = NULL};
    if (instant < given.range.from || instant >= given.range.to) {
        tape_unpin(&given);
        return false;
    }
    struct segment *segment = track_segment_at(track, instant);
    if (segment != NULL && segment->fetch == NULL)
        budget_visit(&tape->budget, segment); /* the visit that it was loaded for */
    *stretch = given;
    return true;
}

enum status tape_pin(struct tape *tape, struct track *track, int64_t instant,
                     struct tape_waiter *waiter, struct tape_stretch *stretch, struct error *error)
{
    pthread_mutex_lock(&tape->lock);
    enum status status = waiter->status;
    if (status != STATUS_OK) {
        *error = waiter->error;
        waiter->status = STATUS_OK;
    } else if (!take_given(tape, track, waiter, instant, stretch)) {
        struct segment *segment = track_segment_at(track, instant);
        status = segment != NULL && segment->fetch == NULL
                     ? pin_ready(tape, segment, stretch)
                     : pin_later(tape, track, instant, waiter);
    }
    pthread_mutex_unlock(&tape->lock);
    return status;
}

void tape_ask(struct tape *tape, struct track *track, int64_t instant,
              const struct tape_waiter *waiter)
{
    if (tape_is_tight(tape))
        return; /* what it brought would have to go at once */
    pthread_mutex_lock(&tape->lock);
    if (track_segment_at(track, instant) == NULL)
        fetch_around(tape, track, instant, waiter);
    pthread_mutex_unlock(&tape->lock);
}

void tape_unask(struct tape *tape, struct track *track, int64_t instant)
{
    pthread_mutex_lock(&tape->lock);
    fetch_abandon(tape, track, instant);
    pthread_mutex_unlock(&tape->lock);
}

bool tape_peek(struct tape *tape, struct track *track, int64_t instant,
               struct tape_stretch *stretch)
{
    pthread_mutex_lock(&tape->lock);
    struct segment *segment = track_segment_at(track, instant);
    bool is_ready = segment != NULL && segment->fetch == NULL;
    if (is_ready) {
        stretch->range = segment->range;
        stretch->block = segment->block != NULL ? block_retain(segment->block) : NULL;
    }
    pthread_mutex_unlock(&tape->lock);
    return is_ready;
}

void tape_unpin(struct tape_stretch *stretch)
{
    if (stretch->block != NULL)
        block_release(&stretch->block);
}

void tape_stop_waiting(struct tape *tape, struct tape_waiter *waiter)
{
    pthread_mutex_lock(&tape->lock);
    leave(tape, waiter);
    waiter->status = STATUS_OK;
    tape_unpin(&waiter->given);
    waiter->given = (struct tape_stretch){.block = NULL};
    pthread_mutex_unlock(&tape->lock);
    inbox_retract(waiter->inbox, &waiter->letter);
}

/* The next part of `range` from its start (backward: its end) that no segment covers, at most one
 * load long; false when there is none. */
static bool next_gap(const struct track *track, struct time_range range, bool backward,
                     struct time_range *gap)
{
    int64_t load_us = TAPE_LOAD_GRAINS * track_grain_us(track);
    while (range.from < range.to) {
        struct segment *segment = track_segment_at(track, backward ? range.to - 1 : range.from);
        if (segment == NULL)
            break;
        if (backward)
            range.to = segment->range.from;
        else
            range.from = segment->range.to;
    }
    if (range.from >= range.to)
        return false;
    if (range.to - range.from > load_us) {
        if (backward)
            range.from = range.to - load_us;
        else
            range.to = range.from + load_us;
    }
    *gap = track_gap(track, backward ? range.to - 1 : range.from, range);
    return true;
}

void tape_read_ahead(struct tape *tape, struct track *track, struct time_range range, bool backward)
{
    if (tape_is_tight(tape))
        return;
    pthread_mutex_lock(&tape->lock);
    int64_t grain_us = track_grain_us(track);
    struct time_range grains = {.from = time_floor(range.from, grain_us),
                                .to = time_ceil(range.to, grain_us)};
    /* What lies behind the playhead is nobody's future. */
    struct segment *first = track_segment_at(track, backward ? range.to - 1 : range.from);
    if (first != NULL && backward)
        grains.to = first->range.from;
    else if (first != NULL)
        grains.from = first->range.to;
    grains = time_range_clip(grains);
    struct time_range gap;
    bool is_wanted = next_gap(track, range, backward, &gap); /* and not only what rounding added */
    while (is_wanted && tape->prefetches < TAPE_PREFETCHES_MAX &&
           next_gap(track, grains, backward, &gap)) {
        fetch_ahead(tape, track, gap, backward);
        if (backward)
            grains.to = gap.from;
        else
            grains.from = gap.to;
    }
    pthread_mutex_unlock(&tape->lock);
}

bool tape_is_tight(struct tape *tape)
{
    return atomic_load_explicit(&tape->is_tight, memory_order_relaxed);
}

static void invalidate_track(struct tape *tape, struct track *track, struct time_range range)
{
    atomic_fetch_add(&track->changes, 1);
    atomic_store(&track->lacks, 0);
    track->is_doubted = true;
    if (track->interval_us > 0) { /* the buckets that these ticks lie in */
        range.from = interval_floor(track->interval_us, range.from);
        range.to = interval_ceil(track->interval_us, range.to);
    }
    size_t index;
    while ((index = track_find(track, range.from)) < track->segment_count &&
           track->segments[index]->range.from < range.to) {
        struct time_range forgotten = track->segments[index]->range;
        shelf_invalidate(tape, track->segments[index], range);
        track_tell(track, forgotten, STATUS_OK, NULL);
    }
    shelf_drop_if_idle(tape, track);
}

void tape_invalidate(struct tape *tape, const char *symbol, struct time_range range)
{
    pthread_mutex_lock(&tape->lock);
    for (size_t i = 0; i < TAPE_BUCKETS; i++) {
        struct list *bucket = &tape->buckets[i];
        for (struct list *node = bucket->next, *next; node != bucket; node = next) {
            next = node->next;
            struct track *track = CONTAINER_OF(node, struct track, node);
            if (symbol == NULL || strcmp(track->symbol, symbol) == 0)
                invalidate_track(tape, track, range);
        }
    }
    pthread_mutex_unlock(&tape->lock);
}

void tape_invalidate_candles(struct tape *tape, struct time_range range)
{
    pthread_mutex_lock(&tape->lock);
    for (size_t i = 0; i < TAPE_BUCKETS; i++) {
        struct list *bucket = &tape->buckets[i];
        for (struct list *node = bucket->next, *next; node != bucket; node = next) {
            next = node->next;
            struct track *track = CONTAINER_OF(node, struct track, node);
            if (track->interval_us > 0)
                invalidate_track(tape, track, range);
            else /* who folds candles knows by the changes of their ticks */
                atomic_fetch_add(&track->changes, 1);
        }
    }
    pthread_mutex_unlock(&tape->lock);
}
