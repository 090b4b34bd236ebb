#include "wire/replay_control.h"
#include "wire/replay_open.h"

#include "market/time.h"
#include "wire_fixture.h"

#define BOTH(encoding)                                                                             \
    enum wire_encoding encoding = WIRE_JSON;                                                       \
    encoding <= WIRE_MSGPACK;                                                                      \
    encoding = (enum wire_encoding)(encoding + 1)

/* ---- replay.open ---- */

Test(wire_replay_requests, an_open_with_only_what_is_required_has_the_defaults)
{
    for (BOTH(encoding)) {
        struct request request = request_from(
            encoding, "{'op':'replay.open','id':3,'symbols':['BINANCE:BTCUSDT'],'from':1000}");
        struct replay_open open;
        cr_assert_eq(replay_open_read(&request, &open, NULL), STATUS_OK);
        cr_assert_eq(open.id, 3);
        cr_assert_eq(open.symbol_count, 1);
        cr_assert_str_eq(open.symbols[0], "BINANCE:BTCUSDT");
        cr_assert_eq(open.from, 1000);
        cr_assert_not(open.has_to);
        cr_assert_not(open.has_at);
        cr_assert_eq(open.speed.rate, 1);
        cr_assert_not(open.speed.max);
        cr_assert_eq(open.fps, 60);
        cr_assert_not(open.playing);
        cr_assert(open.ticks);
        cr_assert_eq(open.intervals.count, 0);
        cr_assert_eq(open.lead_ms, 500);
        cr_assert_not(open.flow_ack);
        cr_assert_eq(open.window_ms, 2000);
        cr_assert_eq(open.encodings, COLUMN_ENCODINGS_ALL);
    }
}

Test(wire_replay_requests, an_open_with_everything_has_everything)
{
    for (BOTH(encoding)) {
        struct request request = request_from(
            encoding, "{'op':'replay.open','req':1,'id':9007199254740991,'symbols':['A','B','é'],"
                      "'from':'2024-08-08T00:00:00Z','to':'2024-08-09','at':'2024-08-08 12:00:00Z',"
                      "'speed':-2.5,'fps':240,'state':'playing','ticks':false,"
                      "'candles':[{'interval':'1m','history':10}],'lead_ms':0,'flow':'ack',"
                      "'window_ms':60000,'encodings':['i32'],'from_the_future':{'x':[1]}}");
        struct replay_open open;
        struct error error = {.text = ""};
        cr_assert_eq(replay_open_read(&request, &open, &error), STATUS_OK, "%s", error.text);
        cr_assert_eq(open.id, 9007199254740991);
        cr_assert_eq(open.symbol_count, 3);
        cr_assert_str_eq(open.symbols[2], "é");
        cr_assert_eq(open.from, INT64_C(1723075200000000));
        cr_assert(open.has_to);
        cr_assert_eq(open.to, INT64_C(1723161600000000));
        cr_assert(open.has_at);
        cr_assert_eq(open.at, INT64_C(1723118400000000));
        cr_assert_eq(open.speed.rate, -2.5);
        cr_assert_eq(open.fps, 240);
        cr_assert(open.playing);
        cr_assert_not(open.ticks);
        cr_assert_eq(open.intervals.count, 1);
        cr_assert_eq(open.intervals.items[0].interval_us, TIME_MINUTE_US);
        cr_assert_eq(open.intervals.items[0].history, 10);
        cr_assert_str_eq(open.intervals.items[0].text, "1m");
        cr_assert_eq(open.lead_ms, 0);
        cr_assert(open.flow_ack);
        cr_assert_eq(open.window_ms, 60000);
        cr_assert_eq(open.encodings,
                     COLUMN_ENCODING_BIT(COLUMN_I64) | COLUMN_ENCODING_BIT(COLUMN_I32));
    }
}

/* The fields that every row below has unless it says otherwise. */
#define ID "'id':1,"
#define SYMBOLS "'symbols':['A'],"
#define FROM "'from':1000000,"
#define ALL ID SYMBOLS FROM

