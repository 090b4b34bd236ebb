#include "net/unsent.h"

void unsent_init(struct unsent *unsent, size_t bytes_max)
{
    *unsent = (struct unsent){.bytes_max = bytes_max};
    list_init(&unsent->parts);
}

void unsent_part_init(struct unsent_part *part)
{
    part->bytes = 0;
    list_init(&part->node);
}

void unsent_set(struct unsent *unsent, struct unsent_part *part, size_t bytes)
{
    if (part->bytes == 0 && bytes > 0) {
        list_append(&unsent->parts, &part->node);
        counter_add(&unsent->count, 1);
    } else if (part->bytes > 0 && bytes == 0) {
        list_remove(&part->node);
        counter_subtract(&unsent->count, 1);
    }
    counter_add(&unsent->bytes, bytes);
    counter_subtract(&unsent->bytes, part->bytes);
    part->bytes = bytes;
}

bool unsent_is_crowded(const struct unsent *unsent)
{
    return counter_read(&unsent->bytes) > unsent->bytes_max - unsent->bytes_max / 8;
}

struct unsent_part *unsent_excess(struct unsent *unsent)
{
    if (counter_read(&unsent->bytes) <= unsent->bytes_max)
        return NULL;
    return CONTAINER_OF(unsent->parts.next, struct unsent_part, node);
}
