/*
 * Every message of the server: what it is in JSON, spelled here by hand, and that it is the same in
 * msgpack. tests/golden/messages.json holds both for the tests of other languages.
 */
#include "wire/candles_subscribe.h"
#include "wire/replay_control.h"
#include "wire/replay_history.h"
#include "wire/replay_open.h"
#include "wire/replay_push.h"
#include "wire/session.h"
#include "wire/symbols.h"

#include "market/time.h"
#include "wire/codes.h"
#include "wire_message_table.h"

#define T0 INT64_C(1723161255088169)

static const struct request seventh = {.op = "x", .has_req = true, .req = 7};
static const struct request unnumbered = {.op = "x"};

/* ---- One function per message ---- */

static void write_welcome(struct writer *writer)
{
    static const char *const ops[] = {"ping", "symbols", "replay.open"};
    welcome_write(writer, &(struct welcome){
                              .server = "tapedeck/0.1.0",
                              .engine = "timescaledb",
                              .engine_version = "2.24.0",
                              .auth_required = false,
                              .role = "operator",
                              .ops = ops,
                              .op_count = 3,
                              .replays_max = 64,
                              .symbols_max = 64,
                              .subscriptions_max = 64,
                              .questions_max = 16,
                              .pending_answers_max = 64,
                              .pending_bytes_max = 8192,
                              .requests_per_second = 200,
                              .requests_burst = 400,
                              .acks_per_second = 20000,
                              .now = T0,
                          });
}

static void write_pong_of(struct writer *writer, const char *ping)
{
    struct request request = request_from(WIRE_JSON, ping);
    pong_write(writer, &request, T0);
}

static void write_pong(struct writer *writer)
{
    write_pong_of(writer, "{'op':'ping','req':7,'sent':1723161255000000,'note':'é',"
                          "'deep':{'list':[1,0.5,null,true]}}");
}

static void write_pong_without_req(struct writer *writer)
{
    write_pong_of(writer, "{'op':'ping'}");
}

static void write_pong_to_impostor(struct writer *writer)
{
    write_pong_of(writer, "{'ev':'welcome','re':1,'now':2,'op':'ping','req':7,'me':3}");
}

static void write_error(struct writer *writer)
{
    error_write(writer, &seventh, NULL, STATUS_INVALID,
                "fps is 500; it must be an integer from 1 to 240");
}

static void write_error_with_id(struct writer *writer)
{
    static const uint64_t id = 9007199254740991;
    error_write(writer, &seventh, &id, STATUS_CONFLICT, "the replay has \"ended\"\n");
}

static void write_error_unasked(struct writer *writer)
{
    error_write_code(writer, NULL, NULL, "bad_message", "the message is empty; it must be one map");
}

static void write_symbols(struct writer *writer)
{
    static const struct symbol symbols[] = {
        {.name = "BINANCE:BTCUSDT", .from = T0, .to = T0 + 1, .ticks = 1, .exact = true},
        {.name = "é \"quoted\"", .from = -1, .to = T0, .ticks = 987654321012, .exact = false},
    };
    symbols_write(writer, &seventh, symbols, 2);
}

static void write_no_symbols(struct writer *writer)
{
    symbols_write(writer, &unnumbered, NULL, 0);
}

static void write_opened(struct writer *writer)
{
    static const char *const symbols[] = {"BINANCE:BTCUSDT", "BINANCE:ETHUSDT"};
    replay_opened_write(writer, &seventh,
                        &(struct replay_opened){
                            .id = 1,
                            .epoch = 1,
                            .symbols = symbols,
                            .symbol_count = 2,
                            .from = T0,
                            .to = T0 + TIME_HOUR_US,
                            .at = T0,
                            .speed = {.rate = 1, .max = false},
                            .state = REPLAY_PAUSED,
                        });
}

static void write_ok(struct writer *writer)
{
    replay_ok_write(writer, &seventh,
                    &(struct replay_ok){
                        .id = 1,
                        .epoch = 2,
                        .state = REPLAY_PLAYING,
                        .at = T0 + TIME_MINUTE_US,
                        .speed = {.rate = -2.5, .max = false},
                    });
}

