#include "bench/step.h"

#include "market/interval.h"

#include <math.h>
#include <string.h>

enum status step_parse(const char *text, struct step *step, struct error *error)
{
    *step = (struct step){.unit = STEP_BY_TICK, .text = text};
    if (strcmp(text, "tick") == 0)
        return STATUS_OK;
    step->unit = STEP_BY_FRAME;
    if (strcmp(text, "frame") == 0)
        return STATUS_OK;
    step->unit = STEP_BY_INTERVAL;
    if (interval_parse(text, strlen(text), &step->interval_us, NULL) == STATUS_OK)
        return STATUS_OK;
    return error_set(error, STATUS_INVALID,
                     "--step-by = %s: expected tick, frame, or an interval such as 1s or 15m",
                     text);
}

int64_t step_target(const struct step *step, int64_t at, int64_t end, double frame_us)
{
    bool is_forward = at <= end;
    double left_us = fabs((double)(end - at));
    int64_t target = end;
    if (step->unit == STEP_BY_FRAME && frame_us < left_us)
        target = is_forward ? at + (int64_t)frame_us : at - (int64_t)frame_us;
    if (step->unit == STEP_BY_INTERVAL)
        target = is_forward ? interval_floor(step->interval_us, at) + step->interval_us
                            : interval_ceil(step->interval_us, at) - step->interval_us;
    bool is_beyond = is_forward ? target > end : target < end;
    return is_beyond ? end : target;
}

bool step_is_there(int64_t edge, int64_t target)
{
    return edge - target <= 1 && target - edge <= 1;
}
