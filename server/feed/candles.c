/*
 * The client's live candles: a snapshot, and then what changes, until it has had enough.
 *
 *   change, or the end of a bucket ──▶ picture: stale ──▶ (1/60 s after the last) ──▶ load ──▶ say
 *
 * Nothing is loaded before the socket can take what comes of it, so a client that does not listen
 * costs its picture and no more; what it is told then is the newest state. Many who watch the same
 * load the same, which the tape does once. Lane's thread.
 */
#include "feed/client.h"

#include "base/assert.h"
#include "base/mem.h"
#include "feed/picture.h"

#include <string.h>

#define PACE_US (TIME_SECOND_US / 60 + 1) /* least time between two messages, or two loads */
#define RETRY_US TIME_SECOND_US           /* after a load that failed, unless there is news */
/* The wall clock may be set: it is looked at this often while a bucket is waited for. */
#define CLOCK_US (10 * TIME_SECOND_US)

struct client_candles {
    struct speaker speaker;
    struct watcher watcher;
    struct timer timer;
    bool is_paced;        /* the timer wakes it when it may speak: changes need not */
    bool is_answered;     /* the first snapshot has been said */
    bool is_list_doubted; /* ticks have come that the list of symbols need not know of yet */
    struct request asked; /* only what an answer needs of it */
    char symbol[SYMBOL_BYTES_MAX + 1];
    struct replay_interval interval;
    unsigned encodings;
    struct picture picture;
    enum picture_due due;       /* of the load under way */
    struct candle_query *query; /* NULL: none is */
    int64_t last_us;            /* when it last said or loaded something */
    int64_t retry_us;           /* not before, after a failure */
};

static struct client_candles *candles_of(struct speaker *speaker)
{
    ASSERT(speaker->kind == SPEAKER_CANDLES);
    return CONTAINER_OF(speaker, struct client_candles, speaker);
}

static void wake_candles(void *owner)
{
    struct client_candles *mine = owner;
    feed_speaker_wake(&mine->speaker);
}

static void timer_fired(struct timer *timer, int64_t now_us)
{
    (void)now_us;
    struct client_candles *mine = CONTAINER_OF(timer, struct client_candles, timer);
    mine->is_paced = false;
    feed_speaker_wake(&mine->speaker);
}

static void changed(struct watcher *watcher, const struct live_change *change)
{
    struct client_candles *mine = CONTAINER_OF(watcher, struct client_candles, watcher);
    if (change->is_of_list && change->range.to <= mine->picture.known_to)
        return;
    mine->is_list_doubted = mine->is_list_doubted || !change->is_of_list;
    picture_mark(&mine->picture, change->range);
    bool has_failed = mine->retry_us > 0;
    mine->retry_us = 0;
    if (!mine->is_paced || has_failed)
        feed_speaker_wake(&mine->speaker);
}

/* ---- beginning and ending ---- */

static void start(struct feed *feed, const struct request *request,
                  const struct candles_subscribe *subscribe)
{
    struct client_candles *mine = MEM_NEW(struct client_candles);
    mine->asked = (struct request){.has_req = request->has_req, .req = request->req};
    mine->interval = subscribe->interval;
    mine->encodings = subscribe->encodings;
    mine->last_us = -PACE_US;
    strcpy(mine->symbol, subscribe->symbol); /* symbol_check has seen it */
    picture_init(&mine->picture, subscribe->interval.interval_us, subscribe->window,
                 subscribe->limit, subscribe->vwap);
    timer_init(&mine->timer, timer_fired);
    mine->watcher = (struct watcher){.symbol = mine->symbol, .changed = changed};
    watchers_add(&feed->lane->watchers, &mine->watcher);
    feed_speaker_join(feed, &mine->speaker, SPEAKER_CANDLES, subscribe->id);
}

static void end_load(struct client_candles *mine)
{
    if (mine->query != NULL)
        candle_query_destroy(&mine->query);
}