static void write_state(struct writer *writer)
{
    replay_state_write(writer, &(struct replay_state_push){
                                   .id = 1,
                                   .epoch = 2,
                                   .state = REPLAY_PLAYING,
                                   .at = T0,
                                   .speed = {.rate = 1, .max = true},
                               });
}

static void write_buffering(struct writer *writer)
{
    replay_state_write(writer, &(struct replay_state_push){
                                   .id = 1,
                                   .epoch = 2,
                                   .state = REPLAY_BUFFERING,
                                   .reason = REASON_DATA,
                                   .at = T0,
                                   .speed = {.rate = -1, .max = true},
                               });
}

static void write_ended(struct writer *writer)
{
    static const int64_t totals[] = {0, 4294967296};
    replay_state_write(writer, &(struct replay_state_push){
                                   .id = 1,
                                   .epoch = 2,
                                   .state = REPLAY_ENDED,
                                   .at = T0,
                                   .speed = {.rate = 1000, .max = false},
                                   .totals = totals,
                                   .total_count = 2,
                               });
}

static void write_snapshot(struct writer *writer)
{
    static const struct last_values last[] = {
        {.time = T0 - 1, .fields = {6180030000000, 6180040000000, INT64_MIN, 77}},
        {.time = INT64_MIN, .fields = {1, 2, 3, 4}},
        {.time = T0 - 2, .fields = {1, -1, INT64_MAX, 0}},
    };
    replay_snapshot_write(writer, &(struct replay_snapshot_push){
                                      .id = 1,
                                      .epoch = 2,
                                      .seq = 0,
                                      .at = T0,
                                      .last = last,
                                      .last_count = 3,
                                  });
}

/* The second has no volume, the third is forming and its volume passes 64 bits. */
static const struct candle snapshot_candles[] = {
    {.time = T0 - T0 % TIME_MINUTE_US - 2 * TIME_MINUTE_US,
     .trades = 3,
     .open = 6180030000000,
     .high = 6180031234567,
     .low = 6180030000000,
     .close = 6180030000001,
     .has_volume = true,
     .volume = 150000000},
    {.time = T0 - T0 % TIME_MINUTE_US - TIME_MINUTE_US,
     .trades = 1,
     .open = 6180000000000,
     .high = 6180000000000,
     .low = 6180000000000,
     .close = 6180000000000},
    {.time = T0 - T0 % TIME_MINUTE_US,
     .trades = 4294967296,
     .open = 6180010000000,
     .high = INT64_MAX,
     .low = -1,
     .close = 6180000000000,
     .has_volume = true,
     .volume = (candle_volume)INT64_MAX * 3},
};
static const struct replay_intervals of_minutes = {
    .count = 2,
    .items = {{.text = "1m", .interval_us = TIME_MINUTE_US},
              {.text = "60m", .interval_us = TIME_HOUR_US}},
};

static void write_snapshot_with_candles(struct writer *writer)
{
    const struct snapshot_candles pictures[] = {
        {.symbol = 1, .interval = 0, .candles = snapshot_candles, .count = 2},
        {.symbol = 2, .interval = 0, .candles = snapshot_candles, .count = 3},
        {.symbol = 2, .interval = 1, .candles = snapshot_candles, .count = 0},
    };
    replay_snapshot_write(writer, &(struct replay_snapshot_push){
                                      .id = 1,
                                      .epoch = 2,
                                      .seq = 3,
                                      .at = T0,
                                      .intervals = &of_minutes,
                                      .pictures = pictures,
                                      .picture_count = 3,
                                      .encodings = COLUMN_ENCODINGS_ALL,
                                  });
}

static const uint32_t times[] = {0, 250, 1000000};
static const int16_t bids[] = {-5, 0, INT16_MIN};
static const int32_t asks[] = {100000, INT32_MIN, -100000};
static const int64_t lasts[] = {INT64_MIN, 6180031234567, -1};

