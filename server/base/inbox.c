#include "base/inbox.h"

#include "base/assert.h"

void letter_init(struct letter *letter, void (*deliver)(struct letter *letter))
{
    list_init(&letter->node);
    letter->deliver = deliver;
}

void inbox_init(struct inbox *inbox, inbox_wake_fn *wake, void *owner)
{
    pthread_mutex_init(&inbox->lock, NULL);
    list_init(&inbox->letters);
    inbox->wake = wake;
    inbox->owner = owner;
}

void inbox_deinit(struct inbox *inbox)
{
    ASSERT(list_is_empty(&inbox->letters));
    pthread_mutex_destroy(&inbox->lock);
}

void inbox_post(struct inbox *inbox, struct letter *letter)
{
    pthread_mutex_lock(&inbox->lock);
    if (list_is_empty(&letter->node)) {
        bool was_empty = list_is_empty(&inbox->letters);
        list_append(&inbox->letters, &letter->node);
        /* Under the lock: the owner may not go away between the post and its wake. */
        if (was_empty)
            inbox->wake(inbox->owner);
    }
    pthread_mutex_unlock(&inbox->lock);
}

void inbox_retract(struct inbox *inbox, struct letter *letter)
{
    pthread_mutex_lock(&inbox->lock);
    list_remove(&letter->node);
    pthread_mutex_unlock(&inbox->lock);
}

static struct letter *take_first(struct inbox *inbox, struct list *letters)
{
    pthread_mutex_lock(&inbox->lock);
    struct list *node = list_take_first(letters);
    pthread_mutex_unlock(&inbox->lock);
    return node != NULL ? CONTAINER_OF(node, struct letter, node) : NULL;
}

size_t inbox_drain(struct inbox *inbox)
{
    /* What is posted meanwhile waits for the next turn, so that one turn has an end. */
    struct list turn;
    list_init(&turn);
    pthread_mutex_lock(&inbox->lock);
    struct list *node;
    while ((node = list_take_first(&inbox->letters)) != NULL)
        list_append(&turn, node);
    pthread_mutex_unlock(&inbox->lock);

    size_t count = 0;
    struct letter *letter;
    while ((letter = take_first(inbox, &turn)) != NULL) {
        letter->deliver(letter);
        count++;
    }
    return count;
}
