/*
 * How far a load has come.
 *
 * The thread that reads the load; counts are read by any.
 */
#include "store/load_progress.h"

#include "base/assert.h"

static bool is_power_of_two(int64_t number)
{
    return number > 0 && (number & (number - 1)) == 0;
}

struct load_progress load_progress_start(const struct tick_load *load, struct load_counts *counts)
{
    struct load_progress progress = {.left = load->range, .counts = counts};
    if (load->interval_us != 0)
        return progress;
    ASSERT(load->grain_us > 0);
    progress.step_us = load->first_us != 0 ? load->first_us : load->grain_us;
    ASSERT(progress.step_us > 0);
    ASSERT(load->grain_us % progress.step_us == 0);
    ASSERT(is_power_of_two(load->grain_us / progress.step_us));
    return progress;
}

void load_progress_check(const struct load_progress *progress, const struct tick_load *load)
{
    const struct time_range *left = &progress->left;
    ASSERT(left->from >= load->range.from);
    ASSERT(left->to <= load->range.to);
    ASSERT(load->backward ? left->from == load->range.from : left->to == load->range.to);
}

struct time_range load_progress_until(const struct load_progress *progress,
                                      const struct tick_load *load, int64_t end)
{
    const struct time_range *left = &progress->left;
    return load->backward ? (struct time_range){.from = end, .to = left->to}
                          : (struct time_range){.from = left->from, .to = end};
}

void load_progress_publish(struct load_progress *progress, struct tick_load *load,
                           struct time_range range, struct block *block)
{
    struct time_range *left = &progress->left;
    ASSERT(range.from < range.to);
    ASSERT(load->backward ? range.to == left->to : range.from == left->from);
    ASSERT(range.from >= left->from);
    ASSERT(range.to <= left->to);
    if (load->backward)
        left->to = range.from;
    else
        left->from = range.to;
    atomic_fetch_add(&progress->counts->stretches, 1);
    atomic_fetch_add(&progress->counts->rows, block != NULL ? block->rows : 0);
    load->publish(load, range, block);
}
