#include "bench/verifier.h"

#include "base/assert.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* `due` is whole microseconds of a quotient; the play clock may round either operand. */
#define DUE_SLACK_US 2.0

static const char *const column_names[MESSAGE_COLUMNS] = {"time", "bid", "ask", "last", "volume"};

void verifier_init(struct verifier *verifier, struct verifier_range range, double speed,
                   int direction, int64_t frame_bytes)
{
    ASSERT(range.symbol_count > 0);
    ASSERT(range.symbol_count <= MESSAGE_SYMBOLS_MAX);
    *verifier = (struct verifier){
        .range = range,
        .speed = fabs(speed),
        .direction = direction,
        .frame_bytes = frame_bytes,
    };
}

enum status verifier_epoch(struct verifier *verifier, int64_t epoch, int64_t at,
                           struct error *error)
{
    if (epoch == verifier->epoch)
        return STATUS_OK;
    if (epoch < verifier->epoch)
        return error_set(error, STATUS_BAD_MESSAGE, "epoch %" PRId64 " follows epoch %" PRId64,
                         epoch, verifier->epoch);
    if (at < verifier->range.from || at > verifier->range.to)
        return error_set(error, STATUS_BAD_MESSAGE, "an epoch begins at %" PRId64 ", out of range",
                         at);
    verifier->epoch = epoch;
    verifier->at = verifier->edge = at;
    verifier->seq = 0;
    verifier->due = 0;
    verifier->is_step = false;
    verifier->sum = 0;
    memset(verifier->ticks, 0, sizeof verifier->ticks);
    return STATUS_OK;
}

void verifier_steps(struct verifier *verifier)
{
    verifier->is_step = true;
}

/* ---- one frame ---- */

static enum status check_place(const struct verifier *verifier, const struct message *frame,
                               struct error *error)
{
    if (frame->epoch != verifier->epoch)
        return error_set(error, STATUS_BAD_MESSAGE,
                         "a frame of epoch %" PRId64 " in epoch %" PRId64, frame->epoch,
                         verifier->epoch);
    if (frame->seq != verifier->seq)
        return error_set(error, STATUS_BAD_MESSAGE,
                         "frame %" PRId64 " came where %" PRId64 " was due", frame->seq,
                         verifier->seq);
    if (frame->direction != verifier->direction)
        return error_set(error, STATUS_BAD_MESSAGE, "frame %" PRId64 " has dir %" PRId64,
                         frame->seq, frame->direction);
    if (!frame->has_span)
        return error_set(error, STATUS_BAD_MESSAGE, "frame %" PRId64 " has no span", frame->seq);
    return STATUS_OK;
}

static enum status check_span(const struct verifier *verifier, const struct message *frame,
                              struct error *error)
{
    const int64_t *span = frame->span;
    int64_t begin = verifier->direction > 0 ? span[0] : span[1];
    if (begin != verifier->edge)
        return error_set(error, STATUS_BAD_MESSAGE,
                         "the span of frame %" PRId64 " begins at %" PRId64
                         ", the one before it ended at %" PRId64,
                         frame->seq, begin, verifier->edge);
    if (span[0] > span[1] || span[0] < verifier->range.from || span[1] > verifier->range.to)
        return error_set(error, STATUS_BAD_MESSAGE,
                         "the span of frame %" PRId64 " is [%" PRId64 ", %" PRId64 ")", frame->seq,
                         span[0], span[1]);
    return STATUS_OK;
}

static int64_t edge_of(const struct verifier *verifier, const struct message *frame)
{
    return verifier->direction > 0 ? frame->span[1] : frame->span[0];
}

static enum status check_due(const struct verifier *verifier, const struct message *frame,
                             struct error *error)
{
    double span_us = fabs((double)(edge_of(verifier, frame) - verifier->at));
    double wanted = verifier->speed > 0 && !verifier->is_step ? span_us / verifier->speed : 0;
    if (fabs((double)frame->due - wanted) > DUE_SLACK_US + wanted * 1e-9)
        return error_set(error, STATUS_BAD_MESSAGE,
                         "frame %" PRId64 " is due at %" PRId64 " µs, its edge makes it %.0f",
                         frame->seq, frame->due, wanted);
    if (frame->due < verifier->due)
        return error_set(error, STATUS_BAD_MESSAGE, "frame %" PRId64 " is due before the last one",
                         frame->seq);
    return STATUS_OK;
}

/* The times of all ticks of a frame. */
struct extent {
    int64_t earliest;
    int64_t latest;
};

static enum status walk_times(const struct verifier *verifier, const struct message *frame,
                              const struct message_ticks *ticks, struct extent *extent,
                              uint64_t *sum, struct error *error)
{
    struct columns_times times;
    enum status status = columns_walk_times(&ticks->columns[0], (size_t)ticks->rows,
                                            verifier->direction, &times, error);
    if (status != STATUS_OK)
        return status;
    int64_t earliest = verifier->direction > 0 ? times.first : times.last;
    int64_t latest = verifier->direction > 0 ? times.last : times.first;
    if (earliest < frame->span[0] || latest >= frame->span[1])
        return error_set(error, STATUS_BAD_MESSAGE,
                         "ticks from %" PRId64 " to %" PRId64 " in a span [%" PRId64 ", %" PRId64
                         ")",
                         earliest, latest, frame->span[0], frame->span[1]);
    extent->earliest = earliest < extent->earliest ? earliest : extent->earliest;
    extent->latest = latest > extent->latest ? latest : extent->latest;
    *sum += times.sum;
    return STATUS_OK;
}