static const struct frame_ticks frame_ticks[] = {
    {.symbol = 0,
     .time = {.encoding = COLUMN_U32, .base = T0, .mul = 1, .rows = 3, .payload = times},
     .fields = {{.encoding = COLUMN_I16, .exp = 1, .base = 618003, .rows = 3, .payload = bids},
                {.encoding = COLUMN_I32, .exp = 2, .base = 6180040, .rows = 3, .payload = asks},
                {.encoding = COLUMN_I64, .exp = 8, .rows = 3, .payload = lasts},
                {.encoding = COLUMN_CONST, .base = DECIMAL_NULL, .rows = 3}}},
    {.symbol = 5,
     .time = {.encoding = COLUMN_CONST, .base = T0 + 1, .rows = 1},
     .fields = {{.encoding = COLUMN_CONST, .exp = 2, .base = 250001, .rows = 1},
                {.encoding = COLUMN_CONST, .exp = 2, .base = 250002, .rows = 1},
                {.encoding = COLUMN_CONST, .exp = 2, .base = 250001, .rows = 1},
                {.encoding = COLUMN_CONST, .exp = 3, .base = 1500, .rows = 1}}},
};

static void write_frame(struct writer *writer)
{
    replay_frame_write(writer, &(struct replay_frame_push){
                                   .id = 1,
                                   .epoch = 2,
                                   .seq = 0,
                                   .due_us = 16667,
                                   .span = {.from = T0, .to = T0 + 1000001},
                                   .direction = 1,
                                   .ticks = frame_ticks,
                                   .tick_count = 2,
                               });
}

static void write_frame_backwards(struct writer *writer)
{
    static const uint32_t newest_first[] = {1000000, 0};
    struct frame_ticks ticks = frame_ticks[1];
    ticks.time = (struct column){
        .encoding = COLUMN_U32, .base = T0, .mul = 1, .rows = 2, .payload = newest_first};
    for (size_t field = 0; field < TICK_FIELDS; field++)
        ticks.fields[field].rows = 2;
    replay_frame_write(writer, &(struct replay_frame_push){
                                   .id = 1,
                                   .epoch = 3,
                                   .seq = 12,
                                   .due_us = 0,
                                   .span = {.from = T0, .to = T0 + 1000001},
                                   .direction = -1,
                                   .ticks = &ticks,
                                   .tick_count = 1,
                               });
}

static void write_frame_with_candles(struct writer *writer)
{
    const struct frame_candle candles[] = {
        {.symbol = 0, .interval = 0, .final = true, .candle = snapshot_candles[0]},
        {.symbol = 0, .interval = 1, .final = true, .candle = snapshot_candles[1]},
        {.symbol = 5, .interval = 0, .candle = snapshot_candles[2]},
    };
    replay_frame_write(writer, &(struct replay_frame_push){
                                   .id = 1,
                                   .epoch = 2,
                                   .seq = 2,
                                   .due_us = 2000000,
                                   .span = {.from = T0, .to = T0 + 1000000},
                                   .direction = 1,
                                   .intervals = &of_minutes,
                                   .candles = candles,
                                   .candle_count = 3,
                               });
}

static void write_frame_that_leaves_no_candle(struct writer *writer)
{
    const struct frame_candle none = {.symbol = 5, .interval = 1, .is_none = true};
    replay_frame_write(writer, &(struct replay_frame_push){
                                   .id = 1,
                                   .epoch = 2,
                                   .seq = 3,
                                   .due_us = 0,
                                   .span = {.from = T0, .to = T0 + 1000000},
                                   .direction = -1,
                                   .intervals = &of_minutes,
                                   .candles = &none,
                                   .candle_count = 1,
                               });
}

static void write_empty_frame(struct writer *writer)
{
    replay_frame_write(writer, &(struct replay_frame_push){
                                   .id = 1,
                                   .epoch = 2,
                                   .seq = 1,
                                   .due_us = 1000000,
                                   .span = {.from = T0, .to = T0 + 1000000},
                                   .direction = 1,
                               });
}

