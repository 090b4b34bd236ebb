/*
 * Messages of replays: answers, states, snapshots and frames.
 */
#include "wire/replay_control.h"
#include "wire/replay_open.h"
#include "wire/replay_push.h"

#include "wire_message_parts.h"

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

static const struct message messages[] = {
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
};
const struct message_part replay_messages = {messages, COUNT_OF(messages)};

static const struct message frames_with_candles[] = {
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

const struct message_part frame_candles_messages = {frames_with_candles,
                                                    COUNT_OF(frames_with_candles)};
