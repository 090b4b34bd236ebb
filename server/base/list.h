/*
 * Intrusive doubly linked list: a node lives inside its object, so linking never allocates.
 * An initialised node is its own list of none; `list_remove` of an unlinked node is harmless.
 * Owner's thread only.
 */
#ifndef TAPEDECK_BASE_LIST_H
#define TAPEDECK_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *next;
    struct list *previous;
};

#define CONTAINER_OF(pointer, type, member)                                                        \
    ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

static inline void list_init(struct list *list)
{
    list->next = list;
    list->previous = list;
}

static inline bool list_is_empty(const struct list *list)
{
    return list->next == list;
}

/* Puts `node` before `before`: with a list's head as `before`, at its end. */
static inline void list_insert_before(struct list *before, struct list *node)
{
    node->previous = before->previous;
    node->next = before;
    before->previous->next = node;
    before->previous = node;
}

static inline void list_append(struct list *head, struct list *node)
{
    list_insert_before(head, node);
}

static inline void list_prepend(struct list *head, struct list *node)
{
    list_insert_before(head->next, node);
}

static inline void list_remove(struct list *node)
{
    node->previous->next = node->next;
    node->next->previous = node->previous;
    list_init(node);
}

/* The first node, unlinked, or NULL. */
static inline struct list *list_take_first(struct list *head)
{
    if (list_is_empty(head))
        return NULL;
    struct list *node = head->next;
    list_remove(node);
    return node;
}

#endif
