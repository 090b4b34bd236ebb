/*
 * The client's questions about candles that are answered once they have been loaded:
 * replay.history, and candles.subscribe without `live`. One candle query each, at most
 * FEED_QUESTIONS_MAX of them; the answer is written when the socket can take it. Lane's thread.
 */
#include "feed/client.h"

#include "base/assert.h"
#include "base/mem.h"
#include "tape/candle_query.h"
#include "wire/replay_history.h"

#include <string.h>

struct question {
    struct speaker speaker;
    struct request asked; /* only what an answer needs of it */
    bool is_history;
    int64_t symbol_index; /* of a replay */
    char symbol[SYMBOL_BYTES_MAX + 1];
    struct replay_interval interval;
    unsigned encodings;
    int64_t at; /* of a history */
    struct candle_query *query;
};

static struct question *question_of(struct speaker *speaker)
{
    ASSERT(speaker->kind == SPEAKER_QUESTION);
    return CONTAINER_OF(speaker, struct question, speaker);
}

static void wake_question(void *owner)
{
    struct question *mine = owner;
    feed_speaker_wake(&mine->speaker);
}

static enum status check_room(const struct feed *feed, struct error *error)
{
    size_t count = feed->speaker_counts[SPEAKER_QUESTION];
    if (count >= FEED_QUESTIONS_MAX)
        return error_set(error, STATUS_LIMIT,
                         "%zu requests for candles wait for their answer, the most there may be "
                         "(candle_requests): ask again when one has come",
                         count);
    return STATUS_OK;
}

static struct question *create(struct feed *feed, const struct request *request, uint64_t id,
                               const struct replay_interval *interval, unsigned encodings)
{
    struct question *mine = MEM_NEW(struct question);
    mine->asked = (struct request){.has_req = request->has_req, .req = request->req};
    mine->interval = *interval;
    mine->encodings = encodings;
    feed_speaker_join(feed, &mine->speaker, SPEAKER_QUESTION, id);
    return mine;
}

static void ask(struct question *mine, const struct symbol *symbol,
                const struct candle_query_range *range)
{
    const struct feed_lane *lane = mine->speaker.feed->lane;
    memcpy(mine->symbol, symbol->name, sizeof mine->symbol);
    mine->query = candle_query_create(lane->tape, lane->inbox, symbol, mine->interval.interval_us,
                                      wake_question, mine);
    candle_query_ask(mine->query, range);
}

void feed_question_drop(struct speaker *speaker)
{
    struct question *mine = question_of(speaker);
    feed_speaker_leave(speaker);
    candle_query_destroy(&mine->query);
    mem_free(mine);
}

/* ---- replay.history ---- */

static enum status choose(const struct client_replay *replay,
                          struct replay_history_request *history, struct error *error)
{
    size_t symbols = replay_symbol_count(replay->replay);
    if (history->symbol >= (int64_t)symbols)
        return error_set(error, STATUS_INVALID,
                         "symbol is %lld; it must be an index in the replay's list, 0 to %zu",
                         (long long)history->symbol, symbols - 1);
    struct replay_view view;
    replay_look(replay->replay, &view);
    if (!history->has_at)
        history->at = view.at;
    if (history->at < view.from || history->at > view.to)
        return error_set(error, STATUS_INVALID, "at is %s; it must lie in the range %s to %s",
                         time_format(history->at).text, time_format(view.from).text,
                         time_format(view.to).text);
    return STATUS_OK;
}

static void ask_history(struct client_replay *replay, const struct request *request,
                        const struct replay_history_request *history)
{
    struct question *mine = create(replay->speaker.feed, request, replay->speaker.id,
                                   &history->interval, replay->encodings);
    mine->is_history = true;
    mine->symbol_index = history->symbol;
    mine->at = history->at;
    ask(mine, replay_symbol(replay->replay, (size_t)history->symbol),
        &(struct candle_query_range){
            .from = TIME_MIN,
            .to = history->before,
            .at = history->at,
            .limit = history->count,
            .vwap = history->vwap,
        });
}

