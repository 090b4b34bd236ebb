#include "bench/viewer.h"

#include "base/assert.h"
#include "bench/scatter.h"
#include "market/time.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* The most that `symbols` tells at once: those that are wanted may be anywhere among them. */
#define SYMBOLS_LIMIT_MAX 10000

/* ---- requests ---- */

/* The request is in company->request. */
static enum status ask(struct viewer *viewer, struct company *company, enum viewer_asked asked,
                       int64_t now_us, struct error *error)
{
    ASSERT(viewer->asked == ASKED_NOTHING);
    viewer->asked = asked;
    viewer->heard_us = now_us;
    return channel_send(&viewer->channel, CHANNEL_BINARY, company->request.bytes,
                        company->request.count, error);
}

static enum status ask_control(struct viewer *viewer, struct company *company,
                               enum viewer_asked asked, const char *op, int64_t now_us,
                               struct error *error)
{
    buffer_clear(&company->request);
    requests_control(&company->request, ++viewer->req, op);
    return ask(viewer, company, asked, now_us, error);
}

static enum status ask_symbols(struct viewer *viewer, struct company *company, int64_t now_us,
                               struct error *error)
{
    buffer_clear(&company->request);
    bool is_named = company->options->symbol_count > 0;
    requests_symbols(&company->request, ++viewer->req,
                     is_named ? SYMBOLS_LIMIT_MAX : REQUESTS_SYMBOLS_MAX);
    return ask(viewer, company, ASKED_SYMBOLS, now_us, error);
}

static enum status ask_open(struct viewer *viewer, struct company *company, int64_t now_us,
                            struct error *error)
{
    struct requests_open open = company->options->open;
    open.tape = &company->tape;
    viewer->opened_us = now_us;
    buffer_clear(&company->request);
    requests_open(&company->request, ++viewer->req, &open);
    return ask(viewer, company, ASKED_OPEN, now_us, error);
}

static enum status ask_seek(struct viewer *viewer, struct company *company, int64_t to,
                            int64_t now_us, struct error *error)
{
    viewer->target = to;
    buffer_clear(&company->request);
    requests_seek(&company->request, ++viewer->req, to);
    return ask(viewer, company, ASKED_SEEK, now_us, error);
}

static enum status ask_play(struct viewer *viewer, struct company *company, int64_t now_us,
                            struct error *error)
{
    return ask_control(viewer, company, ASKED_PLAY, "replay.play", now_us, error);
}

/* ---- the tape ---- */

static bool is_wanted(const struct viewer_options *options, const struct pack_item *name)
{
    for (size_t i = 0; i < options->symbol_count; i++) {
        if (pack_is(name, options->symbols[i]))
            return true;
    }
    return options->symbol_count == 0;
}

static void tape_add(struct tape *tape, const struct message_symbol *symbol)
{
    bool is_first = tape->symbol_count == 0;
    char *name = tape->symbols[tape->symbol_count++];
    memcpy(name, symbol->name.bytes, symbol->name.count);
    name[symbol->name.count] = '\0';
    tape->from = is_first || symbol->from < tape->from ? symbol->from : tape->from;
    tape->to = is_first || symbol->to > tape->to ? symbol->to : tape->to;
}

static enum status tape_check(const struct tape *tape, const struct viewer_options *options,
                              struct error *error)
{
    if (tape->symbol_count == 0 && options->symbol_count == 0)
        return error_set(error, STATUS_NOT_FOUND, "the server has no ticks");
    if (tape->symbol_count < options->symbol_count)
        return error_set(error, STATUS_NOT_FOUND, "the server has %zu of the %zu symbols",
                         tape->symbol_count, options->symbol_count);
    if (tape->from >= tape->to)
        return error_set(error, STATUS_INVALID, "the range is empty: --from is not before --to");
    return STATUS_OK;
}

/* The first viewer's answer to `symbols` settles what everybody plays. */
static enum status settle_tape(struct company *company, const struct message *message,
                               struct error *error)
{
    const struct viewer_options *options = company->options;
    struct tape *tape = &company->tape;
    struct reader reader = message->symbols;
    for (size_t i = 0; i < message->symbol_count && tape->symbol_count < REQUESTS_SYMBOLS_MAX;
         i++) {
        struct message_symbol symbol = message_take_symbol(&reader);
        if (reader.failed || symbol.name.count > SYMBOL_BYTES_MAX || symbol.from < TIME_MIN ||
            symbol.to > TIME_MAX + 1)
            return error_set(error, STATUS_BAD_MESSAGE, "symbol %zu is not as promised", i);
        if (is_wanted(options, &symbol.name))
            tape_add(tape, &symbol);
    }
    if (options->from != INT64_MIN)
        tape->from = options->from;
    if (options->to != INT64_MIN)
        tape->to = options->to;
    return tape_check(tape, options, error);
}

