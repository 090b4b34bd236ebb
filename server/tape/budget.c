#include "tape/budget.h"

#include "base/assert.h"

#define PROTECTED_SHARE_NUMERATOR 4
#define PROTECTED_SHARE_DENOMINATOR 5
/* Pinned segments passed over in one search. Each viewer pins a few; a search that meets this
 * many in a row gives up until the next block comes. */
#define VICTIM_SEARCH_MAX 256

static size_t cost(const struct segment *segment)
{
    return sizeof *segment + (segment->block != NULL ? segment->block->bytes : 0);
}

void budget_init(struct budget *budget, size_t bytes_max)
{
    *budget = (struct budget){.bytes_max = bytes_max};
    list_init(&budget->probation);
    list_init(&budget->protected);
}

static void count_in(struct tape_counts *counts, const struct segment *segment)
{
    counts->bytes += cost(segment);
    counts->blocks += segment->block != NULL;
    counts->empties += segment->block == NULL;
}

static void count_out(struct tape_counts *counts, const struct segment *segment)
{
    ASSERT(counts->bytes >= cost(segment));
    counts->bytes -= cost(segment);
    counts->blocks -= segment->block != NULL;
    counts->empties -= segment->block == NULL;
}

void budget_enter(struct budget *budget, struct segment *segment)
{
    count_in(&budget->counts, segment);
    count_in(&segment->track->counts, segment);
    list_prepend(&budget->probation, &segment->use);
}

void budget_leave(struct budget *budget, struct segment *segment)
{
    count_out(&budget->counts, segment);
    count_out(&segment->track->counts, segment);
    if (segment->is_protected)
        budget->protected_bytes -= cost(segment);
    list_remove(&segment->use);
}

static void demote_overflow(struct budget *budget)
{
    size_t most = budget->bytes_max / PROTECTED_SHARE_DENOMINATOR * PROTECTED_SHARE_NUMERATOR;
    while (budget->protected_bytes > most) {
        struct segment *least = CONTAINER_OF(budget->protected.previous, struct segment, use);
        least->is_protected = false;
        budget->protected_bytes -= cost(least);
        list_remove(&least->use);
        list_prepend(&budget->probation, &least->use);
    }
}

void budget_visit(struct budget *budget, struct segment *segment)
{
    segment->visits++;
    list_remove(&segment->use);
    if (segment->visits < 2) {
        list_prepend(&budget->probation, &segment->use);
        return;
    }
    if (!segment->is_protected) {
        segment->is_protected = true;
        budget->protected_bytes += cost(segment);
    }
    list_prepend(&budget->protected, &segment->use);
    demote_overflow(budget);
}

static bool is_pinned(const struct segment *segment)
{
    return segment->block != NULL && atomic_load(&segment->block->references) > 1;
}

static struct segment *least_unpinned(struct list *uses)
{
    size_t passed = 0;
    for (struct list *node = uses->previous; node != uses && passed < VICTIM_SEARCH_MAX;
         node = node->previous, passed++) {
        struct segment *segment = CONTAINER_OF(node, struct segment, use);
        if (!is_pinned(segment))
            return segment;
    }
    return NULL;
}

bool budget_is_exceeded(const struct budget *budget)
{
    return budget->counts.bytes > budget->bytes_max;
}

struct segment *budget_victim(struct budget *budget)
{
    if (!budget_is_exceeded(budget))
        return NULL;
    struct segment *victim = least_unpinned(&budget->probation);
    if (victim == NULL)
        victim = least_unpinned(&budget->protected);
    if (victim == NULL)
        return NULL;
    budget->counts.evictions++;
    victim->track->counts.evictions++;
    return victim;
}
