#include "feed/client.h"

#include "base/assert.h"
#include "base/mem.h"

#include <inttypes.h>
#include <string.h>

static struct client_replay *replay_of(struct speaker *speaker)
{
    ASSERT(speaker->kind == SPEAKER_REPLAY);
    return CONTAINER_OF(speaker, struct client_replay, speaker);
}

static void wake_replay(void *owner)
{
    struct client_replay *mine = owner;
    feed_speaker_wake(&mine->speaker);
}

struct client_replay *feed_requested_replay(struct feed *feed, const struct request *request)
{
    uint64_t id;
    struct error error = {.text = ""};
    if (request_id(request, &id, &error) != STATUS_OK) {
        feed_answer_error(feed, request, NULL, &error);
        return NULL;
    }
    struct speaker *speaker = feed_speaker_find(feed, id);
    if (speaker != NULL && speaker->kind == SPEAKER_REPLAY)
        return replay_of(speaker);
    error_set(&error, STATUS_NOT_FOUND, "no replay %" PRIu64 " is open on this connection", id);
    feed_answer_error(feed, request, &id, &error);
    return NULL;
}

static void answer_ok(struct client_replay *mine, const struct request *request,
                      enum replay_state state)
{
    struct replay_view view;
    replay_look(mine->replay, &view);
    struct replay_ok ok = {.id = mine->speaker.id,
                           .epoch = view.epoch,
                           .state = state,
                           .at = view.at,
                           .speed = view.speed};
    struct writer writer = feed_answer(mine->speaker.feed);
    replay_ok_write(&writer, request, &ok);
    feed_answer_end(mine->speaker.feed);
    wake_replay(mine);
}

/* `ok` as the replay now stands, or the error. */
static void answer_control(struct client_replay *mine, const struct request *request,
                           enum status status, const struct error *error)
{
    if (status != STATUS_OK) {
        feed_answer_error(mine->speaker.feed, request, &mine->speaker.id, error);
        return;
    }
    struct replay_view view;
    replay_look(mine->replay, &view);
    answer_ok(mine, request, view.state);
}

/* ---- opening --------------------------------------------------------------------------- */

