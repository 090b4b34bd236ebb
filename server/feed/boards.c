#include "feed/boards.h"

#include "base/assert.h"

static void told(struct letter *letter)
{
    struct live_operations_listener *listener =
        CONTAINER_OF(letter, struct live_operations_listener, letter);
    struct boards *boards = CONTAINER_OF(listener, struct boards, listener);
    for (struct list *node = boards->watchers.next; node != &boards->watchers; node = node->next) {
        struct board_watcher *watcher = CONTAINER_OF(node, struct board_watcher, node);
        watcher->published(watcher);
    }
}

void boards_init(struct boards *boards, struct live_operations *live, struct inbox *inbox)
{
    *boards = (struct boards){.live = live, .inbox = inbox};
    list_init(&boards->watchers);
}

void boards_deinit(struct boards *boards)
{
    ASSERT(boards->count == 0);
}

void boards_add(struct boards *boards, struct board_watcher *watcher)
{
    list_init(&watcher->node);
    list_append(&boards->watchers, &watcher->node);
    if (boards->count++ == 0)
        live_operations_listen(boards->live, &boards->listener, boards->inbox, told);
}

void boards_remove(struct boards *boards, struct board_watcher *watcher)
{
    ASSERT(boards->count > 0);
    list_remove(&watcher->node);
    if (--boards->count == 0)
        live_operations_leave(boards->live, &boards->listener);
}
