#include "support/wire_message.h"
#include "viewer.h"

#include <string.h>

#define FINISH_US_MOST 4000000 /* of play, where it is paced to the end */
#define STEP_COUNT_MOST 1000000

static json_t *control(const char *op)
{
    json_t *tree = json_object();
    json_object_set_new(tree, "op", json_string(op));
    return tree;
}

static void add_integer(json_t *tree, const char *key, int64_t value)
{
    json_object_set_new(tree, key, json_integer(value));
}

static void add_speed(json_t *tree, struct replay_speed speed)
{
    json_object_set_new(tree, "speed",
                        speed.max ? json_string(speed.rate > 0 ? "max" : "-max")
                                  : json_real(speed.rate));
}

/* ---- dice -------------------------------------------------------------------------------- */

/* At which so much market time takes this long to play. */
static double rate_for(int64_t market_us, int64_t wall_us)
{
    double rate = (double)market_us / (double)wall_us;
    return rate < 0.01 ? 0.01 : rate > 100000 ? 100000 : rate;
}

static struct replay_speed random_speed(struct viewer *viewer, const struct watch *watch)
{
    static const double rates[] = {0.01, 0.5, 1, 7.3, 60, 1000, 100000};
    struct dice *dice = viewer->dice;
    struct replay_speed speed = {.rate = dice_once_in(dice, 2) ? -1 : 1};
    speed.max = viewer->world->calm || viewer->habit == HABIT_WINDOWS ||
                dice_once_in(dice, viewer->world->is_bulky ? 2 : 5);
    if (speed.max)
        return speed;
    if (dice_once_in(dice, 3)) /* that moves at all */
        speed.rate *= rates[dice_between(dice, 0, 6)];
    else
        speed.rate *= rate_for(watch->to - watch->from, dice_between(dice, 1000000, 60000000));
    return speed;
}

static int64_t random_instant(struct viewer *viewer, const struct watch *watch)
{
    if (dice_once_in(viewer->dice, 6))
        return dice_once_in(viewer->dice, 2) ? watch->from : watch->to;
    return dice_between(viewer->dice, watch->from, watch->to);
}

/* The edge of a frame the client has used: mostly not the newest, maybe of an epoch that is over
 * when the request arrives. */
static int64_t used_instant(struct viewer *viewer, const struct watch *watch)
{
    if (dice_once_in(viewer->dice, 8))
        return random_instant(viewer, watch);
    int64_t index = dice_between(viewer->dice, -1, (int64_t)watch->used_count - 1);
    return index < 0 ? watch->epoch.at : watch->used[index].edge;
}

static const struct interval choices[] = {
    {"1s", 1, 0},   {"7s", 7, 0},    {"90s", 90, 0},  {"1m", 60, 0},    {"3m", 180, 0},
    {"5m", 300, 0}, {"15m", 900, 0}, {"1h", 3600, 0}, {"1d", 86400, 0}, {"1w", 604800, 0},
};

static struct intervals random_intervals(struct viewer *viewer)
{
    struct dice *dice = viewer->dice;
    struct intervals intervals = {.count = 0};
    if (viewer->world->is_bulky || !dice_once_in(dice, 3))
        return intervals;
    intervals.count = (size_t)dice_between(dice, 1, INTERVALS_MAX);
    int64_t first = dice_between(dice, 0, 9);
    for (size_t i = 0; i < intervals.count; i++) {
        intervals.items[i] = choices[(first + 3 * (int64_t)i) % 10];
        intervals.items[i].us *= TIME_SECOND_US;
        intervals.items[i].history = dice_between(dice, 0, dice_once_in(dice, 3) ? 100 : 3);
    }
    return intervals;
}

static void add_intervals(json_t *tree, const struct intervals *intervals)
{
    json_t *list = json_array();
    for (size_t i = 0; i < intervals->count; i++) {
        json_t *item = json_object();
        json_object_set_new(item, "interval", json_string(intervals->items[i].text));
        add_integer(item, "history", intervals->items[i].history);
        json_array_append_new(list, item);
    }
    json_object_set_new(tree, "candles", list);
}