Test(wire_replay_requests, what_is_at_its_bounds_is_accepted)
{
    static const char *const right[] = {
        ALL "'to':1000001",
        ALL "'to':2000000,'at':1000000",
        ALL "'to':2000000,'at':2000000",
        ALL "'at':1000000",
        ALL "'speed':0.01",
        ALL "'speed':-0.01",
        ALL "'speed':100000",
        ALL "'speed':-100000",
        ALL "'speed':'max'",
        ALL "'speed':'-max'",
        ALL "'speed':null",
        ALL "'fps':1",
        ALL "'fps':240",
        ALL "'fps':60.0",
        ALL "'state':'paused'",
        ALL "'lead_ms':5000",
        ALL "'window_ms':100",
        ALL "'flow':'tcp'",
        ALL "'candles':[]",
        ALL "'encodings':[]",
        ID FROM "'symbols':['ab c']",
    };
    for (size_t i = 0; i < COUNT_OF(right); i++) {
        for (BOTH(encoding)) {
            char json[256];
            snprintf(json, sizeof json, "{'op':'replay.open',%s}", right[i]);
            struct request request = request_from(encoding, json);
            struct replay_open open;
            struct error error = {.text = ""};
            cr_assert_eq(replay_open_read(&request, &open, &error), STATUS_OK, "%s: %s", json,
                         error.text);
        }
    }
}

Test(wire_replay_requests, what_is_wrong_in_an_open_is_said_and_leaves_the_output_alone)
{
    static const struct {
        const char *fields;
        const char *sentence; /* its beginning */
    } wrong[] = {
        {SYMBOLS FROM "'x':1", "id is missing; it must be an unsigned integer"},
        {SYMBOLS FROM "'id':-1", "id is -1; it must be an unsigned integer"},
        {ID FROM "'x':1", "symbols is missing; it must be an array of 1 to 64 names"},
        {ID FROM "'symbols':'A'", "symbols is \"A\"; it must be an array of 1 to 64 names"},
        {ID FROM "'symbols':[]", "symbols is an array; it must be an array of 1 to 64 names"},
        {ID FROM "'symbols':[1]", "symbols holds an integer; it must hold names"},
        {ID FROM "'symbols':['A',null]", "symbols holds nil; it must hold names"},
        {ID FROM "'symbols':['A','B','A']", "symbols names \"A\" twice"},
        {ID FROM "'symbols':['']", "symbols holds a wrong name: a symbol is 1 to 128 bytes"},
        {ID FROM "'symbols':[' A']", "symbols holds a wrong name: a symbol neither begins nor"},
        {ID FROM "'symbols':['A\\n']", "symbols holds a wrong name: a symbol has no control"},
        {ID SYMBOLS "'x':1", "from is missing; it must be a time"},
        {ID SYMBOLS "'from':null", "from is missing; it must be a time"},
        {ID SYMBOLS "'from':'soon'", "from is \"soon\"; it must be a time"},
        {ALL "'to':1000000", "to is 1970-01-01T00:00:01.000000Z; it must be later than from"},
        {ALL "'to':0", "to is 1970-01-01T00:00:00.000000Z; it must be later than from"},
        {ALL "'to':true", "to is true; it must be a time"},
        {ALL "'at':999999", "at is 1970-01-01T00:00:00.999999Z; it must not be earlier than from"},
        {ALL "'to':2000000,'at':2000001",
         "at is 1970-01-01T00:00:02.000001Z; it must not be later than to"},
        {ALL "'at':[]", "at is an array; it must be a time"},
        {ALL "'speed':0", "speed is 0; it must be a number from 0.01 to 100000"},
        {ALL "'speed':0.009", "speed is 0.009; it must be a number from 0.01 to 100000"},
        {ALL "'speed':100000.5", "speed is 100000.5; it must be a number from 0.01 to 100000"},
        {ALL "'speed':-100001", "speed is -100001; it must be a number from 0.01 to 100000"},
        {ALL "'speed':'+max'", "speed is \"+max\"; it must be a number from 0.01 to 100000"},
        {ALL "'speed':true", "speed is true; it must be a number from 0.01 to 100000"},
        {ALL "'fps':0", "fps is 0; it must be an integer from 1 to 240"},
        {ALL "'fps':500", "fps is 500; it must be an integer from 1 to 240"},
        {ALL "'fps':59.5", "fps is 59.5; it must be an integer from 1 to 240"},
        {ALL "'state':'ended'", "state is \"ended\"; it must be \"paused\" or \"playing\""},
        {ALL "'ticks':1", "ticks is 1; it must be true or false"},
        {ALL "'candles':{}",
         "candles is a map; it must be an array of at most 8 {interval, history?}"},
        {ALL "'lead_ms':5001", "lead_ms is 5001; it must be an integer from 0 to 5000"},
        {ALL "'lead_ms':-1", "lead_ms is -1; it must be an integer from 0 to 5000"},
        {ALL "'flow':'none'", "flow is \"none\"; it must be \"tcp\" or \"ack\""},
        {ALL "'window_ms':99", "window_ms is 99; it must be an integer from 100 to 60000"},
        {ALL "'window_ms':60001", "window_ms is 60001; it must be an integer from 100 to 60000"},
        {ALL "'encodings':'i64'", "encodings is \"i64\"; it must be an array"},
    };
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        for (BOTH(encoding)) {
            char json[256];
            snprintf(json, sizeof json, "{'op':'replay.open',%s}", wrong[i].fields);
            struct request request = request_from(encoding, json);
            struct replay_open open = {.fps = -4711};
            struct error error = {.text = ""};
            cr_assert_eq(replay_open_read(&request, &open, &error), STATUS_INVALID, "%s", json);
            cr_assert_eq(strncmp(error.text, wrong[i].sentence, strlen(wrong[i].sentence)), 0,
                         "%s: %s", json, error.text);
            cr_assert_eq(open.fps, -4711);
        }
    }
}

