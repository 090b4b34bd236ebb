/*
 * Answers on their way to one client: whole messages, in order, bounded. When it is full the
 * connection stops reading, so a client that asks without listening stalls only itself.
 * Lane's thread.
 */
#ifndef TAPEDECK_FEED_ANSWERS_H
#define TAPEDECK_FEED_ANSWERS_H

#include "base/bytes.h"
#include "base/list.h"

#define ANSWER_BYTES_MAX (16 << 20) /* of one answer: 10 000 symbols are 2 MiB */

struct answers {
    struct list messages;
    size_t count;
    size_t bytes;
    struct buffer *draft; /* the one being written; the lane's, all its clients use it in turn */
};

/* A buffer for answers_init, with the limit of one answer. */
void answers_draft_init(struct buffer *draft);
void answers_init(struct answers *answers, struct buffer *draft);
void answers_deinit(struct answers *answers);
/* An empty buffer to write the next answer to … */
struct buffer *answers_draft(struct answers *answers);
/* … which this then queues. */
void answers_commit(struct answers *answers);
/* Appends the first one to `out` and forgets it; false when there is none. */
bool answers_take(struct answers *answers, struct buffer *out);

#endif