void feed_candles_drop(struct speaker *speaker)
{
    struct client_candles *mine = candles_of(speaker);
    struct feed_lane *lane = speaker->feed->lane;
    feed_speaker_leave(speaker);
    watchers_remove(&lane->watchers, &mine->watcher);
    wheel_cancel(lane->wheel, &mine->timer);
    end_load(mine);
    picture_deinit(&mine->picture);
    mem_free(mine);
}

static enum status check(struct feed *feed, const struct candles_subscribe *subscribe,
                         struct error *error)
{
    if (!subscribe->live)
        return feed_check_id(feed, subscribe->id, error);
    return feed_check_subscription(feed, subscribe->id, error);
}

void feed_candles_subscribe(struct feed *feed, const struct request *request, struct now now)
{
    struct candles_subscribe subscribe;
    struct error error = {.text = ""};
    if (candles_subscribe_read(request, &subscribe, &error) != STATUS_OK) {
        feed_answer_error(feed, request, NULL, &error);
        return;
    }
    struct symbol_list *list = live_symbols_pin(feed->lane->symbols);
    const struct symbol *symbol = NULL;
    enum status status = check(feed, &subscribe, &error);
    if (status == STATUS_OK)
        status = feed_find_symbol(list, subscribe.symbol, &symbol, &error);
    if (status != STATUS_OK)
        feed_answer_error(feed, request, &subscribe.id, &error);
    else if (subscribe.live)
        start(feed, request, &subscribe);
    else
        feed_question_ask_candles(feed, request, &subscribe, symbol, now);
    symbol_list_unpin(&list);
}

void feed_candles_unsubscribe(struct feed *feed, const struct request *request, struct now now)
{
    (void)now;
    struct speaker *speaker =
        feed_requested_speaker(feed, request, SPEAKER_CANDLES, "live candles");
    if (speaker == NULL)
        return;
    const struct client_candles *mine = candles_of(speaker);
    feed_answer_unsubscribed(speaker, request, mine->is_answered ? NULL : &mine->asked);
    feed_candles_drop(speaker);
}

/* ---- what to load, and when ---- */

static void arm(struct client_candles *mine, int64_t at_us, bool is_paced)
{
    mine->is_paced = is_paced;
    wheel_arm(mine->speaker.feed->lane->wheel, &mine->timer, at_us);
}

/* Nothing to say: until the next bucket ends. */
static void rest(struct client_candles *mine, struct now now)
{
    int64_t end = picture_next_end(&mine->picture);
    if (end == INT64_MAX)
        return;
    int64_t wait_us = end - now.wall_us;
    arm(mine, now.monotonic_us + (wait_us < CLOCK_US ? wait_us : CLOCK_US), false);
}

/* When it may load and say something again. */
static int64_t free_at(const struct client_candles *mine)
{
    int64_t paced_us = mine->last_us + PACE_US;
    return paced_us > mine->retry_us ? paced_us : mine->retry_us;
}

/* The symbol as the newest list has it; without any ticks when it is not there any more. Its first
 * trade is told before the list has been read again, which until then says that it has none. */
static struct symbol newest_symbol(const struct client_candles *mine)
{
    struct symbol symbol = {.from = TIME_MIN, .to = TIME_MIN};
    memcpy(symbol.name, mine->symbol, sizeof symbol.name);
    struct symbol_list *list = live_symbols_pin(mine->speaker.feed->lane->symbols);
    const struct symbol *found = list != NULL ? symbol_list_find(list, mine->symbol) : NULL;
    if (found != NULL)
        symbol = *found;
    symbol_list_unpin(&list);
    if (mine->is_list_doubted)
        symbol.lacks = 0;
    return symbol;
}

