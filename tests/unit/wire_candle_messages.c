/*
 * Messages of candles outside of frames: without a replay, and the history of one.
 */
#include "wire/candles_subscribe.h"
#include "wire/replay_history.h"
#include "wire/session.h"

#include "wire_message_parts.h"

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

static const struct message messages[] = {
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
};
const struct message_part candles_messages = {messages, COUNT_OF(messages)};