/* The second has no volume, the third begins at T0's minute and is not over. */
static const struct candle candles[] = {
    {.time = T0 - T0 % TIME_MINUTE_US - 2 * TIME_MINUTE_US,
     .trades = 3,
     .open = 6180030000000,
     .high = 6180031234567,
     .low = 6180030000000,
     .close = 6180030000001,
     .has_volume = true,
     .volume = 150000000},
    {.time = T0 - T0 % TIME_MINUTE_US - TIME_MINUTE_US,
     .trades = 1,
     .open = 6180000000000,
     .high = 6180000000000,
     .low = 6180000000000,
     .close = 6180000000000},
    {.time = T0 - T0 % TIME_MINUTE_US,
     .trades = 4294967296,
     .open = 6180010000000,
     .high = 6180020000000,
     .low = -1,
     .close = 6180000000000,
     .has_volume = true,
     .volume = (candle_volume)INT64_MAX * 3},
};
static const struct replay_interval minute = {.text = "1m", .interval_us = TIME_MINUTE_US};

static struct candles_message candles_message(size_t first, size_t count)
{
    return (struct candles_message){
        .id = 3,
        .symbol = "BINANCE:BTCUSDT",
        .interval = &minute,
        .rows = {.candles = candles + first, .count = count},
        .final_by = T0,
        .encodings = COLUMN_ENCODINGS_ALL,
    };
}

static void write_candles(struct writer *writer)
{
    struct candles_message message = candles_message(0, 2);
    candles_snapshot_write(writer, &seventh, &message);
}

static void write_candles_again(struct writer *writer)
{
    struct candles_message message = candles_message(0, 3);
    candles_snapshot_write(writer, NULL, &message);
}

static void write_no_candles(struct writer *writer)
{
    struct candles_message message = candles_message(0, 0);
    candles_snapshot_write(writer, &unnumbered, &message);
}

static void write_candles_update(struct writer *writer)
{
    struct candles_message message = candles_message(2, 1);
    candles_update_write(writer, &message);
}

static void write_history(struct writer *writer)
{
    replay_history_write(writer, &seventh,
                         &(struct replay_history_answer){
                             .id = 1,
                             .symbol = 5,
                             .interval = &minute,
                             .at = T0,
                             .rows = {.candles = candles, .count = 2},
                             .encodings = COLUMN_ENCODINGS_ALL,
                         });
}

/* As many as candles: a price, null, and one that only volumes below zero come to. */
static const struct vwap vwaps[] = {
    {.low = 6180030512345, .is_there = true},
    {.is_there = false},
    {.low = (vwap_word)INT64_MAX * 11, .is_negative = true, .is_there = true},
};

static void write_candles_with_vwap(struct writer *writer)
{
    struct candles_message message = candles_message(0, 2);
    message.rows.vwaps = vwaps;
    candles_snapshot_write(writer, &seventh, &message);
}

static void write_update_with_vwap(struct writer *writer)
{
    struct candles_message message = candles_message(2, 1);
    message.rows.vwaps = vwaps + 2;
    candles_update_write(writer, &message);
}

static void write_history_with_vwap(struct writer *writer)
{
    replay_history_write(writer, &seventh,
                         &(struct replay_history_answer){
                             .id = 1,
                             .symbol = 5,
                             .interval = &minute,
                             .at = T0,
                             .rows = {.candles = candles, .vwaps = vwaps, .count = 1},
                             .encodings = COLUMN_ENCODINGS_ALL,
                         });
}

static void write_ok_alone(struct writer *writer)
{
    ok_write(writer, &seventh, 3);
}

#define LIMITS                                                                                     \
    "'limits':{'message_bytes':16384,'depth':8,'frame_bytes':61440,'replays':64,'symbols':64,"     \
    "'subscriptions':64,'candle_requests':16,'pending_answers':64,'pending_bytes':8192,'requests_" \
    "per_second':200,'requests_burst':400,"                                                        \
    "'acks_per_second':20000}"

