/*
 * One viewer of the load client, talked to by a server that the tests play: what it asks, what it
 * measures, and that it notices what is wrong.
 */
#include "bench/viewer.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define FROM INT64_C(1723161255000000)
#define TO (FROM + 10000000)
#define NOW INT64_C(5000000)

static struct viewer_options options;
static struct company company; /* too large for a stack, and there is one */
static struct viewer viewer;
static struct buffer said;
static struct error error;
static int peer;

static void make(void)
{
    int pair[2];
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    peer = pair[1];
    options = (struct viewer_options){
        .open = {.speed = 2, .direction = 1, .fps = 60}, .from = INT64_MIN, .to = INT64_MIN};
    company = (struct company){.options = &options, .viewer_count = 1};
    buffer_init(&company.request, 16384);
    buffer_init(&said, 16384);
    viewer = (struct viewer){.phase = VIEWER_CONNECTING};
    viewer.channel = (struct channel){.state = CHANNEL_OPEN, .fd = pair[0]};
    buffer_init(&viewer.channel.out, CHANNEL_OUT_BYTES_MAX);
}

static void drop(void)
{
    channel_close(&viewer.channel);
    buffer_deinit(&company.request);
    buffer_deinit(&said);
    close(peer);
}

TestSuite(viewer, .init = make, .fini = drop);

/* ---- the server's part ---- */

static void put(const char *key, int64_t value)
{
    pack_text(&said, key);
    pack_integer(&said, value);
}

static void put_text(const char *key, const char *value)
{
    pack_text(&said, key);
    pack_text(&said, value);
}

static void begin(size_t pairs, const char *ev)
{
    buffer_clear(&said);
    pack_map(&said, pairs);
    put_text("ev", ev);
}

static enum status deliver(int64_t now_us)
{
    return viewer_message(&viewer, &company, said.bytes, said.count, now_us, &error);
}

static enum status say_welcome(void)
{
    begin(2, "welcome");
    pack_text(&said, "limits");
    pack_map(&said, 1);
    put("frame_bytes", 61440);
    return deliver(NOW);
}

static enum status say_symbols(const char *name)
{
    begin(3, "symbols");
    put("re", viewer.req);
    pack_text(&said, "symbols");
    pack_array(&said, 1);
    pack_map(&said, 3);
    put_text("symbol", name);
    put("from", FROM);
    put("to", TO);
    return deliver(NOW);
}

static enum status answer(const char *ev, int64_t epoch, const char *state, int64_t at,
                          int64_t now_us)
{
    begin(6, ev);
    put("re", viewer.req);
    put("id", 1);
    put("epoch", epoch);
    put_text("state", state);
    put("at", at);
    return deliver(now_us);
}

static enum status say_snapshot(int64_t epoch, int64_t now_us)
{
    begin(4, "replay.snapshot");
    put("id", 1);
    put("epoch", epoch);
    put("seq", 0);
    return deliver(now_us);
}

/* A frame without ticks. */
static enum status say_frame(int64_t epoch, int64_t seq, int64_t from, int64_t to, int64_t now_us)
{
    begin(7, "replay.frame");
    put("id", 1);
    put("epoch", epoch);
    put("seq", seq);
    put("due", (to - viewer.verifier.at) / 2);
    put("dir", 1);
    pack_text(&said, "span");
    pack_array(&said, 2);
    pack_integer(&said, from);
    pack_integer(&said, to);
    return deliver(now_us);
}

static enum status say_ended(int64_t epoch, int64_t total)
{
    begin(5, "replay.state");
    put("id", 1);
    put("epoch", epoch);
    put_text("state", "ended");
    pack_text(&said, "totals");
    pack_map(&said, 1);
    pack_text(&said, "ticks");
    pack_array(&said, 1);
    pack_integer(&said, total);
    return deliver(NOW);
}

/* Whether the newest request has this op. */
static bool was_asked(const char *op)
{
    uint8_t bytes[4096];
    ssize_t got = recv(peer, bytes, sizeof bytes, 0);
    return got > 0 && memmem(bytes, (size_t)got, op, strlen(op)) != NULL;
}

