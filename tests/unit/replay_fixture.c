#include "replay_fixture.h"

#include "base/mem.h"

#define MESSAGE_US 50 /* between two messages */
/* Turns without end would hang a test; every one ends long before. */
#define TURNS_MAX 100000

struct fake_source fake;
struct fake_tape *ticks;
struct tape *tape;
struct inbox inbox;
struct replay_options options;
struct replay *replay;
struct error failure;
struct replay_output output;
int64_t now_us;
size_t wakes;
size_t frame_bytes;

static struct wheel wheel;
static struct replay_lane lane;

static void nobody_sleeps(void *owner)
{
    (void)owner;
}

static void wake(void *owner)
{
    (void)owner;
    wakes++;
}

void replay_set_up(void)
{
    fake_source_init(&fake);
    ticks = fake_source_symbol(&fake, "A", GRAIN);
    tape = tape_create(&fake.source, (size_t)64 << 20);
    inbox_init(&inbox, nobody_sleeps, NULL);
    now_us = 1000 * S;
    wheel_init(&wheel, now_us);
    lane = (struct replay_lane){
        .tape = tape, .source = &fake.source, .inbox = &inbox, .wheel = &wheel};
    gather_init(&lane.gather);
    series_rows_init(&lane.series_rows);
    frame_bytes = 100;
    options = (struct replay_options){
        .symbol_count = 1,
        .symbols = {&ticks->symbol},
        .to = 1000 * S,
        .speed = {.rate = 1},
        .fps = 10,
        .ticks = true,
        .window_us = 2 * S,
        .window_bytes = 4 << 20,
        .budget =
            {.bytes = 61440,
             .head_bytes = 256,
             .symbol_bytes = 384,
             .row_bytes = {[COLUMN_U32] = 4, [COLUMN_I16] = 2, [COLUMN_I32] = 4, [COLUMN_I64] = 8},
             .encodings = COLUMN_ENCODINGS_ALL},
    };
}

void replay_tear_down(void)
{
    if (replay != NULL)
        replay_destroy(&replay);
    fake_source_deinit(&fake);
    inbox_drain(&inbox);
    tape_destroy(&tape);
    gather_deinit(&lane.gather);
    series_rows_deinit(&lane.series_rows);
    inbox_deinit(&inbox);
    cr_assert(wheel.armed_count == 0);
    cr_assert(mem_block_bytes() == 0, "a block was never released");
}

struct fake_tape *add_symbol(const char *name)
{
    struct fake_tape *added = fake_source_symbol(&fake, name, GRAIN);
    options.symbols[options.symbol_count++] = &added->symbol;
    return added;
}

void start(void)
{
    replay = replay_create(&lane, &options, wake, NULL, now_us);
}

void pass(int64_t us)
{
    now_us += us;
    wheel_run(&wheel, now_us);
    inbox_drain(&inbox);
}

enum status ask(void)
{
    enum status status = replay_poll(replay, now_us, &output);
    if (status == STATUS_OK && output.saying == SAYING_FRAME)
        replay_sent(replay, frame_bytes);
    now_us += status == STATUS_OK ? MESSAGE_US : 0;
    return status;
}

void serve(void)
{
    while (fake_source_load(&fake) != NULL || !list_is_empty(&fake.requests)) {
        fake_source_run(&fake);
        inbox_drain(&inbox);
    }
}

void stock(int64_t from, int64_t to)
{
    struct track *track = tape_track_hold(tape, &ticks->symbol);
    tape_read_ahead(tape, track, (struct time_range){from, to}, false);
    serve();
    tape_track_let_go(tape, &track);
}

struct replay_view look(void)
{
    struct replay_view view;
    replay_look(replay, &view);
    return view;
}

void check_state(enum replay_state state, enum replay_reason reason)
{
    cr_assert(ask() == STATUS_OK);
    cr_assert(output.saying == SAYING_STATE, "says %d", output.saying);
    cr_assert(output.view.state == state, "is %s", replay_state_name(output.view.state));
    cr_assert(output.view.reason == reason, "reason %d", output.view.reason);
}

void check_frame(int64_t from, int64_t to, size_t rows)
{
    cr_assert(ask() == STATUS_OK);
    cr_assert(output.saying == SAYING_FRAME, "says %d", output.saying);
    cr_assert(output.span.from == from, "from %" PRId64, output.span.from);
    cr_assert(output.span.to == to, "to %" PRId64, output.span.to);
    cr_assert(output.rows == rows, "%zu rows", output.rows);
}

