#include "feed/feed.h"

#include "base/assert.h"
#include "base/mem.h"
#include "feed/client.h"

#include <inttypes.h>
#include <string.h>

void feed_lane_init(struct feed_lane *lane)
{
    lane->replay = (struct replay_lane){
        .tape = lane->tape,
        .source = lane->source,
        .inbox = lane->inbox,
        .wheel = lane->wheel,
    };
    watchers_init(&lane->watchers, lane->changes, lane->inbox);
    boards_init(&lane->boards, lane->live_operations, lane->inbox);
    lane->inquiries = (struct inquiries){
        .operations = lane->operations, .live = lane->live_operations, .inbox = lane->inbox};
    gather_init(&lane->replay.gather);
    series_rows_init(&lane->replay.series_rows);
    lane->decoder = decoder_create();
    answers_draft_init(&lane->draft);
}

void feed_lane_deinit(struct feed_lane *lane)
{
    watchers_deinit(&lane->watchers);
    boards_deinit(&lane->boards);
    gather_deinit(&lane->replay.gather);
    series_rows_deinit(&lane->replay.series_rows);
    decoder_destroy(&lane->decoder);
    buffer_deinit(&lane->draft);
}

struct writer feed_answer(struct feed *feed)
{
    struct writer writer;
    writer_init(&writer, answers_draft(&feed->answers), feed->encoding);
    return writer;
}

void feed_answer_end(struct feed *feed)
{
    answers_commit(&feed->answers);
    feed->wake(feed->owner);
}

void feed_write_error(struct feed *feed, struct writer *writer, const struct request *request,
                      const uint64_t *id, const struct error *error)
{
    size_t index = wire_error_index(wire_error_code(error->status));
    counter_add(&feed->lane->figures.errors[index], 1);
    error_write(writer, request, id, error->status, error->text);
}

void feed_write_error_code(struct feed *feed, struct writer *writer, const struct request *request,
                           const char *code, const char *sentence)
{
    counter_add(&feed->lane->figures.errors[wire_error_index(code)], 1);
    error_write_code(writer, request, NULL, code, sentence);
}

void feed_answer_error(struct feed *feed, const struct request *request, const uint64_t *id,
                       const struct error *error)
{
    struct writer writer = feed_answer(feed);
    feed_write_error(feed, &writer, request, id, error);
    feed_answer_end(feed);
}

static void say_welcome(struct feed *feed, struct now now)
{
    const struct feed_lane *lane = feed->lane;
    struct welcome welcome = {
        .server = lane->server,
        .engine = lane->engine,
        .engine_version = lane->engine_version,
        .auth_required = lane->gate != NULL && !gate_is_open(lane->gate),
        .role = feed_is_unproven(feed) ? NULL : role_name(feed->session.role),
        .replays_max = (int64_t)lane->replays_max,
        .symbols_max = REPLAY_SYMBOLS_MAX,
        .subscriptions_max = FEED_SUBSCRIPTIONS_MAX,
        .questions_max = FEED_QUESTIONS_MAX,
        .pending_answers_max = FEED_ANSWERS_MAX,
        .pending_bytes_max = FEED_ANSWER_BYTES_MAX,
        .requests_per_second = lane->rates.requests_per_second,
        .requests_burst = lane->rates.requests_burst,
        .acks_per_second = lane->rates.acks_per_second,
        .now = now.wall_us,
    };
    welcome.op_count = feed_ops(&welcome.ops);
    struct writer writer = feed_answer(feed);
    welcome_write(&writer, &welcome);
    feed_answer_end(feed);
}

struct feed *feed_create(struct feed_lane *lane, const struct feed_peer *peer, struct now now)
{
    struct feed *feed = MEM_NEW(struct feed);
    feed->lane = lane;
    feed->encoding = peer->encoding;
    feed->wake = peer->wake;
    feed->owner = peer->owner;
    answers_init(&feed->answers, &lane->draft);
    throttle_init(&feed->throttle, &lane->rates, lane->wheel, peer->wake, peer->owner,
                  now.monotonic_us);
    list_init(&feed->speakers);
    feed_session_begin(feed, peer, now);
    say_welcome(feed, now);
    return feed;
}