static void become_ready(void)
{
    cr_assert_eq(say_welcome(), STATUS_OK, "%s", error.text);
    cr_assert(was_asked("symbols"));
    cr_assert_eq(say_symbols("SIM:A"), STATUS_OK, "%s", error.text);
    cr_assert(was_asked("replay.open"));
    cr_assert_eq(answer("replay.opened", 1, "paused", FROM, NOW), STATUS_OK, "%s", error.text);
    cr_assert_eq(viewer.phase, VIEWER_ASKING);
    cr_assert_eq(say_snapshot(1, NOW), STATUS_OK, "%s", error.text);
    cr_assert_eq(viewer.phase, VIEWER_READY);
}

static void play(void)
{
    become_ready();
    cr_assert_eq(viewer_start(&viewer, &company, NOW, &error), STATUS_OK);
    cr_assert(was_asked("replay.play"));
    cr_assert_eq(answer("ok", 1, "playing", FROM, NOW), STATUS_OK, "%s", error.text);
}

/* ---- the whole way ---- */

Test(viewer, plays_to_the_end_and_leaves)
{
    play();
    cr_assert_eq(say_frame(1, 0, FROM, TO, NOW), STATUS_OK, "%s", error.text);
    cr_assert_eq(say_ended(1, 0), STATUS_OK, "%s", error.text);
    cr_assert_eq(viewer.phase, VIEWER_ENDED);
    cr_assert_eq(viewer_leave(&viewer, &company, NOW, &error), STATUS_OK);
    cr_assert(was_asked("replay.close"));
    cr_assert_eq(answer("ok", 1, "closed", TO, NOW), STATUS_OK, "%s", error.text);
    cr_assert_eq(viewer.phase, VIEWER_DONE);
}

Test(viewer, a_loop_goes_back_to_the_beginning_and_plays)
{
    options.loops = true;
    play();
    cr_assert_eq(say_frame(1, 0, FROM, TO, NOW), STATUS_OK);
    cr_assert_eq(say_ended(1, 0), STATUS_OK);
    cr_assert(was_asked("replay.seek"));
    cr_assert_eq(answer("ok", 2, "paused", FROM, NOW), STATUS_OK, "%s", error.text);
    cr_assert(was_asked("replay.play"));
    cr_assert_eq(answer("ok", 2, "playing", FROM, NOW), STATUS_OK, "%s", error.text);
    cr_assert_eq(say_frame(2, 0, FROM, TO, NOW), STATUS_OK, "%s", error.text);
    cr_assert_eq(viewer.phase, VIEWER_WATCHING);
}

/* ---- what it measures ---- */

Test(viewer, lateness_counts_from_the_schedule_and_not_from_the_frame_before)
{
    play();
    /* Due at 0.5, 1 and 1.5 s after NOW; the second is 30 ms late, and so is the third. */
    cr_assert_eq(say_frame(1, 0, FROM, FROM + 1000000, NOW + 499000), STATUS_OK);
    cr_assert_eq(say_frame(1, 1, FROM + 1000000, FROM + 2000000, NOW + 1030000), STATUS_OK);
    cr_assert_eq(say_frame(1, 2, FROM + 2000000, FROM + 3000000, NOW + 1530000), STATUS_OK);
    cr_assert_eq(company.tally.lateness_us.count, 3);
    cr_assert_eq(company.tally.lateness_us.max, 30000);
    cr_assert_eq(histogram_at(&company.tally.lateness_us, 0.3), 0);
    cr_assert_geq(histogram_at(&company.tally.lateness_us, 0.5), 30000);
    cr_assert_eq(company.tally.early_us_max, 1000);
}

Test(viewer, a_seek_takes_until_the_first_frame_of_its_own_epoch)
{
    options.seeks = 1;
    play();
    cr_assert_leq(viewer_seek_at(&viewer, &company), NOW);
    cr_assert_eq(viewer_seek(&viewer, &company, NOW, &error), STATUS_OK);
    cr_assert(was_asked("replay.seek"));
    cr_assert_eq(viewer_seek_at(&viewer, &company), INT64_MAX);
    /* One that was on its way. */
    cr_assert_eq(say_frame(1, 0, FROM, FROM + 1000000, NOW + 100), STATUS_OK);
    cr_assert_eq(company.tally.seek_us.count, 0);
    int64_t at = viewer.target;
    cr_assert(at >= FROM && at < TO);
    cr_assert_eq(answer("ok", 2, "playing", at, NOW + 150), STATUS_OK, "%s", error.text);
    cr_assert_eq(say_frame(2, 0, at, at + 1, NOW + 200), STATUS_OK, "%s", error.text);
    cr_assert_eq(company.tally.seek_us.count, 1);
    cr_assert_eq(company.tally.seek_us.max, 200);
    cr_assert_eq(viewer.phase, VIEWER_ENDED);
}

