#include "wire/session.h"

#include "wire/codes.h"

#include <string.h>

size_t answer_pairs(const struct request *request)
{
    return request != NULL && request->has_req ? 2 : 1;
}

void answer_head(struct writer *writer, const char *ev, const struct request *request)
{
    writer_key(writer, "ev");
    writer_text(writer, ev);
    if (request == NULL || !request->has_req)
        return;
    writer_key(writer, "re");
    writer_integer(writer, request->req);
}

static void write_auth(struct writer *writer, const struct welcome *welcome)
{
    writer_key(writer, "auth");
    writer_map(writer, 2);
    writer_key(writer, "required");
    writer_bool(writer, welcome->auth_required);
    writer_key(writer, "role");
    if (welcome->role != NULL)
        writer_text(writer, welcome->role);
    else
        writer_nil(writer);
    writer_end(writer);
}

static void write_limits(struct writer *writer, const struct welcome *welcome)
{
    const struct {
        const char *name;
        int64_t most;
    } limits[] = {
        {"message_bytes", WIRE_MESSAGE_BYTES_MAX},
        {"depth", WIRE_DEPTH_MAX},
        {"frame_bytes", WIRE_FRAME_BYTES},
        {"replays", welcome->replays_max},
        {"symbols", welcome->symbols_max},
        {"subscriptions", welcome->subscriptions_max},
        {"candle_requests", welcome->questions_max},
        {"pending_answers", welcome->pending_answers_max},
        {"pending_bytes", welcome->pending_bytes_max},
        {"requests_per_second", welcome->requests_per_second},
        {"requests_burst", welcome->requests_burst},
        {"acks_per_second", welcome->acks_per_second},
    };
    size_t count = sizeof limits / sizeof *limits;
    writer_key(writer, "limits");
    writer_map(writer, count);
    for (size_t i = 0; i < count; i++) {
        writer_key(writer, limits[i].name);
        writer_integer(writer, limits[i].most);
    }
    writer_end(writer);
}

static void write_ops(struct writer *writer, const struct welcome *welcome)
{
    writer_key(writer, "ops");
    writer_array(writer, welcome->op_count);
    for (size_t i = 0; i < welcome->op_count; i++)
        writer_text(writer, welcome->ops[i]);
    writer_end(writer);
}

void welcome_write(struct writer *writer, const struct welcome *welcome)
{
    writer_map(writer, 9);
    writer_key(writer, "ev");
    writer_text(writer, "welcome");
    writer_key(writer, "protocol");
    writer_integer(writer, WIRE_PROTOCOL_VERSION);
    writer_key(writer, "server");
    writer_text(writer, welcome->server);
    writer_key(writer, "engine");
    writer_text(writer, welcome->engine);
    writer_key(writer, "engine_version");
    writer_text(writer, welcome->engine_version);
    write_auth(writer, welcome);
    write_limits(writer, welcome);
    write_ops(writer, welcome);
    writer_key(writer, "now");
    writer_integer(writer, welcome->now);
    writer_end(writer);
}

/* The fields of a ping that come back. `ev`, `re` and `now` are the answer's own: a map has no key
 * twice. */
static bool is_echoed(const char *key)
{
    static const char *const others[] = {"op", "req", "ev", "re", "now"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        if (strcmp(key, others[i]) == 0)
            return false;
    }
    return true;
}

void pong_write(struct writer *writer, const struct request *request, int64_t now)
{
    const struct value *map = request->map;
    size_t echoed = 0;
    for (size_t i = 0; i < map->count; i++)
        echoed += is_echoed(map->as.items[2 * i].as.text) ? 1U : 0U;
    writer_map(writer, answer_pairs(request) + 1 + echoed);
    answer_head(writer, "pong", request);
    writer_key(writer, "now");
    writer_integer(writer, now);
    for (size_t i = 0; i < map->count; i++) {
        const struct value *pair = &map->as.items[2 * i];
        if (!is_echoed(pair[0].as.text))
            continue;
        writer_key(writer, pair[0].as.text);
        writer_value(writer, &pair[1]);
    }
    writer_end(writer);
}

void error_write(struct writer *writer, const struct request *request, const uint64_t *id,
                 enum status status, const char *message)
{
    error_write_code(writer, request, id, wire_error_code(status), message);
}

void error_write_code(struct writer *writer, const struct request *request, const uint64_t *id,
                      const char *code, const char *message)
{
    writer_map(writer, answer_pairs(request) + 2 + (id != NULL ? 1U : 0U));
    answer_head(writer, "error", request);
    writer_key(writer, "code");
    writer_text(writer, code);
    writer_key(writer, "message");
    writer_text(writer, message);
    if (id != NULL) {
        writer_key(writer, "id");
        writer_integer(writer, (int64_t)*id);
    }
    writer_end(writer);
}

void ok_write(struct writer *writer, const struct request *request, uint64_t id)
{
    writer_map(writer, answer_pairs(request) + 1);
    answer_head(writer, "ok", request);
    writer_key(writer, "id");
    writer_integer(writer, (int64_t)id);
    writer_end(writer);
}

void auth_ok_write(struct writer *writer, const struct request *request, const char *role,
                   const int64_t *expires)
{
    writer_map(writer, answer_pairs(request) + 1 + (expires != NULL ? 1U : 0U));
    answer_head(writer, "ok", request);
    writer_key(writer, "role");
    writer_text(writer, role);
    if (expires != NULL) {
        writer_key(writer, "expires");
        writer_integer(writer, *expires);
    }
    writer_end(writer);
}
