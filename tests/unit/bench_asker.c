/*
 * The client that asks for windows, talked to by a server that the tests play: what it asks, when
 * an answer is whole, and that it notices what is wrong.
 */
#include "bench/asker.h"

#include "bench_candles.h"

#include <criterion/criterion.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MINUTE INT64_C(60000000)
#define FROM INT64_C(1723161240000000) /* a whole minute */
#define TO (FROM + 100 * MINUTE)
#define AT (FROM + 50 * MINUTE)
#define NOW INT64_C(5000000)

static struct asker asker; /* too large for a stack */
static struct buffer said;
static struct error error;
static int peer;

static const struct asker_window ticks = {.at = AT, .ticks_us = MINUTE};
static const struct asker_window candles = {
    .at = AT, .interval = "1m", .interval_us = MINUTE, .count = 3};

static void make(void)
{
    int pair[2];
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    peer = pair[1];
    asker_init(&asker, "SIM:B");
    asker.channel = (struct channel){.state = CHANNEL_OPEN, .fd = pair[0]};
    buffer_init(&asker.channel.out, CHANNEL_OUT_BYTES_MAX);
    buffer_init(&said, 16384);
}

static void drop(void)
{
    asker_deinit(&asker);
    buffer_deinit(&said);
    close(peer);
}

TestSuite(asker, .init = make, .fini = drop);

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
    return asker_message(&asker, said.bytes, said.count, now_us, &error);
}

static bool was_asked(const char *op)
{
    uint8_t bytes[4096];
    ssize_t got = recv(peer, bytes, sizeof bytes, 0);
    return got > 0 && memmem(bytes, (size_t)got, op, strlen(op)) != NULL;
}

static enum status say_welcome(const char *op)
{
    begin(3, "welcome");
    pack_text(&said, "limits");
    pack_map(&said, 1);
    put("frame_bytes", 61440);
    pack_text(&said, "ops");
    pack_array(&said, 1);
    pack_text(&said, op);
    return deliver(NOW);
}

static enum status say_symbols(void)
{
    static const char *const names[] = {"SIM:A", "SIM:B"};
    begin(3, "symbols");
    put("re", asker.req);
    pack_text(&said, "symbols");
    pack_array(&said, 2);
    for (size_t i = 0; i < 2; i++) {
        pack_map(&said, 3);
        put_text("symbol", names[i]);
        put("from", FROM + (int64_t)i);
        put("to", TO);
    }
    return deliver(NOW);
}

static enum status say_opened(int64_t at)
{
    begin(5, "replay.opened");
    put("re", asker.req);
    put("id", 1);
    put("epoch", 1);
    put("at", at);
    return deliver(NOW);
}

/* A frame of the whole window with `rows` ticks from `from` on, every second. */
static enum status say_frame(int64_t from, size_t rows)
{
    begin(8, "replay.frame");
    put("id", 1);
    put("epoch", 1);
    put("seq", 0);
    put("due", 0);
    put("dir", 1);
    pack_text(&said, "span");
    pack_array(&said, 2);
    pack_integer(&said, AT);
    pack_integer(&said, AT + MINUTE);
    pack_text(&said, "ticks");
    pack_array(&said, 1);
    pack_map(&said, 7);
    put("symbol", 0);
    put("n", (int64_t)rows);
    bench_put_times(&said, from, 1000000, rows);
    bench_put_const(&said, "bid", 15, 1);
    bench_put_const(&said, "ask", 15, 1);
    bench_put_const(&said, "last", 15, 1);
    bench_put_const(&said, "volume", 1, 0);
    return deliver(NOW + 700);
}

static enum status say_ended(int64_t total, int64_t now_us)
{
    begin(5, "replay.state");
    put("id", 1);
    put("epoch", 1);
    put_text("state", "ended");
    pack_text(&said, "totals");
    pack_map(&said, 1);
    pack_text(&said, "ticks");
    pack_array(&said, 1);
    pack_integer(&said, total);
    return deliver(now_us);
}

static enum status say_ok(void)
{
    begin(2, "ok");
    put("re", asker.req);
    return deliver(NOW);
}