void check_silence(void)
{
    cr_assert(ask() == STATUS_WAIT, "says %d", output.saying);
}

void take_snapshot(void)
{
    check_silence();
    serve();
    cr_assert(ask() == STATUS_OK);
    cr_assert(output.saying == SAYING_SNAPSHOT, "says %d", output.saying);
}

void begin(void)
{
    stock(0, GRAIN);
    start();
    take_snapshot();
    cr_assert(replay_play(replay, now_us, &failure) == STATUS_OK);
    check_state(REPLAY_PLAYING, REASON_NONE);
}

void play(void)
{
    begin();
    check_silence();
}

/* ---- the oracle of an epoch ---------------------------------------------------------------- */

/* How many ticks of a symbol lie before an instant. */
static size_t ticks_before(const struct fake_tape *of, int64_t instant)
{
    size_t count = 0;
    while (count < of->count && of->ticks[count].time < instant)
        count++;
    return count;
}

static void check_row(const struct frame_ticks *columns, size_t row, const struct tick *want)
{
    cr_assert(column_value(&columns->time, row) == want->time, "%" PRId64 " instead of %" PRId64,
              column_value(&columns->time, row), want->time);
    for (int field = 0; field < TICK_FIELDS; field++)
        cr_assert(column_decimal(&columns->fields[field], row) == want->fields[field],
                  "field %d at %" PRId64, field, want->time);
}

static void check_ticks_of_span(void)
{
    size_t rows = 0;
    size_t listed = 0;
    for (size_t symbol = 0; symbol < options.symbol_count; symbol++) {
        const struct fake_tape *of =
            CONTAINER_OF(options.symbols[symbol], struct fake_tape, symbol);
        size_t first = ticks_before(of, output.span.from);
        size_t end = ticks_before(of, output.span.to);
        if (first == end)
            continue;
        cr_assert(listed < output.tick_count, "ticks of %s are missing", of->symbol.name);
        const struct frame_ticks *columns = &output.ticks[listed++];
        cr_assert(columns->symbol == symbol);
        cr_assert(columns->time.rows == end - first, "%zu rows of %zu", columns->time.rows,
                  end - first);
        for (size_t row = 0; row < end - first; row++)
            check_row(columns, row, &of->ticks[output.direction > 0 ? first + row : end - 1 - row]);
        rows += end - first;
    }
    cr_assert(listed == output.tick_count);
    cr_assert(rows == output.rows);
}

static void check_watched(struct watched *watched, int direction)
{
    cr_assert(output.direction == direction);
    cr_assert(output.span.from < output.span.to);
    cr_assert(watched->at == (direction > 0 ? output.span.from : output.span.to),
              "a gap or an overlap at %" PRId64, watched->at);
    cr_assert(output.seq == (int64_t)watched->frames);
    if (options.ticks)
        check_ticks_of_span();
    else
        cr_assert(output.rows == 0 && output.tick_count == 0);
    watched->at = direction > 0 ? output.span.to : output.span.from;
    watched->frames++;
    watched->rows += output.rows;
}

struct watched watch(int64_t at, int direction)
{
    struct watched watched = {.at = at};
    for (int turn = 0; turn < TURNS_MAX; turn++) {
        while (ask() == STATUS_OK) {
            if (output.saying == SAYING_FRAME)
                check_watched(&watched, direction);
            watched.errors += output.saying == SAYING_ERROR;
        }
        bool is_idle = fake_source_load(&fake) == NULL && list_is_empty(&fake.requests);
        enum replay_state state = look().state;
        if (state == REPLAY_ENDED || (state == REPLAY_PAUSED && is_idle))
            return watched;
        serve();
        pass(10 * MS);
    }
    cr_assert(false, "it never ends");
    return watched;
}

void step_from(const int64_t *at, enum replay_step_unit unit, int64_t interval_us, int64_t count)
{
    struct replay_step step = {.unit = unit, .interval_us = interval_us, .count = count};
    cr_assert(replay_step(replay, &step, at, now_us, &failure) == STATUS_OK, "%s", failure.text);
    cr_assert(look().state == REPLAY_PAUSED);
}

void step_ticks(int64_t count)
{
    step_from(NULL, STEP_TICK, 0, count);
}

void step_interval(int64_t interval_us, int64_t count)
{
    step_from(NULL, STEP_INTERVAL, interval_us, count);
}
