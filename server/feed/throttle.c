#include "feed/throttle.h"

static void resume_fire(struct timer *timer, int64_t now_us)
{
    (void)now_us;
    struct throttle *throttle = CONTAINER_OF(timer, struct throttle, resume);
    throttle->is_paused = false;
    throttle->resumed(throttle->owner);
}

void throttle_init(struct throttle *throttle, const struct throttle_limits *limits,
                   struct wheel *wheel, void (*resumed)(void *owner), void *owner, int64_t now_us)
{
    *throttle = (struct throttle){.wheel = wheel, .resumed = resumed, .owner = owner};
    allowance_init(&throttle->requests, limits->requests_per_second, limits->requests_burst,
                   now_us);
    /* A second's worth at once. */
    allowance_init(&throttle->acks, limits->acks_per_second, limits->acks_per_second, now_us);
    timer_init(&throttle->resume, resume_fire);
}

void throttle_deinit(struct throttle *throttle)
{
    wheel_cancel(throttle->wheel, &throttle->resume);
}

static void pause_until_half_full(struct throttle *throttle, struct allowance *allowance,
                                  int64_t now_us)
{
    if (throttle->is_paused)
        return;
    int64_t wait_us = allowance_wait_us(allowance, (allowance->burst + 1) / 2, now_us);
    if (wait_us > THROTTLE_PAUSE_US_MAX)
        wait_us = THROTTLE_PAUSE_US_MAX;
    throttle->is_paused = true;
    wheel_arm(throttle->wheel, &throttle->resume, now_us + wait_us);
}

bool throttle_admit(struct throttle *throttle, int64_t now_us)
{
    bool admitted = allowance_take(&throttle->requests, 1, now_us);
    if (!allowance_has(&throttle->requests, -(THROTTLE_REFUSALS - 1), now_us))
        pause_until_half_full(throttle, &throttle->requests, now_us);
    return admitted;
}

void throttle_charge(struct throttle *throttle, size_t answer_bytes, int64_t now_us)
{
    int64_t beyond = (int64_t)(answer_bytes / THROTTLE_ANSWER_BYTES);
    if (beyond > 0)
        (void)allowance_take(&throttle->requests, beyond, now_us);
}

void throttle_note_ack(struct throttle *throttle, int64_t now_us)
{
    if (!allowance_take(&throttle->acks, 1, now_us))
        pause_until_half_full(throttle, &throttle->acks, now_us);
}