static int64_t begin_of(const struct company *company)
{
    return company->options->open.direction > 0 ? company->tape.from : company->tape.to;
}

/* ---- seeks ---- */

static int64_t next_target(const struct viewer *viewer, const struct company *company)
{
    double number = (double)viewer->sought * (double)company->viewer_count + (double)viewer->index;
    /* Backward, `from` is the end, and `to` no instant that is left. */
    int64_t shift = company->options->open.direction > 0 ? 0 : 1;
    return shift +
           scatter_place(company->seek_offset, number, company->tape.from, company->tape.to);
}

enum status viewer_seek(struct viewer *viewer, struct company *company, int64_t now_us,
                        struct error *error)
{
    ASSERT(viewer->phase == VIEWER_WATCHING);
    int64_t target = next_target(viewer, company);
    viewer->sought++;
    viewer->sought_us = now_us;
    viewer->awaits_seek = true;
    return ask_seek(viewer, company, target, now_us, error);
}

int64_t viewer_seek_at(const struct viewer *viewer, const struct company *company)
{
    if (viewer->phase != VIEWER_WATCHING || company->options->seeks == 0 || viewer->awaits_seek ||
        viewer->asked != ASKED_NOTHING)
        return INT64_MAX;
    return viewer->sought_us + company->options->seek_every_us;
}

/* The frame, or paused the snapshot, that a seek was made for has come. */
static enum status seek_is_done(struct viewer *viewer, struct company *company, int64_t now_us,
                                struct error *error)
{
    viewer->awaits_seek = false;
    histogram_add(&company->tally.seek_us, now_us - viewer->sought_us);
    if (viewer->sought >= company->options->seeks) {
        viewer->phase = VIEWER_ENDED;
        return STATUS_OK;
    }
    if (company->options->seek_every_us > 0)
        return STATUS_OK;
    return viewer_seek(viewer, company, now_us, error);
}

/* ---- steps ---- */

static enum status ask_step(struct viewer *viewer, struct company *company, int64_t now_us,
                            struct error *error)
{
    const struct viewer_options *options = company->options;
    double frame_us = fabs(options->open.speed) * 1e6 / (double)options->open.fps;
    viewer->target = step_target(&options->step, viewer->verifier.edge,
                                 verifier_end(&viewer->verifier), frame_us);
    viewer->stepped++;
    viewer->stepped_us = now_us;
    buffer_clear(&company->request);
    requests_step(&company->request, ++viewer->req, options->step.text, options->open.direction);
    return ask(viewer, company, ASKED_STEP, now_us, error);
}

/* Exactly one instant: its ticks, and the edge right behind it. */
static enum status check_tick_step(const struct verifier *verifier, struct error *error)
{
    int64_t edge = verifier->direction > 0 ? verifier->latest + 1 : verifier->earliest;
    if (verifier->earliest == verifier->latest && verifier->edge == edge)
        return STATUS_OK;
    return error_set(error, STATUS_BAD_MESSAGE,
                     "a step by a tick has ticks from %" PRId64 " to %" PRId64
                     ", and ends at %" PRId64,
                     verifier->earliest, verifier->latest, verifier->edge);
}

/* A frame of a step has come: the next one when that was its last. */
static enum status take_step_frame(struct viewer *viewer, struct company *company, int64_t ticks,
                                   int64_t now_us, struct error *error)
{
    const struct verifier *verifier = &viewer->verifier;
    bool is_by_tick = company->options->step.unit == STEP_BY_TICK;
    enum status status = is_by_tick && ticks > 0 ? check_tick_step(verifier, error) : STATUS_OK;
    bool is_done = step_is_there(verifier->edge, viewer->target) || (is_by_tick && ticks > 0);
    if (status != STATUS_OK || !is_done)
        return status;
    histogram_add(&company->tally.step_us, now_us - viewer->stepped_us);
    if (viewer->stepped < company->options->steps && verifier->edge != verifier_end(verifier))
        return ask_step(viewer, company, now_us, error);
    viewer->phase = VIEWER_ENDED;
    return STATUS_OK;
}

/* ---- answers ---- */

