#include "feed_fixture.h"

#include <string.h>

TestSuite(feed, .init = feed_set_up, .fini = feed_tear_down, .timeout = 60);

#define OPEN "{'op':'replay.open','req':1,'id':7,'symbols':['A'],'from':0,'to':10000000"

Test(feed, welcomes_first_and_wakes_for_it)
{
    cr_assert(wakes > 0);
    check_heard("welcome");
    cr_assert(hear() == STATUS_WAIT);
}

Test(feed, answers_before_the_pushes_that_an_answer_causes)
{
    meet();
    ask(OPEN ",'state':'playing','speed':'max'}");
    ask("{'op':'ping','req':2}");
    check_heard("replay.opened");
    cr_assert(json_integer_value(json_object_get(heard, "re")) == 1);
    check_heard("pong");
    cr_assert(hear() == STATUS_WAIT);
    serve_start();
    check_heard("replay.snapshot");
    cr_assert_null(json_object_get(heard, "re"));
    check_heard("replay.frame");
    check_heard("replay.state");
    cr_assert_str_eq(text("state"), "ended");
    cr_assert(hear() == STATUS_WAIT);
    cr_assert(counter_read(&lane.figures.ticks) == 10);
}

Test(feed, refuses_what_it_cannot_do_and_goes_on)
{
    meet();
    static const struct {
        const char *request;
        const char *code;
    } table[] = {
        {"{'op':'replay.reverse'}", "unknown_op"},
        {"{'req':1}", "bad_message"},
        {"{'op':'replay.play','id':9}", "not_found"},
        {"{'op':'replay.play'}", "bad_argument"},
        {"{'op':'replay.open','id':1,'symbols':['B'],'from':0}", "not_found"},
        {"{'op':'replay.open','id':1,'symbols':['A'],'from':64000001}", "bad_argument"},
        {"{'op':'replay.open','id':1,'symbols':['A'],'from':0,'at':64000001}", "bad_argument"},
        {"{'op':'replay.open','id':1,'symbols':['A'],'from':0,"
         "'candles':[{'interval':'7x','history':1}]}",
         "bad_argument"},
        {"{'op':'replay.open','id':1,'symbols':['A'],'from':0,"
         "'candles':[{'interval':'1m','history':5001}]}",
         "limit"},
        {"{'op':'replay.ack','id':1,'epoch':1,'seq':0}", "not_found"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        check_refused(table[i].request, table[i].code);
    ask("{'op':'symbols'}");
    check_heard("symbols");
}

Test(feed, starts_backward_at_the_end_of_the_range)
{
    meet();
    ask(OPEN ",'speed':-3}");
    check_heard("replay.opened");
    cr_assert(json_integer_value(json_object_get(heard, "at")) == 10000000);
    cr_assert(json_integer_value(json_object_get(heard, "speed")) == -3);
    check_refused("{'op':'replay.open','id':8,'symbols':['A'],'from':0,'to':9,'at':10,'speed':-1}",
                  "bad_argument");
}

Test(feed, steps_by_frame_only_at_a_speed_that_has_frames)
{
    meet();
    ask(OPEN ",'speed':'max'}");
    check_heard("replay.opened");
    check_refused("{'op':'replay.step','id':7,'unit':'frame','count':1}", "bad_argument");
    ask("{'op':'replay.step','id':7,'unit':'tick','count':1}");
    check_heard("ok");
}

Test(feed, says_that_the_database_is_not_there_yet)
{
    check_heard("welcome");
    check_refused("{'op':'symbols'}", "unavailable");
    check_refused(OPEN "}", "unavailable");
    publish_symbols();
    ask(OPEN "}");
    check_heard("replay.opened");
}

Test(feed, has_each_id_once_and_a_bounded_number_of_replays)
{
    meet();
    ask(OPEN "}");
    check_heard("replay.opened");
    check_refused(OPEN "}", "conflict");
    ask("{'op':'replay.open','id':8,'symbols':['A'],'from':0}");
    check_heard("replay.opened");
    cr_assert(json_integer_value(json_object_get(heard, "to")) == GRAIN, "the end of the data");
    check_refused("{'op':'replay.open','id':9,'symbols':['A'],'from':0}", "limit");
    ask("{'op':'replay.close','id':7}");
    check_heard("ok");
    cr_assert_str_eq(text("state"), "closed");
    check_heard("replay.state");
    cr_assert_str_eq(text("state"), "closed");
    check_refused("{'op':'replay.play','id':7}", "not_found");
    ask(OPEN "}");
    check_heard("replay.opened");
}

Test(feed, tells_each_control_where_the_replay_then_stands)
{
    meet();
    ask(OPEN "}");
    check_heard("replay.opened");
    static const struct {
        const char *request;
        const char *state;
        int64_t epoch;
        int64_t at;
    } table[] = {
        {"{'op':'replay.play','id':7}", "playing", 1, 0},
        {"{'op':'replay.seek','id':7,'to':5000000}", "playing", 2, 5000000},
        {"{'op':'replay.speed','id':7,'speed':2,'at':3000000}", "playing", 3, 3000000},
        {"{'op':'replay.speed','id':7,'speed':2,'at':1}", "playing", 3, 3000000},
        {"{'op':'replay.set','id':7,'fps':30}", "playing", 3, 3000000},
        {"{'op':'replay.speed','id':7,'speed':-2}", "playing", 4, 3000000},
        {"{'op':'replay.pause','id':7}", "paused", 4, 3000000},
        {"{'op':'replay.pause','id':7}", "paused", 4, 3000000},
        {"{'op':'replay.step','id':7,'unit':'1s','count':-1,'at':5000000}", "paused", 5, 5000000},
        {"{'op':'replay.speed','id':7,'speed':'-max'}", "paused", 6, 5000000},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        ask(table[i].request);
        check_heard("ok");
        cr_assert_str_eq(text("state"), table[i].state, "%s", table[i].request);
        cr_assert(json_integer_value(json_object_get(heard, "epoch")) == table[i].epoch);
        cr_assert(json_integer_value(json_object_get(heard, "at")) == table[i].at);
    }
    check_refused("{'op':'replay.seek','id':7,'to':10000001}", "bad_argument");
    check_refused("{'op':'replay.step','id':7,'unit':'tick','count':1,'at':-1}", "bad_argument");
    ask("{'op':'replay.ack','id':7,'epoch':1,'seq':5}");
    check_heard("replay.state"); /* an old epoch's ack is no error, and has no answer */
}

Test(feed, lets_its_replays_speak_in_turn)
{
    meet();
    ask(OPEN "}");
    ask("{'op':'replay.open','id':8,'symbols':['A'],'from':0}");
    check_heard("replay.opened");
    check_heard("replay.opened");
    cr_assert(hear() == STATUS_WAIT);
    serve();
    for (int i = 0; i < 2; i++)
        check_heard("replay.snapshot");
    for (int i = 0; i < 3; i++) {
        ask("{'op':'replay.set','id':7}");
        ask("{'op':'replay.set','id':8}");
    }
    for (int i = 0; i < 6; i++)
        check_heard("ok");
    cr_assert(hear() == STATUS_WAIT);
    serve();
    check_heard("replay.snapshot");
    int64_t first = json_integer_value(json_object_get(heard, "id"));
    check_heard("replay.snapshot");
    cr_assert(json_integer_value(json_object_get(heard, "id")) == 15 - first);
}

Test(feed, stops_reading_while_too_many_answers_are_unread)
{
    meet();
    for (int i = 0; i < FEED_ANSWERS_MAX; i++) {
        cr_assert(feed_wants_input(feed));
        ask("{'op':'ping'}");
    }
    cr_assert(!feed_wants_input(feed));
    check_heard("pong");
    cr_assert(feed_wants_input(feed));
}

Test(feed, stops_reading_while_unread_answers_are_long)
{
    meet();
    char ping[4096] = "{'op':'ping','note':'";
    memset(ping + strlen(ping), 'x', 3000);
    strcat(ping, "'}");
    for (int i = 0; i < 3; i++) {
        cr_assert(feed_wants_input(feed));
        ask(ping);
    }
    cr_assert(!feed_wants_input(feed));
    cr_assert_gt(feed_unread_bytes(feed), FEED_ANSWER_BYTES_MAX);
    check_heard("pong");
    cr_assert(feed_wants_input(feed));
}

/* The rate is 10 a second here, and 100 at once. */
static void ask_all_at_once(void)
{
    meet();
    for (int i = 0; i < 100; i++) {
        ask(i % 2 ? "{'op':'ping'}" : "{'op':'fly'}");
        cr_assert(hear() == STATUS_OK);
        cr_assert_str_neq(text("code"), "limit");
    }
}

Test(feed, refuses_requests_over_the_rate_and_names_the_bound)
{
    ask_all_at_once();
    check_refused("{'op':'ping','req':77}", "limit");
    cr_assert(json_integer_value(json_object_get(heard, "re")) == 77);
    cr_assert_not_null(strstr(text("message"), "10 requests a second"));
    check_refused("{'op':'fly'}", "limit");
    check_refused("{'no':'op'}", "limit");
    now.monotonic_us += 4 * S / 10; /* what was refused is owed as well */
    ask("{'op':'ping'}");
    check_heard("pong");
    check_refused("{'op':'ping'}", "limit");
    cr_assert_eq(counter_read(&lane.figures.requests_refused), 4);
}

Test(feed, stops_reading_who_goes_on_after_refusals_until_half_of_the_burst_is_there)
{
    ask_all_at_once();
    for (int i = 0; i < THROTTLE_REFUSALS; i++) {
        cr_assert(feed_wants_input(feed), "%d", i);
        check_refused("{'op':'ping'}", "limit");
    }
    cr_assert(!feed_wants_input(feed));
    cr_assert(hear() == STATUS_WAIT);
    size_t woken = wakes;
    now.monotonic_us += THROTTLE_PAUSE_US_MAX - S / 100;
    wheel_run(&wheel, now.monotonic_us);
    cr_assert(!feed_wants_input(feed));
    now.monotonic_us += S / 50;
    wheel_run(&wheel, now.monotonic_us);
    cr_assert(feed_wants_input(feed), "a pause never looks like a silent client");
    cr_assert_gt(wakes, woken);
}

Test(feed, takes_acknowledgements_over_their_rate_and_stops_reading)
{
    meet();
    ask(OPEN "}");
    check_heard("replay.opened");
    for (int i = 0; i < 51; i++) {
        cr_assert(feed_wants_input(feed), "%d", i);
        ask("{'op':'replay.ack','id':7,'epoch':0,'seq':0}");
    }
    cr_assert(!feed_wants_input(feed));
    cr_assert(hear() == STATUS_WAIT, "an acknowledgement has no answer");
    now.monotonic_us += 6 * S / 10;
    wheel_run(&wheel, now.monotonic_us);
    cr_assert(feed_wants_input(feed));
    cr_assert_eq(counter_read(&lane.figures.requests_refused), 0);
}

Test(feed, counts_a_long_answer_as_several_requests)
{
    struct throttle throttle;
    struct throttle_limits limits = {.requests_per_second = 1, .requests_burst = 10};
    throttle_init(&throttle, &limits, &wheel, feed_wake, NULL, 0);
    cr_assert(throttle_admit(&throttle, 0));
    throttle_charge(&throttle, THROTTLE_ANSWER_BYTES - 1, 0);
    cr_assert(allowance_has(&throttle.requests, 9, 0));
    throttle_charge(&throttle, 9 * THROTTLE_ANSWER_BYTES, 0);
    cr_assert(!throttle_admit(&throttle, 0));
    throttle_deinit(&throttle);
}

/* Lateness is told by the replay; here it is only sorted. */
Test(feed, sorts_frames_by_how_late_they_were)
{
    struct feed_figures figures = {.late_us = {0}};
    static const struct {
        int64_t late_us;
        size_t bucket;
    } table[] = {{-400000, 0}, {0, 0}, {1, 1}, {1000, 1}, {1001, 2}, {250000, 8}, {2000000, 10}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        uint64_t before = counter_read(&figures.late[table[i].bucket]);
        feed_figures_note_frame(&figures, 2, table[i].late_us);
        cr_assert_eq(counter_read(&figures.late[table[i].bucket]), before + 1);
    }
    feed_figures_note_frame(&figures, 2, REPLAY_NEVER_LATE);
    uint64_t sum = 0;
    for (size_t i = 0; i < FEED_LATE_BUCKETS; i++)
        sum += counter_read(&figures.late[i]);
    cr_assert_eq(sum, 7);
    cr_assert_eq(counter_read(&figures.frames), 8);
    cr_assert_eq(counter_read(&figures.ticks), 16);
    cr_assert_eq(counter_read(&figures.late_us), 1 + 1000 + 1001 + 250000 + 2000000);
}

Test(feed, answers_bytes_that_are_no_message_and_hangs_up)
{
    static const char *const table[] = {"{'op':'ping'", "", "[]", "{'op':'ping'}{}"};
    check_heard("welcome");
    ask(table[0]);
    check_heard("error");
    cr_assert_str_eq(text("code"), "bad_message");
    cr_assert(!feed_wants_input(feed));
    ask("{'op':'ping'}"); /* is not heard any more */
    cr_assert(hear() == STATUS_END);
    const char *reason;
    cr_assert(feed_close_code(feed, &reason) == 1002);
    for (size_t i = 1; i < sizeof table / sizeof *table; i++) {
        feed_destroy(&feed);
        feed = feed_create(&lane, &feed_peer, now);
        ask(table[i]);
        check_heard("welcome");
        check_heard("error");
        cr_assert(hear() == STATUS_END, "%s", table[i]);
    }
}

Test(feed, says_what_is_left_to_say_before_it_closes)
{
    meet();
    ask("{'op':'ping'}");
    feed_close(feed, CLOSE_TOO_BIG, "first");
    feed_close(feed, 1001, "second");
    check_heard("pong");
    cr_assert(hear() == STATUS_END);
    const char *reason;
    cr_assert(feed_close_code(feed, &reason) == CLOSE_TOO_BIG);
    cr_assert_str_eq(reason, "first");
    feed_refuse(feed, CLOSE_TOO_BIG, "too late");
    cr_assert(hear() == STATUS_END);
}

Test(feed, refuses_what_its_connection_could_not_collect)
{
    check_heard("welcome");
    feed_refuse(feed, CLOSE_TOO_BIG, "the message is too long");
    check_heard("error");
    cr_assert_str_eq(text("code"), "bad_message");
    cr_assert_str_eq(text("message"), "the message is too long");
    cr_assert(hear() == STATUS_END);
    const char *reason;
    cr_assert(feed_close_code(feed, &reason) == CLOSE_TOO_BIG);
}

/* Bytes that were cut off used to be sent as a message. */
Test(feed, does_not_pass_off_a_part_of_a_frame_as_a_message)
{
    meet();
    ask(OPEN ",'state':'playing','speed':'max'}");
    check_heard("replay.opened");
    cr_assert(hear() == STATUS_WAIT);
    serve_start();
    check_heard("replay.snapshot");
    out.limit = 100;
    buffer_clear(&out);
    cr_assert(feed_send(feed, now, &out) == STATUS_LIMIT);
}

Test(feed, may_go_while_everything_is_under_way)
{
    meet();
    ask(OPEN ",'state':'playing'}");
    ask("{'op':'replay.open','id':8,'symbols':['A'],'from':0,'state':'playing'}");
    check_heard("replay.opened");
    check_heard("replay.opened");
    cr_assert(hear() == STATUS_WAIT);
    fake_source_run(&fake); /* letters are in the inbox */
}