static enum status find_symbols(const struct symbol_list *list, const struct replay_open *open,
                                struct replay_options *options, struct error *error)
{
    options->symbol_count = open->symbol_count;
    for (size_t i = 0; i < open->symbol_count; i++) {
        enum status status = feed_find_symbol(list, open->symbols[i], &options->symbols[i], error);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

/* Where `to` is absent: the end of the data now. */
static int64_t end_of_data(const struct replay_options *options)
{
    int64_t end = TIME_MIN;
    for (size_t i = 0; i < options->symbol_count; i++) {
        if (options->symbols[i]->to > end)
            end = options->symbols[i]->to;
    }
    return end;
}

static enum status choose_range(const struct replay_open *open, struct replay_options *options,
                                struct error *error)
{
    options->from = open->from;
    options->to = open->has_to ? open->to : end_of_data(options);
    if (options->from > options->to)
        return error_set(error, STATUS_INVALID,
                         "from is %s, after the end of the data at %s: choose an earlier from",
                         time_format(options->from).text, time_format(options->to).text);
    options->at = replay_speed_direction(open->speed) > 0 ? options->from : options->to;
    if (open->has_at)
        options->at = open->at;
    if (options->at < options->from || options->at > options->to)
        return error_set(error, STATUS_INVALID, "at is %s; it must lie in the range %s to %s",
                         time_format(options->at).text, time_format(options->from).text,
                         time_format(options->to).text);
    return STATUS_OK;
}

static struct frame_budget budget_for(enum wire_encoding encoding, unsigned encodings)
{
    struct frame_budget budget = {
        .bytes = WIRE_FRAME_BYTES,
        .head_bytes = WIRE_FRAME_HEAD_BYTES,
        .symbol_bytes = WIRE_FRAME_SYMBOL_BYTES,
        .candle_bytes = wire_candle_bytes(encoding),
        .encodings = encodings,
    };
    for (size_t i = 0; i < COLUMN_ENCODINGS; i++)
        budget.row_bytes[i] = wire_row_bytes(encoding, (enum column_encoding)i);
    return budget;
}

static void take_settings(const struct replay_open *open, enum wire_encoding encoding,
                          struct replay_options *options)
{
    options->speed = open->speed;
    options->fps = open->fps;
    options->playing = open->playing;
    options->ticks = open->ticks;
    options->intervals = open->intervals;
    options->lead_us = open->lead_ms * 1000;
    options->flow_ack = open->flow_ack;
    options->window_us = open->window_ms * 1000;
    options->window_bytes = REPLAY_WINDOW_BYTES;
    options->budget = budget_for(encoding, open->encodings);
}

static enum status check_id(struct feed *feed, uint64_t id, struct error *error)
{
    enum status status = feed_check_id(feed, id, error);
    if (status != STATUS_OK)
        return status;
    size_t open_count = feed->speaker_counts[SPEAKER_REPLAY];
    if (open_count >= feed->lane->replays_max)
        return error_set(error, STATUS_LIMIT,
                         "this connection has %zu replays open, the most it may: close one first",
                         open_count);
    return STATUS_OK;
}

static enum status prepare(struct feed *feed, const struct replay_open *open,
                           const struct symbol_list *list, struct replay_options *options,
                           struct error *error)
{
    enum status status = check_id(feed, open->id, error);
    if (status == STATUS_OK)
        status = find_symbols(list, open, options, error);
    if (status == STATUS_OK)
        status = choose_range(open, options, error);
    if (status == STATUS_OK)
        take_settings(open, feed->encoding, options);
    return status;
}

static void answer_opened(struct client_replay *mine, const struct request *request,
                          const struct replay_open *open)
{
    struct replay_view view;
    replay_look(mine->replay, &view);
    struct replay_opened opened = {
        .id = mine->speaker.id,
        .epoch = view.epoch,
        .symbols = open->symbols,
        .symbol_count = open->symbol_count,
        .from = view.from,
        .to = view.to,
        .at = view.at,
        .speed = view.speed,
        .state = view.state,
    };
    struct writer writer = feed_answer(mine->speaker.feed);
    replay_opened_write(&writer, request, &opened);
    feed_answer_end(mine->speaker.feed);
}

static void start_replay(struct feed *feed, const struct request *request,
                         const struct replay_open *open, const struct replay_options *options,
                         struct now now)
{
    struct client_replay *mine = MEM_NEW(struct client_replay);
    mine->encodings = open->encodings;
    feed_speaker_join(feed, &mine->speaker, SPEAKER_REPLAY, open->id);
    mine->replay = replay_create(&feed->lane->replay, options, wake_replay, mine, now.monotonic_us);
    answer_opened(mine, request, open);
}

void feed_replay_open(struct feed *feed, const struct request *request, struct now now)
{
    struct replay_open open;
    struct error error = {.text = ""};
    if (replay_open_read(request, &open, &error) != STATUS_OK) {
        feed_answer_error(feed, request, NULL, &error);
        return;
    }
    struct replay_options options = {.symbol_count = 0};
    struct symbol_list *list = live_symbols_pin(feed->lane->symbols);
    if (prepare(feed, &open, list, &options, &error) == STATUS_OK)
        start_replay(feed, request, &open, &options, now);
    else
        feed_answer_error(feed, request, &open.id, &error);
    symbol_list_unpin(&list);
}

/* ---- controls --------------------------------------------------------------------------- */

void feed_replay_play(struct feed *feed, const struct request *request, struct now now)
{
    struct client_replay *mine = feed_requested_replay(feed, request);
    if (mine == NULL)
        return;
    struct error error = {.text = ""};
    enum status status = replay_play(mine->replay, now.monotonic_us, &error);
    answer_control(mine, request, status, &error);
}

void feed_replay_pause(struct feed *feed, const struct request *request, struct now now)
{
    struct client_replay *mine = feed_requested_replay(feed, request);
    if (mine == NULL)
        return;
    replay_pause(mine->replay, now.monotonic_us);
    answer_control(mine, request, STATUS_OK, NULL);
}

void feed_replay_seek(struct feed *feed, const struct request *request, struct now now)
{
    struct client_replay *mine = feed_requested_replay(feed, request);
    if (mine == NULL)
        return;
    int64_t to;
    struct error error = {.text = ""};
    enum status status = replay_seek_read(request, &to, &error);
    if (status == STATUS_OK)
        status = replay_seek(mine->replay, to, now.monotonic_us, &error);
    answer_control(mine, request, status, &error);
}

void feed_replay_speed(struct feed *feed, const struct request *request, struct now now)
{
    struct client_replay *mine = feed_requested_replay(feed, request);
    if (mine == NULL)
        return;
    struct replay_speed_change change;
    struct error error = {.text = ""};
    enum status status = replay_speed_change_read(request, &change, &error);
    if (status == STATUS_OK)
        status = replay_change_speed(mine->replay, change.speed, change.has_at ? &change.at : NULL,
                                     now.monotonic_us, &error);
    answer_control(mine, request, status, &error);
}

void feed_replay_step(struct feed *feed, const struct request *request, struct now now)
{
    struct client_replay *mine = feed_requested_replay(feed, request);
    if (mine == NULL)
        return;
    struct replay_step_request asked;
    struct error error = {.text = ""};
    enum status status = replay_step_read(request, &asked, &error);
    if (status == STATUS_OK)
        status = replay_step(mine->replay, &asked.step, asked.has_at ? &asked.at : NULL,
                             now.monotonic_us, &error);
    answer_control(mine, request, status, &error);
}

void feed_replay_set(struct feed *feed, const struct request *request, struct now now)
{
    struct client_replay *mine = feed_requested_replay(feed, request);
    if (mine == NULL)
        return;
    struct replay_set set;
    struct error error = {.text = ""};
    enum status status = replay_set_read(request, &set, &error);
    if (status == STATUS_OK && set.has_intervals)
        status = replay_intervals_check(&set.intervals, replay_symbol_count(mine->replay), &error);
    if (status == STATUS_OK)
        replay_set(mine->replay,
                   &(struct replay_changes){.ticks = set.has_ticks ? &set.ticks : NULL,
                                            .fps = set.has_fps ? &set.fps : NULL,
                                            .intervals = set.has_intervals ? &set.intervals : NULL},
                   now.monotonic_us);
    answer_control(mine, request, status, &error);
}

void feed_replay_ack(struct feed *feed, const struct request *request, struct now now)
{
    (void)now;
    struct client_replay *mine = feed_requested_replay(feed, request);
    if (mine == NULL)
        return;
    struct replay_ack ack;
    struct error error = {.text = ""};
    enum status status = replay_ack_read(request, &ack, &error);
    if (status == STATUS_OK)
        status = replay_acknowledge(mine->replay, ack.epoch, ack.seq, &error);
    if (status != STATUS_OK)
        feed_answer_error(feed, request, &mine->speaker.id, &error);
    else
        wake_replay(mine);
}

void feed_replay_drop(struct speaker *speaker)
{
    struct client_replay *mine = replay_of(speaker);
    feed_speaker_leave(speaker);
    replay_destroy(&mine->replay);
    mem_free(mine);
}

void feed_replay_close(struct feed *feed, const struct request *request, struct now now)
{
    (void)now;
    struct client_replay *mine = feed_requested_replay(feed, request);
    if (mine == NULL)
        return;
    answer_ok(mine, request, REPLAY_CLOSED);
    struct replay_view view;
    replay_look(mine->replay, &view);
    struct replay_state_push push = {.id = mine->speaker.id,
                                     .epoch = view.epoch,
                                     .state = REPLAY_CLOSED,
                                     .at = view.at,
                                     .speed = view.speed};
    struct writer writer = feed_answer(feed);
    replay_state_write(&writer, &push);
    feed_answer_end(feed);
    feed_questions_cancel(feed, mine->speaker.id);
    feed_replay_drop(&mine->speaker);
}

/* ---- pushes ------------------------------------------------------------------------------ */

static void write_state(struct writer *writer, const struct client_replay *mine,
                        const struct replay_output *output)
{
    struct replay_state_push push = {
        .id = mine->speaker.id,
        .epoch = output->view.epoch,
        .state = output->view.state,
        .reason = output->view.reason,
        .at = output->view.at,
        .speed = output->view.speed,
        .totals = output->totals,
        .total_count = output->symbol_count,
    };
    replay_state_write(writer, &push);
}

static void write_snapshot(struct writer *writer, const struct client_replay *mine,
                           const struct replay_output *output)
{
    struct replay_snapshot_push push = {
        .id = mine->speaker.id,
        .epoch = output->epoch,
        .seq = output->seq,
        .at = output->at,
        .last = output->last,
        .last_count = output->symbol_count,
        .intervals = replay_asked_intervals(mine->replay),
        .pictures = output->pictures,
        .picture_count = output->picture_count,
        .encodings = mine->encodings,
    };
    replay_snapshot_write(writer, &push);
}

static void write_frame(struct writer *writer, const struct client_replay *mine,
                        const struct replay_output *output)
{
    struct replay_frame_push push = {
        .id = mine->speaker.id,
        .epoch = output->epoch,
        .seq = output->seq,
        .due_us = output->due_us,
        .span = output->span,
        .direction = output->direction,
        .ticks = output->ticks,
        .tick_count = output->tick_count,
        .intervals = replay_asked_intervals(mine->replay),
        .candles = output->candles,
        .candle_count = output->candle_count,
    };
    replay_frame_write(writer, &push);
}

static void write_output(struct client_replay *mine, const struct replay_output *output,
                         struct buffer *out)
{
    struct feed_lane *lane = mine->speaker.feed->lane;
    size_t before = out->count;
    struct writer writer;
    writer_init(&writer, out, mine->speaker.feed->encoding);
    switch (output->saying) {
    case SAYING_STATE:
        write_state(&writer, mine, output);
        break;
    case SAYING_SNAPSHOT:
        write_snapshot(&writer, mine, output);
        break;
    case SAYING_FRAME:
        write_frame(&writer, mine, output);
        replay_sent(mine->replay, out->count - before);
        feed_figures_note_frame(&lane->figures, output->rows, output->late_us);
        break;
    case SAYING_ERROR:
        feed_write_error(mine->speaker.feed, &writer, NULL, &mine->speaker.id, output->error);
        break;
    }
}

enum status feed_replay_say(struct speaker *speaker, struct now now, struct buffer *out)
{
    struct client_replay *mine = replay_of(speaker);
    struct replay_output output;
    if (replay_poll(mine->replay, now.monotonic_us, &output) != STATUS_OK)
        return STATUS_WAIT;
    if (!output.rests)
        speaker->awake = true;
    write_output(mine, &output, out);
    return out->failed ? STATUS_LIMIT : STATUS_OK; /* one instant beyond what can be sent */
}