static enum status say_candles(int64_t from, size_t rows, int64_t now_us)
{
    begin(2 + BENCH_CANDLE_PAIRS, "candles.snapshot");
    put("re", asker.req);
    bench_put_candles(&said, from, MINUTE, rows);
    return deliver(now_us);
}

static enum status say_picture(int64_t from, size_t rows, int64_t now_us)
{
    begin(2, "replay.snapshot");
    pack_text(&said, "candles");
    pack_array(&said, 1);
    pack_map(&said, BENCH_CANDLE_PAIRS);
    bench_put_candles(&said, from, MINUTE, rows);
    return deliver(now_us);
}

static void become_idle(const char *op)
{
    cr_assert_eq(say_welcome(op), STATUS_OK, "%s", error.text);
    cr_assert(was_asked("symbols"));
    cr_assert_eq(say_symbols(), STATUS_OK, "%s", error.text);
    cr_assert_eq(asker.phase, ASKER_IDLE);
}

static void ask(const char *op, const struct asker_window *window, const char *expected)
{
    become_idle(op);
    cr_assert_eq(asker_ask(&asker, window, NOW, &error), STATUS_OK, "%s", error.text);
    cr_assert(was_asked(expected));
}

/* ---- the whole way ---- */

Test(asker, learns_the_range_of_the_symbol_that_is_wanted)
{
    become_idle("ping");
    cr_assert_str_eq(asker.tape.symbols[0], "SIM:B");
    cr_assert_eq(asker.tape.from, FROM + 1);
}

Test(asker, ticks_are_timed_to_the_end_of_the_replay)
{
    ask("ping", &ticks, "playing");
    cr_assert_eq(say_opened(AT), STATUS_OK, "%s", error.text);
    cr_assert_eq(say_frame(AT, 5), STATUS_OK, "%s", error.text);
    cr_assert_eq(asker.phase, ASKER_ASKING);
    cr_assert_eq(say_ended(5, NOW + 900), STATUS_OK, "%s", error.text);
    cr_assert(was_asked("replay.close"));
    cr_assert_eq(asker.phase, ASKER_CLOSING);
    cr_assert_eq(say_ok(), STATUS_OK, "%s", error.text);
    cr_assert_eq(asker.phase, ASKER_IDLE);
    cr_assert_eq(asker.answer.took_us, 900);
    cr_assert_eq(asker.answer.rows, 5);
}

Test(asker, candles_are_subscribed_where_the_server_answers_that)
{
    ask("candles.subscribe", &candles, "candles.subscribe");
    cr_assert_eq(say_candles(AT - 3 * MINUTE, 3, NOW + 250), STATUS_OK, "%s", error.text);
    cr_assert_eq(asker.phase, ASKER_IDLE);
    cr_assert_eq(asker.answer.took_us, 250);
    cr_assert_eq(asker.answer.rows, 3);
}

Test(asker, candles_come_with_the_picture_of_a_replay_elsewhere)
{
    ask("ping", &candles, "history");
    cr_assert_eq(say_opened(AT), STATUS_OK, "%s", error.text);
    cr_assert_eq(say_picture(AT - 3 * MINUTE, 3, NOW + 250), STATUS_OK, "%s", error.text);
    cr_assert_eq(asker.answer.took_us, 250);
    cr_assert(was_asked("replay.close"));
    cr_assert_eq(say_ok(), STATUS_OK, "%s", error.text);
    cr_assert_eq(asker.phase, ASKER_IDLE);
}

Test(asker, both_ways_come_to_the_same_sum_and_other_candles_to_another)
{
    ask("candles.subscribe", &candles, "candles.subscribe");
    cr_assert_eq(say_candles(AT - 3 * MINUTE, 3, NOW), STATUS_OK, "%s", error.text);
    uint64_t sum = asker.answer.sum;
    asker.has_subscribe = false;
    cr_assert_eq(asker_ask(&asker, &candles, NOW, &error), STATUS_OK);
    cr_assert_eq(say_opened(AT), STATUS_OK, "%s", error.text);
    cr_assert_eq(say_picture(AT - 3 * MINUTE, 3, NOW), STATUS_OK, "%s", error.text);
    cr_assert_eq(asker.answer.sum, sum);
    cr_assert_eq(say_ok(), STATUS_OK);
    asker.has_subscribe = true;
    cr_assert_eq(asker_ask(&asker, &candles, NOW, &error), STATUS_OK);
    cr_assert_eq(say_candles(AT - 4 * MINUTE, 3, NOW), STATUS_OK, "%s", error.text);
    cr_assert_neq(asker.answer.sum, sum);
}

