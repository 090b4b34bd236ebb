#include "wire/replay_open.h"

#include "market/symbol.h"
#include "market/time.h"
#include "wire/session.h"

#include <string.h>

static bool speed_of_text(const char *text, struct replay_speed *speed)
{
    bool forward = strcmp(text, "max") == 0;
    if (!forward && strcmp(text, "-max") != 0)
        return false;
    *speed = (struct replay_speed){.rate = forward ? 1 : -1, .max = true};
    return true;
}

static bool speed_of_number(double rate, struct replay_speed *speed)
{
    double pace = rate < 0 ? -rate : rate;
    if (pace < REPLAY_SPEED_LEAST || pace > REPLAY_SPEED_MOST)
        return false;
    *speed = (struct replay_speed){.rate = rate, .max = false};
    return true;
}

static bool speed_of(const struct value *value, struct replay_speed *speed)
{
    switch (value->kind) {
    case VALUE_TEXT:
        return speed_of_text(value->as.text, speed);
    case VALUE_INTEGER:
        return speed_of_number((double)value->as.integer, speed);
    case VALUE_FLOAT:
        return speed_of_number(value->as.number, speed);
    default:
        return false;
    }
}

enum status replay_speed_read(const struct request *request, const char *key,
                              struct replay_speed *speed, struct error *error)
{
    const struct value *value = value_of(request->map, key);
    if (value == NULL || speed_of(value, speed))
        return STATUS_OK;
    return request_refuse(request, key, STATUS_INVALID, error, REPLAY_SPEED_EXPECTED);
}

void replay_speed_write(struct writer *writer, struct replay_speed speed)
{
    if (speed.max)
        writer_text(writer, speed.rate < 0 ? "-max" : "max");
    else if ((double)(int64_t)speed.rate == speed.rate)
        writer_integer(writer, (int64_t)speed.rate);
    else
        writer_float(writer, speed.rate);
}

static enum status read_symbol(const struct value *name, struct replay_open *open,
                               struct error *error)
{
    if (name->kind != VALUE_TEXT)
        return error_set(error, STATUS_INVALID, "symbols holds %s; it must hold names",
                         value_kind_name(name));
    enum status status = symbol_check(name->as.text, name->count, error);
    if (status != STATUS_OK) {
        (void)error_prefix(error, "symbols holds a wrong name");
        return status;
    }
    for (size_t i = 0; i < open->symbol_count; i++) {
        if (strcmp(open->symbols[i], name->as.text) == 0)
            return error_set(error, STATUS_INVALID,
                             "symbols names \"%s\" twice; each may be there once", name->as.text);
    }
    open->symbols[open->symbol_count++] = name->as.text;
    return STATUS_OK;
}

static enum status read_symbols(const struct request *request, struct replay_open *open,
                                struct error *error)
{
    const struct value *names = value_of(request->map, "symbols");
    if (names == NULL || names->kind != VALUE_ARRAY || names->count == 0)
        return request_refuse(request, "symbols", STATUS_INVALID, error,
                              "an array of 1 to %d names", REPLAY_SYMBOLS_MAX);
    if (names->count > REPLAY_SYMBOLS_MAX)
        return error_set(error, STATUS_LIMIT, "symbols holds %zu names; it may hold up to %d",
                         names->count, REPLAY_SYMBOLS_MAX);
    enum status status = STATUS_OK;
    for (size_t i = 0; i < names->count && status == STATUS_OK; i++)
        status = read_symbol(&names->as.items[i], open, error);
    return status;
}

static enum status check_range(const struct replay_open *open, struct error *error)
{
    if (open->has_to && open->to <= open->from)
        return error_set(error, STATUS_INVALID, "to is %s; it must be later than from, %s",
                         time_format(open->to).text, time_format(open->from).text);
    if (open->has_at && open->at < open->from)
        return error_set(error, STATUS_INVALID, "at is %s; it must not be earlier than from, %s",
                         time_format(open->at).text, time_format(open->from).text);
    if (open->has_at && open->has_to && open->at > open->to)
        return error_set(error, STATUS_INVALID, "at is %s; it must not be later than to, %s",
                         time_format(open->at).text, time_format(open->to).text);
    return STATUS_OK;
}