static const struct message messages[] = {
    {"welcome", write_welcome,
     "{'ev':'welcome','protocol':1,'server':'tapedeck/0.1.0','engine':'timescaledb',"
     "'engine_version':'2.24.0','auth':{'required':false,'role':'operator'}," LIMITS
     ",'ops':['ping','symbols','replay.open'],'now':1723161255088169}"},
    {"pong", write_pong,
     "{'ev':'pong','re':7,'now':1723161255088169,'sent':1723161255000000,'note':'é',"
     "'deep':{'list':[1,0.5,null,true]}}"},
    {"pong without req", write_pong_without_req, "{'ev':'pong','now':1723161255088169}"},
    {"pong to a ping with the answer's own fields", write_pong_to_impostor,
     "{'ev':'pong','re':7,'now':1723161255088169,'me':3}"},
    {"error", write_error,
     "{'ev':'error','re':7,'code':'bad_argument',"
     "'message':'fps is 500; it must be an integer from 1 to 240'}"},
    {"error about a replay", write_error_with_id,
     "{'ev':'error','re':7,'code':'conflict','message':'the replay has \\'ended\\'\\n',"
     "'id':9007199254740991}"},
    {"error without a request", write_error_unasked,
     "{'ev':'error','code':'bad_message','message':'the message is empty; it must be one map'}"},
    {"symbols", write_symbols,
     "{'ev':'symbols','re':7,'symbols':[{'symbol':'BINANCE:BTCUSDT','from':1723161255088169,"
     "'to':1723161255088170,'ticks':1,'exact':true},{'symbol':'é \\'quoted\\'','from':-1,"
     "'to':1723161255088169,'ticks':987654321012,'exact':false}]}"},
    {"no symbols", write_no_symbols, "{'ev':'symbols','symbols':[]}"},
    {"replay.opened", write_opened,
     "{'ev':'replay.opened','re':7,'id':1,'epoch':1,"
     "'symbols':['BINANCE:BTCUSDT','BINANCE:ETHUSDT'],'from':1723161255088169,"
     "'to':1723164855088169,'at':1723161255088169,'speed':1,'state':'paused'}"},
    {"ok of a control", write_ok,
     "{'ev':'ok','re':7,'id':1,'epoch':2,'state':'playing','at':1723161315088169,'speed':-2.5}"},
    {"replay.state playing", write_state,
     "{'ev':'replay.state','id':1,'epoch':2,'state':'playing','at':1723161255088169,"
     "'speed':'max'}"},
    {"replay.state buffering", write_buffering,
     "{'ev':'replay.state','id':1,'epoch':2,'state':'buffering','at':1723161255088169,"
     "'speed':'-max','reason':'data'}"},
    {"replay.state ended", write_ended,
     "{'ev':'replay.state','id':1,'epoch':2,'state':'ended','at':1723161255088169,"
     "'speed':1000,'totals':{'ticks':[0,4294967296]}}"},
    {"replay.snapshot", write_snapshot,
     "{'ev':'replay.snapshot','id':1,'epoch':2,'seq':0,'at':1723161255088169,'candles':[],"
     "'last':[{'symbol':0,'time':1723161255088168,'bid':[618003,1],'ask':[618004,1],'last':null},"
     "{'symbol':1,'time':null,'bid':null,'ask':null,'last':null},"
     "{'symbol':2,'time':1723161255088167,'bid':[1,8],'ask':[-1,8],"
     "'last':[9223372036854775807,8]}]}"},
    {"replay.snapshot with candles", write_snapshot_with_candles,
     "{'ev':'replay.snapshot','id':1,'epoch':2,'seq':3,'at':1723161255088169,"
     "'candles':[{'symbol':1,'interval':'1m','n':2,'time':['u32',1723161120000000,60000000,[0,"
     "1]],'open':['i16',618001,1,[2,-1]],'high':['i32',6180015617283,8,[15617284,-15617283]],"
     "'low':['i16',618001,1,[2,-1]],'close':['i32',6180015000000,8,[15000001,-15000000]],"
     "'volume':['i16',15,1,[0,null]],'trades':['u32',1,2,[1,0]],'final':['const',1,0]},"
     "{'symbol':2,'interval':'1m','n':3,'time':['u32',1723161120000000,60000000,[0,1,2]],"
     "'open':['i16',618001,1,[2,-1,0]],'high':['i64',8,[6180031234567,6180000000000,"
     "9223372036854775807]],'low':['i64',8,[6180030000000,6180000000000,-1]],'close':['i32',"
     "6180015000000,8,[15000001,-15000000,-15000000]],'volume':['text',['1.5',null,"
     "'276701161105.64327421']],'trades':['u32',1,1,[2,0,4294967295]],'final':['u32',0,1,[1,1,"
     "0]]},{'symbol':2,'interval':'60m','n':0,'time':['const',0,0],'open':['const',null,0],"
     "'high':['const',null,0],'low':['const',null,0],'close':['const',null,0],'volume':['const',"
     "null,0],'trades':['const',0,0],'final':['const',0,0]}],'last':[]}"},
    {"replay.frame", write_frame,
     "{'ev':'replay.frame','id':1,'epoch':2,'seq':0,'due':16667,"
     "'span':[1723161255088169,1723161256088170],'dir':1,'ticks':["
     "{'symbol':0,'n':3,'time':['u32',1723161255088169,1,[0,250,1000000]],"
     "'bid':['i16',618003,1,[-5,0,null]],'ask':['i32',6180040,2,[100000,null,-100000]],"
     "'last':['i64',8,[null,6180031234567,-1]],'volume':['const',null,0]},"
     "{'symbol':5,'n':1,'time':['const',1723161255088170,0],'bid':['const',250001,2],"
     "'ask':['const',250002,2],'last':['const',250001,2],'volume':['const',1500,3]}]}"},
    {"replay.frame backwards", write_frame_backwards,
     "{'ev':'replay.frame','id':1,'epoch':3,'seq':12,'due':0,"
     "'span':[1723161255088169,1723161256088170],'dir':-1,'ticks':["
     "{'symbol':5,'n':2,'time':['u32',1723161255088169,1,[1000000,0]],"
     "'bid':['const',250001,2],'ask':['const',250002,2],'last':['const',250001,2],"
     "'volume':['const',1500,3]}]}"},
    {"replay.frame without ticks", write_empty_frame,
     "{'ev':'replay.frame','id':1,'epoch':2,'seq':1,'due':1000000,"
     "'span':[1723161255088169,1723161256088169],'dir':1}"},
    {"replay.history", write_history,
     "{'ev':'replay.history','re':7,'id':1,'symbol':5,'interval':'1m','at':1723161255088169,"
     "'n':2,'time':['u32',1723161120000000,60000000,[0,1]],'open':['i16',618001,1,[2,-1]],"
     "'high':['i32',6180015617283,8,[15617284,-15617283]],'low':['i16',618001,1,[2,-1]],"
     "'close':['i32',6180015000000,8,[15000001,-15000000]],'volume':['i16',15,1,[0,null]],"
     "'trades':['u32',1,2,[1,0]],'final':['const',1,0]}"},
    {"candles.snapshot", write_candles,
     "{'ev':'candles.snapshot','re':7,'id':3,'symbol':'BINANCE:BTCUSDT','interval':'1m','n':2,"
     "'time':['u32',1723161120000000,60000000,[0,1]],'open':['i16',618001,1,[2,-1]],"
     "'high':['i32',6180015617283,8,[15617284,-15617283]],'low':['i16',618001,1,[2,-1]],"
     "'close':['i32',6180015000000,8,[15000001,-15000000]],'volume':['i16',15,1,[0,null]],"
     "'trades':['u32',1,2,[1,0]],'final':['const',1,0]}"},
    {"candles.snapshot as a push", write_candles_again,
     "{'ev':'candles.snapshot','id':3,'symbol':'BINANCE:BTCUSDT','interval':'1m','n':3,"
     "'time':['u32',1723161120000000,60000000,[0,1,2]],'open':['i16',618001,1,[2,-1,0]],"
     "'high':['i32',6180015617283,8,[15617284,-15617283,4382717]],'low':['i64',8,"
     "[6180030000000,6180000000000,-1]],'close':['i32',6180015000000,8,[15000001,-15000000,"
     "-15000000]],'volume':['text',['1.5',null,'276701161105.64327421']],'trades':['u32',1,1,"
     "[2,0,4294967295]],'final':['u32',0,1,[1,1,0]]}"},
    {"candles.snapshot without candles", write_no_candles,
     "{'ev':'candles.snapshot','id':3,'symbol':'BINANCE:BTCUSDT','interval':'1m','n':0,"
     "'time':['const',0,0],'open':['const',null,0],'high':['const',null,0],'low':['const',"
     "null,0],'close':['const',null,0],'volume':['const',null,0],'trades':['const',0,0],"
     "'final':['const',0,0]}"},
    {"candles.update", write_candles_update,
     "{'ev':'candles.update','id':3,'symbol':'BINANCE:BTCUSDT','interval':'1m','n':1,"
     "'time':['const',1723161240000000,0],'open':['const',618001,1],'high':['const',618002,1],"
     "'low':['const',-1,8],'close':['const',61800,0],'volume':['text',"
     "['276701161105.64327421']],'trades':['const',4294967296,0],'final':['const',0,0]}"},
    {"candles.snapshot with vwap", write_candles_with_vwap,
     "{'ev':'candles.snapshot','re':7,'id':3,'symbol':'BINANCE:BTCUSDT','interval':'1m','n':2,"
     "'time':['u32',1723161120000000,60000000,[0,1]],'open':['i16',618001,1,[2,-1]],"
     "'high':['i32',6180015617283,8,[15617284,-15617283]],'low':['i16',618001,1,[2,-1]],"
     "'close':['i32',6180015000000,8,[15000001,-15000000]],'volume':['i16',15,1,[0,null]],"
     "'trades':['u32',1,2,[1,0]],'final':['const',1,0],'vwap':['i16',6180030512345,8,[0,null]]}"},
    {"candles.update with vwap", write_update_with_vwap,
     "{'ev':'candles.update','id':3,'symbol':'BINANCE:BTCUSDT','interval':'1m','n':1,"
     "'time':['const',1723161240000000,0],'open':['const',618001,1],'high':['const',618002,1],"
     "'low':['const',-1,8],'close':['const',61800,0],'volume':['text',"
     "['276701161105.64327421']],'trades':['const',4294967296,0],'final':['const',0,0],"
     "'vwap':['text',['-1014570924054.02533877']]}"},
    {"replay.history with vwap", write_history_with_vwap,
     "{'ev':'replay.history','re':7,'id':1,'symbol':5,'interval':'1m','at':1723161255088169,"
     "'n':1,'time':['const',1723161120000000,0],'open':['const',618003,1],"
     "'high':['const',6180031234567,8],'low':['const',618003,1],'close':['const',6180030000001,8],"
     "'volume':['const',15,1],'trades':['const',3,0],'final':['const',1,0],"
     "'vwap':['const',6180030512345,8]}"},
    {"ok of an unsubscription", write_ok_alone, "{'ev':'ok','re':7,'id':3}"},
    {"replay.frame with candles", write_frame_with_candles,
     "{'ev':'replay.frame','id':1,'epoch':2,'seq':2,'due':2000000,'span':[1723161255088169,"
     "1723161256088169],'dir':1,'candles':[[0,'1m',1723161120000000,8,6180030000000,"
     "6180031234567,6180030000000,6180030000001,1,15,3,1],[0,'60m',1723161180000000,0,61800,"
     "61800,61800,61800,0,null,1,1],[5,'1m',1723161240000000,8,6180010000000,"
     "'92233720368.54775807',-1,6180000000000,8,'276701161105.64327421',4294967296,0]]}"},
    {"replay.frame that leaves no candle", write_frame_that_leaves_no_candle,
     "{'ev':'replay.frame','id':1,'epoch':2,'seq':3,'due':0,'span':[1723161255088169,"
     "1723161256088169],'dir':-1,'candles':[[5,'60m',null]]}"},
};

