#include "feed/client.h"

#include "wire/symbols.h"

#include <assert.h>
#include <pthread.h>
#include <string.h>

typedef void request_fn(struct feed *feed, const struct request *request, struct now now);

static void answer_ping(struct feed *feed, const struct request *request, struct now now)
{
    struct writer writer = feed_answer(feed);
    pong_write(&writer, request, now.wall_us);
    feed_answer_end(feed);
}

static void answer_symbols(struct feed *feed, const struct request *request, struct now now)
{
    (void)now;
    struct symbols_query query;
    struct error error = {.text = ""};
    if (symbols_query_read(request, &query, &error) != STATUS_OK) {
        feed_answer_error(feed, request, NULL, &error);
        return;
    }
    struct symbol_list *list = live_symbols_pin(feed->lane->symbols);
    if (list == NULL) {
        error_set(&error, STATUS_UNAVAILABLE,
                  "the database has not been reached yet: ask again in a moment");
        feed_answer_error(feed, request, NULL, &error);
        return;
    }
    size_t first = symbol_list_first(list, query.prefix);
    size_t prefix_bytes = strlen(query.prefix);
    size_t count = 0;
    while (count < query.limit && first + count < list->count &&
           strncmp(list->symbols[first + count].name, query.prefix, prefix_bytes) == 0)
        count++;
    struct writer writer = feed_answer(feed);
    symbols_write(&writer, request, list->symbols + first, count);
    feed_answer_end(feed);
    symbol_list_unpin(&list);
}

/* Every op this server answers, and the least role that may ask for it. */
static const struct {
    const char *op;
    request_fn *answer;
    enum role least;
} requests[] = {
    {"ping", answer_ping, ROLE_NONE},
    {"auth", feed_auth, ROLE_NONE},
    {"symbols", answer_symbols, ROLE_VIEWER},
    {"replay.open", feed_replay_open, ROLE_VIEWER},
    {"replay.play", feed_replay_play, ROLE_VIEWER},
    {"replay.pause", feed_replay_pause, ROLE_VIEWER},
    {"replay.seek", feed_replay_seek, ROLE_VIEWER},
    {"replay.speed", feed_replay_speed, ROLE_VIEWER},
    {"replay.step", feed_replay_step, ROLE_VIEWER},
    {"replay.set", feed_replay_set, ROLE_VIEWER},
    {FEED_ACK_OP, feed_replay_ack, ROLE_VIEWER},
    {"replay.close", feed_replay_close, ROLE_VIEWER},
    {"replay.history", feed_replay_history, ROLE_VIEWER},
    {"candles.subscribe", feed_candles_subscribe, ROLE_VIEWER},
    {"candles.unsubscribe", feed_candles_unsubscribe, ROLE_VIEWER},
    {"storage.subscribe", feed_storage_subscribe, ROLE_VIEWER},
    {"storage.unsubscribe", feed_storage_unsubscribe, ROLE_VIEWER},
    {"storage.history", feed_storage_history, ROLE_VIEWER},
    {"policies.subscribe", feed_policies_subscribe, ROLE_VIEWER},
    {"policies.unsubscribe", feed_policies_unsubscribe, ROLE_VIEWER},
    {"policies.run", feed_policies_run, ROLE_OPERATOR},
    {"policies.pause", feed_policies_pause, ROLE_OPERATOR},
    {"policies.resume", feed_policies_resume, ROLE_OPERATOR},
};

#define REQUEST_COUNT (sizeof requests / sizeof requests[0])
static_assert(REQUEST_COUNT <= FEED_OPS_MAX, "each op has its counter");

static const char *op_names[REQUEST_COUNT];

static void name_ops(void)
{
    for (size_t i = 0; i < REQUEST_COUNT; i++)
        op_names[i] = requests[i].op;
}

size_t feed_ops(const char *const **ops)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, name_ops);
    *ops = op_names;
    return REQUEST_COUNT;
}

static void answer_unknown(struct feed *feed, const struct request *request)
{
    char known[384] = "";
    size_t used = 0;
    for (size_t i = 0; i < REQUEST_COUNT; i++) {
        size_t bytes = strlen(requests[i].op);
        if (used + bytes + 2 >= sizeof known)
            break;
        memcpy(known + used, requests[i].op, bytes);
        used += bytes;
        known[used++] = ' ';
    }
    known[used > 0 ? used - 1 : 0] = '\0';
    struct error error = {.text = ""};
    error_set(&error, STATUS_INVALID, "op \"%.64s\" is unknown; this server answers: %s",
              request->op, known);
    struct writer writer = feed_answer(feed);
    feed_write_error_code(feed, &writer, request, "unknown_op", error.text);
    feed_answer_end(feed);
}

static void answer_refused(struct feed *feed, const struct request *request, enum role least)
{
    struct error error = {.text = ""};
    if (feed_is_unproven(feed))
        error_set(&error, STATUS_UNAUTHORIZED,
                  "say who you are first: {\"op\":\"auth\",\"token\":…}");
    else
        error_set(&error, STATUS_FORBIDDEN, "%s needs the role %s; yours is %s", request->op,
                  role_name(least), role_name(feed->session.role));
    feed_answer_error(feed, request, NULL, &error);
}

void feed_request(struct feed *feed, const struct request *request, struct now now)
{
    for (size_t i = 0; i < REQUEST_COUNT; i++) {
        if (strcmp(request->op, requests[i].op) != 0)
            continue;
        counter_add(&feed->lane->figures.ops[i], 1);
        if (feed->session.role >= requests[i].least)
            requests[i].answer(feed, request, now);
        else
            answer_refused(feed, request, requests[i].least);
        return;
    }
    counter_add(&feed->lane->figures.ops[FEED_OPS_MAX], 1);
    if (feed_is_unproven(feed))
        answer_refused(feed, request, ROLE_VIEWER);
    else
        answer_unknown(feed, request);
}