Test(viewer, a_paused_seek_takes_until_its_snapshot)
{
    options.seeks = 1;
    options.seeks_paused = true;
    become_ready();
    cr_assert_eq(viewer_start(&viewer, &company, NOW, &error), STATUS_OK);
    cr_assert_eq(viewer_seek(&viewer, &company, NOW, &error), STATUS_OK);
    cr_assert_eq(answer("ok", 2, "paused", viewer.target, NOW + 50), STATUS_OK, "%s", error.text);
    cr_assert_eq(company.tally.seek_us.count, 0);
    cr_assert_eq(say_snapshot(2, NOW + 70), STATUS_OK, "%s", error.text);
    cr_assert_eq(company.tally.seek_us.max, 70);
}

Test(viewer, seeks_lie_in_the_range_and_never_near_each_other)
{
    enum { SEEKS = 100 };
    int64_t targets[SEEKS];
    options.seeks = SEEKS;
    play();
    for (int64_t i = 0; i < SEEKS; i++) {
        cr_assert_eq(viewer_seek(&viewer, &company, NOW, &error), STATUS_OK);
        targets[i] = viewer.target;
        cr_assert(targets[i] >= FROM && targets[i] < TO);
        for (int64_t j = 0; j < i; j++)
            cr_assert_gt(llabs(targets[i] - targets[j]), (TO - FROM) / SEEKS * 37 / 100);
        cr_assert_eq(answer("ok", 2 + i, "playing", viewer.target, NOW), STATUS_OK);
        viewer.awaits_seek = false;
    }
}

static void step_once(const char *by)
{
    options.steps = 2;
    cr_assert_eq(step_parse(by, &options.step, &error), STATUS_OK);
    become_ready();
    cr_assert_eq(viewer_start(&viewer, &company, NOW, &error), STATUS_OK);
    cr_assert(was_asked("replay.step"));
    cr_assert_eq(answer("ok", 2, "paused", FROM, NOW), STATUS_OK, "%s", error.text);
}

/* Frames of a step are due at once, whatever the speed; it is done when its last one is there. */
static enum status say_step_frame(int64_t seq, int64_t from, int64_t to, int64_t now_us)
{
    begin(7, "replay.frame");
    put("id", 1);
    put("epoch", viewer.verifier.epoch);
    put("seq", seq);
    put("due", 0);
    put("dir", 1);
    pack_text(&said, "span");
    pack_array(&said, 2);
    pack_integer(&said, from);
    pack_integer(&said, to);
    return deliver(now_us);
}

Test(viewer, a_step_takes_until_its_last_frame)
{
    step_once("1s"); /* FROM is a whole second */
    cr_assert_eq(say_step_frame(0, FROM, FROM + 400000, NOW + 10), STATUS_OK, "%s", error.text);
    cr_assert_eq(company.tally.step_us.count, 0);
    cr_assert_eq(say_step_frame(1, FROM + 400000, FROM + 1000000, NOW + 30), STATUS_OK);
    cr_assert_eq(company.tally.step_us.max, 30);
    cr_assert(was_asked("replay.step"));
    cr_assert_eq(answer("ok", 3, "paused", FROM + 1000000, NOW), STATUS_OK, "%s", error.text);
    cr_assert_eq(say_step_frame(0, FROM + 1000000, FROM + 2000000, NOW + 60), STATUS_OK);
    cr_assert_eq(viewer.phase, VIEWER_ENDED);
}

Test(viewer, a_step_by_ticks_to_the_end_is_the_last)
{
    step_once("tick");
    cr_assert_eq(say_step_frame(0, FROM, TO, NOW + 10), STATUS_OK, "%s", error.text);
    cr_assert_eq(viewer.phase, VIEWER_ENDED);
}

/* ---- what it notices ---- */

