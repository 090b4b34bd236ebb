#include "base/inbox.h"

#include "base/assert.h"

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
    bool was_empty = list_is_empty(&inbox->letters);
    list_append(&inbox->letters, &letter->node);
    /* Under the lock: the owner may not go away between the post and its wake. */
    if (was_empty)
        inbox->wake(inbox->owner);
    pthread_mutex_unlock(&inbox->lock);
}

size_t inbox_drain(struct inbox *inbox)
{
    struct list taken;
    list_init(&taken);
    pthread_mutex_lock(&inbox->lock);
    struct list *node;
    while ((node = list_take_first(&inbox->letters)) != NULL)
        list_append(&taken, node);
    pthread_mutex_unlock(&inbox->lock);

    size_t count = 0;
    while ((node = list_take_first(&taken)) != NULL) {
        struct letter *letter = CONTAINER_OF(node, struct letter, node);
        letter->deliver(letter);
        count++;
    }
    return count;
}
