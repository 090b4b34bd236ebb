/*
 * Whose turn it is to speak. Lane's thread.
 */
#include "feed/client.h"

#include "base/assert.h"

#include <assert.h>
#include <inttypes.h>

static_assert(SPEAKER_KINDS <= FEED_KINDS_MAX, "each kind has its counter");

static const char *name_of(enum speaker_kind kind)
{
    switch (kind) {
    case SPEAKER_REPLAY:
        return "replay";
    case SPEAKER_CANDLES:
        return "candles";
    case SPEAKER_QUESTION:
        return "question";
    case SPEAKER_STORAGE:
        return "storage";
    case SPEAKER_POLICIES:
        return "policies";
    case SPEAKER_INQUIRY:
        return "inquiry";
    case SPEAKER_KINDS:
        break;
    }
    return NULL;
}

const char *feed_kind_name(size_t kind)
{
    return kind < SPEAKER_KINDS ? name_of((enum speaker_kind)kind) : NULL;
}

void feed_speaker_join(struct feed *feed, struct speaker *speaker, enum speaker_kind kind,
                       uint64_t id)
{
    *speaker = (struct speaker){.feed = feed, .kind = kind, .id = id};
    list_init(&speaker->node);
    list_append(&feed->speakers, &speaker->node);
    feed->speaker_counts[kind]++;
    counter_add(&feed->lane->figures.open[kind], 1);
    feed_speaker_wake(speaker);
}

void feed_speaker_leave(struct speaker *speaker)
{
    list_remove(&speaker->node);
    ASSERT(speaker->feed->speaker_counts[speaker->kind] > 0);
    speaker->feed->speaker_counts[speaker->kind]--;
    counter_subtract(&speaker->feed->lane->figures.open[speaker->kind], 1);
}

void feed_speaker_wake(struct speaker *speaker)
{
    speaker->awake = true;
    speaker->feed->wake(speaker->feed->owner);
}

static struct speaker *speaker_at(struct list *node)
{
    return CONTAINER_OF(node, struct speaker, node);
}

struct speaker *feed_speaker_find(struct feed *feed, uint64_t id)
{
    for (struct list *node = feed->speakers.next; node != &feed->speakers; node = node->next) {
        struct speaker *speaker = speaker_at(node);
        bool holds_id = speaker->kind != SPEAKER_QUESTION && speaker->kind != SPEAKER_INQUIRY;
        if (holds_id && speaker->id == id)
            return speaker;
    }
    return NULL;
}

enum status feed_check_id(struct feed *feed, uint64_t id, struct error *error)
{
    if (feed_speaker_find(feed, id) != NULL)
        return error_set(error, STATUS_CONFLICT,
                         "id %" PRIu64 " is in use: choose another or close it first", id);
    return STATUS_OK;
}

enum status feed_find_symbol(const struct symbol_list *list, const char *name,
                             const struct symbol **symbol, struct error *error)
{
    if (list == NULL)
        return error_set(error, STATUS_UNAVAILABLE,
                         "the database has not been reached yet: ask again in a moment");
    *symbol = symbol_list_find(list, name);
    if (*symbol == NULL)
        return error_set(error, STATUS_NOT_FOUND,
                         "no ticks of symbol \"%s\" are known; the op symbols lists whose are",
                         name);
    return STATUS_OK;
}

static enum status say(struct speaker *speaker, struct now now, struct buffer *out)
{
    switch (speaker->kind) {
    case SPEAKER_REPLAY:
        return feed_replay_say(speaker, now, out);
    case SPEAKER_CANDLES:
        return feed_candles_say(speaker, now, out);
    case SPEAKER_QUESTION:
        return feed_question_say(speaker, now, out);
    case SPEAKER_STORAGE:
        return feed_storage_say(speaker, now, out);
    case SPEAKER_POLICIES:
        return feed_policies_say(speaker, now, out);
    case SPEAKER_INQUIRY:
        return feed_inquiry_say(speaker, now, out);
    case SPEAKER_KINDS:
        break;
    }
    ASSERT(false);
    return STATUS_INTERNAL;
}

void feed_speaker_drop(struct speaker *speaker)
{
    switch (speaker->kind) {
    case SPEAKER_REPLAY:
        feed_replay_drop(speaker);
        break;
    case SPEAKER_CANDLES:
        feed_candles_drop(speaker);
        break;
    case SPEAKER_QUESTION:
        feed_question_drop(speaker);
        break;
    case SPEAKER_STORAGE:
        feed_storage_drop(speaker);
        break;
    case SPEAKER_POLICIES:
        feed_policies_drop(speaker);
        break;
    case SPEAKER_INQUIRY:
        feed_inquiry_drop(speaker);
        break;
    case SPEAKER_KINDS:
        ASSERT(false);
    }
}

static size_t count_all(const struct feed *feed)
{
    size_t count = 0;
    for (size_t kind = 0; kind < SPEAKER_KINDS; kind++)
        count += feed->speaker_counts[kind];
    return count;
}

enum status feed_speakers_say(struct feed *feed, struct now now, struct buffer *out)
{
    for (size_t left = count_all(feed); left > 0; left--) {
        struct speaker *speaker = speaker_at(feed->speakers.next);
        /* To the end of the row, whatever it says: one cannot keep the others silent. */
        list_remove(&speaker->node);
        list_append(&feed->speakers, &speaker->node);
        if (!speaker->awake)
            continue;
        speaker->awake = false; /* first: speaking may wake it */
        enum status status = say(speaker, now, out);
        if (status != STATUS_WAIT)
            return status; /* and it may be gone */
    }
    return STATUS_WAIT;
}

void feed_speakers_close_all(struct feed *feed)
{
    while (!list_is_empty(&feed->speakers))
        feed_speaker_drop(speaker_at(feed->speakers.next));
}
