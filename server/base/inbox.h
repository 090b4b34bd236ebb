/*
 * How other threads hand finished work to a lane: a locked list of intrusive letters and a wake
 * function that is called when the inbox stops being empty.
 *
 * The sender owns a letter until `inbox_post`, the inbox until `inbox_drain` runs its `deliver`
 * on the owner's thread. A letter is embedded in a request that its requester allocated, so the
 * inbox is bounded by the requests in flight and posting never allocates.
 * `inbox_post`: any thread. `inbox_drain`: the owner's.
 */
#ifndef TAPEDECK_BASE_INBOX_H
#define TAPEDECK_BASE_INBOX_H

#include "base/list.h"

#include <pthread.h>

struct letter {
    struct list node;
    void (*deliver)(struct letter *letter);
};

typedef void inbox_wake_fn(void *owner);

/* A letter that is not posted anywhere. */
void letter_init(struct letter *letter, void (*deliver)(struct letter *letter));

struct inbox {
    pthread_mutex_t lock;
    struct list letters;
    inbox_wake_fn *wake; /* any thread; must not block */
    void *owner;
};

void inbox_init(struct inbox *inbox, inbox_wake_fn *wake, void *owner);
/* The inbox must be empty: every request has been answered. */
void inbox_deinit(struct inbox *inbox);
/* A letter that is already on its way is not posted twice. */
void inbox_post(struct inbox *inbox, struct letter *letter);
/* Takes back a letter that may or may not have been posted; it will not be delivered. Only on the
 * owner's thread, also from within a `deliver`. */
void inbox_retract(struct inbox *inbox, struct letter *letter);
/* Delivers what is there now, in the order it was posted; returns how many. */
size_t inbox_drain(struct inbox *inbox);

#endif