void feed_replay_history(struct feed *feed, const struct request *request, struct now now)
{
    (void)now;
    struct client_replay *replay = feed_requested_replay(feed, request);
    if (replay == NULL)
        return;
    struct replay_history_request history;
    struct error error = {.text = ""};
    enum status status = replay_history_read(request, &history, &error);
    if (status == STATUS_OK)
        status = choose(replay, &history, &error);
    if (status == STATUS_OK)
        status = check_room(feed, &error);
    if (status == STATUS_OK)
        ask_history(replay, request, &history);
    else
        feed_answer_error(feed, request, &replay->speaker.id, &error);
}

void feed_questions_cancel(struct feed *feed, uint64_t replay)
{
    struct error error = {.text = ""};
    error_set(&error, STATUS_NOT_FOUND, "the replay was closed before its history was there");
    for (struct list *node = feed->speakers.next, *next; node != &feed->speakers; node = next) {
        next = node->next;
        struct speaker *speaker = CONTAINER_OF(node, struct speaker, node);
        if (speaker->kind != SPEAKER_QUESTION || speaker->id != replay)
            continue;
        struct question *mine = question_of(speaker);
        if (!mine->is_history)
            continue;
        feed_answer_error(feed, &mine->asked, &replay, &error);
        feed_question_drop(speaker);
    }
}

/* ---- candles.subscribe without `live` ---- */

void feed_question_ask_candles(struct feed *feed, const struct request *request,
                               const struct candles_subscribe *subscribe,
                               const struct symbol *symbol, struct now now)
{
    struct error error = {.text = ""};
    if (check_room(feed, &error) != STATUS_OK) {
        feed_answer_error(feed, request, &subscribe->id, &error);
        return;
    }
    struct question *mine =
        create(feed, request, subscribe->id, &subscribe->interval, subscribe->encodings);
    struct time_range window = subscribe->window;
    int64_t end = candle_query_end(symbol, now.wall_us);
    ask(mine, symbol,
        &(struct candle_query_range){.from = window.from,
                                     .to = window.to < end ? window.to : end,
                                     .at = CANDLE_QUERY_NO_INSTANT,
                                     .limit = subscribe->limit,
                                     .vwap = subscribe->vwap});
}

/* ---- the answer ---- */

static void write_history(const struct question *mine, struct writer *writer,
                          const struct candle_rows *rows)
{
    struct replay_history_answer answer = {
        .id = mine->speaker.id,
        .symbol = mine->symbol_index,
        .interval = &mine->interval,
        .at = mine->at,
        .rows = *rows,
        .encodings = mine->encodings,
    };
    replay_history_write(writer, &mine->asked, &answer);
}

static void write_candles(const struct question *mine, struct writer *writer,
                          const struct candle_rows *rows, int64_t wall_us)
{
    struct candles_message message = {
        .id = mine->speaker.id,
        .symbol = mine->symbol,
        .interval = &mine->interval,
        .rows = *rows,
        .final_by = wall_us,
        .encodings = mine->encodings,
    };
    candles_snapshot_write(writer, &mine->asked, &message);
}

/* Whatever it was, it was the database's, unless it was too much. */
static void say_failure(struct question *mine, struct writer *writer, const struct error *error)
{
    struct error told = *error;
    if (told.status != STATUS_LIMIT)
        told.status = STATUS_UNAVAILABLE;
    feed_write_error(mine->speaker.feed, writer, &mine->asked, &mine->speaker.id, &told);
}

enum status feed_question_say(struct speaker *speaker, struct now now, struct buffer *out)
{
    struct question *mine = question_of(speaker);
    struct feed *feed = speaker->feed;
    struct error error = {.text = ""};
    struct candle_rows rows;
    enum status status = candle_query_run(mine->query, &rows, &error);
    if (status == STATUS_WAIT)
        return STATUS_WAIT;
    size_t before = out->count;
    struct writer writer;
    writer_init(&writer, out, feed->encoding);
    if (status != STATUS_OK)
        say_failure(mine, &writer, &error);
    else if (mine->is_history)
        write_history(mine, &writer, &rows);
    else
        write_candles(mine, &writer, &rows, now.wall_us);
    throttle_charge(&feed->throttle, out->count - before, now.monotonic_us);
    feed_question_drop(speaker);
    return out->failed ? STATUS_LIMIT : STATUS_OK;
}