static json_t *random_encodings(struct viewer *viewer)
{
    static const char *const names[] = {"u32", "i16", "i32", "i64", "const"};
    json_t *list = json_array();
    for (size_t i = 0; i < 5; i++) {
        if (dice_once_in(viewer->dice, 2))
            json_array_append_new(list, json_string(names[i]));
    }
    return list;
}

/* ---- opening ----------------------------------------------------------------------------- */

static int64_t clip(int64_t time)
{
    return time < TIME_MIN ? TIME_MIN : time > TIME_MAX ? TIME_MAX : time;
}

static void choose_symbols(struct viewer *viewer, struct watch *watch)
{
    size_t count = viewer->world->tape_count;
    watch->symbol_count = (size_t)dice_between(viewer->dice, 1, (int64_t)count);
    if (dice_once_in(viewer->dice, 4))
        watch->symbol_count = count;
    size_t first = (size_t)dice_between(viewer->dice, 0, (int64_t)count - 1);
    for (size_t i = 0; i < watch->symbol_count; i++)
        watch->symbols[i] = (first + count - i) % count;
}

/* Beside the range before, either way, or anywhere. */
static void choose_window(struct viewer *viewer, struct watch *watch)
{
    struct dice *dice = viewer->dice;
    const struct world *world = viewer->world;
    int64_t most_us = (world->to - world->from) / (dice_once_in(dice, 2) ? 10 : 100);
    int64_t length_us = dice_between(dice, 1, most_us);
    bool is_first = watch->to == watch->from || dice_once_in(dice, 10);
    if (is_first)
        watch->to = dice_between(dice, world->from, world->to);
    else
        tally(TALLY_WINDOWS);
    if (!is_first && dice_once_in(dice, 3))
        watch->to = clip(watch->from - length_us);
    watch->from = watch->to;
    watch->to = clip(watch->from + length_us);
}

static void choose_range(struct viewer *viewer, struct watch *watch)
{
    struct dice *dice = viewer->dice;
    const struct world *world = viewer->world;
    if (viewer->habit == HABIT_WINDOWS) {
        choose_window(viewer, watch);
        return;
    }
    if (dice_once_in(dice, 3) || world->is_bulky) { /* all there is */
        watch->from = world->from;
        watch->to = world->to;
        return;
    }
    watch->from = clip(dice_between(dice, world->from - 1000000, world->to));
    watch->to = clip(dice_between(dice, watch->from, world->to + 1000000));
    if (world->wide && dice_once_in(dice, 6)) { /* far beyond what there is */
        watch->from = dice_once_in(dice, 2) || world->from < 0 ? TIME_MIN : 0;
        watch->to = dice_once_in(dice, 2) ? TIME_MAX : world->to;
    }
    if (dice_once_in(dice, 40)) { /* where there is nothing at all */
        watch->from = clip(world->from - 7200 * TIME_SECOND_US);
        watch->to = clip(world->from - 3600 * TIME_SECOND_US);
    }
    if (dice_once_in(dice, 40)) /* no longer than an instant */
        watch->to = watch->from;
    if (dice_once_in(dice, 2) && watch->to == watch->from)
        watch->to += watch->to < TIME_MAX;
}

static void choose_replay(struct viewer *viewer, struct watch *watch)
{
    choose_symbols(viewer, watch);
    choose_range(viewer, watch);
    watch->journey.direction = 0; /* where it was before, it has left for good */
    watch->used_count = 0;
}

static void choose_settings(struct viewer *viewer, struct watch *watch)
{
    struct dice *dice = viewer->dice;
    watch->fps = dice_between(dice, 1, 240);
    watch->lead_us = dice_once_in(dice, 3) ? 0 : dice_between(dice, 0, 5000) * 1000;
    watch->intervals = random_intervals(viewer);
    watch->flow_ack = dice_once_in(dice, 3) || viewer->world->is_bulky;
    watch->window_us = dice_between(dice, 100, dice_once_in(dice, 4) ? 60000 : 3000) * 1000;
    watch->ticks = !dice_once_in(dice, 8);
}

