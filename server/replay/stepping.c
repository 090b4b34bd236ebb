/*
 * The frames of a step: at once, as far as the step goes, the replay staying paused. A step by
 * ticks does not know beforehand where that is: it walks from instant to instant over what the
 * cursors know. Lane's thread.
 */
#include "replay/replay_private.h"

/* Instants walked over in one turn; a frame goes then, however small. */
#define INSTANTS_PER_FRAME_MAX 2048

static bool next_instant(const struct replay *replay, int64_t from, int64_t *tick)
{
    bool found = false;
    for (size_t i = 0; i < replay->options.symbol_count; i++) {
        int64_t mine;
        if (cursor_next_from(replay->cursors[i], from, &mine) && (!found || mine < *tick)) {
            *tick = mine;
            found = true;
        }
    }
    return found;
}

/* The edge behind the last of `instants_left` instants; `walked` are those it found. */
static int64_t walk(const struct replay *replay, int64_t covered, int64_t *walked)
{
    int64_t edge = replay->edge;
    int64_t tick = 0;
    int64_t most = replay->step.instants_left;
    if (most > INSTANTS_PER_FRAME_MAX)
        most = INSTANTS_PER_FRAME_MAX;
    for (*walked = 0; *walked < most; (*walked)++) {
        if (!next_instant(replay, edge, &tick) || tick >= covered)
            break;
        edge = tick + 1;
    }
    return edge;
}

/* What all cursors cover. */
static int64_t covered_by_all(const struct replay *replay)
{
    int64_t covered = replay->end;
    for (size_t i = 0; i < replay->options.symbol_count; i++) {
        if (replay->cursors[i]->covered < covered)
            covered = replay->cursors[i]->covered;
    }
    return covered;
}

/* Covers up to `until`, and knows all that is pinned for it. */
static enum status look_to(struct replay *replay, int64_t until, struct replay_known *known)
{
    enum status status = replay_cover(replay, until, known);
    if (status != STATUS_OK || known->covered < until)
        return status;
    return replay_cover(replay, covered_by_all(replay), known);
}

static int64_t twice_as_far(const struct replay *replay, int64_t covered)
{
    int64_t until = covered + (covered - replay->edge);
    return until < replay->end ? until : replay->end;
}

/* How far the next frame of a step by ticks reaches; STATUS_WAIT: that is not known yet. It looks
 * twice as far each time, so that a step to what is known asks for nothing behind it. */
static enum status aim_by_ticks(struct replay *replay, struct replay_known *known, int64_t *edge)
{
    int64_t until = replay->edge + 1;
    for (;;) {
        enum status status = look_to(replay, until, known);
        if (status != STATUS_OK)
            return status;
        int64_t walked;
        *edge = walk(replay, known->covered, &walked);
        if (walked == replay->step.instants_left)
            replay->step.target = *edge;
        if (walked == replay->step.instants_left || walked == INSTANTS_PER_FRAME_MAX)
            return STATUS_OK;
        /* There are fewer in what is known. */
        *edge = known->covered;
        if (known->covered == replay->end || known->full)
            return STATUS_OK;
        if (known->covered < until)
            return STATUS_WAIT;
        until = twice_as_far(replay, known->covered);
    }
}

static enum status aim_by_time(struct replay *replay, struct replay_known *known, int64_t *edge)
{
    enum status status = replay_cover(replay, replay->step.target, known);
    if (status != STATUS_OK)
        return status;
    *edge = known->covered < replay->step.target ? known->covered : replay->step.target;
    return *edge == replay->step.target || known->full ? STATUS_OK : STATUS_WAIT;
}

/* The instants before `edge` have been stepped over. */
static void count_instants(struct replay *replay, int64_t edge)
{
    int64_t tick = 0;
    int64_t from = replay->edge;
    while (replay->step.instants_left > 0 && next_instant(replay, from, &tick) && tick < edge) {
        replay->step.instants_left--;
        from = tick + 1;
    }
}

static enum status send(struct replay *replay, int64_t edge, int64_t now_us,
                        struct replay_output *output)
{
    enum status status = replay_series_reach(replay, edge, 0);
    if (status == STATUS_WAIT)
        return status;
    if (status != STATUS_OK)
        return replay_fail(replay, status, now_us);
    if (replay->step.by_ticks)
        count_instants(replay, edge);
    replay->step.under_way = edge < replay->step.target;
    return replay_say_frame(replay, edge, 0, now_us, output);
}

enum status replay_poll_step(struct replay *replay, int64_t now_us, struct replay_output *output)
{
    if (replay->reach.under_way)
        return send(replay, replay->reach.edge, now_us, output);
    struct replay_known known;
    int64_t edge;
    enum status status = replay->step.by_ticks ? aim_by_ticks(replay, &known, &edge)
                                               : aim_by_time(replay, &known, &edge);
    if (status == STATUS_WAIT)
        return status;
    if (status != STATUS_OK)
        return replay_fail(replay, status, now_us);
    edge = replay_fit(replay, &known, edge);
    if (!flow_allows(&replay->flow, 0, replay_bytes_before(replay, edge)))
        return STATUS_WAIT;
    return send(replay, edge, now_us, output);
}