Test(wire_messages, every_message_in_json_is_what_is_spelled_here)
{
    check_spelled(messages, COUNT_OF(messages));
}

Test(wire_messages, every_message_is_the_same_tree_in_both_encodings)
{
    check_same_tree(messages, COUNT_OF(messages));
}

Test(wire_messages, the_golden_messages_are_what_the_server_writes)
{
    check_golden("messages.json", messages, COUNT_OF(messages));
}

/* ---- Bounds that a frame's budget relies on ---- */

#define ROWS_MAX 10000

/* The longest head there is, and rows whose text is the longest. */
static struct frame_ticks widest_ticks(size_t rows)
{
    static uint32_t longest_u32[ROWS_MAX];
    static int32_t longest_i32[ROWS_MAX];
    for (size_t i = 0; i < ROWS_MAX; i++) {
        longest_u32[i] = UINT32_MAX;
        longest_i32[i] = -INT32_MAX;
    }
    struct frame_ticks ticks = {.symbol = REPLAY_SYMBOLS_MAX - 1};
    ticks.time = (struct column){.encoding = COLUMN_U32,
                                 .base = TIME_MIN,
                                 .mul = INT64_MAX,
                                 .rows = rows,
                                 .payload = longest_u32};
    for (size_t field = 0; field < TICK_FIELDS; field++)
        ticks.fields[field] = (struct column){.encoding = COLUMN_I32,
                                              .exp = DECIMAL_EXP_MAX,
                                              .base = -INT64_MAX,
                                              .rows = rows,
                                              .payload = longest_i32};
    return ticks;
}