static void add_replay(struct viewer *viewer, json_t *open, const struct watch *watch)
{
    json_t *names = json_array();
    for (size_t i = 0; i < watch->symbol_count; i++)
        json_array_append_new(names, json_string(watch_tape(watch, i)->symbol.name));
    json_object_set_new(open, "symbols", names);
    add_integer(open, "from", watch->from);
    add_speed(open, watch->speed);
    add_integer(open, "fps", watch->fps);
    add_integer(open, "lead_ms", watch->lead_us / 1000);
    json_object_set_new(open, "flow", json_string(watch->flow_ack ? "ack" : "tcp"));
    add_integer(open, "window_ms", watch->window_us / 1000);
    json_object_set_new(open, "ticks", json_boolean(watch->ticks));
    if (watch->intervals.count > 0)
        add_intervals(open, &watch->intervals);
    if (dice_once_in(viewer->dice, 2))
        json_object_set_new(open, "state", json_string("playing"));
    if (dice_once_in(viewer->dice, 3))
        json_object_set_new(open, "encodings", random_encodings(viewer));
}

/* A new replay, or the one that a lost connection cut off, on from a frame that was used: rule 7,
 * by everything the client itself knows. */
static void open_replay(struct viewer *viewer, size_t index, int64_t now_us)
{
    struct watch *watch = &viewer->watches[index];
    bool goes_on = watch->was_cut_off && !dice_once_in(viewer->dice, 8);
    struct asked asked = {.act = ACT_OPEN, .watch = index};
    watch->was_cut_off = false;
    watch->id = ++viewer->ids;
    choose_settings(viewer, watch);
    bool has_at = goes_on || dice_once_in(viewer->dice, 2);
    if (goes_on) {
        asked.at = used_instant(viewer, watch);
    } else {
        choose_replay(viewer, watch);
        watch->speed = random_speed(viewer, watch);
        asked.at = has_at ? random_instant(viewer, watch)
                          : watch_end(watch, -replay_speed_direction(watch->speed));
    }
    watch->finishing = viewer->world->calm && watch->speed.max;
    json_t *open = control("replay.open");
    add_replay(viewer, open, watch);
    /* Without it: the end of the data, which the list of symbols knows. */
    bool has_to = watch->to != viewer->world->to || dice_once_in(viewer->dice, 2);
    if (has_to)
        add_integer(open, "to", watch->to);
    if (has_to && watch->from == watch->to)
        asked.refusal = "bad_argument";
    if (has_at)
        add_integer(open, "at", asked.at);
    viewer_send(viewer, &asked, open, now_us);
}

/* ---- controls ---------------------------------------------------------------------------- */

static void simple(struct viewer *viewer, size_t index, enum act act, const char *op,
                   int64_t now_us)
{
    viewer_send(viewer, &(struct asked){.act = act, .watch = index}, control(op), now_us);
}

static void play(struct viewer *viewer, size_t index, int64_t now_us)
{
    simple(viewer, index, ACT_PLAY, "replay.play", now_us);
}

static void pause(struct viewer *viewer, size_t index, int64_t now_us)
{
    simple(viewer, index, ACT_PAUSE, "replay.pause", now_us);
}

static void seek(struct viewer *viewer, size_t index, int64_t now_us)
{
    struct asked asked = {.act = ACT_SEEK, .watch = index};
    asked.at = random_instant(viewer, &viewer->watches[index]);
    json_t *tree = control("replay.seek");
    add_integer(tree, "to", asked.at);
    viewer_send(viewer, &asked, tree, now_us);
}

/* Controls that may say where the client is. */
static void add_at(struct viewer *viewer, struct asked *asked, json_t *tree)
{
    const struct watch *watch = &viewer->watches[asked->watch];
    asked->has_at = viewer->world->calm || dice_once_in(viewer->dice, 2);
    if (!asked->has_at)
        return;
    asked->at = viewer->world->calm ? watch->epoch.edge : used_instant(viewer, watch);
    add_integer(tree, "at", asked->at);
}

static void change_speed(struct viewer *viewer, size_t index, struct replay_speed speed,
                         int64_t now_us)
{
    struct asked asked = {.act = ACT_SPEED, .watch = index, .speed = speed};
    json_t *tree = control("replay.speed");
    add_speed(tree, speed);
    add_at(viewer, &asked, tree);
    viewer_send(viewer, &asked, tree, now_us);
}

static void any_speed(struct viewer *viewer, size_t index, int64_t now_us)
{
    change_speed(viewer, index, random_speed(viewer, &viewer->watches[index]), now_us);
}

