#include "base/list.h"

#include <criterion/criterion.h>

struct item {
    int number;
    struct list node;
};

static int number_of(struct list *node)
{
    return CONTAINER_OF(node, struct item, node)->number;
}

Test(list, keeps_the_order_of_appending_and_prepending)
{
    struct list head;
    struct item items[4] = {{.number = 0}, {.number = 1}, {.number = 2}, {.number = 3}};
    list_init(&head);
    list_append(&head, &items[1].node);
    list_append(&head, &items[3].node);
    list_prepend(&head, &items[0].node);
    list_insert_before(&items[3].node, &items[2].node);
    for (int i = 0; i < 4; i++)
        cr_assert(number_of(list_take_first(&head)) == i, "%d", i);
    cr_assert(list_take_first(&head) == NULL);
}

Test(list, is_empty_until_something_is_in_it_and_after_it_left)
{
    struct list head;
    struct item item = {.number = 1};
    list_init(&head);
    cr_assert(list_is_empty(&head));
    list_append(&head, &item.node);
    cr_assert(!list_is_empty(&head));
    list_remove(&item.node);
    cr_assert(list_is_empty(&head));
}

Test(list, removing_twice_is_harmless)
{
    struct list head;
    struct item items[2] = {{.number = 0}, {.number = 1}};
    list_init(&head);
    list_append(&head, &items[0].node);
    list_append(&head, &items[1].node);
    list_remove(&items[0].node);
    list_remove(&items[0].node);
    cr_assert(number_of(list_take_first(&head)) == 1);
    cr_assert(list_is_empty(&head));
}