static struct request request_of_symbols(size_t count)
{
    static char json[4096];
    size_t used = (size_t)snprintf(json, sizeof json, "{'op':'x'," ID FROM "'symbols':[");
    for (size_t i = 0; i < count; i++)
        used += (size_t)snprintf(json + used, sizeof json - used, "%s'S%zu'", i > 0 ? "," : "", i);
    snprintf(json + used, sizeof json - used, "]}");
    return request_from(WIRE_JSON, json);
}

Test(wire_replay_requests, sixty_four_symbols_are_accepted_and_one_more_is_over_the_limit)
{
    struct request request = request_of_symbols(64);
    struct replay_open open;
    struct error error;
    cr_assert_eq(replay_open_read(&request, &open, &error), STATUS_OK);
    cr_assert_eq(open.symbol_count, 64);
    cr_assert_str_eq(open.symbols[63], "S63");
    request = request_of_symbols(65);
    cr_assert_eq(replay_open_read(&request, &open, &error), STATUS_LIMIT);
    cr_assert_str_eq(error.text, "symbols holds 65 names; it may hold up to 64");
}

/* ---- Controls ---- */

Test(wire_replay_requests, a_seek_needs_a_time)
{
    struct request request =
        request_from(WIRE_JSON, "{'op':'replay.seek','id':1,'to':'1970-01-01T00:00:01Z'}");
    int64_t to = 0;
    struct error error;
    cr_assert_eq(replay_seek_read(&request, &to, &error), STATUS_OK);
    cr_assert_eq(to, 1000000);
    request = request_from(WIRE_JSON, "{'op':'replay.seek','id':1}");
    cr_assert_eq(replay_seek_read(&request, &to, &error), STATUS_INVALID);
    cr_assert_eq(strncmp(error.text, "to is missing; it must be a time", 32), 0, "%s", error.text);
    request = request_from(WIRE_JSON, "{'op':'replay.seek','id':1,'to':{}}");
    cr_assert_eq(replay_seek_read(&request, &to, &error), STATUS_INVALID);
    cr_assert_eq(to, 1000000);
}

Test(wire_replay_requests, a_change_of_speed_needs_a_speed_and_takes_the_edge_in_use)
{
    for (BOTH(encoding)) {
        struct request request =
            request_from(encoding, "{'op':'replay.speed','speed':'-max','at':5}");
        struct replay_speed_change change;
        struct error error;
        cr_assert_eq(replay_speed_change_read(&request, &change, &error), STATUS_OK);
        cr_assert(change.speed.max);
        cr_assert_eq(replay_speed_direction(change.speed), -1);
        cr_assert(change.has_at);
        cr_assert_eq(change.at, 5);
        request = request_from(encoding, "{'op':'replay.speed','speed':0.5}");
        cr_assert_eq(replay_speed_change_read(&request, &change, &error), STATUS_OK);
        cr_assert_eq(change.speed.rate, 0.5);
        cr_assert_not(change.has_at);
    }
}

