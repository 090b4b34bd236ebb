#include "tape/tape.h"

#include "base/assert.h"
#include "base/mem.h"
#include "tape/budget.h"
#include "tape/track.h"

#include <string.h>

#define BUCKETS 1024
/* A load this many grains away from an instant that somebody waits for is not waited for. */
#define FAR_GRAINS 2

/* One load and the segment it still fills; cut off (NULL) when nobody wants the rest. */
struct fetch {
    struct tick_load load;
    struct tape *tape;
    struct track *track;
    struct segment *segment;
    bool is_prefetch; /* counted as such */
};

struct tape {
    pthread_mutex_t lock;
    struct source *source;
    struct budget budget;
    struct list buckets[BUCKETS]; /* of tracks, by name */
    size_t fetches;
    size_t prefetches;
    uint64_t hits;
    uint64_t misses;
    uint64_t loads;
};

static struct list *bucket_of(struct tape *tape, const char *symbol)
{
    uint64_t hash = UINT64_C(14695981039346656037); /* FNV-1a */
    for (; *symbol != '\0'; symbol++)
        hash = (hash ^ (unsigned char)*symbol) * UINT64_C(1099511628211);
    return &tape->buckets[hash % BUCKETS];
}

static struct track *find_track(struct tape *tape, const char *symbol)
{
    struct list *bucket = bucket_of(tape, symbol);
    for (struct list *node = bucket->next; node != bucket; node = node->next) {
        struct track *track = CONTAINER_OF(node, struct track, node);
        if (strcmp(track->symbol, symbol) == 0)
            return track;
    }
    return NULL;
}

static void forget_segment(struct tape *tape, struct segment *segment)
{
    if (segment->fetch != NULL) {
        atomic_store(&segment->fetch->load.cancelled, true);
        segment->fetch->segment = NULL;
    } else {
        budget_leave(&tape->budget, segment);
    }
    track_remove(segment);
}

static void drop_if_idle(struct track *track)
{
    if (track_is_idle(track))
        track_destroy(track);
}

static void keep_within_budget(struct tape *tape)
{
    struct segment *victim;
    while ((victim = budget_victim(&tape->budget)) != NULL) {
        struct track *track = victim->track;
        forget_segment(tape, victim);
        drop_if_idle(track);
    }
}

static struct segment *empty_segment_at(const struct track *track, int64_t instant)
{
    struct segment *segment = track_segment_at(track, instant);
    bool is_empty = segment != NULL && segment->fetch == NULL && segment->block == NULL;
    return is_empty ? segment : NULL;
}

/* One empty stretch, not thousands. */
static void add_empty(struct tape *tape, struct track *track, struct time_range range)
{
    struct segment *after = empty_segment_at(track, range.to);
    if (after != NULL) {
        range.to = after->range.to;
        forget_segment(tape, after);
    }
    struct segment *before = empty_segment_at(track, range.from - 1);
    if (before != NULL)
        before->range.to = range.to;
    else
        budget_enter(&tape->budget, track_insert(track, range));
}

/* What is known of [range.from, range.to) is now known: a block, or that there are no ticks. */
static void add_ready(struct tape *tape, struct track *track, struct time_range range,
                      struct block *block)
{
    if (block == NULL) {
        add_empty(tape, track, range);
        return;
    }
    struct segment *segment = track_insert(track, range);
    segment->block = block;
    budget_enter(&tape->budget, segment);
}

/* The running load of a segment ends at `cut`; what lies behind is unknown again. */
static void cut_off(struct segment *segment, int64_t cut)
{
    struct time_range unknown = {.from = cut, .to = segment->range.to};
    segment->range.to = cut;
    track_tell(segment->track, unknown, STATUS_OK, NULL);
}

/* A load that looked for the end of emptiness has found it. */
static void keep_short(struct fetch *fetch)
{
    struct segment *segment = fetch->segment;
    if (segment == NULL)
        return;
    int64_t most_us = TAPE_LOAD_GRAINS * fetch->track->grain_us;
    int64_t most = track_ceil(fetch->track, segment->range.from) + most_us;
    if (segment->range.to > most)
        cut_off(segment, most);
}

/* The front of a load moves to `to`; the part before it has been published. */
static void advance(struct fetch *fetch, int64_t to)
{
    struct segment *segment = fetch->segment;
    if (to < segment->range.to) {
        segment->range.from = to;
        return;
    }
    atomic_store(&fetch->load.cancelled, true); /* only matters where it was cut short */
    fetch->segment = NULL;
    track_remove(segment);
}

