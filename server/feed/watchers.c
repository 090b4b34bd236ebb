#include "feed/watchers.h"

#include "base/assert.h"

#include <string.h>

static struct list *bucket_of(struct watchers *watchers, const char *symbol)
{
    return &watchers->buckets[symbol_hash(symbol) % WATCHERS_BUCKETS];
}

static void tell_bucket(struct list *bucket, const struct live_change *change)
{
    for (struct list *node = bucket->next; node != bucket; node = node->next) {
        struct watcher *watcher = CONTAINER_OF(node, struct watcher, node);
        if (change->symbol[0] == '\0' || strcmp(watcher->symbol, change->symbol) == 0)
            watcher->changed(watcher, change);
    }
}

static void told(struct letter *letter)
{
    struct live_listener *listener = CONTAINER_OF(letter, struct live_listener, letter);
    struct watchers *watchers = CONTAINER_OF(listener, struct watchers, listener);
    struct live_change change;
    /* No more than are kept: who publishes faster than we read is heard at the next letter. */
    for (size_t i = 0; i < LIVE_CHANGES_KEPT; i++) {
        if (!live_changes_next(watchers->changes, listener, &change))
            return;
        if (change.symbol[0] != '\0') {
            tell_bucket(bucket_of(watchers, change.symbol), &change);
            continue;
        }
        for (size_t bucket = 0; bucket < WATCHERS_BUCKETS; bucket++)
            tell_bucket(&watchers->buckets[bucket], &change);
    }
    inbox_post(watchers->inbox, &listener->letter);
}

void watchers_init(struct watchers *watchers, struct live_changes *changes, struct inbox *inbox)
{
    *watchers = (struct watchers){.changes = changes, .inbox = inbox};
    for (size_t i = 0; i < WATCHERS_BUCKETS; i++)
        list_init(&watchers->buckets[i]);
}

void watchers_deinit(struct watchers *watchers)
{
    ASSERT(watchers->count == 0);
}

void watchers_add(struct watchers *watchers, struct watcher *watcher)
{
    list_init(&watcher->node);
    list_append(bucket_of(watchers, watcher->symbol), &watcher->node);
    if (watchers->count++ == 0 && watchers->changes != NULL)
        live_changes_listen(watchers->changes, &watchers->listener, watchers->inbox, told);
}

void watchers_remove(struct watchers *watchers, struct watcher *watcher)
{
    ASSERT(watchers->count > 0);
    list_remove(&watcher->node);
    if (--watchers->count == 0 && watchers->changes != NULL)
        live_changes_leave(watchers->changes, &watchers->listener);
}
