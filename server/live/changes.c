#include "live/changes.h"

#include "base/assert.h"
#include "base/mem.h"

#include <string.h>

/* A change of more symbols than this is one of all: it must not push everything else out. */
#define SYMBOLS_MOST (LIVE_CHANGES_KEPT / 4)

struct live_changes {
    pthread_mutex_t lock;
    struct list listeners;
    live_watched_fn *watched; /* NULL: nobody wants to know whether anybody listens */
    void *watched_owner;
    uint64_t count; /* ever published; change n is in ring[n % LIVE_CHANGES_KEPT] */
    struct live_change ring[LIVE_CHANGES_KEPT];
};

struct live_changes *live_changes_create(void)
{
    struct live_changes *changes = MEM_NEW(struct live_changes);
    pthread_mutex_init(&changes->lock, NULL);
    list_init(&changes->listeners);
    return changes;
}

void live_changes_destroy(struct live_changes **changes)
{
    struct live_changes *gone = *changes;
    *changes = NULL;
    ASSERT(list_is_empty(&gone->listeners));
    pthread_mutex_destroy(&gone->lock);
    mem_free(gone);
}

static void add(struct live_changes *changes, const char *symbol, struct time_range range,
                bool is_of_list)
{
    struct live_change *change = &changes->ring[changes->count++ % LIVE_CHANGES_KEPT];
    *change = (struct live_change){.range = range, .is_of_list = is_of_list};
    ASSERT(strlen(symbol) < sizeof change->symbol);
    strcpy(change->symbol, symbol);
}

static void tell_all(struct live_changes *changes)
{
    for (struct list *node = changes->listeners.next; node != &changes->listeners;
         node = node->next) {
        struct live_listener *listener = CONTAINER_OF(node, struct live_listener, node);
        inbox_post(listener->inbox, &listener->letter);
    }
}

void live_changes_publish(struct live_changes *changes, const char *const *symbols,
                          size_t symbol_count, struct time_range range)
{
    pthread_mutex_lock(&changes->lock);
    if (symbol_count == 0 || symbol_count > SYMBOLS_MOST)
        add(changes, "", range, false);
    else
        for (size_t i = 0; i < symbol_count; i++)
            add(changes, symbols[i], range, false);
    tell_all(changes);
    pthread_mutex_unlock(&changes->lock);
}

void live_changes_publish_listed(struct live_changes *changes, const char *symbol,
                                 struct time_range range)
{
    pthread_mutex_lock(&changes->lock);
    add(changes, symbol, range, true);
    tell_all(changes);
    pthread_mutex_unlock(&changes->lock);
}

/* Under the lock. */
static void tell_watched(struct live_changes *changes)
{
    if (changes->watched != NULL)
        changes->watched(changes->watched_owner, !list_is_empty(&changes->listeners));
}

void live_changes_on_watch(struct live_changes *changes, live_watched_fn *watched, void *owner)
{
    pthread_mutex_lock(&changes->lock);
    changes->watched = watched;
    changes->watched_owner = owner;
    tell_watched(changes);
    pthread_mutex_unlock(&changes->lock);
}

void live_changes_listen(struct live_changes *changes, struct live_listener *listener,
                         struct inbox *inbox, void (*deliver)(struct letter *letter))
{
    letter_init(&listener->letter, deliver);
    listener->inbox = inbox;
    pthread_mutex_lock(&changes->lock);
    listener->next = changes->count;
    bool is_first = list_is_empty(&changes->listeners);
    list_init(&listener->node);
    list_append(&changes->listeners, &listener->node);
    if (is_first)
        tell_watched(changes);
    pthread_mutex_unlock(&changes->lock);
}

void live_changes_leave(struct live_changes *changes, struct live_listener *listener)
{
    pthread_mutex_lock(&changes->lock);
    list_remove(&listener->node);
    if (list_is_empty(&changes->listeners))
        tell_watched(changes);
    pthread_mutex_unlock(&changes->lock);
    inbox_retract(listener->inbox, &listener->letter);
}

bool live_changes_next(struct live_changes *changes, struct live_listener *listener,
                       struct live_change *change)
{
    pthread_mutex_lock(&changes->lock);
    bool is_there = listener->next < changes->count;
    if (changes->count - listener->next > LIVE_CHANGES_KEPT) {
        *change = (struct live_change){.range = {.from = TIME_MIN, .to = TIME_MAX + 1}};
        listener->next = changes->count;
    } else if (is_there) {
        *change = changes->ring[listener->next++ % LIVE_CHANGES_KEPT];
    }
    pthread_mutex_unlock(&changes->lock);
    return is_there;
}
