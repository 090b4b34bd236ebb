/*
 * Questions for candles of a replay: replay.history. They are answered when they can be, in any
 * order, whatever else is asked of the replay meanwhile. Judged by PROTOCOL rule 6.
 */
#ifndef TAPEDECK_TESTS_SIM_HISTORY_H
#define TAPEDECK_TESTS_SIM_HISTORY_H

#include "watch.h"

#define HISTORIES_MAX 4

/* One that has reached the server; what it knows of the replay is as of then. */
struct history {
    int64_t re;
    uint64_t id;
    const struct world *world;
    const struct depot *depot;
    const struct world_tape *tape;
    const char *interval;
    int64_t interval_us;
    int64_t symbol;
    int64_t before;
    size_t count;
    bool is_at_known; /* else it is somewhere in the range: other requests were under way */
    int64_t at;
    int64_t from, to;
    uint64_t failures; /* of the source, then */
    uint64_t changes;  /* of the world, then */
};

struct histories {
    size_t count;
    struct history items[HISTORIES_MAX];
};

/* `is_alone`: every request before it has been answered. */
void histories_add(struct histories *histories, const struct watch *watch,
                   const struct asked *asked, bool is_alone);
/* Whether the message is the answer to one of them, which then is gone. `watches`: of its viewer.
 */
bool histories_take(struct histories *histories, const json_t *message, const struct watch *watches,
                    size_t watch_count);

#endif