static enum status take_welcome(struct viewer *viewer, struct company *company, int64_t now_us,
                                struct error *error)
{
    if (viewer->phase != VIEWER_CONNECTING || company->message.frame_bytes < 1)
        return error_set(error, STATUS_BAD_MESSAGE, "an odd `welcome`");
    viewer->frame_bytes = company->message.frame_bytes;
    viewer->phase = VIEWER_ASKING;
    return ask_symbols(viewer, company, now_us, error);
}

static enum status take_symbols(struct viewer *viewer, struct company *company, int64_t now_us,
                                struct error *error)
{
    enum status status = STATUS_OK;
    if (company->tape.symbol_count == 0)
        status = settle_tape(company, &company->message, error);
    return status == STATUS_OK ? ask_open(viewer, company, now_us, error) : status;
}

static enum status take_opened(struct viewer *viewer, struct company *company, struct error *error)
{
    const struct message *message = &company->message;
    const struct requests_open *open = &company->options->open;
    struct verifier_range range = {company->tape.symbol_count, company->tape.from,
                                   company->tape.to};
    if (message->at != begin_of(company) || message->state != STATE_PAUSED)
        return error_set(error, STATUS_BAD_MESSAGE,
                         "the replay was opened at %" PRId64 ", not paused at %" PRId64,
                         message->at, begin_of(company));
    verifier_init(&viewer->verifier, range, open->speed, open->direction, viewer->frame_bytes);
    return verifier_epoch(&viewer->verifier, message->epoch, message->at, error);
}

static enum status take_played(struct viewer *viewer, const struct company *company, int64_t now_us,
                               struct error *error)
{
    if (viewer->played_us == 0)
        viewer->played_us = now_us;
    return verifier_epoch(&viewer->verifier, company->message.epoch, company->message.at, error);
}

/* A replay that had ended is paused after a seek, and one that is to play is played again. */
static enum status take_sought(struct viewer *viewer, struct company *company, int64_t now_us,
                               struct error *error)
{
    const struct message *message = &company->message;
    if (message->at != viewer->target || message->epoch <= viewer->verifier.epoch)
        return error_set(error, STATUS_BAD_MESSAGE,
                         "a seek to %" PRId64 " began epoch %" PRId64 " at %" PRId64,
                         viewer->target, message->epoch, message->at);
    viewer->acked_seq = MESSAGE_NONE;
    viewer->played_us = message->state == STATE_PAUSED ? 0 : now_us;
    enum status status = verifier_epoch(&viewer->verifier, message->epoch, message->at, error);
    bool is_to_play = viewer->is_rewinding || !company->options->seeks_paused;
    viewer->is_rewinding = false;
    if (status != STATUS_OK || !is_to_play || message->state != STATE_PAUSED)
        return status;
    return ask_play(viewer, company, now_us, error);
}

static enum status take_stepped(struct viewer *viewer, const struct company *company,
                                struct error *error)
{
    const struct message *message = &company->message;
    if (message->at != viewer->verifier.edge || message->epoch <= viewer->verifier.epoch ||
        message->state != STATE_PAUSED)
        return error_set(error, STATUS_BAD_MESSAGE,
                         "a step from %" PRId64 " began epoch %" PRId64 " at %" PRId64
                         ", or is not paused",
                         viewer->verifier.edge, message->epoch, message->at);
    viewer->acked_seq = MESSAGE_NONE;
    enum status status = verifier_epoch(&viewer->verifier, message->epoch, message->at, error);
    if (status == STATUS_OK)
        verifier_steps(&viewer->verifier);
    return status;
}

static enum status take_closed(struct viewer *viewer, const struct company *company,
                               struct error *error)
{
    if (company->message.at != viewer->verifier.edge)
        return error_set(error, STATUS_BAD_MESSAGE,
                         "the replay was closed at %" PRId64 ", the frames reach to %" PRId64,
                         company->message.at, viewer->verifier.edge);
    viewer->phase = VIEWER_DONE;
    return STATUS_OK;
}

static bool is_answer_to(enum message_event event, enum viewer_asked asked)
{
    switch (asked) {
    case ASKED_SYMBOLS:
        return event == MESSAGE_SYMBOLS;
    case ASKED_OPEN:
        return event == MESSAGE_OPENED;
    case ASKED_PLAY:
    case ASKED_SEEK:
    case ASKED_STEP:
    case ASKED_CLOSE:
        return event == MESSAGE_OK;
    case ASKED_NOTHING:
        break;
    }
    return false;
}

