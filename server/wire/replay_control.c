#include "wire/replay_control.h"

#include "market/interval.h"
#include "wire/session.h"

#include <string.h>

static enum status read_at(const struct request *request, bool *has_at, int64_t *at,
                           struct error *error)
{
    *has_at = request_has(request, "at");
    return request_time(request, "at", at, error);
}

enum status replay_seek_read(const struct request *request, int64_t *to, struct error *error)
{
    enum status status = request_need(request, "to", REQUEST_TIME_EXPECTED, error);
    if (status == STATUS_OK)
        status = request_time(request, "to", to, error);
    return status;
}

enum status replay_speed_change_read(const struct request *request,
                                     struct replay_speed_change *change, struct error *error)
{
    struct replay_speed_change read = {.has_at = false};
    enum status status = request_need(request, "speed", REPLAY_SPEED_EXPECTED, error);
    if (status == STATUS_OK)
        status = replay_speed_read(request, "speed", &read.speed, error);
    if (status == STATUS_OK)
        status = read_at(request, &read.has_at, &read.at, error);
    if (status == STATUS_OK)
        *change = read;
    return status;
}

#define UNIT_EXPECTED "\"tick\", \"frame\" or an interval from \"1s\" to \"366d\", such as \"5m\""

static enum status read_unit(const struct request *request, struct replay_step *step,
                             struct error *error)
{
    const struct value *unit = value_of(request->map, "unit");
    if (unit == NULL || unit->kind != VALUE_TEXT)
        return request_refuse(request, "unit", STATUS_INVALID, error, UNIT_EXPECTED);
    step->interval_us = 0;
    if (strcmp(unit->as.text, "tick") == 0) {
        step->unit = STEP_TICK;
        return STATUS_OK;
    }
    if (strcmp(unit->as.text, "frame") == 0) {
        step->unit = STEP_FRAME;
        return STATUS_OK;
    }
    step->unit = STEP_INTERVAL;
    if (interval_parse(unit->as.text, unit->count, &step->interval_us, NULL) != STATUS_OK)
        return request_refuse(request, "unit", STATUS_INVALID, error, UNIT_EXPECTED);
    return STATUS_OK;
}

static enum status read_count(const struct request *request, int64_t *count, struct error *error)
{
    const struct value *value = value_of(request->map, "count");
    if (value == NULL || value->kind != VALUE_INTEGER || value->as.integer == 0 ||
        value->as.integer < -REPLAY_STEP_COUNT_MOST || value->as.integer > REPLAY_STEP_COUNT_MOST)
        return request_refuse(request, "count", STATUS_INVALID, error,
                              "an integer from -%d to %d, not 0; negative steps go back in time",
                              REPLAY_STEP_COUNT_MOST, REPLAY_STEP_COUNT_MOST);
    *count = value->as.integer;
    return STATUS_OK;
}

enum status replay_step_read(const struct request *request, struct replay_step_request *step,
                             struct error *error)
{
    struct replay_step_request read = {.has_at = false};
    enum status status = read_unit(request, &read.step, error);
    if (status == STATUS_OK)
        status = read_count(request, &read.step.count, error);
    if (status == STATUS_OK)
        status = read_at(request, &read.has_at, &read.at, error);
    if (status == STATUS_OK)
        *step = read;
    return status;
}

enum status replay_set_read(const struct request *request, struct replay_set *set,
                            struct error *error)
{
    struct replay_set read = {
        .has_ticks = request_has(request, "ticks"),
        .has_fps = request_has(request, "fps"),
    };
    enum status status = request_bool(request, "ticks", &read.ticks, error);
    if (status == STATUS_OK)
        status = request_integer(request, "fps", 1, REPLAY_FPS_MOST, &read.fps, error);
    if (status == STATUS_OK)
        status = replay_intervals_read(request, &read.has_intervals, &read.intervals, error);
    if (status == STATUS_OK)
        *set = read;
    return status;
}

enum status replay_ack_read(const struct request *request, struct replay_ack *ack,
                            struct error *error)
{
    struct replay_ack read = {.epoch = 0};
    enum status status = request_need(request, "epoch", "the epoch of a frame", error);
    if (status == STATUS_OK)
        status = request_integer(request, "epoch", 0, WIRE_REQ_MAX, &read.epoch, error);
    if (status == STATUS_OK)
        status = request_need(request, "seq", "the seq of the newest frame used", error);
    if (status == STATUS_OK)
        status = request_integer(request, "seq", 0, WIRE_REQ_MAX, &read.seq, error);
    if (status == STATUS_OK)
        *ack = read;
    return status;
}

void replay_ok_write(struct writer *writer, const struct request *request,
                     const struct replay_ok *ok)
{
    writer_map(writer, answer_pairs(request) + 5);
    answer_head(writer, "ok", request);
    writer_key(writer, "id");
    writer_integer(writer, (int64_t)ok->id);
    writer_key(writer, "epoch");
    writer_integer(writer, ok->epoch);
    writer_key(writer, "state");
    writer_text(writer, replay_state_name(ok->state));
    writer_key(writer, "at");
    writer_integer(writer, ok->at);
    writer_key(writer, "speed");
    replay_speed_write(writer, ok->speed);
    writer_end(writer);
}
