/*
 * Where the stretches of a load end.
 *
 * The thread that reads the load. Owns the builder. Never holds a row back longer than until the
 * next one shows that its stretch is over.
 */
#include "store/stretch_cutter.h"

#include "base/assert.h"

static bool is_power_of_two(int64_t number)
{
    return number > 0 && (number & (number - 1)) == 0;
}

struct load_progress load_progress_start(const struct tick_load *load)
{
    if (load->interval_us != 0)
        return (struct load_progress){.left = load->range};
    ASSERT(load->grain_us > 0);
    int64_t first_us = load->first_us != 0 ? load->first_us : load->grain_us;
    ASSERT(first_us > 0);
    ASSERT(load->grain_us % first_us == 0);
    ASSERT(is_power_of_two(load->grain_us / first_us));
    return (struct load_progress){.left = load->range, .step_us = first_us};
}

void stretch_cutter_init(struct stretch_cutter *cutter)
{
    *cutter = (struct stretch_cutter){.load = NULL};
    block_builder_init(&cutter->builder);
}

void stretch_cutter_deinit(struct stretch_cutter *cutter)
{
    block_builder_deinit(&cutter->builder);
}

void stretch_cutter_begin(struct stretch_cutter *cutter, struct tick_load *load,
                          struct load_progress *progress)
{
    ASSERT(progress->left.from >= load->range.from);
    ASSERT(progress->left.to <= load->range.to);
    ASSERT(load->backward ? progress->left.from == load->range.from
                          : progress->left.to == load->range.to);
    cutter->load = load;
    cutter->progress = progress;
    block_builder_clear(&cutter->builder, load->backward);
}

/* ---- publishing ---- */

/* What is left, up to `end`. */
static struct time_range part_until(const struct stretch_cutter *cutter, int64_t end)
{
    const struct time_range *left = &cutter->progress->left;
    return cutter->load->backward ? (struct time_range){.from = end, .to = left->to}
                                  : (struct time_range){.from = left->from, .to = end};
}

static void publish(struct stretch_cutter *cutter, struct time_range range, struct block *block)
{
    struct time_range *left = &cutter->progress->left;
    ASSERT(range.from < range.to);
    ASSERT(range.from >= left->from);
    ASSERT(range.to <= left->to);
    /* First: after publish nothing may bring the stretch again. */
    if (cutter->load->backward)
        left->to = range.from;
    else
        left->from = range.to;
    cutter->published_count++;
    cutter->load->publish(cutter->load, range, block);
}

/* The `rows` rows that came first, as the stretch that ends at `end`. */
static void publish_rows(struct stretch_cutter *cutter, size_t rows, int64_t end)
{
    struct load_progress *progress = cutter->progress;
    struct time_range range = part_until(cutter, end);
    struct block *block = block_builder_seal_first(&cutter->builder, rows, range);
    if (progress->step_us < cutter->load->grain_us)
        progress->step_us *= 2;
    cutter->last_instant_row = 0;
    publish(cutter, range, block);
}

/* ---- where stretches end ---- */

static int64_t step_floor(int64_t time, int64_t step_us)
{
    int64_t rest = time % step_us;
    return time - (rest < 0 ? rest + step_us : rest);
}

/* The step that holds `time`, as far as it is left. */
static struct time_range step_around(const struct load_progress *progress, int64_t time)
{
    const struct time_range *left = &progress->left;
    int64_t from = step_floor(time, progress->step_us);
    bool ends_before = left->to - from > progress->step_us;
    return (struct time_range){
        .from = from > left->from ? from : left->from,
        .to = ends_before ? from + progress->step_us : left->to,
    };
}

/* The builder is empty: closes the emptiness before `time` and opens the stretch that holds it. */
static void open_stretch(struct stretch_cutter *cutter, int64_t time)
{
    struct time_range step = step_around(cutter->progress, time);
    bool backward = cutter->load->backward;
    struct time_range empty = part_until(cutter, backward ? step.to : step.from);
    if (empty.from < empty.to)
        publish(cutter, empty, NULL);
    cutter->stretch_end = backward ? step.from : step.to;
    cutter->last_instant_row = 0;
}

static bool is_past_stretch(const struct stretch_cutter *cutter, int64_t time)
{
    return cutter->load->backward ? time < cutter->stretch_end : time >= cutter->stretch_end;
}

/* The builder is full: all of it goes when `time` begins a new instant, else what came before the
 * instant; a builder that holds nothing but this instant grows. */
static enum status make_room(struct stretch_cutter *cutter, int64_t time, struct error *error)
{
    struct block_builder *builder = &cutter->builder;
    bool is_new = time != block_builder_last_time(builder);
    size_t rows = is_new ? builder->rows : cutter->last_instant_row;
    if (rows > 0) {
        publish_rows(cutter, rows, cutter->load->backward ? time + 1 : time);
        return STATUS_OK;
    }
    if (builder->rows < STRETCH_INSTANT_ROWS_MAX)
        return STATUS_OK;
    return error_set(error, STATUS_LIMIT, "%s: more than %zu ticks at %s", cutter->load->symbol,
                     STRETCH_INSTANT_ROWS_MAX, time_format(time).text);
}

/* ---- rows ---- */

enum status stretch_cutter_add(struct stretch_cutter *cutter, const struct tick *tick,
                               struct error *error)
{
    struct block_builder *builder = &cutter->builder;
    const struct time_range *left = &cutter->progress->left;
    if (tick->time < left->from || tick->time >= left->to)
        return error_set(error, STATUS_INTERNAL, "%s: a tick at %s lies outside of what was read",
                         cutter->load->symbol, time_format(tick->time).text);
    if (builder->rows > 0 && is_past_stretch(cutter, tick->time))
        publish_rows(cutter, builder->rows, cutter->stretch_end);
    if (builder->rows >= BLOCK_ROWS_MAX) {
        enum status status = make_room(cutter, tick->time, error);
        if (status != STATUS_OK)
            return status;
    }
    if (builder->rows == 0)
        open_stretch(cutter, tick->time);
    else if (tick->time != block_builder_last_time(builder))
        cutter->last_instant_row = builder->rows;
    if (block_builder_add(builder, tick) != STATUS_OK)
        return error_set(error, STATUS_INTERNAL, "%s: ticks out of order at %s",
                         cutter->load->symbol, time_format(tick->time).text);
    cutter->row_count++;
    return STATUS_OK;
}

void stretch_cutter_finish(struct stretch_cutter *cutter)
{
    const struct time_range *left = &cutter->progress->left;
    if (cutter->builder.rows > 0)
        publish_rows(cutter, cutter->builder.rows, cutter->stretch_end);
    if (left->from < left->to)
        publish(cutter, *left, NULL);
}