static void turn_around(struct viewer *viewer, size_t index, int64_t now_us)
{
    struct replay_speed speed = viewer->watches[index].speed;
    speed.rate = -speed.rate;
    change_speed(viewer, index, speed, now_us);
}

static int64_t random_count(struct viewer *viewer)
{
    static const int64_t most[] = {1, 1, 1, 1, 5, 5, 5, 40, 300, STEP_COUNT_MOST};
    int64_t count = dice_between(viewer->dice, 1, most[dice_between(viewer->dice, 0, 9)]);
    return dice_once_in(viewer->dice, 2) ? count : -count;
}

static void step(struct viewer *viewer, size_t index, int64_t now_us)
{
    static const struct {
        const char *unit;
        int64_t seconds;
    } intervals[] = {{"1s", 1},    {"7s", 7},     {"1m", 60},     {"7m", 420},
                     {"1h", 3600}, {"1d", 86400}, {"1w", 604800}, {"366d", 31622400}};
    struct asked asked = {.act = ACT_STEP, .watch = index, .unit = UNIT_INTERVAL};
    const char *unit;
    if (dice_once_in(viewer->dice, 2)) {
        unit = "tick";
        asked.unit = UNIT_TICK;
    } else if (dice_once_in(viewer->dice, 2)) {
        unit = "frame";
        asked.unit = UNIT_FRAME;
    } else {
        int64_t choice = dice_between(viewer->dice, 0, 7);
        unit = intervals[choice].unit;
        asked.interval_us = intervals[choice].seconds * TIME_SECOND_US;
    }
    asked.count = random_count(viewer);
    json_t *tree = control("replay.step");
    json_object_set_new(tree, "unit", json_string(unit));
    add_integer(tree, "count", asked.count);
    add_at(viewer, &asked, tree);
    viewer_send(viewer, &asked, tree, now_us);
}

static void set(struct viewer *viewer, size_t index, int64_t now_us)
{
    struct asked asked = {.act = ACT_SET, .watch = index, .ticks = -1};
    json_t *tree = control("replay.set");
    if (dice_once_in(viewer->dice, 2)) {
        asked.fps = dice_between(viewer->dice, 1, 240);
        add_integer(tree, "fps", asked.fps);
    }
    if (dice_once_in(viewer->dice, 3)) {
        asked.ticks = dice_once_in(viewer->dice, 3) ? 0 : 1;
        json_object_set_new(tree, "ticks", json_boolean(asked.ticks));
    }
    asked.has_intervals = dice_once_in(viewer->dice, 3);
    if (asked.has_intervals) {
        asked.intervals = random_intervals(viewer);
        add_intervals(tree, &asked.intervals);
    }
    viewer_send(viewer, &asked, tree, now_us);
}

/* However long the answer takes, and whatever is asked meanwhile. */
static void ask_history(struct viewer *viewer, size_t index, int64_t now_us)
{
    struct dice *dice = viewer->dice;
    const struct watch *watch = &viewer->watches[index];
    size_t most = viewer->histories.count;
    for (size_t i = 0; i < viewer->asked_count; i++)
        most += viewer->asked[i].act == ACT_HISTORY;
    if (most == HISTORIES_MAX || viewer->world->is_bulky)
        return;
    struct asked asked = {.act = ACT_HISTORY, .watch = index};
    asked.symbol = (size_t)dice_between(dice, 0, (int64_t)watch->symbol_count - 1);
    const struct interval *interval = &choices[dice_between(dice, 0, 9)];
    asked.interval = interval->text;
    asked.interval_us = interval->us * TIME_SECOND_US;
    asked.count = dice_between(dice, 1, dice_once_in(dice, 3) ? 100 : 4);
    asked.before = random_instant(viewer, watch);
    if (dice_once_in(dice, 3))
        asked.before = clip(asked.before + dice_between(dice, -10, 10) * asked.interval_us);
    asked.has_at = dice_once_in(dice, 2);
    json_t *tree = control("replay.history");
    add_integer(tree, "symbol", (int64_t)asked.symbol);
    json_object_set_new(tree, "interval", json_string(asked.interval));
    add_integer(tree, "before", asked.before);
    add_integer(tree, "count", asked.count);
    if (asked.has_at) {
        asked.at = random_instant(viewer, watch);
        add_integer(tree, "at", asked.at);
    }
    viewer_send(viewer, &asked, tree, now_us);
}