static void fetch_publish(struct tick_load *load, struct time_range range, struct block *block)
{
    struct fetch *fetch = CONTAINER_OF(load, struct fetch, load);
    struct tape *tape = fetch->tape;
    pthread_mutex_lock(&tape->lock);
    struct segment *segment = fetch->segment;
    if (segment == NULL || range.from >= segment->range.to) {
        pthread_mutex_unlock(&tape->lock);
        if (block != NULL)
            block_release(&block); /* cut off: nobody asked for this part any more */
        return;
    }
    ASSERT(range.from == segment->range.from);
    if (range.to > segment->range.to) {
        /* Loads are cut at grains, and blocks end at grains: only an empty stretch can pass. */
        ASSERT(block == NULL);
        range.to = segment->range.to;
    }
    advance(fetch, range.to);
    if (block != NULL)
        keep_short(fetch);
    add_ready(tape, fetch->track, range, block);
    track_give(fetch->track, range, block);
    keep_within_budget(tape);
    pthread_mutex_unlock(&tape->lock);
}

static void fetch_done(struct tick_load *load, enum status status, const struct error *error)
{
    struct fetch *fetch = CONTAINER_OF(load, struct fetch, load);
    struct tape *tape = fetch->tape;
    struct track *track = fetch->track;
    pthread_mutex_lock(&tape->lock);
    struct segment *segment = fetch->segment;
    if (segment != NULL) {
        struct time_range rest = segment->range;
        forget_segment(tape, segment);
        /* An early end is no failure: who waited asks again. */
        bool failed = status != STATUS_OK && status != STATUS_END;
        track_tell(track, rest, failed ? status : STATUS_OK, failed ? error : NULL);
    }
    tape->fetches--;
    tape->prefetches -= fetch->is_prefetch;
    track->holders--;
    drop_if_idle(track);
    pthread_mutex_unlock(&tape->lock);
    mem_free(fetch);
}

/* Starts a load of `range`, which no segment covers. */
static void start_fetch(struct tape *tape, struct track *track, struct time_range range,
                        enum source_urgency urgency)
{
    struct fetch *fetch = MEM_NEW(struct fetch);
    fetch->tape = tape;
    fetch->track = track;
    fetch->segment = track_insert(track, range);
    fetch->segment->fetch = fetch;
    list_init(&fetch->load.node);
    memcpy(fetch->load.symbol, track->symbol, sizeof fetch->load.symbol);
    fetch->load.range = range;
    fetch->load.urgency = urgency;
    fetch->load.grain_us = track->grain_us;
    fetch->load.publish = fetch_publish;
    fetch->load.done = fetch_done;
    atomic_init(&fetch->load.cancelled, false);
    track->holders++;
    tape->fetches++;
    tape->loads++;
    fetch->is_prefetch = urgency == SOURCE_PREFETCH;
    tape->prefetches += fetch->is_prefetch;
    source_load_ticks(tape->source, &fetch->load);
}

struct tape *tape_create(struct source *source, size_t budget_bytes)
{
    struct tape *tape = MEM_NEW(struct tape);
    pthread_mutex_init(&tape->lock, NULL);
    tape->source = source;
    budget_init(&tape->budget, budget_bytes);
    for (size_t i = 0; i < BUCKETS; i++)
        list_init(&tape->buckets[i]);
    return tape;
}