static void begin_load(struct client_candles *mine, struct now now)
{
    const struct feed_lane *lane = mine->speaker.feed->lane;
    struct symbol symbol = newest_symbol(mine);
    struct candle_query_range range;
    mine->due = picture_ask(&mine->picture, symbol.to, &range);
    if (mine->due == PICTURE_CURRENT)
        return;
    mine->query = candle_query_create(lane->tape, lane->inbox, &symbol, mine->interval.interval_us,
                                      wake_candles, mine);
    candle_query_ask(mine->query, &range);
    mine->last_us = now.monotonic_us;
}

/* Whether a load is under way. */
static bool is_loading(struct client_candles *mine, struct now now)
{
    if (mine->query != NULL)
        return true;
    picture_end_buckets(&mine->picture, now.wall_us);
    if (picture_is_stale(&mine->picture)) {
        if (now.monotonic_us < free_at(mine)) {
            arm(mine, free_at(mine), true);
            return false;
        }
        begin_load(mine, now);
    }
    if (mine->query == NULL)
        rest(mine, now);
    return mine->query != NULL;
}

/* ---- saying it ---- */

static void write_rows(struct client_candles *mine, const struct candle_rows *rows, struct now now,
                       struct buffer *out)
{
    struct candles_message message = {
        .id = mine->speaker.id,
        .symbol = mine->symbol,
        .interval = &mine->interval,
        .rows = *rows,
        .final_by = now.wall_us,
        .encodings = mine->encodings,
    };
    struct feed *feed = mine->speaker.feed;
    size_t before = out->count;
    struct writer writer;
    writer_init(&writer, out, feed->encoding);
    if (mine->due == PICTURE_UPDATE)
        counter_add(&feed->lane->figures.candle_updates, 1);
    if (mine->due == PICTURE_UPDATE)
        candles_update_write(&writer, &message);
    else
        candles_snapshot_write(&writer, mine->is_answered ? NULL : &mine->asked, &message);
    if (!mine->is_answered)
        throttle_charge(&feed->throttle, out->count - before, now.monotonic_us);
    mine->is_answered = true;
    mine->last_us = now.monotonic_us;
}

/* The first load failing is the answer. Later the client keeps what it has, and is told when there
 * is more to tell. But where candles have come to be made of more ticks than may be read for their
 * average prices, that is the end of it. */
static enum status fail(struct client_candles *mine, const struct error *error, struct now now,
                        struct buffer *out)
{
    bool is_too_much = error->status == STATUS_LIMIT;
    if (!mine->is_answered || is_too_much) {
        struct writer writer;
        writer_init(&writer, out, mine->speaker.feed->encoding);
        struct error told = *error;
        if (!is_too_much)
            told.status = STATUS_UNAVAILABLE; /* whatever it was, it was the database's */
        feed_write_error(mine->speaker.feed, &writer, mine->is_answered ? NULL : &mine->asked,
                         &mine->speaker.id, &told);
        feed_candles_drop(&mine->speaker);
        return out->failed ? STATUS_LIMIT : STATUS_OK;
    }
    end_load(mine);
    picture_fail(&mine->picture, mine->due);
    mine->retry_us = now.monotonic_us + RETRY_US;
    arm(mine, mine->retry_us, true);
    return STATUS_WAIT;
}

enum status feed_candles_say(struct speaker *speaker, struct now now, struct buffer *out)
{
    struct client_candles *mine = candles_of(speaker);
    while (is_loading(mine, now)) {
        struct error error = {.text = ""};
        struct candle_rows rows;
        enum status status = candle_query_run(mine->query, &rows, &error);
        if (status == STATUS_WAIT)
            return STATUS_WAIT;
        if (status != STATUS_OK)
            return fail(mine, &error, now, out);
        mine->retry_us = 0;
        bool is_said = picture_take(&mine->picture, mine->due, &rows, now.wall_us);
        if (is_said)
            write_rows(mine, &rows, now, out);
        end_load(mine);
        if (!is_said)
            continue;
        speaker->awake = true; /* to see what comes next */
        return out->failed ? STATUS_LIMIT : STATUS_OK;
    }
    return STATUS_WAIT;
}