static enum status take_answer(struct viewer *viewer, struct company *company, int64_t now_us,
                               struct error *error)
{
    const struct message *message = &company->message;
    enum viewer_asked asked = viewer->asked;
    if (message->re != viewer->req || !is_answer_to(message->event, asked))
        return error_set(error, STATUS_BAD_MESSAGE,
                         "an answer to request %" PRId64 ", which was not asked so", message->re);
    viewer->asked = ASKED_NOTHING;
    switch (asked) {
    case ASKED_SYMBOLS:
        return take_symbols(viewer, company, now_us, error);
    case ASKED_OPEN:
        return take_opened(viewer, company, error);
    case ASKED_PLAY:
        return take_played(viewer, company, now_us, error);
    case ASKED_SEEK:
        return take_sought(viewer, company, now_us, error);
    case ASKED_STEP:
        return take_stepped(viewer, company, error);
    case ASKED_CLOSE:
        return take_closed(viewer, company, error);
    case ASKED_NOTHING:
        break;
    }
    return STATUS_OK;
}

/* ---- pushes ---- */

static enum status take_snapshot(struct viewer *viewer, struct company *company, int64_t now_us,
                                 struct error *error)
{
    const struct message *message = &company->message;
    if (message->epoch != viewer->verifier.epoch || message->seq != viewer->verifier.seq)
        return error_set(error, STATUS_BAD_MESSAGE, "a snapshot of epoch %" PRId64 ", seq %" PRId64,
                         message->epoch, message->seq);
    if (viewer->phase == VIEWER_ASKING) {
        viewer->phase = VIEWER_READY;
        histogram_add(&company->tally.open_us, now_us - viewer->opened_us);
        return STATUS_OK;
    }
    if (viewer->awaits_seek && company->options->seeks_paused && viewer->asked == ASKED_NOTHING)
        return seek_is_done(viewer, company, now_us, error);
    return STATUS_OK;
}

static void count_lateness(const struct viewer *viewer, struct company *company, int64_t now_us)
{
    if (viewer->verifier.speed <= 0 || company->options->seeks > 0 || viewer->played_us == 0)
        return;
    int64_t late_us = now_us - (viewer->played_us + company->message.due);
    histogram_add(&company->tally.lateness_us, late_us);
    if (-late_us > company->tally.early_us_max)
        company->tally.early_us_max = -late_us;
}

static enum status take_frame(struct viewer *viewer, struct company *company, size_t count,
                              int64_t now_us, struct error *error)
{
    int64_t ticks = 0;
    enum status status = verifier_frame(&viewer->verifier, &company->message, count, &ticks, error);
    if (status != STATUS_OK)
        return status;
    company->tally.frames++;
    company->tally.ticks += ticks;
    count_lateness(viewer, company, now_us);
    if (viewer->verifier.is_step && viewer->phase == VIEWER_WATCHING)
        return take_step_frame(viewer, company, ticks, now_us, error);
    /* Until the answer to the seek has come, frames are those of the epoch before it. */
    if (viewer->awaits_seek && !company->options->seeks_paused && viewer->asked == ASKED_NOTHING)
        return seek_is_done(viewer, company, now_us, error);
    return STATUS_OK;
}

/* Every whole pass over the tape must come to the same. */
static enum status compare_pass(const struct viewer *viewer, struct company *company,
                                struct error *error)
{
    const struct verifier *verifier = &viewer->verifier;
    int64_t ticks = verifier_ticks(verifier);
    if (verifier->at != begin_of(company))
        return STATUS_OK;
    if (!company->has_pass) {
        company->has_pass = true;
        company->pass_ticks = ticks;
        company->pass_sum = verifier->sum;
    }
    if (ticks == company->pass_ticks && verifier->sum == company->pass_sum)
        return STATUS_OK;
    return error_set(error, STATUS_BAD_MESSAGE,
                     "the tape came to %" PRId64 " ticks with sum %" PRIu64 ", before to %" PRId64
                     " with %" PRIu64,
                     ticks, verifier->sum, company->pass_ticks, company->pass_sum);
}

static enum status take_ended(struct viewer *viewer, struct company *company, int64_t now_us,
                              struct error *error)
{
    enum status status = verifier_ended(&viewer->verifier, &company->message, error);
    if (status == STATUS_OK)
        status = compare_pass(viewer, company, error);
    if (status != STATUS_OK || viewer->phase != VIEWER_WATCHING || company->options->seeks > 0)
        return status;
    if (!company->options->loops) {
        viewer->phase = VIEWER_ENDED;
        return STATUS_OK;
    }
    viewer->is_rewinding = true;
    return ask_seek(viewer, company, begin_of(company), now_us, error);
}

