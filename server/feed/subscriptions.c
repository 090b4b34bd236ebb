/*
 * What subscriptions of all kinds have in common: how many there may be, and how they end.
 * Lane's thread.
 */
#include "feed/client.h"

#include <inttypes.h>

enum status feed_check_subscription(struct feed *feed, uint64_t id, struct error *error)
{
    enum status status = feed_check_id(feed, id, error);
    size_t count = feed->speaker_counts[SPEAKER_CANDLES] + feed->speaker_counts[SPEAKER_STORAGE] +
                   feed->speaker_counts[SPEAKER_POLICIES];
    if (status == STATUS_OK && count >= FEED_SUBSCRIPTIONS_MAX)
        return error_set(error, STATUS_LIMIT,
                         "this connection has %zu subscriptions, the most it may: end one first",
                         count);
    return status;
}

enum status feed_check_board(struct feed *feed, uint64_t id, struct error *error)
{
    if (feed->lane->boards.live == NULL)
        return error_set(error, STATUS_UNAVAILABLE, "this server does not watch its database");
    return feed_check_subscription(feed, id, error);
}

struct speaker *feed_requested_speaker(struct feed *feed, const struct request *request,
                                       enum speaker_kind kind, const char *what)
{
    uint64_t id;
    struct error error = {.text = ""};
    if (request_id(request, &id, &error) != STATUS_OK) {
        feed_answer_error(feed, request, NULL, &error);
        return NULL;
    }
    struct speaker *speaker = feed_speaker_find(feed, id);
    if (speaker != NULL && speaker->kind == kind)
        return speaker;
    error_set(&error, STATUS_NOT_FOUND, "no subscription %" PRIu64 " to %s", id, what);
    feed_answer_error(feed, request, &id, &error);
    return NULL;
}

void feed_answer_unsubscribed(struct speaker *speaker, const struct request *request,
                              const struct request *unanswered)
{
    struct feed *feed = speaker->feed;
    struct error error = {.text = ""};
    if (unanswered != NULL) { /* every request has its answer */
        error_set(&error, STATUS_CONFLICT, "unsubscribed before the first snapshot was there");
        feed_answer_error(feed, unanswered, &speaker->id, &error);
    }
    struct writer writer = feed_answer(feed);
    ok_write(&writer, request, speaker->id);
    feed_answer_end(feed);
}

enum status feed_say_never_known(struct speaker *speaker, const struct request *asked,
                                 struct buffer *out)
{
    struct error error;
    struct writer writer;
    error_set(&error, STATUS_UNAVAILABLE,
              "the database has not told of itself yet: ask again in a moment");
    writer_init(&writer, out, speaker->feed->encoding);
    feed_write_error(speaker->feed, &writer, asked, &speaker->id, &error);
    feed_speaker_drop(speaker);
    return out->failed ? STATUS_LIMIT : STATUS_OK;
}
