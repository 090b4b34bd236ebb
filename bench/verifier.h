/*
 * Whether what one viewer is sent is what the protocol promises (section 4 of
 * server/wire/README.md): the epoch and `seq` go on without a hole, spans tile the range from `at`
 * to its end, every tick lies in its span and comes in order, the columns of a symbol have the
 * same number of rows and fit their encodings, `due` is what the edge and the speed make it, and
 * `ended` counts what came.
 *
 * Every value is read. What came is added up, so that viewers of the same tape, and SQL, can be
 * compared with each other. One replay; its owner's thread; no allocation.
 */
#ifndef TAPEDECK_BENCH_VERIFIER_H
#define TAPEDECK_BENCH_VERIFIER_H

#include "bench/message.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct verifier_range {
    size_t symbol_count;
    int64_t from;
    int64_t to;
};

struct verifier {
    struct verifier_range range;
    double speed;        /* market seconds per wall second; 0: "max" */
    int direction;       /* 1, −1 */
    int64_t frame_bytes; /* limits.frame_bytes */

    int64_t epoch;
    int64_t at;   /* where the epoch began */
    int64_t edge; /* how far it came */
    int64_t seq;  /* of the next frame */
    int64_t due;  /* of the last frame */
    bool is_step; /* the epoch is a step's: nothing in it is due later */

    int64_t earliest; /* of the last frame's ticks; later than `latest` when it has none */
    int64_t latest;

    int64_t ticks[MESSAGE_SYMBOLS_MAX]; /* of the epoch */
    uint64_t sum;                       /* of the epoch: of all times and mantissas at exp 8 */
};

/* `speed` < 0 plays backward; 0 with a direction is "max". */
void verifier_init(struct verifier *verifier, struct verifier_range range, double speed,
                   int direction, int64_t frame_bytes);
/* An answer that names an epoch: begins it, unless it goes on. STATUS_BAD_MESSAGE: it shrank, or
 * begins outside the range. */
enum status verifier_epoch(struct verifier *verifier, int64_t epoch, int64_t at,
                           struct error *error) MUST_CHECK;
/* The epoch is a step's. */
void verifier_steps(struct verifier *verifier);
/* The next frame, `message_bytes` long; `ticks` gets the number of its ticks. STATUS_BAD_MESSAGE
 * with a sentence that says which promise was broken. */
enum status verifier_frame(struct verifier *verifier, const struct message *frame,
                           size_t message_bytes, int64_t *ticks, struct error *error) MUST_CHECK;
/* `replay.state` with `ended`. */
enum status verifier_ended(const struct verifier *verifier, const struct message *state,
                           struct error *error) MUST_CHECK;

/* The ticks of the epoch so far. */
int64_t verifier_ticks(const struct verifier *verifier);
/* Where an epoch that is played to its end ends. */
int64_t verifier_end(const struct verifier *verifier);

#endif