static enum status take_state(struct viewer *viewer, struct company *company, int64_t now_us,
                              struct error *error)
{
    if (company->message.epoch != viewer->verifier.epoch)
        return error_set(error, STATUS_BAD_MESSAGE, "a state of epoch %" PRId64 " in %" PRId64,
                         company->message.epoch, viewer->verifier.epoch);
    if (company->message.state == STATE_BUFFERING)
        company->tally.bufferings++;
    if (company->message.state == STATE_ENDED)
        return take_ended(viewer, company, now_us, error);
    return STATUS_OK;
}

static enum status take(struct viewer *viewer, struct company *company, size_t count,
                        int64_t now_us, struct error *error)
{
    const struct message *message = &company->message;
    switch (message->event) {
    case MESSAGE_FRAME:
        return take_frame(viewer, company, count, now_us, error);
    case MESSAGE_STATE:
        return take_state(viewer, company, now_us, error);
    case MESSAGE_SNAPSHOT:
        return take_snapshot(viewer, company, now_us, error);
    case MESSAGE_WELCOME:
        return take_welcome(viewer, company, now_us, error);
    case MESSAGE_SYMBOLS:
    case MESSAGE_OPENED:
    case MESSAGE_OK:
        return take_answer(viewer, company, now_us, error);
    case MESSAGE_ERROR:
        return message_refusal(message, error);
    case MESSAGE_CANDLES:
    case MESSAGE_UPDATE:
    case MESSAGE_OTHER:
        break;
    }
    return STATUS_OK;
}

/* ---- what the audience calls ---- */

enum status viewer_message(struct viewer *viewer, struct company *company, const uint8_t *bytes,
                           size_t count, int64_t now_us, struct error *error)
{
    viewer->heard_us = now_us;
    if (company->options->is_bare) {
        company->tally.frames++;
        return STATUS_OK;
    }
    enum status status = message_read(bytes, count, &company->message, error);
    if (status != STATUS_OK)
        return status;
    bool is_about_replay = company->message.id != MESSAGE_NONE;
    if (is_about_replay && company->message.id != REQUESTS_REPLAY_ID)
        return error_set(error, STATUS_BAD_MESSAGE, "a message of replay %" PRId64,
                         company->message.id);
    return take(viewer, company, count, now_us, error);
}

enum status viewer_start(struct viewer *viewer, struct company *company, int64_t now_us,
                         struct error *error)
{
    ASSERT(viewer->phase == VIEWER_READY);
    viewer->phase = VIEWER_WATCHING;
    viewer->heard_us = now_us;
    viewer->acked_seq = MESSAGE_NONE;
    if (company->options->is_bare)
        return channel_send(&viewer->channel, CHANNEL_BINARY, "play", 4, error);
    if (company->options->steps > 0)
        return ask_step(viewer, company, now_us, error);
    if (company->options->seeks == 0 || !company->options->seeks_paused)
        return ask_play(viewer, company, now_us, error);
    viewer->sought_us = now_us - company->options->seek_every_us;
    return STATUS_OK;
}

enum status viewer_ack(struct viewer *viewer, struct company *company, struct error *error)
{
    int64_t newest = viewer->verifier.seq - 1;
    if (!company->options->open.acks || viewer->phase != VIEWER_WATCHING ||
        viewer->asked == ASKED_SEEK || viewer->asked == ASKED_STEP || newest <= viewer->acked_seq)
        return STATUS_OK;
    viewer->acked_seq = newest;
    buffer_clear(&company->request);
    requests_ack(&company->request, viewer->verifier.epoch, newest);
    return channel_send(&viewer->channel, CHANNEL_BINARY, company->request.bytes,
                        company->request.count, error);
}

enum status viewer_leave(struct viewer *viewer, struct company *company, int64_t now_us,
                         struct error *error)
{
    ASSERT(viewer->phase == VIEWER_WATCHING || viewer->phase == VIEWER_ENDED);
    if (company->options->is_bare) {
        viewer->phase = VIEWER_DONE;
        return STATUS_OK;
    }
    /* An answer that is under way comes first: it may begin an epoch. */
    if (viewer->asked != ASKED_NOTHING)
        return STATUS_OK;
    viewer->phase = VIEWER_LEAVING;
    return ask_control(viewer, company, ASKED_CLOSE, "replay.close", now_us, error);
}

bool viewer_is_waiting(const struct viewer *viewer)
{
    if (viewer->phase == VIEWER_WATCHING && viewer->asked == ASKED_NOTHING)
        return viewer->awaits_seek || viewer->played_us > 0 || viewer->stepped > 0;
    return viewer->phase == VIEWER_CONNECTING || viewer->phase == VIEWER_ASKING ||
           viewer->asked != ASKED_NOTHING;
}
