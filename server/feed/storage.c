/*
 * The client's subscriptions to storage: the newest snapshot, and then another every `every_s`,
 * and whenever the alerts have changed.
 *
 *   published ──▶ is it due? ──▶ awake ──▶ (the socket can take it) ──▶ say the newest
 *
 * Nothing is kept for a client that does not listen: it is told the newest state when it does. Due
 * is measured from snapshot to snapshot, not from message to message, so that a client never runs
 * out of step with the questions that are asked anyway. Lane's thread.
 */
#include "feed/client.h"

#include "base/assert.h"
#include "base/mem.h"
#include "tape/tape.h"
#include "wire/storage.h"

/* A question may be asked a little early: what is only so much younger than asked for is due. */
#define EARLY_US (TIME_SECOND_US / 2)

struct client_storage {
    struct speaker speaker;
    struct board_watcher watcher;
    struct timer deadline; /* of the first snapshot */
    bool is_late;
    bool is_answered;
    struct request asked; /* only what an answer needs of it */
    unsigned every_s;
    /* Of the snapshot that was said last. */
    uint64_t number;
    uint64_t alerts_number;
    int64_t asked_us;
};

static struct client_storage *storage_of(struct speaker *speaker)
{
    ASSERT(speaker->kind == SPEAKER_STORAGE);
    return CONTAINER_OF(speaker, struct client_storage, speaker);
}

static bool is_due(const struct client_storage *mine, const struct storage_snapshot *snapshot)
{
    if (!mine->is_answered)
        return true;
    if (snapshot->number == mine->number)
        return false;
    int64_t every_us = mine->every_s * TIME_SECOND_US;
    return snapshot->alerts_number != mine->alerts_number ||
           snapshot->asked_us - mine->asked_us >= every_us - EARLY_US;
}

static void published(struct board_watcher *watcher)
{
    struct client_storage *mine = CONTAINER_OF(watcher, struct client_storage, watcher);
    struct storage_snapshot *snapshot = live_storage_pin(mine->speaker.feed->lane->boards.live);
    if (snapshot != NULL && is_due(mine, snapshot))
        feed_speaker_wake(&mine->speaker);
    storage_snapshot_unpin(&snapshot);
}

static void deadline_passed(struct timer *timer, int64_t now_us)
{
    (void)now_us;
    struct client_storage *mine = CONTAINER_OF(timer, struct client_storage, deadline);
    mine->is_late = true;
    feed_speaker_wake(&mine->speaker);
}

/* ---- beginning and ending ---- */

static void start(struct feed *feed, const struct request *request,
                  const struct storage_subscribe *subscribe, struct now now)
{
    struct feed_lane *lane = feed->lane;
    struct client_storage *mine = MEM_NEW(struct client_storage);
    mine->asked = (struct request){.has_req = request->has_req, .req = request->req};
    mine->every_s = subscribe->every_s;
    mine->watcher.published = published;
    timer_init(&mine->deadline, deadline_passed);
    wheel_arm(lane->wheel, &mine->deadline, now.monotonic_us + FEED_FIRST_SNAPSHOT_US);
    live_storage_watch(lane->boards.live, mine->every_s);
    boards_add(&lane->boards, &mine->watcher);
    feed_speaker_join(feed, &mine->speaker, SPEAKER_STORAGE, subscribe->id);
}

void feed_storage_drop(struct speaker *speaker)
{
    struct client_storage *mine = storage_of(speaker);
    struct feed_lane *lane = speaker->feed->lane;
    feed_speaker_leave(speaker);
    boards_remove(&lane->boards, &mine->watcher);
    live_storage_unwatch(lane->boards.live, mine->every_s);
    wheel_cancel(lane->wheel, &mine->deadline);
    mem_free(mine);
}

void feed_storage_subscribe(struct feed *feed, const struct request *request, struct now now)
{
    struct storage_subscribe subscribe;
    struct error error = {.text = ""};
    if (storage_subscribe_read(request, &subscribe, &error) != STATUS_OK)
        feed_answer_error(feed, request, NULL, &error);
    else if (feed_check_board(feed, subscribe.id, &error) != STATUS_OK)
        feed_answer_error(feed, request, &subscribe.id, &error);
    else
        start(feed, request, &subscribe, now);
}

void feed_storage_unsubscribe(struct feed *feed, const struct request *request, struct now now)
{
    (void)now;
    struct speaker *speaker = feed_requested_speaker(feed, request, SPEAKER_STORAGE, "storage");
    if (speaker == NULL)
        return;
    const struct client_storage *mine = storage_of(speaker);
    feed_answer_unsubscribed(speaker, request, mine->is_answered ? NULL : &mine->asked);
    feed_storage_drop(speaker);
}

/* ---- saying it ---- */

static void write_snapshot(struct client_storage *mine, const struct storage_snapshot *snapshot,
                           struct buffer *out)
{
    struct feed *feed = mine->speaker.feed;
    struct storage_message message = {
        .id = mine->speaker.id,
        .report = snapshot->report,
        .alerts = snapshot->alerts->alerts,
        .alert_count = snapshot->alerts->count,
        .cache = feed_storage_cache(feed->lane->tape),
    };
    struct writer writer;
    writer_init(&writer, out, feed->encoding);
    storage_snapshot_write(&writer, mine->is_answered ? NULL : &mine->asked, &message);
    mine->is_answered = true;
    mine->number = snapshot->number;
    mine->alerts_number = snapshot->alerts_number;
    mine->asked_us = snapshot->asked_us;
    wheel_cancel(feed->lane->wheel, &mine->deadline);
}

enum status feed_storage_say(struct speaker *speaker, struct now now, struct buffer *out)
{
    struct client_storage *mine = storage_of(speaker);
    struct feed *feed = speaker->feed;
    struct storage_snapshot *snapshot = live_storage_pin(feed->lane->boards.live);
    if (snapshot == NULL && mine->is_late)
        return feed_say_never_known(speaker, &mine->asked, out);
    bool was_answered = mine->is_answered;
    size_t before = out->count;
    bool says = snapshot != NULL && is_due(mine, snapshot);
    if (says)
        write_snapshot(mine, snapshot, out);
    if (!was_answered)
        throttle_charge(&feed->throttle, out->count - before, now.monotonic_us);
    storage_snapshot_unpin(&snapshot);
    if (!says)
        return STATUS_WAIT;
    return out->failed ? STATUS_LIMIT : STATUS_OK;
}

struct storage_cache feed_storage_cache(struct tape *tape)
{
    struct tape_statistics statistics;
    tape_statistics(tape, &statistics);
    return (struct storage_cache){
        .bytes = (int64_t)statistics.counts.bytes,
        .budget_bytes = (int64_t)statistics.budget_bytes,
        .blocks = (int64_t)statistics.counts.blocks,
        .hits = (int64_t)statistics.counts.hits,
        .misses = (int64_t)statistics.counts.misses,
    };
}