static enum status walk_symbol(const struct verifier *verifier, const struct message *frame,
                               const struct message_ticks *ticks, struct extent *extent,
                               uint64_t *sum, struct error *error)
{
    if (ticks->rows < 1)
        return error_set(error, STATUS_BAD_MESSAGE, "%" PRId64 " rows", ticks->rows);
    enum status status = walk_times(verifier, frame, ticks, extent, sum, error);
    for (size_t i = 1; i < MESSAGE_COLUMNS && status == STATUS_OK; i++) {
        uint64_t values = 0;
        status = columns_walk_decimals(&ticks->columns[i], (size_t)ticks->rows, &values, error);
        *sum += values;
        if (status != STATUS_OK)
            (void)error_prefix(error, "%s", column_names[i]);
    }
    return status;
}

static enum status check_symbol(const struct verifier *verifier, int64_t symbol, uint64_t *seen,
                                struct error *error)
{
    if (symbol < 0 || (uint64_t)symbol >= verifier->range.symbol_count)
        return error_set(error, STATUS_BAD_MESSAGE, "there is no symbol %" PRId64, symbol);
    if ((*seen >> symbol & 1) != 0)
        return error_set(error, STATUS_BAD_MESSAGE, "symbol %" PRId64 " comes twice", symbol);
    *seen |= UINT64_C(1) << symbol;
    return STATUS_OK;
}

static enum status walk_ticks(const struct verifier *verifier, const struct message *frame,
                              struct extent *extent, uint64_t *sum, struct error *error)
{
    uint64_t seen = 0;
    for (size_t i = 0; i < frame->tick_count; i++) {
        const struct message_ticks *ticks = &frame->ticks[i];
        enum status status = check_symbol(verifier, ticks->symbol, &seen, error);
        if (status == STATUS_OK)
            status = walk_symbol(verifier, frame, ticks, extent, sum, error);
        if (status != STATUS_OK)
            return error_prefix(error, "frame %" PRId64 ", symbol %" PRId64, frame->seq,
                                ticks->symbol);
    }
    return STATUS_OK;
}

/* Only an instant may be larger than the limit, because it is never split. */
static enum status check_bytes(const struct verifier *verifier, const struct message *frame,
                               const struct extent *extent, size_t message_bytes,
                               struct error *error)
{
    if (message_bytes <= (size_t)verifier->frame_bytes || extent->earliest >= extent->latest)
        return STATUS_OK;
    return error_set(error, STATUS_BAD_MESSAGE,
                     "frame %" PRId64 " has %zu bytes and more than one instant", frame->seq,
                     message_bytes);
}

enum status verifier_frame(struct verifier *verifier, const struct message *frame,
                           size_t message_bytes, int64_t *ticks, struct error *error)
{
    struct extent extent = {.earliest = INT64_MAX, .latest = INT64_MIN};
    uint64_t sum = 0;
    enum status status = check_place(verifier, frame, error);
    if (status == STATUS_OK)
        status = check_span(verifier, frame, error);
    if (status == STATUS_OK)
        status = check_due(verifier, frame, error);
    if (status == STATUS_OK)
        status = walk_ticks(verifier, frame, &extent, &sum, error);
    if (status == STATUS_OK)
        status = check_bytes(verifier, frame, &extent, message_bytes, error);
    if (status != STATUS_OK)
        return status;
    int64_t rows = 0;
    for (size_t i = 0; i < frame->tick_count; i++) {
        verifier->ticks[frame->ticks[i].symbol] += frame->ticks[i].rows;
        rows += frame->ticks[i].rows;
    }
    verifier->sum += sum;
    verifier->edge = edge_of(verifier, frame);
    verifier->due = frame->due;
    verifier->earliest = extent.earliest;
    verifier->latest = extent.latest;
    verifier->seq++;
    *ticks = rows;
    return STATUS_OK;
}

/* ---- the end ---- */

int64_t verifier_end(const struct verifier *verifier)
{
    return verifier->direction > 0 ? verifier->range.to : verifier->range.from;
}

enum status verifier_ended(const struct verifier *verifier, const struct message *state,
                           struct error *error)
{
    if (state->epoch != verifier->epoch)
        return error_set(error, STATUS_BAD_MESSAGE, "epoch %" PRId64 " ended in epoch %" PRId64,
                         state->epoch, verifier->epoch);
    if (verifier->edge != verifier_end(verifier))
        return error_set(error, STATUS_BAD_MESSAGE,
                         "the replay ended at %" PRId64 ", its range ends at %" PRId64,
                         verifier->edge, verifier_end(verifier));
    if (!state->has_totals || state->total_count != verifier->range.symbol_count)
        return error_set(error, STATUS_BAD_MESSAGE, "`ended` has totals of %zu symbols, not %zu",
                         state->total_count, verifier->range.symbol_count);
    for (size_t i = 0; i < state->total_count; i++) {
        if (state->totals[i] != verifier->ticks[i])
            return error_set(error, STATUS_BAD_MESSAGE,
                             "`ended` counts %" PRId64 " ticks of symbol %zu, %" PRId64 " came",
                             state->totals[i], i, verifier->ticks[i]);
    }
    return STATUS_OK;
}

int64_t verifier_ticks(const struct verifier *verifier)
{
    int64_t ticks = 0;
    for (size_t i = 0; i < verifier->range.symbol_count; i++)
        ticks += verifier->ticks[i];
    return ticks;
}