void feed_destroy(struct feed **feed)
{
    struct feed *gone = *feed;
    *feed = NULL;
    feed_session_end(gone);
    feed_speakers_close_all(gone);
    throttle_deinit(&gone->throttle);
    answers_deinit(&gone->answers);
    mem_free(gone);
}

void feed_refuse(struct feed *feed, uint16_t close_code, const char *sentence)
{
    if (feed->closing)
        return;
    struct writer writer = feed_answer(feed);
    feed_write_error_code(feed, &writer, NULL, "bad_message", sentence);
    feed_answer_end(feed);
    feed_close(feed, close_code, "bad message");
}

static void refuse_haste(struct feed *feed, const struct request *request)
{
    const struct throttle_limits *rates = &feed->lane->rates;
    struct error error = {.text = ""};
    error_set(&error, STATUS_LIMIT,
              "more than %" PRId64 " requests a second (requests_per_second) after %" PRId64
              " at once (requests_burst): send fewer, or send them later",
              rates->requests_per_second, rates->requests_burst);
    counter_add(&feed->lane->figures.requests_refused, 1);
    feed_answer_error(feed, request, NULL, &error);
}

/* What cannot be read, and ops that do not exist, count as well. */
static void receive_message(struct feed *feed, const struct value *root, struct now now)
{
    struct request request = {.op = NULL};
    struct error error = {.text = ""};
    enum status status = request_read(root, &request, &error);
    if (status == STATUS_OK && strcmp(request.op, FEED_ACK_OP) == 0) {
        counter_add(&feed->lane->figures.acks, 1);
        throttle_note_ack(&feed->throttle, now.monotonic_us);
        feed_request(feed, &request, now);
        return;
    }
    counter_add(&feed->lane->figures.requests, 1);
    if (!throttle_admit(&feed->throttle, now.monotonic_us))
        refuse_haste(feed, &request);
    else if (status != STATUS_OK)
        feed_answer_error(feed, &request, NULL, &error);
    else
        feed_request(feed, &request, now);
}

void feed_receive(struct feed *feed, const uint8_t *bytes, size_t count, struct now now)
{
    if (feed->closing || feed_has_expired(feed, now))
        return;
    const struct value *root;
    uint16_t close_code;
    struct error error = {.text = ""};
    if (decoder_decode(feed->lane->decoder, feed->encoding, bytes, count, &root, &close_code,
                       &error) != STATUS_OK) {
        feed_refuse(feed, close_code, error.text);
        return;
    }
    size_t unread_bytes = feed->answers.bytes;
    receive_message(feed, root, now);
    throttle_charge(&feed->throttle, feed->answers.bytes - unread_bytes, now.monotonic_us);
}

bool feed_wants_input(const struct feed *feed)
{
    return !feed->closing && !feed->throttle.is_paused && feed->answers.count < FEED_ANSWERS_MAX &&
           feed->answers.bytes < FEED_ANSWER_BYTES_MAX;
}

size_t feed_unread_bytes(const struct feed *feed)
{
    return feed->answers.bytes;
}

enum status feed_send(struct feed *feed, struct now now, struct buffer *out)
{
    if (answers_take(&feed->answers, out))
        return STATUS_OK;
    if (feed->closing)
        return STATUS_END;
    return feed_speakers_say(feed, now, out);
}

uint16_t feed_close_code(const struct feed *feed, const char **reason)
{
    ASSERT(feed->closing);
    *reason = feed->close_reason;
    return feed->close_code;
}

void feed_close(struct feed *feed, uint16_t close_code, const char *reason)
{
    if (feed->closing)
        return;
    feed->closing = true;
    feed->close_code = close_code;
    feed->close_reason = reason;
    feed->wake(feed->owner);
}
