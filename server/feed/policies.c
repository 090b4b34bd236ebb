/*
 * The client's subscriptions to policies: a snapshot, then an event for every run that ends, each
 * followed by the newest snapshot, which also comes when anything else has changed.
 *
 *   subscribe ──▶ look (after this moment) ──▶ snapshot ──▶ events after it ──▶ snapshot …
 *                  │ not within LOOK_US: the newest there is; what ended before the next look is
 *                  │ not told then, because it may have ended before the subscription
 *
 * Of events only a number is kept: one who has not listened for LIVE_EVENTS_KEPT of them is told
 * how things are, not how they came to be. Lane's thread.
 */
#include "feed/client.h"

#include "base/assert.h"
#include "base/mem.h"
#include "wire/policies.h"

#define LOOK_US (2 * TIME_SECOND_US)

struct client_policies {
    struct speaker speaker;
    struct board_watcher watcher;
    struct timer patience; /* with a look that does not come */
    struct timer deadline; /* of the first snapshot */
    bool is_impatient;
    bool is_late;
    bool is_answered;
    bool is_stale;        /* answered out of an older look: where events begin is not known yet */
    struct request asked; /* only what an answer needs of it */
    uint64_t look;
    uint64_t next_event;
    uint64_t news; /* of the snapshot that was said last */
};

static struct client_policies *policies_of(struct speaker *speaker)
{
    ASSERT(speaker->kind == SPEAKER_POLICIES);
    return CONTAINER_OF(speaker, struct client_policies, speaker);
}

static bool has_something(const struct client_policies *mine,
                          const struct policies_snapshot *snapshot)
{
    bool is_fresh = snapshot->look >= mine->look;
    if (!mine->is_answered)
        return is_fresh || mine->is_impatient;
    return mine->next_event < snapshot->events || mine->news != snapshot->news;
}

static void published(struct board_watcher *watcher)
{
    struct client_policies *mine = CONTAINER_OF(watcher, struct client_policies, watcher);
    struct policies_snapshot *snapshot = live_policies_pin(mine->speaker.feed->lane->boards.live);
    if (snapshot != NULL && has_something(mine, snapshot))
        feed_speaker_wake(&mine->speaker);
    policies_snapshot_unpin(&snapshot);
}

static void patience_ended(struct timer *timer, int64_t now_us)
{
    (void)now_us;
    struct client_policies *mine = CONTAINER_OF(timer, struct client_policies, patience);
    mine->is_impatient = true;
    feed_speaker_wake(&mine->speaker);
}

static void deadline_passed(struct timer *timer, int64_t now_us)
{
    (void)now_us;
    struct client_policies *mine = CONTAINER_OF(timer, struct client_policies, deadline);
    mine->is_late = true;
    feed_speaker_wake(&mine->speaker);
}

/* ---- beginning and ending ---- */

static void start(struct feed *feed, const struct request *request, uint64_t id, struct now now)
{
    struct feed_lane *lane = feed->lane;
    struct client_policies *mine = MEM_NEW(struct client_policies);
    mine->asked = (struct request){.has_req = request->has_req, .req = request->req};
    mine->watcher.published = published;
    timer_init(&mine->patience, patience_ended);
    timer_init(&mine->deadline, deadline_passed);
    wheel_arm(lane->wheel, &mine->patience, now.monotonic_us + LOOK_US);
    wheel_arm(lane->wheel, &mine->deadline, now.monotonic_us + FEED_FIRST_SNAPSHOT_US);
    boards_add(&lane->boards, &mine->watcher);
    live_policies_watch(lane->boards.live);
    mine->look = live_operations_look(lane->boards.live);
    feed_speaker_join(feed, &mine->speaker, SPEAKER_POLICIES, id);
}

void feed_policies_drop(struct speaker *speaker)
{
    struct client_policies *mine = policies_of(speaker);
    struct feed_lane *lane = speaker->feed->lane;
    feed_speaker_leave(speaker);
    live_policies_unwatch(lane->boards.live);
    boards_remove(&lane->boards, &mine->watcher);
    wheel_cancel(lane->wheel, &mine->patience);
    wheel_cancel(lane->wheel, &mine->deadline);
    mem_free(mine);
}