Test(asker, a_window_without_candles_is_an_answer_too)
{
    ask("candles.subscribe", &candles, "candles.subscribe");
    cr_assert_eq(say_candles(AT, 0, NOW), STATUS_OK, "%s", error.text);
    cr_assert_eq(asker.phase, ASKER_IDLE);
    cr_assert_eq(asker.answer.rows, 0);
}

/* ---- what it notices ---- */

#define REFUSED(call, words)                                                                       \
    do {                                                                                           \
        cr_assert_neq((call), STATUS_OK);                                                          \
        cr_assert_not_null(strstr(error.text, words), "%s", error.text);                           \
    } while (0)

Test(asker, notices_a_symbol_that_is_not_there)
{
    asker.symbol = "SIM:C";
    cr_assert_eq(say_welcome("ping"), STATUS_OK);
    REFUSED(say_symbols(), "no symbol SIM:C");
}

Test(asker, notices_ticks_outside_the_window_and_totals_that_differ)
{
    ask("ping", &ticks, "replay.open");
    cr_assert_eq(say_opened(AT), STATUS_OK);
    struct verifier before = asker.verifier;
    REFUSED(say_frame(AT - 1, 5), "tick");
    asker.verifier = before;
    cr_assert_eq(say_frame(AT, 5), STATUS_OK, "%s", error.text);
    cr_assert_neq(say_ended(4, NOW), STATUS_OK);
}

Test(asker, notices_a_replay_that_is_opened_elsewhere)
{
    ask("ping", &ticks, "replay.open");
    REFUSED(say_opened(AT + 1), "opened at");
}

Test(asker, notices_candles_that_were_not_asked_for)
{
    static const struct {
        int64_t from;
        size_t rows;
        const char *words;
    } wrong[] = {
        {AT - 4 * MINUTE, 4, "4 candles"},                   /* too many */
        {AT - 2 * MINUTE, 3, "not those of buckets before"}, /* one begins at the instant */
        {AT - 3 * MINUTE + 1, 3, "not those of buckets"},    /* no bucket begins there */
    };
    become_idle("candles.subscribe");
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        asker.phase = ASKER_IDLE;
        cr_assert_eq(asker_ask(&asker, &candles, NOW, &error), STATUS_OK);
        REFUSED(say_candles(wrong[i].from, wrong[i].rows, NOW), wrong[i].words);
    }
}

Test(asker, notices_two_candles_of_one_bucket)
{
    ask("candles.subscribe", &candles, "candles.subscribe");
    begin(2 + BENCH_CANDLE_PAIRS, "candles.snapshot");
    put("re", asker.req);
    put("n", 2);
    static const char *const names[] = {"open",   "high",   "low",  "close",
                                        "volume", "trades", "final"};
    bench_put_const(&said, "time", AT - MINUTE, 0);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        bench_put_const(&said, names[i], 1, 0);
    REFUSED(deliver(NOW), "fewer buckets");
}

Test(asker, notices_an_answer_that_was_not_asked_for)
{
    ask("candles.subscribe", &candles, "candles.subscribe");
    REFUSED(say_opened(AT), "does not fit");
    asker.req++;
    begin(2, "ok");
    put("re", asker.req - 1);
    REFUSED(deliver(NOW), "not asked");
}

Test(asker, notices_an_error_and_tells_what_it_says)
{
    ask("candles.subscribe", &candles, "candles.subscribe");
    begin(3, "error");
    put_text("code", "limit");
    put_text("message", "too many");
    REFUSED(deliver(NOW), "limit: too many");
}