Test(wire_replay_requests, a_step_is_of_ticks_frames_or_an_interval)
{
    static const struct {
        const char *json;
        struct replay_step_request asked;
    } right[] = {
        {"{'op':'x','unit':'tick','count':1}", {.step = {.unit = STEP_TICK, .count = 1}}},
        {"{'op':'x','unit':'frame','count':-1000000}",
         {.step = {.unit = STEP_FRAME, .count = -1000000}}},
        {"{'op':'x','unit':'5m','count':1000000,'at':7}",
         {.step = {.unit = STEP_INTERVAL, .interval_us = 5 * TIME_MINUTE_US, .count = 1000000},
          .has_at = true,
          .at = 7}},
        {"{'op':'x','unit':'366d','count':2.0}",
         {.step = {.unit = STEP_INTERVAL, .interval_us = 366 * TIME_DAY_US, .count = 2}}},
    };
    for (size_t i = 0; i < COUNT_OF(right); i++) {
        for (BOTH(encoding)) {
            struct request request = request_from(encoding, right[i].json);
            struct replay_step_request read;
            cr_assert_eq(replay_step_read(&request, &read, NULL), STATUS_OK, "%s", right[i].json);
            cr_assert_eq(read.step.unit, right[i].asked.step.unit);
            cr_assert_eq(read.step.interval_us, right[i].asked.step.interval_us);
            cr_assert_eq(read.step.count, right[i].asked.step.count);
            cr_assert_eq(read.has_at, right[i].asked.has_at);
            cr_assert_eq(read.at, right[i].asked.at);
        }
    }
}

enum control { CONTROL_SPEED, CONTROL_STEP, CONTROL_SET, CONTROL_ACK };

static enum status read_control(enum control control, const struct request *request,
                                struct error *error)
{
    struct replay_speed_change change;
    struct replay_step_request step;
    struct replay_set set;
    struct replay_ack ack;
    switch (control) {
    case CONTROL_SPEED:
        return replay_speed_change_read(request, &change, error);
    case CONTROL_STEP:
        return replay_step_read(request, &step, error);
    case CONTROL_SET:
        return replay_set_read(request, &set, error);
    case CONTROL_ACK:
        return replay_ack_read(request, &ack, error);
    }
    return STATUS_INTERNAL;
}

#define COUNT_WANTED "it must be an integer from -1000000 to 1000000, not 0"
#define UNIT_WANTED "it must be \"tick\", \"frame\" or an interval"

Test(wire_replay_requests, what_is_wrong_in_a_control_is_said)
{
    static const struct {
        enum control control;
        const char *fields;
        const char *sentence; /* its beginning */
    } wrong[] = {
        {CONTROL_SPEED, "'x':1", "speed is missing; it must be a number from 0.01"},
        {CONTROL_SPEED, "'speed':0", "speed is 0; it must be a number from 0.01"},
        {CONTROL_SPEED, "'speed':1,'at':'x'", "at is \"x\"; it must be a time"},
        {CONTROL_STEP, "'count':1", "unit is missing; " UNIT_WANTED},
        {CONTROL_STEP, "'unit':1,'count':1", "unit is 1; " UNIT_WANTED},
        {CONTROL_STEP, "'unit':'ticks','count':1", "unit is \"ticks\"; " UNIT_WANTED},
        {CONTROL_STEP, "'unit':'0m','count':1", "unit is \"0m\"; " UNIT_WANTED},
        {CONTROL_STEP, "'unit':'tick'", "count is missing; " COUNT_WANTED},
        {CONTROL_STEP, "'unit':'tick','count':0", "count is 0; " COUNT_WANTED},
        {CONTROL_STEP, "'unit':'tick','count':0.5", "count is 0.5; " COUNT_WANTED},
        {CONTROL_STEP, "'unit':'tick','count':1000001", "count is 1000001; " COUNT_WANTED},
        {CONTROL_STEP, "'unit':'tick','count':-1000001", "count is -1000001; " COUNT_WANTED},
        {CONTROL_STEP, "'unit':'tick','count':1,'at':[]", "at is an array; it must be a time"},
        {CONTROL_SET, "'ticks':'no'", "ticks is \"no\"; it must be true or false"},
        {CONTROL_SET, "'fps':241", "fps is 241; it must be an integer from 1 to 240"},
        {CONTROL_SET, "'candles':1", "candles is 1; it must be an array"},
        {CONTROL_ACK, "'seq':1", "epoch is missing; it must be the epoch of a frame"},
        {CONTROL_ACK, "'epoch':1", "seq is missing; it must be the seq of the newest frame"},
        {CONTROL_ACK, "'epoch':-1,'seq':1", "epoch is -1; it must be an integer from 0 to"},
        {CONTROL_ACK, "'epoch':1,'seq':0.5", "seq is 0.5; it must be an integer from 0 to"},
    };
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        for (BOTH(encoding)) {
            char json[128];
            snprintf(json, sizeof json, "{'op':'x','id':1,%s}", wrong[i].fields);
            struct request request = request_from(encoding, json);
            struct error error = {.text = ""};
            cr_assert_eq(read_control(wrong[i].control, &request, &error), STATUS_INVALID, "%s",
                         json);
            cr_assert_eq(strncmp(error.text, wrong[i].sentence, strlen(wrong[i].sentence)), 0,
                         "%s: %s", json, error.text);
        }
    }
}

