/*
 * What tests of a whole replay share: one lane with a tape over a fake source, by hand. Time passes
 * and data comes only when a test says so. There is symbol A, without ticks, its grain GRAIN.
 * Everything here is one test's: set up before it and torn down after it.
 */
#ifndef TAPEDECK_TESTS_REPLAY_FIXTURE_H
#define TAPEDECK_TESTS_REPLAY_FIXTURE_H

#include "replay/replay.h"

#include "fake_source.h"

#include <criterion/criterion.h>
#include <inttypes.h>

#define S TIME_SECOND_US
#define MS INT64_C(1000)
#define GRAIN (64 * S)

extern struct fake_source fake;
extern struct fake_tape *ticks; /* of symbol A */
extern struct tape *tape;
extern struct inbox inbox;
extern struct replay_options options; /* of the replay to start */
extern struct replay *replay;
extern struct error failure;
extern struct replay_output output; /* what was said last */
extern int64_t now_us;
extern size_t wakes;
extern size_t frame_bytes; /* what each frame is said to take */

void replay_set_up(void);
void replay_tear_down(void);

/* One more symbol of the replay to start. */
struct fake_tape *add_symbol(const char *name);
void start(void);
/* Time passes for the replay: its timers fire, its letters come. */
void pass(int64_t us);
/* The next message, which takes a moment to leave. */
enum status ask(void);
/* The source does all it has been asked for, until nothing more is asked. */
void serve(void);
/* What the tape knows of a range of symbol A without anybody asking. */
void stock(int64_t from, int64_t to);
/* Opens and plays, with the data of a grain at hand; the first poll is still to come. */
void begin(void);
/* As above, where nothing is due at once. */
void play(void);

struct replay_view look(void);
void check_state(enum replay_state state, enum replay_reason reason);
void check_frame(int64_t from, int64_t to, size_t rows);
void check_silence(void);
/* The snapshot, and all data there is. */
void take_snapshot(void);

/* What came of an epoch that was watched to its end. */
struct watched {
    int64_t at; /* the edge of the last frame */
    size_t frames;
    size_t rows;
    size_t errors;
};

/*
 * Asks, serves and lets time pass until the replay has ended or, paused, has nothing more to say.
 * Its frames from `at` on tile time in `direction`, are numbered from 0, and hold exactly the ticks
 * of their spans in the order they are played: checked against the fake source's own list.
 */
struct watched watch(int64_t at, int direction);

/* A step from the last edge; `at` NULL as in replay_step. Refusals fail the test. */
void step_from(const int64_t *at, enum replay_step_unit unit, int64_t interval_us, int64_t count);
/* By instants with ticks, from the last edge. */
void step_ticks(int64_t count);
void step_interval(int64_t interval_us, int64_t count);

#endif