#define REFUSED(call, words)                                                                       \
    do {                                                                                           \
        cr_assert_neq((call), STATUS_OK);                                                          \
        cr_assert_not_null(strstr(error.text, words), "%s", error.text);                           \
    } while (0)

Test(viewer, notices_a_replay_that_is_opened_elsewhere_or_playing)
{
    cr_assert_eq(say_welcome(), STATUS_OK);
    cr_assert_eq(say_symbols("SIM:A"), STATUS_OK);
    struct viewer before = viewer;
    REFUSED(answer("replay.opened", 1, "paused", FROM + 1, NOW), "opened at");
    viewer = before;
    REFUSED(answer("replay.opened", 1, "playing", FROM, NOW), "opened at");
}

Test(viewer, notices_a_symbol_that_is_not_there)
{
    static const char *const names[] = {"SIM:B"};
    options.symbols = names;
    options.symbol_count = 1;
    cr_assert_eq(say_welcome(), STATUS_OK);
    REFUSED(say_symbols("SIM:A"), "0 of the 1 symbols");
}

Test(viewer, notices_an_answer_that_was_not_asked_for)
{
    play();
    REFUSED(answer("ok", 1, "playing", FROM, NOW), "not asked");
}

Test(viewer, notices_an_error_and_tells_what_it_says)
{
    play();
    begin(3, "error");
    put_text("code", "limit");
    put_text("message", "too many");
    REFUSED(deliver(NOW), "limit: too many");
}

Test(viewer, notices_a_seek_to_somewhere_else_and_one_without_an_epoch)
{
    options.seeks = 1;
    play();
    cr_assert_eq(viewer_seek(&viewer, &company, NOW, &error), STATUS_OK);
    struct viewer before = viewer;
    REFUSED(answer("ok", 2, "playing", viewer.target + 1, NOW), "a seek to");
    viewer = before;
    REFUSED(answer("ok", 1, "playing", viewer.target, NOW), "a seek to");
}

Test(viewer, notices_a_step_that_plays_or_begins_elsewhere)
{
    options.steps = 1;
    cr_assert_eq(step_parse("tick", &options.step, &error), STATUS_OK);
    become_ready();
    cr_assert_eq(viewer_start(&viewer, &company, NOW, &error), STATUS_OK);
    struct viewer before = viewer;
    REFUSED(answer("ok", 2, "playing", FROM, NOW), "a step from");
    viewer = before;
    REFUSED(answer("ok", 2, "paused", FROM + 1, NOW), "a step from");
    viewer = before;
    REFUSED(answer("ok", 1, "paused", FROM, NOW), "a step from");
}

Test(viewer, notices_frames_of_the_old_epoch_after_the_answer)
{
    options.seeks = 1;
    play();
    cr_assert_eq(viewer_seek(&viewer, &company, NOW, &error), STATUS_OK);
    cr_assert_eq(answer("ok", 2, "playing", viewer.target, NOW), STATUS_OK);
    REFUSED(say_frame(1, 0, FROM, FROM + 1000000, NOW), "a frame of epoch 1");
}

Test(viewer, notices_a_snapshot_of_another_epoch)
{
    play();
    REFUSED(say_snapshot(2, NOW), "a snapshot of epoch 2");
}

Test(viewer, notices_a_message_of_a_replay_that_is_not_its_own)
{
    play();
    begin(2, "replay.state");
    put("id", 2);
    REFUSED(deliver(NOW), "replay 2");
}

Test(viewer, notices_that_a_pass_came_to_something_else_than_the_first)
{
    company.has_pass = true;
    company.pass_ticks = 1;
    play();
    cr_assert_eq(say_frame(1, 0, FROM, TO, NOW), STATUS_OK);
    REFUSED(say_ended(1, 0), "the tape came to 0 ticks");
}

Test(viewer, notices_a_replay_that_is_closed_at_another_edge)
{
    play();
    cr_assert_eq(say_frame(1, 0, FROM, FROM + 1000000, NOW), STATUS_OK);
    cr_assert_eq(viewer_leave(&viewer, &company, NOW, &error), STATUS_OK);
    struct viewer before = viewer;
    REFUSED(answer("ok", 1, "closed", FROM + 2000000, NOW), "closed at");
    viewer = before;
    cr_assert_eq(answer("ok", 1, "closed", FROM + 1000000, NOW), STATUS_OK);
}