void feed_policies_subscribe(struct feed *feed, const struct request *request, struct now now)
{
    uint64_t id;
    struct error error = {.text = ""};
    if (request_id(request, &id, &error) != STATUS_OK)
        feed_answer_error(feed, request, NULL, &error);
    else if (feed_check_board(feed, id, &error) != STATUS_OK)
        feed_answer_error(feed, request, &id, &error);
    else
        start(feed, request, id, now);
}

void feed_policies_unsubscribe(struct feed *feed, const struct request *request, struct now now)
{
    (void)now;
    struct speaker *speaker = feed_requested_speaker(feed, request, SPEAKER_POLICIES, "policies");
    if (speaker == NULL)
        return;
    const struct client_policies *mine = policies_of(speaker);
    feed_answer_unsubscribed(speaker, request, mine->is_answered ? NULL : &mine->asked);
    feed_policies_drop(speaker);
}

/* ---- saying it ---- */

static void write_snapshot(struct client_policies *mine, const struct policies_snapshot *snapshot,
                           struct buffer *out)
{
    struct feed *feed = mine->speaker.feed;
    struct writer writer;
    writer_init(&writer, out, feed->encoding);
    policies_snapshot_write(&writer, mine->is_answered ? NULL : &mine->asked, mine->speaker.id,
                            snapshot->report, feed->lane->decoder);
    mine->news = snapshot->news;
}

static void answer(struct client_policies *mine, const struct policies_snapshot *snapshot,
                   struct now now, struct buffer *out)
{
    struct feed *feed = mine->speaker.feed;
    size_t before = out->count;
    write_snapshot(mine, snapshot, out);
    throttle_charge(&feed->throttle, out->count - before, now.monotonic_us);
    mine->is_answered = true;
    mine->is_stale = snapshot->look < mine->look;
    mine->next_event = snapshot->events;
    wheel_cancel(feed->lane->wheel, &mine->patience);
    wheel_cancel(feed->lane->wheel, &mine->deadline);
}

/* False: there is none to tell. */
static bool say_event(struct client_policies *mine, const struct policies_snapshot *snapshot,
                      struct buffer *out)
{
    struct feed *feed = mine->speaker.feed;
    struct live_policy_event event;
    if (mine->next_event >= snapshot->events)
        return false;
    if (!live_policies_event(feed->lane->boards.live, mine->next_event, &event)) {
        mine->next_event = snapshot->events; /* the snapshot says how they ended */
        return false;
    }
    mine->next_event++;
    struct policies_event message = {
        .id = mine->speaker.id,
        .job_id = event.job_id,
        .status = event.status,
        .error = event.has_error ? event.error : NULL,
    };
    struct writer writer;
    writer_init(&writer, out, feed->encoding);
    policies_event_write(&writer, &message);
    return true;
}

/* False: nothing is to be said now. */
static bool say_newest(struct client_policies *mine, const struct policies_snapshot *snapshot,
                       struct now now, struct buffer *out)
{
    if (!has_something(mine, snapshot))
        return false;
    if (!mine->is_answered) {
        answer(mine, snapshot, now, out);
        return true;
    }
    if (mine->is_stale && snapshot->look >= mine->look) {
        mine->is_stale = false;
        mine->next_event = snapshot->events;
    }
    if (!mine->is_stale && say_event(mine, snapshot, out))
        return true;
    if (mine->news == snapshot->news)
        return false;
    write_snapshot(mine, snapshot, out);
    return true;
}

enum status feed_policies_say(struct speaker *speaker, struct now now, struct buffer *out)
{
    struct client_policies *mine = policies_of(speaker);
    struct policies_snapshot *snapshot = live_policies_pin(speaker->feed->lane->boards.live);
    if (snapshot == NULL && mine->is_late)
        return feed_say_never_known(speaker, &mine->asked, out);
    bool says = snapshot != NULL && say_newest(mine, snapshot, now, out);
    policies_snapshot_unpin(&snapshot);
    if (!says)
        return STATUS_WAIT;
    speaker->awake = true; /* to see what comes next */
    return out->failed ? STATUS_LIMIT : STATUS_OK;
}