static json_t *ack(const struct watch *watch, int64_t seq)
{
    json_t *tree = control("replay.ack");
    add_integer(tree, "epoch", watch->epoch.number);
    add_integer(tree, "seq", seq);
    return tree;
}

/* Of the newest frame, or of an older one; alone on its way, for it has no answer to wait for. */
static void acknowledge(struct viewer *viewer, size_t index, int64_t now_us)
{
    const struct watch *watch = &viewer->watches[index];
    if (watch->epoch.seq == 0 || viewer->asked_count > 0)
        return;
    if (!dice_once_in(viewer->dice, viewer->acks_in))
        return;
    struct asked asked = {.act = ACT_ACK, .watch = index, .epoch = watch->epoch.number};
    asked.seq = watch->epoch.seq - 1;
    if (!viewer->world->calm && dice_once_in(viewer->dice, 4))
        asked.seq = dice_between(viewer->dice, 0, asked.seq);
    viewer_send(viewer, &asked, ack(watch, asked.seq), now_us);
}

/* ---- what must be refused ---------------------------------------------------------------- */

/* A request that is right but for one field. */
static json_t *nearly_right(const char *op, const char *key, json_t *wrong)
{
    json_t *tree = control(op);
    if (strcmp(op, "replay.step") == 0) {
        json_object_set_new(tree, "unit", json_string("tick"));
        add_integer(tree, "count", 1);
    }
    if (strcmp(op, "replay.speed") == 0)
        json_object_set_new(tree, "speed", json_real(3.25)); /* nobody else plays at that */
    json_object_set_new(tree, key, wrong);
    return tree;
}

static json_t *outside(struct viewer *viewer, const struct watch *watch)
{
    return json_integer(dice_once_in(viewer->dice, 2) ? watch->to + 1 : watch->from - 1);
}

static void ask_wrongly(struct viewer *viewer, size_t index, int64_t now_us)
{
    const struct watch *watch = &viewer->watches[index];
    struct asked asked = {.act = ACT_WRONG, .watch = index, .refusal = "bad_argument"};
    json_t *tree = NULL;
    switch (dice_between(viewer->dice, 0, 9)) {
    case 0:
        tree = nearly_right("replay.seek", "to", outside(viewer, watch));
        break;
    case 1:
        tree = nearly_right("replay.speed", "at", outside(viewer, watch));
        break;
    case 2:
        tree = nearly_right("replay.speed", "speed", json_integer(0));
        break;
    case 3:
        tree = nearly_right("replay.speed", "speed", json_string("-fast"));
        break;
    case 4:
        tree = nearly_right("replay.step", "at", outside(viewer, watch));
        break;
    case 5:
        tree = nearly_right("replay.step", "count", json_integer(0));
        break;
    case 6:
        tree = nearly_right("replay.step", "unit", json_string("trade"));
        break;
    case 7:
        tree = nearly_right("replay.pause", "id", json_integer(1000000));
        asked.refusal = "not_found";
        break;
    case 8:
        tree = nearly_right("replay.set", "fps", json_integer(241));
        break;
    default:
        if (viewer->asked_count > 0 || !watch->flow_ack || viewer->network_us > 0)
            return;
        tree = ack(watch, watch->epoch.seq);
        break;
    }
    viewer_send(viewer, &asked, tree, now_us);
}

/* ---- wishes ------------------------------------------------------------------------------ */

typedef void wish_fn(struct viewer *viewer, size_t index, int64_t now_us);

/* How much a viewer likes what, by its habit. */
static const struct {
    wish_fn *wish;
    int64_t weights[HABITS];
} wishes[] = {
    {play, {6, 3, 3, 4, 9}},        {pause, {2, 1, 1, 1, 0}},       {seek, {2, 12, 1, 1, 0}},
    {any_speed, {2, 1, 1, 1, 1}},   {step, {2, 2, 12, 2, 0}},       {turn_around, {1, 1, 1, 8, 0}},
    {set, {1, 1, 1, 1, 1}},         {ask_wrongly, {1, 1, 1, 1, 1}}, {acknowledge, {7, 4, 6, 5, 9}},
    {ask_history, {1, 1, 1, 1, 1}},
};

