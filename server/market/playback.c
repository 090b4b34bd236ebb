#include "market/playback.h"

int replay_speed_direction(struct replay_speed speed)
{
    return speed.rate < 0 ? -1 : 1;
}

bool replay_speed_equal(struct replay_speed a, struct replay_speed b)
{
    return a.max == b.max && !(a.rate < b.rate) && !(a.rate > b.rate);
}

const char *replay_state_name(enum replay_state state)
{
    static const char *const names[] = {"paused", "playing", "buffering", "ended", "closed"};
    return names[state];
}
