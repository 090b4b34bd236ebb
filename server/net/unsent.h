/*
 * What the clients of one lane have not taken: libwebsockets holds the rest of the last message
 * until the socket drains, and answers wait behind it. Each client is bounded by itself; this
 * bounds all of them together. Over the bound, whoever has not taken everything for the longest
 * time has to go. Lane's thread; the counters are read by others.
 */
#ifndef TAPEDECK_NET_UNSENT_H
#define TAPEDECK_NET_UNSENT_H

#include "base/counter.h"
#include "base/list.h"

#include <stdbool.h>
#include <stddef.h>

/* Of one client. */
struct unsent_part {
    struct list node;
    size_t bytes; /* 0: it has taken everything */
};

struct unsent {
    struct list parts; /* with bytes, the oldest first */
    size_t bytes_max;
    struct counter count;
    struct counter bytes;
};

void unsent_init(struct unsent *unsent, size_t bytes_max);
void unsent_part_init(struct unsent_part *part);
/* So many bytes it is now. A part is as old as the last time it was 0. */
void unsent_set(struct unsent *unsent, struct unsent_part *part, size_t bytes);
/* Not much room is left: nobody new should be taken. */
bool unsent_is_crowded(const struct unsent *unsent);
/* The oldest part while there is too much; NULL: there is not. */
struct unsent_part *unsent_excess(struct unsent *unsent);

#endif