#define WISHES (sizeof wishes / sizeof wishes[0])

static void wish(struct viewer *viewer, size_t index, int64_t now_us)
{
    int64_t all = 0;
    for (size_t i = 0; i < WISHES; i++)
        all += wishes[i].weights[viewer->habit];
    int64_t roll = dice_between(viewer->dice, 0, all - 1);
    size_t i = 0;
    for (; roll >= wishes[i].weights[viewer->habit]; i++)
        roll -= wishes[i].weights[viewer->habit];
    wishes[i].wish(viewer, index, now_us);
}

/* Nothing may follow a close, and an open comes first. */
static bool may_ask(const struct viewer *viewer, size_t index)
{
    if (viewer->feed == NULL || viewer->asked_count == VIEWER_ASKED_MAX)
        return false;
    for (size_t i = 0; i < viewer->asked_count; i++) {
        enum act act = viewer->asked[i].act;
        if (viewer->asked[i].watch == index && (act == ACT_OPEN || act == ACT_CLOSE))
            return false;
        if (act == ACT_ACK)
            return false;
    }
    return true;
}

void user_act(struct viewer *viewer, int64_t now_us)
{
    size_t index = (size_t)dice_between(viewer->dice, 0, VIEWER_WATCHES - 1);
    const struct watch *watch = &viewer->watches[index];
    if (!may_ask(viewer, index))
        return;
    if (!watch->open) {
        if (!watch->closed_due && (index == 0 || dice_once_in(viewer->dice, 6)))
            open_replay(viewer, index, now_us);
    } else if (dice_once_in(viewer->dice, 40) ||
               (viewer->habit == HABIT_WINDOWS && watch->state == REPLAY_ENDED)) {
        simple(viewer, index, ACT_CLOSE, "replay.close", now_us);
    } else {
        wish(viewer, index, now_us);
    }
}

/* ---- the end ----------------------------------------------------------------------------- */

/* Either way, at "max", or at a pace that comes to the end in seconds. */
static struct replay_speed finishing_speed(struct viewer *viewer, const struct watch *watch)
{
    struct replay_speed speed = {.rate = dice_once_in(viewer->dice, 2) ? -1 : 1};
    int64_t left_us = watch_end(watch, speed.rate > 0 ? 1 : -1) - watch->epoch.edge;
    left_us = left_us < 0 ? -left_us : left_us;
    bool is_paced = left_us > TIME_SECOND_US && left_us / FINISH_US_MOST < 100000;
    speed.max = !is_paced || dice_once_in(viewer->dice, 2);
    if (!speed.max)
        speed.rate *= rate_for(left_us, dice_between(viewer->dice, 1000000, FINISH_US_MOST));
    return speed;
}

static void drop_candles(struct viewer *viewer, size_t index, int64_t now_us)
{
    struct asked asked = {.act = ACT_SET, .watch = index, .ticks = -1, .has_intervals = true};
    json_t *tree = control("replay.set");
    add_intervals(tree, &asked.intervals);
    viewer_send(viewer, &asked, tree, now_us);
}

static bool finish(struct viewer *viewer, size_t index, int64_t now_us)
{
    struct watch *watch = &viewer->watches[index];
    if (!may_ask(viewer, index) || watch->closed_due || watch->asked > 0)
        return false;
    if (!watch->open && index > 0)
        return true;
    if (!watch->open) {
        open_replay(viewer, index, now_us);
    } else if (watch->state == REPLAY_ENDED) {
        return true;
    } else if (watch->intervals.count > 0 && !viewer->world->wide) {
        drop_candles(viewer, index, now_us); /* a tiny cache loads it all again for each of them */
    } else if (!watch->finishing) {
        watch->finishing = true;
        change_speed(viewer, index, finishing_speed(viewer, watch), now_us);
    } else if (watch->state == REPLAY_PAUSED) {
        play(viewer, index, now_us);
    } else if (watch_is_unacked(watch)) {
        acknowledge(viewer, index, now_us);
    }
    return false;
}

bool user_finish(struct viewer *viewer, int64_t now_us)
{
    bool ended = true;
    for (size_t i = 0; i < VIEWER_WATCHES; i++)
        ended = finish(viewer, i, now_us) && ended;
    return ended;
}
