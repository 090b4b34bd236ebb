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

/* How far the next frame of a step by ticks reaches; STATUS_WAIT: that is not known yet. */
static enum status aim_by_ticks(struct replay *replay, const struct replay_known *known,
                                int64_t *edge)
{
    int64_t walked;
    *edge = walk(replay, known->covered, &walked);
    if (walked == replay->step.instants_left) {
        replay->step.target = *edge;
        return STATUS_OK;
    }
    if (walked == INSTANTS_PER_FRAME_MAX)
        return STATUS_OK;
    /* There are fewer in what is known. */
    *edge = known->covered;
    return known->covered == replay->end || known->full ? STATUS_OK : STATUS_WAIT;
}

static enum status aim_by_time(const struct replay *replay, const struct replay_known *known,
                               int64_t *edge)
{
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
    enum status status = replay_cover(replay, replay->step.target, &known);
    if (status != STATUS_OK)
        return replay_fail(replay, status, now_us);
    int64_t edge;
    status = replay->step.by_ticks ? aim_by_ticks(replay, &known, &edge)
                                   : aim_by_time(replay, &known, &edge);
    if (status != STATUS_OK)
        return status;
    edge = replay_fit(replay, &known, edge);
    if (!flow_allows(&replay->flow, 0, replay_bytes_before(replay, edge)))
        return STATUS_WAIT;
    return send(replay, edge, now_us, output);
}