void tape_destroy(struct tape **tape)
{
    struct tape *gone = *tape;
    ASSERT(gone->fetches == 0);
    for (size_t i = 0; i < BUCKETS; i++) {
        while (!list_is_empty(&gone->buckets[i])) {
            struct track *track = CONTAINER_OF(gone->buckets[i].next, struct track, node);
            while (track->segment_count > 0)
                forget_segment(gone, track->segments[track->segment_count - 1]);
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
        .bytes = tape->budget.bytes,
        .budget_bytes = tape->budget.bytes_max,
        .blocks = tape->budget.blocks,
        .hits = tape->hits,
        .misses = tape->misses,
        .loads = tape->loads,
        .evictions = tape->budget.evictions,
    };
    pthread_mutex_unlock(&tape->lock);
}

struct track *tape_track_hold(struct tape *tape, const struct symbol *symbol)
{
    pthread_mutex_lock(&tape->lock);
    struct track *track = find_track(tape, symbol->name);
    if (track == NULL) {
        track = track_create(symbol);
        list_append(bucket_of(tape, symbol->name), &track->node);
    }
    track->holders++;
    pthread_mutex_unlock(&tape->lock);
    return track;
}

void tape_track_let_go(struct tape *tape, struct track **track)
{
    pthread_mutex_lock(&tape->lock);
    (*track)->holders--;
    drop_if_idle(*track);
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

static void wait_for(struct track *track, int64_t instant, struct tape_waiter *waiter)
{
    waiter->instant = instant;
    if (list_is_empty(&waiter->node))
        list_append(&track->waiters, &waiter->node);
}

/* The source knows no other times. */
static struct time_range clip(struct time_range range)
{
    if (range.from < TIME_MIN)
        range.from = TIME_MIN;
    if (range.to > TIME_MAX + 1)
        range.to = TIME_MAX + 1;
    return range;
}

/* One grain around the instant: the shortest way to the first frame. Behind emptiness there may be
 * more of it: as much again. */
static void load_around(struct tape *tape, struct track *track, int64_t instant)
{
    int64_t from = track_floor(track, instant);
    struct time_range wanted = {.from = from, .to = from + track->grain_us};
    struct segment *empty = empty_segment_at(track, instant - 1);
    if (empty != NULL)
        wanted.to = track_ceil(track, wanted.to + (empty->range.to - empty->range.from));
    start_fetch(tape, track, track_gap(track, instant, clip(wanted)), SOURCE_URGENT);
}

/* Somebody waits for an instant that is being loaded: nearly there, or far behind the front? */
static void hurry(struct tape *tape, struct segment *segment, int64_t instant)
{
    struct track *track = segment->track;
    int64_t cut = track_floor(track, instant);
    if (cut - segment->range.from <= FAR_GRAINS * track->grain_us) {
        tape->prefetches -= segment->fetch->is_prefetch;
        segment->fetch->is_prefetch = false;
        source_urge_ticks(tape->source, &segment->fetch->load);
        return;
    }
    cut_off(segment, cut);
    load_around(tape, track, instant);
}

static enum status pin_ready(struct tape *tape, struct segment *segment,
                             struct tape_stretch *stretch)
{
    tape->hits++;
    budget_visit(&tape->budget, segment);
    stretch->range = segment->range;
    stretch->block = segment->block != NULL ? block_retain(segment->block) : NULL;
    return STATUS_OK;
}

static enum status pin_later(struct tape *tape, struct track *track, struct segment *segment,
                             int64_t instant, struct tape_waiter *waiter)
{
    tape->misses++;
    if (segment != NULL)
        hurry(tape, segment, instant);
    else
        load_around(tape, track, instant);
    wait_for(track, instant, waiter);
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
                     : pin_later(tape, track, segment, instant, waiter);
    }
    pthread_mutex_unlock(&tape->lock);
    return status;
}

void tape_unpin(struct tape_stretch *stretch)
{
    if (stretch->block != NULL)
        block_release(&stretch->block);
}

void tape_stop_waiting(struct tape *tape, struct tape_waiter *waiter)
{
    pthread_mutex_lock(&tape->lock);
    list_remove(&waiter->node);
    waiter->status = STATUS_OK;
    tape_unpin(&waiter->given);
    waiter->given = (struct tape_stretch){.block = NULL};
    pthread_mutex_unlock(&tape->lock);
    inbox_retract(waiter->inbox, &waiter->letter);
}

void tape_read_ahead(struct tape *tape, struct track *track, struct time_range range)
{
    pthread_mutex_lock(&tape->lock);
    struct segment *first = track_segment_at(track, range.from);
    struct time_range grains = {.from = track_floor(track, range.from),
                                .to = track_ceil(track, range.to)};
    grains = clip(grains);
    int64_t at = first != NULL ? first->range.to : grains.from;
    int64_t to = grains.to;
    while (at < to && tape->prefetches < TAPE_PREFETCHES_MAX) {
        struct segment *segment = track_segment_at(track, at);
        if (segment != NULL) {
            at = segment->range.to;
            continue;
        }
        int64_t most = at + TAPE_LOAD_GRAINS * track->grain_us;
        struct time_range wanted = {.from = at, .to = to < most ? to : most};
        struct time_range gap = track_gap(track, at, wanted);
        start_fetch(tape, track, gap, SOURCE_PREFETCH);
        at = gap.to;
    }
    pthread_mutex_unlock(&tape->lock);
}

static void invalidate_track(struct tape *tape, struct track *track, struct time_range range)
{
    atomic_fetch_add(&track->changes, 1);
    size_t index = track_find(track, range.from);
    while (index < track->segment_count && track->segments[index]->range.from < range.to) {
        struct segment *segment = track->segments[index];
        struct time_range forgotten = segment->range;
        forget_segment(tape, segment);
        track_tell(track, forgotten, STATUS_OK, NULL);
    }
    drop_if_idle(track);
}

void tape_invalidate(struct tape *tape, const char *symbol, struct time_range range)
{
    pthread_mutex_lock(&tape->lock);
    for (size_t i = 0; i < BUCKETS; i++) {
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
