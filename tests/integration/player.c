#include "player.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

void player_connect(struct player *player, const struct deck *deck, const char *subprotocol)
{
    memset(player, 0, sizeof *player);
    struct wire_client_options options = {.port = deck->port, .subprotocol = subprotocol};
    int http_status = 0;
    player->client = wire_client_open(&options, &http_status);
    cr_assert_not_null(player->client, "the handshake was answered with %d", http_status);
    json_t *welcome = wire_client_await(player->client, "welcome", PLAYER_DEADLINE_MS);
    cr_assert_not_null(welcome);
    const char *engine = json_string_value(json_object_get(welcome, "engine"));
    cr_assert_str_eq(engine, deck->engine);
    json_decref(welcome);
}

static void forget(struct player *player)
{
    for (size_t i = 0; i < PLAYER_SYMBOLS_MAX; i++) {
        free(player->symbols[i].ticks);
        player->symbols[i] = (struct played){.ticks = NULL};
    }
}

void player_close(struct player *player)
{
    forget(player);
    wire_client_close(&player->client);
}

static int64_t integer_of(const json_t *message, const char *key)
{
    const json_t *value = json_object_get(message, key);
    cr_assert(json_is_integer(value), "%s is missing", key);
    return (int64_t)json_integer_value(value);
}

static void make_room(struct played *played, size_t rows)
{
    if (played->count + rows <= played->capacity)
        return;
    played->capacity = 2 * (played->count + rows);
    played->ticks = realloc(played->ticks, played->capacity * sizeof *played->ticks);
    cr_assert_not_null(played->ticks);
}

static void take_part(struct player *player, const json_t *part, int64_t from, int64_t to)
{
    static const char *const names[] = {"time", "bid", "ask", "last", "volume"};
    size_t symbol = (size_t)integer_of(part, "symbol");
    cr_assert_lt(symbol, player->symbol_count);
    size_t rows = (size_t)integer_of(part, "n");
    struct played *played = &player->symbols[symbol];
    make_room(played, rows);
    int64_t *values = malloc(rows * sizeof *values);
    for (size_t column = 0; column < 5; column++) {
        const json_t *coded = json_object_get(part, names[column]);
        bool good = column == 0 ? wire_column_times(coded, rows, values)
                                : wire_column_decimals(coded, rows, values);
        cr_assert(good, "column %s cannot be read", names[column]);
        for (size_t row = 0; row < rows; row++)
            played->ticks[played->count + row].values[column] = values[row];
    }
    for (size_t row = 0; row < rows; row++) {
        int64_t time = played->ticks[played->count + row].values[0];
        cr_assert(time >= from && time < to, "a tick outside its frame's span");
    }
    free(values);
    played->count += rows;
}

static void take_frame(struct player *player, const json_t *message)
{
    cr_assert_eq(integer_of(message, "seq"), player->seq++, "a frame is missing");
    const json_t *span = json_object_get(message, "span");
    int64_t from = (int64_t)json_integer_value(json_array_get(span, 0));
    int64_t to = (int64_t)json_integer_value(json_array_get(span, 1));
    bool is_forward = integer_of(message, "dir") > 0;
    cr_assert_eq(is_forward ? from : to, player->edge, "spans do not tile");
    size_t index;
    const json_t *part;
    json_array_foreach(json_object_get(message, "ticks"), index, part)
        take_part(player, part, from, to);
    player->edge = is_forward ? to : from;
    player->frames++;
}

static void begin_epoch(struct player *player, const json_t *answer)
{
    player->epoch = integer_of(answer, "epoch");
    player->edge = integer_of(answer, "at");
    player->seq = 0;
}

static void take_state(struct player *player, const json_t *message)
{
    const char *state = json_string_value(json_object_get(message, "state"));
    cr_assert_not_null(state);
    (void)snprintf(player->state, sizeof player->state, "%s", state);
    if (strcmp(state, "buffering") == 0)
        player->saw_buffering = true;
}

static void take(struct player *player, const json_t *message)
{
    const char *ev = json_string_value(json_object_get(message, "ev"));
    cr_assert_not_null(ev);
    cr_assert_str_neq(ev, "error", "%s", json_string_value(json_object_get(message, "message")));
    if (strcmp(ev, "replay.opened") == 0 || strcmp(ev, "ok") == 0) {
        if (integer_of(message, "epoch") != player->epoch)
            begin_epoch(player, message);
        take_state(player, message);
    } else if (strcmp(ev, "replay.frame") == 0) {
        cr_assert_eq(integer_of(message, "epoch"), player->epoch);
        take_frame(player, message);
    } else if (strcmp(ev, "replay.state") == 0) {
        take_state(player, message);
    }
    if (player->listener != NULL)
        player->listener(player, message);
}