static struct replay_frame_push widest_frame(const struct frame_ticks *ticks, size_t count)
{
    return (struct replay_frame_push){
        .id = WIRE_REQ_MAX,
        .epoch = INT64_MAX,
        .seq = INT64_MAX,
        .due_us = INT64_MAX,
        .span = {.from = TIME_MIN, .to = TIME_MIN},
        .direction = -1,
        .ticks = ticks,
        .tick_count = count,
    };
}

static size_t frame_bytes(enum wire_encoding encoding, const struct frame_ticks *ticks,
                          size_t count)
{
    struct buffer *out;
    struct writer writer = writer_on(&out, encoding);
    struct replay_frame_push push = widest_frame(ticks, count);
    replay_frame_write(&writer, &push);
    cr_assert_not(out->failed);
    return out->count;
}

Test(wire_messages, no_frame_is_longer_than_its_head_its_symbols_and_its_rows_may_be)
{
    for (int encoding = WIRE_JSON; encoding <= WIRE_MSGPACK; encoding++) {
        enum wire_encoding wire = (enum wire_encoding)encoding;
        struct frame_ticks full = widest_ticks(ROWS_MAX);
        struct frame_ticks empty[] = {widest_ticks(0), widest_ticks(0)};
        size_t row_bytes = wire_row_bytes(wire, COLUMN_U32) + 4 * wire_row_bytes(wire, COLUMN_I32);
        cr_assert_leq(frame_bytes(wire, NULL, 0), WIRE_FRAME_HEAD_BYTES);
        cr_assert_leq(frame_bytes(wire, &full, 1),
                      WIRE_FRAME_HEAD_BYTES + WIRE_FRAME_SYMBOL_BYTES + ROWS_MAX * row_bytes);
        cr_assert_gt(frame_bytes(wire, &full, 1), ROWS_MAX * row_bytes);
        cr_assert_leq(frame_bytes(wire, empty, 2),
                      WIRE_FRAME_HEAD_BYTES + 2 * WIRE_FRAME_SYMBOL_BYTES);
    }
}
