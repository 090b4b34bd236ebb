/*
 * What ready segments cost, and which of them goes first: segmented LRU (see tape.h). Guarded by
 * the tape's lock.
 *
 *   new ──▶ [ probation: most … least recent ] ──▶ evicted
 *              │ visited again        ▲ pushed out
 *              ▼                      │
 *           [ protected: most … least recent ]   ≤ 4/5 of the budget
 */
#ifndef TAPEDECK_TAPE_BUDGET_H
#define TAPEDECK_TAPE_BUDGET_H

#include "tape/track.h"

struct budget {
    size_t bytes_max;
    size_t protected_bytes;
    struct tape_counts counts; /* of all tracks together */
    struct list probation;     /* most recently used first */
    struct list protected;
};

void budget_init(struct budget *budget, size_t bytes_max);
/* A segment became ready, or changed owner of bytes: enters on probation. */
void budget_enter(struct budget *budget, struct segment *segment);
/* A ready segment is about to be removed. */
void budget_leave(struct budget *budget, struct segment *segment);
/* A viewer pinned it. */
void budget_visit(struct budget *budget, struct segment *segment);
/* The next segment to evict, NULL while within the budget or when all the rest is pinned. */
struct segment *budget_victim(struct budget *budget);
bool budget_is_exceeded(const struct budget *budget);

#endif