bool player_take(struct player *player, int deadline_ms)
{
    json_t *message = wire_client_receive_tree(player->client, deadline_ms);
    if (message == NULL)
        return false;
    take(player, message);
    json_decref(message);
    return true;
}

void player_until(struct player *player, const char *state)
{
    while (strcmp(player->state, state) != 0)
        cr_assert(player_take(player, PLAYER_DEADLINE_MS), "still %s after a minute, not %s",
                  player->state, state);
}

static void take_answer(struct player *player)
{
    bool answered = false;
    while (!answered) {
        json_t *message = wire_client_receive_tree(player->client, PLAYER_DEADLINE_MS);
        cr_assert_not_null(message, "no answer");
        answered = json_object_get(message, "re") != NULL;
        take(player, message);
        json_decref(message);
    }
}

void player_open(struct player *player, size_t symbol_count, const char *fields)
{
    forget(player);
    player->symbol_count = symbol_count;
    player->epoch = 0;
    player->frames = 0;
    player->saw_buffering = false;
    cr_assert(
        wire_client_request(player->client, "{'op':'replay.open','req':1,'id':1,%s}", fields));
    take_answer(player);
}

void player_control(struct player *player, const char *op, const char *fields)
{
    cr_assert(wire_client_request(player->client, "{'op':'%s','req':2,'id':1%s%s}", op,
                                  fields[0] != '\0' ? "," : "", fields));
    take_answer(player);
}

const char *player_refused(struct player *player, const char *request)
{
    static char code[64];
    code[0] = '\0';
    cr_assert(wire_client_request(player->client, "%s", request));
    json_t *error = wire_client_await(player->client, "error", PLAYER_DEADLINE_MS);
    if (error != NULL) {
        const char *text = json_string_value(json_object_get(error, "code"));
        const char *message = json_string_value(json_object_get(error, "message"));
        cr_assert(text != NULL && message != NULL && strlen(message) > 10, "an error says nothing");
        (void)snprintf(code, sizeof code, "%s", text);
        json_decref(error);
    }
    return code;
}

/* The oracle: mantissas at exp 8 by SQL's own arithmetic. */
static PGresult *expected(PGconn *connection, const char *symbol, int64_t from, int64_t to)
{
    char sql[1024];
    char *literal = PQescapeLiteral(connection, symbol, strlen(symbol));
    (void)snprintf(sql, sizeof sql,
                   "select (extract(epoch from time) * 1000000)::bigint, "
                   "(bid_price * 100000000)::bigint, (ask_price * 100000000)::bigint, "
                   "(last_price * 100000000)::bigint, (volume * 100000000)::bigint "
                   "from tick_data where symbol = %s "
                   "and time >= timestamptz 'epoch' + %" PRId64 " * interval '1 microsecond' "
                   "and time < timestamptz 'epoch' + %" PRId64 " * interval '1 microsecond' "
                   "order by time, seq",
                   literal, from, to);
    PQfreemem(literal);
    PGresult *result = PQexec(connection, sql);
    cr_assert_eq(PQresultStatus(result), PGRES_TUPLES_OK, "%s", PQerrorMessage(connection));
    return result;
}

void player_compare(const struct player *player, size_t index, const struct deck *deck,
                    const char *symbol, int64_t from, int64_t to)
{
    const struct played *played = &player->symbols[index];
    PGconn *connection = deck_connect(deck);
    PGresult *rows = expected(connection, symbol, from, to);
    cr_assert_eq((size_t)PQntuples(rows), played->count, "%s: %zu ticks were played, SQL has %d",
                 symbol, played->count, PQntuples(rows));
    for (int row = 0; row < PQntuples(rows); row++) {
        for (int column = 0; column < 5; column++) {
            int64_t want = PQgetisnull(rows, row, column)
                               ? INT64_MIN
                               : strtoll(PQgetvalue(rows, row, column), NULL, 10);
            cr_assert_eq(played->ticks[row].values[column], want,
                         "%s: tick %d, column %d: %" PRId64 ", SQL has %" PRId64, symbol, row,
                         column, played->ticks[row].values[column], want);
        }
    }
    PQclear(rows);
    PQfinish(connection);
}