Test(wire_replay_requests, a_set_tells_what_it_sets)
{
    struct request request =
        request_from(WIRE_JSON, "{'op':'x','ticks':false,'candles':[{'interval':'7s'}]}");
    struct replay_set set;
    cr_assert_eq(replay_set_read(&request, &set, NULL), STATUS_OK);
    cr_assert(set.has_ticks);
    cr_assert_not(set.ticks);
    cr_assert_not(set.has_fps);
    cr_assert(set.has_intervals);
    cr_assert_eq(set.intervals.count, 1);
    cr_assert_eq(set.intervals.items[0].history, 0);
    request = request_from(WIRE_MSGPACK, "{'op':'x','fps':30,'candles':[]}");
    cr_assert_eq(replay_set_read(&request, &set, NULL), STATUS_OK);
    cr_assert_not(set.has_ticks);
    cr_assert(set.has_fps);
    cr_assert_eq(set.fps, 30);
    cr_assert(set.has_intervals, "none, from now on");
    cr_assert_eq(set.intervals.count, 0);
    request = request_from(WIRE_MSGPACK, "{'op':'x'}");
    cr_assert_eq(replay_set_read(&request, &set, NULL), STATUS_OK);
    cr_assert_not(set.has_intervals);
}

Test(wire_replay_requests, an_ack_names_an_epoch_and_a_frame)
{
    struct request request = request_from(WIRE_MSGPACK, "{'op':'x','epoch':2,'seq':0}");
    struct replay_ack ack;
    cr_assert_eq(replay_ack_read(&request, &ack, NULL), STATUS_OK);
    cr_assert_eq(ack.epoch, 2);
    cr_assert_eq(ack.seq, 0);
}

Test(wire_replay_requests, a_speed_is_written_as_it_is_read)
{
    static const struct {
        struct replay_speed speed;
        const char *json;
    } speeds[] = {
        {{.rate = 1, .max = false}, "1"},       {{.rate = -100000, .max = false}, "-100000"},
        {{.rate = 0.01, .max = false}, "0.01"}, {{.rate = -2.5, .max = false}, "-2.5"},
        {{.rate = 1, .max = true}, "\"max\""},  {{.rate = -1, .max = true}, "\"-max\""},
    };
    for (size_t i = 0; i < COUNT_OF(speeds); i++) {
        struct buffer *out;
        struct writer writer = writer_on(&out, WIRE_JSON);
        replay_speed_write(&writer, speeds[i].speed);
        cr_assert_str_eq(buffer_text(out), speeds[i].json);
        char json[64];
        snprintf(json, sizeof json, "{'op':'x','speed':%s}", speeds[i].json);
        struct request request = request_from(WIRE_JSON, json);
        struct replay_speed speed = {.rate = 7};
        cr_assert_eq(replay_speed_read(&request, "speed", &speed, NULL), STATUS_OK);
        cr_assert(replay_speed_equal(speed, speeds[i].speed), "%s", json);
    }
}
