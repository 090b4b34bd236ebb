/*
 * Every message of the server: what it is in JSON, spelled by hand, and that it is the same in
 * msgpack. tests/golden/messages.json holds both for the tests of other languages. Here are those
 * of a session; the others lie in files of their own (wire_message_parts.h).
 */
#include "wire/session.h"
#include "wire/symbols.h"

#include "wire/codes.h"
#include "wire_message_parts.h"

/* ---- one function per message ---- */

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
};

/* ---- all of them ---- */

#define MESSAGES_MAX 64

/* In the order of the golden file. */
static size_t join(struct message all[MESSAGES_MAX])
{
    const struct message_part parts[] = {
        {messages, COUNT_OF(messages)}, replay_messages, candles_messages, frame_candles_messages};
    size_t count = 0;
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        cr_assert_leq(count + parts[i].count, MESSAGES_MAX);
        memcpy(all + count, parts[i].messages, parts[i].count * sizeof *all);
        count += parts[i].count;
    }
    return count;
}

Test(wire_messages, every_message_in_json_is_what_is_spelled_here)
{
    struct message all[MESSAGES_MAX];
    check_spelled(all, join(all));
}

Test(wire_messages, every_message_is_the_same_tree_in_both_encodings)
{
    struct message all[MESSAGES_MAX];
    check_same_tree(all, join(all));
}

Test(wire_messages, the_golden_messages_are_what_the_server_writes)
{
    struct message all[MESSAGES_MAX];
    check_golden("messages.json", all, join(all));
}