static enum status read_range(const struct request *request, struct replay_open *open,
                              struct error *error)
{
    open->has_to = request_has(request, "to");
    open->has_at = request_has(request, "at");
    enum status status = request_need(request, "from", REQUEST_TIME_EXPECTED, error);
    if (status == STATUS_OK)
        status = request_time(request, "from", &open->from, error);
    if (status == STATUS_OK)
        status = request_time(request, "to", &open->to, error);
    if (status == STATUS_OK)
        status = request_time(request, "at", &open->at, error);
    if (status == STATUS_OK)
        status = check_range(open, error);
    return status;
}

static enum status read_pace(const struct request *request, struct replay_open *open,
                             struct error *error)
{
    static const char *const states[] = {"paused", "playing"};
    size_t state = 0;
    enum status status = replay_speed_read(request, "speed", &open->speed, error);
    if (status == STATUS_OK)
        status = request_integer(request, "fps", 1, REPLAY_FPS_MOST, &open->fps, error);
    if (status == STATUS_OK)
        status = request_choice(request, "state", states, 2, &state, error);
    open->playing = state == 1;
    return status;
}

static enum status read_contents(const struct request *request, struct replay_open *open,
                                 struct error *error)
{
    bool has_intervals = false;
    enum status status = request_bool(request, "ticks", &open->ticks, error);
    if (status == STATUS_OK)
        status = replay_intervals_read(request, &has_intervals, &open->intervals, error);
    if (status == STATUS_OK)
        status = replay_intervals_check(&open->intervals, open->symbol_count, error);
    if (status == STATUS_OK)
        status = request_encodings(request, &open->encodings, error);
    return status;
}

static enum status read_flow(const struct request *request, struct replay_open *open,
                             struct error *error)
{
    static const char *const flows[] = {"tcp", "ack"};
    size_t flow = 0;
    enum status status =
        request_integer(request, "lead_ms", 0, REPLAY_LEAD_MS_MOST, &open->lead_ms, error);
    if (status == STATUS_OK)
        status = request_choice(request, "flow", flows, 2, &flow, error);
    if (status == STATUS_OK)
        status = request_integer(request, "window_ms", REPLAY_WINDOW_MS_LEAST,
                                 REPLAY_WINDOW_MS_MOST, &open->window_ms, error);
    open->flow_ack = flow == 1;
    return status;
}

enum status replay_open_read(const struct request *request, struct replay_open *open,
                             struct error *error)
{
    struct replay_open read = {
        .speed = {.rate = 1, .max = false},
        .fps = REPLAY_FPS,
        .ticks = true,
        .lead_ms = REPLAY_LEAD_MS,
        .window_ms = REPLAY_WINDOW_MS,
        .encodings = COLUMN_ENCODINGS_ALL,
    };
    enum status status = request_id(request, &read.id, error);
    if (status == STATUS_OK)
        status = read_symbols(request, &read, error);
    if (status == STATUS_OK)
        status = read_range(request, &read, error);
    if (status == STATUS_OK)
        status = read_pace(request, &read, error);
    if (status == STATUS_OK)
        status = read_contents(request, &read, error);
    if (status == STATUS_OK)
        status = read_flow(request, &read, error);
    if (status == STATUS_OK)
        *open = read;
    return status;
}

static void write_names(struct writer *writer, const struct replay_opened *opened)
{
    writer_key(writer, "symbols");
    writer_array(writer, opened->symbol_count);
    for (size_t i = 0; i < opened->symbol_count; i++)
        writer_text(writer, opened->symbols[i]);
    writer_end(writer);
}

void replay_opened_write(struct writer *writer, const struct request *request,
                         const struct replay_opened *opened)
{
    writer_map(writer, answer_pairs(request) + 8);
    answer_head(writer, "replay.opened", request);
    writer_key(writer, "id");
    writer_integer(writer, (int64_t)opened->id);
    writer_key(writer, "epoch");
    writer_integer(writer, opened->epoch);
    write_names(writer, opened);
    writer_key(writer, "from");
    writer_integer(writer, opened->from);
    writer_key(writer, "to");
    writer_integer(writer, opened->to);
    writer_key(writer, "at");
    writer_integer(writer, opened->at);
    writer_key(writer, "speed");
    replay_speed_write(writer, opened->speed);
    writer_key(writer, "state");
    writer_text(writer, replay_state_name(opened->state));
    writer_end(writer);
}
